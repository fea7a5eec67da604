// The products with a narrow accumulator, on every instruction set of this CPU, against exact sums rounded once.
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "src/ops/accumulator.h"
#include "tests/accumulator_oracle.h"
#include "tests/support.h"

namespace udnn::test {
namespace {

using ops::Accumulator;

Format format_of(std::string_view text) {
  auto format = parse_format(text);
  EXPECT_TRUE(format) << format.error().message();
  return *format;
}

// Values that meet the ends of rounding: few bits, so that sums are often half way between two values of the format;
// all bits; many magnitudes; and, `extreme`, whatever a carrier can hold.
enum class Range { kFewBits, kAllBits, kManyMagnitudes, kExtreme };

template <class T>
std::vector<T> operands(Range range, std::size_t count, unsigned seed) {
  std::mt19937_64 random(seed);
  const auto draw = [&](int low, int high) {
    return low + static_cast<int>(random() % static_cast<unsigned>(high - low + 1));
  };
  const auto all_bits = [&] {
    return static_cast<T>(std::ldexp(static_cast<double>(random() >> 11), -53)) * (draw(0, 1) ? T{1} : T{-1});
  };
  constexpr int kMost = std::numeric_limits<T>::max_exponent - 1;
  std::vector<T> values(count);
  for (T& value : values) switch (range) {
      case Range::kFewBits:
        value = static_cast<T>(std::ldexp(draw(-63, 63), draw(-9, -2)));
        break;
      case Range::kAllBits:
        value = all_bits() * T{2};
        break;
      case Range::kManyMagnitudes:
        value = draw(0, 2) == 0 ? static_cast<T>(std::ldexp(draw(-63, 63), draw(-30, 10)))
                                : std::ldexp(all_bits(), draw(-40, 20));
        break;
      case Range::kExtreme: {
        const T special[] = {0,
                             T{-0.0},
                             std::numeric_limits<T>::infinity(),
                             -std::numeric_limits<T>::infinity(),
                             std::numeric_limits<T>::quiet_NaN(),
                             std::numeric_limits<T>::max(),
                             std::numeric_limits<T>::denorm_min()};
        value = draw(0, 9) == 0 ? special[draw(0, 6)]
                                : std::ldexp(all_bits(), draw(0, 1) ? draw(-kMost - 20, kMost) : draw(-20, 20));
        break;
      }
    }
  return values;
}

template <class T>
bool same(T got, T want) {
  return std::isnan(want) ? std::isnan(got) : std::memcmp(&got, &want, sizeof(T)) == 0;
}

template <class T>
T one_step(const kernels::KernelTable& table, const Format& format, T start, T x, T y) {
  T c = start;
  const std::ptrdiff_t offset = 0;
  Accumulator<T>::create(format, table)
      ->run({.k_depth = 1,
             .k_outer = 1,
             .offsets = &offset,
             .a = &x,
             .a_row_stride = 1,
             .a_k_stride = 1,
             .b = &y,
             .b_stride = 1,
             .bias = nullptr,
             .c = &c,
             .c_stride = 1,
             .cols = 1,
             .accumulate = true},
            1, false, {}, {});
  return c;
}

struct Shape {
  std::size_t rows, cols, depth, outer;
  bool transposed, bias, accumulate, by_column;
  std::size_t phase_cut;  // products after which a second call goes on
};

class AccumulateKernels : public OnEveryIsa {
 protected:
  template <class T>
  void expect_definition(const Format& format, Range range, unsigned seed) {
    SCOPED_TRACE(testing::Message() << to_string(format) << '/' << format.chunk << ", " << sizeof(T) * 8
                                    << " bits, range " << static_cast<int>(range));
    if (format.exponent_bits == 8 && format.rounding == Rounding::kToOdd && sizeof(T) == sizeof(float))
      return;  // refused: see below
    std::mt19937 random(seed);
    const auto pick = [&](Sizes sizes) { return *(sizes.begin() + random() % sizes.size()); };
    for (int i = 0; i < 24 && !HasFatalFailure(); ++i) {
      Shape shape{.rows = pick({1, 2, 4, 5, 8, 9, 13}),
                  .cols = pick({1, 2, 3, 7, 8, 16, 17, 19}),
                  .depth = pick({0, 1, 2, 7, 20}),
                  .outer = pick({1, 1, 3}),
                  .transposed = random() % 2 == 0,
                  .bias = random() % 3 != 0,
                  .accumulate = random() % 4 == 0,
                  .by_column = random() % 4 == 0,
                  .phase_cut = 0};
      if (shape.depth > 1 && random() % 2 == 0) shape.phase_cut = 1 + random() % (shape.depth - 1);
      expect_product<T>(shape, format, range, seed + static_cast<unsigned>(i));
    }
  }

