// kernels/gemm_few.h: C (+)= A * B of few columns, summed along k (operands and order of the sums: gemm_kernel.h).
//
//                     b^T: kCols rows of one step of k
//                   +------+------+------+------+------+     avx512, rows x cols = 4 x 5: every sum is a vector of k,
//     a[0, k..]   > | s00  | s01  | s02  | s03  | s04  |       20 sums + 4 of a + 1 of b = 25 of 32 registers
//       ...         | ...  | ...  | ...  | ...  | ...  |       per 16 of k: 9 loads, 20 FMAs
//     a[3, k..]   > | s30  | s31  | s32  | s33  | s34  |     avx2, 3 x 4: 12 + 3 + 1 = 16 of 16, k two times: lanes 0
//                   +------+------+------+------+------+       to 7 of each 16, then 8 to 15
//
// Then the sums are folded, as many together as a vector has lanes: simd/fold.h. That takes as long as 3 or 4 steps of
// k, so long k are what this is for.
#pragma once

#include <cstddef>
#include <utility>

#include "kernels/gemm_kernel.h"
#include "kernels/simd.h"
#include "kernels/simd/fold.h"
#include "kernels/simd/pieces.h"
#include "kernels/simd/rounding.h"

namespace udnn::kernels {

/// kCols[r - 1]: columns of the widest tile of r rows; height(cols): rows that a tile of that many columns should have.
template <class Arch>
struct FewShape {  // 16 registers, and a product takes one
  static constexpr std::size_t kCols[] = {6, 4, 3, 2};
  static constexpr std::size_t height(std::size_t cols) noexcept { return cols <= 2 ? 4 : 3; }
};
#ifdef __AVX2__
template <>
struct FewShape<xsimd::fma3<xsimd::avx2>> {
  static constexpr std::size_t kCols[] = {8, 5, 4, 3, 2, 2};
  static constexpr std::size_t height(std::size_t cols) noexcept { return cols <= 2 ? 6 : cols % 3 == 0 ? 4 : 3; }
};
#endif
#ifdef __AVX512F__
template <>
struct FewShape<xsimd::avx512bw> {
  static constexpr std::size_t kCols[] = {15, 8, 6, 6, 2, 2, 2, 2};
  static constexpr std::size_t height(std::size_t cols) noexcept { return cols <= 2 ? 8 : 4; }
};
#endif
#ifdef __aarch64__
template <>
struct FewShape<xsimd::neon64> {
  static constexpr std::size_t kCols[] = {15, 8, 6, 5, 2, 2, 2, 2};
  static constexpr std::size_t height(std::size_t cols) noexcept { return cols <= 2 ? 8 : 4; }
};
#endif

template <class T, class Arch>
class GemmFew {
 public:
  using Args = FewArgs<T>;
  static constexpr std::size_t kHeight = FewShape<Arch>::height(FewKernel<T>::kMaxCols);

  static void along(const Args& args) noexcept {
    static constexpr Tiles kTiles = all_tiles();
    if (args.rows == 0) return;
    const std::size_t tiles = up(args.rows, FewShape<Arch>::height(args.cols));
    const std::size_t height = args.rows / tiles, higher = args.rows % tiles;
    const T* a = args.a;
    T* c = args.c;
    for (std::size_t t = 0; t < tiles; ++t) {
      const std::size_t rows = t < higher ? height + 1 : height;
      const std::size_t groups = up(args.cols, FewShape<Arch>::kCols[rows - 1]);
      const std::size_t width = args.cols / groups, wider = args.cols % groups;
      for (std::size_t g = 0, col = 0; g < groups; ++g) {
        const std::size_t cols = g < wider ? width + 1 : width;
        kTiles.run[rows - 1][cols - 1](args, {a, args.b + col * args.b_stride, c + col, col});
        col += cols;
      }
      a += static_cast<std::ptrdiff_t>(rows) * args.a_row_stride;
      c += rows * args.c_stride;
    }
  }

  static void across(const Args& args) noexcept {
    if (args.rows == 0) return;
    const std::size_t tiles = up(args.rows, 3), height = args.rows / tiles, higher = args.rows % tiles;
    for (std::size_t col = 0; col < args.cols; col += kLanes) {
      const std::size_t cols = args.cols - col < kLanes ? args.cols - col : kLanes;
      Place place{args.a, args.b + col, args.c + col, col};
      for (std::size_t t = 0; t < tiles; ++t) {
        const std::size_t rows = t < higher ? height + 1 : height;
        if (Part<T, Arch>::kIsFree || cols < kLanes)
          few_rows(args, place, rows, Part<T, Arch>(cols));
        else
          few_rows(args, place, rows, Whole());
        place.a += static_cast<std::ptrdiff_t>(rows) * args.a_row_stride;
        place.c += rows * args.c_stride;
      }
    }
  }

