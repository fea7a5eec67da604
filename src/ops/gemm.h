// src/ops/gemm.h: the matrix product, for layers, their gradients, and whoever needs one.
#pragma once

#include <cstddef>

#include "kernels/kernel_table.h"
#include "src/ops/accumulator.h"
#include "src/ops/finish.h"
#include "udnn/status.h"
#include "udnn/team.h"

namespace udnn::ops {

/// c[i, j] = start[i, j] + sum_k a[i, k] * b[k, j],   start = bias[j], or 0 without bias, or c[i, j] when it
/// accumulates
///
/// Any m, n, k, zeros included. Strides count elements. c must not overlap a or b.
template <class T>
struct GemmOperands {
  std::size_t m = 0;
  std::size_t n = 0;
  std::size_t k = 0;
  const T* a = nullptr;  ///< a[i, k] is a[i * a_row_stride + k * a_k_stride]: a transposed A costs nothing
  std::ptrdiff_t a_row_stride = 0;
  std::ptrdiff_t a_k_stride = 1;
  const T* b = nullptr;      ///< [k, n]
  std::size_t b_stride = 0;  ///< from one row of b to the next, at least n
  const T* bias = nullptr;   ///< [n], or null for zero; ignored when accumulating
  T* c = nullptr;            ///< [m, n]
  std::size_t c_stride = 0;  ///< at least n
  bool accumulate = false;
  Product product = Product::kForward;  ///< as `draws`, for accumulators that are rounded stochastically
  DrawPlace draws = {};                 ///< c[i, j] is element i * n + j
};

/// Every c[i, j] is one chain of multiply-adds in order of k, fused where the instruction set can: the bits depend on
/// neither tiles nor workers.
///
/// With an accumulator of its own format, round() being the rounding to it:
///
///   start        bias[j] is rounded; c[i, j] must be a value of the format already, and is taken as it is
///   f6.9         after each product, c[i, j] = round(c[i, j] + a[i, k] * b[k, j]), once, from the exact value
///   f6.9/64      c[i, j] = round(c[i, j] + p) after every 64 products, counted from k = 0, and after the last; p is
///                their fused chain in the carrier from 0
///
///   f6.9:sr      the draw belongs to the element and the number of its rounding (src/base/philox.h)
///
/// Then the bits depend on no instruction set either.
template <class T>
class Gemm {
 public:
  /// Errors: none yet; the table outlives the op.
  static Result<Gemm> create(const kernels::KernelTable& table, const Accumulator<T>& accumulator = {});

  /// Called by every worker; ends with a barrier. Allocates nothing. Pieces for `finish`: tiles where they are as wide
  /// as a gapless c, else the rows of each tile.
  void run(Worker& worker, const GemmOperands<T>& operands, Finish<T> finish) const noexcept;

 private:
  Gemm(const kernels::KernelTable& table, const Accumulator<T>& accumulator) noexcept
      : table_(&table), accumulator_(accumulator) {}

  void run_in_one_pass(Worker& worker, const GemmOperands<T>& operands, Finish<T> finish) const noexcept;

  const kernels::KernelTable* table_;
  Accumulator<T> accumulator_;
};

/// sums[j] = sum_i x[i, j], 0 <= i < rows: four chains, i mod 4, added as (0 + 1) + (2 + 3), so that every machine and
/// any number of workers give the same bits. Called by every worker; ends with a barrier.
template <class T>
void column_sums(Worker& worker, const T* x, std::size_t rows, std::size_t cols, T* sums) noexcept;

}  // namespace udnn::ops
