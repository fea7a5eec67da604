// kernels/accumulate_stochastic.h: one stochastic rounding of an accumulator, and the draws for many of them.
//
// It is given sums rounded toward zero to lanes that hold K bits below the last one of the format: the first K dropped
// bits are there, and all others count for nothing. Then random bits are added below, and what is below is cut off.
// (Rounded to odd the sum would not do: the last bit would claim a K-th dropped bit that is none.)
//
// The price, in times the plain product of floats (256^3, AVX-512 and AVX2; f6.5 to the nearest: 12 and 12):
//
//   e5m2:sr8   20 and 22      f6.5:sr16  26 and 30      f6.5:sr  57 and 62, in lanes of double
//
// Of the last about two thirds are Philox. After chunks of 16 e5m2:sr8 is 6 and 12, f6.5:sr after 64 4.5 and 6.5
// (perf/accumulate_bench, Zen 5, 2026-11).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/accumulate_kernels.h"
#include "kernels/accumulate_rounding.h"
#include "kernels/philox.h"
#include "kernels/simd/odd_sum.h"
#include "kernels/simd/rounding.h"

namespace udnn::kernels {

/// Floats. Below the smallest normal number all steps are one size, that of the sum with it; so it is added before and
/// taken off after.
template <class Lane, class Arch, bool kInEnvironment>
struct StochasticToFloat {
  using L = Lane;
  using Vector = xsimd::batch<L, Arch>;
  using Word = WordOf<L>;
  using Bits = xsimd::batch<Word, Arch>;
  static constexpr bool kDraws = true, kGivesUp = false;

  explicit StochasticToFloat(const AccumulatorGrid& grid) noexcept
      : dropped(std::numeric_limits<L>::digits - 1 - grid.mantissa_bits),
        kept(~((Word{1} << dropped) - 1)),
        smallest_normal(static_cast<L>(grid.smallest_normal)),
        largest(static_cast<L>(grid.largest)),
        over(static_cast<L>(grid.over[0])),
        flushes(grid.flushes) {}

  /// What is added to the bits below; word: the draw as its upper bits.
  Vector prepared(Bits word) const noexcept { return as_value<L>(word >> (8 * static_cast<int>(sizeof(L)) - dropped)); }

  Vector operator()(const LaneSum<L, Arch>& x, Vector draw) const noexcept {
    const Vector sign = x.sign(), magnitude = x.magnitude(), zero(L{0});
    const Vector lift = xsimd::select(magnitude < smallest_normal, smallest_normal, zero);
    const Bits bits = as_bits(add_toward_zero<kInEnvironment>(magnitude, lift)) + as_bits(draw);
    Vector rounded = xsimd::select(are_numbers(magnitude, magnitude), as_value<L>(bits & kept) - lift, magnitude);
    if (flushes) rounded = xsimd::select(rounded < smallest_normal, zero, rounded);
    return xsimd::select(rounded > largest, over, rounded) | sign;
  }

  int dropped;
  Bits kept;
  Vector smallest_normal, largest, over;
  bool flushes;
};

/// Codes times a power of two. NaN becomes 0. With w < 1 of K bits, floor(steps + w) sees no bit of the steps below
/// those K, nor does it when the sum is rounded toward zero first.
template <class Lane, class Arch, FixedEnd kEnd, bool kInEnvironment>
struct StochasticToFixed {
  using L = Lane;
  using Vector = xsimd::batch<L, Arch>;
  using Word = WordOf<L>;
  using Bits = xsimd::batch<Word, Arch>;
  static constexpr bool kDraws = true, kGivesUp = kEnd == FixedEnd::kWrapsNear;

  explicit StochasticToFixed(const AccumulatorGrid& grid) noexcept
      : unit(static_cast<L>(grid.unit)),
        inverse(static_cast<L>(grid.inverse)),
        lowest(static_cast<L>(grid.lowest)),
        highest(static_cast<L>(grid.highest)),
        modulus(static_cast<L>(grid.modulus)),
        near(grid) {}

