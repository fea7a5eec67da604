#include "src/numbers/block_scale.h"

#include <algorithm>
#include <cmath>

namespace udnn::numbers {

namespace {

constexpr int kLeast = -127, kMost = 127;  // of E8M0
constexpr double kLargestE2m1 = 6, kLargestE4m3 = 448;

}  // namespace

int least_power(double factor, double largest) noexcept {
  int s = std::ilogb(largest) - std::ilogb(factor) - 1;
  while (std::ldexp(factor, s) < largest) ++s;
  return s;
}

namespace {

/// floor(log2) of x after its mantissa is rounded to `bits` bits, ties to even.
int rounded_exponent(double x, int bits) noexcept {
  const int e = std::ilogb(x);
  return std::ilogb(std::nearbyint(std::ldexp(x, bits - e))) - bits + e;
}

/// The exponent of the unit of an MX block, before it is clamped.
int mx_exponent(const Format& format, const FormatTraits& element, int emax, double largest) noexcept {
  switch (format.scale_rule) {
    case ScaleRule::kCeil:
      return least_power(1, largest) - emax;
    case ScaleRule::kRceil:
    case ScaleRule::kMax:
      return least_power(element.largest, largest);
    case ScaleRule::kEven:
      return rounded_exponent(largest, format.exponent_bits == 0 ? emax : format.mantissa_bits) - emax;
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

double block_unit(const Format& format, const FormatTraits& element, double largest, double tensor) noexcept {
  if (format.scale_rule == ScaleRule::kFixed) return format.scale_value;
  if (format.family == Family::kNvfp4) return nearest_e4m3(largest / (kLargestE2m1 * tensor)) * tensor;
  const bool is_mx = format.family == Family::kMx, has_codes = is_mx && format.exponent_bits == 0;
  const int fraction_bits = has_codes ? format.bits - 2 : 0;  // of a code: the unit is that much below the scale
  int s = kLeast - fraction_bits;
  if (largest > 0)
    s = is_mx ? mx_exponent(format, element, has_codes ? fraction_bits : element.max_exponent, largest)
              : least_power(element.largest, largest);
  return std::ldexp(1.0, std::clamp(s, kLeast - fraction_bits, kMost - fraction_bits));
}

double nvfp4_tensor_scale(double largest) noexcept {
  const auto scale = static_cast<double>(static_cast<float>(largest / (kLargestE2m1 * kLargestE4m3)));
  return largest > 0 ? std::clamp(scale, 0x1p-126, 0x1p120) : 1;
}

}  // namespace udnn::numbers
