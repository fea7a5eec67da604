#include "src/numbers/range_tracker.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/base/refusal.h"
#include "src/numbers/magnitude_histogram.h"
#include "src/numbers/scale_rules.h"

namespace udnn::numbers {

namespace {

/// Growth at once, decay by a tenth of the difference.
double followed(double running, double now) noexcept { return std::max(now, 0.9 * running + 0.1 * now); }

double averaged(double running, double now, bool has_running) noexcept {
  return has_running ? 0.9 * running + 0.1 * now : now;
}

}  // namespace

void RangeObservation::clear() noexcept {
  count = above[0] = above[1] = 0;
  min = max = magnitude = magnitude_above = 0;
  std::fill(histogram.begin(), histogram.end(), 0U);
}

void RangeObservation::merge(const RangeObservation& other) noexcept {
  count += other.count;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  magnitude += other.magnitude;
  above[0] += other.above[0];
  above[1] += other.above[1];
  magnitude_above += other.magnitude_above;
  for (std::size_t i = 0; i < other.histogram.size(); ++i) histogram[i] += other.histogram[i];
}

template <class T>
Result<RangeTracker<T>> RangeTracker<T>::create(const Format& format, const kernels::KernelTable& table) {
  auto quantizer = Quantizer<T>::create(format, table);
  if (!quantizer) return quantizer.error();
  if (!quantizer->needs_scale())
    return base::invalid("{}: its scale is known, there is no range to follow", to_string(format));
  RangeTracker made;
  made.format_ = format;
  made.kernels_ = &table.carrier<T>().quantize;
  return made;
}

template <class T>
RangeObservation RangeTracker<T>::observation() const {
  RangeObservation made;
  if (wants_histogram(format_)) made.histogram.resize(kMagnitudeBins);
  return made;
}

template <class T>
void RangeTracker<T>::observe(const T* x, std::size_t count, RangeObservation& observation) const noexcept {
  double threshold[2] = {scale_.threshold, 0};
  if (wants_histogram(format_)) count_magnitudes(x, count, 1, std::span(observation.histogram));
  if (has_controller()) {
    const double border = border_of_largest_code(format_);
    threshold[0] = border * scale_.unit;
    threshold[1] = border * scale_.unit / 2;
  }
  const kernels::PieceRange range = kernels_->range(x, count, threshold);
  // No histogram in it: merge() adds none then.
  observation.merge({.count = static_cast<std::uint64_t>(range.finite),
                     .min = range.min,
                     .max = range.max,
                     .magnitude = range.magnitude,
                     .above = {static_cast<std::uint64_t>(range.above[0]), static_cast<std::uint64_t>(range.above[1])},
                     .magnitude_above = range.magnitude_above,
                     .histogram = {}});
}

template <class T>
void RangeTracker<T>::update(const RangeObservation& observation) noexcept {
  double largest = std::max(observation.max, -observation.min);
  if (largest == 0) return;
  if (wants_histogram(format_)) largest = range_by_rule(format_, observation.histogram, largest);
  const double mean = observation.magnitude / static_cast<double>(observation.count);
  switch (format_.family) {
    case Family::kBinary:
      max_ = averaged(max_, mean, primed_);
      break;
    case Family::kTernary: {
      const auto above = static_cast<double>(observation.above[0]);
      min_ = averaged(min_, mean, primed_);
      if (above > 0) max_ = averaged(max_, observation.magnitude_above / above, primed_);
      break;
    }
    case Family::kUnsignedInt: {
      const double above = std::min(observation.max, largest), below = std::min(-observation.min, largest);
      max_ = primed_ ? followed(max_, above) : above;
      min_ = primed_ ? -followed(-min_, below) : -below;
      break;
    }
    default:
      max_ = primed_ ? followed(max_, largest) : largest;
      break;
  }
  if (has_controller()) {
    if (!primed_) {
      exponent_ = least_exponent<T>(format_, largest);
    } else {
      looks_ += 1;
      counted_ += static_cast<double>(observation.count);
      for (int i = 0; i < 2; ++i) above_[i] += static_cast<double>(observation.above[i]);
      if (looks_ >= kLooks) choose_exponent();
    }
  }
  primed_ = true;
  choose_scale();
}

template <class T>
void RangeTracker<T>::choose_exponent() noexcept {
  const double allowed = format_.scale_value * counted_;
  if (above_[0] > allowed)
    exponent_ += 1;
  else if (above_[1] <= allowed)
    exponent_ -= 1;
  exponent_ = clamped_exponent<T>(format_, exponent_);
  looks_ = counted_ = above_[0] = above_[1] = 0;
}

template <class T>
void RangeTracker<T>::choose_scale() noexcept {
  switch (format_.family) {
    case Family::kBinary:
      scale_ = {.unit = static_cast<double>(static_cast<T>(max_))};
      break;
    case Family::kTernary:
      scale_ = {.unit = format_.is_unit ? 1 : static_cast<double>(static_cast<T>(max_)),
                .threshold = kTernaryCut * min_};
      break;
    case Family::kDynamicFixed:
      scale_ = {.unit =
                    std::ldexp(1.0, static_cast<int>(has_controller() ? exponent_ : least_exponent<T>(format_, max_)))};
      break;
    case Family::kPowerOfTwo:
    case Family::kNvfp4:
      scale_ = tensor_scale<T>(format_, max_);
      break;
    default:
      scale_ = integer_scale<T>(format_, min_, max_);
      break;
  }
}

template <class T>
std::array<double, RangeTracker<T>::kState> RangeTracker<T>::save() const noexcept {
  return {primed_ ? 1.0 : 0.0, min_, max_, exponent_, looks_, counted_, above_[0], above_[1]};
}

template <class T>
void RangeTracker<T>::load(const std::array<double, kState>& state) noexcept {
  primed_ = state[0] != 0;
  min_ = state[1];
  max_ = state[2];
  exponent_ = clamped_exponent<T>(format_, state[3]);
  looks_ = state[4];
  counted_ = state[5];
  above_[0] = state[6];
  above_[1] = state[7];
  if (primed_)
    choose_scale();
  else
    scale_ = {};
}

template class RangeTracker<float>;
template class RangeTracker<double>;
template class RangeTracker<kernels::Wide>;

}  // namespace udnn::numbers
