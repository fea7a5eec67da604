// The rounding kernels of the baseline instruction set against their definitions, small enough to be compiled once for
// each planted fault of mutation_test.py. Exits with 1 at the first difference, which it prints; else prints how many
// cases agreed.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/philox.h"
#include "kernels/quantize.h"
#include "kernels/quantize_scaled.h"
#include "kernels/quantize_sums.h"
#include "src/base/philox.h"
#include "tests/rounding_oracle.h"

namespace udnn::test {
namespace {

using kernels::Baseline;
using kernels::Piece;

std::size_t cases = 0;

void expect(bool holds, const char* what, double x, double got, double expected) {
  ++cases;
  if (holds) return;
  std::printf("%s: %a gives %a, expected %a\n", what, x, got, expected);
  std::exit(1);
}

template <class T>
void expect_same(const char* what, T x, T got, double expected) {
  const auto wanted = static_cast<T>(expected);
  const bool same = std::isnan(wanted) ? std::isnan(got) : got == wanted && std::signbit(got) == std::signbit(wanted);
  expect(same, what, static_cast<double>(x), static_cast<double>(got), expected);
}

/// Both signs of every quarter of a step up to `steps` of them, at each of the scales, with the neighbours in float;
/// the ends of float; what is no number.
template <class T>
std::vector<T> points(int steps, std::initializer_list<double> scales) {
  std::vector<T> x;
  const auto add = [&](T value) {
    x.push_back(value);
    x.push_back(-value);
  };
  for (const double scale : scales)
    for (int quarter = 0; quarter <= 4 * steps; ++quarter) {
      const auto value = static_cast<T>(scale * quarter / 4);
      add(value);
      add(std::nextafter(value, T{0}));
      add(std::nextafter(value, std::numeric_limits<T>::infinity()));
    }
  add(std::numeric_limits<T>::denorm_min());
  add(std::numeric_limits<T>::max());
  add(std::numeric_limits<T>::infinity());
  add(std::numeric_limits<T>::quiet_NaN());
  return x;
}

/// Half of them random, half the last words that do not carry a quarter, a half, three quarters, and the first that do.
std::vector<std::uint32_t> words_for(std::size_t count) {
  constexpr std::uint32_t kBorders[] = {0x40000000, 0x3fffffff, 0x80000000, 0x7fffffff, 0xc0000000, 0xbfffffff};
  std::vector<std::uint32_t> words(count + 16);
  std::uint32_t random = 12345;
  for (std::uint32_t& word : words) {
    random = random * 1664525 + 1013904223;  // Numerical Recipes' generator
    word = (random >> 30) % 2 == 0 ? random : kBorders[(random >> 20) % 6];
  }
  return words;
}

Format in_mode(Format format, Rounding rounding, int random_bits, Overflow overflow) {
  format.rounding = rounding;
  format.random_bits = random_bits;
  format.overflow = overflow;
  return format;
}

template <class Kernel, class Grid, class T>
void compare(const char* what, const Grid& grid, const Format& format, double unit, const std::vector<T>& x) {
  const auto words = words_for(x.size());
  std::vector<T> q(x.size());
  Kernel::run(grid, Piece<T>{x.data(), q.data(), x.size(), words.data()});
  for (std::size_t i = 0; i < x.size(); ++i)
    expect_same(what, x[i], q[i], round_by_definition<T>(static_cast<double>(x[i]), format, {.unit = unit}, words[i]));
}

/// Integers times a real unit.
template <class T, kernels::Mode kMode>
void prove_integers(std::initializer_list<double> units_of_t, int random_bits, std::uint32_t mask) {
  for (const double unit : units_of_t) {
    const auto x = points<T>(20, {unit});
    const std::vector<double> units(x.size(), unit), lowest(x.size(), -8), highest(x.size(), 7);
    Format format{.family = Family::kInt, .bits = 4};
    format = in_mode(format, static_cast<Rounding>(kMode), random_bits, Overflow::kSaturate);
    compare<kernels::RoundInteger<T, Baseline, kMode>>(
        "integer", kernels::ScaledGrid{units.data(), lowest.data(), highest.data(), nullptr, 0, mask}, format, unit, x);
    format.overflow = Overflow::kWrap;
    compare<kernels::RoundInteger<T, Baseline, kMode>>(
        "integer, wrapped", kernels::ScaledGrid{units.data(), lowest.data(), highest.data(), nullptr, 16, mask}, format,
        unit, x);
  }
}

template <kernels::Mode kMode>
void prove_mode(int random_bits) {
  const auto rounding = static_cast<Rounding>(kMode);
  const std::uint32_t mask = random_bits == 0 ? 0 : ~0U << (32 - random_bits);

  // Fixed point: a step below 1, and one above, where tiny values underflow when they are scaled.
  for (const auto& [integer, fraction] : {std::pair{2, 3}, {9, -4}}) {
    Format format{.family = Family::kFixed, .integer_bits = integer, .fraction_bits = fraction, .bits = 5};
    const double unit = std::ldexp(1.0, -fraction);
    const kernels::FixedGrid<float> grid{static_cast<float>(unit), static_cast<float>(1 / unit), -16, 15, 32, mask};
    const auto x = points<float>(70, {unit});
    format = in_mode(format, rounding, random_bits, Overflow::kSaturate);
    compare<kernels::RoundFixed<float, Baseline, kMode, false>>("fixed", grid, format, unit, x);
    format.overflow = Overflow::kWrap;
    compare<kernels::RoundFixed<float, Baseline, kMode, true>>("fixed, wrapped", grid, format, unit, x);
  }

  // Floats with fewer exponents than the carrier, and with as many: with and without stored bits and subnormals.
  for (const auto& [exponent, mantissa] : {std::pair{3, 2}, {4, 0}, {8, 4}, {8, 0}, {8, 23}, {5, 23}})
    for (const Overflow overflow : {Overflow::kSaturate, Overflow::kInfinity})
      for (const bool flushes : {false, true}) {
        Format format{.family = Family::kFloat,
                      .exponent_bits = exponent,
                      .mantissa_bits = mantissa,
                      .bits = 1 + exponent + mantissa};
        format = in_mode(format, rounding, random_bits, overflow);
        format.flushes_subnormals = flushes;
        const FloatFacts facts(format);
        const double normal = std::ldexp(1.0, facts.min_exponent);
        const kernels::FloatGrid<float> grid{mantissa,
                                             static_cast<float>(normal),
                                             static_cast<float>(std::ldexp(1.0, (1 << (exponent - 1)))),
                                             static_cast<float>(facts.largest),
                                             {static_cast<float>(overflowed(format, facts.largest, 1)),
                                              static_cast<float>(std::abs(overflowed(format, facts.largest, -1)))},
                                             facts.has_nan ? std::numeric_limits<float>::quiet_NaN() : 0.0F,
                                             flushes ? static_cast<float>(normal) : 0.0F,
                                             mask};
        const double top = std::ldexp(facts.largest, -5);
        const auto x = points<float>(40, {std::ldexp(normal, -mantissa), normal / 8, 0.25, 1.0, top});
        if (exponent == 8)
          compare<kernels::RoundWideFloat<float, Baseline, kMode>>("wide float", grid, format, 1, x);
        else
          compare<kernels::RoundNarrowFloat<float, Baseline, kMode>>("narrow float", grid, format, 1, x);
      }

  prove_integers<float, kMode>({1.0, static_cast<double>(0.1F), 0.75}, random_bits, mask);
  prove_integers<double, kMode>({0.1, 0.7}, random_bits, mask);
}

void prove_few() {
  auto x = points<float>(20, {0.25});
  x.resize(x.size() - 2);  // NaN: what the definition leaves to the quantizer
  const std::vector<double> units(x.size(), 0.5), thresholds(x.size(), 0.75);
  const kernels::ScaledGrid grid{units.data(), nullptr, nullptr, thresholds.data(), 0, 0};
  std::vector<float> q(x.size());
  kernels::RoundToFew<float, Baseline>::binary(grid, {x.data(), q.data(), x.size(), nullptr});
  for (std::size_t i = 0; i < x.size(); ++i) expect_same("binary", x[i], q[i], x[i] < 0 ? -0.5 : 0.5);
  kernels::RoundToFew<float, Baseline>::ternary(grid, {x.data(), q.data(), x.size(), nullptr});
  for (std::size_t i = 0; i < x.size(); ++i)
    expect_same("ternary", x[i], q[i], std::abs(x[i]) > 0.75F ? std::copysign(0.5, static_cast<double>(x[i])) : 0.0);
}

void prove_philox() {
  const kernels::PhiloxKey key{{0x89abcdef, 0x01234567}, 12, 0x00000007};
  const base::PhiloxStream stream(0x0123456789abcdef, 12, base::Purpose::kRounding, 7);
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{0xfffffff7}, std::uint64_t{0x3fffffffffffff00}})
    for (std::size_t blocks = 1; blocks <= 65; blocks += 8) {
      std::vector<std::uint32_t> words(4 * (blocks + 15));
      kernels::Philox<Baseline>::run(key, first, blocks, words.data());
      for (std::size_t i = 0; i < 4 * blocks; ++i)
        expect(words[i] == stream.word(4 * first + i), "philox, word", static_cast<double>(i), words[i],
               stream.word(4 * first + i));
    }
}

