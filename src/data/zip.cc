#include "src/data/zip.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include <zlib.h>

#include "src/base/byte_reader.h"
#include "src/base/byte_writer.h"

namespace udnn::data {

namespace {

constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kDescriptor = 0x08074b50;
constexpr std::size_t kCentralBytes = 46, kEndBytes = 22;
constexpr std::uint16_t kMost16 = 0xffff;
constexpr std::uint32_t kMost32 = 0xffffffff;
constexpr std::uint16_t kEncrypted = 1, kHasDescriptor = 8, kUtf8 = 0x800;
constexpr std::uint16_t kStored = 0, kDeflated = 8;
constexpr std::uint16_t kZip64Field = 1;

/// Little-endian fields, one after the other; the first that is missing is kept as the error.
class Fields {
 public:
  explicit Fields(base::ByteReader& reader) : reader_(reader) {}

  std::uint16_t u16(const char* field) { return number<std::uint16_t>(field); }
  std::uint32_t u32(const char* field) { return number<std::uint32_t>(field); }
  std::uint64_t u64(const char* field) { return number<std::uint64_t>(field); }
  std::string text(std::size_t count, const char* field) {
    if (!status.ok()) return {};
    const auto taken = reader_.text(count, field);
    if (!taken) status = taken.error();
    return taken ? std::string(*taken) : std::string();
  }

  Status status;

 private:
  template <class T>
  T number(const char* field) {
    if (!status.ok()) return 0;
    const auto value = reader_.little<T>(field);
    if (!value) status = value.error();
    return value ? *value : T{0};
  }

