// kernels/accumulate_rounding.h: one rounding of an accumulator, on lanes that stay in registers.
//
// Lanes hold sums rounded to odd (simd/odd_sum.h): whatever is between two values of the format, or half way, or a
// little more, the lane says so. quantize.h rounds arrays of given values; here a chain of hundreds of roundings waits
// for each result, so nearest-even has the shortest way there is:
//
//   power = the power of two below |x|, from smallest_normal to `beyond`        magic = 1.5 * power * 2^(23 - M)
//   (x + magic) - magic                                                         [52 for 23 in double]
//
// The last bit of x + magic is worth the step of the format at x, so the addition rounds, half a step to even, and the
// subtraction is exact. It wants |x| < 2 power <= magic / 3, that is M <= 21. Beyond the range it keeps more bits than
// it should; the result is replaced there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/accumulate_kernels.h"
#include "kernels/simd/rounding.h"

namespace udnn::kernels {

/// The step that a rest is worth: 0 or 1, where it begins by the sign of x or by the last bit of the whole part.
template <class L, class Arch, AccumulatorMode kMode>
struct AccumulatorSteps {
  using Vector = xsimd::batch<L, Arch>;

  explicit AccumulatorSteps(const AccumulatorGrid& grid) noexcept
      : from{Vector(start(grid.steps_on[0])), Vector(start(grid.steps_on[1]))} {}

  /// The steps of a magnitude, except that what has underflowed is more than none, where that is asked.
  static Vector of(Vector steps, Vector x) noexcept {
    if constexpr (kMode == AccumulatorMode::kNearestEven) return steps;
    const Vector zero(L{0});
    return xsimd::select((steps == zero) & ((x < zero) | (x > zero)), Vector(kSmallestNormal<L>), steps);
  }

  /// steps >= 0: of the magnitude of x, below 2^53 or whole.
  Vector round(Vector steps, Vector x) const noexcept {
    if constexpr (kMode == AccumulatorMode::kNearestEven) {
      return nearest_integer(steps);
    } else {
      const Vector zero(L{0}), one(L{1}), whole = whole_part(steps), rest = steps - whole;
      if constexpr (kMode == AccumulatorMode::kBySign) {
        return whole + xsimd::select(rest >= xsimd::select(x < zero, from[1], from[0]), one, zero);
      } else {
        const Vector half = whole * Vector(L{0.5});
        return whole + xsimd::select((rest > zero) & (whole_part(half) == half), one, zero);
      }
    }
  }

 private:
  static L start(StepsOn from) noexcept {
    return from == StepsOn::kNever ? L{2} : from == StepsOn::kFromHalf ? L{0.5} : kSmallest<L>;
  }

  Vector from[2];
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
        flush_below(static_cast<L>(grid.flush_below)),
        to_magic((static_cast<Word>(kMantissa - grid.mantissa_bits) << kMantissa) + (Word{1} << (kMantissa - 1))),
        to_step(static_cast<Word>(grid.mantissa_bits) << kMantissa),
        to_inverse((2 * kBias << kMantissa) + (static_cast<Word>(grid.mantissa_bits) << kMantissa)),
        dropped(kMantissa - grid.mantissa_bits),
        step(Word{1} << dropped),
        added{Bits(added_bits(grid.steps_on[0], step)), Bits(added_bits(grid.steps_on[1], step))} {}

  Vector operator()(Vector x) const noexcept {
    const Vector sign = x & Vector(L{-0.0});
    Vector rounded;
    if constexpr (kHasExponentsOfLanes) {
      rounded = xsimd::select(are_numbers(x, x), cut(x), x);
    } else if constexpr (kMode == AccumulatorMode::kNearestEven) {
      const Vector magic = as_value<L>(as_bits(power_of(x)) + to_magic);
      rounded = ((x + magic) - magic) | sign;
    } else {
      const Vector magnitude = xsimd::min(magnitude_of(x), beyond);
      const Bits power = as_bits(power_of(x));
      const Vector whole = steps.round(steps.of(magnitude * as_value<L>(to_inverse - power), x), x);
      rounded = xsimd::select(are_numbers(x, x), (whole * as_value<L>(power - to_step)) | sign, x);
    }
    Vector above = over[0];
    if constexpr (kMode == AccumulatorMode::kBySign) above = xsimd::select(x < Vector(L{0}), over[1], above);
    const Vector magnitude = magnitude_of(rounded);
    rounded = xsimd::select(magnitude > largest, above | sign, rounded);
    return xsimd::select(magnitude < flush_below, sign, rounded);
  }

 private:
  Vector power_of(Vector x) const noexcept {
    return xsimd::min(xsimd::max(x & Vector(kInfinity<L>), smallest_normal), beyond);
  }

  /// Of the dropped bits: what makes them carry where they are worth a step.
  static Word added_bits(StepsOn from, Word step) noexcept {
    return from == StepsOn::kNever ? 0 : from == StepsOn::kFromHalf ? step / 2 : step - 1;
  }

  Vector cut(Vector x) const noexcept {
    const Bits bits = as_bits(x), one(Word{1}), is_odd = (bits >> dropped) & one;
    Bits carry = added[0];
    if constexpr (kMode == AccumulatorMode::kNearestEven)
      carry = is_odd + Bits(step / 2 - 1);
    else if constexpr (kMode == AccumulatorMode::kBySign)
      carry = as_bits(xsimd::select(x < Vector(L{0}), as_value<L>(added[1]), as_value<L>(added[0])));
    else
      carry = (Bits(Word{0}) - (is_odd ^ one)) & Bits(step - 1);
    return as_value<L>((bits + carry) & Bits(~(step - 1)));
  }

  AccumulatorSteps<L, Arch, kMode> steps;
  Vector smallest_normal, beyond, largest, over[2], flush_below;
  Bits to_magic, to_step, to_inverse;
  int dropped;
  Word step;
  Bits added[2];
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
        modulus(static_cast<L>(grid.modulus)) {}

  Vector operator()(Vector x) const noexcept {
    const Vector zero(L{0}), given = xsimd::select(are_numbers(x, x), x, zero), in_units = given * inverse;
    Vector code;
    if constexpr (kWraps) {
      const Vector all = steps.of(magnitude_of(in_units), given);
      code = steps.round(low_codes(all, modulus), given) | (given & Vector(L{-0.0}));
      code = code + xsimd::select(code > highest, -modulus, xsimd::select(code < lowest, modulus, zero));
    } else if constexpr (kMode == AccumulatorMode::kNearestEven) {
      code = nearest_integer(xsimd::min(xsimd::max(in_units, lowest), highest));
    } else {
      // The ends are codes, so what is cut to them stays; once more, because unsigned formats have no negative ones.
      const Vector magnitude = magnitude_of(xsimd::min(xsimd::max(in_units, -modulus), modulus));
      code = steps.round(steps.of(magnitude, given), given) | (given & Vector(L{-0.0}));
      code = xsimd::min(xsimd::max(code, lowest), highest);
    }
    return (code + zero) * unit;  // + 0: no code is -0
  }

 private:
  AccumulatorSteps<L, Arch, kMode> steps;
  Vector unit, inverse, lowest, highest, modulus;
};

}  // namespace udnn::kernels
