// kernels/simd/dot.h: what one multiply instruction of a matrix kernel takes and does, for each product and Arch.
//
//   Right right(b)      the granules of one vector of columns, as the instruction wants them
//   Left left(a)        one granule of a row of A, in every lane
//   Sum add(sum, l, r)  sum[j] += the granule of l times that of column j
//   Mode                lives while the loop runs: the floating-point state that the product is defined in
//   kAddedToA           ProductKernel::added_to_a, where it is not 0
//
// Without the empty assembly after it, g++ 12 keeps the sums of some of these instructions on the stack: half the
// speed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/gemm_kernel.h"
#include "kernels/simd.h"
#include "kernels/simd/odd_sum.h"
#include "kernels/simd/rounding.h"

namespace udnn::kernels {

/// Rows of B are filled up to whole vectors; else the last one is masked.
template <class P>
inline constexpr bool kBIsPadded = !std::is_same_v<typename P::B, typename P::C>;

/// Instruction sets that add multipliers to the vectors of an Arch. Their own names, because code compiled for them may
/// not be shared with those that have only the vectors.
struct AvxVnni {};
struct Avx512Vnni {};
struct Avx512Bf16 {};
struct NeonDot {};
struct NeonI8mm {};

template <class Level>
struct VectorsOf {
  using Arch = Level;
};
#ifdef __AVX2__
template <>
struct VectorsOf<AvxVnni> {
  using Arch = xsimd::fma3<xsimd::avx2>;
};
#endif
#ifdef __AVX512F__
template <>
struct VectorsOf<Avx512Vnni> {
  using Arch = xsimd::avx512bw;
};
template <>
struct VectorsOf<Avx512Bf16> {
  using Arch = xsimd::avx512bw;
};
#endif

#ifdef __aarch64__
template <>
struct VectorsOf<NeonDot> {
  using Arch = xsimd::neon64;
};
template <>
struct VectorsOf<NeonI8mm> {
  using Arch = xsimd::neon64;
};
#endif

struct NoMode {
  static constexpr bool kTellsTinyEarly = false;

  // Not trivial: a variable of it is not called unused.
  NoMode() noexcept {}  // NOLINT(modernize-use-equals-default)
};

template <class P, class Arch>
struct Dot;

template <class T, class Arch>
struct Dot<PlainProduct<T>, Arch> {
  using Mode = NoMode;
  using Right = xsimd::batch<T, Arch>;

  static Right left(const T* a) noexcept { return Right(*a); }
  static Right add(Right sum, Right left, Right right) noexcept { return multiply_add(left, right, sum); }
};

/// A 32-bit granule of A in every lane.
template <class Arch, class T>
inline xsimd::batch<std::uint32_t, Arch> broadcast_32(const T* a) noexcept {
  std::uint32_t granule;
  __builtin_memcpy(&granule, a, sizeof granule);
  return xsimd::batch<std::uint32_t, Arch>(granule);
}

#ifdef __aarch64__
template <>
struct Dot<Fp16Product, xsimd::neon64> {
  using Mode = NoMode;
  using Right = xsimd::batch<float, xsimd::neon64>;

  static Right right(const Fp16* b) noexcept { return vcvt_f32_f16(load_halves(b)); }
  static Right left(const float* a) noexcept { return Right(*a); }
  static Right add(Right sum, Right left, Right right) noexcept { return multiply_add(left, right, sum); }

  static float16x4_t load_halves(const Fp16* from) noexcept {
    return vreinterpret_f16_u16(vld1_u16(reinterpret_cast<const std::uint16_t*>(from)));
  }
};
#endif

#ifdef __F16C__
template <class Arch>
struct Dot<Fp16Product, Arch> {
  using Mode = NoMode;
  using Right = xsimd::batch<float, Arch>;

  static Right right(const Fp16* b) noexcept {
#ifdef __AVX512F__
    if constexpr (kIsAvx512<Arch>) return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(b)));
#endif
    if constexpr (Right::size == 8) return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b)));
  }
  static Right left(const float* a) noexcept { return Right(*a); }
  static Right add(Right sum, Right left, Right right) noexcept { return multiply_add(left, right, sum); }
};
#endif

