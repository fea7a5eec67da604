// kernels/simd/tile_unit.h: the instructions of a unit that multiplies whole tiles (Intel AMX).
//
// Eight registers hold a tile each, of up to 16 rows of 64 bytes. Row i of a tile of A holds 16 granules of one row of
// A; row g of a tile of B holds granule g of 16 columns; dot<C, A, B>() adds to each of 16 x 16 sums of 32 bits
//
//   s8, u8   the products of 16 granules of 4, exactly modulo 2^32
//   bf16     of 16 granules of 2: c = c + (even + odd), where even = fma(a[2g], b[2g], even) in order of g, from 0, and
//   odd
//            likewise of the others; each step rounds to nearest even, subnormal operands and results are zero,
//            whatever MXCSR says (19,200,000 of 19,200,000 sums on Granite Rapids, 2026; tests/block_kernel_test.cc)
//
// The registers belong to a thread, and their number is part of the instruction. The intrinsics of g++ 12 do not tell
// the compiler that memory is read or written; these do. Source: Intel 64 and IA-32 Architectures Software Developer's
// Manual, volume 1, chapter 18 (2024).
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/gemm_kernel.h"

namespace udnn::kernels {

/// AVX-512 with such a unit for bytes and bf16.
struct Amx {};

#ifdef __x86_64__
template <class Level>
struct TileUnit {
  static constexpr std::size_t kRows = 16, kBytes = 64;  ///< of a tile: rows, and bytes of each

  /// Registers 0 .. 5 get `rows` rows, 6 and 7 all 16. Every register becomes zero.
  static void configure(std::size_t rows) noexcept {
    struct alignas(64) {
      std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
      std::uint16_t row_bytes[16] = {};
      std::uint8_t rows[16] = {};
    } layout;
    for (std::size_t r = 0; r < 8; ++r) {
      layout.row_bytes[r] = kBytes;
      layout.rows[r] = static_cast<std::uint8_t>(r < 6 ? rows : kRows);
    }
    asm volatile("ldtilecfg %0" : : "m"(layout));
  }
  static void release() noexcept { asm volatile("tilerelease" : : : "memory"); }

  /// Rows `stride` bytes apart; 0 repeats one row.
  template <int kTile>
  static void load(const void* from, std::size_t stride) noexcept {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kTile>
  static void store(void* to, std::size_t stride) noexcept {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kTile>
  static void zero() noexcept {
    asm volatile("tilezero %%tmm%c0" : : "i"(kTile));
  }
  template <class P, int kC, int kA, int kB>
  static void dot() noexcept {
    if constexpr (std::is_same_v<P, Bf16DotProduct>)
      asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kC), "i"(kA), "i"(kB));
    else if constexpr (std::is_same_v<P, U8S8Product>)
      asm volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kC), "i"(kA), "i"(kB));
    else
      asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kC), "i"(kA), "i"(kB));
  }
};
#endif

}  // namespace udnn::kernels
