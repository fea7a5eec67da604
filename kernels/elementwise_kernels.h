// kernels/elementwise_kernels.h: what the floors above see of the kernels that go over arrays, element by element or
// column by column (elementwise.h and columns.h have the bodies, reference.h the meanings).
//
// All matrices are row-major without gaps. Outputs may be the same array as an input, otherwise must not overlap it.
// Sums are the same on every instruction set but for fused multiply-adds: their order is fixed here, not by vectors.
#pragma once

#include <cstddef>
#include <cstdint>

namespace udnn::kernels {

/// y[i] = f(z[i]) and dz[i] = dy[i] * f'; src/ops/activation.h has the formulas, and says whether f' wants z or y.
template <class T>
struct ActivationKernel {
  void (*forward)(std::size_t count, T parameter, const T* z, T* y) noexcept;
  void (*backward)(std::size_t count, T parameter, const T* z_or_y, const T* dy, T* dz) noexcept;
};

/// A row of output pixels of a maximum pooling, all with the same part of their window inside the image.
///
///   y[p, c] = max_{r < rows, s < cols} x[p * pixel_stride + r * row_stride + s * channels + c]
///   codes[p, c] = first_code + r * code_stride + s of the first place that holds it
template <class T>
struct MaxWindowArgs {
  std::size_t pixels;
  std::size_t channels;
  std::size_t rows;  ///< at least 1
  std::size_t cols;  ///< at least 1
  const T* x;
  std::size_t pixel_stride;  ///< from the window of one pixel to that of the next
  std::size_t row_stride;
  T* y;                 ///< [pixels, channels]
  std::uint8_t* codes;  ///< [pixels, channels], or null
  std::size_t first_code;
  std::size_t code_stride;  ///< codes stay below 256
};

template <class T>
struct ElementwiseKernels {
  ActivationKernel<T> relu, leaky, elu, gelu, silu, sigmoid, tanh, softplus, hard_sigmoid, hard_tanh, sign;

  /// y[i] += x[i]
  void (*add)(std::size_t count, const T* x, T* y) noexcept;

  /// y[i] *= factor
  void (*scale)(std::size_t count, T factor, T* y) noexcept;

  /// y[i] += factor * x[i], in one rounding where the instruction set can
  void (*add_scaled)(std::size_t count, T factor, const T* x, T* y) noexcept;

  /// Sums of x[i], of (x[i] - center)^2 and of (x[i] - center) * y[i]. Lane i mod 16 adds up its own elements in order;
  /// then the lanes are added in pairs: 0 + 8, 1 + 9, ..., then 0 + 4, ..., 0 + 2, 1 + 3, 0 + 1.
  T (*sum)(std::size_t count, const T* x) noexcept;
  T (*sum_squares)(std::size_t count, T center, const T* x) noexcept;
  T (*dot)(std::size_t count, T center, const T* x, const T* y) noexcept;

  /// Whether there is neither NaN nor infinity.
  bool (*all_finite)(std::size_t count, const T* x) noexcept;

  /// sums[j] = sum_i of x[i, j], of (x[i, j] - center[j])^2 and of (x[i, j] - center[j]) * dy[i, j]. Four chains, i mod
  /// 4, added as (0 + 1) + (2 + 3).
  void (*column_sums)(std::size_t rows, std::size_t cols, const T* x, T* sums) noexcept;
  void (*column_squares)(std::size_t rows, std::size_t cols, const T* x, const T* center, T* sums) noexcept;
  void (*column_products)(std::size_t rows, std::size_t cols, const T* x, const T* center, const T* dy,
                          T* sums) noexcept;

  /// y[i, j] = (x[i, j] - center[j]) * factor[j] + start[j]
  void (*normalize)(std::size_t rows, std::size_t cols, const T* x, const T* center, const T* factor, const T* start,
                    T* y) noexcept;

  /// dx[i, j] = (dy[i, j] - mean_dy[j] - (x[i, j] - center[j]) * slope[j]) * factor[j]
  void (*normalize_backward)(std::size_t rows, std::size_t cols, const T* x, const T* center, const T* dy,
                             const T* mean_dy, const T* slope, const T* factor, T* dx) noexcept;

  void (*max_window)(const MaxWindowArgs<T>&) noexcept;
};

}  // namespace udnn::kernels
