// kernels/simd.h: the door to xsimd and to intrinsics, with the primitives that xsimd 8.1 lacks.
// A kernel that needs an instruction of its own gets a primitive here, overloaded per Arch; its body stays one.
//
// Every function here is a template on Arch. One that is not would be compiled once per ISA file under a single name;
// the linker keeps one copy for all, and older CPUs die on it. tools/check_isa_symbols.sh looks for such names.
#pragma once

#include <cstddef>
#include <type_traits>

#include <xsimd/xsimd.hpp>

namespace udnn::kernels {

/// The Arch that every CPU of this kind has.
#ifdef __aarch64__
using Baseline = xsimd::neon64;
#else
using Baseline = xsimd::sse2;
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

}  // namespace udnn::kernels
