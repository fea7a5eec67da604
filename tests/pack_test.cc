// Codes at their real width.
#include "src/numbers/pack.h"

#include "src/base/philox.h"
#include "tests/support.h"

namespace udnn::test {
namespace {

TEST(Pack, StartsAtTheLowestBitOfTheFirstByte) {
  const std::vector<std::uint64_t> codes{0b101, 0b011, 0b110, 0b001};
  // 12 bits: 001 110 011 101, read from the right
  EXPECT_EQ(numbers::pack(codes, 3), (std::vector<std::byte>{std::byte{0b10011101}, std::byte{0b00000011}}));
  EXPECT_EQ(numbers::pack(std::vector<std::uint64_t>{0x1234}, 16),
            (std::vector<std::byte>{std::byte{0x34}, std::byte{0x12}}));
  EXPECT_EQ(numbers::pack({}, 5), std::vector<std::byte>{});
}

TEST(Pack, GivesEveryCodeBackAtEveryWidth) {
  const base::PhiloxStream words(1, 0, base::Purpose::kRounding, 0);
  for (int bits = 1; bits <= 64; ++bits)
    for (const std::size_t count : Sizes{1, 2, 7, 8, 9, 64, 129}) {
      std::vector<std::uint64_t> codes(count);
      const std::uint64_t mask = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
      for (std::size_t i = 0; i < count; ++i) codes[i] = std::uint64_t{words.word(2 * i)} << 32 | words.word(2 * i + 1);
      const auto bytes = numbers::pack(codes, bits);
      ASSERT_EQ(bytes.size(), (count * static_cast<std::size_t>(bits) + 7) / 8);
      const auto again = numbers::unpack(bytes, bits, count);
      for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(again[i], codes[i] & mask) << bits << " bits, code " << i;
    }
}

}  // namespace
}  // namespace udnn::test