  static void turn(std::size_t depth, std::size_t cols, const T* from, std::size_t from_stride, T* to,
                   std::size_t to_stride) noexcept {
    constexpr std::size_t kPiece = 16 / sizeof(T);
    std::size_t k = 0;
    if (cols >= kPiece)  // the last piece overlaps the one before
      for (; k + kLanes <= depth; k += kLanes)
        for (std::size_t col = 0; col < cols; col += kPiece) {
          const std::size_t at = col + kPiece <= cols ? col : cols - kPiece;
          turn_piece(from + k * from_stride + at, static_cast<std::ptrdiff_t>(from_stride), to + at * to_stride + k,
                     to_stride);
        }
    for (; k < depth; ++k)
      for (std::size_t j = 0; j < cols; ++j) to[j * to_stride + k] = from[k * from_stride + j];
  }

 private:
  using Vector = xsimd::batch<T, Arch>;
  static constexpr std::size_t kLanes = Vector::size, kStep = kFewLanes<T>, kPasses = kStep / kLanes;
  static constexpr std::size_t kHighest = sizeof FewShape<Arch>::kCols / sizeof FewShape<Arch>::kCols[0];

  static constexpr std::size_t up(std::size_t x, std::size_t y) noexcept { return (x + y - 1) / y; }

  /// Where a tile begins, and its first column.
  struct Place {
    const T* a;
    const T* b;
    T* c;
    std::size_t col;
  };
  struct Whole {
    Vector load(const T* from) const noexcept { return Vector::load_unaligned(from); }
    void store(T* to, Vector value) const noexcept { value.store_unaligned(to); }
  };

  /// 16 bytes of each of kLanes rows.
  static void turn_piece(const T* from, std::ptrdiff_t from_stride, T* to, std::size_t to_stride) noexcept {
    using P = Pieces<T, Arch>;
    if constexpr (sizeof(T) == 4) {
      const auto rows = [&](std::ptrdiff_t i) { return P::load(from + i * from_stride, 4 * from_stride); };
      const Vector row0 = rows(0), row1 = rows(1), row2 = rows(2), row3 = rows(3);
      const Vector low01 = P::low(row0, row1), low23 = P::low(row2, row3);
      const Vector high01 = P::high(row0, row1), high23 = P::high(row2, row3);
      P::low_half(low01, low23).store_unaligned(to);
      P::high_half(low01, low23).store_unaligned(to + to_stride);
      P::low_half(high01, high23).store_unaligned(to + 2 * to_stride);
      P::high_half(high01, high23).store_unaligned(to + 3 * to_stride);
    } else {
      const Vector row0 = P::load(from, 2 * from_stride), row1 = P::load(from + from_stride, 2 * from_stride);
      P::low(row0, row1).store_unaligned(to);
      P::high(row0, row1).store_unaligned(to + to_stride);
    }
  }

  /// v[i] += v[i + h], h = kCount / 2 .. 1, for vectors that lie kApart from one another.
  template <std::size_t kCount, std::size_t kApart, std::size_t kAll>
  static Vector tree(const Vector (&v)[kAll], std::size_t first) noexcept {
    Vector sums[kCount];
#pragma GCC unroll 16
    for (std::size_t i = 0; i < kCount; ++i) sums[i] = v[first + i * kApart];
#pragma GCC unroll 4
    for (std::size_t h = kCount / 2; h > 0; h /= 2)
#pragma GCC unroll 8
      for (std::size_t i = 0; i < h; ++i) sums[i] = sums[i] + sums[i + h];
    return sums[0];
  }

