// kernels/gemm_blocks.h: blocks of C (+)= A * B on a unit that multiplies whole tiles (operands: gemm_kernel.h).
//
//                 6: b, columns 0..15   7: columns 16..31       17 to 32 rows: 4 loads and 4 multiplications
//               +--------------------+--------------------+     for each step, which take 64 cycles
//   4: a, 0..15 | 0: 16 x 16 sums    | 1                  |
//               +--------------------+--------------------+     16 rows or fewer: a in 4, b in 6 and 7,
//   5: a, -16.. | 2                  | 3                  |     sums in 0 1 2 3, side by side
//               +--------------------+--------------------+
//
// 32 rows of A should stay in L1, while B comes from L2. The second rows of A may overlap the first, whose sums are
// then made twice: so no tile has another number of rows, and the unit is configured once.
//
// Tried on Granite Rapids, 2026-12, and no faster: prefetching the next rows of A, of B or of C; panels of 32 columns,
// or tiles of B side by side; storing the first sums before the last are made.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "kernels/gemm_kernel.h"
#include "kernels/simd.h"
#include "kernels/simd/tile_unit.h"

namespace udnn::kernels {

template <class P, class Level>
struct GemmBlocks {
  using Arch = xsimd::avx512bw;
  using Unit = TileUnit<Level>;
  using A = typename P::A;
  using B = typename P::B;
  using C = typename P::C;
  using Args = BlockArgs<P>;
  using Sums = xsimd::batch<C, Arch>;  // one row of a tile
  static constexpr std::size_t kSide = Unit::kRows, kVector = kSide * P::kGranule;

  static void enter(std::size_t rows) noexcept { Unit::configure(rows < kSide ? rows : kSide); }
  static void leave() noexcept { Unit::release(); }

  static void run(const Args& all) noexcept {
    // A copy of what was just written member by member waits until every store before it is done: 0.1 us.
    if (all.rows <= 2 * kSide) return run_rows(all);
    Args args = all;
    for (std::size_t left = all.rows; left > 0; left -= args.rows) {
      args.rows = next_rows(left);
      run_rows(args);
      args.a += static_cast<std::ptrdiff_t>(args.rows) * args.a_row_stride;
      args.c += args.rows * args.c_stride;
    }
  }

  static void pack_a(std::size_t rows, std::size_t depth, const A* from, std::ptrdiff_t from_stride, A* to) noexcept {
    constexpr std::size_t kStep = Args::kStep, kAtOnce = 8;
    const std::size_t whole = depth / kStep, rest = depth % kStep;
    const auto mask = rest == 0 ? ~0ULL : (1ULL << rest * sizeof(A)) - 1;
    for (std::size_t i = 0; i < rows; ++i, from += from_stride, to += kStep) {
      // Eight lines are read before one is written: a read waits for a write whose address has the same last 12 bits.
      std::size_t s = 0;
      for (; s + kAtOnce <= whole; s += kAtOnce) {
        __m512i lines[kAtOnce];
#pragma GCC unroll 8
        for (std::size_t u = 0; u < kAtOnce; ++u) lines[u] = _mm512_loadu_si512(from + (s + u) * kStep);
#pragma GCC unroll 8
        for (std::size_t u = 0; u < kAtOnce; ++u) _mm512_store_si512(to + (s + u) * rows * kStep, lines[u]);
      }
      for (; s < whole; ++s) _mm512_store_si512(to + s * rows * kStep, _mm512_loadu_si512(from + s * kStep));
      if (rest != 0) _mm512_store_si512(to + whole * rows * kStep, _mm512_maskz_loadu_epi8(mask, from + whole * kStep));
    }
  }

 private:
  /// Of `left` rows the next ones: 32 at most, and never fewer than 16 unless there are only so many.
  static std::size_t next_rows(std::size_t left) noexcept {
    return left <= 2 * kSide ? left : left < 3 * kSide ? left - kSide : 2 * kSide;
  }

  static void run_rows(const Args& args) noexcept {
    std::size_t column = 0;
    for (std::size_t p = 0; p < args.panel_count; column += args.panels[p].cols, ++p) {
      const auto& [b, cols] = args.panels[p];
      const std::size_t vectors = (cols + kSide - 1) / kSide;
      for (std::size_t v = 0; v < vectors;) {
        const std::size_t begin = v * kSide, left = vectors - v;
        const C* const bias = args.bias == nullptr ? nullptr : args.bias + column + begin;
        const Place place{b + v * kVector, vectors * kVector, bias, args.c + column + begin, cols - begin};
        if (args.rows > kSide) {
          left >= 2 ? block<2, 2>(args, place) : block<2, 1>(args, place);
          v += 2;
        } else {
          if (left >= 4)
            block<1, 4>(args, place);
          else if (left == 3)
            block<1, 3>(args, place);
          else
            left == 2 ? block<1, 2>(args, place) : block<1, 1>(args, place);
          v += 4;
        }
      }
    }
  }

