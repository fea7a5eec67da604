// kernels/simd.h: the door to xsimd and to intrinsics, with the primitives that xsimd 8.1 lacks.
// A kernel that needs an instruction of its own gets a primitive here, overloaded per Arch; its body stays one.
//
// Every function here is a template on Arch. One that is not would be compiled once per ISA file under a single name;
// the linker keeps one copy for all, and older CPUs die on it. tools/check_isa_symbols.sh looks for such names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <xsimd/xsimd.hpp>

#ifdef __aarch64__
// xsimd 8.1 divides floats, and takes their roots, by estimates and two steps of Newton's method, as a 32-bit ARM has
// to: wrong in the last bits, and NaN for x / inf. It rounds z - x * y, of which its exponential is made, twice. Later
// versions have these instructions themselves.
namespace xsimd::kernel {

template <>
inline batch<float, neon64> div<neon64>(batch<float, neon64> const& a, batch<float, neon64> const& b,
                                        requires_arch<neon>) noexcept {
  return vdivq_f32(a, b);
}
template <>
inline batch<float, neon64> sqrt<neon64>(batch<float, neon64> const& x, requires_arch<neon>) noexcept {
  return vsqrtq_f32(x);
}
template <>
inline batch<float, neon64> fnma(batch<float, neon64> const& x, batch<float, neon64> const& y,
                                 batch<float, neon64> const& z, requires_arch<generic>) noexcept {
  return vfmsq_f32(z, x, y);
}
template <>
inline batch<double, neon64> fnma(batch<double, neon64> const& x, batch<double, neon64> const& y,
                                  batch<double, neon64> const& z, requires_arch<generic>) noexcept {
  return vfmsq_f64(z, x, y);
}

}  // namespace xsimd::kernel
#endif

namespace udnn::kernels {

/// The Arch that every CPU of this kind has.
#ifdef __aarch64__
using Baseline = xsimd::neon64;
#else
using Baseline = xsimd::sse2;
#endif

/// Whether multiply_add rounds once.
template <class Arch>
inline constexpr bool kFuses =
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    true;
#else
    false;
#endif

/// a * b + c, rounded once where the instruction set has FMA. (xsimd::fma of 8.1 multiplies and adds on AVX-512;
/// another name, because ADL would find both.)
template <class T, class Arch>
inline xsimd::batch<T, Arch> multiply_add(xsimd::batch<T, Arch> a, xsimd::batch<T, Arch> b,
                                          xsimd::batch<T, Arch> c) noexcept {
#ifdef __AVX512F__
  if constexpr (std::is_base_of_v<xsimd::avx512f, Arch>) {
    if constexpr (std::is_same_v<T, float>)
      return _mm512_fmadd_ps(a, b, c);
    else
      return _mm512_fmadd_pd(a, b, c);
  }
#endif
  return xsimd::fma(a, b, c);
}

/// The first `count` lanes of a vector of float, double or int32, 1 .. all: how rows end. load() gives zeros in the
/// other lanes, store() leaves their memory alone; neither touches it. kIsFree: as fast as whole vectors, so that no
/// second loop is worth its code.
template <class T, class Arch>
class Part {
 public:
  using Vector = xsimd::batch<T, Arch>;
  static constexpr bool kIsFree = false;

  explicit Part(std::size_t count) noexcept : count_(count) {}

  Vector load(const T* from) const noexcept {
    alignas(Vector) T lanes[Vector::size] = {};
    for (std::size_t i = 0; i < count_; ++i) lanes[i] = from[i];
    return Vector::load_aligned(lanes);
  }
  void store(T* to, Vector value) const noexcept {
    alignas(Vector) T lanes[Vector::size];
    value.store_aligned(lanes);
    for (std::size_t i = 0; i < count_; ++i) to[i] = lanes[i];
  }

