#include "src/data/byte_stream.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <zlib.h>

#include "src/base/checked.h"
#include "src/base/file.h"
#include "src/base/refusal.h"

namespace udnn::data {

namespace {

constexpr std::uint64_t kMostExpansion = 1032;
constexpr std::size_t kPieceBytes = std::size_t{64} << 10U;
constexpr int kPlain = 0;         // window_bits of a Source; the other two are zlib's
constexpr int kGzip = 15 + 16;    // a gzip header, and its CRC-32 and length at the end
constexpr int kRawDeflate = -15;  // as in a zip
constexpr std::array kGzipMagic{std::byte{0x1f}, std::byte{0x8b}};

struct CloseFile {
  void operator()(std::FILE* file) const noexcept { static_cast<void>(std::fclose(file)); }  // it was only read
};

}  // namespace

// Where bytes come from: `file`, or else `memory`. z.next_in walks through piece, or through memory.
struct ByteStream::Source {
  std::string name;
  std::unique_ptr<std::FILE, CloseFile> file;
  std::span<const std::byte> memory;  // what has not been read of it
  std::uint64_t stored_bytes = 0;     // all of them, as they lie there
  std::uint64_t stored_read = 0;
  std::uint64_t offset = 0;
  std::optional<Member> member;  // and the CRC-32 of what has been read of it
  std::uint32_t crc = 0;
  int window_bits = kPlain;
  bool inflating = false;  // z wants inflateEnd
  bool ended = false;      // the packed data have said that they are complete
  z_stream z{};
  std::vector<std::byte> piece;

  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() {
    if (inflating) inflateEnd(&z);
  }

  Status start(int bits) {
    window_bits = bits;
    if (bits == kPlain) return {};
    inflating = inflateInit2(&z, bits) == Z_OK;
    if (!inflating) return {StatusCode::kOutOfMemory, fmt::format("{}: no memory to unpack it", name)};
    return {};
  }

  /// Stored bytes, as many as there are.
  Result<std::size_t> take(std::span<std::byte> to) {
    std::size_t got = 0;
    if (file != nullptr) {
      got = std::fread(to.data(), 1, to.size(), file.get());
      if (got < to.size() && std::ferror(file.get()) != 0) return base::io_error(name, "cannot be read");
    } else {
      got = std::min(to.size(), memory.size());
      std::copy_n(memory.begin(), got, to.begin());
      memory = memory.subspan(got);
    }
    stored_read += got;
    return got;
  }

  std::uint64_t packed_offset() const noexcept { return stored_read - z.avail_in; }

