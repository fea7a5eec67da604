#include "src/numbers/block_scale.h"
#include "kernels/kernel_table.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/base/bits.h"

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

/// Of a code: the unit is that much below the scale.
int code_fraction_bits(const Format& format) noexcept {
  return format.family == Family::kMx && format.exponent_bits == 0 ? format.bits - 2 : 0;
}

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

/// An e4m3 beside x >= 0, at most the largest: below it (floor), above it (ceil), else the nearest, ties to even.
double to_e4m3(double x, ScaleRule rule) noexcept {
  if (!(x < kLargestE4m3)) return kLargestE4m3;
  const int e = x == 0 ? -6 : std::max(std::ilogb(x), -6);
  const double steps = std::ldexp(x, 3 - e);
  const double whole = rule == ScaleRule::kFloor  ? std::floor(steps)
                       : rule == ScaleRule::kCeil ? std::ceil(steps)
                                                  : std::nearbyint(steps);
  return std::min(std::ldexp(whole, e - 3), kLargestE4m3);
}

double nearest_e4m3(double x) noexcept { return to_e4m3(x, ScaleRule::kEven); }

}  // namespace

double block_unit(const Format& format, const FormatTraits& element, double largest, double tensor) noexcept {
  if (format.scale_rule == ScaleRule::kFixed) return format.scale_value;
  if (format.family == Family::kNvfp4) return to_e4m3(largest / (kLargestE2m1 * tensor), format.scale_rule) * tensor;
  const bool is_mx = format.family == Family::kMx, has_codes = is_mx && format.exponent_bits == 0;
  const int fraction_bits = code_fraction_bits(format);
  int s = kLeast - fraction_bits;
  if (largest > 0)
    s = is_mx ? mx_exponent(format, element, has_codes ? fraction_bits : element.max_exponent, largest)
              : least_power(element.largest, largest);
  return std::ldexp(1.0, std::clamp(s, kLeast - fraction_bits, kMost - fraction_bits));
}

bool looks_past_largest(const Format& format) noexcept {
  return format.scale_rule == ScaleRule::kOverflowRate || format.scale_rule == ScaleRule::kPercentile ||
         format.scale_rule == ScaleRule::kLeastSquares;
}

namespace {

/// The finite magnitudes of x[0], x[stride], ...; each(value).
template <class T, class Each>
void on_finite(const T* x, std::size_t count, std::size_t stride, Each each) noexcept {
  for (std::size_t i = 0; i < count; ++i)
    if (const auto value = static_cast<double>(x[i * stride]); std::isfinite(value)) each(value);
}

/// The least s, at least `least`, with which `share` of the values fit.
template <class T>
int exponent_of_share(const FormatTraits& element, const T* x, std::size_t count, std::size_t stride, double share,
                      int least) noexcept {
  std::uint32_t counts[kMost - kLeast + 1] = {};  // of the values that fit with s = least + i, and with no lesser one
  double all = 0;
  on_finite(x, count, stride, [&](double value) noexcept {
    const int s = value == 0 ? least : least_power(element.largest, std::abs(value));
    ++counts[std::clamp(s - least, 0, kMost - kLeast)];
    all += 1;
  });
  double fit = 0;
  int i = 0;
  while ((fit += counts[i]) < share * all) ++i;
  return least + i;
}

/// Of rounding all of them to nearest.
template <class T>
double squared_error(const Format& format, const FormatTraits& element, const T* x, std::size_t count,
                     std::size_t stride, double unit) noexcept {
  double sum = 0;
  on_finite(x, count, stride, [&](double value) noexcept {
    const double given = value / unit;  // a power of two
    int spacing = 0;
    if (format.exponent_bits > 0 && given != 0)
      spacing = std::max(std::ilogb(given), element.min_exponent) - format.mantissa_bits;
    const double nearest = std::ldexp(std::nearbyint(std::ldexp(given, -spacing)), spacing);
    const double error = (std::clamp(nearest, element.lowest, element.largest) - given) * unit;
    sum += error * error;
  });
  return sum;
}

template <class T>
int exponent_of_least_error(const Format& format, const FormatTraits& element, const T* x, std::size_t count,
                            std::size_t stride, double largest, int s, int least) noexcept {
  int best = s;
  double least_error = squared_error(format, element, x, count, stride, std::ldexp(1.0, s));
  const int last = std::max(s - format.bits, least);
  for (--s; s >= last; --s) {
    const double unit = std::ldexp(1.0, s), beyond = largest - std::max(-element.lowest, element.largest) * unit;
    if (beyond > 0 && beyond * beyond >= least_error) break;  // the largest alone is too wrong, and goes on to be
    const double error = squared_error(format, element, x, count, stride, unit);
    if (error >= least_error) continue;
    least_error = error;
    best = s;
  }
  return best;
}

}  // namespace

