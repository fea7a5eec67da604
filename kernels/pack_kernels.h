// kernels/pack_kernels.h: what the floors above see of the kernels that lay out operands (pack.h has the bodies).
#pragma once

#include <cstddef>
#include <cstdint>

#include "udnn/half.h"

namespace udnn::kernels {

/// Outputs overlap no input. Counts are of elements.
struct PackKernels {
  /// to[j] = the j-th elements of 2 rows of 16 bits, or 4 of 8 bits, the first one in the lowest bits.
  void (*interleave_16)(std::size_t count, const std::uint16_t* const* rows, std::uint32_t* to) noexcept;
  void (*interleave_8)(std::size_t count, const std::uint8_t* const* rows, std::uint32_t* to) noexcept;

  /// to[g * width + j] = elements 2g and 2g + 1 (4g to 4g + 3) of column j of from [depth, cols], the first one in the
  /// lowest bits; zero where there is none, up to a whole granule and up to `width` columns. Rows of `from` are
  /// from_stride elements apart.
  void (*pair_rows_16)(std::size_t depth, std::size_t cols, const std::uint16_t* from, std::ptrdiff_t from_stride,
                       std::size_t width, std::uint32_t* to) noexcept;
  void (*pair_rows_8)(std::size_t depth, std::size_t cols, const std::uint8_t* from, std::ptrdiff_t from_stride,
                      std::size_t width, std::uint32_t* to) noexcept;

  /// to[i * to_stride + j] = from[j, i], i < rows, j < cols; row j of `from` starts j * from_stride bytes after the
  /// first and needs no alignment.
  void (*transpose_16)(const void* from, std::size_t from_stride, std::size_t rows, std::size_t cols, std::uint16_t* to,
                       std::size_t to_stride) noexcept;
  void (*transpose_32)(const void* from, std::size_t from_stride, std::size_t rows, std::size_t cols, std::uint32_t* to,
                       std::size_t to_stride) noexcept;
  void (*transpose_64)(const void* from, std::size_t from_stride, std::size_t rows, std::size_t cols, std::uint64_t* to,
                       std::size_t to_stride) noexcept;

  /// to[i] = from[i], exactly. NaN gives NaN.
  void (*widen_fp16)(std::size_t count, const Fp16* from, float* to) noexcept;
  void (*widen_bf16)(std::size_t count, const Bf16* from, float* to) noexcept;
  void (*widen_u8)(std::size_t count, const std::uint8_t* from, std::int16_t* to) noexcept;
  void (*widen_s8)(std::size_t count, const std::int8_t* from, std::int16_t* to) noexcept;
};

}  // namespace udnn::kernels