  /// Where a block begins; `cols` are left in its panel.
  struct Place {
    const B* b;
    std::size_t b_stride;
    const C* bias;
    C* c;
    std::size_t cols;
  };

  template <int kHigh, int kWide>
  static void block(const Args& args, const Place& place) noexcept {
    static_assert(kHigh * kWide <= 4 && kHigh <= 2);
    const std::size_t second = kHigh == 2 ? args.rows - kSide : 0;  // the first of the second rows
    const std::size_t last_cols = place.cols < kWide * kSide ? place.cols - (kWide - 1) * kSide : kSide;
    const Part<C, Arch> last(last_cols);
    const auto is_whole = [&](int v) { return v < kWide - 1 || last_cols == kSide; };
    const auto rows_of_c = [&](int r, int v) {
      return place.c + (r == 0 ? 0 : second) * args.c_stride + static_cast<std::size_t>(v) * kSide;
    };
    const std::size_t rows = kHigh == 2 ? kSide : args.rows, c_bytes = args.c_stride * sizeof(C);
    alignas(64) C edge[kSide * kSide];

    for_each<kHigh>([&]<int kR>() {
      for_each<kWide>([&]<int kV>() {
        constexpr int kTile = kR * kWide + kV;
        const C* const c = rows_of_c(kR, kV);
        const C* const bias = place.bias + kV * kSide;
        const auto load = [&](const C* from) { return is_whole(kV) ? Sums::load_unaligned(from) : last.load(from); };
        if (!args.accumulate && place.bias == nullptr) {
          Unit::template zero<kTile>();
        } else if (!args.accumulate) {
          load(bias).store_aligned(edge);
          Unit::template load<kTile>(edge, 0);
        } else if (place.bias == nullptr && is_whole(kV)) {
          Unit::template load<kTile>(c, c_bytes);
        } else {
          for (std::size_t i = 0; i < rows; ++i) {
            Sums start = load(c + i * args.c_stride);
            if (place.bias != nullptr) start = start + load(bias);
            start.store_aligned(edge + i * kSide);
          }
          Unit::template load<kTile>(edge, kSide * sizeof(C));
        }
      });
    });

    const A* a = args.a;
    const B* b = place.b;
    const std::size_t a_bytes = static_cast<std::size_t>(args.a_row_stride) * sizeof(A);
    const std::ptrdiff_t to_second = static_cast<std::ptrdiff_t>(second) * args.a_row_stride;
    const std::size_t b_bytes = place.b_stride * sizeof(B), b_step = kSide * place.b_stride;
    for (std::size_t s = args.steps; s > 0; --s, a += args.a_step, b += b_step) {
      Unit::template load<4>(a, a_bytes);
      for_each<kWide>([&]<int kV>() {
        Unit::template load<6 + kV % 2>(b + kV * kVector, b_bytes);
        Unit::template dot<P, kV, 4, 6 + kV % 2>();
      });
      if constexpr (kHigh == 2) {
        Unit::template load<5>(a + to_second, a_bytes);
        for_each<kWide>([&]<int kV>() { Unit::template dot<P, kWide + kV, 5, 6 + kV>(); });
      }
    }

    for_each<kHigh>([&]<int kR>() {
      for_each<kWide>([&]<int kV>() {
        C* const c = rows_of_c(kR, kV);
        if (is_whole(kV)) {
          Unit::template store<kR * kWide + kV>(c, c_bytes);
        } else {
          Unit::template store<kR * kWide + kV>(edge, kSide * sizeof(C));
          for (std::size_t i = 0; i < rows; ++i)
            last.store(c + i * args.c_stride, Sums::load_aligned(edge + i * kSide));
        }
      });
    });
  }

  template <int kCount, class Visit>
  static void for_each(Visit visit) noexcept {
    [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) { (visit.template operator()<kIndex>(), ...); }
    (std::make_integer_sequence<int, kCount>{});
  }
};

}  // namespace udnn::kernels