  base::ByteReader& reader_;
};

struct Directory {
  std::size_t offset, bytes, members;
};

struct Entry {
  std::string name;
  std::uint16_t flags = 0, method = 0;
  std::uint32_t crc = 0, stored_bytes = 0, bytes = 0;
  std::size_t local_offset = 0;
};

Result<Directory> read_end(base::ByteReader& reader) {
  // No comment: then the end is where it has to be, and cannot be hidden in one.
  if (reader.size() < kEndBytes)
    return reader.refuse(0, "{} bytes, expected a zip archive of at least {}", reader.size(), kEndBytes);
  const std::size_t at = reader.size() - kEndBytes;
  if (Status status = reader.seek(at, "end of the directory"); !status.ok()) return status;
  Fields fields(reader);
  if (fields.u32("signature") != kEnd) return reader.refuse(at, "no end of a zip directory, expected PK\\5\\6");
  const auto disk = fields.u16("disk"), first_disk = fields.u16("disk of the directory");
  const auto here = fields.u16("members here"), members = fields.u16("members");
  const auto bytes = fields.u32("size of the directory"), offset = fields.u32("offset of the directory");
  const auto comment = fields.u16("length of the comment");
  if (!fields.status.ok()) return fields.status;
  if (members == kMost16 || bytes == kMost32 || offset == kMost32)
    return reader.refuse(at, "a zip64 archive, expected fewer than 65535 members and 4 GiB");
  if (disk != 0 || first_disk != 0 || here != members || comment != 0)
    return reader.refuse(at, "several disks or a comment, expected one archive without");
  if (offset > at || at - offset != bytes)
    return reader.refuse(at, "a directory of {} bytes at {}, expected it to end here", bytes, offset);
  if (members > bytes / kCentralBytes)
    return reader.refuse(at, "{} members in a directory of {} bytes, expected at least {} bytes for each", members,
                         bytes, kCentralBytes);
  return Directory{offset, bytes, members};
}

Result<Entry> read_entry(base::ByteReader& reader) {
  const std::size_t at = reader.offset();
  Fields fields(reader);
  if (const auto signature = fields.u32("signature"); fields.status.ok() && signature != kCentral)
    return reader.refuse(at, "no entry of a zip directory, expected PK\\1\\2");
  fields.u16("version made by"), fields.u16("version needed");
  Entry entry;
  entry.flags = fields.u16("flags");
  entry.method = fields.u16("method");
  fields.u16("time"), fields.u16("date");
  entry.crc = fields.u32("CRC-32");
  entry.stored_bytes = fields.u32("stored size");
  entry.bytes = fields.u32("size");
  const auto name = fields.u16("length of the name"), extra = fields.u16("length of the extra field");
  const auto comment = fields.u16("length of the comment"), disk = fields.u16("disk");
  fields.u16("internal attributes"), fields.u32("external attributes");
  entry.local_offset = fields.u32("offset of the member");
  entry.name = fields.text(name, "name");
  fields.text(extra, "extra field"), fields.text(comment, "comment");
  if (!fields.status.ok()) return fields.status;
  if (entry.name.empty() || entry.name.find('\0') != std::string::npos)
    return reader.refuse(at, "a name that is empty or holds a zero byte, expected text");
  if ((entry.flags & kEncrypted) != 0) return reader.refuse(at, "{} is encrypted, expected it open", entry.name);
  if (entry.method != kStored && entry.method != kDeflated)
    return reader.refuse(at, "{}: method {}, expected 0 (stored) or 8 (deflated)", entry.name, entry.method);
  if (disk != 0 || entry.stored_bytes == kMost32 || entry.bytes == kMost32 || entry.local_offset == kMost32)
    return reader.refuse(at, "{}: zip64 or another disk, expected fewer than 4 GiB", entry.name);
  return entry;
}

/// The sizes in a zip64 extra field, if it has any: size, stored size.
std::optional<std::pair<std::uint64_t, std::uint64_t>> zip64_sizes(const std::string& extra) {
  base::ByteReader reader(std::as_bytes(std::span(extra)), "extra field");
  Fields fields(reader);
  while (reader.remaining() >= 4) {
    const auto id = fields.u16("id"), bytes = fields.u16("size");
    if (id == kZip64Field) {
      const auto size = fields.u64("size"), stored = fields.u64("stored size");
      return fields.status.ok() ? std::optional(std::pair(size, stored)) : std::nullopt;
    }
    if (fields.text(bytes, "content"); !fields.status.ok()) break;
  }
  return std::nullopt;
}

/// Reads the member at the reader's place, which is where the one before ended, and leaves the reader behind it.
Result<ZipMember> read_member(base::ByteReader& reader, const Entry& entry) {
  const std::size_t at = reader.offset();
  if (entry.local_offset != at)
    return reader.refuse(at, "{} begins at {}, expected here: members touch and do not overlap", entry.name,
                         entry.local_offset);
  Fields fields(reader);
  if (const auto signature = fields.u32("signature"); fields.status.ok() && signature != kLocal)
    return reader.refuse(at, "no member of a zip archive, expected PK\\3\\4");
  fields.u16("version needed");
  const auto flags = fields.u16("flags"), method = fields.u16("method");
  fields.u16("time"), fields.u16("date");
  const auto crc = fields.u32("CRC-32"), stored = fields.u32("stored size"), size = fields.u32("size");
  const auto name_bytes = fields.u16("length of the name"), extra_bytes = fields.u16("length of the extra field");
  const auto name = fields.text(name_bytes, "name"), extra = fields.text(extra_bytes, "extra field");
  if (!fields.status.ok()) return fields.status;

  const bool follows = (flags & kHasDescriptor) != 0;
  std::uint64_t said_size = size, said_stored = stored;
  if (size == kMost32 && stored == kMost32)
    if (const auto wide = zip64_sizes(extra)) std::tie(said_size, said_stored) = *wide;
  const bool unsaid = follows && crc == 0 && said_size == 0 && said_stored == 0;
  const bool same_sizes = said_size == entry.bytes && said_stored == entry.stored_bytes && crc == entry.crc;
  if (name != entry.name || flags != entry.flags || method != entry.method || !(unsaid || same_sizes))
    return reader.refuse(at, "{}: the header of the member differs from the directory, expected the same", entry.name);

  const auto content = reader.bytes(entry.stored_bytes, "member");
  if (!content) return content.error();
  if (follows) {
    const std::size_t descriptor_at = reader.offset();
    const bool is_same = fields.u32("descriptor") == kDescriptor && fields.u32("CRC-32") == entry.crc &&
                         fields.u32("stored size") == entry.stored_bytes && fields.u32("size") == entry.bytes;
    if (!fields.status.ok()) return fields.status;
    if (!is_same)
      return reader.refuse(descriptor_at, "{}: the descriptor differs from the directory, expected the same", name);
  }
  return ZipMember{entry.name, {*content, method == kDeflated, entry.bytes, entry.crc}};
}

void append(std::vector<std::byte>& to, std::span<const std::byte> bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

}  // namespace

Result<std::vector<ZipMember>> read_zip(std::span<const std::byte> bytes, const std::string& file) {
  base::ByteReader reader(bytes, file);
  const auto directory = read_end(reader);
  if (!directory) return directory.error();
  if (Status status = reader.seek(directory->offset, "directory"); !status.ok()) return status;
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < directory->members; ++i) {
    auto entry = read_entry(reader);
    if (!entry) return entry.error();
    entries.push_back(std::move(*entry));
  }
  if (reader.offset() != bytes.size() - kEndBytes)
    return reader.refuse(reader.offset(), "the directory ends, expected it to end at {}", bytes.size() - kEndBytes);

  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  const auto twice = std::adjacent_find(entries.begin(), entries.end(),
                                        [](const Entry& a, const Entry& b) { return a.name == b.name; });
  if (twice != entries.end())
    return reader.refuse(directory->offset, "{} comes twice, expected each name once", twice->name);
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.local_offset < b.local_offset; });

  // Members end where the directory begins: a reader of those bytes alone cannot walk into it.
  base::ByteReader members(bytes.first(directory->offset), file);
  std::vector<ZipMember> read;
  for (const Entry& entry : entries) {
    auto member = read_member(members, entry);
    if (!member) return member.error();
    read.push_back(std::move(*member));
  }
  if (Status status = members.expect_end(); !status.ok()) return status;
  return read;
}

