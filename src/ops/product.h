// src/ops/product.h: the driver of the matrix kernels: which tile runs when, on which block of A and B, by whom.
//
//   for each k block                        rows of B that stay in L2: 96 KiB of a panel
//     for each block of rows                of A, packed first where it must be
//       for each panel of columns           up to 4 vectors, packed first where it must be and was not before
//         for each tile                     kernels/gemm.h
//
// Source: K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34(3), 2008; here
// nothing is packed that a kernel can read as it lies.
#pragma once

#include <cstddef>

#include "kernels/kernel_table.h"
#include "src/ops/finish.h"
#include "udnn/team.h"

namespace udnn::ops {

/// A or B as somebody stored it: element [i, j] is data[i * row_stride + j * col_stride] of its type.
struct Stored {
  const void* data = nullptr;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t col_stride = 1;
};

/// Lays out a block of A or of a panel of B; src/ops/pack.h says how. depth: its k; width: columns of the panel.
template <class P>
using PackA = void (*)(const kernels::PackKernels& kernels, const Stored& a, Range rows, Range depth, typename P::A* to,
                       std::size_t to_stride) noexcept;
template <class P>
using PackB = void (*)(const kernels::PackKernels& kernels, const Stored& b, Range depth, Range cols, std::size_t width,
                       typename P::B* to) noexcept;

/// Whether the kernel computes more than A * B, so that sums start from what it computes for A = 0, negated.
template <class P>
bool needs_start(const kernels::ProductKernel<P>& kernel) noexcept {
  return kernel.added_to_a != 0;
}

/// B in panels, as the kernels read it.
template <class P>
struct Packed {
  const typename P::B* data = nullptr;   ///< panel by panel, each [packed_depth(k) / granule, its columns, granule]
  const typename P::C* start = nullptr;  ///< [all columns of all panels], where the kernel needs it
};

template <class P>
struct ProductJob {
  std::size_t m = 0, n = 0, k = 0;
  Stored a;  ///< of P::A, with neighbours in k side by side, where pack_a is null
  PackA<P> pack_a = nullptr;
  Stored b;  ///< not looked at where packed_b is given; rows of P::B where pack_b is null
  PackB<P> pack_b = nullptr;
  Packed<P> packed_b;
  const typename P::C* bias = nullptr;  ///< [n], or null
  typename P::C* c = nullptr;           ///< [m, n]
  std::size_t c_stride = 0;
  bool accumulate = false;                          ///< then without bias
  const kernels::BlockKernel<P>* blocks = nullptr;  ///< what computes it instead of tiles: block_product.h
  /// What computes it along k: few_columns.h. Then packed_b has its layout, and neither pack_a nor pack_b is asked.
  const kernels::FewKernel<typename P::C>* few = nullptr;
};

/// Panels of columns: each has 1 to kernel.vectors vectors, all as equal as can be (8 = 4 + 4, not 4 + 3 + 1).
struct Panels {
  Panels(std::size_t n, std::size_t lanes, std::size_t widest) noexcept;

  Range vectors(std::size_t panel) const noexcept { return part_of(all_vectors, count, panel); }

  std::size_t lanes, widest;  ///< columns of a vector, vectors of the widest panel
  std::size_t all_vectors, count;
};

/// k as a packed B has it, filled up with zeros: to 64 bytes of a row of A where they are granules.
template <class P>
constexpr std::size_t packed_depth(std::size_t k) noexcept {
  constexpr std::size_t kFull = P::kGranule == 1 ? 1 : 16 * P::kGranule;
  return (k + kFull - 1) / kFull * kFull;
}

/// What one worker computes: rows in whole tiles, as high as `highest`, and panels. Maybe nothing.
struct Piece {
  Range rows{}, panels{};
};
Piece piece_of(const Worker& worker, std::size_t m, std::size_t highest, std::size_t panels) noexcept;

/// Elements of a packed B. The sizes may be any; errors are the allocation's.
template <class P>
std::size_t packed_size(const kernels::ProductKernel<P>& kernel, std::size_t n, std::size_t k) noexcept;

/// Packs all of B. start: [Panels::all_vectors * lanes], or null where the kernel needs none.
template <class P>
void pack_all(const kernels::PackKernels& kernels, const kernels::ProductKernel<P>& kernel, const Stored& b,
              PackB<P> pack_b, std::size_t n, std::size_t k, typename P::B* to, typename P::C* start) noexcept;

/// What a worker needs to pack into: elements, 0 where nothing is packed.
struct ScratchSize {
  std::size_t a = 0, b = 0, start = 0;
};
template <class P>
ScratchSize scratch_size(const kernels::ProductKernel<P>& kernel, const ProductJob<P>& job) noexcept;

template <class P>
struct ProductScratch {
  typename P::A* a = nullptr;
  typename P::B* b = nullptr;
  typename P::C* start = nullptr;
};

/// A product that one call of its kernel computes: everything but a, c, bias, and b where it is not packed.
template <class P>
struct OneCall {
  void (*run)(const kernels::ProductArgs<P>& args) noexcept = nullptr;  ///< null: it takes more than one
  kernels::ProductArgs<P> args{};
};
template <class P>
OneCall<P> one_call(const kernels::ProductKernel<P>& kernel, const ProductJob<P>& job) noexcept;

/// Called by every worker, with a scratch of its own; does not end with a barrier. Allocates nothing.
/// Pieces for `finish`: tiles where they are as wide as a gapless c, else the rows of each tile.
template <class P>
void multiply(Worker& worker, const kernels::PackKernels& kernels, const kernels::ProductKernel<P>& kernel,
              const ProductJob<P>& job, const ProductScratch<P>& scratch, Finish<typename P::C> finish) noexcept;

}  // namespace udnn::ops
