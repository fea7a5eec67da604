// src/base/portable_math.h: exponential, logarithm, power and cosine in double, of + - * / alone.
//
// The C library's own differ by a unit in the last place between its versions, and between CPUs with and without fused
// multiply-add. These give the same bits wherever double is IEEE double, so that what a training run computes from
// them does not depend on the machine. Errors are in units in the last place (ulp), seen in
// tests/portable_math_test.cc. NaN gives NaN. All are pure, and can be evaluated by the compiler.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

namespace udnn::base {

namespace portable {

// ln 2 in two parts; the upper one has 20 zero bits at its end, so that its product with an exponent is exact.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct InverseFactorials {
  double of[14];
};
constexpr InverseFactorials kInverseFactorials = [] {
  InverseFactorials inverse{};
  double factorial = 1;  // exact: 13! < 2^53
  for (int n = 0; n < 14; ++n) {
    factorial *= n == 0 ? 1 : n;
    inverse.of[n] = 1 / factorial;
  }
  return inverse;
}();

/// 2^k, -1022 <= k <= 1023.
constexpr double power_of_two(int k) noexcept {
  return std::bit_cast<double>(static_cast<std::uint64_t>(k + 1023) << 52U);
}

/// first + x / d1 + x^2 / (d1 d2) + ..., d_n = start (start + 1), then both 2 further: the series of cos and of sin / x
/// in x = -angle^2, summed from its last term.
constexpr double alternating_series(double x, int start, int terms) noexcept {
  double sum = 1;
  for (int n = terms; n >= 1; --n) {
    const double d = start + 2 * (n - 1);
    sum = 1 + x * sum / (d * (d + 1));
  }
  return sum;
}

}  // namespace portable

/// e^x, within 1 ulp; subnormal results within 1 of their spacing.
///
/// x = k ln 2 + r, |r| <= ln 2 / 2;   e^r = 1 + (r + r^2 (1/2! + r/3! + ... + r^11/13!)), the next term below 2^-57
constexpr double exponential(double x) noexcept {
  if (x != x) return x;
  if (x > 709.79) return portable::kInfinity;
  if (x < -745.2) return 0;
  constexpr double kLog2E = 0x1.71547652b82fep0;
  const double nearest = x * kLog2E + (x < 0 ? -0.5 : 0.5);
  const int k = static_cast<int>(nearest);
  const double r = (x - k * portable::kLn2High) - k * portable::kLn2Low;
  double series = 0;
  for (int n = 13; n >= 2; --n) series = series * r + portable::kInverseFactorials.of[n];
  const double e_to_r = 1 + (r + r * r * series);
  const int half = k / 2;  // two steps, because 2^k itself may be out of range
  return e_to_r * portable::power_of_two(half) * portable::power_of_two(k - half);
}

/// The natural logarithm, within 1 ulp. Below 0: NaN; 0: -infinity.
///
/// x = 2^k (1 + f), 1 + f in [1/sqrt 2, sqrt 2);   s = f / (2 + f);   log(1 + f) = f - (f^2/2 - s (f^2/2 + R)),
/// R = 2 s^2/3 + 2 s^4/5 + ... + 2 s^22/23    (P. Tang's arrangement, as in fdlibm; the series is the plain one)
constexpr double logarithm(double x) noexcept {
  if (x != x || x == portable::kInfinity) return x;
  if (x == 0) return -portable::kInfinity;
  if (x < 0) return std::numeric_limits<double>::quiet_NaN();
  int k = 0;
  if (x < std::numeric_limits<double>::min()) {
    x *= 0x1p54;
    k = -54;
  }
  const auto bits = std::bit_cast<std::uint64_t>(x);
  k += static_cast<int>(bits >> 52U) - 1023;
  auto mantissa = std::bit_cast<double>((bits & 0x000f'ffff'ffff'ffffU) | 0x3ff0'0000'0000'0000U);
  if (mantissa >= 0x1.6a09e667f3bcdp0) {
    mantissa *= 0.5;
    ++k;
  }
  const double f = mantissa - 1, s = f / (2 + f), z = s * s, half_square = 0.5 * f * f;
  double series = 0;
  for (int n = 11; n >= 1; --n) series = z * (2.0 / (2 * n + 1) + series);
  return k * portable::kLn2High - ((half_square - (s * (half_square + series) + k * portable::kLn2Low)) - f);
}

/// log(1 + x) for x >= 0, within 3 ulp: nothing is lost where x is small. (W. Kahan's way around the rounding of 1 +
/// x.)
constexpr double logarithm_of_one_plus(double x) noexcept {
  const double u = 1 + x;
  if (u == 1 || u == portable::kInfinity) return x;
  return logarithm(u) * (x / (u - 1));
}

/// x^n by squaring; the relative error is at most (n - 1) 2^-53.
constexpr double power(double x, std::uint64_t n) noexcept {
  double result = 1;
  for (double square = x; n > 0; n /= 2, square *= square)
    if (n % 2 == 1) result *= square;
  return result;
}

/// cos(pi t) for t in [0, 1], within 2^-52; exactly 1, 0 and -1 at 0, 1/2 and 1.
constexpr double cosine_of_half_turns(double t) noexcept {
  constexpr double kPi = 0x1.921fb54442d18p1;
  const bool is_obtuse = t > 0.5;
  if (is_obtuse) t = 1 - t;
  const double angle = kPi * (t > 0.25 ? 0.5 - t : t);
  const double cosine = t > 0.25 ? angle * portable::alternating_series(-angle * angle, 2, 9)
                                 : portable::alternating_series(-angle * angle, 1, 9);
  return is_obtuse ? -cosine : cosine;
}

}  // namespace udnn::base
