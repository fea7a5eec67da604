// The bounded reader: what it reads, where it stops, what it says.
#include "src/base/byte_reader.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "src/base/byte_writer.h"

namespace udnn::base {
namespace {

std::vector<std::byte> counting(std::size_t count) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 1; i <= count; ++i) bytes.push_back(static_cast<std::byte>(i));
  return bytes;
}

TEST(ByteReader, ReadsBothByteOrders) {
  const auto bytes = counting(8);
  EXPECT_EQ(*ByteReader(bytes, "f").little<std::uint8_t>("x"), 0x01);
  EXPECT_EQ(*ByteReader(bytes, "f").big<std::uint16_t>("x"), 0x0102);
  EXPECT_EQ(*ByteReader(bytes, "f").little<std::uint16_t>("x"), 0x0201);
  EXPECT_EQ(*ByteReader(bytes, "f").big<std::uint32_t>("x"), 0x01020304U);
  EXPECT_EQ(*ByteReader(bytes, "f").little<std::uint32_t>("x"), 0x04030201U);
  EXPECT_EQ(*ByteReader(bytes, "f").big<std::uint64_t>("x"), 0x0102030405060708U);
  EXPECT_EQ(*ByteReader(bytes, "f").little<std::uint64_t>("x"), 0x0807060504030201U);
}

TEST(ByteReader, ARefusedReadSaysWhereAndDoesNotMove) {
  const auto bytes = counting(6);
  ByteReader reader(bytes, "labels.idx");
  ASSERT_TRUE(reader.big<std::uint32_t>("magic"));
  const auto count = reader.big<std::uint32_t>("number of labels");
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(count.error().message(), "labels.idx: offset 4: 2 bytes left, expected 4 (number of labels)");
  EXPECT_EQ(reader.offset(), 4U);
  EXPECT_EQ(reader.bytes(SIZE_MAX, "all").error().message(),
            "labels.idx: offset 4: 2 bytes left, expected 18446744073709551615 (all)");
  EXPECT_EQ(reader.text(2, "rest")->size(), 2U);
  EXPECT_EQ(reader.skip(1, "one more").message(), "labels.idx: offset 6: 0 bytes left, expected 1 (one more)");
}

TEST(ByteReader, WantsTheEndWhereTheFileEnds) {
  const auto bytes = counting(3);
  ByteReader reader(bytes, "f");
  ASSERT_TRUE(reader.skip(2, "x").ok());
  EXPECT_EQ(reader.expect_end().message(), "f: offset 2: 1 byte left, expected the end");
  ASSERT_TRUE(reader.skip(1, "x").ok());
  EXPECT_TRUE(reader.expect_end().ok());
}

TEST(ByteReader, SeeksUpToTheEndAndNotBeyond) {
  const auto bytes = counting(3);
  ByteReader reader(bytes, "f");
  EXPECT_TRUE(reader.seek(3, "trailer").ok());
  EXPECT_EQ(reader.seek(4, "trailer").message(), "f: offset 4: beyond the end, expected at most 3 (trailer)");
  EXPECT_EQ(reader.offset(), 3U);
  EXPECT_EQ(reader.refuse(8, "label {}, expected 0 to 9", 11).message(), "f: offset 8: label 11, expected 0 to 9");
}

TEST(ByteWriter, WritesWhatTheReaderReads) {
  ByteWriter writer;
  writer.little(std::uint16_t{0xABCD});
  writer.text("name");
  writer.pad_to(8);
  writer.little(std::uint64_t{0x1122334455667788});
  writer.little(-0.1);
  writer.little(0.1F);
  ByteReader reader(writer.span(), "f");
  EXPECT_EQ(*reader.little<std::uint16_t>("x"), 0xABCD);
  EXPECT_EQ(*reader.text(4, "x"), "name");
  EXPECT_EQ(*reader.big<std::uint16_t>("padding"), 0);
  EXPECT_EQ(*reader.little<std::uint64_t>("x"), 0x1122334455667788U);
  EXPECT_EQ(*reader.little<double>("x"), -0.1);
  EXPECT_EQ(*ByteReader(writer.span().subspan(16), "f").little<std::uint64_t>("x"), 0xBFB999999999999AU);
  EXPECT_EQ(*reader.little<float>("x"), 0.1F);
  EXPECT_EQ(*ByteReader(writer.span().subspan(24), "f").little<std::uint32_t>("x"), 0x3DCCCCCDU);
  EXPECT_TRUE(reader.expect_end().ok());
  EXPECT_EQ(reader.little<float>("scale").error().message(), "f: offset 28: 0 bytes left, expected 4 (scale)");
  const std::vector<std::byte> all(writer.span().begin(), writer.span().end());
  EXPECT_EQ(writer.take(), all);
  EXPECT_EQ(writer.size(), 0U);
}

}  // namespace
}  // namespace udnn::base
