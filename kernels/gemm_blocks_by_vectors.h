// kernels/gemm_blocks_by_vectors.h: the bf16 sums of a unit that multiplies tiles (simd/tile_unit.h), bit for bit, on
// vectors: for who wants them on a CPU without one. Three times the additions of Bf16Product, and half the rows at a
// time.
#pragma once

#include <cstddef>

#include "kernels/gemm_kernel.h"
#include "kernels/simd.h"
#include "kernels/simd/dot.h"

namespace udnn::kernels {

template <class Arch>
struct Bf16BlocksByVectors {
  using Args = BlockArgs<Bf16DotProduct>;
  using Multiplier = Dot<Bf16Product, Arch>;
  using Sum = xsimd::batch<float, Arch>;
  static constexpr std::size_t kLanes = Sum::size, kGranules = 16, kRows = 4;

  static void enter(std::size_t) noexcept {}
  static void leave() noexcept {}
  static bool pays(std::size_t, std::size_t, std::size_t) noexcept { return false; }

  static void pack_a(std::size_t rows, std::size_t depth, const Bf16* from, std::ptrdiff_t from_stride,
                     Bf16* to) noexcept {
    for (std::size_t i = 0; i < rows; ++i, from += from_stride)
      for (std::size_t k = 0; k < (depth + Args::kStep - 1) / Args::kStep * Args::kStep; ++k)
        to[(k / Args::kStep * rows + i) * Args::kStep + k % Args::kStep] = k < depth ? from[k] : Bf16{};
  }

  static void run(const Args& args) noexcept {
    const typename Multiplier::Mode mode;
    std::size_t column = 0;
    for (std::size_t p = 0; p < args.panel_count; column += args.panels[p].cols, ++p) {
      const std::size_t cols = args.panels[p].cols, vectors = (cols + kLanes - 1) / kLanes;
      for (std::size_t v = 0; v < vectors; ++v) {
        const std::size_t begin = v * kLanes, left = cols - begin;
        const Part<float, Arch> part(left < kLanes ? left : kLanes);
        const Bf16* const b = args.panels[p].b + begin * 2;
        for (std::size_t row = 0; row < args.rows; row += kRows) {
          const std::size_t rows = args.rows - row;
          const auto tile = rows >= 4   ? &run_tile<4>
                            : rows == 3 ? &run_tile<3>
                            : rows == 2 ? &run_tile<2>
                                        : &run_tile<1>;
          tile(args, row, b, vectors * kLanes * 2, column + begin, part);
        }
      }
    }
  }

 private:
  template <std::size_t kHigh>
  static void run_tile(const Args& args, std::size_t row, const Bf16* b, std::size_t b_stride, std::size_t column,
                       const Part<float, Arch>& part) noexcept {
    float* const c = args.c + row * args.c_stride + column;
    Sum sum[kHigh];
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kHigh; ++i) {
      sum[i] = args.accumulate ? part.load(c + i * args.c_stride) : Sum(0.0F);
      if (args.bias != nullptr)
        sum[i] = args.accumulate ? sum[i] + part.load(args.bias + column) : part.load(args.bias + column);
    }
    const Bf16* a = args.a + static_cast<std::ptrdiff_t>(row) * args.a_row_stride;
    for (std::size_t s = 0; s < args.steps; ++s, a += args.a_step) {
      Sum even[kHigh], odd[kHigh];
#pragma GCC unroll 4
      for (std::size_t i = 0; i < kHigh; ++i) even[i] = odd[i] = Sum(0.0F);
      for (std::size_t g = 0; g < kGranules; ++g, b += b_stride) {
        const typename Multiplier::Right right = Multiplier::right(b);
#pragma GCC unroll 4
        for (std::size_t i = 0; i < kHigh; ++i) {
          const Bf16* const left = a + static_cast<std::ptrdiff_t>(i) * args.a_row_stride + 2 * g;
          even[i] = multiply_add(widened(left[0]), right.first, even[i]);
          odd[i] = multiply_add(widened(left[1]), right.second, odd[i]);
        }
      }
#pragma GCC unroll 4
      for (std::size_t i = 0; i < kHigh; ++i) sum[i] = sum[i] + (even[i] + odd[i]);
    }
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kHigh; ++i) part.store(c + i * args.c_stride, sum[i]);
  }

  static Sum widened(Bf16 x) noexcept {
    return Sum(__builtin_bit_cast(float, static_cast<std::uint32_t>(x.bits) << 16U));
  }
};

}  // namespace udnn::kernels
