// src/training/metrics.h: figures that say how good a classifier is, and what it costs.
//
//   counts[t, p]   samples of class t that were taken for class p;   one more column for those without a prediction
//   accuracy       right / all
//   recall[c]      right of class c / samples of class c
//   precision[c]   right of class c / samples taken for c
//   f1[c]          2 precision recall / (precision + recall) = 2 right / (samples of c + taken for c)
//   kappa          (accuracy - chance) / (1 - chance),   chance = sum_c (samples of c / all) (taken for c / all)
//
// A sample without a prediction (an output was NaN) is wrong for its class and taken for none. 0 / 0 is 0: the recall
// of a class without samples, the precision of one that was never predicted, every figure of an empty matrix. Kappa
// where chance is 1 (one class, and nothing else predicted) is 1. Macro figures are plain means over all classes,
// absent ones included: scikit-learn's with labels=range(classes) and zero_division=0, but for that kappa, which it
// calls NaN.
//
// Source of kappa: J. Cohen, Educational and Psychological Measurement 20, 1960.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "src/base/ordered_mean.h"

namespace udnn::training {

class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(std::size_t classes) : classes_(classes), counts_(classes * (classes + 1)) {}

  /// Below 0: no prediction. Requires label < classes and prediction < classes (asserted).
  void add(std::uint32_t label, std::int32_t prediction) noexcept;

  /// Adds the samples of another matrix of as many classes (asserted).
  void merge(const ConfusionMatrix& other) noexcept;

  std::size_t classes() const noexcept { return classes_; }
  std::uint64_t count(std::size_t label, std::size_t prediction) const noexcept {
    return counts_[label * (classes_ + 1) + prediction];
  }
  std::uint64_t without_prediction() const noexcept;
  std::uint64_t total() const noexcept;

  double accuracy() const noexcept;
  double kappa() const noexcept;
  double recall(std::size_t label) const noexcept;
  double precision(std::size_t label) const noexcept;
  double f1(std::size_t label) const noexcept;
  double macro_recall() const noexcept;
  double macro_precision() const noexcept;
  double macro_f1() const noexcept;

 private:
  std::uint64_t of_class(std::size_t label) const noexcept;
  std::uint64_t taken_for(std::size_t prediction) const noexcept;
  std::uint64_t right() const noexcept;
  double macro(double (ConfusionMatrix::*figure)(std::size_t) const noexcept) const noexcept;

  std::size_t classes_;
  std::vector<std::uint64_t> counts_;  // [classes, classes + 1]
};

using base::OrderedMean;  // of the log-losses

/// Bit operations: a multiply-accumulate of a b-bit and a c-bit operand counts b c.
constexpr double bops(std::uint64_t macs, double bits_w, double bits_a) noexcept {
  return static_cast<double>(macs) * bits_w * bits_a;
}

}  // namespace udnn::training
