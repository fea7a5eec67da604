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
template <class L, class Arch, AccumulatorMode kMode, bool kHasExponentsOfLanes>
struct RoundToFloat {
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

/// Codes times a power of two. NaN becomes 0.
template <class L, class Arch, AccumulatorMode kMode, bool kWraps>
struct RoundToFixed {
  using Vector = xsimd::batch<L, Arch>;

  explicit RoundToFixed(const AccumulatorGrid& grid) noexcept
      : steps(grid),
        unit(static_cast<L>(grid.unit)),
        inverse(static_cast<L>(grid.inverse)),
        lowest(static_cast<L>(grid.lowest)),
        highest(static_cast<L>(grid.highest)),
        modulus(static_cast<L>(grid.modulus)),
        may_underflow(grid.inverse < 1) {}

  template <class Odd>
  Vector operator()(const Odd& odd) const noexcept {
    const Vector x = odd.value(), zero(L{0});
    const Vector given = xsimd::select(are_numbers(x, x), x, zero), sign = given & Vector(L{-0.0});
    Vector code;
    if constexpr (kWraps) {
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

 private:
  /// What has underflowed is more than no step, where that is asked. It can where a step is larger than 1.
  Vector not_nothing(Vector in_steps, Vector magnitude) const noexcept {
    if (may_underflow) in_steps = xsimd::max(in_steps, xsimd::min(magnitude, Vector(kSmallestNormal<L>)));
    return in_steps;
  }

  AccumulatorSteps<L, Arch, kMode> steps;
  Vector unit, inverse, lowest, highest, modulus;
  bool may_underflow;
};

}  // namespace udnn::kernels
