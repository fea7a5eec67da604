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
// are high: up to 14 x 1. Neither A nor B is packed: a row of b is read in order, and so is a.
//
// Source: K. Goto, R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34(3), 2008.
#pragma once

#include <cstddef>

#include "kernels/gemm_kernel.h"
#include "kernels/simd.h"

namespace udnn::kernels {

template <class T, class Arch, std::size_t kRows, std::size_t kVectors>
struct Gemm {
  using Vector = xsimd::batch<T, Arch>;
  static constexpr std::size_t kLanes = Vector::size;
  static constexpr std::size_t kLast = kVectors - 1;

  static void run(const GemmArgs<T>& args) noexcept {
    const std::size_t last_cols = args.cols - kLast * kLanes;
    if (Part<T, Arch>::kIsFree || last_cols < kLanes)
      run(args, Part<T, Arch>(last_cols));
    else
      run(args, Whole());
  }

 private:
  struct Whole {
    Vector load(const T* from) const noexcept { return Vector::load_unaligned(from); }
    void store(T* to, Vector value) const noexcept { value.store_unaligned(to); }
  };

  // Every loop over `acc` is unrolled by order: g++ 12 else keeps it on the stack before and after the k loop.
  template <class Last>
  static void run(const GemmArgs<T>& args, Last last) noexcept {
    const auto load = [&](const T* row, std::size_t v) {
      return v == kLast ? last.load(row + v * kLanes) : Vector::load_unaligned(row + v * kLanes);
    };

    Vector acc[kRows][kVectors];
    if (args.accumulate) {
#pragma GCC unroll 16
      for (std::size_t i = 0; i < kRows; ++i)
#pragma GCC unroll 4
        for (std::size_t v = 0; v < kVectors; ++v) acc[i][v] = load(args.c + i * args.c_stride, v);
    } else {
#pragma GCC unroll 4
      for (std::size_t v = 0; v < kVectors; ++v) {
        const Vector start = args.bias != nullptr ? load(args.bias, v) : Vector(T{0});
#pragma GCC unroll 16
        for (std::size_t i = 0; i < kRows; ++i) acc[i][v] = start;
      }
    }

    const T* b = args.b;
    const std::ptrdiff_t row = args.a_row_stride;
    for (std::size_t o = 0; o < args.k_outer; ++o) {
      const T* a = args.a + args.offsets[o];
      for (std::size_t k = 0; k < args.k_depth; ++k, b += args.b_stride, a += args.a_k_stride) {
        Vector b_k[kVectors];
#pragma GCC unroll 4
        for (std::size_t v = 0; v < kVectors; ++v) b_k[v] = load(b, v);
#pragma GCC unroll 16
        for (std::size_t i = 0; i < kRows; ++i) {
          const Vector a_ik(a[static_cast<std::ptrdiff_t>(i) * row]);
#pragma GCC unroll 4
          for (std::size_t v = 0; v < kVectors; ++v) acc[i][v] = multiply_add(a_ik, b_k[v], acc[i][v]);
        }
      }
    }

#pragma GCC unroll 16
    for (std::size_t i = 0; i < kRows; ++i)
#pragma GCC unroll 4
      for (std::size_t v = 0; v < kVectors; ++v) {
        T* const to = args.c + i * args.c_stride + v * kLanes;
        if (v == kLast)
          last.store(to, acc[i][v]);
        else
          acc[i][v].store_unaligned(to);
      }
  }
};

}  // namespace udnn::kernels
