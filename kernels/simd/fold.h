// kernels/simd/fold.h: sums over the lanes of vectors, of a whole vector of vectors together.
//
//   fold<h>(x, y)   lanes l and l + h of x added, for l < h of each group of 2 h lanes, then the same of y: two
//                   half-summed vectors in one
//   kOrder          the vectors in the order in which they are to be folded, two and two, so that after h = kLanes / 2,
//                   .. 2, 1 the sum of the i-th vector is in lane i
//
// For 16 vectors of 16 lanes 15 additions and 20 shuffles, where one vector alone takes 4 and 4. Where halves stay in
// their place the other ones are blended, which has more ports.
#pragma once

#include <cstddef>

#include "kernels/simd.h"

namespace udnn::kernels {

template <class T, class Arch>
struct Fold;

#if defined(__x86_64__)
template <>
struct Fold<float, xsimd::sse2> {
  using Vector = xsimd::batch<float, xsimd::sse2>;
  static constexpr std::size_t kOrder[] = {0, 1, 2, 3};

  template <std::size_t kStep>
  static Vector fold(Vector x, Vector y) noexcept {
    if constexpr (kStep == 2)
      return Vector(_mm_movelh_ps(x, y)) + Vector(_mm_movehl_ps(y, x));
    else
      return Vector(_mm_shuffle_ps(x, y, 0x88)) + Vector(_mm_shuffle_ps(x, y, 0xdd));
  }
};

template <>
struct Fold<double, xsimd::sse2> {
  using Vector = xsimd::batch<double, xsimd::sse2>;
  static constexpr std::size_t kOrder[] = {0, 1};

  template <std::size_t kStep>
  static Vector fold(Vector x, Vector y) noexcept {
    return Vector(_mm_unpacklo_pd(x, y)) + Vector(_mm_unpackhi_pd(x, y));
  }
};
#endif

#ifdef __AVX2__
template <>
struct Fold<float, xsimd::fma3<xsimd::avx2>> {
  using Vector = xsimd::batch<float, xsimd::fma3<xsimd::avx2>>;
  static constexpr std::size_t kOrder[] = {0, 4, 1, 5, 2, 6, 3, 7};

  template <std::size_t kStep>
  static Vector fold(Vector x, Vector y) noexcept {
    if constexpr (kStep == 4) {
      return Vector(_mm256_blend_ps(x, y, 0xf0)) + Vector(_mm256_permute2f128_ps(x, y, 0x21));
    } else if constexpr (kStep == 2) {
      return Vector(_mm256_blend_ps(x, y, 0xcc)) +
             Vector(_mm256_castpd_ps(_mm256_shuffle_pd(_mm256_castps_pd(x), _mm256_castps_pd(y), 0x5)));
    } else {
      return Vector(_mm256_shuffle_ps(x, y, 0x88)) + Vector(_mm256_shuffle_ps(x, y, 0xdd));
    }
  }
};

template <>
struct Fold<double, xsimd::fma3<xsimd::avx2>> {
  using Vector = xsimd::batch<double, xsimd::fma3<xsimd::avx2>>;
  static constexpr std::size_t kOrder[] = {0, 2, 1, 3};

  template <std::size_t kStep>
  static Vector fold(Vector x, Vector y) noexcept {
    if constexpr (kStep == 2)
      return Vector(_mm256_blend_pd(x, y, 0xc)) + Vector(_mm256_permute2f128_pd(x, y, 0x21));
    else
      return Vector(_mm256_blend_pd(x, y, 0xa)) + Vector(_mm256_shuffle_pd(x, y, 0x5));
  }
};
#endif

#ifdef __AVX512F__
template <>
struct Fold<float, xsimd::avx512bw> {
  using Vector = xsimd::batch<float, xsimd::avx512bw>;
  static constexpr std::size_t kOrder[] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};

  template <std::size_t kStep>
  static Vector fold(Vector x, Vector y) noexcept {
    if constexpr (kStep == 8) {
      return Vector(_mm512_mask_blend_ps(0xff00, x, y)) + Vector(_mm512_shuffle_f32x4(x, y, 0x4e));
    } else if constexpr (kStep == 4) {
      return Vector(_mm512_shuffle_f32x4(x, y, 0x88)) + Vector(_mm512_shuffle_f32x4(x, y, 0xdd));
    } else if constexpr (kStep == 2) {
      return Vector(_mm512_mask_blend_ps(0xcccc, x, y)) +
             Vector(_mm512_castpd_ps(_mm512_shuffle_pd(_mm512_castps_pd(x), _mm512_castps_pd(y), 0x55)));
    } else {
      return Vector(_mm512_shuffle_ps(x, y, 0x88)) + Vector(_mm512_shuffle_ps(x, y, 0xdd));
    }
  }
};

template <>
struct Fold<double, xsimd::avx512bw> {
  using Vector = xsimd::batch<double, xsimd::avx512bw>;
  static constexpr std::size_t kOrder[] = {0, 2, 4, 6, 1, 3, 5, 7};

  template <std::size_t kStep>
  static Vector fold(Vector x, Vector y) noexcept {
    if constexpr (kStep == 4)
      return Vector(_mm512_mask_blend_pd(0xf0, x, y)) + Vector(_mm512_shuffle_f64x2(x, y, 0x4e));
    else if constexpr (kStep == 2)
      return Vector(_mm512_shuffle_f64x2(x, y, 0x88)) + Vector(_mm512_shuffle_f64x2(x, y, 0xdd));
    else
      return Vector(_mm512_mask_blend_pd(0xaa, x, y)) + Vector(_mm512_shuffle_pd(x, y, 0x55));
  }
};
#endif

#ifdef __aarch64__
template <>
struct Fold<float, xsimd::neon64> {
  using Vector = xsimd::batch<float, xsimd::neon64>;
  static constexpr std::size_t kOrder[] = {0, 1, 2, 3};

  template <std::size_t kStep>
  static Vector fold(Vector x, Vector y) noexcept {
    if constexpr (kStep == 2) {
      const float64x2_t x_f64 = vreinterpretq_f64_f32(x), y_f64 = vreinterpretq_f64_f32(y);
      return Vector(vreinterpretq_f32_f64(vzip1q_f64(x_f64, y_f64))) +
             Vector(vreinterpretq_f32_f64(vzip2q_f64(x_f64, y_f64)));
    } else {
      return Vector(vuzp1q_f32(x, y)) + Vector(vuzp2q_f32(x, y));
    }
  }
};

template <>
struct Fold<double, xsimd::neon64> {
  using Vector = xsimd::batch<double, xsimd::neon64>;
  static constexpr std::size_t kOrder[] = {0, 1};

  template <std::size_t kStep>
  static Vector fold(Vector x, Vector y) noexcept {
    return Vector(vzip1q_f64(x, y)) + Vector(vzip2q_f64(x, y));
  }
};
#endif

}  // namespace udnn::kernels
