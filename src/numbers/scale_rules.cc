#include "src/numbers/scale_rules.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "src/numbers/block_scale.h"
#include "src/numbers/magnitude_histogram.h"

namespace udnn::numbers {

namespace {

template <class T>
constexpr bool kIsDouble = !std::is_same_v<T, float>;  // or wider

/// 2^(N-1) - 1; of more than 54 bits the largest double that is not above it, so that what a scale is found for fits.
double largest_code(const Format& format) noexcept {
  const double beyond = std::ldexp(1.0, format.bits - 1);
  return format.bits > 54 ? std::nextafter(beyond, 0) : beyond - 1;
}

template <class T>
double range_of(const T* w, std::size_t count, double& min) noexcept {
  double max = 0;
  min = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = static_cast<double>(w[i]);
    if (!std::isfinite(value)) continue;
    min = std::min(min, value);
    max = std::max(max, value);
  }
  return max;
}

/// The least exponent whose overflows are rare enough, at most `bits` below the one that has none.
template <class T>
double exponent_by_rate(const Format& format, const T* w, std::size_t count, double largest) noexcept {
  const double safe = least_exponent<T>(format, largest);
  const double allowed = format.scale_value * static_cast<double>(count);
  double exponent = safe;
  while (exponent > safe - format.bits && clamped_exponent<T>(format, exponent - 1) == exponent - 1) {
    const double border = std::ldexp(border_of_largest_code(format), static_cast<int>(exponent) - 1);
    double above = 0;
    for (std::size_t i = 0; i < count; ++i)
      if (std::isfinite(w[i]) && std::abs(static_cast<double>(w[i])) > border) above += 1;
    if (above > allowed) break;
    exponent -= 1;
  }
  return exponent;
}

/// The range that a rule with a histogram gives to w[0], w[stride], ...
template <class T>
double range_of_values(const Format& format, const T* w, std::size_t count, std::size_t stride,
                       double largest) noexcept {
  if (largest == 0) return 0;
  std::uint32_t bins[kMagnitudeBins] = {};
  count_magnitudes(w, count, stride, std::span(bins));
  return range_by_rule(format, bins, largest);
}

template <class T>
void integer_scales(const Format& format, const T* w, std::size_t rows, std::size_t channels, Scale* scales) noexcept {
  for (std::size_t c = 0; c < channels; ++c) scales[c] = {.unit = 0, .threshold = 0};  // the largest, and the lowest
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < channels; ++c) {
      const auto value = static_cast<double>(w[r * channels + c]);
      if (!std::isfinite(value)) continue;
      scales[c].unit = std::max(scales[c].unit, value);
      scales[c].threshold = std::min(scales[c].threshold, value);
    }
  for (std::size_t c = 0; c < channels; ++c) {
    double max = scales[c].unit, min = scales[c].threshold;
    if (wants_histogram(format)) {
      const double range = range_of_values(format, w + c, rows, channels, std::max(max, -min));
      max = std::min(max, range);
      min = std::max(min, -range);
    }
    scales[c] = integer_scale<T>(format, min, max);
  }
}

/// unit = mean of the magnitudes above the threshold, of all where `takes_all`. Sums in order of the rows.
template <class T>
void means_above(const T* w, std::size_t rows, std::size_t channels, bool takes_all, Scale* scales) noexcept {
  for (std::size_t c = 0; c < channels; ++c) scales[c].unit = scales[c].zero_point = 0;  // the sum, and how many
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < channels; ++c) {
      const double magnitude = std::abs(static_cast<double>(w[r * channels + c]));
      if (!std::isfinite(magnitude) || !(takes_all || magnitude > scales[c].threshold)) continue;
      scales[c].unit += magnitude;
      scales[c].zero_point += 1;
    }
  for (std::size_t c = 0; c < channels; ++c) {
    if (scales[c].zero_point > 0) scales[c].unit /= scales[c].zero_point;
    scales[c].zero_point = 0;
  }
}

}  // namespace

double border_of_largest_code(const Format& format) noexcept { return largest_code(format) - 0.5; }

template <class T>
double clamped_exponent(const Format& format, double exponent) noexcept {
  constexpr double kLeast = kIsDouble<T> ? -900 : -126, kMost = kIsDouble<T> ? 900 : 126;
  return exponent >= kLeast ? std::min(exponent, kMost - format.bits) : kLeast;
}

template <class T>
double least_exponent(const Format& format, double largest) noexcept {
  return clamped_exponent<T>(format, least_power(largest_code(format), largest));
}

