// src/ops/loss.h: how wrong an output is, and in which direction.
//
//   name      loss of one sample of class t                        batch * dL/dz_j
//   softmax   -log p_t                                             p_j - [j = t]
//   mse       (sum_j (z_j - [j = t])^2) / classes                  2 (z_j - [j = t]) / classes
//   hinge     (sum_j max(0, 1 - s_j z_j)^2) / classes              -2 s_j max(0, 1 - s_j z_j) / classes
//   bce       (sum_j log(1 + exp(-s_j z_j))) / classes             (1 / (1 + exp(-z_j)) - [j = t]) / classes
//
//   p = exp(z - max z) / sum exp(z - max z);   [j = t] is 1 for the sample's class and 0 for the others, s_j is +1 and
//   -1
//
// L is the mean over the batch. Everything is computed in double, with the exponential and the logarithm of
// src/base/portable_math.h, and rounded to the carrier once.
//
// An output that is NaN gives a loss of NaN. So do, under softmax, one of +infinity, and a sample whose outputs are all
// -infinity. Their derivatives are NaN as well, so that the trainer can see it and skip the step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "udnn/status.h"
#include "udnn/team.h"

namespace udnn::ops {

enum class LossKind { kSoftmaxCrossEntropy, kMse, kSquaredHinge, kBinaryCrossEntropy };

struct LossInfo {
  LossKind kind;
  std::string_view name;
  std::string_view what;
};

/// One row for each kind, in their order. The parser, the help, the model file and the tests read it.
std::span<const LossInfo> all_losses() noexcept;

std::string_view name_of(LossKind kind) noexcept;

/// Errors: kInvalidArgument, naming the nearest, or those there are.
Result<LossKind> parse_loss(std::string_view name);

struct LossConfig {
  LossKind kind = LossKind::kSoftmaxCrossEntropy;
  std::size_t classes = 0;
};

template <class T>
class Loss {
 public:
  /// Errors: kInvalidArgument (no classes).
  static Result<Loss> create(const LossConfig& config);

  /// Called by every worker, each for its own samples; ends with a barrier. Allocates nothing.
  /// z, dz [batch, classes], may be the same array; labels [batch], each below classes; sample_losses [batch].
  /// dz null: losses only. batch is at least 1.
  void run(Worker& worker, std::size_t batch, const T* z, const std::uint32_t* labels, T* dz,
           double* sample_losses) const noexcept;

 private:
  explicit Loss(const LossConfig& config) noexcept : config_(config) {}

  LossConfig config_;
};

/// The mean in the order of base::OrderedMean: the bits depend on the values alone. NaN for none.
double mean_in_fixed_order(std::span<const double> values) noexcept;

/// The first of the largest values, or -1 where one is NaN. At least one value.
template <class T>
std::int32_t argmax(std::span<const T> values) noexcept;

}  // namespace udnn::ops
