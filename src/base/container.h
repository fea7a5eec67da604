// src/base/container.h: the frame of a .udnn file: named sections of bytes, and nothing that is not accounted for.
//
//   offset    bytes
//   0         8    magic  89 "UDNN" 0d 0a 1a
//   8         4    byte order  0x01020304
//   12        4    version  1
//   16        8    length of the file
//   24        4    number of sections
//   28        4    length of the table
//   32             table: for each section  4 length of the name, name, 8 offset, 8 length, 4 CRC-32C of its bytes
//                  4 CRC-32C of everything before
//                  zeros to the next multiple of 64
//                  the sections in the order of the table, each at the next multiple of 64, zeros between them
//   end - 12  4    CRC-32C of everything before
//   end - 8   8    magic  "UDNNend" 0a
//
// All integers little-endian. Equal sections give equal bytes: no time, host, path or size of a machine is in them. The
// reader recomputes where each section must lie, so holes, overlaps, bytes after the end and every other file are
// refused; a flipped bit or a missing tail is found before a byte is handed out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "udnn/status.h"

namespace udnn::base {

/// Bytes are somebody else's. Names: 1 to 255 bytes, each once.
struct Section {
  std::string name;
  std::span<const std::byte> bytes;
};

/// A file that has been verified, with its sections as views into it.
class Container {
 public:
  static constexpr std::uint32_t kVersion = 1;
  static constexpr std::size_t kAlignment = 64;                          ///< bytes, of each section in the file
  static constexpr std::size_t kMaxTableBytes = std::size_t{16} << 20U;  ///< so that nothing large is believed unseen

  /// Verifies `file`; `name` begins every refusal. Errors: kInvalidArgument (offset, found, expected); kUnsupported for
  /// a file of a later version.
  static Result<Container> parse(std::vector<std::byte> file, std::string name);

  Container(Container&&) noexcept = default;
  Container& operator=(Container&&) noexcept = default;
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  const std::string& name() const noexcept { return name_; }
  std::span<const Section> sections() const noexcept { return sections_; }

  /// Errors: kInvalidArgument, naming the file and the section.
  Result<std::span<const std::byte>> section(std::string_view section_name) const;

  /// "m.udnn: offset 192: section 'header'": how a refusal of what stands in it begins.
  std::string place(std::string_view section_name) const;

 private:
  Container(std::vector<std::byte> file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}

  std::vector<std::byte> file_;  // moving it does not move its bytes
  std::string name_;
  std::vector<Section> sections_;
};

/// Written whole or not at all (atomic_file.h). Errors: kInvalidArgument (names), kIoError.
Status write_container(const std::string& path, std::span<const Section> sections);

/// Errors: those of read_file() and Container::parse().
Result<Container> read_container(const std::string& path);

}  // namespace udnn::base