 private:
  std::size_t count_;
};

#ifdef __AVX2__
template <class T>
class Part<T, xsimd::fma3<xsimd::avx2>> {
 public:
  using Vector = xsimd::batch<T, xsimd::fma3<xsimd::avx2>>;
  static constexpr bool kIsFree = false;

  explicit Part(std::size_t count) noexcept : mask_(mask(static_cast<int>(count))) {}

  Vector load(const T* from) const noexcept {
    if constexpr (std::is_same_v<T, float>)
      return _mm256_maskload_ps(from, mask_);
    else if constexpr (std::is_same_v<T, double>)
      return _mm256_maskload_pd(from, mask_);
    else
      return _mm256_maskload_epi32(from, mask_);
  }
  void store(T* to, Vector value) const noexcept {
    if constexpr (std::is_same_v<T, float>)
      _mm256_maskstore_ps(to, mask_, value);
    else if constexpr (std::is_same_v<T, double>)
      _mm256_maskstore_pd(to, mask_, value);
    else
      _mm256_maskstore_epi32(to, mask_, value);
  }

 private:
  static __m256i mask(int count) noexcept {
    if constexpr (sizeof(T) == 4)
      return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    else
      return _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3));
  }

  __m256i mask_;
};
#endif

#ifdef __AVX512F__
template <class T>
class Part<T, xsimd::avx512bw> {
 public:
  using Vector = xsimd::batch<T, xsimd::avx512bw>;
  static constexpr bool kIsFree = true;

  explicit Part(std::size_t count) noexcept : mask_(static_cast<Mask>((1U << count) - 1U)) {}

  Vector load(const T* from) const noexcept {
    if constexpr (std::is_same_v<T, float>)
      return _mm512_maskz_loadu_ps(mask_, from);
    else if constexpr (std::is_same_v<T, double>)
      return _mm512_maskz_loadu_pd(mask_, from);
    else
      return _mm512_maskz_loadu_epi32(mask_, from);
  }
  void store(T* to, Vector value) const noexcept {
    if constexpr (std::is_same_v<T, float>)
      _mm512_mask_storeu_ps(to, mask_, value);
    else if constexpr (std::is_same_v<T, double>)
      _mm512_mask_storeu_pd(to, mask_, value);
    else
      _mm512_mask_storeu_epi32(to, mask_, value);
  }

 private:
  using Mask = std::conditional_t<sizeof(T) == 4, __mmask16, __mmask8>;
  Mask mask_;
};
#endif

#ifdef __aarch64__
// By halves, which wait for no store.
template <class T>
class Part<T, xsimd::neon64> {
 public:
  using Vector = xsimd::batch<T, xsimd::neon64>;
  static constexpr bool kIsFree = false;

  explicit Part(std::size_t count) noexcept : count_(count) {}

  Vector load(const T* from) const noexcept {
    if (count_ == Vector::size) return Vector::load_unaligned(from);
    std::uint64_t lower = 0, upper = 0;
    __builtin_memcpy(&lower, from, sizeof(T));
    if constexpr (sizeof(T) == 4) {
      if (count_ > 1) __builtin_memcpy(&lower, from, 8);
      if (count_ > 2) __builtin_memcpy(&upper, from + 2, 4);
    }
    return Vector(__builtin_bit_cast(Register, uint64x2_t{lower, upper}));
  }
  void store(T* to, Vector value) const noexcept {
    if (count_ == Vector::size) return value.store_unaligned(to);
    const auto halves = __builtin_bit_cast(uint64x2_t, static_cast<Register>(value));
    const std::uint64_t lower = halves[0], upper = halves[1];
    if (sizeof(T) == 8 || count_ > 1)
      __builtin_memcpy(to, &lower, 8);
    else
      __builtin_memcpy(to, &lower, sizeof(T));
    if constexpr (sizeof(T) == 4)
      if (count_ > 2) __builtin_memcpy(to + 2, &upper, 4);
  }

 private:
  using Register = typename Vector::register_type;
  std::size_t count_;
};
#endif

}  // namespace udnn::kernels
