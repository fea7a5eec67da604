// kernels/simd/odd_sum.h: sums and products that are rounded to odd, so that rounding them again is harmless, or toward
// zero, so that cutting them again is.
//
// Rounding to odd: an exact value stays; any other becomes that neighbour whose last bit is 1. The last bit then says
// "there is more", and rounding on to a format of at least two bits less gives what rounding the exact value would
// give, in every mode (S. Boldo, G. Melquiond, "Emulation of FMA and correctly rounded sums", IEEE TC 57(4), 2008).
//
// Zeros have the sign of nearest-even arithmetic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/simd/rounding.h"

namespace udnn::kernels {

/// How a sum is rounded to odd: from the neighbours of the exact value, one rounded up and one down, where instructions
/// name their direction or the environment gives one; else from the error of the nearest.
enum class OddFrom : unsigned char { kInstructions, kEnvironment, kErrors };

template <class Arch>
inline constexpr OddFrom kOddFrom =
#ifdef __AVX512F__
    kIsAvx512<Arch> ? OddFrom::kInstructions : OddFrom::kErrors;
#elif defined(__AVX2__)
    kIsAvx2<Arch> ? OddFrom::kEnvironment : OddFrom::kErrors;
#else
    OddFrom::kErrors;
#endif

enum class Toward : unsigned char { kNearest, kPositive, kZero };

/// While it lives, operations that name no direction round in this one. What means to stands in a function that is not
/// inlined: compilers do not know that arithmetic depends on the environment.
template <class Arch, Toward kToward>
class Rounding;

/// A sum in a lane, of which a rounding takes the parts it needs.
template <class L, class Arch>
struct LaneSum {
  using Vector = xsimd::batch<L, Arch>;

  Vector value() const noexcept { return x; }
  Vector sign() const noexcept { return x & Vector(L{-0.0}); }
  Vector magnitude() const noexcept { return magnitude_of(x); }

  Vector x;
};

// Of two neighbours the bits of one are those of the other plus 1, so one of them is odd. (The largest finite value,
// below an overflow, is.) Where the exact value is a number there are not two. A zero has the sign of the upper one,
// that of nearest-even arithmetic.
#ifdef __AVX512F__
template <class Arch>
inline LaneSum<float, Arch> odd_of(xsimd::batch<float, Arch> up, xsimd::batch<float, Arch> down) noexcept {
  return {_mm512_mask_blend_ps(_mm512_test_epi32_mask(_mm512_castps_si512(down), _mm512_set1_epi32(1)), up, down)};
}

template <class Arch>
inline LaneSum<double, Arch> odd_of(xsimd::batch<double, Arch> up, xsimd::batch<double, Arch> down) noexcept {
  return {_mm512_mask_blend_pd(_mm512_test_epi64_mask(_mm512_castpd_si512(down), _mm512_set1_epi64(1)), up, down)};
}

/// a * b + c rounded to odd.
template <class T, class Arch>
inline LaneSum<T, Arch> odd_multiply_add(xsimd::batch<T, Arch> a, xsimd::batch<T, Arch> b,
                                         xsimd::batch<T, Arch> c) noexcept {
  constexpr int kUp = _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC, kDown = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
  if constexpr (std::is_same_v<T, float>)
    return odd_of<Arch>(xsimd::batch<T, Arch>(_mm512_fmadd_round_ps(a, b, c, kUp)),
                        xsimd::batch<T, Arch>(_mm512_fmadd_round_ps(a, b, c, kDown)));
  else
    return odd_of<Arch>(xsimd::batch<T, Arch>(_mm512_fmadd_round_pd(a, b, c, kUp)),
                        xsimd::batch<T, Arch>(_mm512_fmadd_round_pd(a, b, c, kDown)));
}

/// a + b rounded to odd.
template <class T, class Arch>
inline LaneSum<T, Arch> odd_add(xsimd::batch<T, Arch> a, xsimd::batch<T, Arch> b) noexcept {
  constexpr int kUp = _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC, kDown = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
  if constexpr (std::is_same_v<T, float>)
    return odd_of<Arch>(xsimd::batch<T, Arch>(_mm512_add_round_ps(a, b, kUp)),
                        xsimd::batch<T, Arch>(_mm512_add_round_ps(a, b, kDown)));
  else
    return odd_of<Arch>(xsimd::batch<T, Arch>(_mm512_add_round_pd(a, b, kUp)),
                        xsimd::batch<T, Arch>(_mm512_add_round_pd(a, b, kDown)));
}
#elif defined(__AVX2__)
template <class Arch, Toward kToward>
class Rounding {
 public:
  Rounding() noexcept : before_(_mm_getcsr()) { _mm_setcsr((before_ & ~unsigned{_MM_ROUND_MASK}) | kBits); }
  ~Rounding() { _mm_setcsr(before_); }
  Rounding(const Rounding&) = delete;
  Rounding& operator=(const Rounding&) = delete;

