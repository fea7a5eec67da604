// kernels/simd/rounding.h: the primitives of the rounding kernels that xsimd 8.1 lacks, or has only for some types.
// As in simd.h, every function is a template on Arch; the generic one is portable, and the special ones give the same
// bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/simd.h"

namespace udnn::kernels {

template <class T>
using WordOf = std::conditional_t<std::is_same_v<T, float>, std::uint32_t, std::uint64_t>;

// Facts of T as constants: a call of numeric_limits in a kernel would be a symbol without an Arch where nothing is
// inlined.
template <class T>
inline constexpr T kLargest = std::numeric_limits<T>::max();
template <class T>
inline constexpr T kSmallestNormal = std::numeric_limits<T>::min();
template <class T>
inline constexpr T kSmallest = std::numeric_limits<T>::denorm_min();
template <class T>
inline constexpr T kInfinity = std::numeric_limits<T>::infinity();
template <class T>
inline constexpr T kAllWhole = std::is_same_v<T, float> ? T{0x1p23F} : T{0x1p52F};

template <class T, class Arch>
inline xsimd::batch<WordOf<T>, Arch> as_bits(xsimd::batch<T, Arch> value) noexcept {
  return xsimd::bitwise_cast<xsimd::batch<WordOf<T>, Arch>>(value);
}

template <class T, class Arch>
inline xsimd::batch<T, Arch> as_value(xsimd::batch<WordOf<T>, Arch> bits) noexcept {
  return xsimd::bitwise_cast<xsimd::batch<T, Arch>>(bits);
}

/// |x|. (xsimd's leaves such a symbol too.)
template <class T, class Arch>
inline xsimd::batch<T, Arch> magnitude_of(xsimd::batch<T, Arch> x) noexcept {
  return x & as_value<T>(xsimd::batch<WordOf<T>, Arch>(~WordOf<T>{0} >> 1));
}

#ifdef __AVX512F__
template <class Arch>
inline constexpr bool kIsAvx512 = std::is_base_of_v<xsimd::avx512f, Arch>;
#endif
#ifdef __AVX2__
template <class Arch>
inline constexpr bool kIsAvx2 = std::is_base_of_v<xsimd::avx2, Arch>;
#endif

/// Whether there are 32 vector registers, not 16.
template <class Arch>
inline constexpr bool kManyRegisters =
#ifdef __AVX512F__
    kIsAvx512<Arch>;
#elif defined(__aarch64__)
    true;
#else
    false;
#endif

/// Whether neither is a NaN.
template <class T, class Arch>
inline xsimd::batch_bool<T, Arch> are_numbers(xsimd::batch<T, Arch> a, xsimd::batch<T, Arch> b) noexcept {
#ifdef __AVX512F__
  if constexpr (kIsAvx512<Arch>) {
    if constexpr (std::is_same_v<T, float>)
      return _mm512_cmp_ps_mask(a, b, _CMP_ORD_Q);
    else
      return _mm512_cmp_pd_mask(a, b, _CMP_ORD_Q);
  }
#elif defined(__AVX2__)
  if constexpr (kIsAvx2<Arch>) {
    if constexpr (std::is_same_v<T, float>)
      return _mm256_cmp_ps(a, b, _CMP_ORD_Q);
    else
      return _mm256_cmp_pd(a, b, _CMP_ORD_Q);
  }
#endif
  const xsimd::batch<T, Arch> infinity(kInfinity<T>);
  return (magnitude_of(a) <= infinity) & (magnitude_of(b) <= infinity);
}

/// Random words as unsigned lanes of the width of T; those of double have 32 zeros above. Reads as many words as there
/// are lanes.
template <class T, class Arch>
inline xsimd::batch<WordOf<T>, Arch> load_words(const std::uint32_t* words) noexcept {
  using Lanes = xsimd::batch<WordOf<T>, Arch>;
  if constexpr (std::is_same_v<T, float>) {
    return Lanes::load_unaligned(words);
  } else {
#ifdef __AVX512F__
    if constexpr (kIsAvx512<Arch>)
      return _mm512_cvtepu32_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(words)));
#elif defined(__AVX2__)
    if constexpr (kIsAvx2<Arch>) return _mm256_cvtepu32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(words)));
#endif
    alignas(Lanes) std::uint64_t wide[Lanes::size];
    for (std::size_t i = 0; i < Lanes::size; ++i) wide[i] = words[i];
    return Lanes::load_aligned(wide);
  }
}

