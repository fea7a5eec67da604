// src/base/philox.h: random numbers that belong to an element of a tensor, not to a thread, a tile or a moment.
//
//   key     = (seed low, seed high)
//   counter = (element / 4 low, element / 4 high, step, purpose << 24 | tensor)        element takes word (element mod
//   4)
//
// An accumulator that is rounded stochastically draws for each rounding of each sum, which is a number more than a
// counter has room for. So each product of a layer has a stream of its own:
//
//   key     = words 0 and 1 of the block (product, 0, step, kAccumulating << 24 | tensor) under the seed
//   counter = (element low, element high, rounding / D low, rounding / D high)
//
// product: ops::Product. element: index of the sum in the result. rounding: 0 is that of the bias, 1, 2, ... follow the
// products, or the chunks of them. D: a block has 4 draws of 32 bits, 8 of 16 or 16 of 8, whatever suffices for the K
// of srK; draw d is the upper part of word d / (D / 4) first.
//
// So any part of any tensor can be drawn by anybody, in any order, and nothing but the seed and the step needs to be
// saved. The layout is part of the model file's format. Source: J. Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace udnn::base {

enum class Purpose : std::uint8_t { kRounding, kShuffling, kInitialisation, kDropout, kAccumulating };

/// Philox4x32-10: ten rounds. Known answers: counter 0, key 0 gives 6627e8d5 e169c58d bc57ac4c 9b00dbd8.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) noexcept;

/// The words of one tensor at one step. A value, free to copy; holds no position.
class PhiloxStream {
 public:
  /// tensor < 2^24.
  PhiloxStream(std::uint64_t seed, std::uint32_t step, Purpose purpose, std::uint32_t tensor) noexcept;

  std::uint32_t word(std::uint64_t element) const noexcept;

  /// word * 2^-32: in [0, 1), exact.
  double uniform(std::uint64_t element) const noexcept;

  /// Mean 0, variance 1, by Box and Muller. Elements 2p and 2p + 1 share two words, u of the even and v of the odd one:
  ///
  ///   radius = sqrt(-2 log((u + 1/2) 2^-32)),   angle = 2 pi v 2^-32;    even: radius cos(angle),   odd: radius
  ///   sin(angle)
  ///
  /// |normal| < 6.7. log, sin and cos are this file's own (within 2^-48 of the true ones), of +, -, *, / alone, so that
  /// every machine draws the same bits.
  double normal(std::uint64_t element) const noexcept;

 private:
  std::array<std::uint32_t, 2> key_;
  std::uint32_t step_;
  std::uint32_t purpose_and_tensor_;
};

/// Fisher and Yates from the end, with words of (seed, step = epoch, kShuffling, tensor 0):
/// for i = n - 1 .. 1: j = (word(i) * (i + 1)) >> 32, swap i and j. n <= 2^32.
void shuffle(std::span<std::uint32_t> values, std::uint64_t seed, std::uint32_t epoch) noexcept;

}  // namespace udnn::base
