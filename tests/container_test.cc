// The frame of model files: what goes in comes out, and nothing else ever does.
#include "src/base/container.h"

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "src/base/crc32c.h"
#include "tests/temporary_folder.h"

namespace udnn::base {
namespace {

using test::TemporaryFolder;
using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

// Small, but with every kind of place: an empty section, one of exactly 64 bytes, padding of several lengths.
Bytes small_file() {
  static const Bytes file = [] {
    const TemporaryFolder folder;
    const Bytes header = bytes_of(R"({"network":"784 - fc 10"})"), full(64, std::byte{0x5A}), odd(7, std::byte{1});
    const Section sections[] = {{"header", header}, {"empty", {}}, {"full", full}, {"t0", odd}};
    if (Status status = write_container(folder.file("m"), sections); !status.ok()) ADD_FAILURE() << status.message();
    return bytes_of(folder.read("m"));
  }();
  return file;
}

void put(Bytes& file, std::size_t at, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) file[at + i] = static_cast<std::byte>(value >> (8 * i));
}

std::uint64_t get(const Bytes& file, std::size_t at, std::size_t width) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value |= std::to_integer<std::uint64_t>(file[at + i]) << (8 * i);
  return value;
}

// As somebody would who means harm: with check sums that fit.
void seal(Bytes& file) {
  const std::size_t table_end = 32 + static_cast<std::size_t>(get(file, 28, 4));
  if (table_end + 4 <= file.size()) put(file, table_end, crc32c(std::span(file).first(table_end)), 4);
  put(file, file.size() - 12, crc32c(std::span(file).first(file.size() - 12)), 4);
}

std::string refusal(Bytes file) {
  const auto container = Container::parse(std::move(file), "m.udnn");
  return container ? "accepted" : container.error().message();
}

std::string refusal_after(const std::function<void(Bytes&)>& change) {
  Bytes file = small_file();
  change(file);
  seal(file);
  return refusal(std::move(file));
}

TEST(Container, GivesBackItsSectionsInOrder) {
  const TemporaryFolder folder;
  const Bytes a = bytes_of("alpha"), b(1000, std::byte{7});
  const Section sections[] = {{"b", b}, {"empty", {}}, {"a", a}};
  ASSERT_TRUE(write_container(folder.file("m"), sections).ok());
  const auto container = read_container(folder.file("m"));
  ASSERT_TRUE(container) << container.error().message();
  ASSERT_EQ(container->sections().size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    const Section& section = container->sections()[i];
    EXPECT_EQ(section.name, sections[i].name);
    EXPECT_TRUE(
        std::equal(section.bytes.begin(), section.bytes.end(), sections[i].bytes.begin(), sections[i].bytes.end()));
  }
  EXPECT_EQ(container->section("a")->size(), 5U);
  EXPECT_EQ(container->section("c").error().message(),
            folder.file("m") + ": offset 32: no section 'c' in the table, expected one");
  EXPECT_EQ(container->place("empty"), folder.file("m") + ": offset 1152: section 'empty'");
}

TEST(Container, MayBeEmpty) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_container(folder.file("m"), {}).ok());
  const auto container = read_container(folder.file("m"));
  ASSERT_TRUE(container) << container.error().message();
  EXPECT_TRUE(container->sections().empty());
}

TEST(Container, EqualSectionsGiveEqualBytesUnderAnyName) {
  const TemporaryFolder folder;
  const Bytes a = bytes_of("alpha");
  const Section sections[] = {{"a", a}};
  ASSERT_TRUE(write_container(folder.file("one"), sections).ok());
  ASSERT_TRUE(write_container(folder.file("two"), sections).ok());
  EXPECT_EQ(folder.read("one"), folder.read("two"));
}

TEST(Container, AlignsEverySectionAndKeepsItsLayout) {
  const Bytes file = small_file();
  EXPECT_EQ(get(file, 8, 4), 0x01020304U);
  EXPECT_EQ(get(file, 12, 4), 1U);
  EXPECT_EQ(get(file, 16, 8), file.size());
  EXPECT_EQ(get(file, 24, 4), 4U);
  EXPECT_EQ(get(file, 42, 8), 192U);  // of the first section; the others lie a multiple of 64 behind it
  const auto container = Container::parse(file, "m.udnn");
  ASSERT_TRUE(container);
  const std::byte* const first = container->sections()[0].bytes.data();
  for (const Section& section : container->sections()) {
    if (section.bytes.empty()) continue;
    const auto from_first = static_cast<std::size_t>(section.bytes.data() - first);
    EXPECT_EQ(from_first % 64, 0U) << section.name;
  }
  // Golden: a changed byte is a changed format, and wants a new version.
  EXPECT_EQ(file.size(), 339U);
  EXPECT_EQ(crc32c(file), 0xD79B9177U);
}