 private:
  template <class T>
  void expect_product(const Shape& s, const Format& format, Range range, unsigned seed) {
    SCOPED_TRACE(fmt::format("{} x {} x {} * {}{}{}{}{}, cut {}", s.rows, s.cols, s.outer, s.depth,
                             s.transposed ? ", transposed" : "", s.bias ? ", bias" : "",
                             s.accumulate ? ", accumulating" : "", s.by_column ? ", by column" : "", s.phase_cut));
    constexpr std::uint64_t kSeed = 0x123456789ABCDEF0;
    constexpr std::uint32_t kStep = 77, kTensor = 13;
    const auto accumulator = Accumulator<T>::create(format, isa(), kSeed, kTensor);
    ASSERT_TRUE(accumulator) << accumulator.error().message();
    AccumulatorOracle<T> oracle(format);
    oracle.draw_from(kSeed, kStep, kTensor, 2);
    // Elements of a row may be on both sides of 2^32.
    auto draw = accumulator->draw(ops::Product::kBackwardWeights, {kStep, (std::uint64_t{3} << 32U) - 9 * seed % 32});
    draw.element_stride = s.cols + seed % 3;
    const auto number_of = [&](std::size_t i, std::size_t j) { return draw.element + i * draw.element_stride + j; };
    const std::size_t element = s.by_column ? s.cols : 1, piece_stride = 11 * element, b_stride = s.cols + 1,
                      c_stride = s.cols + 5;
    const std::size_t row_stride = element * (s.transposed ? 1 : s.depth + 3),
                      k_stride = element * (s.transposed ? s.rows + 2 : 1);
    std::vector<std::ptrdiff_t> offsets;
    for (std::size_t o = 0; o < s.outer; ++o) offsets.push_back(static_cast<std::ptrdiff_t>(o * piece_stride));
    const std::size_t k = s.outer * s.depth, c_size = (s.rows - 1) * c_stride + s.cols;
    const std::size_t a_size =
        k == 0 ? 0 : (s.outer - 1) * piece_stride + (s.rows - 1) * row_stride + (s.depth - 1) * k_stride + element;
    const Edge edge = seed % 2 == 0 ? Edge::kEnd : Edge::kBegin;
    Guarded<T> a(operands<T>(range, a_size, seed), edge), bias(operands<T>(range, s.cols, seed + 1), edge);
    Guarded<T> b(operands<T>(range, k == 0 ? 0 : (k - 1) * b_stride + s.cols, seed + 2), edge);
    std::vector<T> start(c_size, kPoison<T>);
    if (s.accumulate) {
      const auto values = operands<T>(range, c_size, seed + 3);
      for (std::size_t i = 0; i < c_size; ++i)
        if (i % c_stride < s.cols) start[i] = oracle.rounded(values[i]);
    }
    Guarded<T> c(start, edge), partial(std::vector<T>(c_size, kPoison<T>), edge);

    kernels::GemmArgs<T> args{.k_depth = s.depth,
                              .k_outer = s.outer,
                              .offsets = offsets.data(),
                              .a = a.data(),
                              .a_row_stride = static_cast<std::ptrdiff_t>(row_stride),
                              .a_k_stride = static_cast<std::ptrdiff_t>(k_stride),
                              .b = b.data(),
                              .b_stride = b_stride,
                              .bias = s.bias ? bias.data() : nullptr,
                              .c = c.data(),
                              .c_stride = c_stride,
                              .cols = s.cols,
                              .accumulate = s.accumulate};
    if (s.phase_cut == 0 || s.outer > 1) {
      accumulator->run(args, s.rows, s.by_column, {.products = 0, .ends = true, .partial = nullptr}, draw);
    } else {
      args.k_depth = s.phase_cut;
      accumulator->run(args, s.rows, s.by_column, {.products = 0, .ends = false, .partial = partial.data()}, draw);
      args.a += static_cast<std::ptrdiff_t>(s.phase_cut * k_stride);
      args.b += s.phase_cut * b_stride;
      args.k_depth = s.depth - s.phase_cut;
      args.accumulate = true;
      accumulator->run(args, s.rows, s.by_column, {.products = s.phase_cut, .ends = true, .partial = partial.data()},
                       draw);
    }

    for (std::size_t i = 0; i < s.rows; ++i) {
      for (std::size_t j = 0; j < s.cols; ++j) {
        std::vector<T> left, right;
        for (std::size_t o = 0; o < s.outer; ++o)
          for (std::size_t d = 0; d < s.depth; ++d) {
            left.push_back(a.data()[o * piece_stride + i * row_stride + d * k_stride + (s.by_column ? j : 0)]);
            right.push_back(b.data()[(o * s.depth + d) * b_stride + j]);
          }
        const T from = s.accumulate ? start[i * c_stride + j]
                       : s.bias     ? oracle.rounded(bias.data()[j], number_of(i, j))
                                    : T{0};
        const T want = oracle.chain(from, left, right, number_of(i, j)), got = c.data()[i * c_stride + j];
        ASSERT_TRUE(same(got, want)) << "at [" << i << ", " << j << "]: " << got << ", expected " << want;
      }
      for (std::size_t j = s.cols; j < c_stride && i + 1 < s.rows; ++j)
        ASSERT_EQ(c.data()[i * c_stride + j], kPoison<T>) << "wrote outside, at [" << i << ", " << j << "]";
    }
  }

