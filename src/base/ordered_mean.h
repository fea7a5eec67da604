// src/base/ordered_mean.h: a mean that depends on its values and their order alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace udnn::base {

/// The mean of values that come one by one, such as the losses of a data set that does not fit into memory. Summed in
/// pairs, pairs of pairs and so on: no value meets more than 2 log2(count) additions, and however the values were cut
/// into batches, the bits are the same.
class OrderedMean {
 public:
  void add(double value) noexcept {
    std::size_t level = 0;
    for (std::uint64_t rest = count_++; rest % 2 == 1; rest /= 2) value += sums_[level++];
    sums_[level] = value;
  }

  std::uint64_t count() const noexcept { return count_; }

  /// NaN for none.
  double mean() const noexcept {
    if (count_ == 0) return std::numeric_limits<double>::quiet_NaN();
    double sum = 0;
    for (std::size_t level = 0; level < 64; ++level)
      if ((count_ >> level) % 2 == 1) sum += sums_[level];
    return sum / static_cast<double>(count_);
  }

 private:
  std::uint64_t count_ = 0;
  double sums_[64] = {};  // [n]: of 2^n values, where bit n of the count is set
};

}  // namespace udnn::base
