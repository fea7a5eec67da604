#include "src/base/container.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include "src/base/atomic_file.h"
#include "src/base/byte_reader.h"
#include "src/base/byte_writer.h"
#include "src/base/checked.h"
#include "src/base/crc32c.h"
#include "src/base/file.h"
#include "src/base/refusal.h"

namespace udnn::base {

namespace {

// As PNG's: a byte that no text has, and line ends that a transfer as text would change.
constexpr std::string_view kMagic("\x89UDNN\r\n\x1a", 8);
constexpr std::string_view kEndMagic("UDNNend\n", 8);
constexpr std::uint32_t kByteOrder = 0x01020304;
constexpr std::size_t kFixedBytes = 32;    // before the table
constexpr std::size_t kCheckBytes = 4;     // one CRC-32C
constexpr std::size_t kTrailerBytes = 12;  // the last one, and the magic
constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMinEntryBytes = 4 + 1 + 8 + 8 + 4;

std::size_t padding(std::size_t offset) noexcept {
  const std::size_t over = offset % Container::kAlignment;
  return over == 0 ? 0 : Container::kAlignment - over;
}

// "89 55 44 4e": bytes for people.
std::string hexadecimal(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes)
    fmt::format_to(std::back_inserter(text), "{}{:02x}", text.empty() ? "" : " ", static_cast<unsigned char>(byte));
  return text;
}

// Rows of the table, before they are believed.
struct Entry {
  std::size_t at;  // in the file
  std::string name;
  std::size_t offset;
  std::size_t length;
  std::uint32_t crc;
};

class Parser {
 public:
  Parser(std::span<const std::byte> file, const std::string& name) : file_(file), reader_(file, name) {}

  Result<std::vector<Section>> run() {
    for (const auto step :
         {&Parser::fixed_part, &Parser::table, &Parser::trailer, &Parser::payload, &Parser::whole_file})
      if (Status status = (this->*step)(); !status.ok()) return status;
    return std::move(sections_);
  }

 private:
  // What decides whether the rest may be read at all, in the order in which people can do something about it.
  Status fixed_part() {
    const auto magic = reader_.text(kMagic.size(), "magic");
    if (!magic) return magic.error();
    if (*magic != kMagic)
      return reader_.refuse(0, "{}, expected {} (the magic of a .udnn file)", hexadecimal(*magic), hexadecimal(kMagic));
    const auto order = reader_.little<std::uint32_t>("byte order");
    if (!order) return order.error();
    if (*order != kByteOrder) return reader_.refuse(8, "byte order {:08x}, expected {:08x}", *order, kByteOrder);
    const auto version = reader_.little<std::uint32_t>("version");
    if (!version) return version.error();
    if (*version == 0) return reader_.refuse(12, "version 0, expected {}", Container::kVersion);
    if (*version > Container::kVersion)
      return refusal(StatusCode::kUnsupported,
                     "{}: offset 12: version {}, expected at most {} (written by a later uDNN)", reader_.name(),
                     *version, Container::kVersion);
    const auto length = reader_.little<std::uint64_t>("length of the file");
    if (!length) return length.error();
    if (file_.size() < *length) return reader_.refuse(file_.size(), "end of the file, expected at {}", *length);
    if (file_.size() > *length)
      return reader_.refuse(static_cast<std::size_t>(*length), "{} more, expected the end of the file",
                            counted_bytes(file_.size() - static_cast<std::size_t>(*length)));
    const auto count = reader_.little<std::uint32_t>("number of sections");
    if (!count) return count.error();
    const auto table_bytes = reader_.little<std::uint32_t>("length of the table");
    if (!table_bytes) return table_bytes.error();
    const std::size_t most = std::min(Container::kMaxTableBytes, reader_.remaining());
    if (*table_bytes > most) return reader_.refuse(28, "table of {} bytes, expected at most {}", *table_bytes, most);
    if (*count > *table_bytes / kMinEntryBytes)
      return reader_.refuse(24, "{} sections, expected at most the {} that fit into the table", *count,
                            *table_bytes / kMinEntryBytes);
    count_ = *count;
    table_end_ = kFixedBytes + *table_bytes;
    return {};
  }

