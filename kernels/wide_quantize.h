// kernels/wide_quantize.h: rounding in the wide carrier, one value after the other (grids: quantize_kernels.h).
//
// As in quantize.h, a magnitude is cut into whole steps and a rest, and the mode decides whether the rest is worth a
// step more. Scaling by powers of two is exact: Wide has more exponents than any grid.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/quantize.h"
#include "kernels/quantize_kernels.h"
#include "kernels/wide_carrier.h"
#include "kernels/wide_product.h"

namespace udnn::kernels {

template <Mode kMode>
struct WideRounding {
  /// round(steps), steps >= 0, at most 2^64 or whole; x is the value it comes from.
  static Wide steps(Wide steps, Wide x, std::uint32_t word) noexcept {
    const Wide whole = std::floor(steps), rest = steps - whole;
    const auto is_odd = [&] {
      const WideParts parts = parts_of(whole);
      return parts.exponent <= 0 && parts.exponent > -64 && (parts.significand >> -parts.exponent & 1) != 0;
    };
    bool goes_on = false;
    if constexpr (kMode == Mode::kNearestEven) goes_on = rest > Wide{0.5} || (rest == Wide{0.5} && is_odd());
    if constexpr (kMode == Mode::kNearestAway) goes_on = rest >= Wide{0.5};
    if constexpr (kMode == Mode::kUp) goes_on = rest > 0 && x > 0;
    if constexpr (kMode == Mode::kDown) goes_on = rest > 0 && x < 0;
    if constexpr (kMode == Mode::kToOdd) goes_on = rest > 0 && !is_odd();
    if constexpr (kMode == Mode::kStochastic)
      goes_on = static_cast<std::int64_t>(rest * Wide{0x1p32}) + std::int64_t{word} >= std::int64_t{1} << 32;
    return goes_on ? whole + 1 : whole;
  }

  template <bool kWraps>
  static void fixed(const FixedGrid<Wide>& grid, const Piece<Wide>& piece) noexcept {
    for (std::size_t i = 0; i < piece.count; ++i) {
      const Wide x = std::isnan(piece.x[i]) ? 0 : piece.x[i];
      Wide magnitude = std::abs(x * grid.inverse);
      if constexpr (kWraps)
        magnitude = std::isinf(x) ? 0 : std::fmod(magnitude, grid.modulus);
      else
        magnitude = std::min(magnitude, std::max(-grid.lowest, grid.highest));
      const Wide rounded = steps(magnitude, x, word_of(piece, i, grid.random_mask));
      Wide code = std::signbit(x) ? -rounded : rounded;
      if constexpr (kWraps)
        code += code > grid.highest ? -grid.modulus : code < grid.lowest ? grid.modulus : 0;
      else
        code = std::min(std::max(code, grid.lowest), grid.highest);
      piece.q[i] = (code + 0) * grid.unit;  // + 0: no code is -0
    }
  }

  static void floats(const FloatGrid<Wide>& grid, const Piece<Wide>& piece) noexcept {
    const int least_exponent = std::ilogb(grid.smallest_normal);
    for (std::size_t i = 0; i < piece.count; ++i) {
      const Wide x = piece.x[i];
      Wide magnitude = std::min(std::abs(x), grid.beyond);  // whatever it is of NaN
      if (magnitude > 0) {
        const int step = std::max(std::ilogb(magnitude), least_exponent) - grid.mantissa_bits;
        const Wide rounded = steps(std::ldexp(magnitude, -step), x, word_of(piece, i, grid.random_mask));
        magnitude = std::ldexp(rounded, step);
      }
      if (magnitude < grid.flush_below) magnitude = 0;
      const Wide ended = magnitude > grid.largest ? grid.over[std::signbit(x) ? 1 : 0] : magnitude;
      piece.q[i] = std::isnan(x) || std::isnan(ended) ? grid.nan : std::copysign(ended, x);
    }
  }

