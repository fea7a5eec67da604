// kernels/philox.h: Philox4x32-10 for many counters at once (src/base/philox.h says what the counters mean).
//
// A 64-bit lane carries one 32-bit word of one block in its lower half; what gathers in the upper half is never read,
// because the multiplication takes lower halves. Ten rounds of
//
//   x0 x1 x2 x3  ->  high(x2 * kM1) ^ x1 ^ k0,   low(x2 * kM1),   high(x0 * kM0) ^ x3 ^ k1,   low(x0 * kM0);     k +=
//   kW
//
// All blocks of a run share x1, x2 and x3, and so in round 1 all but high(x0 * kM0) and low(x0 * kM0), in round 2 all
// but x2 * kM1: the rest is computed once, as scalars.
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

  static constexpr std::uint64_t kM0 = 0xD2511F53U, kM1 = 0xCD9E8D57U;
  static constexpr std::uint32_t kW0 = 0x9E3779B9U, kW1 = 0xBB67AE85U;
  static constexpr std::size_t kRounds = 10;

  /// One round of kVectors vectors of blocks.
  template <std::size_t kVectors>
  static void round(Lanes (&x0)[kVectors], Lanes (&x1)[kVectors], Lanes (&x2)[kVectors], Lanes (&x3)[kVectors],
                    Lanes key0, Lanes key1) noexcept {
    const Lanes m0(kM0), m1(kM1);
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) {
      const Lanes product0 = multiply_halves(x0[v], m0), product1 = multiply_halves(x2[v], m1);
      x0[v] = (product1 >> 32) ^ (x1[v] ^ key0);
      x1[v] = product1;
      x2[v] = (product0 >> 32) ^ (x3[v] ^ key1);
      x3[v] = product0;
    }
  }

  static void run(const PhiloxKey& key, std::uint64_t first_block, std::size_t blocks, std::uint32_t* words) noexcept {
    // As far as the upper half of the block's number is one for all.
    while (blocks > 0) {
      const std::uint64_t alike = (std::uint64_t{1} << 32) - (first_block & 0xffffffffU);
      const std::size_t count = blocks < alike ? blocks : static_cast<std::size_t>(alike);
      run_alike(key, first_block, count, words);
      first_block += count;
      words += 4 * count;
      blocks -= count;
    }
  }

 private:
  // Vectors at a time. Each waits for its own multiplications, 7 cycles a round, and few of the next ones fit into the
  // window of the CPU meanwhile; so more are faster, even where registers go to the stack (cycles for 16 words with 2,
  // 4, 6, 8 and 10: AVX-512 13.9, 11.1, 9.8, 9.8, 11.4, AVX2 38, 31, 27, 25, 28; four operations a cycle would be 7.3
  // and 19). No gain: shuffles instead of shifts (AVX2 37 with 4), keys as whole vectors (31 with 4), two groups half
  // the rounds apart (28). Zen 5, 2026-11.
  static constexpr std::size_t kMany = kManyRegisters<Arch> ? 6 : 8;

  // What the first two rounds do with words that are the same for all blocks, and the keys of the others. In memory,
  // from where a vector of equal lanes costs no more than a load.
  struct Schedule {
    std::uint64_t key1;    // x2 of round 1 = high(x0 * kM0) ^ this
    std::uint64_t x0, x2;  // of round 2 = high(x2 * kM1) ^ x0,   low(x0 * kM0 of round 1) ^ x2
    std::uint64_t x3;      // of round 2
    std::uint64_t keys[2 * kRounds];

    Schedule(const PhiloxKey& key, std::uint64_t block_high) noexcept {
      std::uint32_t k0 = key.key[0], k1 = key.key[1];
      for (std::size_t round = 0; round < kRounds; ++round) {
        keys[2 * round] = k0;
        keys[2 * round + 1] = k1;
        k0 += kW0;
        k1 += kW1;
      }
      const std::uint64_t first = std::uint64_t{key.step} * kM1;
      const std::uint64_t second = ((first >> 32) ^ block_high ^ keys[0]) * kM0;
      key1 = key.purpose_and_tensor ^ keys[1];
      x0 = (first & 0xffffffffU) ^ keys[2];
      x2 = (second >> 32) ^ keys[3];
      x3 = second & 0xffffffffU;
    }
  };

  static void run_alike(const PhiloxKey& key, std::uint64_t first_block, std::size_t blocks,
                        std::uint32_t* words) noexcept {
    alignas(Lanes) std::uint64_t offsets[kBlocks];
    for (std::size_t i = 0; i < kBlocks; ++i) offsets[i] = i / 2 + (i % 2) * (kBlocks / 2);
    const Lanes offset = Lanes::load_aligned(offsets);
    const Schedule schedule(key, first_block >> 32);
    std::size_t block = 0;
    for (; block + kMany * kBlocks <= blocks; block += kMany * kBlocks)
      vectors<kMany>(schedule, offset + Lanes(first_block + block), words + 4 * block);
    for (; block < blocks; block += 2 * kBlocks)
      vectors<2>(schedule, offset + Lanes(first_block + block), words + 4 * block);
  }

  template <std::size_t kVectors>
  static void vectors(const Schedule& schedule, Lanes block, std::uint32_t* words) noexcept {
    const Lanes lower(0xffffffffU);
    const Lanes m0(kM0), m1(kM1);
    Lanes x0[kVectors], x1[kVectors], x2[kVectors], x3[kVectors];
    const Lanes high0(schedule.x0), low3(schedule.x3);
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectors; ++v) {
      const Lanes product0 = multiply_halves(block + Lanes(v * kBlocks), m0);
      const Lanes product1 = multiply_halves((product0 >> 32) ^ Lanes(schedule.key1), m1);
      x0[v] = (product1 >> 32) ^ high0;
      x1[v] = product1;
      x2[v] = product0 ^ Lanes(schedule.x2);
      x3[v] = low3;
    }
#pragma GCC unroll 10
    for (std::size_t i = 2; i < kRounds; ++i)
      round(x0, x1, x2, x3, Lanes(schedule.keys[2 * i]), Lanes(schedule.keys[2 * i + 1]));
#pragma GCC unroll 8
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
