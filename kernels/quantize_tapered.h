// kernels/quantize_tapered.h: formats whose precision tapers off: posits, and powers of two.
//
// A posit of N bits spells the exponent e = k 2^E + (e mod 2^E) as a run of r equal bits, r = k + 2 for k >= 0 and 1 -
// k below (its end counted), then E bits, then the fraction: f = N - 1 - r - E bits of it. With f >= 1 the values
// around x are multiples of 2^(e - f), as in any float. With less, exponent bits are cut as well, c = -f of them: the
// neighbours are 2^l and 2^(l + 2^c), l = e with its last c bits zero, and the border is the posit that one more bit
// would give, 2^(l + 2^(c - 1)), or 1.5 2^e where c = 0. A tie goes to the even bit string.
//
// Source: Posit Working Group, "Standard for Posit Arithmetic (2022)", section 4.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/quantize_scaled.h"

namespace udnn::kernels {

/// In lanes of the carrier: a float holds the exponents of every posit that fits it, and the steps of its fractions.
template <class T, class Arch>
struct RoundPosit {
  using Vector = xsimd::batch<T, Arch>;
  using Bits = xsimd::batch<WordOf<T>, Arch>;

  static void run(const PositGrid& grid, const Piece<T>& piece) noexcept {
    const Vector zero(T{0}), one(T{1}), two(T{2}), half(T{0.5}), sign_bit(T{-0.0});
    const Vector smallest(static_cast<T>(1 / grid.largest)), largest(static_cast<T>(grid.largest)),
        nan(static_cast<T>(grid.nan));
    const Vector per_exponent(static_cast<T>(1 / grid.run_length));
    const Vector exponent_bits(static_cast<T>(grid.exponent_bits)),
        tail_bits(static_cast<T>(grid.bits - 1 - grid.exponent_bits));
    on_each_vector<T, Arch>(piece, [&](Vector x, std::size_t) noexcept {
      const Vector sign = x & sign_bit, given = magnitude_of(x);
      // Never to zero and never past the largest.
      const Vector magnitude = xsimd::min(xsimd::max(given, smallest), largest);
      const Vector e = exponent_of(magnitude);
      const Vector k = floor(e * per_exponent);
      const auto is_small = k < zero;
      const Vector f = tail_bits - xsimd::select(is_small, one - k, k + two);

      const Vector kept = xsimd::max(f, zero);
      const Vector in_fraction = nearest_integer(magnitude * power(kept - e)) * power(e - kept);

      const Vector cut = power(xsimd::max(zero - f, zero));
      const Vector lower_steps = floor(e / cut), lower = lower_steps * cut;
      const Vector border = xsimd::select(cut > one, power(lower + floor(cut * half)), Vector(T{1.5}) * power(e));
      const Vector exponent_kept = exponent_bits + f;  // bits; none: the run's end is the last bit
      const Vector pairs = lower_steps * half;
      const auto ends_odd = ((exponent_kept > zero) & (pairs > floor(pairs))) | ((exponent_kept <= zero) & is_small);
      const auto goes_on = (magnitude > border) | ((magnitude == border) & ends_odd);
      const Vector in_exponent = power(lower + xsimd::select(goes_on, cut, zero));

      const auto is_largest = magnitude >= largest;  // whose run of N - 1 bits has no end
      const Vector rounded = xsimd::select(is_largest, largest, xsimd::select(f > zero, in_fraction, in_exponent));
      const Vector value = xsimd::select(given > zero, rounded ^ sign, zero);
      return xsimd::select(given <= Vector(kLargest<T>), value, nan);
    });
  }

 private:
  // kAllWhole is 2^kMantissa, whose last bits count ones.
  static constexpr int kMantissa = sizeof(T) == sizeof(float) ? 23 : 52;
  static constexpr T kBias = sizeof(T) == sizeof(float) ? T{127} : T{1023};

  /// floor(x) of |x| < 2^(kMantissa - 1).
  static Vector floor(Vector x) noexcept {
    const Vector nearest = nearest_integer(x);
    return nearest - xsimd::select(nearest > x, Vector(T{1}), Vector(T{0}));
  }

  /// floor(log2 x) of a normal x > 0.
  static Vector exponent_of(Vector x) noexcept {
    return as_value<T>((as_bits(x) >> kMantissa) | as_bits(Vector(kAllWhole<T>))) - Vector(kAllWhole<T> + kBias);
  }

  /// 2^n of a whole n, the exponent of a normal T.
  static Vector power(Vector n) noexcept { return as_value<T>(as_bits(n + Vector(kAllWhole<T> + kBias)) << kMantissa); }
};

/// Plus or minus 2^e in a window, the nearest by value or by logarithm.
template <class T, class Arch>
struct RoundPower {
  using Vector = xsimd::batch<T, Arch>;
  using Bits = xsimd::batch<WordOf<T>, Arch>;
  static constexpr bool kIsFloat = sizeof(T) == sizeof(float);
  static constexpr WordOf<T> kMantissa = kIsFloat ? WordOf<T>{0x7fffff} : static_cast<WordOf<T>>(0xfffffffffffffU);
  static constexpr WordOf<T> kHalf = (kMantissa >> 1) + 1;
  /// The mantissa of the least T above sqrt(2).
  static constexpr WordOf<T> kRootOfTwo = kIsFloat ? WordOf<T>{0x3504f4} : static_cast<WordOf<T>>(0x6a09e667f3bcdU);

  static void run(const PowerGrid<T>& grid, const Piece<T>& piece) noexcept {
    const Vector zero(T{0}), top(grid.top), bottom(grid.bottom), least(grid.least), sign_bit(T{-0.0});
    const Bits carry(grid.by_logarithm ? kMantissa + 1 - kRootOfTwo : kHalf), exponent_mask(~kMantissa);
    on_each_vector<T, Arch>(piece, [&](Vector x, std::size_t) noexcept {
      const Vector given = xsimd::select(are_numbers(x, x), x, zero);
      const Vector sign = xsimd::select(given < zero, sign_bit, zero);
      const Vector magnitude = xsimd::min(magnitude_of(given), top);
      const Vector inside = xsimd::max(magnitude, bottom);
      const Vector rounded = as_value<T>((as_bits(inside) + carry) & exponent_mask);
      return xsimd::select(magnitude >= least, rounded ^ sign, zero);
    });
  }
};

}  // namespace udnn::kernels
