// kernels/simd/pieces.h: vectors made of pieces of 16 bytes, for turning matrices of few columns.
//
//   load(p, apart)   the pieces at p, p + apart, ...: one after the other
//   low(x, y)        x0 y0 x1 y1 of each pair of pieces of float, high(x, y) x2 y2 x3 y3; of double x0 y0 and x1 y1
//   low_half(x, y)   x0 x1 y0 y1 of each pair of pieces of float, high_half(x, y) x2 x3 y2 y3
#pragma once

#include <cstddef>

#include "kernels/simd.h"

namespace udnn::kernels {

template <class T, class Arch>
struct Pieces;

#ifdef __x86_64__
template <>
struct Pieces<float, xsimd::sse2> {
  using Vector = xsimd::batch<float, xsimd::sse2>;

  static Vector load(const float* p, std::ptrdiff_t) noexcept { return _mm_loadu_ps(p); }
  static Vector low(Vector x, Vector y) noexcept { return _mm_unpacklo_ps(x, y); }
  static Vector high(Vector x, Vector y) noexcept { return _mm_unpackhi_ps(x, y); }
  static Vector low_half(Vector x, Vector y) noexcept { return _mm_movelh_ps(x, y); }
  static Vector high_half(Vector x, Vector y) noexcept { return _mm_movehl_ps(y, x); }
};

template <>
struct Pieces<double, xsimd::sse2> {
  using Vector = xsimd::batch<double, xsimd::sse2>;

  static Vector load(const double* p, std::ptrdiff_t) noexcept { return _mm_loadu_pd(p); }
  static Vector low(Vector x, Vector y) noexcept { return _mm_unpacklo_pd(x, y); }
  static Vector high(Vector x, Vector y) noexcept { return _mm_unpackhi_pd(x, y); }
};
#endif

#ifdef __AVX2__
template <>
struct Pieces<float, xsimd::fma3<xsimd::avx2>> {
  using Vector = xsimd::batch<float, xsimd::fma3<xsimd::avx2>>;

  static Vector load(const float* p, std::ptrdiff_t apart) noexcept {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + apart), 1);
  }
  static Vector low(Vector x, Vector y) noexcept { return _mm256_unpacklo_ps(x, y); }
  static Vector high(Vector x, Vector y) noexcept { return _mm256_unpackhi_ps(x, y); }
  static Vector low_half(Vector x, Vector y) noexcept { return _mm256_shuffle_ps(x, y, 0x44); }
  static Vector high_half(Vector x, Vector y) noexcept { return _mm256_shuffle_ps(x, y, 0xee); }
};

template <>
struct Pieces<double, xsimd::fma3<xsimd::avx2>> {
  using Vector = xsimd::batch<double, xsimd::fma3<xsimd::avx2>>;

  static Vector load(const double* p, std::ptrdiff_t apart) noexcept {
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(p)), _mm_loadu_pd(p + apart), 1);
  }
  static Vector low(Vector x, Vector y) noexcept { return _mm256_unpacklo_pd(x, y); }
  static Vector high(Vector x, Vector y) noexcept { return _mm256_unpackhi_pd(x, y); }
};
#endif

#ifdef __AVX512F__
template <>
struct Pieces<float, xsimd::avx512bw> {
  using Vector = xsimd::batch<float, xsimd::avx512bw>;

  static Vector load(const float* p, std::ptrdiff_t apart) noexcept {
    __m512 all = _mm512_castps128_ps512(_mm_loadu_ps(p));
    all = _mm512_insertf32x4(all, _mm_loadu_ps(p + apart), 1);
    all = _mm512_insertf32x4(all, _mm_loadu_ps(p + 2 * apart), 2);
    return _mm512_insertf32x4(all, _mm_loadu_ps(p + 3 * apart), 3);
  }
  static Vector low(Vector x, Vector y) noexcept { return _mm512_unpacklo_ps(x, y); }
  static Vector high(Vector x, Vector y) noexcept { return _mm512_unpackhi_ps(x, y); }
  static Vector low_half(Vector x, Vector y) noexcept { return _mm512_shuffle_ps(x, y, 0x44); }
  static Vector high_half(Vector x, Vector y) noexcept { return _mm512_shuffle_ps(x, y, 0xee); }
};

template <>
struct Pieces<double, xsimd::avx512bw> {
  using Vector = xsimd::batch<double, xsimd::avx512bw>;

  static Vector load(const double* p, std::ptrdiff_t apart) noexcept {
    __m512d all = _mm512_castpd128_pd512(_mm_loadu_pd(p));
    all = _mm512_insertf64x2(all, _mm_loadu_pd(p + apart), 1);
    all = _mm512_insertf64x2(all, _mm_loadu_pd(p + 2 * apart), 2);
    return _mm512_insertf64x2(all, _mm_loadu_pd(p + 3 * apart), 3);
  }
  static Vector low(Vector x, Vector y) noexcept { return _mm512_unpacklo_pd(x, y); }
  static Vector high(Vector x, Vector y) noexcept { return _mm512_unpackhi_pd(x, y); }
};
#endif

#ifdef __aarch64__
template <>
struct Pieces<float, xsimd::neon64> {
  using Vector = xsimd::batch<float, xsimd::neon64>;

  static Vector load(const float* p, std::ptrdiff_t) noexcept { return vld1q_f32(p); }
  static Vector low(Vector x, Vector y) noexcept { return vzip1q_f32(x, y); }
  static Vector high(Vector x, Vector y) noexcept { return vzip2q_f32(x, y); }
  static Vector low_half(Vector x, Vector y) noexcept {
    return vreinterpretq_f32_f64(vzip1q_f64(vreinterpretq_f64_f32(x), vreinterpretq_f64_f32(y)));
  }
  static Vector high_half(Vector x, Vector y) noexcept {
    return vreinterpretq_f32_f64(vzip2q_f64(vreinterpretq_f64_f32(x), vreinterpretq_f64_f32(y)));
  }
};

template <>
struct Pieces<double, xsimd::neon64> {
  using Vector = xsimd::batch<double, xsimd::neon64>;

  static Vector load(const double* p, std::ptrdiff_t) noexcept { return vld1q_f64(p); }
  static Vector low(Vector x, Vector y) noexcept { return vzip1q_f64(x, y); }
  static Vector high(Vector x, Vector y) noexcept { return vzip2q_f64(x, y); }
};
#endif

}  // namespace udnn::kernels