template <class T>
double block_unit_of(const Format& format, const FormatTraits& element, const T* x, std::size_t count,
                     std::size_t stride, double largest) noexcept {
  const int least = kLeast - code_fraction_bits(format), most = kMost - code_fraction_bits(format);
  if (largest == 0) return std::ldexp(1.0, least);
  int s = std::clamp(least_power(element.largest, largest), least, most);
  if (format.scale_rule == ScaleRule::kLeastSquares)
    s = exponent_of_least_error(format, element, x, count, stride, largest, s, least);
  else
    s = exponent_of_share(
        element, x, count, stride,
        format.scale_rule == ScaleRule::kPercentile ? format.scale_value / 100 : 1 - format.scale_value, least);
  return std::ldexp(1.0, s);
}

template double block_unit_of(const Format&, const FormatTraits&, const float*, std::size_t, std::size_t,
                              double) noexcept;
template double block_unit_of(const Format&, const FormatTraits&, const double*, std::size_t, std::size_t,
                              double) noexcept;
template double block_unit_of(const Format&, const FormatTraits&, const kernels::Wide*, std::size_t, std::size_t,
                              double) noexcept;

namespace {

constexpr int kMantissaE4m3 = 3, kBiasE4m3 = 7;
constexpr std::uint8_t kNanE4m3 = 0x7f, kNanE8m0 = 0xff;

double value_of_e4m3(std::uint8_t code) noexcept {
  const int field = code >> kMantissaE4m3, mantissa = code & 7;
  return std::ldexp(field == 0 ? mantissa : mantissa + 8, std::max(field, 1) - kBiasE4m3 - kMantissaE4m3);
}

/// Of a value that nearest_e4m3() leaves as it is.
std::uint8_t code_of_e4m3(double value) noexcept {
  const int e = value == 0 ? 1 - kBiasE4m3 : std::max(std::ilogb(value), 1 - kBiasE4m3);
  const int mantissa = static_cast<int>(std::ldexp(value, kMantissaE4m3 - e));  // 8 and more where it is normal
  return static_cast<std::uint8_t>(((e + kBiasE4m3 - 1) << kMantissaE4m3) + mantissa);
}

}  // namespace

std::optional<std::uint8_t> block_scale_code(const Format& format, double unit, double tensor) noexcept {
  if (format.family == Family::kNvfp4) {
    const double scale = nearest_e4m3(unit / tensor);
    if (!(scale * tensor == unit)) return std::nullopt;
    return code_of_e4m3(scale);
  }
  if (!base::is_power_of_two(unit)) return std::nullopt;
  const int s = std::ilogb(unit) + code_fraction_bits(format);
  if (s < kLeast || s > kMost) return std::nullopt;
  return static_cast<std::uint8_t>(s - kLeast);
}

std::optional<double> block_scale_value(const Format& format, std::uint8_t code) noexcept {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  if (format.family == Family::kNvfp4) {
    if (code > kNanE4m3) return std::nullopt;
    return code == kNanE4m3 ? kNan : value_of_e4m3(code);
  }
  if (code == kNanE8m0) return kNan;
  const double value = std::ldexp(1.0, code + kLeast);
  if (format.scale_rule == ScaleRule::kFixed && unit_of_block_scale(format, value, 1) != format.scale_value)
    return std::nullopt;
  return value;
}

double unit_of_block_scale(const Format& format, double value, double tensor) noexcept {
  return format.family == Family::kNvfp4 ? value * tensor : std::ldexp(value, -code_fraction_bits(format));
}

std::optional<double> nvfp4_tensor_of_units(std::span<const double> units) noexcept {
  double largest = 0;
  for (const double unit : units) largest = std::max(largest, unit);
  if (largest == 0) return 1;
  // The largest unit is one of 126 values times the scale. What a tensor of its own maximum has comes first: 448.
  for (std::uint8_t code = kNanE4m3 - 1; code > 0; --code) {
    const double tensor = largest / value_of_e4m3(code);
    if (static_cast<double>(static_cast<float>(tensor)) != tensor) continue;
    if (std::all_of(units.begin(), units.end(),
                    [&](double unit) { return nearest_e4m3(unit / tensor) * tensor == unit; }))
      return tensor;
  }
  return std::nullopt;
}

double nvfp4_tensor_scale(double largest) noexcept {
  const auto scale = static_cast<double>(static_cast<float>(largest / (kLargestE2m1 * kLargestE4m3)));
  return largest > 0 ? std::clamp(scale, 0x1p-126, 0x1p120) : 1;
}

}  // namespace udnn::numbers