/// Halves to floats, as many at a time as fit; by arithmetic where the instruction set has no conversion.
template <class Arch>
struct WidenFp16 {
  static void run(std::size_t count, const Fp16* from, float* to) noexcept {
    std::size_t i = 0;
#ifdef __F16C__
    for (; i + 8 <= count; i += 8)
      _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i))));
#elif defined(__aarch64__)
    for (; i + 4 <= count; i += 4) vst1q_f32(to + i, vcvt_f32_f16(Dot<Fp16Product, Arch>::load_halves(from + i)));
#endif
    for (; i < count; ++i) to[i] = one(from[i].bits);
  }

 private:
  // The exponent of a half, moved to that of a float, is wrong by a power of two, which a product mends for subnormals
  // as well. Infinity and NaN keep the largest exponent.
  static float one(std::uint32_t bits) noexcept {
    const std::uint32_t magnitude = (bits & 0x7fffU) << 13U, sign = (bits & 0x8000U) << 16U;
    const bool is_finite = (bits & 0x7c00U) != 0x7c00U;
    const float value = __builtin_bit_cast(float, is_finite ? magnitude : magnitude | 0x7f800000U);
    return __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, is_finite ? value * 0x1p112F : value) | sign);
  }
};

/// Subnormal operands and results are zero while it lives. Which results are: x86 asks after rounding to 24 significant
/// bits with any exponent, AArch64 before. So from 2^-126 - 2^-151 to 2^-126 the one has 2^-126 and the other 0; but
/// AArch64 says afterwards that something became 0, and then Gemm computes it once more.
#ifdef __x86_64__
template <class Arch>
class SubnormalsAreZero {
 public:
  static constexpr bool kTellsTinyEarly = false;

  SubnormalsAreZero() noexcept : before_(__builtin_ia32_stmxcsr()) { __builtin_ia32_ldmxcsr(before_ | 0x8040U); }
  ~SubnormalsAreZero() { __builtin_ia32_ldmxcsr(before_); }
  SubnormalsAreZero(const SubnormalsAreZero&) = delete;
  SubnormalsAreZero& operator=(const SubnormalsAreZero&) = delete;

 private:
  unsigned before_;
};
#else
template <class Arch>
class SubnormalsAreZero {
 public:
  static constexpr bool kTellsTinyEarly = true;

  // (Arm Architecture Reference Manual for A-profile, FPCR and FPSR.)
  SubnormalsAreZero() noexcept {
    asm volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(control_), "=r"(status_));
    asm volatile("msr fpcr, %0" : : "r"(control_ | kFlushToZero) : "memory");
    forget();
  }
  ~SubnormalsAreZero() { asm volatile("msr fpcr, %0\n\tmsr fpsr, %1" : : "r"(control_), "r"(status_) : "memory"); }
  SubnormalsAreZero(const SubnormalsAreZero&) = delete;
  SubnormalsAreZero& operator=(const SubnormalsAreZero&) = delete;

  /// Whether a result became zero since the last call, once all `sums` are there.
  template <class Sum, std::size_t kRows, std::size_t kVectors>
  bool flushed(const Sum (&sums)[kRows][kVectors]) const noexcept {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < kRows; ++i)
#pragma GCC unroll 16
      for (std::size_t v = 0; v < kVectors; ++v)
        asm volatile("" : : "w"(static_cast<typename Sum::register_type>(sums[i][v])));
    std::uint64_t status;
    asm volatile("mrs %0, fpsr" : "=r"(status));
    if ((status & kUnderflow) == 0) return false;
    forget();
    return true;
  }

 private:
  static constexpr std::uint64_t kFlushToZero = 1U << 24U, kUnderflow = 1U << 3U;

  void forget() const noexcept { asm volatile("msr fpsr, %0" : : "r"(status_ & ~kUnderflow) : "memory"); }

  std::uint64_t control_, status_;
};
#endif

template <class Arch>
struct Dot<Bf16Product, Arch> {
  using Mode = SubnormalsAreZero<Arch>;
  using Vector = xsimd::batch<float, Arch>;
  using Bits = xsimd::batch<std::uint32_t, Arch>;
  struct Right {
    Vector first, second;
  };

