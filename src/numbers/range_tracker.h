// src/numbers/range_tracker.h: the scale of a tensor over time, from what its values were.
//
//   max (default)   r <- max(m, 0.9 r + 0.1 m)       m: largest magnitude of this tensor; growth shows at once,
//   shrinking takes about ten steps
//     dfxN          unit = the least power of two with (2^(N-1) - 1) unit >= r
//     intN          unit = r / (2^(N-1) - 1)
//     uintN         the same rule for both ends, 0 included; unit = (r_max - r_min) / (2^N - 1), zero point =
//     nearest(-r_min / unit)
//     po2N          unit = the power of two nearest to r         nvfp4   unit = r / (6 * 448)
//   pct=, mse, and ovf= of int and uint: r follows the range that the rule finds in each tensor
//                   (magnitude_histogram.h) instead of m; both ends of uint are cut there
//   b1              unit = running mean |x|:  u <- 0.9 u + 0.1 mean |x|
//   t2              threshold = 0.7 running mean |x|; unit = running mean of the magnitudes above the threshold before
//   this step (the first step, which
//                   has no threshold before it: above 0)
//   dfxN:ovf=R      Courbariaux, David and Bengio (arXiv 1412.7024): every 100 tensors, with v = values rounded to
//   nearest and the fraction
//                   overflow(s) of |v| >= (2^(N-1) - 1) 2^s:   overflow(s) > R: s += 1;   else overflow(s - 1) <= R: s
//                   -= 1 The first scale is that of `max` from the first tensor.
//
// Infinities and NaN take no part. A tensor of zeros, or of none, leaves the tracker as it was.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel_table.h"
#include "src/numbers/quantizer.h"
#include "udnn/format.h"
#include "udnn/status.h"

namespace udnn::numbers {

/// Of one chunk of a tensor, or of all of it. Sums depend on the order of merging; maxima and counts do not.
struct RangeObservation {
  std::uint64_t count = 0;  ///< finite values
  double min = 0;           ///< of the values and 0
  double max = 0;
  double magnitude = 0;  ///< sum |x|
  std::uint64_t above[2] = {
      0, 0};  ///< ovf: |v| at or above the largest code, at s and at s - 1; t2: above the threshold, and not used
  double magnitude_above = 0;            ///< t2: sum of the magnitudes above the threshold
  std::vector<std::uint32_t> histogram;  ///< [kMagnitudeBins] where the rule wants it, else none

  void clear() noexcept;  ///< keeps the histogram's room
  void merge(const RangeObservation& other) noexcept;
};

/// A value, free to copy. observe() by any thread; update() and load() by one.
template <class T>
class RangeTracker {
 public:
  static constexpr std::size_t kState = 8;
  static constexpr int kLooks = 100;  ///< tensors between two decisions of ovf=R

  /// Errors: kUnsupported (a scale rule that does not compute yet), kInvalidArgument (the format needs no scale).
  static Result<RangeTracker> create(const Format& format, const kernels::KernelTable& table);

  /// Whether a tensor has been seen. Before, scale() is 1.
  bool primed() const noexcept { return primed_; }

  /// An empty one, with all the room that observe() needs.
  RangeObservation observation() const;

  void observe(const T* x, std::size_t count, RangeObservation& observation) const noexcept;
  void update(const RangeObservation& observation) noexcept;
  Scale scale() const noexcept { return scale_; }

  /// All that update() goes on from.
  std::array<double, kState> save() const noexcept;
  void load(const std::array<double, kState>& state) noexcept;

 private:
  RangeTracker() = default;

  /// ovf=R of dfx, which looks at counts over many tensors.
  bool has_controller() const noexcept {
    return format_.scale_rule == ScaleRule::kOverflowRate && format_.family == Family::kDynamicFixed;
  }
  void choose_scale() noexcept;
  void choose_exponent() noexcept;

  Format format_;
  const kernels::QuantizeKernels<T>* kernels_ = nullptr;
  bool primed_ = false;
  double min_ = 0, max_ = 0;  // max: the running ends; b1: max_ is the running mean; t2: min_ the mean, max_ the unit
  double exponent_ = 0;       // ovf: s
  double looks_ = 0, counted_ = 0, above_[2] = {0, 0};
  Scale scale_;
};

}  // namespace udnn::numbers
