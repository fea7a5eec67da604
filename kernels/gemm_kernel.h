// kernels/gemm_kernel.h: what the floors above see of the matrix kernels (gemm.h has the body).
#pragma once

#include <cstddef>
#include <cstdint>

#include "udnn/half.h"

namespace udnn::kernels {

/// What is multiplied with what, and what the sum is made in.
/// kGranule: neighbours in k that one instruction multiplies; they lie side by side in A and in B.
template <class AType, class BType, class CType, std::size_t kNeighbours>
struct Product {
  using A = AType;
  using B = BType;
  using C = CType;
  static constexpr std::size_t kGranule = kNeighbours;
};

template <class T>
using PlainProduct = Product<T, T, T, 1>;
/// B is widened in the loop, A before it: one conversion for all rows of the tile.
using Fp16Product = Product<float, Fp16, float, 1>;
/// acc = fma(a1, b1, acc), then acc = fma(a0, b0, acc), for each pair of k; subnormal operands and results are zero. A
/// result is one if it would be with 24 significant bits and any exponent: SubnormalsAreZero in simd/dot.h.
/// That is what the instruction of Bf16DotProduct computes (Zen 5 and Granite Rapids, 2026), so their bits are equal.
/// Without fused multiply-add a product below 2^-126 is lost before it is added.
using Bf16Product = Product<float, Bf16, float, 2>;
using Bf16DotProduct = Product<Bf16, Bf16, float, 2>;
/// Sums of integers are exact modulo 2^32, products of 16 bits and all: no intermediate saturates.
using S16Product = Product<std::int16_t, std::int16_t, std::int32_t, 2>;
/// Of bytes, where the kernel may add something to A (ProductKernel::added_to_a).
using U8S8Product = Product<std::uint8_t, std::int8_t, std::int32_t, 4>;
using S8S8Product = Product<std::int8_t, std::int8_t, std::int32_t, 4>;

/// Register tiles of C (+)= A * B, one below the other.
///
///   c[i, j] = start[i, j] + sum_{o < k_outer} sum_{k < k_depth} sum_{q < granule}
///               a[offsets[o] + i * a_row_stride + k * a_k_stride + q] *
///               b[(o * k_depth + k) * b_stride + j * granule + q]
///   start[i, j] = (accumulate ? c[i, j] : 0) + (bias ? bias[j] : 0)
///
/// The two loops over k are what a convolution needs: `offsets` picks the rows (or taps) of its window. A plain product
/// has k_outer = 1, offsets = {0}. Each c[i, j] is one chain of multiply-adds in order of (o, k), fused where the
/// instruction set can: its bits depend on no tile and no thread.
/// Strides and sizes count elements. No operand needs alignment; nothing outside [rows, cols] is read or written,
/// except that a B of another type than C is read up to whole vectors of columns.
template <class P>
struct ProductArgs {
  std::size_t k_depth;            ///< granules: any number, 0 included
  std::size_t k_outer;            ///< any, 0 included
  const std::ptrdiff_t* offsets;  ///< [k_outer] into a
  const typename P::A* a;
  std::ptrdiff_t a_row_stride;
  std::ptrdiff_t a_k_stride;  ///< from one granule to the next
  const typename P::B* b;     ///< [k_outer * k_depth, cols * granule]
  std::size_t b_stride;       ///< from one row of b to the next
  const typename P::C* bias;  ///< [cols], or null for zero
  typename P::C* c;           ///< [rows, cols]
  std::size_t c_stride;
  std::size_t cols;       ///< those of v vectors: (v - 1) * lanes + 1 .. v * lanes
  bool accumulate;        ///< start from c
  std::size_t tiles = 1;  ///< each of as many rows as the kernel has
  /// [all rows, granule], or null: a last granule of A, filled up with zeros. Only where the granule is more than 1.
  const typename P::A* a_tail = nullptr;
};

template <class T>
using GemmArgs = ProductArgs<PlainProduct<T>>;

/// Tiles of v vectors have at most rows[v - 1] rows: the fewer vectors, the more rows, because 8 to 24 accumulators
/// keep the multipliers busy and fit the registers.
template <class P>
struct ProductKernel {
  static constexpr std::size_t kMaxVectors = 16;
  static constexpr std::size_t kMaxRows = 16;

  std::size_t lanes;              ///< columns in one vector
  std::size_t vectors;            ///< in the widest tile of several rows: what B is packed for
  std::size_t widest;             ///< in the widest of all: a matrix of few rows reads more of B's next to one another
  std::size_t rows[kMaxVectors];  ///< of the highest tile of each width; not increasing
  /// run[v - 1][r - 1] computes v vectors of columns, the last of which may be partial, and r rows; never null up to
  /// (widest, rows[v - 1]).
  void (*run[kMaxVectors][kMaxRows])(const ProductArgs<P>&) noexcept;
  /// What is multiplied is a + added_to_a: 128 where the instruction wants an unsigned A and has a signed one, -128 the
  /// other way round, else 0. Who starts from -added_to_a * sum_k b[k, j] gets the sum of a * b.
  int added_to_a = 0;
};

template <class T>
using GemmKernel = ProductKernel<PlainProduct<T>>;

/// Blocks of C (+)= A * B for a unit that multiplies whole tiles: any rows, and several panels of packed B.
///
///   c[i, j] = start[i, j] + the sum over steps s of a's kStep elements of row i at s * a_step times those of column j
///
/// start as in ProductArgs. A lies in rows of whole steps of 64 bytes, zeros where k has ended; every row and the
/// stride between rows should be aligned to 64 bytes, for speed. Of B only what lies beside existing columns, up to
/// whole vectors, is read; of C and bias nothing outside [rows, all columns] is read or written.
template <class P>
struct BlockArgs {
  static constexpr std::size_t kStep = 64 / sizeof(typename P::A);
  static constexpr std::size_t kHeight = 32;  ///< rows that are computed at a time

