// The wide carrier: rounding, codes and products above 53 bits, against integers of 128 bits, MPFR and the double
// carrier.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <mpfr.h>

#include "src/base/philox.h"
#include "tests/cases.h"
#include "tests/numbers_support.h"
#include "tests/support.h"

namespace udnn::test {
namespace {

using Carrier = kernels::Wide;
using numbers::Draw;
using numbers::Quantizer;
using numbers::TensorStatistics;
__extension__ using Integer = unsigned __int128;

constexpr const char* kRoundings[] = {"rne", "rna", "rtz", "rup", "rdn", "odd", "sr", "sr7"};

const kernels::KernelTable& any_table() { return *kernels::all_kernel_tables().back(); }

bool same_value(Carrier a, Carrier b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

/// Values of every magnitude, zeros, ends of the number line, and neighbours of powers of two.
std::vector<double> doubles(std::size_t count, unsigned seed) {
  std::mt19937_64 random(seed);
  std::vector<double> values = {0.0, -0.0, INFINITY, -INFINITY, NAN, 0x1p-1074, -0x1p-1074, 0x1.fffffffffffffp1023};
  while (values.size() < count) {
    const int exponent = static_cast<int>(random() % 60) - 40;
    double value = std::ldexp(static_cast<double>(random() >> 11), exponent - 52);
    if (random() % 4 == 0) value = std::nextafter(std::ldexp(1.0, exponent), random() % 2 == 0 ? 0 : 4);
    if (random() % 64 == 0) value = std::bit_cast<double>(random());
    values.push_back(random() % 2 == 0 ? value : -value);
  }
  return values;
}

// What fits a double must not depend on the carrier: the vectorised kernels and these loops are written differently.
TEST(WideQuantizer, RoundsDoublesAsTheDoubleCarrierDoes) {
  const std::vector<double> x = doubles(20'000 / kThoroughness, 1);
  const std::vector<Carrier> wide_x(x.begin(), x.end());
  std::size_t cases = 0;
  for (const char* name :
       {"fp16",     "f1.3",       "f4.0",        "f8.7",  "f11.20",     "f10.51", "e4m3",    "e5m2",   "e2m1",
        "e4m3:nan", "f5.10:sat",  "f5.2:ftz",    "fx2.6", "fx1.0",      "fx8.24", "fx12.41", "ufx3.5", "ufx-2.40",
        "fx10.-3",  "fx4.4:wrap", "ufx4.4:wrap", "dfx8",  "dfx20:wrap", "b1",     "t2"})
    for (const char* rounding : kRoundings) {
      const auto parsed = parse_format(fmt::format("{}:{}", name, rounding));
      if (!parsed) continue;  // b1 and t2 have no rounding
      const auto narrow = quantizer<double>(*parsed, any_table());
      const auto wide = quantizer<Carrier>(*parsed, any_table());
      const Scale scale{.unit = 0.125, .threshold = 0.25};
      std::vector<double> q(x.size());
      std::vector<Carrier> wide_q(x.size());
      TensorStatistics said, wide_said;
      const Draw draw{.seed = 5, .step = 2, .tensor = 3};
      narrow.run(x.data(), q.data(), x.size(), 7, draw, scale, &said);
      wide.run(wide_x.data(), wide_q.data(), x.size(), 7, draw, scale, &wide_said);
      for (std::size_t i = 0; i < x.size(); ++i)
        ASSERT_TRUE(same_value(q[i], wide_q[i]))
            << to_string(*parsed) << " of " << x[i] << ": " << q[i] << ", wide " << wide_q[i];
      EXPECT_EQ(said.zeros_in, wide_said.zeros_in) << to_string(*parsed);
      EXPECT_EQ(said.zeros_out, wide_said.zeros_out) << to_string(*parsed);
      EXPECT_EQ(said.saturated, wide_said.saturated) << to_string(*parsed);
      EXPECT_EQ(said.non_finite, wide_said.non_finite) << to_string(*parsed);
      EXPECT_EQ(said.max_abs, wide_said.max_abs) << to_string(*parsed);
      cases += x.size();
    }
  expect_cases(cases, 3'000'000 / kThoroughness);
}

/// A value of 64 significant bits, and what it is made of.
struct Exact {
  std::uint64_t significand;
  int exponent;
  bool is_negative;

  Carrier value() const {
    const Carrier magnitude = std::ldexp(static_cast<Carrier>(significand), exponent);
    return is_negative ? -magnitude : magnitude;
  }
};

/// The code of a value in fixed point: whole and rest of significand * 2^(exponent + fraction_bits), in 128 bits.
Carrier fixed_oracle(const Format& format, const Exact& x, std::uint32_t word) {
  const int up = x.exponent + format.fraction_bits;  // at most 8
  Integer whole = 0, rest = 0, one = 1;              // rest / one of a step
  if (up >= 0) {
    whole = Integer{x.significand} << up;
  } else if (up > -64) {
    whole = x.significand >> -up;
    rest = x.significand - (static_cast<std::uint64_t>(whole) << -up);
    one = Integer{1} << -up;
  } else {
    rest = x.significand;
    one = up > -120 ? Integer{1} << -up : Integer{1} << 120;
  }
  bool goes_on = false;
  switch (format.rounding) {
    case Rounding::kNearestEven:
      goes_on = 2 * rest > one || (2 * rest == one && whole % 2 == 1);
      break;
    case Rounding::kNearestAway:
      goes_on = 2 * rest >= one && rest != 0;
      break;
    case Rounding::kTowardZero:
      break;
    case Rounding::kUp:
      goes_on = rest != 0 && !x.is_negative;
      break;
    case Rounding::kDown:
      goes_on = rest != 0 && x.is_negative;
      break;
    case Rounding::kToOdd:
      goes_on = rest != 0 && whole % 2 == 0;
      break;
    case Rounding::kStochastic: {
      // The first K bits of the rest and the K upper bits of the word: does their sum carry?
      const int k = format.random_bits;
      Integer cut = 0, left = rest;
      for (int bit = 0; bit < k; ++bit) {
        left *= 2;
        cut = 2 * cut + (left >= one ? 1 : 0);
        if (left >= one) left -= one;
      }
      goes_on = cut + (word >> (32 - k)) >= Integer{1} << k;
      break;
    }
  }
  whole += goes_on ? 1 : 0;
  const bool is_signed = format.family == Family::kFixed;
  const Integer modulus = Integer{1} << format.bits, highest = (is_signed ? modulus / 2 : modulus) - 1;
  const auto scaled = [&](Integer code, bool is_negative) {
    const Carrier magnitude = std::ldexp(static_cast<Carrier>(static_cast<std::uint64_t>(code >> 1)) * 2 +
                                             static_cast<Carrier>(static_cast<unsigned>(code & 1)),
                                         -format.fraction_bits);
    return is_negative && code != 0 ? -magnitude : magnitude;
  };
  if (format.overflow == Overflow::kWrap) {
    const Integer low = (x.is_negative ? modulus - whole % modulus : whole) % modulus;
    return low > highest ? scaled(modulus - low, true) : scaled(low, false);
  }
  if (x.is_negative) return is_signed ? scaled(std::min(whole, highest + 1), true) : 0;
  return scaled(std::min(whole, highest), false);
}

// Codes of 54 to 64 bits, from the first to the last; rests that a double could not have told from ties.
TEST(WideQuantizer, RoundsFixedPointAsIntegersOf128BitsDo) {
  std::mt19937_64 random(11);
  std::size_t cases = 0;
  constexpr std::size_t kCount = 60'000 / kThoroughness;
  for (const char* name : {"fx1.63", "fx8.56", "fx27.27", "fx32.32", "fx64.0", "fx70.-6", "fx-3.60", "ufx1.63",
                           "ufx8.46", "ufx32.32", "ufx64.0", "ufx-1.64"})
    for (const char* overflow : {"sat", "wrap"})
      for (const char* rounding : kRoundings) {
        const Format f = format(fmt::format("{}:{}:{}", name, rounding, overflow));
        std::vector<Exact> x;
        for (std::size_t i = 0; i < kCount; ++i) {
          Exact value{.significand = random(),
                      .exponent = -f.fraction_bits - static_cast<int>(random() % 80) + 8,
                      .is_negative = random() % 2 == 0};
          if (i % 5 == 0) value.significand = ~std::uint64_t{0} - random() % 4;     // carries
          if (i % 5 == 1) value.significand = std::uint64_t{1} << (random() % 64);  // powers of two
          if (i % 5 == 2) {                                                         // ties and their neighbours
            const auto below = static_cast<int>(1 + random() % 63);
            value.exponent = -f.fraction_bits - below;
            value.significand = (random() >> below << below) + (std::uint64_t{1} << (below - 1)) + random() % 3 - 1;
          }
          if (i % 50 == 3) value.significand = 0;
          x.push_back(value);
        }
        std::vector<Carrier> values, q(kCount);
        for (const Exact& value : x) values.push_back(value.value());
        const Draw draw{.seed = 3, .step = 1, .tensor = 9};
        quantizer<Carrier>(f, any_table()).run(values.data(), q.data(), kCount, 0, draw, {}, nullptr);
        std::vector<std::uint32_t> words(kCount + 64);
        any_table().f64.quantize.philox({{3, 0}, 1, static_cast<std::uint32_t>(base::Purpose::kRounding) << 24U | 9}, 0,
                                        kCount / 4, words.data());
        for (std::size_t i = 0; i < kCount; ++i) {
          const Carrier want = fixed_oracle(f, x[i], words[i]);
          ASSERT_TRUE(same_value(q[i], want)) << to_string(f) << ": " << x[i].significand << " * 2^" << x[i].exponent
                                              << (x[i].is_negative ? " negative" : "") << " gives " << q[i]
                                              << ", expected " << want << ", element " << i;
        }
        cases += kCount;
      }
  expect_cases(cases, 10'000'000 / kThoroughness);
}

// Values that a double would round to a tie, or away from one, before the format could.
TEST(WideQuantizer, RoundsToFloatsOnceAsMpfrDoes) {
  std::mt19937_64 random(7);
  std::size_t cases = 0;
  for (const char* name : {"f5.10", "f8.23", "f11.52", "f8.7"}) {
    const Format f = format(name);
    const auto wide = quantizer<Carrier>(f, any_table());
    mpfr_t rounded;
    mpfr_init2(rounded, f.mantissa_bits + 1);
    for (int i = 0; i < 50'000; ++i) {
      const int dropped = 63 - f.mantissa_bits;
      std::uint64_t significand = random() | std::uint64_t{1} << 63;
      if (i % 2 == 0)
        significand = (significand >> dropped << dropped) + (std::uint64_t{1} << (dropped - 1)) + random() % 3 - 1;
      const Carrier x = Exact{significand, static_cast<int>(random() % 20) - 70, random() % 2 == 0}.value();
      mpfr_set_ld(rounded, x, MPFR_RNDN);
      Carrier q = 0;
      wide.run(&x, &q, 1, 0, {}, {}, nullptr);
      ASSERT_TRUE(same_value(q, mpfr_get_ld(rounded, MPFR_RNDN))) << name << " of " << x;
      ++cases;
    }
    mpfr_clear(rounded);
  }
  expect_cases(cases, 200'000);
}

TEST(WideQuantizer, CodesAndValuesAreOneToOne) {
  std::mt19937_64 random(13);
  for (const char* name : {"fx8.56", "fx1.63", "fx64.0", "ufx1.63", "ufx64.0", "fx27.28", "dfx64", "dfx60:wrap"}) {
    const Format f = format(name);
    const auto wide = quantizer<Carrier>(f, any_table());
    const Scale scale{.unit = 0x1p-20};
    const std::uint64_t used = f.bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << f.bits) - 1;
    for (int i = 0; i < 10'000; ++i) {
      std::uint64_t code = random() & used;
      if (i < 130) code = ((std::uint64_t{1} << (i / 2 % 64)) - static_cast<std::uint64_t>(i % 2)) & used;
      if (f.family == Family::kDynamicFixed && f.overflow != Overflow::kWrap &&
          code == std::uint64_t{1} << (f.bits - 1))
        continue;  // symmetric codes lack the least
      const Carrier value = wide.decode(code, scale);
      ASSERT_EQ(wide.encode(value, scale), code) << name;
      Carrier q = 0;
      wide.run(&value, &q, 1, 0, {}, scale, nullptr);
      ASSERT_TRUE(same_value(q, value)) << name << ": a value moved, " << value;
    }
  }
}

TEST(WideQuantizer, CountsWhatSaturatesAtTheLastCode) {
  const auto wide = quantizer<Carrier>(format("fx8.56"), any_table());
  const Carrier last = 128 - std::ldexp(Carrier{1}, -56);
  const Carrier x[] = {last, 128, -128, std::nextafter(Carrier{128}, Carrier{200}), -129, 1};
  Carrier q[6];
  TensorStatistics said;
  wide.run(x, q, 6, 0, {}, {}, &said);
  EXPECT_EQ(said.saturated, 3U);
  EXPECT_TRUE(q[0] == last && q[1] == last && q[2] == -128 && q[3] == last && q[4] == -128 && q[5] == 1);
  EXPECT_EQ(wide.ends({}), std::pair(Carrier{-128}, last));
}

TEST(WideQuantizer, RefusesWhatItDoesNotCompute) {
  const auto refusal = [](const auto& made) { return made ? std::string("accepted") : made.error().message(); };
  EXPECT_EQ(refusal(Quantizer<Carrier>::create(format("int8"), any_table())),
            "int8: does not compute in the wide carrier, that of formats of more than 53 significant bits, where only "
            "fE.M, e4m3 and its like, fx, ufx, dfx, t2 and b1 do");
  EXPECT_EQ(refusal(Quantizer<double>::create(format("fx32.32"), any_table())),
            "fx32.32: 63 significant bits, expected at most 53 in the double carrier");
}

/// sum of a[i] * b[i] and start in 400 bits, rounded once to 64.
Carrier exact_product(const std::vector<Carrier>& a, const std::vector<Carrier>& b, Carrier start) {
  mpfr_t sum, term, factor, result;
  for (auto* number : {&sum, &term, &factor}) mpfr_init2(*number, 400);
  mpfr_init2(result, 64);
  mpfr_set_ld(sum, start, MPFR_RNDN);
  for (std::size_t i = 0; i < a.size(); ++i) {
    mpfr_set_ld(term, a[i], MPFR_RNDN);
    mpfr_set_ld(factor, b[i], MPFR_RNDN);
    mpfr_mul(term, term, factor, MPFR_RNDN);
    mpfr_add(sum, sum, term, MPFR_RNDN);
  }
  mpfr_set(result, sum, MPFR_RNDN);
  const Carrier value = mpfr_get_ld(result, MPFR_RNDN);
  for (auto* number : {&sum, &term, &factor, &result}) mpfr_clear(*number);
  return value;
}

struct Product {
  std::vector<Carrier> a, b, c;  // [rows, k], [k, cols], [rows, cols]
  std::size_t rows = 3, cols = 7, k;

  Product(std::size_t depth, int bits_a, int bits_b, unsigned seed) : c(21), k(depth) {
    std::mt19937_64 random(seed);
    const auto fill = [&](std::vector<Carrier>& values, std::size_t count, int bits) {
      for (std::size_t i = 0; i < count; ++i) {
        auto code = static_cast<std::int64_t>(random()) >> (64 - bits);
        if (i % 17 == 3) code = std::numeric_limits<std::int64_t>::min() >> (64 - bits);
        if (i % 17 == 5) code = std::numeric_limits<std::int64_t>::max() >> (64 - bits);
        values.push_back(std::ldexp(static_cast<Carrier>(code), 8 - bits));
      }
    };
    fill(a, rows * k, bits_a);
    fill(b, k * cols, bits_b);
  }

  void run(const Carrier* bias, bool accumulate) {
    const std::ptrdiff_t offset = 0;
    any_table().carrier<Carrier>().gemm.run[0][rows - 1]({.k_depth = k,
                                                          .k_outer = 1,
                                                          .offsets = &offset,
                                                          .a = a.data(),
                                                          .a_row_stride = static_cast<std::ptrdiff_t>(k),
                                                          .a_k_stride = 1,
                                                          .b = b.data(),
                                                          .b_stride = cols,
                                                          .bias = bias,
                                                          .c = c.data(),
                                                          .c_stride = cols,
                                                          .cols = cols,
                                                          .accumulate = accumulate});
  }

  std::vector<Carrier> row(std::size_t i) const {
    return {a.begin() + static_cast<std::ptrdiff_t>(i * k), a.begin() + static_cast<std::ptrdiff_t>(i * k + k)};
  }
  std::vector<Carrier> column(std::size_t j) const {
    std::vector<Carrier> values;
    for (std::size_t i = 0; i < k; ++i) values.push_back(b[i * cols + j]);
    return values;
  }
};

TEST(WideGemm, RoundsTheExactSumOfFixedPointProductsOnce) {
  for (const std::size_t k : Sizes{1, 2, 17, 1000})
    for (const int bits_a : {8, 33, 60, 64})
      for (const int bits_b : {20, 63, 64}) {
        Product product(k, bits_a, bits_b, static_cast<unsigned>(k) + 1);
        std::vector<Carrier> bias;
        for (std::size_t j = 0; j < product.cols; ++j)
          bias.push_back(product.b[j] * 256);  // no bit of it is below all of a product
        product.run(bias.data(), false);
        const std::vector<Carrier> first = product.c;
        product.run(nullptr, true);
        for (std::size_t i = 0; i < product.rows; ++i)
          for (std::size_t j = 0; j < product.cols; ++j) {
            const std::size_t at = i * product.cols + j;
            ASSERT_EQ(first[at], exact_product(product.row(i), product.column(j), bias[j]))
                << k << ", " << bits_a << " x " << bits_b << " bits";
            // The start of the second has 64 bits of its own, which may lie below the last bit of any product.
            const Carrier again = product.c[at], want = exact_product(product.row(i), product.column(j), first[at]);
            ASSERT_LE(std::abs(again - want), std::abs(want) * 0x1p-63L);
          }
      }
}

// Rows and columns of few, many and 64 digits and of other values, in one tile of the largest size: each element has
// the bits that it has alone.
TEST(WideGemm, GivesTheSameBitsInEveryTile) {
  const auto& gemm = any_table().carrier<Carrier>().gemm;
  const std::size_t rows = gemm.rows[gemm.vectors - 1], cols = gemm.lanes * gemm.vectors, depth = 23, outer = 3;
  const std::ptrdiff_t offsets[] = {5, 0, 40};
  std::mt19937_64 random(21);
  const auto values = [&](std::size_t count, auto digits_of) {
    std::vector<Carrier> made(count);
    for (std::size_t i = 0; i < count; ++i) {
      const int digits = digits_of(i);
      made[i] = digits == 0 ? std::ldexp(Carrier{1}, static_cast<int>(random() % 200) - 100)
                            : std::ldexp(static_cast<Carrier>(random() >> (64 - digits)), 4 - digits);
      if (random() % 2 == 0) made[i] = -made[i];
    }
    return made;
  };
  constexpr int kDigits[] = {9, 50, 62, 64, 0};
  const std::size_t row_stride = 40 + depth;
  const auto a = values(rows * row_stride, [&](std::size_t i) { return kDigits[i / row_stride % 5]; });
  const auto b = values(outer * depth * cols, [&](std::size_t i) { return kDigits[i % cols % 5]; });
  const auto bias = values(cols, [](std::size_t) { return 30; });
  std::vector<Carrier> c(rows * cols), one(rows * cols);
  const auto run = [&](std::vector<Carrier>& to, std::size_t i, std::size_t j, std::size_t height, std::size_t width) {
    gemm.run[(width - 1) / gemm.lanes][height - 1]({.k_depth = depth,
                                                    .k_outer = outer,
                                                    .offsets = offsets,
                                                    .a = a.data() + i * row_stride,
                                                    .a_row_stride = static_cast<std::ptrdiff_t>(row_stride),
                                                    .a_k_stride = 1,
                                                    .b = b.data() + j,
                                                    .b_stride = cols,
                                                    .bias = bias.data() + j,
                                                    .c = to.data() + i * cols + j,
                                                    .c_stride = cols,
                                                    .cols = width,
                                                    .accumulate = false});
  };
  run(c, 0, 0, rows, cols);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) {
      run(one, i, j, 1, 1);
      ASSERT_TRUE(same_value(c[i * cols + j], one[i * cols + j])) << i << ", " << j;
      if (kDigits[i % 5] == 0 || kDigits[j % 5] == 0) continue;
      std::vector<Carrier> row, column;
      for (std::size_t o = 0; o < outer; ++o)
        for (std::size_t k = 0; k < depth; ++k) {
          row.push_back(a[static_cast<std::size_t>(offsets[o]) + i * row_stride + k]);
          column.push_back(b[(o * depth + k) * cols + j]);
        }
      ASSERT_EQ(c[i * cols + j], exact_product(row, column, bias[j])) << i << ", " << j;
    }
}

// Channels, pixels and taps that fill no tile; sums that a chain of roundings would miss.
TEST(WideDepthwise, RoundsTheExactSumOfFixedPointProductsOnce) {
  const auto& depthwise = any_table().carrier<Carrier>().depthwise;
  constexpr std::size_t kRows = 2, kPixels = 17, kChannels = 3, kWidth = 20, kTaps = 16;
  std::vector<std::ptrdiff_t> offsets;
  for (std::size_t t = 0; t < kTaps; ++t)
    offsets.push_back(static_cast<std::ptrdiff_t>((t / 4 * kWidth + t % 4) * kChannels));
  std::mt19937_64 random(8);
  const auto values = [&](std::size_t count) {
    std::vector<Carrier> made(count);
    for (Carrier& value : made) value = std::ldexp(static_cast<Carrier>(static_cast<std::int64_t>(random())), -56);
    return made;
  };
  const auto x = values((kRows + 3) * kWidth * kChannels), weights = values(kTaps * kChannels),
             bias = values(kChannels), dy = values(kRows * kPixels * kChannels);
  const kernels::DepthwiseArgs<Carrier> args{.rows = kRows,
                                             .pixels = kPixels,
                                             .channels = kChannels,
                                             .taps = kTaps,
                                             .offsets = offsets.data(),
                                             .x = x.data(),
                                             .row_stride = kWidth * kChannels,
                                             .pixel_stride = kChannels};
  const auto x_at = [&](std::size_t q, std::size_t p, std::size_t t, std::size_t c) {
    return x[q * args.row_stride + p * args.pixel_stride + c + static_cast<std::size_t>(offsets[t])];
  };
  std::vector<Carrier> y(dy.size()), dweights(weights.size());
  depthwise.forward(args, weights.data(), bias.data(), y.data());
  depthwise.backward_weights(args, dy.data(), dweights.data(), false);
  std::size_t chains_differ = 0;
  for (std::size_t c = 0; c < kChannels; ++c) {
    std::vector<Carrier> errors;
    for (std::size_t at = 0; at < kRows * kPixels; ++at) errors.push_back(dy[at * kChannels + c]);
    for (std::size_t at = 0; at < kRows * kPixels; ++at) {
      std::vector<Carrier> window, taps;
      Carrier chain = bias[c];
      for (std::size_t t = 0; t < kTaps; ++t) {
        window.push_back(x_at(at / kPixels, at % kPixels, t, c));
        taps.push_back(weights[t * kChannels + c]);
        chain += window.back() * taps.back();
      }
      ASSERT_EQ(y[at * kChannels + c], exact_product(window, taps, bias[c])) << at << ", " << c;
      chains_differ += chain != y[at * kChannels + c] ? 1 : 0;
    }
    for (std::size_t t = 0; t < kTaps; ++t) {
      std::vector<Carrier> pixels;
      for (std::size_t at = 0; at < kRows * kPixels; ++at) pixels.push_back(x_at(at / kPixels, at % kPixels, t, c));
      ASSERT_EQ(dweights[t * kChannels + c], exact_product(pixels, errors, 0)) << t << ", " << c;
    }
  }
  EXPECT_GT(chains_differ, y.size() / 2);
  const auto once = dweights;
  depthwise.backward_weights(args, dy.data(), dweights.data(), true);
  for (std::size_t i = 0; i < once.size(); ++i)
    ASSERT_LE(std::abs(dweights[i] - 2 * once[i]), std::abs(once[i]) * 0x1p-62L);
}

TEST(WideGemm, SumsOtherOperandsInOrder) {
  Product product(40, 64, 64, 5);
  product.a[3] = 0x1p-70L;  // with the others of its row no integer of 64 bits
  product.b[2] = INFINITY;
  product.a[2 * product.k + 1] = NAN;
  product.run(nullptr, false);
  for (std::size_t i = 0; i < product.rows; ++i)
    for (std::size_t j = 0; j < product.cols; ++j) {
      const auto a = product.row(i), b = product.column(j);
      Carrier chain = 0;
      for (std::size_t k = 0; k < product.k; ++k) chain += a[k] * b[k];
      const Carrier want = i == 1 && j != 2 ? exact_product(a, b, 0) : chain;
      ASSERT_TRUE(same_value(product.c[i * product.cols + j], want)) << i << ", " << j;
    }
}

TEST(WideGemm, KeepsWhatADoubleLoses) {
  const Carrier tiny = std::ldexp(Carrier{1}, -56);
  Product product(2, 8, 8, 1);
  product.a = {1 + tiny, 1, 1, -1, 1, 1};
  std::fill(product.b.begin(), product.b.begin() + 7, 1);
  std::fill(product.b.begin() + 7, product.b.end(), -1);
  product.run(nullptr, false);
  EXPECT_EQ(product.c[0], tiny);
  EXPECT_EQ(static_cast<double>(1 + tiny) - 1.0, 0.0);  // what the double carrier would have made of it
}

// Every other kernel of the carrier computes what the double one does, up to the roundings of double.
class WideKernels : public testing::Test {
 protected:
  static constexpr std::size_t kRows = 13, kCols = 5, kCount = kRows * kCols;
  const kernels::ElementwiseKernels<double>& narrow = any_table().f64.elementwise;
  const kernels::ElementwiseKernels<Carrier>& wide = any_table().carrier<Carrier>().elementwise;
  std::vector<double> x = reals<double>(kCount, 1), y = reals<double>(kCount, 2), z = reals<double>(kCount, 3);
  std::vector<Carrier> wide_x{x.begin(), x.end()}, wide_y{y.begin(), y.end()}, wide_z{z.begin(), z.end()};

  static void expect_near(const std::vector<double>& want, const std::vector<Carrier>& got, const char* what) {
    for (std::size_t i = 0; i < want.size(); ++i)
      ASSERT_NEAR(static_cast<double>(got[i]), want[i], 0x1p-48 * (1 + std::abs(want[i]))) << what << " at " << i;
  }
};

TEST_F(WideKernels, HaveTheActivationsOfTheDoubleCarrier) {
  using Narrow = kernels::ElementwiseKernels<double>;
  using Wider = kernels::ElementwiseKernels<Carrier>;
  const auto expect = [&](auto narrow_kernel, auto wide_kernel, const char* what) {
    for (double& value : x) value *= 4;
    wide_x.assign(x.begin(), x.end());
    std::vector<double> out(kCount), back(kCount);
    std::vector<Carrier> wide_out(kCount), wide_back(kCount);
    narrow_kernel.forward(kCount, 0.25, x.data(), out.data());
    wide_kernel.forward(kCount, 0.25L, wide_x.data(), wide_out.data());
    expect_near(out, wide_out, what);
    narrow_kernel.backward(kCount, 0.25, x.data(), y.data(), back.data());
    wide_kernel.backward(kCount, 0.25L, wide_x.data(), wide_y.data(), wide_back.data());
    expect_near(back, wide_back, what);
    for (double& value : x) value /= 4;
  };
  using N = kernels::ActivationKernel<double> Narrow::*;
  using W = kernels::ActivationKernel<Carrier> Wider::*;
  const struct {
    N narrow;
    W wide;
    const char* name;
  } all[] = {{&Narrow::relu, &Wider::relu, "relu"},
             {&Narrow::leaky, &Wider::leaky, "leaky"},
             {&Narrow::elu, &Wider::elu, "elu"},
             {&Narrow::gelu, &Wider::gelu, "gelu"},
             {&Narrow::silu, &Wider::silu, "silu"},
             {&Narrow::sigmoid, &Wider::sigmoid, "sigmoid"},
             {&Narrow::tanh, &Wider::tanh, "tanh"},
             {&Narrow::softplus, &Wider::softplus, "softplus"},
             {&Narrow::hard_sigmoid, &Wider::hard_sigmoid, "hard_sigmoid"},
             {&Narrow::hard_tanh, &Wider::hard_tanh, "hard_tanh"},
             {&Narrow::sign, &Wider::sign, "sign"}};
  for (const auto& one : all) expect(narrow.*one.narrow, wide.*one.wide, one.name);
}

TEST_F(WideKernels, HaveTheSumsOfTheDoubleCarrier) {
  expect_near({narrow.sum(kCount, x.data()), narrow.sum_squares(kCount, 0.5, x.data()),
               narrow.dot(kCount, 0.5, x.data(), y.data())},
              {wide.sum(kCount, wide_x.data()), wide.sum_squares(kCount, 0.5L, wide_x.data()),
               wide.dot(kCount, 0.5L, wide_x.data(), wide_y.data())},
              "sums");
  EXPECT_TRUE(wide.all_finite(kCount, wide_x.data()));
  for (const Carrier bad : {Carrier{INFINITY}, Carrier{NAN}}) {
    std::vector<Carrier> spoilt = wide_x;
    spoilt.back() = bad;
    EXPECT_FALSE(wide.all_finite(kCount, spoilt.data()));
  }
  const auto columns = [&](const char* what, auto narrow_call, auto wide_call) {
    std::vector<double> want(kCount);
    std::vector<Carrier> got(kCount);
    narrow_call(want.data());
    wide_call(got.data());
    expect_near(want, got, what);
  };
  columns(
      "column_sums", [&](double* to) { narrow.column_sums(kRows, kCols, x.data(), to); },
      [&](Carrier* to) { wide.column_sums(kRows, kCols, wide_x.data(), to); });
  columns(
      "column_squares", [&](double* to) { narrow.column_squares(kRows, kCols, x.data(), z.data(), to); },
      [&](Carrier* to) { wide.column_squares(kRows, kCols, wide_x.data(), wide_z.data(), to); });
  columns(
      "column_products", [&](double* to) { narrow.column_products(kRows, kCols, x.data(), z.data(), y.data(), to); },
      [&](Carrier* to) { wide.column_products(kRows, kCols, wide_x.data(), wide_z.data(), wide_y.data(), to); });
  columns(
      "normalize", [&](double* to) { narrow.normalize(kRows, kCols, x.data(), y.data(), y.data() + 5, z.data(), to); },
      [&](Carrier* to) {
        wide.normalize(kRows, kCols, wide_x.data(), wide_y.data(), wide_y.data() + 5, wide_z.data(), to);
      });
  columns(
      "normalize_backward",
      [&](double* to) {
        narrow.normalize_backward(kRows, kCols, x.data(), z.data(), y.data(), z.data() + 5, z.data() + 10,
                                  z.data() + 15, to);
      },
      [&](Carrier* to) {
        wide.normalize_backward(kRows, kCols, wide_x.data(), wide_z.data(), wide_y.data(), wide_z.data() + 5,
                                wide_z.data() + 10, wide_z.data() + 15, to);
      });
  const auto in_place = [&](const char* what, auto call) {
    std::vector<double> want = y;
    std::vector<Carrier> got = wide_y;
    call(narrow, x, want);
    call(wide, wide_x, got);
    expect_near(want, got, what);
  };
  in_place("add", [](const auto& k, const auto& from, auto& to) { k.add(kCount, from.data(), to.data()); });
  in_place("scale", [](const auto& k, const auto&, auto& to) { k.scale(kCount, 0.75, to.data()); });
  in_place("add_scaled",
           [](const auto& k, const auto& from, auto& to) { k.add_scaled(kCount, 0.75, from.data(), to.data()); });
}

TEST_F(WideKernels, HaveTheMaximumOfTheDoubleCarrier) {
  x[3] = x[8] = NAN;
  x[20] = x[25] = 5;  // equal ones: the first counts
  wide_x.assign(x.begin(), x.end());
  const auto run = [](const auto& kernels, const auto& from, auto& to, std::vector<std::uint8_t>& codes) {
    kernels.max_window({.pixels = 4,
                        .channels = 5,
                        .rows = 2,
                        .cols = 2,
                        .x = from.data(),
                        .pixel_stride = 5,
                        .row_stride = 30,
                        .y = to.data(),
                        .codes = codes.data(),
                        .first_code = 1,
                        .code_stride = 3});
  };
  std::vector<double> want(20);
  std::vector<Carrier> got(20);
  std::vector<std::uint8_t> want_codes(20), got_codes(20);
  run(narrow, x, want, want_codes);
  run(wide, wide_x, got, got_codes);
  EXPECT_EQ(want_codes, got_codes);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_TRUE(same_value(want[i], got[i])) << i;
}

TEST_F(WideKernels, HaveTheOptimizersOfTheDoubleCarrier) {
  const auto run = [](const auto& update, auto kernel, const auto& gradient, auto weights, auto state) {
    auto first = state, second = state;
    for (auto& value : second) value = std::abs(value);
    for (auto& value : first) value = std::abs(value);
    using T = typename decltype(weights)::value_type;
    (update.*kernel)({.count = weights.size(),
                      .gradient = gradient.data(),
                      .weights = weights.data(),
                      .first = first.data(),
                      .second = second.data(),
                      .next = weights.data(),
                      .learning_rate = T{0.125},
                      .gradient_scale = T{0.5},
                      .weight_decay = T{0.25},
                      .keep1 = T{0.75},
                      .take1 = T{0.25},
                      .keep2 = T{0.875},
                      .take2 = T{0.125},
                      .correction1 = T{1.5},
                      .correction2 = T{1.25},
                      .epsilon = T{0x1p-20},
                      .shrink = T{0.9375}});
    weights.insert(weights.end(), first.begin(), first.end());
    weights.insert(weights.end(), second.begin(), second.end());
    return weights;
  };
  using Narrow = kernels::UpdateKernels<double>;
  using Wider = kernels::UpdateKernels<Carrier>;
  const auto expect = [&](auto narrow_kernel, auto wide_kernel, const char* what) {
    expect_near(run(any_table().f64.update, narrow_kernel, x, y, z),
                run(any_table().carrier<Carrier>().update, wide_kernel, wide_x, wide_y, wide_z), what);
  };
  expect(&Narrow::sgd, &Wider::sgd, "sgd");
  expect(&Narrow::momentum, &Wider::momentum, "momentum");
  expect(&Narrow::nesterov, &Wider::nesterov, "nesterov");
  expect(&Narrow::by_root, &Wider::by_root, "by_root");
  expect(&Narrow::adam, &Wider::adam, "adam");
}

}  // namespace
}  // namespace udnn::test
