// kernels/gemm.h: one register tile of C (+)= A * B (its operands: gemm_kernel.h).
//
//                      b: kVectors vectors of one row k
//                    +-------+-------+-------+-------+     avx512, rows x vectors = 6 x 4:
//     a[0, k]     >  | acc00 | acc01 | acc02 | acc03 |       24 accumulators + 4 of b + 1 of a = 29 of 32 registers
//       ...          |  ...  |  ...  |  ...  |  ...  |       per k: 4 loads, 6 broadcasts, 24 FMAs
//     a[r - 1, k] >  | acc50 | acc51 | acc52 | acc53 |     avx2, 6 x 2: 12 + 2 + 1 = 15 of 16
//                    +-------+-------+-------+-------+     generic, 4 x 2: 8 + 2 + 1 + 1 product = 12 of 16
//
// At least 8 accumulators are wanted: 2 FMAs per cycle, each waiting 4 cycles for the one before it. So narrow tiles
// are high: up to 16 x 1, and those of one row wide: up to 1 x 16. Neither A nor B needs to be packed: a row of b is
// read in order, and so is a. Only products of narrow types want the neighbours in k side by side in b, and its rows
// filled up to whole vectors.
//
// Source: K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34(3), 2008.
#pragma once

#include <cstddef>

#include "kernels/gemm_kernel.h"
#include "kernels/simd.h"
#include "kernels/simd/dot.h"

namespace udnn::kernels {

/// Level: an Arch, or a name for what is more than its vectors (simd/dot.h).
template <class P, class Level, std::size_t kRows, std::size_t kVectors>
struct Gemm {
  using Arch = typename VectorsOf<Level>::Arch;
  using Multiplier = Dot<P, Level>;
  using Mode = typename Multiplier::Mode;
  using Sum = xsimd::batch<typename P::C, Arch>;
  static constexpr std::size_t kLanes = Sum::size;
  static constexpr std::size_t kLast = kVectors - 1;
  static constexpr std::size_t kGranule = P::kGranule;

  static void run(const ProductArgs<P>& args) noexcept {
    const std::size_t last_cols = args.cols - kLast * kLanes;
    if (Part<typename P::C, Arch>::kIsFree || last_cols < kLanes)
      run(args, Part<typename P::C, Arch>(last_cols));
    else
      run(args, Whole());
  }

 private:
  struct Whole {
    Sum load(const typename P::C* from) const noexcept { return Sum::load_unaligned(from); }
    void store(typename P::C* to, Sum value) const noexcept { value.store_unaligned(to); }
  };

  // One pointer for every four rows: the others are a sum away, which an address can be. A compiler left to itself
  // keeps an offset for each of 16 rows, in more registers than there are.
  class RowsOfA {
   public:
    RowsOfA(const typename P::A* first, std::ptrdiff_t stride) noexcept : stride_(stride) {
#pragma GCC unroll 4
      for (std::size_t g = 0; g < kGroups; ++g) {
        group_[g] = first + static_cast<std::ptrdiff_t>(4 * g) * stride;
        asm("" : "+r"(group_[g]));
      }
    }
    const typename P::A* row(std::size_t i) const noexcept {
      return group_[i / 4] + static_cast<std::ptrdiff_t>(i % 4) * stride_;
    }
    void advance(std::ptrdiff_t step) noexcept {
#pragma GCC unroll 4
      for (std::size_t g = 0; g < kGroups; ++g) group_[g] += step;
    }

   private:
    static constexpr std::size_t kGroups = (kRows + 3) / 4;
    const typename P::A* group_[kGroups];
    std::ptrdiff_t stride_;
  };

  template <class Last>
  static void run(const ProductArgs<P>& args, Last last) noexcept {
    const Mode mode;
    const typename P::A* a = args.a;
    [[maybe_unused]] const typename P::A* tail = args.a_tail;
    typename P::C* c = args.c;
    for (std::size_t t = args.tiles; t > 0; --t) {
      run_tile(args, a, tail, c, last, mode);
      a += static_cast<std::ptrdiff_t>(kRows) * args.a_row_stride;
      c += kRows * args.c_stride;
      if constexpr (kGranule > 1)
        if (tail != nullptr) tail += kRows * kGranule;
    }
  }