TEST(Container, DetectsEveryFlippedBit) {
  const TemporaryFolder folder;
  const Bytes weights(4000, std::byte{0x3C});
  const Section sections[] = {{"header", weights}};
  ASSERT_TRUE(write_container(folder.file("m"), sections).ok());
  for (const Bytes& good : {small_file(), bytes_of(folder.read("m"))}) {
    ASSERT_EQ(refusal(good), "accepted");
    for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
      Bytes file = good;
      file[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
      ASSERT_NE(refusal(std::move(file)), "accepted") << "bit " << bit;
    }
  }
}

TEST(Container, DetectsEveryTruncationAndEveryTail) {
  const Bytes good = small_file();
  for (std::size_t size = 0; size < good.size(); ++size)
    ASSERT_NE(refusal({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}), "accepted") << size;
  Bytes longer = good;
  longer.push_back(std::byte{0});
  EXPECT_EQ(refusal(longer), "m.udnn: offset 339: 1 byte more, expected the end of the file");
  EXPECT_EQ(refusal({good.begin(), good.begin() + 20}),
            "m.udnn: offset 16: 4 bytes left, expected 8 (length of the file)");
  EXPECT_EQ(refusal({good.begin(), good.begin() + 250}), "m.udnn: offset 250: end of the file, expected at 339");
}

// The check sums fit in all of these: the layout itself must be refused. Entries of the table begin at 32 (header), 62
// (empty), 91 (full), 119 (t0), and it ends at 145; in an entry the offset follows the name, then length, check sum.
TEST(Container, RefusesALayoutThatIsNotItsOwn) {
  EXPECT_EQ(refusal_after([](Bytes& f) { put(f, 42, 256, 8); }),
            "m.udnn: offset 32: section 'header' at 256, expected at 192");
  EXPECT_EQ(refusal_after([](Bytes& f) { put(f, 71, UINT64_MAX - 63, 8); }),
            "m.udnn: offset 62: section 'empty' at 18446744073709551552, expected at 256");
  EXPECT_EQ(refusal_after([](Bytes& f) { put(f, 50, UINT64_MAX, 8); }),
            "m.udnn: offset 32: section 'header' of 18446744073709551615 bytes, expected at most 135");
  EXPECT_EQ(refusal_after([](Bytes& f) { put(f, 24, 3, 4); }),
            "m.udnn: offset 119: end of the last entry, expected at 145");
  EXPECT_EQ(refusal_after([](Bytes& f) { put(f, 24, 5, 4); }),
            "m.udnn: offset 24: 5 sections, expected at most the 4 that fit into the table");
  EXPECT_EQ(refusal_after([](Bytes& f) { put(f, 24, UINT32_MAX, 4); }),
            "m.udnn: offset 24: 4294967295 sections, expected at most the 4 that fit into the table");
  EXPECT_EQ(refusal_after([](Bytes& f) { put(f, 28, UINT32_MAX, 4); }),
            "m.udnn: offset 28: table of 4294967295 bytes, expected at most 307");
  EXPECT_EQ(refusal_after([](Bytes& f) { put(f, 28, 307, 4); }),
            "m.udnn: offset 339: 0 bytes left, expected 4 (check sum of the table)");
  EXPECT_EQ(refusal_after([](Bytes& f) { put(f, 32, 0, 4); }), "m.udnn: offset 32: name of 0 bytes, expected 1 to 255");
  EXPECT_EQ(refusal_after([](Bytes& f) { put(f, 32, 256, 4); }),
            "m.udnn: offset 32: name of 256 bytes, expected 1 to 255");
  EXPECT_EQ(refusal_after([](Bytes& f) { f[191] = std::byte{1}; }),
            "m.udnn: offset 191: byte 01 between sections, expected 00");
  EXPECT_EQ(refusal_after([](Bytes& f) { f[192] = std::byte{1}; }),
            "m.udnn: offset 192: check sum 9b61843f of section 'header', expected 23777860");
  EXPECT_EQ(refusal_after([](Bytes& f) {
              f.insert(f.end() - 12, std::byte{0});
              put(f, 16, f.size(), 8);
            }),
            "m.udnn: offset 327: 1 byte of no section, expected the check sum of the file");
}