  static Right right(const Bf16* b) noexcept {
    const Bits pairs = Bits::load_unaligned(reinterpret_cast<const std::uint32_t*>(b));
    return {as_value<float>(pairs << 16), as_value<float>(pairs & Bits(0xffff0000U))};
  }
  static Right left(const float* a) noexcept { return {Vector(a[0]), Vector(a[1])}; }
  static Vector add(Vector sum, const Right& left, const Right& right) noexcept {
    return multiply_add(left.first, right.first, multiply_add(left.second, right.second, sum));
  }

#ifdef __aarch64__
  /// The same for one column, by arithmetic that tells after rounding what is tiny, while Mode lives. A product of two
  /// bf16 is exact in double; its sum, rounded to odd, lies where the exact one does.
  static float add_one(float sum, const float* a, const Bf16* b) noexcept {
    for (std::size_t q = 2; q-- > 0;) {
      const float right = __builtin_bit_cast(float, std::uint32_t{b[q].bits} << 16U);
      const double product = double{a[q]} * double{right};
      const xsimd::batch<double, Arch> odd =
          odd_sum(xsimd::batch<double, Arch>(product), xsimd::batch<double, Arch>(double{sum}));
      const double exact = odd.get(0), size = exact < 0 ? -exact : exact;
      const double least = size < 0x1p-126 - 0x1p-151 ? 0 : 0x1p-126;
      sum = static_cast<float>(size < 0x1p-126 ? __builtin_copysign(least, exact) : exact);
    }
    return sum;
  }
#endif
};

#ifdef __aarch64__
// The first elements of the pairs of four columns in the lower half of a vector, the second ones in the upper half:
// each half is multiplied with one element of A and added to the sums, which is all in 32 bits.
template <>
struct Dot<S16Product, xsimd::neon64> {
  using Mode = NoMode;
  using Right = int16x8_t;
  using Sum = xsimd::batch<std::int32_t, xsimd::neon64>;

  static Right right(const std::int16_t* b) noexcept {
    constexpr uint8x16_t kFirstThenSecond = {0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15};
    return vreinterpretq_s16_u8(vqtbl1q_u8(vreinterpretq_u8_s16(vld1q_s16(b)), kFirstThenSecond));
  }
  static int16x4_t left(const std::int16_t* a) noexcept {
    std::uint32_t granule;
    __builtin_memcpy(&granule, a, sizeof granule);
    return vcreate_s16(granule);
  }
  static Sum add(Sum sum, int16x4_t left, Right right) noexcept {
    return vmlal_high_lane_s16(vmlal_lane_s16(sum, vget_low_s16(right), left, 0), right, left, 1);
  }
};
#else
template <class Arch>
struct Dot<S16Product, Arch> {
  using Mode = NoMode;
  using Sum = xsimd::batch<std::int32_t, Arch>;
  using Right = Sum;  // pairs of 16 bits

  static Right right(const std::int16_t* b) noexcept {
    return Sum::load_unaligned(reinterpret_cast<const std::int32_t*>(b));
  }
  static Right left(const std::int16_t* a) noexcept { return xsimd::bitwise_cast<Sum>(broadcast_32<Arch>(a)); }
  static Sum add(Sum sum, Right left, Right right) noexcept {
#ifdef __AVX512BW__
    if constexpr (kIsAvx512<Arch>) return _mm512_add_epi32(sum, _mm512_madd_epi16(left, right));
#endif
#ifdef __AVX2__
    if constexpr (Sum::size == 8) return _mm256_add_epi32(sum, _mm256_madd_epi16(left, right));
#endif
    if constexpr (Sum::size == 4) return _mm_add_epi32(sum, _mm_madd_epi16(left, right));
  }
};
#endif

// Four products of bytes: the sum in Right's lanes of 32 bits, exact but for its overflow.
#ifdef __AVXVNNI__
template <>
struct Dot<U8S8Product, AvxVnni> {
  using Mode = NoMode;
  using Right = __m256i;

