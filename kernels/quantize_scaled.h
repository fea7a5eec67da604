// kernels/quantize_scaled.h: rounding to multiples of a real unit, to two values, to three. Computed in lanes of double
// for both carriers.
//
//   integer   code = clamp(round(x / unit), lowest, highest);   q = code * unit
//
// The quotient of two doubles is rounded, so the decision is taken on the remainder, which is exact: with whole =
// floor(|x| / unit) the remainder |x| - whole * unit has no more bits than x and unit have (the division may have
// rounded up to the next integer: one step back then). A carrier value equal to code * unit as the carrier rounds it
// *is* that code, in every mode: else directed modes would move what they have made.
//
// The division and the remainder take most of the time, and are seldom needed: |x| times the rounded 1 / unit is the
// quotient but for 2 units in the last place, 2^-20 where codes have up to 32 bits. Under `rne` and `sr` that decides
// all but those within 2^-16 of a border, and vectors without one of these are done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/quantize.h"

namespace udnn::kernels {

/// Calls body(x, i) -> q on vectors of double; the rest goes through arrays on the stack. The grid's arrays are read
/// for [count] alone.
template <class T, class Arch, class Body>
inline void on_each_double(const Piece<T>& piece, const Body& body) noexcept {
  using Vector = xsimd::batch<double, Arch>;
  std::size_t i = 0;
  for (; i + Vector::size <= piece.count; i += Vector::size)
    store_from_double<Arch>(piece.q + i, body(load_as_double<Arch>(piece.x + i), i, [i](const double* from) noexcept {
                              return Vector::load_unaligned(from + i);
                            }));
  if (i == piece.count) return;
  const std::size_t rest = piece.count - i;
  const Part<double, Arch> part(rest);
  T x[Vector::size] = {}, q[Vector::size];
  for (std::size_t j = 0; j < rest; ++j) x[j] = piece.x[i + j];
  store_from_double<Arch>(
      q, body(load_as_double<Arch>(x), i, [&](const double* from) noexcept { return part.load(from + i); }));
  for (std::size_t j = 0; j < rest; ++j) piece.q[i + j] = q[j];
}

template <class T, class Arch, Mode kMode>
struct RoundInteger {
  using Vector = xsimd::batch<double, Arch>;
  using Bits = xsimd::batch<std::uint64_t, Arch>;

  static void run(const ScaledGrid& grid, const Piece<T>& piece) noexcept {
    const Vector zero(0.0), one(1.0), sign_bit(-0.0);
    const Bits random_mask(std::uint64_t{grid.random_mask});
    [[maybe_unused]] const bool is_clamped = !(grid.modulus > 0);
    [[maybe_unused]] Vector last_unit(one), inverse(one);
    [[maybe_unused]] const Vector carrier_error(sizeof(T) == sizeof(float) ? 0x1p-23 : 0.0);
    on_each_double<T, Arch>(piece, [&](Vector x, [[maybe_unused]] std::size_t i, const auto& load) noexcept {
      const Vector unit = load(grid.unit), lowest = load(grid.lowest), highest = load(grid.highest);
      const Vector given = xsimd::select(are_numbers(x, x), x, zero);
      const Vector sign = given & sign_bit;
      const Vector magnitude = magnitude_of(given);
      if constexpr (kMode == Mode::kNearestEven || kMode == Mode::kStochastic) {
        if (is_clamped) {
          if (xsimd::any(unit != last_unit)) {
            last_unit = unit;
            inverse = one / unit;
          }
          const Vector near = xsimd::min(magnitude * inverse, xsimd::max(highest, -lowest));
          Vector code = nearest_integer(near), doubt = magnitude_of(near - code) - Vector(0.5);
          if constexpr (kMode == Mode::kStochastic) {
            const Vector word = word_as_value(load_words<double, Arch>(piece.words + i) & random_mask);
            const Vector below = whole_part(near), excess = (near - below) + (word * Vector(0x1p-32) - one);
            // Codes are borders too, and as far around as the carrier rounds them; but 0 has one side only.
            const Vector to_code = xsimd::select(code > zero, magnitude_of(near - code) - code * carrier_error, one);
            doubt = -xsimd::min(magnitude_of(excess), to_code);
            code = below + xsimd::select(excess >= zero, one, zero);
          }
          if (!xsimd::any(doubt > Vector(-0x1p-16)))
            return (xsimd::min(xsimd::max(code ^ sign, lowest), highest) + zero) * unit;
        }
      }
      const Vector quotient = magnitude / unit;

      // Beyond 2^52 every quotient is taken as whole. (It has saturated long before; under `wrap` it keeps no exact low
      // bits of a real unit.)
      const auto is_large = quotient >= Vector(0x1p52);
      Vector whole = whole_part(xsimd::select(is_large, zero, quotient));
      const Vector product = whole * unit;
      Vector rest = (magnitude - product) - product_error(whole, unit, product);
      const auto too_far = rest < zero;
      whole = whole - xsimd::select(too_far, one, zero);
      rest = rest + xsimd::select(too_far, unit, zero);

      Vector code =
          xsimd::select(is_large, xsimd::min(quotient, Vector(0x1p1000)),
                        whole + xsimd::select(goes_on(whole, rest, unit, given, piece, i, random_mask), one, zero));
      if constexpr (kMode != Mode::kNearestEven && kMode != Mode::kNearestAway) {
        const Vector nearest = nearest_integer(quotient);
        code = xsimd::select(rounded_to<T>(nearest * unit) == magnitude, nearest, code);
      }
      code = code ^ sign;
      if (grid.modulus > 0) {
        const Vector modulus(grid.modulus);
        const Vector turns = nearest_integer((code - lowest) / modulus - Vector(0.5));
        code = code - turns * modulus;
        code = code + xsimd::select(code > highest, -modulus, xsimd::select(code < lowest, modulus, zero));
        code = xsimd::select(is_large, zero, code);
      }
      code = xsimd::min(xsimd::max(code, lowest), highest);
      return (code + zero) * unit;
    });
  }

