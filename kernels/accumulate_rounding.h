// kernels/accumulate_rounding.h: one rounding of an accumulator, on lanes that stay in registers.
//
// It is given sums rounded to odd (simd/odd_sum.h): whatever is between two values of the format, or half way, or a
// little more, the lane says so. A magnitude is cut into whole steps of the grid, as in quantize.h:
//
//   power = the power of two below |x|, at least smallest_normal
//   |x| -> round(|x| * (2^M / power)) * (power * 2^-M)
//
// Every product and sum here is exact, and the rounding says itself in which direction: simd/odd_sum.h may have turned
// the environment to rounding up. (Adding 1.5 * power * 2^(23 - M) and taking it off again would be two operations
// shorter, but rounds as the environment does.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/accumulate_kernels.h"
#include "kernels/simd/odd_sum.h"
#include "kernels/simd/rounding.h"

namespace udnn::kernels {

/// Whole steps from a magnitude in steps, below 2^(digits - 1) or whole.
template <class L, class Arch, AccumulatorMode kMode>
struct AccumulatorSteps {
  using Vector = xsimd::batch<L, Arch>;

  explicit AccumulatorSteps(const AccumulatorGrid& grid) noexcept
      : turn{Vector(grid.steps_on[0] ? L{0} : L{-0.0}), Vector(grid.steps_on[1] ? L{0} : L{-0.0})} {}

  /// steps >= 0; sign: the sign bit of the value, and nothing else.
  Vector round(Vector steps, Vector sign) const noexcept {
    if constexpr (kMode == AccumulatorMode::kNearestEven) {
      return nearest_integer(steps);
    } else if constexpr (kMode == AccumulatorMode::kNearestAway) {
      // Half steps first: steps + 1/2 would itself be rounded.
      return whole_part((whole_part(steps + steps) + Vector(L{1})) * Vector(L{0.5}));
    } else if constexpr (kMode == AccumulatorMode::kDirected) {
      const Vector turned = by_sign(sign, turn[0], turn[1]);  // floor(s) = -ceil(-s)
      return integer_above(steps ^ turned) ^ turned;
    } else {
      const Vector below = whole_part(steps), half = below * Vector(L{0.5});
      return xsimd::select(whole_part(half) == half, integer_above(steps), below);
    }
  }

 private:
  Vector turn[2];
};

/// Floats. kHasExponentsOfLanes: as many exponent bits as L has, whose bits are then those of L but for the dropped
/// ones.
template <class Lane, class Arch, AccumulatorMode kMode, bool kHasExponentsOfLanes>
struct RoundToFloat {
  using L = Lane;
  using Vector = xsimd::batch<L, Arch>;
  using Word = WordOf<L>;
  using Bits = xsimd::batch<Word, Arch>;
  static constexpr int kMantissa = std::numeric_limits<L>::digits - 1;
  static constexpr Word kBias = std::numeric_limits<L>::max_exponent - 1;

  explicit RoundToFloat(const AccumulatorGrid& grid) noexcept
      : steps(grid),
        smallest_normal(static_cast<L>(grid.smallest_normal)),
        beyond(static_cast<L>(grid.beyond)),
        largest(static_cast<L>(grid.largest)),
        over{Vector(static_cast<L>(grid.over[0])), Vector(static_cast<L>(grid.over[1]))},
        mantissa_bits(grid.mantissa_bits),
        flushes(grid.flushes),
        to_step(static_cast<Word>(grid.mantissa_bits) << kMantissa),
        to_inverse((2 * kBias << kMantissa) + (static_cast<Word>(grid.mantissa_bits) << kMantissa)),
        dropped(kMantissa - grid.mantissa_bits),
        step(Word{1} << dropped),
        added{as_value<L>(Bits(grid.steps_on[0] ? step - 1 : 0)), as_value<L>(Bits(grid.steps_on[1] ? step - 1 : 0))} {}

  static constexpr bool kDraws = false, kGivesUp = false;

