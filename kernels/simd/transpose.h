// kernels/simd/transpose.h: a square of words, turned in registers where the Arch has the shuffles.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simd.h"
#include "kernels/simd/rounding.h"

namespace udnn::kernels {

/// to[i * to_stride + j] = element i of the row that starts j * from_stride bytes after `from`, for kSide rows and
/// columns.
template <class Word, class Arch>
struct Square {
  static constexpr std::size_t kSide = 8;

  static void transpose(const std::uint8_t* from, std::size_t from_stride, Word* to, std::size_t to_stride) noexcept {
    Word square[kSide][kSide];
    for (std::size_t j = 0; j < kSide; ++j)
      for (std::size_t i = 0; i < kSide; ++i)
        __builtin_memcpy(&square[i][j], from + j * from_stride + i * sizeof(Word), sizeof(Word));
    for (std::size_t i = 0; i < kSide; ++i) __builtin_memcpy(to + i * to_stride, square[i], sizeof square[i]);
  }
};

#ifdef __AVX2__
// Pairs of rows are zipped, then pairs of those, then halves are exchanged.
template <>
struct Square<std::uint32_t, xsimd::fma3<xsimd::avx2>> {
  static constexpr std::size_t kSide = 8;

  static void transpose(const std::uint8_t* from, std::size_t from_stride, std::uint32_t* to,
                        std::size_t to_stride) noexcept {
    __m256i row[8], pair[8], four[8];
#pragma GCC unroll 8
    for (std::size_t j = 0; j < 8; ++j)
      row[j] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + j * from_stride));
#pragma GCC unroll 4
    for (std::size_t j = 0; j < 8; j += 2) {
      pair[j] = _mm256_unpacklo_epi32(row[j], row[j + 1]);
      pair[j + 1] = _mm256_unpackhi_epi32(row[j], row[j + 1]);
    }
#pragma GCC unroll 2
    for (std::size_t j = 0; j < 8; j += 4) {
      four[j] = _mm256_unpacklo_epi64(pair[j], pair[j + 2]);
      four[j + 1] = _mm256_unpackhi_epi64(pair[j], pair[j + 2]);
      four[j + 2] = _mm256_unpacklo_epi64(pair[j + 1], pair[j + 3]);
      four[j + 3] = _mm256_unpackhi_epi64(pair[j + 1], pair[j + 3]);
    }
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i * to_stride),
                          _mm256_permute2x128_si256(four[i], four[i + 4], 0x20));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + (i + 4) * to_stride),
                          _mm256_permute2x128_si256(four[i], four[i + 4], 0x31));
    }
  }
};
#endif

#ifdef __AVX512F__
template <>
struct Square<std::uint32_t, xsimd::avx512bw> {
  static constexpr std::size_t kSide = 16;

  static void transpose(const std::uint8_t* from, std::size_t from_stride, std::uint32_t* to,
                        std::size_t to_stride) noexcept {
    __m512i row[16], pair[16];
#pragma GCC unroll 16
    for (std::size_t j = 0; j < 16; ++j) row[j] = _mm512_loadu_si512(from + j * from_stride);
#pragma GCC unroll 8
    for (std::size_t j = 0; j < 16; j += 2) {
      pair[j] = _mm512_unpacklo_epi32(row[j], row[j + 1]);
      pair[j + 1] = _mm512_unpackhi_epi32(row[j], row[j + 1]);
    }
#pragma GCC unroll 4
    for (std::size_t j = 0; j < 16; j += 4) {  // row[j + q]: element q of each quarter, of rows j .. j + 3
      row[j] = _mm512_unpacklo_epi64(pair[j], pair[j + 2]);
      row[j + 1] = _mm512_unpackhi_epi64(pair[j], pair[j + 2]);
      row[j + 2] = _mm512_unpacklo_epi64(pair[j + 1], pair[j + 3]);
      row[j + 3] = _mm512_unpackhi_epi64(pair[j + 1], pair[j + 3]);
    }
#pragma GCC unroll 4
    for (std::size_t q = 0; q < 4; ++q) {
      const __m512i even_low = _mm512_shuffle_i32x4(row[q], row[q + 4], 0x88);
      const __m512i odd_low = _mm512_shuffle_i32x4(row[q], row[q + 4], 0xdd);
      const __m512i even_high = _mm512_shuffle_i32x4(row[q + 8], row[q + 12], 0x88);
      const __m512i odd_high = _mm512_shuffle_i32x4(row[q + 8], row[q + 12], 0xdd);
      _mm512_storeu_si512(to + q * to_stride, _mm512_shuffle_i32x4(even_low, even_high, 0x88));
      _mm512_storeu_si512(to + (q + 4) * to_stride, _mm512_shuffle_i32x4(odd_low, odd_high, 0x88));
      _mm512_storeu_si512(to + (q + 8) * to_stride, _mm512_shuffle_i32x4(even_low, even_high, 0xdd));
      _mm512_storeu_si512(to + (q + 12) * to_stride, _mm512_shuffle_i32x4(odd_low, odd_high, 0xdd));
    }
  }
};

template <>
struct Square<std::uint64_t, xsimd::avx512bw> {
  static constexpr std::size_t kSide = 8;

  static void transpose(const std::uint8_t* from, std::size_t from_stride, std::uint64_t* to,
                        std::size_t to_stride) noexcept {
    __m512i row[8], pair[8];
#pragma GCC unroll 8
    for (std::size_t j = 0; j < 8; ++j) row[j] = _mm512_loadu_si512(from + j * from_stride);
#pragma GCC unroll 4
    for (std::size_t j = 0; j < 8; j += 2) {
      pair[j] = _mm512_unpacklo_epi64(row[j], row[j + 1]);
      pair[j + 1] = _mm512_unpackhi_epi64(row[j], row[j + 1]);
    }
#pragma GCC unroll 2
    for (std::size_t q = 0; q < 2; ++q) {
      const __m512i even_low = _mm512_shuffle_i64x2(pair[q], pair[q + 2], 0x88);
      const __m512i odd_low = _mm512_shuffle_i64x2(pair[q], pair[q + 2], 0xdd);
      const __m512i even_high = _mm512_shuffle_i64x2(pair[q + 4], pair[q + 6], 0x88);
      const __m512i odd_high = _mm512_shuffle_i64x2(pair[q + 4], pair[q + 6], 0xdd);
      _mm512_storeu_si512(to + q * to_stride, _mm512_shuffle_i64x2(even_low, even_high, 0x88));
      _mm512_storeu_si512(to + (q + 2) * to_stride, _mm512_shuffle_i64x2(odd_low, odd_high, 0x88));
      _mm512_storeu_si512(to + (q + 4) * to_stride, _mm512_shuffle_i64x2(even_low, even_high, 0xdd));
      _mm512_storeu_si512(to + (q + 6) * to_stride, _mm512_shuffle_i64x2(odd_low, odd_high, 0xdd));
    }
  }
};
#endif

}  // namespace udnn::kernels