/// Whether fraction + word * 2^-32 >= 1, exactly as integers: the bits of the fraction below 2^-32 are cut. 0 <=
/// fraction < 1.
template <class Arch>
inline xsimd::batch_bool<float, Arch> carries(xsimd::batch<float, Arch> fraction,
                                              xsimd::batch<std::uint32_t, Arch> word) noexcept {
#ifdef __AVX512F__
  return _mm512_cmp_epu32_mask(_mm512_cvttps_epu32(_mm512_mul_ps(fraction, _mm512_set1_ps(0x1p32F))),
                               _mm512_xor_si512(word, _mm512_set1_epi32(-1)), _MM_CMPINT_NLE);
#elif defined(__AVX2__)
  // floor(fraction * 2^32) > ~word. From one half on, fraction - 1 has the same lower 32 bits, and no bits below 2^-32;
  // at one half, where the nearest is 0, what the conversion gives for 2^31 is right too. The comparison is signed.
  const __m256 nearest = _mm256_round_ps(fraction, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m256i low = _mm256_cvttps_epi32(_mm256_mul_ps(_mm256_sub_ps(fraction, nearest), _mm256_set1_ps(0x1p32F)));
  const __m256i moved = _mm256_xor_si256(low, _mm256_set1_epi32(-0x7fffffff - 1));
  return _mm256_castsi256_ps(_mm256_cmpgt_epi32(moved, _mm256_xor_si256(word, _mm256_set1_epi32(0x7fffffff))));
#elif defined(__aarch64__)
  return vcgtq_u32(vcvtq_u32_f32(fraction * xsimd::batch<float, Arch>(0x1p32F)), vmvnq_u32(word));
#else
  // In the words of xsimd: the upper half moved down by 2^31, because conversion and comparison are signed.
  using Value = xsimd::batch<float, Arch>;
  using Signed = xsimd::batch<std::int32_t, Arch>;
  using Word = xsimd::batch<std::uint32_t, Arch>;
  const auto upper_half = fraction >= Value(0.5F);
  const Value low = fraction - xsimd::select(upper_half, Value(0.5F), Value(0.0F));
  const Signed low_bits = xsimd::to_int(low * Value(0x1p32F));
  const Word moved =
      xsimd::bitwise_cast<Word>(low_bits) ^ as_bits(xsimd::select(upper_half, Value(0.0F), Value(-0.0F)));
  const Word limit = word ^ Word(0x7fffffffU);
  const auto carry = xsimd::bitwise_cast<Signed>(moved) > xsimd::bitwise_cast<Signed>(limit);
  // As lanes of 1.0 and 0: xsimd 8.1 cannot turn one kind of mask into another.
  return xsimd::bitwise_cast<Value>(xsimd::select(carry, Signed(0x3f800000), Signed(0))) > Value(0.0F);
#endif
}

template <class Arch>
inline xsimd::batch<double, Arch> word_as_value(xsimd::batch<std::uint64_t, Arch> word) noexcept {
  using Word = xsimd::batch<std::uint64_t, Arch>;
  return as_value<double>(word | Word(0x4330000000000000U)) - xsimd::batch<double, Arch>(0x1p52);
}

template <class Arch>
inline xsimd::batch_bool<double, Arch> carries(xsimd::batch<double, Arch> fraction,
                                               xsimd::batch<std::uint64_t, Arch> word) noexcept {
  using Value = xsimd::batch<double, Arch>;
  return fraction * Value(0x1p32) >= Value(0x1p32) - word_as_value(word);
}

/// The integer nearest to x, ties to even; whole_part: floor(x) of x >= 0. (The generic ones of xsimd 8.1 leave symbols
/// without an Arch.)
template <class T, class Arch>
inline xsimd::batch<T, Arch> nearest_integer(xsimd::batch<T, Arch> x) noexcept {
#ifdef __AVX512F__
  if constexpr (std::is_same_v<T, float>)
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  else
    return _mm512_roundscale_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
  if constexpr (std::is_same_v<T, float>)
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  else
    return _mm256_round_pd(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__aarch64__)
  if constexpr (std::is_same_v<T, float>)
    return vrndnq_f32(x);
  else
    return vrndnq_f64(x);
#else
  // Above this power of two every value is whole; below, adding it leaves no room for fractions.
  using Value = xsimd::batch<T, Arch>;
  const Value sign = x & Value(T{-0.0}), magnitude = x ^ sign, whole(kAllWhole<T>);
  return xsimd::select(magnitude < whole, (magnitude + whole) - whole, magnitude) | sign;
#endif
}

template <class T, class Arch>
inline xsimd::batch<T, Arch> whole_part(xsimd::batch<T, Arch> x) noexcept {
#ifdef __AVX512F__
  if constexpr (std::is_same_v<T, float>)
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
  else
    return _mm512_roundscale_pd(x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
  if constexpr (std::is_same_v<T, float>)
    return _mm256_round_ps(x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
  else
    return _mm256_round_pd(x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
#elif defined(__aarch64__)
  if constexpr (std::is_same_v<T, float>)
    return vrndq_f32(x);
  else
    return vrndq_f64(x);
#else
  using Value = xsimd::batch<T, Arch>;
  const Value nearest = nearest_integer(x);
  return nearest - xsimd::select(nearest > x, Value(T{1}), Value(T{0}));
#endif
}

/// The least integer not below x, -0 below 0.
template <class T, class Arch>
inline xsimd::batch<T, Arch> integer_above(xsimd::batch<T, Arch> x) noexcept {
#ifdef __AVX512F__
  if constexpr (std::is_same_v<T, float>)
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
  else
    return _mm512_roundscale_pd(x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
  if constexpr (std::is_same_v<T, float>)
    return _mm256_round_ps(x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
  else
    return _mm256_round_pd(x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
#elif defined(__aarch64__)
  if constexpr (std::is_same_v<T, float>)
    return vrndpq_f32(x);
  else
    return vrndpq_f64(x);
#else
  using Value = xsimd::batch<T, Arch>;
  const Value nearest = nearest_integer(x);
  return (nearest + xsimd::select(nearest < x, Value(T{1}), Value(T{0}))) | (x & Value(T{-0.0}));
#endif
}

/// `negative` where the sign bit is set, else `positive`.
template <class T, class Arch>
inline xsimd::batch<T, Arch> by_sign(xsimd::batch<T, Arch> sign, xsimd::batch<T, Arch> positive,
                                     xsimd::batch<T, Arch> negative) noexcept {
#ifdef __AVX512F__
  if constexpr (std::is_same_v<T, float>)
    return _mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(sign)), positive, negative);
  else
    return _mm512_mask_blend_pd(_mm512_movepi64_mask(_mm512_castpd_si512(sign)), positive, negative);
#elif defined(__AVX2__)
  if constexpr (std::is_same_v<T, float>)
    return _mm256_blendv_ps(positive, negative, sign);
  else
    return _mm256_blendv_pd(positive, negative, sign);
#elif defined(__aarch64__)
  if constexpr (std::is_same_v<T, float>)
    return vbslq_f32(vcltzq_s32(vreinterpretq_s32_f32(sign)), negative, positive);
  else
    return vbslq_f64(vcltzq_s64(vreinterpretq_s64_f64(sign)), negative, positive);
#else
  using Value = xsimd::batch<T, Arch>;
  const Value one(T{1}), signed_one = (sign & Value(T{-0.0})) | one;
  return xsimd::select(signed_one < Value(T{0}), negative, positive);
#endif
}

/// a * b - product, exactly; product = a * b rounded. Without FMA by Dekker's splitting, which needs |a|, |b| < 2^996
/// and no underflow (T. Dekker, "A floating-point technique for extending the available precision", Numer. Math. 18,
/// 1971).
template <class Arch>
inline xsimd::batch<double, Arch> product_error(xsimd::batch<double, Arch> a, xsimd::batch<double, Arch> b,
                                                xsimd::batch<double, Arch> product) noexcept {
#ifdef __AVX512F__
  if constexpr (kIsAvx512<Arch>) return _mm512_fmsub_pd(a, b, product);
#elif defined(__FMA__)
  if constexpr (kIsAvx2<Arch>) return _mm256_fmsub_pd(a, b, product);
#elif defined(__aarch64__)
  return vfmaq_f64(vnegq_f64(product), a, b);
#endif
  using Value = xsimd::batch<double, Arch>;
  const Value splitter(0x1p27 + 1);
  const Value a_up = a * splitter, b_up = b * splitter;
  const Value a_high = a_up - (a_up - a), b_high = b_up - (b_up - b);
  const Value a_low = a - a_high, b_low = b - b_high;
  return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
}

/// Lanes of double from as many T, and back (rounded to nearest).
///
/// Intrinsics on every instruction set: g++ 12.2 -O2 vectorises the plain loops and then drops a conversion to float
/// and back as if it did nothing.
template <class Arch, class T>
inline xsimd::batch<double, Arch> load_as_double(const T* from) noexcept {
  if constexpr (std::is_same_v<T, double>) return xsimd::batch<double, Arch>::load_unaligned(from);
#ifdef __AVX512F__
  else if constexpr (kIsAvx512<Arch>)
    return _mm512_cvtps_pd(_mm256_loadu_ps(from));
#elif defined(__AVX2__)
  else if constexpr (kIsAvx2<Arch>)
    return _mm256_cvtps_pd(_mm_loadu_ps(from));
#endif
#ifdef __SSE2__
  else if constexpr (std::is_base_of_v<xsimd::sse2, Arch>)
    return _mm_cvtps_pd(_mm_castsi128_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
#endif
#ifdef __aarch64__
  else if constexpr (std::is_base_of_v<xsimd::neon, Arch>)
    return vcvt_f64_f32(vld1_f32(from));
#endif
}

template <class Arch, class T>
inline void store_from_double(T* to, xsimd::batch<double, Arch> value) noexcept {
  if constexpr (std::is_same_v<T, double>) value.store_unaligned(to);
#ifdef __AVX512F__
  else if constexpr (kIsAvx512<Arch>)
    _mm256_storeu_ps(to, _mm512_cvtpd_ps(value));
#elif defined(__AVX2__)
  else if constexpr (kIsAvx2<Arch>)
    _mm_storeu_ps(to, _mm256_cvtpd_ps(value));
#endif
#ifdef __SSE2__
  else if constexpr (std::is_base_of_v<xsimd::sse2, Arch>)
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_castps_si128(_mm_cvtpd_ps(value)));
#endif
#ifdef __aarch64__
  else if constexpr (std::is_base_of_v<xsimd::neon, Arch>)
    vst1_f32(to, vcvt_f32_f64(value));
#endif
}

/// The lower or upper half of float lanes as doubles, and both together again (rounded as the environment says).
#if defined(__AVX512F__) || defined(__AVX2__)
template <bool kUpper, class Arch>
inline xsimd::batch<double, Arch> half_as_double(xsimd::batch<float, Arch> value) noexcept {
#ifdef __AVX512F__
  return _mm512_cvtps_pd(_mm512_extractf32x8_ps(value, kUpper ? 1 : 0));
#else
  return _mm256_cvtps_pd(_mm256_extractf128_ps(value, kUpper ? 1 : 0));
#endif
}

template <class Arch>
inline xsimd::batch<float, Arch> halves_as_float(xsimd::batch<double, Arch> lower,
                                                 xsimd::batch<double, Arch> upper) noexcept {
#ifdef __AVX512F__
  return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(lower)), _mm512_cvtpd_ps(upper), 1);
#else
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(lower)), _mm256_cvtpd_ps(upper), 1);
#endif
}
#endif

/// The value as T holds it.
template <class T, class Arch>
inline xsimd::batch<double, Arch> rounded_to(xsimd::batch<double, Arch> value) noexcept {
  if constexpr (std::is_same_v<T, double>) {
    return value;
  } else {
    T lanes[xsimd::batch<double, Arch>::size];
    store_from_double<Arch>(lanes, value);
    return load_as_double<Arch>(lanes);
  }
}

/// Products of the lower halves of 64-bit lanes.
template <class Arch>
inline xsimd::batch<std::uint64_t, Arch> multiply_halves(xsimd::batch<std::uint64_t, Arch> a,
                                                         xsimd::batch<std::uint64_t, Arch> b) noexcept {
#ifdef __AVX512F__
  if constexpr (kIsAvx512<Arch>) return _mm512_mul_epu32(a, b);
#elif defined(__AVX2__)
  if constexpr (kIsAvx2<Arch>) return _mm256_mul_epu32(a, b);
#endif
#ifdef __SSE2__
  if constexpr (std::is_base_of_v<xsimd::sse2, Arch>) return _mm_mul_epu32(a, b);
#endif
#ifdef __aarch64__
  if constexpr (std::is_base_of_v<xsimd::neon, Arch>) return vmull_u32(vmovn_u64(a), vmovn_u64(b));
#endif
}

/// Within each 128 bits, the lower (upper) 64-bit lanes of a and b: a0 b0 a2 b2 ... and a1 b1 a3 b3 ...
template <bool kUpper, class Arch>
inline xsimd::batch<std::uint64_t, Arch> pair_halves(xsimd::batch<std::uint64_t, Arch> a,
                                                     xsimd::batch<std::uint64_t, Arch> b) noexcept {
#ifdef __AVX512F__
  if constexpr (kIsAvx512<Arch>) return kUpper ? _mm512_unpackhi_epi64(a, b) : _mm512_unpacklo_epi64(a, b);
#elif defined(__AVX2__)
  if constexpr (kIsAvx2<Arch>) return kUpper ? _mm256_unpackhi_epi64(a, b) : _mm256_unpacklo_epi64(a, b);
#endif
#ifdef __SSE2__
  if constexpr (std::is_base_of_v<xsimd::sse2, Arch>)
    return kUpper ? _mm_unpackhi_epi64(a, b) : _mm_unpacklo_epi64(a, b);
#endif
#ifdef __aarch64__
  if constexpr (std::is_base_of_v<xsimd::neon, Arch>) return kUpper ? vzip2q_u64(a, b) : vzip1q_u64(a, b);
#endif
}

}  // namespace udnn::kernels