  template <class T>
  static constexpr T kPoison = T{-12345};
};

constexpr const char* kModes[] = {"", ":rna", ":rtz", ":rup", ":rdn", ":odd"};

TEST_P(AccumulateKernels, RoundFloatsOnceInEveryMode) {
  unsigned seed = 1;
  for (const char* name :
       {"f6.5", "f5.2", "e4m3", "f6.9", "bf16", "f8.5", "f5.1", "f3.4", "f7.14", "f8.21", "f1.3", "f2.2"})
    for (const char* mode : kModes)
      for (const Range range : {Range::kFewBits, Range::kAllBits, Range::kManyMagnitudes, Range::kExtreme})
        expect_definition<float>(format_of(std::string(name) + mode), range, seed += 40);
}

TEST_P(AccumulateKernels, RoundFixedPointOnceInEveryMode) {
  unsigned seed = 1;
  for (const char* name : {"fx4.4", "fx8.8", "fx8.8:wrap", "fx2.3:wrap", "ufx4.4", "ufx6.2:wrap", "fx12.11", "fx-2.8",
                           "fx9.-3", "fx1.21:wrap"})
    for (const char* mode : kModes)
      for (const Range range : {Range::kFewBits, Range::kAllBits, Range::kManyMagnitudes, Range::kExtreme})
        expect_definition<float>(format_of(std::string(name) + mode), range, seed += 40);
}

// Wrapping is quick where sums are not far beyond the ends, and else exact at length: sums about every power of two, of
// which each is near or far, with rests about a half that a lane may have no bits for.
TEST_P(AccumulateKernels, WrapNearAndFarBeyondTheEnds) {
  std::mt19937_64 random(5);
  const auto expect = [&]<class T>(const char* name, T) {
    for (const char* mode : kModes) {
      const Format format = format_of(std::string(name) + mode);
      AccumulatorOracle<T> oracle(format);
      constexpr int kDigits = std::numeric_limits<T>::digits;
      for (int i = 0; i < 1'000; ++i) {
        const int power = static_cast<int>(random() % static_cast<unsigned>(kDigits + 4));  // of the product, in codes
        const T halves = std::ldexp(T{1}, power) + static_cast<T>(random() % 9) / T{4} - T{1};
        T x = std::ldexp(halves, -format.fraction_bits);
        T y = T{1} + static_cast<T>(static_cast<int>(random() % 5) - 2) * std::numeric_limits<T>::epsilon() / T{2};
        if (random() % 2 == 0) x = -x;
        if (random() % 4 == 0) y = std::ldexp(y, -3);
        const T start = oracle.rounded(std::ldexp(static_cast<T>(random() % 4096), 3 - format.fraction_bits));
        const T got = one_step(isa(), format, start, x, y), want = oracle.chain(start, {x}, {y});
        ASSERT_TRUE(same(got, want)) << to_string(format) << ": " << start << " + " << x << " * " << y << " gives "
                                     << got << ", expected " << want;
      }
    }
  };
  for (const char* name : {"fx8.8:wrap", "ufx6.2:wrap", "fx9.9:wrap", "fx12.11:wrap", "fx1.0:wrap"}) expect(name, 0.0F);
  for (const char* name : {"fx8.8:wrap", "ufx27.20:wrap", "fx27.20:wrap"}) expect(name, 0.0);
}

TEST_P(AccumulateKernels, RoundOnceInDouble) {
  unsigned seed = 1;
  for (const char* name : {"f6.5", "fp32", "e4m3", "bf16", "f10.50", "f10.3", "fx4.4", "fx20.32", "fx8.8:wrap",
                           "ufx27.20:wrap", "fx500.-470"})
    for (const char* mode : kModes)
      for (const Range range : {Range::kFewBits, Range::kAllBits, Range::kManyMagnitudes, Range::kExtreme})
        expect_definition<double>(format_of(std::string(name) + mode), range, seed += 40);
}

TEST_P(AccumulateKernels, OverflowAndFlushAsTheFormatSays) {
  unsigned seed = 1;
  for (const char* name :
       {"f3.4:sat", "f3.4:inf", "f3.4:nan", "e4m3:nan", "f4.3:ftz", "f4.3:ftz:sat", "bf16:ftz", "bf16:sat"})
    for (const char* mode : kModes)
      for (const Range range : {Range::kFewBits, Range::kManyMagnitudes, Range::kExtreme})
        expect_definition<float>(format_of(std::string(name) + mode), range, seed += 40);
}

TEST_P(AccumulateKernels, RoundAfterEveryChunk) {
  unsigned seed = 1;
  for (const char* name : {"f6.5", "e4m3", "bf16:rup", "fx4.4", "fx8.8:wrap"})
    for (const int chunk : {1, 2, 3, 7, 64})
      for (const Range range : {Range::kFewBits, Range::kAllBits, Range::kManyMagnitudes}) {
        Format format = format_of(name);
        format.chunk = chunk;
        expect_definition<float>(format, range, seed += 40);
        expect_definition<double>(format, range, seed += 40);
      }
}

// Of every range of significant and random bits that lanes of float hold, just do not hold, and that double holds; the
// draws of the element and of the rounding, through chunks that go on from one call to the next.
TEST_P(AccumulateKernels, RoundStochastically) {
  unsigned seed = 1;
  for (const char* name :
       {"f6.5:sr",          "f6.5:sr18",      "f6.5:sr19",       "e5m2:sr8",    "e4m3:sr7",      "f4.3:sr16:ftz",
        "f5.1:sr1",         "f1.3:sr12",      "bf16:sr16",       "bf16:sr",     "f8.21:sr31",    "f7.14:sr9",
        "f3.4:sr9:sat",     "f3.4:sr9:nan",   "fx8.8:sr",        "fx8.8:sr8",   "fx8.8:sr9",     "ufx4.4:sr16",
        "ufx4.4:sr17",      "fx12.11:sr31",   "fx-2.8:sr5",      "fx9.-3:sr20", "fx4.8:sr:wrap", "fx4.8:sr8:wrap",
        "ufx6.2:sr12:wrap", "fx9.9:sr2:wrap", "fx1.21:sr28:wrap"})
    for (const int chunk : {0, 7}) {
      Format format = format_of(name);
      format.chunk = chunk;
      for (const Range range : {Range::kFewBits, Range::kAllBits, Range::kManyMagnitudes, Range::kExtreme}) {
        if (chunk > 1 && range == Range::kExtreme) continue;
        expect_definition<float>(format, range, seed += 40);
        expect_definition<double>(format, range, seed += 40);
      }
    }
  for (const char* name : {"fp32:sr29", "f10.50:sr2", "fx20.31:sr2", "fx500.-470:sr8", "ufx27.20:sr2:wrap"})
    for (const Range range : {Range::kAllBits, Range::kManyMagnitudes, Range::kExtreme})
      expect_definition<double>(format_of(name), range, seed += 40);
}

// One element for each of the 2^K draws: with at most K bits dropped their mean is the exact sum.
TEST_P(AccumulateKernels, HaveTheExactSumAsExpectation) {
  constexpr std::size_t kElements = 1 << 13;
  const struct {
    const char* format;
    double start, a, b;
  } cases[] = {{"f6.5:sr8", 1.0, 0.6875, 0.015625 * 1.25}, {"f6.5:sr8", -1.0, 0.0625, 0.15625},
               {"e4m3:sr8", 0x1p-9, 0x1p-9, 0.421875},     {"bf16:sr9", 3.0, -0.4375, 0x1p-10 * 13},
               {"fx4.4:sr7", -1.5, 0.25, 0.34375},         {"fx4.4:sr7:wrap", -8.0, 0.25, 0.34375},
               {"fx4.4:sr7", 0.0, -0.25, 0.0546875}};
  for (const auto& one : cases) {
    const Format format = format_of(one.format);
    AccumulatorOracle<float> oracle(format);
    const auto accumulator = Accumulator<float>::create(format, isa(), 1, 2);
    oracle.draw_from(1, 3, 2, 0);
    const auto a = static_cast<float>(one.a);
    const std::vector<float> b(kElements, static_cast<float>(one.b));
    std::vector<float> c(kElements, static_cast<float>(one.start));
    const std::ptrdiff_t offset = 0;
    accumulator->run({.k_depth = 1,
                      .k_outer = 1,
                      .offsets = &offset,
                      .a = &a,
                      .a_row_stride = 1,
                      .a_k_stride = 1,
                      .b = b.data(),
                      .b_stride = kElements,
                      .bias = nullptr,
                      .c = c.data(),
                      .c_stride = kElements,
                      .cols = kElements,
                      .accumulate = true},
                     1, false, {}, accumulator->draw(ops::Product::kForward, {.step = 3}));
    const std::size_t draws = std::size_t{1} << format.random_bits;
    std::vector<bool> seen(draws);
    double sum = 0;
    for (std::size_t e = 0; e < kElements; ++e) {
      const std::uint32_t draw = oracle.draw(e, 1);
      if (!seen[draw]) sum += static_cast<double>(c[e]);
      seen[draw] = true;
    }
    ASSERT_EQ(std::count(seen.begin(), seen.end(), true), draws) << one.format;
    EXPECT_EQ(sum / static_cast<double>(draws), one.start + one.a * one.b) << one.format;
  }
}

// However rows and columns are cut, and in whatever lanes: the same bytes.
TEST_P(AccumulateKernels, DrawForTheElementAndNotForItsPlaceInATile) {
  constexpr std::size_t kRows = 13, kCols = 37, kDepth = 50;
  const auto a = operands<float>(Range::kAllBits, kRows * kDepth, 1),
             b = operands<float>(Range::kAllBits, kDepth * kCols, 2), bias = operands<float>(Range::kAllBits, kCols, 3);
  const std::ptrdiff_t offset = 0;
  for (const char* name : {"f6.5:sr", "e5m2:sr8", "fx4.8:sr16", "fx4.8:sr8:wrap", "e5m2:sr8/16", "fx8.8:sr:wrap/7"}) {
    Format format = format_of(std::string_view(name).substr(0, std::string_view(name).find('/')));
    if (const auto slash = std::string_view(name).find('/'); slash != std::string_view::npos)
      format.chunk = std::atoi(name + slash + 1);
    const auto run = [&](const kernels::KernelTable& table, std::size_t height, std::size_t width) {
      const auto accumulator = Accumulator<float>::create(format, table, 5, 6);
      std::vector<float> c(kRows * kCols);
      for (std::size_t i = 0; i < kRows; i += height)
        for (std::size_t j = 0; j < kCols; j += width) {
          auto draw = accumulator->draw(ops::Product::kForward, {.step = 1, .first_element = i * kCols + j});
          draw.element_stride = kCols;
          accumulator->run({.k_depth = kDepth,
                            .k_outer = 1,
                            .offsets = &offset,
                            .a = a.data() + i * kDepth,
                            .a_row_stride = kDepth,
                            .a_k_stride = 1,
                            .b = b.data() + j,
                            .b_stride = kCols,
                            .bias = bias.data() + j,
                            .c = c.data() + i * kCols + j,
                            .c_stride = kCols,
                            .cols = std::min(width, kCols - j),
                            .accumulate = false},
                           std::min(height, kRows - i), false, {}, draw);
        }
      return c;
    };
    const auto want = run(*machine::usable_kernel_tables().back(), kRows, kCols);
    EXPECT_EQ(run(isa(), kRows, kCols), want) << name;
    EXPECT_EQ(run(isa(), 3, 5), want) << name;
    EXPECT_EQ(run(isa(), 1, 19), want) << name;
  }
}

// Chains are long: the number of a rounding has more than 32 bits, and so has that of its block.
TEST_P(AccumulateKernels, DrawForRoundingsOfAnyNumber) {
  const std::ptrdiff_t offset = 0;
  const float one = 1;
  for (const char* name : {"f6.5:sr", "e5m2:sr8", "fx4.4:sr12:wrap"})
    for (const std::size_t products : {std::size_t{3}, std::size_t{1} << 32U, (std::size_t{5} << 36U) + 7}) {
      const Format format = format_of(name);
      AccumulatorOracle<float> oracle(format);
      oracle.draw_from(1, 2, 3, 0);
      const auto accumulator = Accumulator<float>::create(format, isa(), 1, 3);
      std::vector<float> c = operands<float>(Range::kAllBits, 40, 1);
      const std::vector<float> b = operands<float>(Range::kAllBits, 40, 2);
      for (float& value : c) value = oracle.rounded(value);
      const std::vector<float> start = c;
      accumulator->run({.k_depth = 1,
                        .k_outer = 1,
                        .offsets = &offset,
                        .a = &one,
                        .a_row_stride = 0,
                        .a_k_stride = 0,
                        .b = b.data(),
                        .b_stride = 40,
                        .bias = nullptr,
                        .c = c.data(),
                        .c_stride = 40,
                        .cols = 40,
                        .accumulate = true},
                       1, false, {.products = products}, accumulator->draw(ops::Product::kForward, {.step = 2}));
      for (std::size_t e = 0; e < c.size(); ++e)
        ASSERT_EQ(c[e], oracle.sum(start[e], b[e], e, products + 1)) << name << ", " << products << ", " << e;
    }
}

// Sums that are half way only when they have been rounded to the carrier first: 5/8 * 13/8 = 65/64 is half way between
// two values of f6.5.
TEST_P(AccumulateKernels, SeeATinyTermBesideAProductThatIsHalfWay) {
  const float product_is_half_way[] = {0.625F, 1.625F};
  const auto step = [&](const char* format, float start, float sign) {
    return one_step(isa(), format_of(format), start, sign * product_is_half_way[0], product_is_half_way[1]);
  };
  EXPECT_EQ(step("f6.5", 0, 1), 1.0F);
  EXPECT_EQ(step("f6.5", 0x1p-24F, 1), 1.03125F);
  EXPECT_EQ(step("f6.5", 0x1p-30F, 1), 1.03125F);
  EXPECT_EQ(step("f6.5", -0x1p-30F, 1), 1.0F);
  EXPECT_EQ(step("f6.5", 0x1p-30F, -1), -1.0F);
  EXPECT_EQ(step("f6.5", -0x1p-30F, -1), -1.03125F);
  EXPECT_EQ(step("f6.5:rna", -0x1p-30F, 1), 1.0F);
  EXPECT_EQ(step("f6.5:rna", 0, 1), 1.03125F);
}

TEST_P(AccumulateKernels, AddSumsAsTheyAddProducts) {
  for (const char* name : {"f6.5", "fx8.8:wrap", "bf16:rdn"}) {
    AccumulatorOracle<float> oracle(format_of(name));
    std::vector<float> sums = operands<float>(Range::kManyMagnitudes, 53, 1),
                       terms = operands<float>(Range::kManyMagnitudes, 53, 2);
    for (std::vector<float>* values : {&sums, &terms})
      for (float& value : *values) value = oracle.rounded(value);
    auto got = sums;
    Accumulator<float>::create(format_of(name), isa())->add(got.size(), terms.data(), got.data(), {});
    for (std::size_t i = 0; i < got.size(); ++i)
      ASSERT_TRUE(same(got[i], oracle.sum(sums[i], terms[i]))) << name << " at " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, AccumulateKernels, testing::ValuesIn(machine::usable_carrier_tables()), isa_name);

template <class T>
std::string refusal(std::string_view text) {
  const auto made = Accumulator<T>::create(format_of(text), *machine::usable_carrier_tables().front());
  return made ? "accepted" : made.error().message();
}

TEST(AccumulatorFormat, SaysWhyItCannotBeOne) {
  EXPECT_EQ(refusal<float>("int8"),
            "int8: no accumulator: the running sum of a product is fE.M, e4m3, fxI.F or ufxI.F");
  EXPECT_EQ(refusal<float>("dfx8"),
            "dfx8: no accumulator: the running sum of a product is fE.M, e4m3, fxI.F or ufxI.F");
  EXPECT_EQ(refusal<float>("f6.5:sr"), "accepted");
  EXPECT_EQ(refusal<float>("f8.21:sr"),
            "f8.21:sr: 22 significant and 32 random bits, expected at most 53 together of an accumulator, as with "
            "sr31");
  EXPECT_EQ(refusal<float>("f8.21:sr31"), "accepted");
  EXPECT_EQ(refusal<float>("fx9.10:sr:wrap"),
            "fx9.10:sr:wrap: 18 significant and 32 random bits, expected at most 49 together of an accumulator, as "
            "with sr31");
  EXPECT_EQ(refusal<float>("fx9.9:sr:wrap"), "accepted");
  EXPECT_EQ(refusal<float>("f6.22"),
            "f6.22: 23 significant bits, expected at most 22 of an accumulator in the float carrier");
  EXPECT_EQ(refusal<double>("f6.22"), "accepted");
  EXPECT_EQ(refusal<double>("fx2.51"),
            "fx2.51: 52 significant bits, expected at most 51 of an accumulator in the double carrier");
  EXPECT_EQ(refusal<double>("f11.8"),
            "f11.8: 11 exponent bits, expected at most 10 of an accumulator in the double carrier");
  EXPECT_EQ(refusal<double>("fx9.40:wrap"),
            "fx9.40:wrap: 48 significant bits, expected at most 47 of an accumulator in the double carrier");
  EXPECT_EQ(refusal<float>("bf16:odd"),
            "bf16:odd: 8 exponent bits, expected at most 7 of an accumulator in the float carrier");
  EXPECT_EQ(refusal<double>("bf16:odd"), "accepted");
  EXPECT_EQ(refusal<float>("f6.0"), "f6.0: no mantissa bits, expected at least 1 of an accumulator");
  EXPECT_EQ(refusal<float>("e3m2"), "accepted");
  EXPECT_EQ(
      refusal<float>("fx200.-190"),
      "fx200.-190: codes from 2^190 to 2^199, expected within 2^-126 and 2^126 of an accumulator in the float carrier");
}

TEST(AccumulatorFormat, IsTheCarrierWhereNothingIsRounded) {
  const auto& table = *machine::usable_carrier_tables().front();
  EXPECT_TRUE(Accumulator<float>::create(format_of("fp32"), table)->is_carrier());
  EXPECT_TRUE(Accumulator<double>::create(format_of("fp64"), table)->is_carrier());
  EXPECT_FALSE(Accumulator<double>::create(format_of("fp32"), table)->is_carrier());
  EXPECT_TRUE(ops::accumulates_in_float(format_of("fp32")));
  EXPECT_TRUE(ops::accumulates_in_float(format_of("f8.21")));
  EXPECT_FALSE(ops::accumulates_in_float(format_of("fp32:rtz")));
  EXPECT_FALSE(ops::accumulates_in_float(format_of("fx10.14")));
}

}  // namespace
}  // namespace udnn::test