  struct Panel {
    const typename P::B* b;  ///< [steps * 16, cols up to whole vectors of the table, granule], without a gap
    std::size_t cols;        ///< 1 .. 64
  };
  std::size_t rows;  ///< as enter() has got, or any number from 16 where that was 16 or more
  std::size_t steps;
  const typename P::A* a;
  std::ptrdiff_t a_row_stride;
  std::ptrdiff_t a_step;
  const Panel* panels;
  std::size_t panel_count;
  const typename P::C* bias;  ///< of all columns, or null
  typename P::C* c;
  std::size_t c_stride;
  bool accumulate;
};

template <class P>
struct BlockKernel {
  std::size_t lanes, vectors;  ///< columns of a vector, and vectors of a panel, for which B is packed
  /// Before the first run of a thread, and after the last. rows: the fewest that a run will have.
  void (*enter)(std::size_t rows) noexcept;
  void (*leave)() noexcept;
  void (*run)(const BlockArgs<P>&) noexcept;
  /// Up to kHeight rows of `depth` elements of A, from_stride elements apart, as run() takes them: [steps, rows, 64
  /// bytes].
  void (*pack_a)(std::size_t rows, std::size_t depth, const typename P::A* from, std::ptrdiff_t from_stride,
                 typename P::A* to) noexcept;
  /// Whether it is faster than the tiles of ProductKernel: a function of the shape alone, because it may change bits.
  bool (*pays)(std::size_t m, std::size_t n, std::size_t k) noexcept;
};

/// C (+)= A * B of few columns, summed along k: vectors of N would be half empty, and one row of them one long chain.
///
///   lane[l] = the chain of multiply-adds, from 0, over k = l, l + kFewLanes, ... in order; after its end a[i, k] and
///             b[k, j] are 0 up to a multiple of kFewLanes
///   lane[l] += lane[l + h]  for l < h,  h = kFewLanes / 2, .. 4, 2, 1
///   c[i, j] = start[i, j] + lane[0],   start as in ProductArgs
///
/// This order is the same in both forms of B, in every tile and on every instruction set: with fused multiply-adds the
/// bits are, too. NaN and infinity stay in their row and column. No operand needs alignment; nothing outside
/// [rows, cols] is read or written.
template <class T>
inline constexpr std::size_t kFewLanes = 64 / sizeof(T);

template <class T>
struct FewArgs {
  std::size_t rows;   ///< any
  std::size_t cols;   ///< 1 .. FewKernel::kMaxCols
  std::size_t depth;  ///< k: any number, 0 included
  const T* a;         ///< [rows, depth]
  std::ptrdiff_t a_row_stride;
  std::ptrdiff_t a_k_stride;  ///< of across() alone
  const T* b;                 ///< [cols, depth] for along(), [depth, cols] for across()
  std::size_t b_stride;       ///< from one row of b to the next
  const T* bias;              ///< [cols], or null for zero
  T* c;                       ///< [rows, cols]
  std::size_t c_stride;
  bool accumulate;
};

template <class T>
struct FewKernel {
  static constexpr std::size_t kMaxCols = 15;

  std::size_t height = 0;  ///< rows that are computed at a time
  /// Along the rows of a transposed B.
  void (*along)(const FewArgs<T>&) noexcept = nullptr;
  /// The same bits from B as it lies, up to 3 rows at a time: for so few that to turn B would take longer.
  void (*across)(const FewArgs<T>&) noexcept = nullptr;
  /// to[j * to_stride + k] = from[k * from_stride + j], k < depth, j < cols: B, or A, as along() reads it.
  void (*turn)(std::size_t depth, std::size_t cols, const T* from, std::size_t from_stride, T* to,
               std::size_t to_stride) noexcept = nullptr;
};

/// The products of narrow types. Null: this instruction set has none that is better than the others of the table.
struct NarrowProducts {
  const ProductKernel<Fp16Product>* fp16;  ///< null: widen B to float as well
  const ProductKernel<Bf16Product>* bf16;  ///< never null
  const ProductKernel<Bf16DotProduct>* bf16_dot;
  const ProductKernel<S16Product>* s16;  ///< never null; for integers of 8 bits, widened
  const ProductKernel<U8S8Product>* u8s8;
  const ProductKernel<S8S8Product>* s8s8;  ///< null where u8s8 is
  /// Sums in another order than bf16: simd/tile_unit.h. Without such a unit it never pays, and has the same bits.
  const BlockKernel<Bf16DotProduct>* bf16_blocks = nullptr;
  const BlockKernel<U8S8Product>* u8s8_blocks = nullptr;
  const BlockKernel<S8S8Product>* s8s8_blocks = nullptr;
};

}  // namespace udnn::kernels