  Result<std::size_t> unpack(std::span<std::byte> to) {
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    std::size_t got = 0;
    while (got < to.size() && !ended) {
      if (z.avail_in == 0) {
        piece.resize(kPieceBytes);
        const auto more = take(piece);
        if (!more) return more.error();
        z.next_in = reinterpret_cast<Bytef*>(piece.data());
        z.avail_in = static_cast<uInt>(*more);
      }
      const auto room = static_cast<uInt>(std::min(to.size() - got, kMost));
      z.next_out = reinterpret_cast<Bytef*>(to.data() + got);
      z.avail_out = room;
      const bool starved = z.avail_in == 0;
      const int result = inflate(&z, Z_NO_FLUSH);
      got += room - z.avail_out;
      if (result == Z_STREAM_END) {
        ended = true;
        const std::uint64_t behind = stored_bytes - std::min(stored_bytes, packed_offset());
        if (behind != 0)
          return base::invalid("{}: packed offset {}: {} bytes after the compressed data, expected the end", name,
                               packed_offset(), behind);
      } else if (starved && z.avail_out == room) {
        return base::invalid("{}: packed offset {}: the compressed data end here, expected more", name,
                             packed_offset());
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        return base::invalid("{}: packed offset {}: {}, expected compressed data without a fault", name,
                             packed_offset(), z.msg == nullptr ? "fault" : z.msg);
      }
    }
    return got;
  }
};

Result<ByteStream> ByteStream::open(const std::string& path) {
  std::error_code failed;
  if (std::filesystem::exists(path, failed) && !std::filesystem::is_regular_file(path, failed))
    return base::invalid("{}: not a regular file", path);
  auto source = std::make_unique<Source>();
  source->name = path;
  source->file.reset(std::fopen(path.c_str(), "rb"));
  if (source->file == nullptr) return base::io_error(path, "cannot be opened");
  source->stored_bytes = std::filesystem::file_size(path, failed);
  if (failed) return base::io_error(path, "cannot be measured", failed.value());

  std::array<std::byte, 2> magic{};
  const bool packed =
      std::fread(magic.data(), 1, magic.size(), source->file.get()) == magic.size() && magic == kGzipMagic;
  std::rewind(source->file.get());
  if (Status status = source->start(packed ? kGzip : kPlain); !status.ok()) return status;
  return ByteStream(std::move(source));
}

Result<ByteStream> ByteStream::open(const Member& member, std::string name) {
  constexpr std::uint64_t kUnbounded = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t stored_bytes = member.bytes.size();
  const std::uint64_t most =
      member.deflated ? base::checked_mul(stored_bytes, kMostExpansion).value_or(kUnbounded) : stored_bytes;
  if (member.deflated ? member.size > most : member.size != most)
    return base::invalid("{}: {} bytes from {} stored ones, expected {}{}", name, member.size, stored_bytes,
                         member.deflated ? "at most " : "", most);
  auto source = std::make_unique<Source>();
  source->name = std::move(name);
  source->memory = member.bytes;
  source->stored_bytes = stored_bytes;
  source->member = member;
  if (Status status = source->start(member.deflated ? kRawDeflate : kPlain); !status.ok()) return status;
  return ByteStream(std::move(source));
}

const std::string& ByteStream::name() const noexcept { return source_->name; }
std::uint64_t ByteStream::offset() const noexcept { return source_->offset; }
bool ByteStream::knows_size() const noexcept { return source_->member.has_value() || source_->window_bits == kPlain; }

std::uint64_t ByteStream::at_most() const noexcept {
  constexpr std::uint64_t kUnbounded = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t all = source_->member ? source_->member->size
                            : knows_size()
                                ? source_->stored_bytes
                                : base::checked_mul(source_->stored_bytes, kMostExpansion).value_or(kUnbounded);
  return all - std::min(all, source_->offset);
}

Result<std::size_t> ByteStream::read_some(std::span<std::byte> to) {
  auto got = source_->window_bits == kPlain ? source_->take(to) : source_->unpack(to);
  if (!got) return got;
  source_->offset += *got;
  if (source_->member && *got != 0)  // zlib takes a null pointer for the wish to begin anew
    source_->crc = static_cast<std::uint32_t>(crc32_z(source_->crc, reinterpret_cast<const Bytef*>(to.data()), *got));
  return got;
}

Status ByteStream::read(std::span<std::byte> to, std::string_view field) {
  const std::uint64_t begin = offset();
  const auto got = read_some(to);
  if (!got) return got.error();
  if (*got == to.size()) return {};
  return base::invalid("{}: offset {}: {} byte{} left, expected {} ({})", name(), begin, *got, *got == 1 ? "" : "s",
                       to.size(), field);
}

Status ByteStream::expect_end() {
  std::array<std::byte, 1> one{};
  const std::uint64_t begin = offset();
  const auto got = read_some(one);
  if (!got) return got.error();
  if (*got != 0) return base::invalid("{}: offset {}: more bytes, expected the end", name(), begin);
  if (source_->member && source_->offset != source_->member->size)
    return base::invalid("{}: offset {}: the end, expected {} bytes", name(), begin, source_->member->size);
  if (source_->member && source_->crc != source_->member->crc32)
    return base::invalid("{}: CRC-32 {:08x}, expected {:08x}", name(), source_->crc, source_->member->crc32);
  return {};
}

ByteStream::ByteStream(std::unique_ptr<Source> source) noexcept : source_(std::move(source)) {}
ByteStream::ByteStream(ByteStream&&) noexcept = default;
ByteStream& ByteStream::operator=(ByteStream&&) noexcept = default;
ByteStream::~ByteStream() = default;

}  // namespace udnn::data
