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

using numbers::Count;
using numbers::ExactValue;
using numbers::Magnitude;
using numbers::Missing;
using numbers::ValueGrid;
using numbers::ValueSet;

constexpr std::size_t kFew = 12;

ValueSet set_of(std::string_view text) { return ValueSet::of(format(text)); }

ValueSet grid_of(std::string_view text) {
  const auto grid = numbers::value_grid(format(text));
  EXPECT_TRUE(grid) << text;
  return ValueSet::of(grid ? *grid : ValueGrid{});
}

/// The first missing values, of which each is a double.
std::vector<double> doubles_in(const Missing& missing) {
  std::vector<double> values;
  for (const ExactValue& value : missing.first) {
    EXPECT_TRUE(value.magnitude.is_double());
    values.push_back(value.nearest());
  }
  return values;
}

const char* const kSmall[] = {
    "f4.3",     "e4m3",           "e5m2",       "f1.0",      "f1.3",      "f2.0",           "f2.1",       "f5.5",
    "f8.0",     "f11.1",          "fx2.6",      "fx1.0",     "fx-2.10",   "fx10.-2",        "fx4.4",      "ufx2.6",
    "ufx8.0",   "ufx-1.9",        "dfx4",       "dfx9",      "dfx4:wrap", "int8",           "uint8",      "t2",
    "b1",       "b1:unit",        "fx1.5",      "fx100.-90", "f6.3",      "dfx8:fix=0.125", "dfx8:fix=8", "f5.10",
    "posit2.0", "posit3.4",       "posit5.1",   "posit8.0",  "posit8.2",  "posit9.4",       "posit12.1",  "bfp4/8",
    "mxint8",   "mxint8:fix=0.5", "mxfp6:fix=4"};

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
  EXPECT_EQ(doubles_in(missing), (std::vector<double>{0x1p-1074, -0x1p-1074, 0x1p-1073}));
  EXPECT_EQ(Missing::of(fp32, bf16, 0).count, kFloats - bf16.size());

  // Integers of 32 bits that a float lacks: the first is 2^24 + 1.
  const ValueSet integers = set_of("fx32.0");
  EXPECT_EQ(integers.size(), std::uint64_t{1} << 32U);
  const Missing beyond = Missing::of(integers, fp32, 3);
  EXPECT_EQ(doubles_in(beyond), (std::vector<double>{16777217, -16777217, 16777219}));
  // Per sign: all up to 2^24, then 2^23 in each of the powers of two 24 .. 30; -2^31 too.
  const std::uint64_t kept = 2 * ((std::uint64_t{1} << 24U) - 1 + 7 * (std::uint64_t{1} << 23U)) + 1 + 1;
  EXPECT_EQ(beyond.count, (std::uint64_t{1} << 32U) - kept);

  // Cut off by an end within a power of two.
  EXPECT_EQ(doubles_in(Missing::of(set_of("ufx20.0"), set_of("dfx20"), 2)), (std::vector<double>{524288, 524289}));
}

TEST(ValueSet, CountsAFormatOf24BitsAsALoopDoes) {
  const ValueSet fixed = set_of("fx8.16"), narrow = set_of("f5.12");
  std::uint64_t kept = 0;
  for (std::int32_t code = -(1 << 23); code < 1 << 23; ++code) kept += narrow.contains(std::ldexp(code, -16)) ? 1 : 0;
  EXPECT_EQ(Missing::of(fixed, narrow, 0).count, (std::uint64_t{1} << 24U) - kept);
}

TEST(ValueSet, CountsAPositOf18BitsAsALoopDoes) {
  const auto coder = quantizer<double>(format("posit18.2"), *kernels::all_kernel_tables().back());
  std::vector<double> all;
  for (std::uint64_t code = 0; code < std::uint64_t{1} << 18U; ++code)
    if (const double value = coder.decode(code, {}); std::isfinite(value)) all.push_back(value);
  const ValueSet posit = set_of("posit18.2");
  EXPECT_EQ(posit.size(), all.size());
  for (const char* name : {"fp32", "bf16", "fx8.16", "posit17.1", "posit20.2", "posit16.3", "fx20.44", "po25"}) {
    SCOPED_TRACE(name);
    const ValueSet other = set_of(name);
    Count kept = 0;
    for (const double value : all) kept += other.contains(value) ? 1 : 0;
    EXPECT_EQ(Missing::of(posit, other, 0).count, all.size() - kept);
    EXPECT_EQ(Missing::of(other, posit, 0).count, other.size() - kept);
    for (const double value : doubles_in(Missing::of(posit, other, kFew))) EXPECT_FALSE(other.contains(value)) << value;
  }
}

