// What two formats have in common: by looking at every code, and by arithmetic. Each proves the other.
#include "src/numbers/value_set.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "src/numbers/format_table.h"
#include "tests/numbers_support.h"
#include "tests/support.h"

namespace udnn::test {
namespace {

using numbers::Missing;
using numbers::ValueGrid;
using numbers::ValueSet;

constexpr std::size_t kFew = 12;

ValueSet set_of(std::string_view text) {
  const auto made = ValueSet::of(format(text));
  EXPECT_TRUE(made) << text;
  return made ? *made : ValueSet::of(ValueGrid{});
}

ValueSet grid_of(std::string_view text) {
  const auto grid = numbers::value_grid(format(text));
  EXPECT_TRUE(grid) << text;
  return ValueSet::of(grid ? *grid : ValueGrid{});
}

const char* const kSmall[] = {"f4.3",  "e4m3",           "e5m2",       "f1.0",    "f1.3",    "f2.0",    "f2.1",
                              "f5.5",  "f8.0",           "f11.1",      "fx2.6",   "fx1.0",   "fx-2.10", "fx10.-2",
                              "fx4.4", "ufx2.6",         "ufx8.0",     "ufx-1.9", "dfx4",    "dfx9",    "dfx4:wrap",
                              "int8",  "uint8",          "t2",         "b1",      "b1:unit", "fx1.5",   "fx100.-90",
                              "f6.3",  "dfx8:fix=0.125", "dfx8:fix=8", "f5.10"};

TEST(ValueSet, CountsOnTheGridAsByEveryCode) {
  for (const char* name : kSmall) {
    SCOPED_TRACE(name);
    const ValueSet all = set_of(name), grid = grid_of(name);
    ASSERT_TRUE(all.is_enumerated());
    ASSERT_FALSE(grid.is_enumerated());
    EXPECT_EQ(grid.size(), all.size());
    EXPECT_EQ(grid.largest(), all.largest());
    EXPECT_EQ(grid.lowest(), all.lowest());
    EXPECT_EQ(grid.least_positive(), all.least_positive());
    for (const double value : all.values()) {
      ASSERT_TRUE(grid.contains(value)) << value;
      for (const double beside : {std::nextafter(value, 1e308), std::nextafter(value, -1e308), value / 2, value * 1.25})
        ASSERT_EQ(grid.contains(beside), all.contains(beside)) << beside;
      for (const double end : {value, value * 1.5, -value, 0.0, 3.7, std::numeric_limits<double>::infinity()})
        ASSERT_EQ(grid.count_within(value, end), all.count_within(value, end)) << value << " to " << end;
      ASSERT_EQ(grid.count_within(-1e300, value), all.count_within(-1e300, value)) << value;
    }
  }
}

TEST(ValueSet, FindsTheSameMissingValuesOnTheGridAsByEveryCode) {
  std::size_t with_missing = 0;
  for (const char* first : kSmall)
    for (const char* second : kSmall) {
      SCOPED_TRACE(fmt::format("{} without {}", first, second));
      const ValueSet all = set_of(first), other = set_of(second);
      const Missing want = Missing::of(all, other, kFew);
      std::uint64_t count = 0;
      for (const double value : all.values()) count += other.contains(value) ? 0 : 1;
      ASSERT_EQ(want.count, count);
      const std::pair<ValueSet, ValueSet> ways[] = {
          {grid_of(first), grid_of(second)}, {grid_of(first), other}, {all, grid_of(second)}};
      for (const auto& way : ways) {
        const Missing got = Missing::of(way.first, way.second, kFew);
        ASSERT_EQ(got.count, want.count);
        ASSERT_EQ(got.first, want.first);
      }
      with_missing += want.count > 0 ? 1 : 0;
    }
  EXPECT_GT(with_missing, 500U);
}

TEST(ValueSet, CountsWideFormatsByArithmetic) {
  constexpr std::uint64_t kDoubles = 2 * (2047 * (std::uint64_t{1} << 52U) - 1) + 1;  // finite, 0 and -0 as one
  constexpr std::uint64_t kFloats = 2 * (255 * (std::uint64_t{1} << 23U) - 1) + 1;
  const ValueSet fp64 = set_of("fp64"), fp32 = set_of("fp32"), bf16 = set_of("bf16");
  EXPECT_EQ(fp64.size(), kDoubles);
  EXPECT_EQ(fp32.size(), kFloats);
  EXPECT_EQ(fp64.count_within(-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()),
            kDoubles);
  EXPECT_EQ(Missing::of(fp32, fp64, kFew).count, 0U);
  EXPECT_EQ(Missing::of(bf16, fp32, kFew).count, 0U);
  const Missing missing = Missing::of(fp64, fp32, 3);
  EXPECT_EQ(missing.count, kDoubles - kFloats);
  EXPECT_EQ(missing.first, (std::vector<double>{0x1p-1074, -0x1p-1074, 0x1p-1073}));
  EXPECT_EQ(Missing::of(fp32, bf16, 0).count, kFloats - bf16.size());

  // Integers of 32 bits that a float lacks: the first is 2^24 + 1.
  const ValueSet integers = set_of("fx32.0");
  EXPECT_EQ(integers.size(), std::uint64_t{1} << 32U);
  const Missing beyond = Missing::of(integers, fp32, 3);
  EXPECT_EQ(beyond.first, (std::vector<double>{16777217, -16777217, 16777219}));
  // Per sign: all up to 2^24, then 2^23 in each of the powers of two 24 .. 30; -2^31 too.
  const std::uint64_t kept = 2 * ((std::uint64_t{1} << 24U) - 1 + 7 * (std::uint64_t{1} << 23U)) + 1 + 1;
  EXPECT_EQ(beyond.count, (std::uint64_t{1} << 32U) - kept);

  // Cut off by an end within a power of two.
  EXPECT_EQ(Missing::of(set_of("ufx20.0"), set_of("dfx20"), 2).first, (std::vector<double>{524288, 524289}));
}

TEST(ValueSet, CountsAFormatOf24BitsAsALoopDoes) {
  const ValueSet fixed = set_of("fx8.16"), narrow = set_of("f5.12");
  std::uint64_t kept = 0;
  for (std::int32_t code = -(1 << 23); code < 1 << 23; ++code) kept += narrow.contains(std::ldexp(code, -16)) ? 1 : 0;
  EXPECT_EQ(Missing::of(fixed, narrow, 0).count, (std::uint64_t{1} << 24U) - kept);
}

TEST(ValueSet, SaysWhatItCannotCount) {
  EXPECT_FALSE(ValueSet::of(format("posit32.2")));
  EXPECT_FALSE(ValueSet::of(format("fx32.32")));
  EXPECT_FALSE(ValueSet::of(format("ufx10.44")));
  EXPECT_TRUE(ValueSet::of(format("fx10.44")));
}

TEST(ValueSet, KnowsTheCodesOfEveryFormat) {
  EXPECT_TRUE(numbers::is_code(format("fx1.3"), 15));
  EXPECT_FALSE(numbers::is_code(format("fx1.3"), 16));
  EXPECT_FALSE(numbers::is_code(format("dfx4"), 8));
  EXPECT_TRUE(numbers::is_code(format("dfx4:wrap"), 8));
  EXPECT_FALSE(numbers::is_code(format("t2"), 2));
  EXPECT_TRUE(numbers::is_code(format("t2"), 3));
  EXPECT_TRUE(numbers::is_code(format("fp64"), ~std::uint64_t{0}));
}

}  // namespace
}  // namespace udnn::test