  // Every loop over `acc` is unrolled by order: g++ 12 else keeps it on the stack before and after the k loop.
  template <class Last>
  static void run_tile(const ProductArgs<P>& args, const typename P::A* first_a,
                       [[maybe_unused]] const typename P::A* tail, typename P::C* c, const Last& last,
                       [[maybe_unused]] const Mode& mode) noexcept {
    const auto load = [&](const typename P::C* row, std::size_t v) {
      return v == kLast ? last.load(row + v * kLanes) : Sum::load_unaligned(row + v * kLanes);
    };

    Sum acc[kRows][kVectors];
    if (args.accumulate) {
#pragma GCC unroll 16
      for (std::size_t i = 0; i < kRows; ++i)
#pragma GCC unroll 16
        for (std::size_t v = 0; v < kVectors; ++v) acc[i][v] = load(c + i * args.c_stride, v);
      if (args.bias != nullptr) {
#pragma GCC unroll 16
        for (std::size_t v = 0; v < kVectors; ++v) {
          const Sum bias = load(args.bias, v);
#pragma GCC unroll 16
          for (std::size_t i = 0; i < kRows; ++i) acc[i][v] = acc[i][v] + bias;
        }
      }
    } else {
#pragma GCC unroll 16
      for (std::size_t v = 0; v < kVectors; ++v) {
        const Sum start = args.bias != nullptr ? load(args.bias, v) : Sum(typename P::C{0});
#pragma GCC unroll 16
        for (std::size_t i = 0; i < kRows; ++i) acc[i][v] = start;
      }
    }

    const auto right = [&](const typename P::B* b, std::size_t v) {
      if constexpr (kBIsPadded<P>)
        return Multiplier::right(b + v * kLanes * kGranule);
      else
        return load(b, v);
    };
    const auto multiply = [&](const RowsOfA& a, const typename P::B* b) {
      typename Multiplier::Right b_k[kVectors];
#pragma GCC unroll 16
      for (std::size_t v = 0; v < kVectors; ++v) b_k[v] = right(b, v);
#pragma GCC unroll 16
      for (std::size_t i = 0; i < kRows; ++i) {
        const auto a_ik = Multiplier::left(a.row(i));
#pragma GCC unroll 16
        for (std::size_t v = 0; v < kVectors; ++v) acc[i][v] = Multiplier::add(acc[i][v], a_ik, b_k[v]);
      }
    };

    const typename P::B* b = args.b;
    for (std::size_t o = 0; o < args.k_outer; ++o) {
      RowsOfA a(first_a + args.offsets[o], args.a_row_stride);
      for (std::size_t k = 0; k < args.k_depth; ++k, b += args.b_stride, a.advance(args.a_k_stride)) multiply(a, b);
    }
    if constexpr (kGranule > 1)
      if (tail != nullptr) multiply(RowsOfA(tail, kGranule), b);
    if constexpr (Mode::kTellsTinyEarly)
      if (mode.flushed(acc)) return each_element(args, first_a, tail, c);

#pragma GCC unroll 16
    for (std::size_t i = 0; i < kRows; ++i)
#pragma GCC unroll 16
      for (std::size_t v = 0; v < kVectors; ++v) {
        typename P::C* const to = c + i * args.c_stride + v * kLanes;
        if (v == kLast)
          last.store(to, acc[i][v]);
        else
          acc[i][v].store_unaligned(to);
      }
  }

  // Once more, as rarely as sums become tiny.
  [[gnu::noinline]] static void each_element(const ProductArgs<P>& args, const typename P::A* first_a,
                                             const typename P::A* tail, typename P::C* c) noexcept {
    for (std::size_t i = 0; i < kRows; ++i)
      for (std::size_t j = 0; j < args.cols; ++j) {
        typename P::C& to = c[i * args.c_stride + j];
        typename P::C sum = args.accumulate ? to : 0;
        if (args.bias != nullptr) sum = args.accumulate ? sum + args.bias[j] : args.bias[j];
        const typename P::B* b = args.b + j * kGranule;
        for (std::size_t o = 0; o < args.k_outer; ++o) {
          const typename P::A* a = first_a + args.offsets[o] + static_cast<std::ptrdiff_t>(i) * args.a_row_stride;
          for (std::size_t k = 0; k < args.k_depth; ++k, b += args.b_stride, a += args.a_k_stride)
            sum = Multiplier::add_one(sum, a, b);
        }
        if (tail != nullptr) sum = Multiplier::add_one(sum, tail + i * kGranule, b);
        to = sum;
      }
  }
};

}  // namespace udnn::kernels