  /// The draw as a number in [0, 1).
  Vector prepared(Bits word) const noexcept {
    const Vector one(L{1});
    return as_value<L>((word >> (8 * static_cast<int>(sizeof(L)) + 1 - std::numeric_limits<L>::digits)) |
                       as_bits(one)) -
           one;
  }

  Vector operator()(const LaneSum<L, Arch>& sum, Vector draw) noexcept {
    const Vector x = sum.value(), zero(L{0});
    const auto rounded = [draw](Vector steps) noexcept {
      return whole_part(add_toward_zero<kInEnvironment>(steps, draw));
    };
    if constexpr (kEnd == FixedEnd::kWrapsNear) {
      const Vector steps = x * inverse;
      return near.wrapped(rounded(magnitude_of(steps)) | (steps & Vector(L{-0.0}))) * unit;
    }
    const Vector given = xsimd::select(are_numbers(x, x), x, zero), sign = given & Vector(L{-0.0});
    const Vector steps = magnitude_of(given * inverse);
    Vector code;
    if constexpr (kEnd == FixedEnd::kWraps) {
      code = rounded(low_codes(steps, modulus)) | sign;
      code = code + xsimd::select(code > highest, -modulus, xsimd::select(code < lowest, modulus, zero));
    } else {
      code = xsimd::min(xsimd::max(rounded(xsimd::min(steps, modulus)) | sign, lowest), highest);
    }
    return (code + zero) * unit;  // + 0: no code is -0
  }

  bool gave_up() const noexcept { return near.gave_up(); }

  Vector unit, inverse, lowest, highest, modulus;
  NearCodes<L, Arch> near;
};

/// Draws for kVectors vectors of L, one after another. Each lane is an element and has blocks of its own, so nothing
/// moves across lanes: 64-bit lanes of Philox hold the elements of a vector of doubles, or the even and the odd ones of
/// a vector of floats.
template <class L, class Arch, std::size_t kVectors>
class AccumulatorDraws {
 public:
  using Vector = xsimd::batch<L, Arch>;
  using Bits = xsimd::batch<WordOf<L>, Arch>;

  /// elements: those of the first lanes. rounding: the first that next() goes to.
  AccumulatorDraws(const AccumulatorDraw& draw, int random_bits, std::uint64_t rounding,
                   const std::uint64_t (&elements)[kVectors]) noexcept
      : next_(rounding),
        parts_of_word_(random_bits <= 8    ? 4
                       : random_bits <= 16 ? 2
                                           : 1),
        mask_(~WordOf<L>{0} << (8 * static_cast<int>(sizeof(L)) - random_bits)) {
    for (std::size_t v = 0; v < kVectors; ++v) elements_[v] = elements[v];
    std::uint32_t k0 = draw.key[0], k1 = draw.key[1];
    for (std::size_t i = 0; i < Generator::kRounds; ++i, k0 += Generator::kW0, k1 += Generator::kW1) {
      keys_[2 * i] = k0;
      keys_[2 * i + 1] = k1;
    }
  }

  /// To the draws of the next rounding, as round.prepared() makes them.
  template <class Round>
  void next(const Round& round) noexcept {
    const std::size_t in_block = 4 * parts_of_word_;  // a power of two
    at_ = static_cast<std::size_t>(next_) & (in_block - 1);
    if (at_ == 0 || !has_block_) fill(round, next_ / in_block);
    ++next_;
  }

  Vector of(std::size_t vector) const noexcept {
    return Vector::load_aligned(draws_ + (at_ * kVectors + vector) * Vector::size);
  }

 private:
  using Generator = Philox<Arch>;
  using Lanes = typename Generator::Lanes;
  static constexpr std::size_t kParts = sizeof(std::uint64_t) / sizeof(L);  // vectors of 64-bit lanes for one of L
  // 64-bit vectors at a time: 4 where their 16 words stay in registers, else more than do, as in philox.h (f6.5:sr at
  // 256^3 in double, times the plain product, with 2, 4 and 8: AVX-512 29, 26 and 31, AVX2 33, 31 and 28.5; Zen 5,
  // 2026-11).
  static constexpr std::size_t kMany = kManyRegisters<Arch> ? 4 : 8;
  static constexpr std::size_t kTogether = (kVectors * kParts < kMany ? kVectors * kParts : kMany) / kParts;
  static constexpr std::size_t kMostDraws = 16;
  static_assert(kVectors % kTogether == 0);