TEST(ValueSet, CountsPositsOf32Bits) {
  const ValueSet posit = set_of("posit32.2"), fp32 = set_of("fp32");
  EXPECT_EQ(posit.size(), (std::uint64_t{1} << 32U) - 1);  // all strings but NaR
  EXPECT_EQ(posit.largest(), 0x1p120);
  EXPECT_EQ(posit.least_positive(), 0x1p-120);
  EXPECT_EQ(posit.count_within(1, 2), std::uint64_t{1} << 27U);
  EXPECT_EQ(Missing::of(posit, set_of("fp64"), kFew).count, 0U);
  // 27 bits of fraction from 2^-4 to 2^4, where fp32 has 23; one less with each run of four powers of two.
  EXPECT_EQ(Missing::of(posit, fp32, 0).count, 2 * 8 * std::uint64_t{(15 + 7 + 3 + 1) << 23U});
  const Missing missing = Missing::of(posit, fp32, 2);
  EXPECT_EQ(doubles_in(missing), (std::vector<double>{0x1.000001p-16, -0x1.000001p-16}));
  EXPECT_EQ(Missing::of(fp32, posit, 0).count + posit.size(), fp32.size() + Missing::of(posit, fp32, 0).count);
}

TEST(ValueSet, CountsFixedPointOf64Bits) {
  const Count all = Count{1} << 64U;
  const ValueSet whole = set_of("fx64.0"), half = set_of("fx32.32"), positive = set_of("ufx64.0"),
                 fp64 = set_of("fp64");
  for (const ValueSet* set : {&whole, &half, &positive}) EXPECT_TRUE(set->size() == all);
  EXPECT_TRUE(set_of("dfx64").size() == all - 1);
  EXPECT_TRUE(set_of("dfx64:wrap").size() == all);
  EXPECT_TRUE(whole.count_within(-0x1p63, 0x1p63) == all);
  EXPECT_TRUE(whole.count_within(-0x1p63, 0) == all / 2);
  EXPECT_EQ(half.count_within(1, 2), std::uint64_t{1} << 32U);
  EXPECT_EQ(whole.lowest(), -0x1p63);
  EXPECT_TRUE(whole.contains(-0x1p63));
  EXPECT_FALSE(whole.contains(0x1p63));
  EXPECT_TRUE(positive.contains(0x1p63));

  // Integers that a double lacks: in the powers of two 53 .. 62 all but 2^52 of each, and -2^63 it has.
  Count lacked = 0;
  for (int k = 53; k <= 62; ++k) lacked += 2 * ((Count{1} << k) - (Count{1} << 52U));
  const Missing missing = Missing::of(whole, fp64, 3);
  EXPECT_TRUE(missing.count == lacked);
  const std::uint64_t first = (std::uint64_t{1} << 53U) + 1;
  EXPECT_EQ(missing.first, (std::vector<ExactValue>{{false, {first, 0}}, {true, {first, 0}}, {false, {first + 2, 0}}}));
  EXPECT_FALSE(missing.first[0].magnitude.is_double());

  // One end more, and a spacing between.
  const Missing lowest = Missing::of(whole, set_of("dfx64"), 3);
  EXPECT_EQ(lowest.count, 1U);
  EXPECT_EQ(lowest.first, (std::vector<ExactValue>{{true, {1, 63}}}));
  EXPECT_TRUE(Missing::of(positive, whole, 0).count == all / 2);
  EXPECT_EQ(Missing::of(positive, whole, 1).first, (std::vector<ExactValue>{{false, {1, 63}}}));
  EXPECT_TRUE(Missing::of(half, whole, 0).count == all - (Count{1} << 32U));
  EXPECT_EQ(Missing::of(set_of("ufx0.64"), set_of("ufx0.63"), 1).first, (std::vector<ExactValue>{{false, {1, -64}}}));
  EXPECT_EQ(Missing::of(set_of("fx27.27"), fp64, 0).count, 0U);
  EXPECT_EQ(Missing::of(set_of("e4m3"), half, 0).count, 0U);
}

TEST(Magnitude, IsOrderedAsItsValue) {
  const Magnitude ascending[] = {{},
                                 Magnitude::of(0x1p-1074),
                                 Magnitude::of(3, -2),
                                 Magnitude::of(1.0),
                                 Magnitude::of(~std::uint64_t{0}, -63),
                                 Magnitude::of(2.0),
                                 Magnitude::of(1e308),
                                 Magnitude::of(std::numeric_limits<double>::infinity())};
  for (std::size_t i = 0; i < std::size(ascending); ++i)
    for (std::size_t j = 0; j < std::size(ascending); ++j) {
      EXPECT_EQ(ascending[i] < ascending[j], i < j) << i << " " << j;
      EXPECT_EQ(ascending[i] == ascending[j], i == j) << i << " " << j;
    }
  EXPECT_EQ(Magnitude::of(8, 0), (Magnitude{1, 3}));
  EXPECT_EQ(Magnitude::of(0.75).nearest(), 0.75);
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
