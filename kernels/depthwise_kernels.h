// kernels/depthwise_kernels.h: what the floors above see of the kernels of depthwise convolution (depthwise.h has the
// bodies).
#pragma once

#include <cstddef>

namespace udnn::kernels {

/// Rows of pixels, and a window over each. Strides and sizes count elements; no operand needs alignment.
///
///   forward            y[q, p, c] = bias[c] + sum_t x[q * row_stride + p * pixel_stride + offsets[t] + c] * weights[t,
///   c] backward_weights   weights[t, c] (+)= sum_{q, p} x[q * row_stride + p * pixel_stride + offsets[t] + c] * y[q,
///   p, c]
///
/// Each sum is one chain of multiply-adds, in order of t and of (q, p), fused where the instruction set can; in the
/// wide carrier it is what wide_product.h says.
template <class T>
struct DepthwiseArgs {
  std::size_t rows;
  std::size_t pixels;  ///< in a row
  std::size_t channels;
  std::size_t taps;
  const std::ptrdiff_t* offsets;  ///< [taps] into x
  const T* x;
  std::size_t row_stride;
  std::size_t pixel_stride;
};

template <class T>
struct DepthwiseKernels {
  /// weights [taps, channels], bias [channels] or null for zero, y [rows, pixels, channels]
  void (*forward)(const DepthwiseArgs<T>& args, const T* weights, const T* bias, T* y) noexcept;

  /// dy [rows, pixels, channels]; dweights [taps, channels], set or, when it accumulates, added to.
  void (*backward_weights)(const DepthwiseArgs<T>& args, const T* dy, T* dweights, bool accumulate) noexcept;
};

}  // namespace udnn::kernels