template <class T>
Scale integer_scale(const Format& format, double min, double max) noexcept {
  const bool has_zero_point = format.family == Family::kUnsignedInt;
  const double width = has_zero_point ? max - min : std::max(-min, max);
  if (width == 0) return {};
  const double codes = has_zero_point ? 2 * largest_code(format) + 1 : largest_code(format);
  const double least = kIsDouble<T> ? 0x1p-900 : 0x1p-126,
               most = std::ldexp(1.0, (kIsDouble<T> ? 900 : 126) - format.bits);
  const double unit = static_cast<double>(static_cast<T>(std::clamp(width / codes, least, most)));
  return {.unit = unit, .zero_point = has_zero_point ? std::min(std::nearbyint(-min / unit), codes) : 0};
}

template <class T>
Scale tensor_scale(const Format& format, double largest) noexcept {
  if (format.family == Family::kNvfp4) return {.unit = nvfp4_tensor_scale(largest)};
  if (largest == 0) return {};
  constexpr int kMost = kIsDouble<T> ? 900 : 126;
  const int e = std::ilogb(largest);
  const double mantissa = std::ldexp(largest, -e);
  const bool goes_on = mantissa >= (format.is_log ? std::numbers::sqrt2 : 1.5);
  return {.unit = std::ldexp(1.0, std::clamp(e + (goes_on ? 1 : 0), -kMost, kMost - format.bits))};
}

template <class T>
void weight_scales(const Format& format, const T* w, std::size_t rows, std::size_t channels, Scale* scales) noexcept {
  switch (format.family) {
    case Family::kDynamicFixed: {
      double min = 0;
      const double max = range_of(w, rows * channels, min);
      double largest = std::max(max, -min), exponent = 0;
      if (wants_histogram(format)) largest = range_of_values(format, w, rows * channels, 1, largest);
      if (largest > 0)
        exponent = format.scale_rule == ScaleRule::kOverflowRate ? exponent_by_rate(format, w, rows * channels, largest)
                                                                 : least_exponent<T>(format, largest);
      std::fill_n(scales, channels, Scale{.unit = std::ldexp(1.0, static_cast<int>(exponent))});
      break;
    }
    case Family::kPowerOfTwo:
    case Family::kNvfp4: {
      double min = 0;
      const double max = range_of(w, rows * channels, min);
      std::fill_n(scales, channels, tensor_scale<T>(format, std::max(max, -min)));
      break;
    }
    case Family::kInt:
    case Family::kUnsignedInt:
      integer_scales(format, w, rows, channels, scales);
      break;
    case Family::kBinary:
    case Family::kTernary:
      std::fill_n(scales, channels, Scale{});
      means_above(w, rows, channels, true, scales);
      if (format.family == Family::kTernary) {
        for (std::size_t c = 0; c < channels; ++c) scales[c].threshold = kTernaryCut * scales[c].unit;
        means_above(w, rows, channels, false, scales);
      }
      for (std::size_t c = 0; c < channels; ++c)
        scales[c].unit = format.is_unit ? 1 : static_cast<double>(static_cast<T>(scales[c].unit));
      break;
    default:
      std::fill_n(scales, channels, Scale{});
      break;
  }
}

template double clamped_exponent<float>(const Format&, double) noexcept;
template double clamped_exponent<double>(const Format&, double) noexcept;
template double clamped_exponent<kernels::Wide>(const Format&, double) noexcept;
template double least_exponent<float>(const Format&, double) noexcept;
template double least_exponent<double>(const Format&, double) noexcept;
template double least_exponent<kernels::Wide>(const Format&, double) noexcept;
template Scale integer_scale<float>(const Format&, double, double) noexcept;
template Scale integer_scale<double>(const Format&, double, double) noexcept;
template Scale integer_scale<kernels::Wide>(const Format&, double, double) noexcept;
template Scale tensor_scale<float>(const Format&, double) noexcept;
template Scale tensor_scale<double>(const Format&, double) noexcept;
template Scale tensor_scale<kernels::Wide>(const Format&, double) noexcept;
template void weight_scales<float>(const Format&, const float*, std::size_t, std::size_t, Scale*) noexcept;
template void weight_scales<double>(const Format&, const double*, std::size_t, std::size_t, Scale*) noexcept;
template void weight_scales<kernels::Wide>(const Format&, const kernels::Wide*, std::size_t, std::size_t,
                                           Scale*) noexcept;

}  // namespace udnn::numbers
