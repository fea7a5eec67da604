// kernels/accumulate_kernels.h: what the floors above see of the products with a narrow accumulator (accumulate.h has
// the body, accumulate_rounding.h the roundings).
//
//   start[i, j] = round(bias[j]), or 0 without bias, or c[i, j] when it accumulates
//   after each product, in order of (o, k):     c[i, j] = round(c[i, j] + a * b)
//   or, chunk = C > 1, after every C of them:   p = fma(a, b, p) in the carrier, from 0;   c[i, j] = round(c[i, j] + p)
//
// round() is done once, from the exact value of its argument: c + a * b is never a number of the carrier in between.
// Zeros have the sign that nearest-even addition gives them. Every instruction set gives the same bits; but
// where there is no FMA the chunks of a double carrier take products below 2^-900 for 2^-900.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/gemm_kernel.h"

namespace udnn::kernels {

/// How a rest decides whether a magnitude takes one more step of the grid.
enum class AccumulatorMode : unsigned char {
  kNearestEven,
  kNearestAway,
  kDirected,  ///< toward zero, up, down: as `steps_on` says
  kToOdd,
  kStochastic,  ///< with the first K bits of the rest and a draw of the element: AccumulatorDraw
};
inline constexpr std::size_t kAccumulatorModes = 5;

enum class AccumulatorKind : unsigned char { kFloat, kFixed, kFixedWrapped };
inline constexpr std::size_t kAccumulatorKinds = 3;

/// The format of an accumulator. Every number is exact in float where the carrier is float.
struct AccumulatorGrid {
  bool steps_on[2] = {};  ///< kDirected: whether a positive and a negative magnitude with any rest takes the step

  // Floats of M >= 1 stored bits: magnitudes 0 .. largest, infinities, NaN.
  int mantissa_bits = 0;       ///< at most 21 in float, 50 in double
  double smallest_normal = 0;  ///< 2^emin, at least 2^-126 in float, 2^-510 in double
  double beyond = 0;           ///< 2^(emax + 1), which the carrier need not hold; whatever reaches it has overflowed
  double largest = 0;
  double over[2] = {};   ///< what a positive and a negative magnitude above `largest` becomes
  bool flushes = false;  ///< magnitudes below smallest_normal become zero

  // Fixed point: codes lowest .. highest, times unit.
  double unit = 1;  ///< 2^s; 2^-126 .. 2^126 in float, 2^-500 .. 2^500 in double, and so is what the codes reach
  double inverse = 1;
  double lowest = 0;
  double highest = 0;
  double modulus = 0;  ///< 2^N codes

  int random_bits = 0;  ///< K, 1 to 32, of kStochastic; with the significant bits of the format at most 53
};

/// Where kStochastic takes its draws: from Philox4x32-10, as src/base/philox.h says.
struct AccumulatorDraw {
  std::uint32_t key[2] = {};
  std::uint64_t element = 0;         ///< of c[0, 0]; that of c[0, j] is j more
  std::uint64_t element_stride = 0;  ///< from one row of c to the next
  std::uint64_t rounding = 1;        ///< the first after a product (or chunk) of this call; that of the bias is 0
};

/// Any number of rows and columns. Nothing outside the operands is read or written.
template <class T>
struct AccumulateArgs {
  GemmArgs<T> product;  ///< cols: any number; c, when it accumulates, holds values of the format
  std::size_t rows;
  bool by_column;  ///< column j has an A of its own: a[... + j] (depthwise convolution, channels being the columns)
  const AccumulatorGrid* grid;

  // A chunk may go on from one call to the next.
  std::size_t chunk;  ///< C, 1 or more
  std::size_t phase;  ///< products already in the chunk: below C, and 0 unless it accumulates
  bool ends;          ///< what is left of a chunk at the end is added to c; else it stays in `partial`
  T* partial;         ///< [rows, cols] with the stride of c: read where phase > 0, written unless it ends or is full

  AccumulatorDraw draw = {};  ///< kStochastic alone reads it
};

template <class T>
struct AccumulateKernels {
  /// [kind][mode]
  void (*run[kAccumulatorKinds][kAccumulatorModes])(const AccumulateArgs<T>& args) noexcept;
};

}  // namespace udnn::kernels
