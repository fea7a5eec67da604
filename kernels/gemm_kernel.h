// kernels/gemm_kernel.h: what the floors above see of the matrix kernels (gemm.h has the body).
#pragma once

#include <cstddef>

namespace udnn::kernels {

/// One register tile of C (+)= A * B.
///
///   c[i, j] = start[i, j] + sum_{o < k_outer} sum_{k < k_depth} a[offsets[o] + i * a_row_stride + k * a_k_stride] *
///   b[(o * k_depth + k) * b_stride + j] start = bias[j], or 0 without bias, or c[i, j] when it accumulates
///
/// The two loops over k are what a convolution needs: `offsets` picks the rows (or taps) of its window. A plain product
/// has k_outer = 1, offsets = {0}. Each c[i, j] is one chain of multiply-adds in order of (o, k), fused where the
/// instruction set can: its bits depend on no tile and no thread.
/// Strides and sizes count elements. No operand needs alignment; nothing outside [rows, cols] is read or written.
template <class T>
struct GemmArgs {
  std::size_t k_depth;            ///< any, 0 included
  std::size_t k_outer;            ///< any, 0 included
  const std::ptrdiff_t* offsets;  ///< [k_outer] into a
  const T* a;
  std::ptrdiff_t a_row_stride;
  std::ptrdiff_t a_k_stride;
  const T* b;            ///< [k_outer * k_depth, cols]
  std::size_t b_stride;  ///< from one row of b to the next
  const T* bias;         ///< [cols], or null for zero; ignored when accumulating
  T* c;                  ///< [rows, cols]
  std::size_t c_stride;
  std::size_t cols;  ///< those of v vectors: (v - 1) * lanes + 1 .. v * lanes
  bool accumulate;   ///< start from c instead of the bias
};

/// Tiles of v vectors have at most rows[v - 1] rows: the fewer vectors, the more rows, because 8 to 24 accumulators
/// keep the multipliers busy and fit the registers.
template <class T>
struct GemmKernel {
  static constexpr std::size_t kMaxVectors = 4;
  static constexpr std::size_t kMaxRows = 14;

  std::size_t lanes;              ///< columns in one vector
  std::size_t vectors;            ///< in the widest tile
  std::size_t rows[kMaxVectors];  ///< of the highest tile of each width
  /// run[v - 1][r - 1] computes v vectors of columns, the last of which may be partial, and r rows; never null up to
  /// (vectors, rows[v - 1]).
  void (*run[kMaxVectors][kMaxRows])(const GemmArgs<T>&) noexcept;
};

}  // namespace udnn::kernels