void prove_sums() {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> x{0, 0.25, -3, 2, infinity, std::nan(""), -1, 1.5, 0.125, -0.0, -infinity, 1, -2};
  const std::vector<double> q{0, 0.0, -2, 2, infinity, std::nan(""), -1, 1.0, 0.25, -0.0, -2, 1, -2};
  const std::vector<double> lowest(x.size(), -2), highest(x.size(), 1.75);
  const auto s =
      kernels::QuantizeSums<double, Baseline>::sums(x.data(), q.data(), x.size(), lowest.data(), highest.data());
  const auto is = [](const char* what, double got, double expected) {
    expect(got == expected, what, 0, got, expected);
  };
  is("zeros in", s.zeros_in, 2);
  is("zeros out", s.zeros_out, 1);
  is("saturated", s.saturated, 2);
  is("not finite", s.non_finite, 3);
  is("largest magnitude", s.max_abs, 3);
  is("sum of errors", s.error_sum, -0.25 + 1 - 0.5 + 0.125);
  is("squares of errors", s.error_squares, 0.0625 + 1 + 0.25 + 0.015625);
  is("squares", s.value_squares, 0.0625 + 9 + 4 + 1 + 2.25 + 0.015625 + 1 + 4);
  const double threshold[2] = {1, 2};
  const auto r = kernels::QuantizeSums<double, Baseline>::range(x.data(), x.size(), threshold);
  is("finite", r.finite, 10);
  is("least", r.min, -3);
  is("most", r.max, 2);
  is("magnitude", r.magnitude, 0.25 + 3 + 2 + 1 + 1.5 + 0.125 + 1 + 2);
  is("above the first threshold", r.above[0], 4);
  is("above the second", r.above[1], 1);
  is("magnitude above", r.magnitude_above, 3 + 2 + 1.5 + 2);
}

int prove() {
  prove_mode<kernels::Mode::kNearestEven>(0);
  prove_mode<kernels::Mode::kNearestAway>(0);
  prove_mode<kernels::Mode::kTowardZero>(0);
  prove_mode<kernels::Mode::kUp>(0);
  prove_mode<kernels::Mode::kDown>(0);
  prove_mode<kernels::Mode::kToOdd>(0);
  for (const int bits : {1, 8, 32}) prove_mode<kernels::Mode::kStochastic>(bits);
  prove_few();
  prove_philox();
  prove_sums();
  std::printf("%zu cases\n", cases);
  return cases > 100'000 ? 0 : 1;
}

}  // namespace
}  // namespace udnn::test

int main() { return udnn::test::prove(); }
