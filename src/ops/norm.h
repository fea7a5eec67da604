// src/ops/norm.h: normalisation to mean 0 and variance 1, over the batch or over the features of one sample.
//
//   y = (x - mean) * r * gain + bias,    r = 1 / sqrt(variance + epsilon),   variance = mean of (x - mean)^2
//
//   batch norm   mean and variance of each channel, over all rows: batch and pixels        x [rows, channels]
//   layer norm   mean and variance of each row, over its features                          x [rows, features]
//
// Back, with h = (x - mean) * r and g = dy * gain, means taken where mean and variance were:
//
//   dbias = sum dy,   dgain = sum dy * h,   dx = r * (g - mean(g) - h * mean(g * h))
//
// Sums over rows go through chunks fixed by shape and a tree, so their bits do not depend on the number of workers.
// Sources: Ioffe and Szegedy, ICML 2015; Ba et al., 2016.
#pragma once

#include <cstddef>

#include "kernels/kernel_table.h"
#include "src/ops/finish.h"
#include "udnn/status.h"
#include "udnn/team.h"

namespace udnn::ops {

struct BatchNormConfig {
  std::size_t channels = 0;
  double epsilon = 1e-5;
  double momentum =
      0.1;  ///< running = running + momentum * (batch - running); the running variance is divided by rows - 1
};

/// The methods are called by every worker and end with a barrier; they allocate nothing. `finish` gets blocks of rows.
template <class T>
class BatchNorm {
 public:
  /// Errors: kInvalidArgument, naming the field.
  static Result<BatchNorm> create(const BatchNormConfig& config, const kernels::KernelTable& table);

  std::size_t saved_size() const noexcept { return 2 * config_.channels; }
  std::size_t scratch_per_worker() const noexcept { return 3 * config_.channels; }
  std::size_t shared_scratch(std::size_t rows) const noexcept;  ///< for forward_training() and backward()

  /// saved [saved_size()]: mean and r of each channel, for backward(). The running statistics [channels] are updated.
  void forward_training(Worker& worker, std::size_t rows, const T* x, const T* gain, const T* bias, T* running_mean,
                        T* running_variance, T* saved, T* y, Scratch<T> scratch, Finish<T> finish) const noexcept;

  /// With the running statistics in place of those of the batch.
  void forward_inference(Worker& worker, std::size_t rows, const T* x, const T* gain, const T* bias,
                         const T* running_mean, const T* running_variance, T* y, Scratch<T> scratch,
                         Finish<T> finish) const noexcept;

  /// x and saved are those of forward_training(). dx may be null.
  void backward(Worker& worker, std::size_t rows, const T* x, const T* saved, const T* gain, const T* dy, T* dgain,
                T* dbias, T* dx, Scratch<T> scratch, Finish<T> finish) const noexcept;

 private:
  BatchNorm(const BatchNormConfig& config, const kernels::ElementwiseKernels<T>& kernels) noexcept
      : config_(config), kernels_(&kernels) {}

  BatchNormConfig config_;
  const kernels::ElementwiseKernels<T>* kernels_;
};

struct LayerNormConfig {
  std::size_t features = 0;
  double epsilon = 1e-5;
};

/// As above. The same in training and inference.
template <class T>
class LayerNorm {
 public:
  /// Errors: kInvalidArgument, naming the field.
  static Result<LayerNorm> create(const LayerNormConfig& config, const kernels::KernelTable& table);

  std::size_t saved_size(std::size_t rows) const noexcept { return 2 * rows; }
  std::size_t shared_scratch(std::size_t rows) const noexcept;  ///< for backward() alone

  /// saved [saved_size(rows)]: mean and r of each row, for backward(); null if there will be none.
  void forward(Worker& worker, std::size_t rows, const T* x, const T* gain, const T* bias, T* saved, T* y,
               Finish<T> finish) const noexcept;

  /// dx may be null.
  void backward(Worker& worker, std::size_t rows, const T* x, const T* saved, const T* gain, const T* dy, T* dgain,
                T* dbias, T* dx, Scratch<T> scratch, Finish<T> finish) const noexcept;

 private:
  LayerNorm(const LayerNormConfig& config, const kernels::ElementwiseKernels<T>& kernels) noexcept
      : config_(config), kernels_(&kernels) {}

  LayerNormConfig config_;
  const kernels::ElementwiseKernels<T>* kernels_;
};

}  // namespace udnn::ops
