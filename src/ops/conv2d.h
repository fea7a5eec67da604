// src/ops/conv2d.h: two-dimensional convolution (the cross-correlation that networks call so), and both ways back.
//
//   y[b, oy, ox, o] = bias[o] + sum_{r, s, i} x[b, oy * stride + r * dilation - pad_top, ox * stride + s * dilation -
//   pad_left, g * ic + i] * weights[r, s, i, o] ic = in_channels / groups,  g = o / (out_channels / groups),  x = 0
//   outside the image
//
// x        [batch, height, width, in_channels]
// weights  [kernel_height, kernel_width, in_channels / groups, out_channels]
// y        [batch, output_height, output_width, out_channels]
//
// How: implicit GEMM with overlapping rows. In NHWC the part (s, i) of a window lies in one piece, so a row of y is a
// product whose rows of A overlap: no copy of the image is made, except into a padded strip where there is padding.
// Depthwise convolutions have kernels of their own, with the channels in vectors.
// Going back to x is the same product over dz, spread by the stride, with the weights turned by 180 degrees. (With a
// stride that multiplies stride^2 - 1 times zeros; as many products of stride 1 over dz as it is would not.)
//
// With an accumulator of its own format (gemm.h says what is rounded when) a chain goes over (r, s, i) forward and back
// to x, and over (image, pixel) for the weights; zeros of padding and stride are products like any others. The weights'
// sums over chunks of images are added as a tree, each addition rounded too. dbias is a sum, not a product: it stays in
// the carrier. Rounded stochastically, the sum over chunk i of images of weight w is element i * weights + w, and so is
// the addition of it to another (Product::kSums).
#pragma once

#include <cstddef>
#include <memory>

#include "kernels/kernel_table.h"
#include "src/ops/accumulator.h"
#include "src/ops/finish.h"
#include "udnn/status.h"
#include "udnn/team.h"

namespace udnn::ops {

struct Conv2dConfig {
  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t in_channels = 0;
  std::size_t out_channels = 0;
  std::size_t kernel_height = 1;
  std::size_t kernel_width = 1;
  std::size_t stride = 1;
  std::size_t pad_top = 0;
  std::size_t pad_bottom = 0;
  std::size_t pad_left = 0;
  std::size_t pad_right = 0;
  std::size_t dilation = 1;
  std::size_t groups = 1;  ///< in_channels for a depthwise convolution
};

/// The methods are called by every worker and end with a barrier; they allocate nothing, and their results have the
/// same bits for any number of workers. No operand may overlap another, scratch included.
template <class T>
class Conv2d {
 public:
  /// Errors: kInvalidArgument, naming the field. The table outlives the op.
  static Result<Conv2d> create(const Conv2dConfig& config, const kernels::KernelTable& table,
                               const Accumulator<T>& accumulator = {});

  Conv2d(Conv2d&&) noexcept;
  Conv2d& operator=(Conv2d&&) noexcept;
  ~Conv2d();

  std::size_t output_height() const noexcept;
  std::size_t output_width() const noexcept;
  std::size_t backward_weights_size() const noexcept;  ///< elements of what transpose_weights() makes

  std::size_t scratch_per_worker() const noexcept;               ///< elements, for all methods
  std::size_t shared_scratch(std::size_t batch) const noexcept;  ///< elements, for backward_weights() alone

  /// bias [out_channels] or null. `finish` gets blocks of rows of one image; small images whole.
  void forward(Worker& worker, std::size_t batch, const T* x, const T* weights, const T* bias, T* y, Scratch<T> scratch,
               Finish<T> finish, const DrawPlace& draws = {}) const noexcept;

  /// The weights as backward_data() wants them: turned, input and output channels exchanged within each group.
  void transpose_weights(Worker& worker, const T* weights, T* backward_weights) const noexcept;

  /// dx from dz, the gradient of y. `finish` as above, on dx.
  void backward_data(Worker& worker, std::size_t batch, const T* dz, const T* backward_weights, T* dx,
                     Scratch<T> scratch, Finish<T> finish, const DrawPlace& draws = {}) const noexcept;

  /// dweights and, unless null, dbias [out_channels]: sums over batch and pixels. The images are cut into chunks, by
  /// shape alone (part_of(batch, chunks, i); 16 of them unless the batch is smaller or the weights are more than 2^16);
  /// each chunk has its own sum, and the sums are added as a tree, ((0 + 1) + (2 + 3)) + ...
  void backward_weights(Worker& worker, std::size_t batch, const T* x, const T* dz, T* dweights, T* dbias,
                        Scratch<T> scratch, const DrawPlace& draws = {}) const noexcept;

 private:
  struct Plan;

  explicit Conv2d(std::unique_ptr<const Plan> plan) noexcept;

  std::unique_ptr<const Plan> plan_;
};

}  // namespace udnn::ops
