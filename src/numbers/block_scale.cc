#include "src/numbers/block_scale.h"

#include <algorithm>
#include <cmath>

namespace udnn::numbers {

namespace {

constexpr int kLeast = -127, kMost = 127;  // of E8M0
constexpr double kLargestE2m1 = 6, kLargestE4m3 = 448;

/// The least s with factor * 2^s >= largest > 0.
int least_power(double factor, double largest) noexcept {
  int s = std::ilogb(largest) - std::ilogb(factor) - 1;
  while (std::ldexp(factor, s) < largest) ++s;
  return s;
}

/// floor(log2) of x after its mantissa is rounded to `bits` bits, ties to even.
int rounded_exponent(double x, int bits) noexcept {
  const int e = std::ilogb(x);
  return std::ilogb(std::nearbyint(std::ldexp(x, bits - e))) - bits + e;
}

/// The power of two of an MX block, before it is clamped.
int mx_exponent(const Format& format, double largest) noexcept {
  const bool is_integer = format.exponent_bits == 0;
  const FormatTraits element = traits(format);
  const int emax = is_integer ? 0 : element.max_exponent;
  switch (format.scale_rule) {
    case ScaleRule::kCeil:
      return least_power(1, largest) - emax;
    case ScaleRule::kRceil:
    case ScaleRule::kMax:
      return least_power(element.largest, largest);
    case ScaleRule::kEven:
      return rounded_exponent(largest, is_integer ? format.bits - 2 : format.mantissa_bits) - emax;
    default:
      return std::ilogb(largest) - emax;
  }
}

/// To the nearest e4m3, ties to even, at most the largest. x >= 0.
double nearest_e4m3(double x) noexcept {
  if (!(x < kLargestE4m3)) return kLargestE4m3;
  const int e = x == 0 ? -6 : std::max(std::ilogb(x), -6);
  return std::min(std::ldexp(std::nearbyint(std::ldexp(x, 3 - e)), e - 3), kLargestE4m3);
}

}  // namespace

double block_unit(const Format& format, double largest, double tensor) noexcept {
  if (format.scale_rule == ScaleRule::kFixed) return format.scale_value;
  if (format.family == Family::kNvfp4) return nearest_e4m3(largest / (kLargestE2m1 * tensor)) * tensor;
  int s = kLeast;
  if (largest > 0)
    s = format.family == Family::kMx ? mx_exponent(format, largest)
                                     : least_power(std::ldexp(1.0, format.bits - 1) - 1, largest);
  const bool has_codes = format.family == Family::kMx && format.exponent_bits == 0;
  return std::ldexp(1.0, std::clamp(s, kLeast, kMost) - (has_codes ? format.bits - 2 : 0));
}

double nvfp4_tensor_scale(double largest) noexcept {
  const auto scale = static_cast<double>(static_cast<float>(largest / (kLargestE2m1 * kLargestE4m3)));
  return largest > 0 ? std::clamp(scale, 0x1p-126, 0x1p120) : 1;
}

}  // namespace udnn::numbers