 private:
  static constexpr unsigned kBits = kToward == Toward::kNearest ? _MM_ROUND_NEAREST
                                    : kToward == Toward::kPositive ? _MM_ROUND_UP
                                                                   : _MM_ROUND_TOWARD_ZERO;
  unsigned before_;
};

/// Neighbours as rounding up gives them: of the exact value, and of its negative.
template <class L, class Arch>
struct OddOfNeighbours {
  using Vector = xsimd::batch<L, Arch>;

  Vector value() const noexcept { return odd_one(minus_down ^ Vector(L{-0.0})); }
  Vector sign() const noexcept { return up & Vector(L{-0.0}); }
  Vector magnitude() const noexcept { return magnitude_of(odd_one(minus_down)); }

  Vector up, minus_down;

 private:
  Vector odd_one(Vector down) const noexcept {
    if constexpr (std::is_same_v<L, float>)
      return _mm256_blendv_ps(up, down, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(minus_down), 31)));
    else
      return _mm256_blendv_pd(up, down, _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(minus_down), 63)));
  }
};

/// a * b + c rounded to odd, while rounding is upward.
template <class T, class Arch>
inline OddOfNeighbours<T, Arch> odd_multiply_add(xsimd::batch<T, Arch> a, xsimd::batch<T, Arch> b,
                                                 xsimd::batch<T, Arch> c) noexcept {
  if constexpr (std::is_same_v<T, float>)
    return {_mm256_fmadd_ps(a, b, c), _mm256_fnmsub_ps(a, b, c)};
  else
    return {_mm256_fmadd_pd(a, b, c), _mm256_fnmsub_pd(a, b, c)};
}

/// a + b rounded to odd, while rounding is upward.
template <class T, class Arch>
inline OddOfNeighbours<T, Arch> odd_add(xsimd::batch<T, Arch> a, xsimd::batch<T, Arch> b) noexcept {
  return odd_multiply_add(a, xsimd::batch<T, Arch>(T{1}), b);
}
#endif

/// a + b = sum + error exactly, sum rounded to nearest; the error of a sum that is not finite is NaN. (D. Knuth, "The
/// Art of Computer Programming" 2, section 4.2.2.)
template <class L, class Arch>
struct TwoSum {
  using Vector = xsimd::batch<L, Arch>;

  TwoSum(Vector a, Vector b) noexcept : sum(a + b) {
    const Vector b_in_sum = sum - a, a_in_sum = sum - b_in_sum;
    error = (a - a_in_sum) + (b - b_in_sum);
  }

  Vector sum, error;
};

/// The sum rounded to odd instead: one step back where the nearest lies beyond the exact value, then the last bit.
template <class L, class Arch>
inline xsimd::batch<L, Arch> odd_sum(xsimd::batch<L, Arch> a, xsimd::batch<L, Arch> b) noexcept {
  using Vector = xsimd::batch<L, Arch>;
  using Bits = xsimd::batch<WordOf<L>, Arch>;
  const TwoSum<L, Arch> two(a, b);
  const Vector zero(L{0}), last_bit = as_value<L>(Bits(WordOf<L>{1}));
  const auto has_more = (two.error < zero) | (two.error > zero);
  const Bits more = as_bits(xsimd::select(has_more, last_bit, zero));
  const Bits is_beyond = (as_bits(two.sum ^ two.error) >> (8 * static_cast<int>(sizeof(L)) - 1)) & more;
  return as_value<L>((as_bits(two.sum) - is_beyond) | more);
}

/// The sum rounded toward zero.
template <class L, class Arch>
inline xsimd::batch<L, Arch> cut_sum(xsimd::batch<L, Arch> a, xsimd::batch<L, Arch> b) noexcept {
  using Vector = xsimd::batch<L, Arch>;
  using Bits = xsimd::batch<WordOf<L>, Arch>;
  const TwoSum<L, Arch> two(a, b);
  const Vector zero(L{0}), last_bit = as_value<L>(Bits(WordOf<L>{1}));
  const Bits more = as_bits(xsimd::select((two.error < zero) | (two.error > zero), last_bit, zero));
  const Bits is_beyond = (as_bits(two.sum ^ two.error) >> (8 * static_cast<int>(sizeof(L)) - 1)) & more;
  return as_value<L>(as_bits(two.sum) - is_beyond);
}