  Status table() {
    ByteReader check(file_, reader_.name());
    if (Status status = check.seek(table_end_, "check sum of the table"); !status.ok()) return status;
    const auto crc = check.little<std::uint32_t>("check sum of the table");
    if (!crc) return crc.error();
    if (const std::uint32_t found = crc32c(file_.first(table_end_)); found != *crc)
      return reader_.refuse(0, "check sum {:08x} of the table, expected {:08x}", found, *crc);

    std::set<std::string_view> names;
    entries_.reserve(count_);
    for (std::size_t i = 0; i < count_; ++i) {
      auto entry = this->entry();
      if (!entry) return entry.error();
      entries_.push_back(std::move(*entry));
      if (!names.insert(entries_.back().name).second)
        return reader_.refuse(entries_.back().at, "section '{}' again, expected each name once", entries_.back().name);
    }
    if (reader_.offset() != table_end_)
      return reader_.refuse(reader_.offset(), "end of the last entry, expected at {}", table_end_);
    return {};
  }

  Result<Entry> entry() {
    const std::size_t at = reader_.offset();
    const auto name_bytes = reader_.little<std::uint32_t>("length of a name");
    if (!name_bytes) return name_bytes.error();
    if (*name_bytes == 0 || *name_bytes > kMaxNameBytes)
      return reader_.refuse(at, "name of {} bytes, expected 1 to {}", *name_bytes, kMaxNameBytes);
    const auto name = reader_.text(*name_bytes, "name of a section");
    if (!name) return name.error();
    const auto offset = reader_.little<std::uint64_t>("offset of a section");
    if (!offset) return offset.error();
    const auto length = reader_.little<std::uint64_t>("length of a section");
    if (!length) return length.error();
    const auto crc = reader_.little<std::uint32_t>("check sum of a section");
    if (!crc) return crc.error();
    const auto first = narrow<std::size_t>(*offset), bytes = narrow<std::size_t>(*length);
    if (!first || !bytes)
      return reader_.refuse(at, "section '{}' at {} with {} bytes, expected what this machine can address", *name,
                            *offset, *length);
    return Entry{at, std::string(*name), *first, *bytes, *crc};
  }

  // Whether the file ends as one; what the check sum says of it comes last, because it cannot say where the fault is.
  Status trailer() {
    if (file_.size() - table_end_ < kCheckBytes + kTrailerBytes)
      return reader_.refuse(table_end_, "{} bytes left, expected at least {}", file_.size() - table_end_,
                            kCheckBytes + kTrailerBytes);
    payload_end_ = file_.size() - kTrailerBytes;
    ByteReader end(file_, reader_.name());
    if (Status status = end.seek(payload_end_, "trailer"); !status.ok()) return status;
    const auto crc = end.little<std::uint32_t>("check sum of the file");
    if (!crc) return crc.error();
    file_crc_ = *crc;
    const auto magic = end.text(kEndMagic.size(), "end magic");
    if (!magic) return magic.error();
    if (*magic != kEndMagic)
      return reader_.refuse(payload_end_ + kCheckBytes, "{}, expected {} (the end of a .udnn file)",
                            hexadecimal(*magic), hexadecimal(kEndMagic));
    return end.expect_end();
  }

  // Every byte up to the trailer belongs to one section, or is a zero before one.
  Status payload() {
    std::size_t end = table_end_ + kCheckBytes;
    for (const Entry& entry : entries_) {
      const std::size_t expected = end + padding(end);  // below the file's size plus 64: no overflow
      if (entry.offset != expected)
        return reader_.refuse(entry.at, "section '{}' at {}, expected at {}", entry.name, entry.offset, expected);
      if (expected > payload_end_ || entry.length > payload_end_ - expected)
        return reader_.refuse(entry.at, "section '{}' of {} bytes, expected at most {}", entry.name, entry.length,
                              payload_end_ - std::min(payload_end_, expected));
      if (Status status = expect_zeros(end, expected); !status.ok()) return status;
      const auto bytes = file_.subspan(entry.offset, entry.length);
      if (const std::uint32_t found = crc32c(bytes); found != entry.crc)
        return reader_.refuse(entry.offset, "check sum {:08x} of section '{}', expected {:08x}", found, entry.name,
                              entry.crc);
      sections_.push_back({entry.name, bytes});
      end = entry.offset + entry.length;
    }
    if (end != payload_end_)
      return reader_.refuse(end, "{} of no section, expected the check sum of the file",
                            counted_bytes(payload_end_ - end));
    return {};
  }

  Status whole_file() {
    if (const std::uint32_t found = crc32c(file_.first(payload_end_)); found != file_crc_)
      return reader_.refuse(0, "check sum {:08x} of the file, expected {:08x}", found, file_crc_);
    return {};
  }