  /// The sums over lanes of kCount of the vectors kFirst, ... in the order of Fold, those from kAll on being missing.
  template <std::size_t kFrom, std::size_t kFirst, std::size_t kCount, std::size_t kAll>
  static Vector folded(const Vector (&v)[kAll]) noexcept {
    using Folds = Fold<T, Arch>;
    if constexpr (kCount == 1) {
      return v[kFrom + Folds::kOrder[kFirst]];
    } else {
      const Vector x = folded<kFrom, kFirst, kCount / 2>(v);
      if constexpr (has_any<kAll - kFrom>(kFirst + kCount / 2, kCount / 2))
        return Folds::template fold<kLanes / kCount>(x, folded<kFrom, kFirst + kCount / 2, kCount / 2>(v));
      else
        return Folds::template fold<kLanes / kCount>(x, x);
    }
  }
  template <std::size_t kLeft>
  static constexpr bool has_any(std::size_t first, std::size_t count) noexcept {
    for (std::size_t i = first; i < first + count; ++i)
      if (Fold<T, Arch>::kOrder[i] < kLeft) return true;
    return false;
  }

  template <std::size_t kRows, std::size_t kCols>
  static void tile(const Args& args, const Place& place) noexcept {
    constexpr std::size_t kSums = kRows * kCols;
    const std::size_t steps = args.depth / kStep, rest = args.depth % kStep, b_stride = args.b_stride;
    Vector all[kPasses * kSums];
    for (std::size_t p = 0; p < kPasses; ++p) {
      Vector sums[kSums];
#pragma GCC unroll 32
      for (std::size_t i = 0; i < kSums; ++i) sums[i] = Vector(T{0});
      const auto multiply = [&](const T* a, const T* b, const auto& part) {
        Vector a_k[kRows];
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kRows; ++i)
          a_k[i] = part.load(a + static_cast<std::ptrdiff_t>(i) * args.a_row_stride);
#pragma GCC unroll 16
        for (std::size_t j = 0; j < kCols; ++j) {
          const Vector b_k = part.load(b + j * b_stride);
#pragma GCC unroll 8
          for (std::size_t i = 0; i < kRows; ++i) sums[i * kCols + j] = multiply_add(a_k[i], b_k, sums[i * kCols + j]);
        }
      };
      const T* a = place.a + p * kLanes;
      const T* b = place.b + p * kLanes;
      std::size_t left_steps = steps;
      asm("" : "+r"(left_steps));  // g++ 12 else makes a second loop over p, for none
      for (; left_steps > 0; --left_steps, a += kStep, b += kStep) multiply(a, b, Whole());
      if (rest > p * kLanes) {
        const std::size_t left = rest - p * kLanes;
        multiply(a, b, Part<T, Arch>(left < kLanes ? left : kLanes));
      } else if (rest > 0) {
#pragma GCC unroll 32
        for (std::size_t i = 0; i < kSums; ++i) sums[i] = multiply_add(Vector(T{0}), Vector(T{0}), sums[i]);
      }
#pragma GCC unroll 32
      for (std::size_t i = 0; i < kSums; ++i) all[p * kSums + i] = sums[i];
    }

