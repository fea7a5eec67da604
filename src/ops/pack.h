// src/ops/pack.h: A and B, laid out as the matrix kernels read them.
//
//   rows     to[i * stride + k]                                  of A, each filled up with zeros to whole granules
//   panel    to[(k / granule) * width * granule + i * granule + k % granule]      of A transposed, and of B: i are rows
//            of A or columns of B; filled up with zeros to whole granules, and to `width`
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "src/ops/product.h"

namespace udnn::ops {

/// to[i] = from[i] in another type, exactly.
template <class From, class To>
void convert(const kernels::PackKernels& kernels, std::size_t count, const From* from, To* to) noexcept {
  if constexpr (std::is_same_v<From, To>)
    std::memcpy(to, from, count * sizeof(To));
  else if constexpr (std::is_same_v<From, Fp16>)
    kernels.widen_fp16(count, from, to);
  else if constexpr (std::is_same_v<From, Bf16>)
    kernels.widen_bf16(count, from, to);
  else if constexpr (std::is_same_v<From, std::uint8_t>)
    kernels.widen_u8(count, from, to);
  else
    kernels.widen_s8(count, from, to);
}

/// Panels whose source has neighbours in i side by side: rows of k.
template <std::size_t kGranule, class From, class To>
void pack_rows_of_k(const kernels::PackKernels& kernels, const From* from, std::ptrdiff_t k_stride, std::size_t depth,
                    std::size_t items, std::size_t width, To* to) noexcept {
  constexpr std::size_t kBlock = 256;
  constexpr bool kConverts = !std::is_same_v<From, To>;
  if constexpr (!kConverts && kGranule * sizeof(To) == 4 && sizeof(To) == 2)
    return kernels.pair_rows_16(depth, items, reinterpret_cast<const std::uint16_t*>(from), k_stride, width,
                                reinterpret_cast<std::uint32_t*>(to));
  if constexpr (!kConverts && kGranule * sizeof(To) == 4 && sizeof(To) == 1)
    return kernels.pair_rows_8(depth, items, reinterpret_cast<const std::uint8_t*>(from), k_stride, width,
                               reinterpret_cast<std::uint32_t*>(to));
  To converted[kGranule][kBlock];
  const To none[kBlock] = {};
  for (std::size_t k = 0; k < depth; k += kGranule, to += width * kGranule) {
    for (std::size_t i = 0; i < items; i += kBlock) {
      const std::size_t count = std::min(kBlock, items - i);
      const auto row = [&](std::size_t q) { return from + static_cast<std::ptrdiff_t>(k + q) * k_stride + i; };
      To* const out = to + i * kGranule;
      if constexpr (kGranule == 1) {
        convert(kernels, count, row(0), out);
      } else {
        const To* rows[kGranule];
        for (std::size_t q = 0; q < kGranule; ++q) {
          rows[q] = none;
          if (k + q >= depth) continue;
          if constexpr (kConverts) {
            convert(kernels, count, row(q), converted[q]);
            rows[q] = converted[q];
          } else {
            rows[q] = row(q);
          }
        }
        if constexpr (sizeof(To) == 2) {
          const auto bits = [&](std::size_t q) { return reinterpret_cast<const std::uint16_t*>(rows[q]); };
          const std::uint16_t* const pair[] = {bits(0), bits(1)};
          kernels.interleave_16(count, pair, reinterpret_cast<std::uint32_t*>(out));
        } else if constexpr (sizeof(To) == 1) {
          const auto bits = [&](std::size_t q) { return reinterpret_cast<const std::uint8_t*>(rows[q]); };
          const std::uint8_t* const four[] = {bits(0), bits(1), bits(2), bits(3)};
          kernels.interleave_8(count, four, reinterpret_cast<std::uint32_t*>(out));
        } else {
          for (std::size_t j = 0; j < count; ++j)
            for (std::size_t q = 0; q < kGranule; ++q) out[j * kGranule + q] = rows[q][j];
        }
      }
    }
    std::memset(static_cast<void*>(to + items * kGranule), 0, (width - items) * kGranule * sizeof(To));
  }
}

/// Panels whose source has neighbours in k side by side.
template <std::size_t kGranule, class From, class To>
void pack_columns_of_k(const kernels::PackKernels& kernels, const From* from, std::ptrdiff_t i_stride,
                       std::size_t depth, std::size_t items, std::size_t width, To* to) noexcept {
  constexpr std::size_t kWord = kGranule * sizeof(To);
  const auto turn = [&](const void* rows, std::size_t stride, std::size_t granules, std::size_t count, To* out) {
    if constexpr (kWord == 2)
      kernels.transpose_16(rows, stride, granules, count, reinterpret_cast<std::uint16_t*>(out), width);
    else if constexpr (kWord == 4)
      kernels.transpose_32(rows, stride, granules, count, reinterpret_cast<std::uint32_t*>(out), width);
    else
      kernels.transpose_64(rows, stride, granules, count, reinterpret_cast<std::uint64_t*>(out), width);
  };
  // As it lies, as far as that goes; what is to be converted, and the last granule, by way of a block.
  std::size_t done = 0;
  if constexpr (std::is_same_v<From, To>) {
    done = depth / kGranule * kGranule;
    turn(from, static_cast<std::size_t>(i_stride) * sizeof(From), depth / kGranule, items, to);
  }
  constexpr std::size_t kBlock = 32;
  for (std::size_t k = done; k < depth; k += kBlock)
    for (std::size_t i = 0; i < items; i += kBlock) {
      const std::size_t elements = std::min(kBlock, depth - k), count = std::min(kBlock, items - i);
      To block[kBlock][kBlock] = {};
      for (std::size_t j = 0; j < count; ++j)
        convert(kernels, elements,
                from + static_cast<std::ptrdiff_t>(i + j) * i_stride + static_cast<std::ptrdiff_t>(k), block[j]);
      turn(block, sizeof block[0], (elements + kGranule - 1) / kGranule, count, to + (k * width + i * kGranule));
    }
  for (std::size_t k = 0; k < depth; k += kGranule)
    std::memset(static_cast<void*>(to + k * width + items * kGranule), 0, (width - items) * kWord);
}

/// A PackA for A stored as From: rows, or one panel where it is transposed.
template <class P, class From>
void pack_a(const kernels::PackKernels& kernels, const Stored& a, Range rows, Range depth, typename P::A* to,
            std::size_t to_stride) noexcept {
  const auto* const from = static_cast<const From*>(a.data) + static_cast<std::ptrdiff_t>(rows.begin) * a.row_stride +
                           static_cast<std::ptrdiff_t>(depth.begin) * a.col_stride;
  if (a.col_stride != 1)
    return pack_rows_of_k<P::kGranule>(kernels, from, a.col_stride, depth.size(), rows.size(), rows.size(), to);
  for (std::size_t i = 0; i < rows.size(); ++i, to += to_stride) {
    convert(kernels, depth.size(), from + static_cast<std::ptrdiff_t>(i) * a.row_stride, to);
    std::memset(static_cast<void*>(to + depth.size()), 0, (to_stride - depth.size()) * sizeof(to[0]));
  }
}

/// A PackB for B stored as From, [k, n] or (transposed, row_stride 1) [n, k].
template <class P, class From>
void pack_b(const kernels::PackKernels& kernels, const Stored& b, Range depth, Range cols, std::size_t width,
            typename P::B* to) noexcept {
  const auto* const from = static_cast<const From*>(b.data) + static_cast<std::ptrdiff_t>(depth.begin) * b.row_stride +
                           static_cast<std::ptrdiff_t>(cols.begin) * b.col_stride;
  if (b.col_stride == 1)
    pack_rows_of_k<P::kGranule>(kernels, from, b.row_stride, depth.size(), cols.size(), width, to);
  else
    pack_columns_of_k<P::kGranule>(kernels, from, b.col_stride, depth.size(), cols.size(), width, to);
}

}  // namespace udnn::ops
