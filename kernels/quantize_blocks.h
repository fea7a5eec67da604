// kernels/quantize_blocks.h: floats of few bits times a scale that neighbours share (MX, NVFP4), and the largest
// magnitudes from which such scales come.
//
//   q = round_element(x / unit) * unit
//
// Computed in lanes of double for both carriers. The quotient finds the binade of x, and a comparison with the exact
// border unit * 2^e puts it right where the division has rounded up to it. In that binade the element's values are
// multiples of step = unit * 2^(e - M), so the rest is as exact as that of RoundInteger (quantize_scaled.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/quantize_scaled.h"

namespace udnn::kernels {

template <class T, class Arch, Mode kMode>
struct RoundScaledFloat {
  using Vector = xsimd::batch<double, Arch>;
  using Bits = xsimd::batch<std::uint64_t, Arch>;

  static void run(const ScaledFloatGrid& grid, const Piece<T>& piece) noexcept {
    const Vector zero(0.0), one(1.0), sign_bit(-0.0), least_unit(0x1p-1000);
    const Vector smallest_normal(grid.smallest_normal), largest(grid.largest), nan(grid.nan);
    const Vector steps_in_binade(grid.steps_in_binade), step_of_binade(1 / grid.steps_in_binade);
    const Bits exponent_mask(0x7ff0000000000000U), twice_bias(std::uint64_t{2046} << 52);
    const Bits random_mask(std::uint64_t{grid.random_mask});
    on_each_double<T, Arch>(piece, [&](Vector x, [[maybe_unused]] std::size_t i, const auto& load) noexcept {
      const Vector given_unit = load(grid.unit);
      const auto is_number = are_numbers(x, x);
      const Vector given = xsimd::select(is_number, x, zero);
      const Vector sign = given & sign_bit;
      // A scale of 0 makes zeros of everything. Clamping first is the same as last, because the ends are values.
      const Vector magnitude = xsimd::min(magnitude_of(given), largest * given_unit);
      const Vector unit = xsimd::max(given_unit, least_unit);
      const Vector quotient = magnitude / unit;

      Vector binade = xsimd::max(as_value<double>(as_bits(quotient) & exponent_mask), smallest_normal);
      const auto is_below = (magnitude < binade * unit) & (binade > smallest_normal);
      binade = xsimd::select(is_below, binade * Vector(0.5), binade);
      const Vector step = binade * step_of_binade * unit;
      const Vector steps = quotient * as_value<double>(twice_bias - as_bits(binade)) * steps_in_binade;

      Vector whole = whole_part(steps);
      const Vector product = whole * step;
      Vector rest = (magnitude - product) - product_error(whole, step, product);
      const auto too_far = rest < zero;
      whole = whole - xsimd::select(too_far, one, zero);
      rest = rest + xsimd::select(too_far, step, zero);

      using Integer = RoundInteger<T, Arch, kMode>;
      Vector code = whole + xsimd::select(Integer::goes_on(whole, rest, step, given, piece, i, random_mask), one, zero);
      if constexpr (kMode != Mode::kNearestEven && kMode != Mode::kNearestAway) {
        // As in RoundInteger: what the carrier holds for a value is that value.
        const Vector nearest = nearest_integer(steps);
        code = xsimd::select(rounded_to<T>(nearest * step) == magnitude, nearest, code);
      }
      return xsimd::select(is_number, (code * (binade * step_of_binade) * given_unit) ^ sign, nan);
    });
  }
};

/// Magnitudes of the finite values alone. Which order they are seen in makes no difference.
template <class T, class Arch>
struct LargestMagnitudes {
  using Vector = xsimd::batch<T, Arch>;

  /// max |x[i]|, 0 where there is none.
  static T one(const T* x, std::size_t count) noexcept {
    Vector largest(T{0});
    std::size_t i = 0;
    for (; i + Vector::size <= count; i += Vector::size)
      largest = xsimd::max(largest, finite(Vector::load_unaligned(x + i)));
    if (i < count) largest = xsimd::max(largest, finite(Part<T, Arch>(count - i).load(x + i)));
    alignas(Vector) T lanes[Vector::size];
    largest.store_aligned(lanes);
    // In halves: one lane after the other would take as long as the two vectors of a block of 32.
    for (std::size_t half = Vector::size / 2; half > 0; half /= 2)
      for (std::size_t j = 0; j < half; ++j) lanes[j] = lanes[j + half] > lanes[j] ? lanes[j + half] : lanes[j];
    return lanes[0];
  }

  /// largest[j] = max(largest[j], |x[j]|)
  static void each(const T* x, std::size_t count, T* largest) noexcept {
    std::size_t j = 0;
    for (; j + Vector::size <= count; j += Vector::size)
      xsimd::max(Vector::load_unaligned(largest + j), finite(Vector::load_unaligned(x + j)))
          .store_unaligned(largest + j);
    if (j == count) return;
    const Part<T, Arch> part(count - j);
    part.store(largest + j, xsimd::max(part.load(largest + j), finite(part.load(x + j))));
  }

 private:
  static Vector finite(Vector x) noexcept {
    const Vector magnitude = magnitude_of(x);
    return xsimd::select(magnitude <= Vector(kLargest<T>), magnitude, Vector(T{0}));
  }
};

}  // namespace udnn::kernels