  /// Whether `rest` is worth a step more: 0 <= rest < unit, both exact; whole: the steps below it.
  static xsimd::batch_bool<double, Arch> goes_on([[maybe_unused]] Vector whole, Vector rest,
                                                 [[maybe_unused]] Vector unit, [[maybe_unused]] Vector x,
                                                 [[maybe_unused]] const Piece<T>& piece, [[maybe_unused]] std::size_t i,
                                                 [[maybe_unused]] Bits random_mask) noexcept {
    const Vector zero(0.0);
    if constexpr (kMode == Mode::kTowardZero) {
      return rest < zero;  // never
    } else if constexpr (kMode == Mode::kNearestAway) {
      return rest + rest >= unit;
    } else if constexpr (kMode == Mode::kNearestEven) {
      return (rest + rest > unit) | ((rest + rest == unit) & is_odd(whole));
    } else if constexpr (kMode == Mode::kUp) {
      return (rest > zero) & (x > zero);
    } else if constexpr (kMode == Mode::kDown) {
      return (rest > zero) & (x < zero);
    } else if constexpr (kMode == Mode::kToOdd) {
      return (rest > zero) & is_even(whole);
    } else {
      // rest / unit + word 2^-32 >= 1, without a division.
      const Vector missing = Vector(0x1p32) - word_as_value(load_words<double, Arch>(piece.words + i) & random_mask);
      const Vector wanted = missing * unit;
      return (rest * Vector(0x1p32) - wanted) - product_error(missing, unit, wanted) >= zero;
    }
  }

 private:
  static xsimd::batch_bool<double, Arch> is_odd(Vector whole) noexcept {
    const Vector half = whole * Vector(0.5);
    return half > whole_part(half);
  }

  static xsimd::batch_bool<double, Arch> is_even(Vector whole) noexcept {
    const Vector half = whole * Vector(0.5);
    return half == whole_part(half);
  }
};

template <class T, class Arch>
struct RoundToFew {
  using Vector = xsimd::batch<double, Arch>;

  /// -unit below zero, else unit.
  static void binary(const ScaledGrid& grid, const Piece<T>& piece) noexcept {
    on_each_double<T, Arch>(piece, [&](Vector x, std::size_t, const auto& load) noexcept {
      const Vector unit = load(grid.unit);
      return xsimd::select(x < Vector(0.0), -unit, unit);
    });
  }

  /// unit with the sign of x where |x| > threshold, else 0.
  static void ternary(const ScaledGrid& grid, const Piece<T>& piece) noexcept {
    on_each_double<T, Arch>(piece, [&](Vector x, std::size_t, const auto& load) noexcept {
      const Vector unit = load(grid.unit), threshold = load(grid.threshold), zero(0.0);
      return xsimd::select(x > threshold, unit, xsimd::select(x < -threshold, -unit, zero));
    });
  }
};

}  // namespace udnn::kernels