  template <class Odd>
  Vector operator()(const Odd& x) const noexcept {
    const Vector sign = x.sign(), magnitude = x.magnitude();
    Vector rounded;
    if constexpr (kHasExponentsOfLanes) {
      rounded = xsimd::select(are_numbers(magnitude, magnitude), cut(magnitude, sign), magnitude);
    } else {
      Vector power = xsimd::max(magnitude & Vector(kInfinity<L>), smallest_normal);
      if (mantissa_bits == 1) power = xsimd::min(power, beyond);  // its inverse, for infinity, would be 0
      const Bits bits = as_bits(power);
      rounded = steps.round(magnitude * as_value<L>(to_inverse - bits), sign) * as_value<L>(bits - to_step);
    }
    Vector above = over[0];
    if constexpr (kMode == AccumulatorMode::kDirected) above = by_sign(sign, over[0], over[1]);
    if (flushes) rounded = xsimd::select(rounded < smallest_normal, Vector(L{0}), rounded);
    return xsimd::select(rounded > largest, above, rounded) | sign;
  }

 private:
  Vector cut(Vector magnitude, [[maybe_unused]] Vector sign) const noexcept {
    const Bits bits = as_bits(magnitude), one(Word{1}), is_odd = (bits >> dropped) & one;
    Bits carry(step / 2);
    if constexpr (kMode == AccumulatorMode::kNearestEven)
      carry = is_odd + Bits(step / 2 - 1);
    else if constexpr (kMode == AccumulatorMode::kDirected)
      carry = as_bits(by_sign(sign, added[0], added[1]));
    else if constexpr (kMode == AccumulatorMode::kToOdd)
      carry = (Bits(Word{0}) - (is_odd ^ one)) & Bits(step - 1);
    return as_value<L>((bits + carry) & Bits(~(step - 1)));
  }

  AccumulatorSteps<L, Arch, kMode> steps;
  Vector smallest_normal, beyond, largest, over[2];
  int mantissa_bits;
  bool flushes;
  Bits to_step, to_inverse;
  int dropped;
  Word step;
  Vector added[2];
};

/// The magnitude in codes modulo 2^N, exactly; 0 for what is not finite.
template <class L, class Arch>
inline xsimd::batch<L, Arch> low_codes(xsimd::batch<L, Arch> magnitude, xsimd::batch<L, Arch> modulus) noexcept {
  using Vector = xsimd::batch<L, Arch>;
  const Vector turns = whole_part(magnitude * (Vector(L{1}) / modulus));
  return xsimd::select(magnitude <= Vector(kLargest<L>), magnitude - turns * modulus, Vector(L{0}));
}

/// What becomes of codes beyond the ends. kWrapsNear: they wrap as with kWraps, as long as they are not too far beyond;
/// then all is to be done again with kWraps.
enum class FixedEnd : unsigned char { kSaturates, kWraps, kWrapsNear };

/// Codes modulo 2^N in lanes where they are so small that the lane still has the two bits below them that rounding to
/// odd needs.
///
///   code + 2^(digits - 1) + 2^room [+ 2^(N-1), signed]     as bits: a constant, and the code in the last bits, of
///                                                           which the last N stay
///
/// Three operations, where the remainder of any number is nine.
template <class L, class Arch>
class NearCodes {
 public:
  using Vector = xsimd::batch<L, Arch>;
  using Word = WordOf<L>;
  using Bits = xsimd::batch<Word, Arch>;

  /// kStochastic wants its K bits below the code.
  explicit NearCodes(const AccumulatorGrid& grid) noexcept
      : room_(room(grid.random_bits)),
        low_bits_(static_cast<Word>(grid.modulus) - 1),
        shift_(middle() - static_cast<L>(grid.lowest)),
        middle_(as_bits(Vector(middle()))),
        far_(Word{0}) {}

  /// Whether sums up to 2^3 times as large as the codes are near.
  static bool can_hold(const AccumulatorGrid& grid) noexcept {
    const int digits = room(grid.random_bits);
    return digits > 0 && grid.modulus * 8 <= static_cast<double>(Word{1} << digits);
  }