 private:
  static std::uint32_t word_of(const Piece<Wide>& piece, std::size_t i, std::uint32_t mask) noexcept {
    if constexpr (kMode == Mode::kStochastic) return piece.words[i] & mask;
    return 0;
  }
};

struct WideToFew {
  static void binary(const ScaledGrid& grid, const Piece<Wide>& piece) noexcept {
    for (std::size_t i = 0; i < piece.count; ++i)
      piece.q[i] = std::copysign(Wide{grid.unit[i]}, piece.x[i] < 0 ? Wide{-1} : Wide{1});
  }

  static void ternary(const ScaledGrid& grid, const Piece<Wide>& piece) noexcept {
    for (std::size_t i = 0; i < piece.count; ++i) {
      const Wide x = piece.x[i], unit = grid.unit[i];
      piece.q[i] = x > grid.threshold[i] ? unit : x < -Wide{grid.threshold[i]} ? -unit : 0;
    }
  }
};

/// Eight chains, as quantize_sums.h has them.
class WideChains {
 public:
  void add(std::size_t i, double term) noexcept { chain_[i % 8] += term; }
  double sum() const noexcept {
    const auto& c = chain_;
    return ((c[0] + c[4]) + (c[2] + c[6])) + ((c[1] + c[5]) + (c[3] + c[7]));
  }

 private:
  double chain_[8] = {};
};

struct WideSums {
  static PieceSums sums(const Wide* x, const Wide* q, std::size_t count, const Wide* lowest,
                        const Wide* highest) noexcept {
    PieceSums total{};
    WideChains errors, error_squares, value_squares;
    for (std::size_t i = 0; i < count; ++i) {
      if (x[i] == 0) total.zeros_in += 1;
      if (x[i] != 0 && q[i] == 0 && !std::isnan(x[i])) total.zeros_out += 1;
      if (!std::isfinite(x[i])) {
        total.non_finite += 1;
        continue;
      }
      if (x[i] < lowest[i] || x[i] > highest[i]) total.saturated += 1;
      const auto value = static_cast<double>(x[i]);
      total.max_abs = std::max(total.max_abs, std::abs(value));
      if (!std::isfinite(q[i])) continue;
      const auto error = static_cast<double>(q[i] - x[i]);
      errors.add(i, error);
      error_squares.add(i, error * error);
      value_squares.add(i, value * value);
    }
    total.error_sum = errors.sum();
    total.error_squares = error_squares.sum();
    total.value_squares = value_squares.sum();
    return total;
  }

  static PieceRange range(const Wide* x, std::size_t count, const double* threshold) noexcept {
    PieceRange total{};
    WideChains magnitudes, above;
    for (std::size_t i = 0; i < count; ++i) {
      if (!std::isfinite(x[i])) continue;
      const auto value = static_cast<double>(x[i]);
      const double magnitude = std::abs(value);
      total.finite += 1;
      total.min = std::min(total.min, value);
      total.max = std::max(total.max, value);
      magnitudes.add(i, magnitude);
      for (int t = 0; t < 2; ++t)
        if (magnitude > threshold[t]) total.above[t] += 1;
      if (magnitude > threshold[0]) above.add(i, magnitude);
    }
    total.magnitude = magnitudes.sum();
    total.magnitude_above = above.sum();
    return total;
  }

  static Wide largest(const Wide* x, std::size_t count) noexcept {
    Wide largest = 0;
    largest_of(x, count, [&](std::size_t) -> Wide& { return largest; });
    return largest;
  }

  static void largest_each(const Wide* x, std::size_t count, Wide* largest) noexcept {
    largest_of(x, count, [&](std::size_t i) -> Wide& { return largest[i]; });
  }

 private:
  static void largest_of(const Wide* x, std::size_t count, auto into) noexcept {
    for (std::size_t i = 0; i < count; ++i)
      if (std::isfinite(x[i])) into(i) = std::max(into(i), std::abs(x[i]));
  }
};

}  // namespace udnn::kernels
