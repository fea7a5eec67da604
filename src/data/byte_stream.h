// src/data/byte_stream.h: bytes that come one after the other, from a file or from memory, packed or not.
//
// Offsets count unpacked bytes. Deflate cannot make more than 1032 bytes of one (zlib's documentation, "Maximum
// Compression Factor"), so at_most() bounds what a header may announce before room is made for it; whoever fills that
// room then finds out whether the bytes really come. The working memory is 64 KiB of packed bytes and zlib's window.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "udnn/status.h"

namespace udnn::data {

class ByteStream {
 public:
  /// A regular file; gzip is recognised by its first two bytes, whatever the name. Errors: kIoError, kInvalidArgument.
  static Result<ByteStream> open(const std::string& path);

  /// A member of an archive: `bytes` of somebody else, as they are or as a raw deflate stream, which give `size` bytes
  /// with this CRC-32; expect_end() checks both. `name` begins every refusal. Errors: kInvalidArgument (`size` cannot
  /// be).
  struct Member {
    std::span<const std::byte> bytes;
    bool deflated = false;
    std::uint64_t size = 0;
    std::uint32_t crc32 = 0;
  };
  static Result<ByteStream> open(const Member& member, std::string name);

  const std::string& name() const noexcept;
  std::uint64_t offset() const noexcept;
  bool knows_size() const noexcept;  ///< at_most() is exact

  /// How many bytes can still come: exact where nothing is packed and for members, else a bound.
  std::uint64_t at_most() const noexcept;

  /// Fills `to`, or stops where the bytes end; says how many came. Checks the sums of packed data at their end.
  Result<std::size_t> read_some(std::span<std::byte> to);

  /// Fills `to`. Fewer bytes: "NAME: offset 16: 783 bytes left, expected 784 (pixels)".
  Status read(std::span<std::byte> to, std::string_view field);

  /// "NAME: offset 7840016: more bytes, expected the end"
  Status expect_end();

  ByteStream(ByteStream&&) noexcept;
  ByteStream& operator=(ByteStream&&) noexcept;
  ~ByteStream();

 private:
  struct Source;
  explicit ByteStream(std::unique_ptr<Source> source) noexcept;

  std::unique_ptr<Source> source_;
};

}  // namespace udnn::data