Status ZipWriter::add(const std::string& name, std::span<const std::byte> first, std::span<const std::byte> second) {
  constexpr std::size_t kMostBytes = kMost32;
  constexpr std::size_t kHeaders = 30 + kCentralBytes + kEndBytes;
  const std::size_t content = first.size() + second.size();
  const std::size_t so_far = bytes_.size() + directory_.size() + kHeaders + 2 * name.size();
  if (name.size() >= kMost16 || members_ + 1 >= kMost16 || content >= kMostBytes || so_far >= kMostBytes - content)
    return base::invalid("{}: too much for a zip archive, expected fewer than 65535 members and 4 GiB", name);

  std::uint32_t crc = 0;
  for (const auto piece : {first, second})
    if (!piece.empty())  // zlib takes a null pointer for the wish to begin anew
      crc = static_cast<std::uint32_t>(crc32_z(crc, reinterpret_cast<const Bytef*>(piece.data()), piece.size()));
  const bool ascii = std::all_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 128; });
  // What the two headers share: from the flags to the length of the extra field.
  base::ByteWriter common;
  common.little<std::uint16_t>(ascii ? 0 : kUtf8);
  common.little<std::uint16_t>(kStored);
  common.little<std::uint16_t>(0);           // midnight
  common.little<std::uint16_t>(1 << 5 | 1);  // 1980-01-01
  common.little(crc);
  common.little(static_cast<std::uint32_t>(content));
  common.little(static_cast<std::uint32_t>(content));
  common.little(static_cast<std::uint16_t>(name.size()));
  common.little<std::uint16_t>(0);

  constexpr std::uint16_t kVersion = 20;
  base::ByteWriter central;
  central.little(kCentral);
  central.little(kVersion);
  central.little(kVersion);
  central.bytes(common.span());
  central.little<std::uint16_t>(0);  // no comment
  central.little<std::uint16_t>(0);  // first disk
  central.little<std::uint16_t>(0);
  central.little<std::uint32_t>(0);  // no attributes
  central.little(static_cast<std::uint32_t>(bytes_.size()));
  central.text(name);
  append(directory_, central.span());

  base::ByteWriter local;
  local.little(kLocal);
  local.little(kVersion);
  local.bytes(common.span());
  local.text(name);
  append(bytes_, local.span());
  append(bytes_, first);
  append(bytes_, second);
  ++members_;
  return {};
}

std::vector<std::byte> ZipWriter::finish() && {
  base::ByteWriter end;
  end.little(kEnd);
  end.little<std::uint32_t>(0);  // one disk
  end.little(static_cast<std::uint16_t>(members_));
  end.little(static_cast<std::uint16_t>(members_));
  end.little(static_cast<std::uint32_t>(directory_.size()));
  end.little(static_cast<std::uint32_t>(bytes_.size()));
  end.little<std::uint16_t>(0);  // no comment
  append(bytes_, directory_);
  append(bytes_, end.span());
  return std::move(bytes_);
}

}  // namespace udnn::data