    constexpr std::size_t kVectors = up(kSums, kLanes);
    alignas(64) T sums[(kVectors + 1) * kLanes];
    Vector lanes[kSums];
#pragma GCC unroll 32
    for (std::size_t i = 0; i < kSums; ++i) lanes[i] = tree<kPasses, kSums>(all, i);
    [&]<std::size_t... kVector>(std::index_sequence<kVector...>) {
      (folded<kVector * kLanes, 0, kLanes>(lanes).store_aligned(sums + kVector * kLanes), ...);
    }
    (std::make_index_sequence<kVectors>{});
    const T* const bias = args.bias == nullptr ? nullptr : args.bias + place.col;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) {
      T* const to = place.c + i * args.c_stride;
      if constexpr (Part<T, Arch>::kIsFree) {
#pragma GCC unroll 2
        for (std::size_t j = 0; j < kCols; j += kLanes) {
          const Part<T, Arch> columns(kCols - j < kLanes ? kCols - j : kLanes);
          const Vector sum = Vector::load_unaligned(sums + i * kCols + j);
          columns.store(to + j, start(args, columns, bias == nullptr ? nullptr : bias + j, to + j) + sum);
        }
      } else {
        for (std::size_t j = 0; j < kCols; ++j)
          to[j] = start(args.accumulate, bias == nullptr ? nullptr : bias + j, to[j]) + sums[i * kCols + j];
      }
    }
  }

  static T start(bool accumulate, const T* bias, const T& c) noexcept {
    if (!accumulate) return bias == nullptr ? T{0} : *bias;
    return bias == nullptr ? c : c + *bias;
  }

  template <class Columns>
  static Vector start(const Args& args, const Columns& columns, const T* bias, const T* c) noexcept {
    if (!args.accumulate) return bias == nullptr ? Vector(T{0}) : columns.load(bias);
    return bias == nullptr ? columns.load(c) : columns.load(c) + columns.load(bias);
  }

  template <class Columns>
  static void few_rows(const Args& args, const Place& place, std::size_t rows, Columns columns) noexcept {
    constexpr bool kMany = kManyRegisters<Arch>;
    if (rows == 1)
      few_rows<1, kMany ? kStep : 8>(args, place, columns);
    else if (rows == 2)
      few_rows<2, kMany ? 8 : 4>(args, place, columns);
    else
      few_rows<3, kMany ? 8 : 4>(args, place, columns);
  }

  /// kTogether lanes of all rows at a time.
  template <std::size_t kRows, std::size_t kTogether, class Columns>
  static void few_rows(const Args& args, const Place& place, Columns columns) noexcept {
    static_assert(kStep % kTogether == 0);
    const std::size_t steps = args.depth / kStep, rest = args.depth % kStep;
    const auto b_stride = static_cast<std::ptrdiff_t>(args.b_stride), a_stride = args.a_k_stride;
    Vector all[kRows * kStep];
    for (std::size_t first = 0; first < kStep; first += kTogether) {
      Vector lanes[kRows * kTogether];
#pragma GCC unroll 32
      for (std::size_t l = 0; l < kRows * kTogether; ++l) lanes[l] = Vector(T{0});
      const auto multiply = [&](const T* a, const T* b, std::size_t l) {
        const Vector b_k = columns.load(b);
#pragma GCC unroll 4
        for (std::size_t i = 0; i < kRows; ++i) {
          Vector& lane = lanes[i * kTogether + l];
          lane = multiply_add(Vector(a[static_cast<std::ptrdiff_t>(i) * args.a_row_stride]), b_k, lane);
        }
      };
      const T* a = place.a + static_cast<std::ptrdiff_t>(first) * a_stride;
      const T* b = place.b + static_cast<std::ptrdiff_t>(first) * b_stride;
      std::size_t left_steps = steps;
      asm("" : "+r"(left_steps));  // as in tile()
      for (; left_steps > 0; --left_steps) {
#pragma GCC unroll 16
        for (std::size_t l = 0; l < kTogether; ++l, a += a_stride, b += b_stride) multiply(a, b, l);
        a += static_cast<std::ptrdiff_t>(kStep - kTogether) * a_stride;
        b += static_cast<std::ptrdiff_t>(kStep - kTogether) * b_stride;
      }
#pragma GCC unroll 16
      for (std::size_t l = 0; l < kTogether; ++l, a += a_stride, b += b_stride) {
        if (first + l < rest) {
          multiply(a, b, l);
        } else if (rest > 0) {
#pragma GCC unroll 4
          for (std::size_t i = 0; i < kRows; ++i) {
            Vector& lane = lanes[i * kTogether + l];
            lane = multiply_add(Vector(T{0}), Vector(T{0}), lane);
          }
        }
      }
#pragma GCC unroll 4
      for (std::size_t i = 0; i < kRows; ++i)
#pragma GCC unroll 16
        for (std::size_t l = 0; l < kTogether; ++l) all[i * kStep + first + l] = lanes[i * kTogether + l];
    }
    const T* const bias = args.bias == nullptr ? nullptr : args.bias + place.col;
    for (std::size_t i = 0; i < kRows; ++i) {
      T* const to = place.c + i * args.c_stride;
      columns.store(to, start(args, columns, bias, to) + tree<kStep, 1>(all, i * kStep));
    }
  }

  struct Tiles {
    void (*run[kHighest][FewKernel<T>::kMaxCols])(const Args&, const Place&) noexcept = {};
  };
  template <std::size_t kRows, std::size_t... kCol>
  static constexpr void set_tiles(Tiles& tiles, std::index_sequence<kCol...>) noexcept {
    ((tiles.run[kRows - 1][kCol] = &tile<kRows, kCol + 1>), ...);
  }
  static constexpr Tiles all_tiles() noexcept {
    Tiles tiles;
    [&]<std::size_t... kRow>(std::index_sequence<kRow...>) {
      (set_tiles<kRow + 1>(tiles, std::make_index_sequence<FewShape<Arch>::kCols[kRow]>{}), ...);
    }
    (std::make_index_sequence<kHighest>{});
    return tiles;
  }
};

}  // namespace udnn::kernels
