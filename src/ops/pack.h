// src/ops/pack.h: A and B, laid out as the matrix kernels read them.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "src/ops/product.h"

namespace udnn::ops {

/// to[i] = from[i] in another type, exactly.
template <class From, class To>
void convert(const kernels::KernelTable& table, std::size_t count, const From* from, To* to) noexcept {
  if constexpr (std::is_same_v<From, To>)
    std::memcpy(to, from, count * sizeof(To));
  else if constexpr (std::is_same_v<From, Fp16>)
    table.narrow.widen_fp16(count, from, to);
  else if constexpr (std::is_same_v<From, Bf16>)
    for (std::size_t i = 0; i < count; ++i)
      to[i] = std::bit_cast<float>(static_cast<std::uint32_t>(from[i].bits) << 16U);
  else
    for (std::size_t i = 0; i < count; ++i) to[i] = from[i];
}

inline constexpr std::size_t kPackBlock = 64;  // elements converted or transposed at a time

/// to[i, j] = from[j, i] for rows x cols of `to`, both at most kPackBlock.
template <class T>
void transpose(const T* from, std::ptrdiff_t from_stride, std::size_t rows, std::size_t cols, T* to,
               std::size_t to_stride) noexcept {
  constexpr std::size_t kSquare = 8;
  const auto at = [&](std::size_t i, std::size_t j) {
    return from[static_cast<std::ptrdiff_t>(j) * from_stride + static_cast<std::ptrdiff_t>(i)];
  };
  std::size_t i = 0;
  for (; i + kSquare <= rows; i += kSquare) {
    std::size_t j = 0;
    for (; j + kSquare <= cols; j += kSquare) {
      T square[kSquare][kSquare];
      for (std::size_t c = 0; c < kSquare; ++c)
        for (std::size_t r = 0; r < kSquare; ++r) square[r][c] = at(i + r, j + c);
      for (std::size_t r = 0; r < kSquare; ++r) std::memcpy(to + (i + r) * to_stride + j, square[r], sizeof square[r]);
    }
    for (; j < cols; ++j)
      for (std::size_t r = 0; r < kSquare; ++r) to[(i + r) * to_stride + j] = at(i + r, j);
  }
  for (; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) to[i * to_stride + j] = at(i, j);
}

/// A PackA for A stored as From. Rows of `to` may be written up to to_stride.
template <class P, class From>
void pack_a(const kernels::KernelTable& table, const Stored& a, Range rows, Range depth, typename P::A* to,
            std::size_t to_stride) noexcept {
  using To = typename P::A;
  const auto* const from = static_cast<const From*>(a.data) + static_cast<std::ptrdiff_t>(rows.begin) * a.row_stride +
                           static_cast<std::ptrdiff_t>(depth.begin) * a.col_stride;
  if (a.col_stride == 1) {
    for (std::size_t i = 0; i < rows.size(); ++i)
      convert(table, depth.size(), from + static_cast<std::ptrdiff_t>(i) * a.row_stride, to + i * to_stride);
  } else {  // transposed: row_stride is 1
    for (std::size_t k = 0; k < depth.size(); k += kPackBlock)
      for (std::size_t i = 0; i < rows.size(); i += kPackBlock) {
        const std::size_t height = std::min(kPackBlock, rows.size() - i),
                          width = std::min(kPackBlock, depth.size() - k);
        To block[kPackBlock * kPackBlock];
        for (std::size_t j = 0; j < width; ++j)
          convert(table, height,
                  from + static_cast<std::ptrdiff_t>(k + j) * a.col_stride + static_cast<std::ptrdiff_t>(i),
                  block + j * kPackBlock);
        transpose(block, kPackBlock, height, width, to + i * to_stride + k, to_stride);
      }
  }
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t k = depth.size(); k < to_stride; ++k) to[i * to_stride + k] = To{};
}

/// A PackB for B stored as From, [k, n] or (transposed, row_stride 1) [n, k].
template <class P, class From>
void pack_b(const kernels::KernelTable& table, const Stored& b, Range depth, Range cols, std::size_t width,
            typename P::B* to, typename P::C* start) noexcept {
  using To = typename P::B;
  using Granule = struct { To element[P::kGranule]; };
  constexpr std::size_t kGranule = P::kGranule;
  const auto* const from = static_cast<const From*>(b.data) + static_cast<std::ptrdiff_t>(depth.begin) * b.row_stride +
                           static_cast<std::ptrdiff_t>(cols.begin) * b.col_stride;
  const std::size_t granules = (depth.size() + kGranule - 1) / kGranule;
  const auto clear = [&](std::size_t granule, std::size_t from_column) {
    std::memset(static_cast<void*>(to + (granule * width + from_column) * kGranule), 0,
                (width - from_column) * sizeof(Granule));
  };
  if (b.col_stride == 1) {
    To rows[kGranule][kPackBlock];  // width is at most kPackBlock
    for (std::size_t g = 0; g < granules; ++g) {
      To* const out = to + g * width * kGranule;
      for (std::size_t q = 0; q < kGranule; ++q) {
        const std::size_t k = g * kGranule + q;
        To* const row = kGranule == 1 ? out : rows[q];
        if (k < depth.size())
          convert(table, cols.size(), from + static_cast<std::ptrdiff_t>(k) * b.row_stride, row);
        else
          std::memset(static_cast<void*>(row), 0, cols.size() * sizeof(To));
      }
      if constexpr (kGranule > 1)
        for (std::size_t j = 0; j < cols.size(); ++j)
          for (std::size_t q = 0; q < kGranule; ++q) out[j * kGranule + q] = rows[q][j];
      clear(g, cols.size());
    }
  } else {
    for (std::size_t g = 0; g < granules; g += kPackBlock / kGranule) {
      const std::size_t height = std::min(kPackBlock / kGranule, granules - g), k = g * kGranule;
      const std::size_t elements = std::min(height * kGranule, depth.size() - k);
      Granule block[kPackBlock][kPackBlock / kGranule];  // a column in each row
      for (std::size_t j = 0; j < cols.size(); ++j) {
        To* const column = &block[j][0].element[0];
        convert(table, elements, from + static_cast<std::ptrdiff_t>(j) * b.col_stride + static_cast<std::ptrdiff_t>(k),
                column);
        for (std::size_t i = elements; i < height * kGranule; ++i) column[i] = To{};
      }
      transpose(&block[0][0], kPackBlock / kGranule, height, cols.size(),
                reinterpret_cast<Granule*>(to + g * width * kGranule), width);
      for (std::size_t i = 0; i < height; ++i) clear(g + i, cols.size());
    }
  }
  if (start == nullptr) return;
  if constexpr (std::is_same_v<P, kernels::S8S8Product>) {
    std::fill_n(start, width, 0);
    for (std::size_t g = 0; g < granules; ++g)
      for (std::size_t j = 0; j < width; ++j)
        for (std::size_t q = 0; q < kGranule; ++q) start[j] += to[(g * width + j) * kGranule + q];
    for (std::size_t j = 0; j < width; ++j) start[j] *= -128;
  }
}

}  // namespace udnn::ops