  template <class Round>
  [[gnu::noinline]] void fill(const Round& round, std::uint64_t block) noexcept {
    has_block_ = true;
    alignas(Vector) WordOf<L> words[4 * kVectors * Vector::size];
    for (std::size_t v = 0; v < kVectors; v += kTogether) draw_words(block, v, words + v * Vector::size);

    const int width = 32 / static_cast<int>(parts_of_word_);
    L* to = draws_;
    for (std::size_t number = 0; number < 4; ++number)
      for (std::size_t part = 0; part < parts_of_word_; ++part, to += kVectors * Vector::size) {
        const int shift = width * static_cast<int>(part);
#pragma GCC unroll 8
        for (std::size_t v = 0; v < kVectors; ++v) {
          const Bits word = Bits::load_aligned(words + (number * kVectors + v) * Vector::size);
          round.prepared((word << shift) & Bits(mask_)).store_aligned(to + v * Vector::size);
        }
      }
  }

  /// The four words of kTogether vectors, as the upper 32 bits of lanes: word n of vector v at words[(n * kVectors + v)
  /// * lanes].
  void draw_words(std::uint64_t block, std::size_t first, WordOf<L>* words) const noexcept {
    constexpr std::size_t kAll = kTogether * kParts;
    alignas(Lanes) std::uint64_t offsets[Lanes::size];
    for (std::size_t i = 0; i < Lanes::size; ++i) offsets[i] = kParts * i;
    const Lanes offset = Lanes::load_aligned(offsets);

    // The first round: x2 and x3 are the same for all.
    const std::uint64_t product1 = (block & 0xffffffffU) * Generator::kM1;
    const Lanes high0((product1 >> 32) ^ keys_[0]), low1(product1), high2((block >> 32) ^ keys_[1]), m0(Generator::kM0);
    Lanes x0[kAll], x1[kAll], x2[kAll], x3[kAll];
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kAll; ++v) {
      const Lanes element = Lanes(elements_[first + v / kParts] + v % kParts) + offset;
      const Lanes product0 = multiply_halves(element, m0);
      x0[v] = (element >> 32) ^ high0;
      x1[v] = low1;
      x2[v] = (product0 >> 32) ^ high2;
      x3[v] = product0;
    }
#pragma GCC unroll 10
    for (std::size_t i = 1; i < Generator::kRounds; ++i)
      Generator::round(x0, x1, x2, x3, Lanes(keys_[2 * i]), Lanes(keys_[2 * i + 1]));
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kTogether; ++v) {
      word(x0 + v * kParts).store_aligned(words + v * Vector::size);
      word(x1 + v * kParts).store_aligned(words + (kVectors + v) * Vector::size);
      word(x2 + v * kParts).store_aligned(words + (2 * kVectors + v) * Vector::size);
      word(x3 + v * kParts).store_aligned(words + (3 * kVectors + v) * Vector::size);
    }
  }

  /// The lower halves of one or two vectors as the upper 32 bits of lanes of L.
  static Bits word(const Lanes* parts) noexcept {
    if constexpr (kParts == 1)
      return parts[0] << 32;
    else
      return xsimd::bitwise_cast<Bits>((parts[0] & Lanes(0xffffffffU)) | (parts[1] << 32));
  }

  std::uint64_t keys_[2 * Generator::kRounds];  // whence a vector of equal lanes costs no more than a load
  std::uint64_t elements_[kVectors];
  std::uint64_t next_;
  std::size_t at_ = 0;
  std::size_t parts_of_word_;
  WordOf<L> mask_;
  bool has_block_ = false;
  alignas(Vector) L draws_[kMostDraws * kVectors * Vector::size];
};

}  // namespace udnn::kernels