  static Right right(const std::int8_t* b) noexcept { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b)); }
  static Right left(const std::uint8_t* a) noexcept { return broadcast_32<VectorsOf<AvxVnni>::Arch>(a); }
  static Right add(Right sum, Right left, Right right) noexcept {
    Right more = _mm256_dpbusd_avx_epi32(sum, left, right);
    asm("" : "+x"(more));
    return more;
  }
};
#endif

#ifdef __AVX512VNNI__
template <>
struct Dot<U8S8Product, Avx512Vnni> {
  using Mode = NoMode;
  using Right = __m512i;

  static Right right(const std::int8_t* b) noexcept { return _mm512_loadu_si512(b); }
  static Right left(const std::uint8_t* a) noexcept { return broadcast_32<xsimd::avx512bw>(a); }
  static Right add(Right sum, Right left, Right right) noexcept {
    Right more = _mm512_dpbusd_epi32(sum, left, right);
    asm("" : "+v"(more));
    return more;
  }
};
#endif

/// The same with 128 added to A: its sign bits are turned.
template <class Level>
struct Dot<S8S8Product, Level> : Dot<U8S8Product, Level> {
  using Arch = typename VectorsOf<Level>::Arch;
  static constexpr int kAddedToA = 128;

  static auto left(const std::int8_t* a) noexcept {
    const xsimd::batch<std::uint32_t, Arch> turned =
        broadcast_32<Arch>(a) ^ xsimd::batch<std::uint32_t, Arch>(0x80808080U);
    return static_cast<typename Dot<U8S8Product, Level>::Right>(turned);
  }
};

#ifdef __ARM_FEATURE_DOTPROD
template <>
struct Dot<S8S8Product, NeonDot> {
  using Mode = NoMode;
  using Right = int8x16_t;
  using Sum = xsimd::batch<std::int32_t, xsimd::neon64>;

  static Right right(const std::int8_t* b) noexcept { return vld1q_s8(b); }
  static int8x8_t left(const std::int8_t* a) noexcept {
    std::uint32_t granule;
    __builtin_memcpy(&granule, a, sizeof granule);
    return vcreate_s8(granule);
  }
  static Sum add(Sum sum, int8x8_t left, Right right) noexcept { return vdotq_lane_s32(sum, right, left, 0); }
};

/// The instruction is signed: 128 less in A.
template <>
struct Dot<U8S8Product, NeonDot> : Dot<S8S8Product, NeonDot> {
  static constexpr int kAddedToA = -128;

  static int8x8_t left(const std::uint8_t* a) noexcept {
    std::uint32_t granule;
    __builtin_memcpy(&granule, a, sizeof granule);
    return vcreate_s8(granule ^ 0x80808080U);
  }
};
#endif

#ifdef __ARM_FEATURE_MATMUL_INT8
template <>
struct Dot<U8S8Product, NeonI8mm> {
  using Mode = NoMode;
  using Right = int8x16_t;
  using Sum = xsimd::batch<std::int32_t, xsimd::neon64>;

  static Right right(const std::int8_t* b) noexcept { return vld1q_s8(b); }
  static uint8x8_t left(const std::uint8_t* a) noexcept {
    std::uint32_t granule;
    __builtin_memcpy(&granule, a, sizeof granule);
    return vcreate_u8(granule);
  }
  static Sum add(Sum sum, uint8x8_t left, Right right) noexcept { return vsudotq_lane_s32(sum, right, left, 0); }
};
#endif

#ifdef __AVX512BF16__
template <>
struct Dot<Bf16DotProduct, Avx512Bf16> {
  using Mode = NoMode;
  using Right = __m512bh;

  static Right right(const Bf16* b) noexcept { return reinterpret_cast<__m512bh>(_mm512_loadu_si512(b)); }
  static Right left(const Bf16* a) noexcept {
    return reinterpret_cast<__m512bh>(static_cast<__m512i>(broadcast_32<xsimd::avx512bw>(a)));
  }
  static __m512 add(__m512 sum, Right left, Right right) noexcept {
    __m512 more = _mm512_dpbf16_ps(sum, left, right);
    asm("" : "+v"(more));
    return more;
  }
};
#endif

}  // namespace udnn::kernels