// Each check sum and magic is looked at for itself: a file whose others fit is refused all the same.
TEST(Container, ChecksTableFileAndEndEachForItself) {
  Bytes file = small_file();
  put(file, 145, 0, 4);
  put(file, 327, crc32c(std::span(file).first(327)), 4);
  EXPECT_EQ(refusal(file), "m.udnn: offset 0: check sum 95264228 of the table, expected 00000000");
  file = small_file();
  put(file, 327, 0, 4);
  EXPECT_EQ(refusal(file), "m.udnn: offset 0: check sum 11b2db03 of the file, expected 00000000");
  file = small_file();
  file[338] = std::byte{0};
  EXPECT_EQ(refusal(file),
            "m.udnn: offset 331: 55 44 4e 4e 65 6e 64 00, expected 55 44 4e 4e 65 6e 64 0a (the end of a .udnn file)");
}

// What a disk or a transfer does to a file is told where it lies, although the check sum of the whole file notices too.
TEST(Container, SaysWhichPartIsDamaged) {
  const auto flipped = [](std::size_t at) {
    Bytes file = small_file();
    file[at] ^= std::byte{0x10};
    return refusal(std::move(file));
  };
  EXPECT_EQ(flipped(43), "m.udnn: offset 0: check sum b64ab975 of the table, expected 95264228");
  EXPECT_EQ(flipped(150), "m.udnn: offset 150: byte 10 between sections, expected 00");
  EXPECT_EQ(flipped(200), "m.udnn: offset 192: check sum cf6710a5 of section 'header', expected 23777860");
  EXPECT_EQ(flipped(256), "m.udnn: offset 256: check sum d8a81c97 of section 'full', expected 81c3ac60");
  EXPECT_EQ(flipped(328), "m.udnn: offset 0: check sum 11b2db03 of the file, expected 11b2cb03");
}

TEST(Container, RefusesATableThatLeavesNoRoomForTheEnd) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_container(folder.file("m"), {}).ok());
  Bytes file = bytes_of(folder.read("m"));
  file.pop_back();
  put(file, 16, file.size(), 8);
  put(file, 32, crc32c(std::span(file).first(32)), 4);
  EXPECT_EQ(refusal(file), "m.udnn: offset 32: 15 bytes left, expected at least 16");
}

TEST(Container, RefusesANameTwice) {
  const TemporaryFolder folder;
  const Section sections[] = {{"a", {}}, {"b", {}}};
  ASSERT_TRUE(write_container(folder.file("m"), sections).ok());
  Bytes file = bytes_of(folder.read("m"));
  file[36 + 25] = std::byte{'a'};
  seal(file);
  EXPECT_EQ(refusal(file), "m.udnn: offset 57: section 'a' again, expected each name once");
}

TEST(Container, SaysWhatKindOfFileItIsNot) {
  EXPECT_EQ(refusal({}), "m.udnn: offset 0: 0 bytes left, expected 8 (magic)");
  EXPECT_EQ(refusal(bytes_of("PK\3\4 something else")),
            "m.udnn: offset 0: 50 4b 03 04 20 73 6f 6d, expected 89 55 44 4e 4e 0d 0a 1a (the magic of a .udnn file)");
  EXPECT_EQ(refusal_after([](Bytes& f) { put(f, 8, 0x04030201, 4); }),
            "m.udnn: offset 8: byte order 04030201, expected 01020304");
  EXPECT_EQ(refusal_after([](Bytes& f) { put(f, 12, 0, 4); }), "m.udnn: offset 12: version 0, expected 1");
}

TEST(Container, RefusesALaterVersionInWordsThatHelp) {
  Bytes file = small_file();
  put(file, 12, 2, 4);
  seal(file);
  const auto container = Container::parse(file, "m.udnn");
  ASSERT_FALSE(container);
  EXPECT_EQ(container.error().code(), StatusCode::kUnsupported);
  EXPECT_EQ(container.error().message(), "m.udnn: offset 12: version 2, expected at most 1 (written by a later uDNN)");
}

TEST(Container, DoesNotWriteWhatItWouldNotRead) {
  const TemporaryFolder folder;
  const Section twice[] = {{"a", {}}, {"b", {}}, {"a", {}}};
  EXPECT_EQ(write_container(folder.file("m"), twice).message(),
            folder.file("m") + ": section 'a' again, expected each name once");
  const Section nameless[] = {{"", {}}};
  EXPECT_EQ(write_container(folder.file("m"), nameless).message(),
            folder.file("m") + ": section with a name of 0 bytes, expected 1 to 255");
  EXPECT_TRUE(folder.names().empty());
}

}  // namespace
}  // namespace udnn::base