  Status expect_zeros(std::size_t first, std::size_t last) const {
    for (std::size_t i = first; i < last; ++i)
      if (file_[i] != std::byte{0})
        return reader_.refuse(i, "byte {:02x} between sections, expected 00", std::to_integer<unsigned>(file_[i]));
    return {};
  }

  std::span<const std::byte> file_;
  ByteReader reader_;
  std::size_t count_ = 0;
  std::size_t table_end_ = 0;
  std::size_t payload_end_ = 0;
  std::uint32_t file_crc_ = 0;
  std::vector<Entry> entries_;
  std::vector<Section> sections_;
};

Status validate(const std::string& path, std::span<const Section> sections) {
  std::set<std::string_view> names;
  for (const Section& section : sections) {
    if (section.name.empty() || section.name.size() > kMaxNameBytes)
      return invalid("{}: section with a name of {} bytes, expected 1 to {}", path, section.name.size(), kMaxNameBytes);
    if (!names.insert(section.name).second)
      return invalid("{}: section '{}' again, expected each name once", path, section.name);
  }
  return {};
}

}  // namespace

Result<Container> Container::parse(std::vector<std::byte> file, std::string name) {
  Container container(std::move(file), std::move(name));
  auto sections = Parser(container.file_, container.name_).run();
  if (!sections) return sections.error();
  container.sections_ = std::move(*sections);
  return container;
}

Result<std::span<const std::byte>> Container::section(std::string_view section_name) const {
  for (const Section& section : sections_)
    if (section.name == section_name) return section.bytes;
  return invalid("{}: offset {}: no section '{}' in the table, expected one", name_, kFixedBytes, section_name);
}

std::string Container::place(std::string_view section_name) const {
  const auto bytes = section(section_name);
  if (!bytes) return fmt::format("{}: section '{}'", name_, section_name);
  return fmt::format("{}: offset {}: section '{}'", name_, bytes->data() - file_.data(), section_name);
}

Status write_container(const std::string& path, std::span<const Section> sections) {
  if (Status status = validate(path, sections); !status.ok()) return status;
  std::size_t table_bytes = 0;
  for (const Section& section : sections) table_bytes += kMinEntryBytes - 1 + section.name.size();
  if (table_bytes > Container::kMaxTableBytes)
    return invalid("{}: table of {} bytes, expected at most {}", path, table_bytes, Container::kMaxTableBytes);

  const std::size_t header_bytes = kFixedBytes + table_bytes + kCheckBytes;
  std::size_t end = header_bytes;
  for (const Section& section : sections) end += padding(end) + section.bytes.size();
  const std::size_t file_bytes = end + kTrailerBytes;

  ByteWriter header;
  header.text(kMagic);
  header.little(kByteOrder);
  header.little(Container::kVersion);
  header.little(std::uint64_t{file_bytes});
  header.little(static_cast<std::uint32_t>(sections.size()));
  header.little(static_cast<std::uint32_t>(table_bytes));
  end = header_bytes;
  for (const Section& section : sections) {
    const std::size_t offset = end + padding(end);
    header.little(static_cast<std::uint32_t>(section.name.size()));
    header.text(section.name);
    header.little(std::uint64_t{offset});
    header.little(std::uint64_t{section.bytes.size()});
    header.little(crc32c(section.bytes));
    end = offset + section.bytes.size();
  }
  header.little(crc32c(header.span()));

  auto file = AtomicFile::create(path, file_bytes);
  if (!file) return file.error();
  std::uint32_t crc = 0;
  std::size_t written = 0;
  const auto write = [&](std::span<const std::byte> bytes) {
    crc = crc32c(bytes, crc);
    written += bytes.size();
    return file->write(bytes);
  };
  constexpr std::array<std::byte, Container::kAlignment> kZeros{};
  if (Status status = write(header.span()); !status.ok()) return status;
  for (const Section& section : sections) {
    if (Status status = write(std::span(kZeros).first(padding(written))); !status.ok()) return status;
    if (Status status = write(section.bytes); !status.ok()) return status;
  }
  ByteWriter trailer;
  trailer.little(crc);
  trailer.text(kEndMagic);
  if (Status status = file->write(trailer.span()); !status.ok()) return status;
  return file->commit();
}

Result<Container> read_container(const std::string& path) {
  auto file = read_file(path);
  if (!file) return file.error();
  return Container::parse(std::move(*file), path);
}

}  // namespace udnn::base
