// What follows from a format: the facts that udnn/format.h declares.
#include <algorithm>
#include <cmath>
#include <limits>

#include "udnn/format.h"

namespace udnn {

namespace {

void describe_float(const Format& format, FormatTraits& t) {
  const int e = format.exponent_bits, m = format.mantissa_bits;
  const bool is_ieee = format.family == Family::kFloat || (e == 5 && m == 2);
  const int bias = (1 << (e - 1)) - 1;
  const bool has_normals = !is_ieee || e > 1;
  t.min_exponent = 1 - bias;
  t.max_exponent = is_ieee ? bias : bias + 1;
  t.has_infinity = is_ieee;
  t.has_nan = is_ieee ? m > 0 : e == 4;
  t.has_negative_zero = true;
  t.smallest_subnormal = m > 0 ? std::ldexp(1.0, t.min_exponent - m) : 0;
  t.smallest_normal = has_normals ? std::ldexp(1.0, t.min_exponent) : 0;
  t.significant_bits = has_normals ? m + 1 : m;
  t.largest = has_normals ? std::ldexp(2 - std::ldexp(1.0, -m), t.max_exponent)
                          : std::ldexp(1 - std::ldexp(1.0, -m), t.min_exponent);
  if (!is_ieee && t.has_nan) t.largest -= std::ldexp(1.0, t.max_exponent - m);  // whose code is NaN
  t.lowest = 0 - t.largest;  // of f1.0 they are 0, and there is no spacing
  t.spacing_at_one = t.largest > 0 ? std::ldexp(1.0, std::max(0, t.min_exponent) - m) : 0;
}

void describe_codes(double lowest, double largest, int fraction_bits, FormatTraits& t) {
  t.lowest = std::ldexp(lowest, -fraction_bits);
  t.largest = std::ldexp(largest, -fraction_bits);
  t.spacing_at_one = std::ldexp(1.0, -fraction_bits);
  t.smallest_subnormal = largest > 0 ? t.spacing_at_one : 0;  // fx1.0 has -1 and 0
  t.min_exponent = -fraction_bits;
  const double widest = std::max(-t.lowest, t.largest);
  t.max_exponent = widest > 0 ? std::ilogb(widest) : t.min_exponent;
}

/// From 1 to the next posit. Where the exponent has no room for its last bits, they are 0, and a step is larger;
/// posit2.E ends at 1.
double posit_spacing_at_one(const Format& format) {
  const int fraction_bits = format.bits - 3 - format.exponent_bits;
  if (format.bits == 2) return 0;
  return fraction_bits >= 0 ? std::ldexp(1.0, -fraction_bits) : std::ldexp(1.0, 1 << -fraction_bits) - 1;
}

/// 2^n - 1, to nearest where a double has no room for it.
double all_ones(int n) { return std::ldexp(1.0, n) - 1; }

}  // namespace

FormatTraits traits(const Format& format) {
  FormatTraits t;
  const int n = format.bits;
  t.significant_bits = std::max(n - 1, 1);
  const double half = std::ldexp(1.0, n - 1);
  switch (format.family) {
    case Family::kFloat:
    case Family::kOcpFloat:
      describe_float(format, t);
      break;
    case Family::kFixed:
      describe_codes(-half, all_ones(n - 1), format.fraction_bits, t);
      break;
    case Family::kUnsignedFixed:
      describe_codes(0, all_ones(n), format.fraction_bits, t);
      t.significant_bits = n;
      break;
    case Family::kDynamicFixed:
      describe_codes(format.overflow == Overflow::kWrap ? -half : -all_ones(n - 1), all_ones(n - 1), 0, t);
      break;
    case Family::kInt:
    case Family::kBlockFloat:
      describe_codes(-half, all_ones(n - 1), 0, t);
      break;
    case Family::kUnsignedInt:
      describe_codes(0, all_ones(n), 0, t);
      t.significant_bits = n;
      break;
    case Family::kMx:
    case Family::kNvfp4:
      if (format.exponent_bits > 0)
        describe_float(format, t);
      else
        describe_codes(-half, all_ones(n - 1), 6, t);
      break;
    case Family::kPosit: {
      const int largest = (n - 2) << format.exponent_bits;
      t.largest = std::ldexp(1.0, largest);
      t.smallest_subnormal = std::ldexp(1.0, -largest);
      t.spacing_at_one = posit_spacing_at_one(format);
      t.significant_bits = std::max(n - 2 - format.exponent_bits, 1);
      t.min_exponent = -largest;
      t.max_exponent = largest;
      t.lowest = -t.largest;
      t.has_nan = true;
      break;
    }
    case Family::kPowerOfTwo: {
      t.min_exponent = (format.is_log ? 1 : 2) - (1 << (n - 1));  // the largest is 1; one code is zero, but for :log
      t.largest = 1;
      t.lowest = -1;
      t.smallest_subnormal = std::ldexp(1.0, t.min_exponent);
      t.spacing_at_one = 1;
      t.significant_bits = 1;
      break;
    }
    case Family::kTernary:
    case Family::kBinary:
      describe_codes(-1, 1, 0, t);
      if (format.family == Family::kBinary) t.spacing_at_one = 2;
      t.significant_bits = 1;
      break;
  }
  switch (format.family) {
    case Family::kDynamicFixed:
    case Family::kInt:
    case Family::kUnsignedInt:
    case Family::kBlockFloat:
    case Family::kMx:
      t.is_dynamic = format.scale_rule != ScaleRule::kFixed;
      break;
    case Family::kNvfp4:
    case Family::kPowerOfTwo:
    case Family::kTernary:
      t.is_dynamic = true;
      break;
    case Family::kBinary:
      t.is_dynamic = !format.is_unit;
      break;
    default:
      break;
  }
  return t;
}

double storage_bits(const Format& format) {
  switch (format.family) {
    case Family::kBlockFloat:
    case Family::kMx:
    case Family::kNvfp4:
      return format.bits + 8.0 / format.block;
    default:
      return format.bits;
  }
}

bool fits_float_carrier(const Format& format) {
  constexpr int kDigits = std::numeric_limits<float>::digits;
  const FormatTraits t = traits(format);
  if (t.significant_bits > kDigits) return false;
  if (t.significant_bits == kDigits && format.rounding != Rounding::kNearestEven) return false;
  switch (format.family) {
    case Family::kFloat:
    case Family::kOcpFloat:
      return format.exponent_bits <= 8;
    case Family::kFixed:
    case Family::kUnsignedFixed:
      // The spacing and its inverse are normal floats.
      return format.fraction_bits <= 126 && format.fraction_bits >= -126 && t.max_exponent <= 126;
    default:
      break;
  }
  const double unit = format.scale_rule == ScaleRule::kFixed ? format.scale_value : 1;
  if (unit < 0x1p-126 || unit > std::ldexp(1.0, 126 - format.bits)) return false;
  const int least = format.family == Family::kPowerOfTwo ? -126 : -149;  // a window has no subnormals
  return t.min_exponent >= least && t.max_exponent <= 127;
}

bool fits_double_carrier(const Format& format) {
  return traits(format).significant_bits <= std::numeric_limits<double>::digits;
}

}  // namespace udnn