  /// Of a whole number, or NaN.
  Vector wrapped(Vector code) noexcept {
    const Bits shifted = as_bits(code + shift_);
    far_ = far_ | (shifted ^ as_bits(Vector(kAllWhole<L>)));
    return as_value<L>((shifted & low_bits_) | middle_) - shift_;
  }

  /// Whether one of them was not near.
  bool gave_up() const noexcept {
    alignas(Bits) Word lanes[Bits::size];
    far_.store_aligned(lanes);
    Word any = 0;
    for (const Word lane : lanes) any |= lane;
    return any >> (room_ + 1) != 0;
  }

 private:
  // |code + 2^(N-1)| < 2^room
  static int room(int random_bits) noexcept {
    return std::numeric_limits<L>::digits - 1 - (random_bits > 2 ? random_bits : 2);
  }
  L middle() const noexcept { return kAllWhole<L> + static_cast<L>(Word{1} << room_); }

  int room_;
  Bits low_bits_;
  Vector shift_;
  Bits middle_, far_;
};

/// Codes times a power of two. NaN becomes 0.
template <class Lane, class Arch, AccumulatorMode kMode, FixedEnd kEnd>
struct RoundToFixed {
  using L = Lane;
  using Vector = xsimd::batch<L, Arch>;
  static constexpr bool kDraws = false, kGivesUp = kEnd == FixedEnd::kWrapsNear;

  explicit RoundToFixed(const AccumulatorGrid& grid) noexcept
      : steps(grid),
        unit(static_cast<L>(grid.unit)),
        inverse(static_cast<L>(grid.inverse)),
        lowest(static_cast<L>(grid.lowest)),
        highest(static_cast<L>(grid.highest)),
        modulus(static_cast<L>(grid.modulus)),
        may_underflow(grid.inverse < 1),
        near(grid) {}

  template <class Odd>
  Vector operator()(const Odd& odd) noexcept {
    const Vector x = odd.value(), zero(L{0});
    if constexpr (kEnd == FixedEnd::kWrapsNear) {
      if constexpr (kMode == AccumulatorMode::kNearestEven) {
        return near.wrapped(nearest_integer(x * inverse)) * unit;
      } else {
        const Vector sign = x & Vector(L{-0.0});
        const Vector magnitude = not_nothing(magnitude_of(x * inverse), magnitude_of(x));
        return near.wrapped(steps.round(magnitude, sign) | sign) * unit;
      }
    }
    const Vector given = xsimd::select(are_numbers(x, x), x, zero), sign = given & Vector(L{-0.0});
    Vector code;
    if constexpr (kEnd == FixedEnd::kWraps) {
      const Vector all = not_nothing(magnitude_of(given * inverse), magnitude_of(given));
      code = steps.round(low_codes(all, modulus), sign) | sign;
      code = code + xsimd::select(code > highest, -modulus, xsimd::select(code < lowest, modulus, zero));
    } else if constexpr (kMode == AccumulatorMode::kNearestEven) {
      code = nearest_integer(xsimd::min(xsimd::max(given * inverse, lowest), highest));
    } else {
      // The ends are codes, so what is cut to them stays; once more, because unsigned formats have no negative ones.
      const Vector magnitude = xsimd::min(not_nothing(magnitude_of(given * inverse), magnitude_of(given)), modulus);
      code = xsimd::min(xsimd::max(steps.round(magnitude, sign) | sign, lowest), highest);
    }
    return (code + zero) * unit;  // + 0: no code is -0
  }

  bool gave_up() const noexcept { return near.gave_up(); }

 private:
  /// What has underflowed is more than no step, where that is asked. It can where a step is larger than 1.
  Vector not_nothing(Vector in_steps, Vector magnitude) const noexcept {
    if (may_underflow) in_steps = xsimd::max(in_steps, xsimd::min(magnitude, Vector(kSmallestNormal<L>)));
    return in_steps;
  }

  AccumulatorSteps<L, Arch, kMode> steps;
  Vector unit, inverse, lowest, highest, modulus;
  bool may_underflow;
  NearCodes<L, Arch> near;
};

}  // namespace udnn::kernels
