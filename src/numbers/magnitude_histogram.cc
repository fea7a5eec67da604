#include "src/numbers/magnitude_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "src/numbers/scale_rules.h"

namespace udnn::numbers {

namespace {

constexpr std::uint64_t kFirstBin = (1023 - 160) << 3;  // sign, exponent and three mantissa bits of 2^-160
constexpr int kShift = 49;                              // what is left of a double's mantissa

double lower_end(std::size_t bin) noexcept { return bin == 0 ? 0 : std::bit_cast<double>((bin + kFirstBin) << kShift); }

double upper_end(std::size_t bin) noexcept { return std::bit_cast<double>((bin + 1 + kFirstBin) << kShift); }

double percentile(std::span<const std::uint32_t> bins, double share, double largest) noexcept {
  const double all = std::accumulate(bins.begin(), bins.end(), 0.0);
  double below = 0;
  for (std::size_t bin = 0; bin < bins.size(); ++bin) {
    below += bins[bin];
    if (below >= share * all) return std::min(upper_end(bin), largest);
  }
  return largest;
}

double squared_error(std::span<const std::uint32_t> bins, double range, double codes) noexcept {
  const double step = range / codes;
  double sum = 0;
  for (std::size_t bin = 0; bin < bins.size(); ++bin) {
    if (bins[bin] == 0) continue;
    const double magnitude = (lower_end(bin) + upper_end(bin)) / 2;
    const double error = magnitude > range      ? (magnitude - range) * (magnitude - range)
                         : magnitude < step / 2 ? magnitude * magnitude
                                                : step * step / 12;
    sum += error * bins[bin];
  }
  return sum;
}

double best_range(const Format& format, std::span<const std::uint32_t> bins, double largest) noexcept {
  const bool is_power = format.family == Family::kDynamicFixed;
  const double codes = std::ldexp(1.0, format.bits - 1) - 1;
  constexpr int kCandidates = 48, kSteps = 64;
  const double start =
      is_power ? std::ldexp(codes, static_cast<int>(least_exponent<double>(format, largest))) : largest;
  double best = start, least = squared_error(bins, start, codes);
  for (int i = 1; i <= (is_power ? format.bits : kCandidates); ++i) {
    const double range = is_power ? std::ldexp(start, -i) : start * (kSteps - i) / kSteps;
    const double error = squared_error(bins, range, codes);
    if (error >= least) continue;
    least = error;
    best = range;
  }
  return best;
}

}  // namespace

bool wants_histogram(const Format& format) noexcept {
  switch (format.scale_rule) {
    case ScaleRule::kPercentile:
    case ScaleRule::kLeastSquares:
      return true;
    case ScaleRule::kOverflowRate:
      return format.family != Family::kDynamicFixed;
    default:
      return false;
  }
}

template <class T>
void count_magnitudes(const T* x, std::size_t count, std::size_t stride, std::span<std::uint32_t> bins) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const double magnitude = std::abs(static_cast<double>(x[i * stride]));
    if (!std::isfinite(magnitude)) continue;
    const std::uint64_t place = std::bit_cast<std::uint64_t>(magnitude) >> kShift;
    ++bins[std::min(place - std::min(place, kFirstBin), kMagnitudeBins - 1)];
  }
}

double range_by_rule(const Format& format, std::span<const std::uint32_t> bins, double largest) noexcept {
  switch (format.scale_rule) {
    case ScaleRule::kPercentile:
      return percentile(bins, format.scale_value / 100, largest);
    case ScaleRule::kOverflowRate:
      return percentile(bins, 1 - format.scale_value, largest);
    default:
      return best_range(format, bins, largest);
  }
}

template void count_magnitudes(const float*, std::size_t, std::size_t, std::span<std::uint32_t>) noexcept;
template void count_magnitudes(const double*, std::size_t, std::size_t, std::span<std::uint32_t>) noexcept;
template void count_magnitudes(const kernels::Wide*, std::size_t, std::size_t, std::span<std::uint32_t>) noexcept;

}  // namespace udnn::numbers
