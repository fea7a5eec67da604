// src/ops/pool.h: the largest and the mean of each window.
//
//   max   y[b, oy, ox, c] = max_{r, s} x[b, oy * stride + r - pad_top, ox * stride + s - pad_left, c]
//   avg   the same with the mean; both over the places of the window that lie inside the image
//
// x [batch, height, width, channels], y [batch, output_height, output_width, channels]
//
// Maximum: NaN if the window holds one; +0 where its largest values are zeros of either sign; of equal values the first
// in order of (r, s) receives the gradient, of NaNs the first.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "src/ops/finish.h"
#include "udnn/status.h"
#include "udnn/team.h"

namespace udnn::ops {

/// Pooling over the whole image is a kernel as large as the image.
struct PoolConfig {
  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t channels = 0;
  std::size_t kernel_height = 2;
  std::size_t kernel_width = 2;
  std::size_t stride = 2;
  std::size_t pad_top = 0;  ///< each pad is smaller than the kernel, so that no window is empty
  std::size_t pad_bottom = 0;
  std::size_t pad_left = 0;
  std::size_t pad_right = 0;
};

/// Sizes that follow from a PoolConfig.
struct PoolShape {
  PoolConfig config;
  std::size_t output_height = 0;
  std::size_t output_width = 0;

  std::size_t image_size() const noexcept { return config.height * config.width * config.channels; }
  std::size_t output_size() const noexcept { return output_height * output_width * config.channels; }
};

/// The methods are called by every worker and end with a barrier; they allocate nothing. `finish` gets one image or, in
/// forward(), blocks of its rows.
template <class T>
class MaxPool2d {
 public:
  /// Errors: kInvalidArgument, naming the field; also for windows of more than 256 places.
  static Result<MaxPool2d> create(const PoolConfig& config, const kernels::KernelTable& table);

  std::size_t output_height() const noexcept { return shape_.output_height; }
  std::size_t output_width() const noexcept { return shape_.output_width; }

  /// argmax [size of y]: r * kernel_width + s of each maximum, for backward(); null if there will be none.
  void forward(Worker& worker, std::size_t batch, const T* x, T* y, std::uint8_t* argmax,
               Finish<T> finish) const noexcept;

  /// dx = each dy at the place of its maximum, summed in order of (oy, ox) where windows overlap.
  void backward(Worker& worker, std::size_t batch, const T* dy, const std::uint8_t* argmax, T* dx,
                Finish<T> finish) const noexcept;

 private:
  MaxPool2d(const PoolShape& shape, const kernels::ElementwiseKernels<T>& kernels) noexcept
      : shape_(shape), kernels_(&kernels) {}

  PoolShape shape_;
  const kernels::ElementwiseKernels<T>* kernels_;
};

template <class T>
class AvgPool2d {
 public:
  /// Errors: kInvalidArgument, naming the field.
  static Result<AvgPool2d> create(const PoolConfig& config, const kernels::KernelTable& table);

  std::size_t output_height() const noexcept { return shape_.output_height; }
  std::size_t output_width() const noexcept { return shape_.output_width; }

  /// y = sum / count, the sum in order of (r, s), count = places inside the image.
  void forward(Worker& worker, std::size_t batch, const T* x, T* y, Finish<T> finish) const noexcept;

  /// dx = sum over the windows of dy / count, in order of (oy, ox).
  void backward(Worker& worker, std::size_t batch, const T* dy, T* dx, Finish<T> finish) const noexcept;

 private:
  AvgPool2d(const PoolShape& shape, const kernels::ElementwiseKernels<T>& kernels) noexcept
      : shape_(shape), kernels_(&kernels) {}

  PoolShape shape_;
  const kernels::ElementwiseKernels<T>* kernels_;
};

}  // namespace udnn::ops
