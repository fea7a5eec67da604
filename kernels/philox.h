// kernels/philox.h: Philox4x32-10 for many counters at once (src/base/philox.h says what the counters mean).
//
// A 64-bit lane carries one 32-bit word of one block in its lower half; what gathers in the upper half is never read,
// because the multiplication takes lower halves. Ten rounds of
//
//   x0 x1 x2 x3  ->  high(x2 * kM1) ^ x1 ^ k0,   low(x2 * kM1),   high(x0 * kM0) ^ x3 ^ k1,   low(x0 * kM0);     k +=
//   kW
//
// Lane 2l holds block l of the vector and lane 2l + 1 block l + lanes / 2: pairing within 128 bits then leaves the
// words in order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/quantize_kernels.h"
#include "kernels/simd/rounding.h"

namespace udnn::kernels {

template <class Arch>
struct Philox {
  using Lanes = xsimd::batch<std::uint64_t, Arch>;
  static constexpr std::size_t kBlocks = Lanes::size;
  static_assert(16 % kBlocks == 0);

  static void run(const PhiloxKey& key, std::uint64_t first_block, std::size_t blocks, std::uint32_t* words) noexcept {
    alignas(Lanes) std::uint64_t offsets[kBlocks];
    for (std::size_t i = 0; i < kBlocks; ++i) offsets[i] = i / 2 + (i % 2) * (kBlocks / 2);
    const Lanes offset = Lanes::load_aligned(offsets);
    for (std::size_t block = 0; block < blocks; block += 2 * kBlocks) {
      two_vectors(key, offset + Lanes(first_block + block), words + 4 * block);
    }
  }

 private:
  // Two independent vectors, because each waits for its own multiplications.
  static void two_vectors(const PhiloxKey& key, Lanes block, std::uint32_t* words) noexcept {
    constexpr std::size_t kVectors = 2;
    const Lanes lower(0xffffffffU);
    const Lanes m0(0xD2511F53U), m1(0xCD9E8D57U);
    Lanes x0[kVectors], x1[kVectors], x2[kVectors], x3[kVectors];
#pragma GCC unroll 2
    for (std::size_t v = 0; v < kVectors; ++v) {
      x0[v] = block + Lanes(v * kBlocks);
      x1[v] = x0[v] >> 32;
      x2[v] = Lanes(std::uint64_t{key.step});
      x3[v] = Lanes(std::uint64_t{key.purpose_and_tensor});
    }
    std::uint32_t k0 = key.key[0], k1 = key.key[1];
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      const Lanes key0(std::uint64_t{k0}), key1(std::uint64_t{k1});
#pragma GCC unroll 2
      for (std::size_t v = 0; v < kVectors; ++v) {
        const Lanes product0 = multiply_halves(x0[v], m0), product1 = multiply_halves(x2[v], m1);
        x0[v] = (product1 >> 32) ^ x1[v] ^ key0;
        x1[v] = product1;
        x2[v] = (product0 >> 32) ^ x3[v] ^ key1;
        x3[v] = product0;
      }
      k0 += 0x9E3779B9U;
      k1 += 0xBB67AE85U;
    }
#pragma GCC unroll 2
    for (std::size_t v = 0; v < kVectors; ++v) {
      const Lanes first_two = (x0[v] & lower) | (x1[v] << 32), last_two = (x2[v] & lower) | (x3[v] << 32);
      auto* const to = words + v * kBlocks * 4;
      xsimd::bitwise_cast<xsimd::batch<std::uint32_t, Arch>>(pair_halves<false>(first_two, last_two))
          .store_unaligned(to);
      xsimd::bitwise_cast<xsimd::batch<std::uint32_t, Arch>>(pair_halves<true>(first_two, last_two))
          .store_unaligned(to + 2 * kBlocks);
    }
  }
};

}  // namespace udnn::kernels