/// a + b rounded toward zero. kInEnvironment: while Rounding<Arch, Toward::kZero> lives.
template <bool kInEnvironment, class L, class Arch>
inline xsimd::batch<L, Arch> add_toward_zero(xsimd::batch<L, Arch> a, xsimd::batch<L, Arch> b) noexcept {
#ifdef __AVX512F__
  constexpr int kCut = _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC;
  if constexpr (std::is_same_v<L, float>)
    return _mm512_add_round_ps(a, b, kCut);
  else
    return _mm512_add_round_pd(a, b, kCut);
#else
  if constexpr (kInEnvironment)
    return a + b;
  else
    return cut_sum(a, b);
#endif
}

/// a * b + c rounded toward zero, where the instruction or the environment can.
template <class L, class Arch>
inline xsimd::batch<L, Arch> multiply_add_toward_zero(xsimd::batch<L, Arch> a, xsimd::batch<L, Arch> b,
                                                      xsimd::batch<L, Arch> c) noexcept {
#ifdef __AVX512F__
  constexpr int kCut = _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC;
  if constexpr (std::is_same_v<L, float>)
    return _mm512_fmadd_round_ps(a, b, c, kCut);
  else
    return _mm512_fmadd_round_pd(a, b, c, kCut);
#else
  return multiply_add(a, b, c);
#endif
}

/// a * b = product + error exactly, for numbers whose product is finite; where it is below 2^-900 and not zero it is
/// replaced by 2^-900, and where it is at least 2^960 by that, without an error: an accumulator cannot tell, because
/// its smallest value is above 2^-570 and its largest below 2^520. What is infinite or NaN among a and b stays so.
template <class Arch>
struct ExactProduct {
  using Vector = xsimd::batch<double, Arch>;

  ExactProduct(Vector a, Vector b) noexcept {
    // Splitting, without FMA, wants magnitudes below 2^996: twice 2^300 goes from one factor to the other.
    const Vector big(0x1p600), less(0x1p-300), more(0x1p300), one(1.0);
    const auto a_is_big = magnitude_of(a) >= big, b_is_big = magnitude_of(b) >= big;
    const Vector to_a = xsimd::select(a_is_big, less, xsimd::select(b_is_big, more, one));
    const Vector to_b = xsimd::select(a_is_big, more, xsimd::select(b_is_big, less, one));
    product = a * b;
    error = product_error(a * to_a, b * to_b, product);

    const Vector zero(0.0), sign = (a ^ b) & Vector(-0.0), least(0x1p-900), most(0x1p960);
    const Vector magnitude = magnitude_of(product);
    const auto numbers = are_numbers(a * zero, b * zero);  // inf * 0 is NaN
    const auto is_tiny = (magnitude < least) & (magnitude_of(a) > zero) & (magnitude_of(b) > zero);
    const auto is_huge = (magnitude >= most) & numbers;
    product = xsimd::select(is_tiny, least | sign, xsimd::select(is_huge, most | sign, product));
    const auto has_error = are_numbers(error, error) & (magnitude < most) & (magnitude >= least);
    error = xsimd::select(has_error, error, Vector(-0.0));  // x + -0 is x, -0 too
  }

  Vector product, error;
};

/// a + b + c = high + low, high the nearest to a + (b + c rounded), low what is missing, rounded to odd. Then high +
/// low rounded, to nearest, to odd or toward zero, is the exact sum rounded so (Boldo and Melquiond, as above).
template <class Arch>
struct ThreeSum {
  using Vector = xsimd::batch<double, Arch>;

  ThreeSum(Vector a, Vector b, Vector c) noexcept {
    const TwoSum<double, Arch> small(c, b), large(a, small.sum);
    high = large.sum;
    const Vector rest = odd_sum(large.error, small.error);
    // Nothing is left, or the sum is not finite: `high` says it all.
    low = xsimd::select((rest < Vector(0.0)) | (rest > Vector(0.0)), rest, Vector(-0.0));
  }

  Vector high, low;
};

}  // namespace udnn::kernels
