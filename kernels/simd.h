// kernels/simd.h: the door to xsimd and to intrinsics, with the primitives that xsimd 8.1 lacks.
// A kernel that needs an instruction of its own gets a primitive here, overloaded per Arch; its body stays one.
//
// Every function here is a template on Arch. One that is not would be compiled once per ISA file under a single name;
// the linker keeps one copy for all, and older CPUs die on it. tools/check_isa_symbols.sh looks for such names.
#pragma once

#include <type_traits>

#include <xsimd/xsimd.hpp>

namespace udnn::kernels {

/// The Arch that every CPU of this kind has.
#ifdef __aarch64__
using Baseline = xsimd::neon64;
#else
using Baseline = xsimd::sse2;
#endif

/// a * b + c, rounded once where the instruction set has FMA. (xsimd 8.1 multiplies and adds on AVX-512.)
template <class Arch>
inline xsimd::batch<float, Arch> fma(xsimd::batch<float, Arch> a, xsimd::batch<float, Arch> b,
                                     xsimd::batch<float, Arch> c) noexcept {
#ifdef __AVX512F__
  if constexpr (std::is_base_of_v<xsimd::avx512f, Arch>) return _mm512_fmadd_ps(a, b, c);
#endif
  return xsimd::fma(a, b, c);
}

}  // namespace udnn::kernels
