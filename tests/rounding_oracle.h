// tests/rounding_oracle.h: what rounding means, in integers of 128 bits, one value at a time. Shares no code with the
// kernels.
//
// A magnitude is num / den steps of the grid; whole = num div den, and the mode looks at the rest.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "src/numbers/quantizer.h"
#include "udnn/format.h"

namespace udnn::test {

__extension__ using Wide = unsigned __int128;

/// |x| = mantissa * 2^exponent, the mantissa odd (or 0).
struct Binary {
  std::uint64_t mantissa = 0;
  int exponent = 0;

  explicit Binary(double x) {
    if (x == 0) return;
    int e = 0;
    mantissa = static_cast<std::uint64_t>(std::ldexp(std::frexp(std::abs(x), &e), 53));
    exponent = e - 53;
    while (mantissa % 2 == 0) {
      mantissa /= 2;
      ++exponent;
    }
  }
};

/// Magnitude of x in whole steps, after rounding; 2^62 stands for all that is larger.
inline std::uint64_t rounded_steps(double x, double step, const Format& format, std::uint32_t word) {
  constexpr std::uint64_t kHuge = std::uint64_t{1} << 62;
  const Binary value(x), unit(step);
  if (value.mantissa == 0) return 0;
  const int shift = value.exponent - unit.exponent;
  if (shift > 66) return kHuge;
  Wide num = value.mantissa, den = unit.mantissa;
  if (shift >= 0) {
    num <<= shift;
  } else if (-shift > 125 - static_cast<int>(std::bit_width(
                                unit.mantissa))) {  // below 2^-71 of a step: there is a rest, and no more is asked
    num = 1;
    den = Wide{1} << 71;
  } else {
    den <<= -shift;
  }
  const Wide whole_wide = num / den;
  if (whole_wide >= kHuge) return kHuge;
  const auto whole = static_cast<std::uint64_t>(whole_wide);
  const Wide rest = num % den;
  bool up = false;
  switch (format.rounding) {
    case Rounding::kNearestEven:
      up = rest > den - rest || (rest == den - rest && whole % 2 == 1);
      break;
    case Rounding::kNearestAway:
      up = rest >= den - rest;
      break;
    case Rounding::kTowardZero:
      break;
    case Rounding::kUp:
      up = rest != 0 && x > 0;
      break;
    case Rounding::kDown:
      up = rest != 0 && x < 0;
      break;
    case Rounding::kToOdd:
      up = rest != 0 && whole % 2 == 0;
      break;
    case Rounding::kStochastic: {
      std::uint64_t dropped = 0;  // the first K bits of rest / den, by long division
      Wide r = rest;
      for (int bit = 0; bit < format.random_bits; ++bit) {
        const bool one = r >= den - r;
        r = one ? r - (den - r) : r + r;
        dropped = 2 * dropped + (one ? 1 : 0);
      }
      up = dropped + (std::uint64_t{word} >> (32 - format.random_bits)) >= std::uint64_t{1} << format.random_bits;
      break;
    }
  }
  return whole + (up ? 1 : 0);
}

inline double overflowed(const Format& format, double largest, double x) {
  const bool inward = format.rounding == Rounding::kTowardZero || (format.rounding == Rounding::kUp && x < 0) ||
                      (format.rounding == Rounding::kDown && x > 0);
  if (format.overflow == Overflow::kSaturate || inward) return std::copysign(largest, x);
  if (format.overflow == Overflow::kNan) return std::numeric_limits<double>::quiet_NaN();
  return std::copysign(std::numeric_limits<double>::infinity(), x);
}

/// Constants of a float format, from formats.md and not from the library.
struct FloatFacts {
  int min_exponent;
  double largest;
  bool has_nan;

