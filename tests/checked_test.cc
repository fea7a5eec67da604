// Arithmetic on sizes from files: exact, or nothing.
#include "src/base/checked.h"

#include <array>
#include <cstdint>
#include <limits>
#include <optional>

#include <gtest/gtest.h>

namespace udnn::base {
namespace {

// Every pair of 8-bit numbers, against the same operation in a type that holds all results.
TEST(Checked, AgreesWithAWiderTypeOnEveryPairOfBytes) {
  const auto byte = [](int value) {
    return value < 256 ? std::optional(static_cast<std::uint8_t>(value)) : std::nullopt;
  };
  for (int a = 0; a < 256; ++a)
    for (int b = 0; b < 256; ++b) {
      const auto x = static_cast<std::uint8_t>(a), y = static_cast<std::uint8_t>(b);
      EXPECT_EQ(checked_add(x, y), byte(a + b)) << a << " + " << b;
      EXPECT_EQ(checked_mul(x, y), byte(a * b)) << a << " * " << b;
      if (b != 0) {
        EXPECT_EQ(align_up(x, y), byte((a + b - 1) / b * b)) << a << " to " << b;
      }
    }
}

TEST(Checked, ProductOfManyFactorsDoesNotWrapOnTheWay) {
  constexpr std::uint64_t kHuge = std::uint64_t{1} << 40U;
  const std::array<std::uint64_t, 3> wraps = {kHuge, kHuge, 3};
  EXPECT_FALSE(checked_product<std::uint64_t>(wraps));
  const std::array<std::uint64_t, 3> empty = {kHuge, kHuge, 0};  // no element, whatever the others say
  EXPECT_EQ(checked_product<std::uint64_t>(empty), 0U);
  EXPECT_EQ(checked_product<std::uint64_t>({}), 1U);
}

TEST(Checked, NarrowKeepsTheValueOrGivesNothing) {
  EXPECT_EQ(narrow<std::uint8_t>(255), 255);
  EXPECT_FALSE(narrow<std::uint8_t>(256));
  EXPECT_FALSE(narrow<std::uint8_t>(-1));
  EXPECT_FALSE(narrow<std::size_t>(std::int64_t{-1}));
  EXPECT_EQ(narrow<std::int8_t>(-128), -128);
  EXPECT_FALSE(narrow<std::int64_t>(std::numeric_limits<std::uint64_t>::max()));
}

}  // namespace
}  // namespace udnn::base