  explicit FloatFacts(const Format& format) {
    const int e = format.exponent_bits, m = format.mantissa_bits;
    min_exponent = 2 - (1 << (e - 1));
    const bool is_ocp = format.family == Family::kOcpFloat;
    has_nan = is_ocp ? e == 4 : m > 0;
    if (is_ocp)
      largest = e == 4 ? 448 : e == 3 ? 28 : m == 3 ? 7.5 : 6;
    else if (e == 1)
      largest = std::ldexp(std::ldexp(1.0, m) - 1, 1 - m);
    else
      largest = std::ldexp(2 - std::ldexp(1.0, -m), (1 << (e - 1)) - 1);
  }
};

inline double round_float(double x, const Format& format, std::uint32_t word) {
  const FloatFacts facts(format);
  if (std::isnan(x)) return facts.has_nan ? x : 0.0;
  if (std::isinf(x)) return overflowed(format, facts.largest, x);
  const int exponent = x == 0 ? facts.min_exponent : std::max(std::ilogb(x), facts.min_exponent);
  const double step = std::ldexp(1.0, exponent - format.mantissa_bits);
  const double magnitude = static_cast<double>(rounded_steps(x, step, format, word)) * step;
  if (magnitude > facts.largest) return overflowed(format, facts.largest, x);
  const bool flushed = format.flushes_subnormals && magnitude < std::ldexp(1.0, facts.min_exponent);
  return std::copysign(flushed ? 0 : magnitude, x);
}

/// Codes lowest .. highest of `bits` bits, times unit. The product is rounded to T.
template <class T>
double round_code(double x, const Format& format, double unit, std::int64_t lowest, std::int64_t highest,
                  std::uint32_t word) {
  if (std::isnan(x)) return 0;
  const bool wraps = format.overflow == Overflow::kWrap;
  if (std::isinf(x)) return wraps ? 0 : static_cast<double>(x > 0 ? highest : lowest) * unit;
  auto code = static_cast<std::int64_t>(rounded_steps(x, unit, format, word));
  if (x < 0) code = -code;
  // A value that is a code as the carrier holds it stays that code.
  const double nearest = std::nearbyint(x / unit);
  if (std::abs(nearest) < 1e9 && static_cast<double>(static_cast<T>(nearest * unit)) == x)
    code = static_cast<std::int64_t>(nearest);
  if (wraps) {
    const std::int64_t modulus = highest - lowest + 1;
    code = (code - lowest) % modulus;
    code = (code < 0 ? code + modulus : code) + lowest;
  }
  return static_cast<double>(static_cast<T>(static_cast<double>(std::clamp(code, lowest, highest)) * unit)) + 0.0;
}

/// The definition of rounding for every family that computes.
template <class T>
double round_by_definition(double x, const Format& format, const numbers::Scale& scale, std::uint32_t word) {
  const std::int64_t half = std::int64_t{1} << (format.bits - 1);
  const auto zero_point = static_cast<std::int64_t>(scale.zero_point);
  const bool wraps = format.overflow == Overflow::kWrap;
  switch (format.family) {
    case Family::kFixed:
      return round_code<T>(x, format, std::ldexp(1.0, -format.fraction_bits), -half, half - 1, word);
    case Family::kUnsignedFixed:
      return round_code<T>(x, format, std::ldexp(1.0, -format.fraction_bits), 0, 2 * half - 1, word);
    case Family::kDynamicFixed:
      return round_code<T>(x, format, scale.unit, wraps ? -half : 1 - half, half - 1, word);
    case Family::kInt:
      return round_code<T>(x, format, scale.unit, -half, half - 1, word);
    case Family::kUnsignedInt:
      return round_code<T>(x, format, scale.unit, -zero_point, 2 * half - 1 - zero_point, word);
    case Family::kBinary:
      return x < 0 ? -scale.unit : scale.unit;
    case Family::kTernary:
      return std::abs(x) > scale.threshold ? std::copysign(scale.unit, x) : 0.0;
    default:
      return round_float(x, format, word);
  }
}

}  // namespace udnn::test
