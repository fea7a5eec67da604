// kernels/quantize_sums.h: what rounding did, and what a scale rule must know, in one pass over a piece that is still
// in L1.
//
// Eight chains of double on every instruction set, element i in chain i mod 8, added as ((0+4) + (2+6)) + ((1+5) +
// (3+7)): the same bits everywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/quantize_kernels.h"
#include "kernels/simd/rounding.h"

namespace udnn::kernels {

template <class T, class Arch>
struct QuantizeSums {
  using Vector = xsimd::batch<double, Arch>;
  static constexpr std::size_t kChains = 8;
  static constexpr std::size_t kVectors = kChains / Vector::size;

  static PieceSums sums(const T* x, const T* q, std::size_t count, const double* lowest,
                        const double* highest) noexcept {
    Sums total;
    std::size_t i = 0;
    for (; i + kChains <= count; i += kChains) total.add(x + i, q + i, lowest + i, highest + i);
    double filled = 0;
    if (i < count) {
      T x_rest[kChains] = {}, q_rest[kChains] = {};
      double lowest_rest[kChains] = {}, highest_rest[kChains] = {};
      for (std::size_t j = 0; i + j < count; ++j) {
        x_rest[j] = x[i + j];
        q_rest[j] = q[i + j];
        lowest_rest[j] = lowest[i + j];
        highest_rest[j] = highest[i + j];
      }
      total.add(x_rest, q_rest, lowest_rest, highest_rest);
      filled = static_cast<double>(kChains - (count - i));  // zeros that nobody gave
    }
    return {.zeros_in = total.zeros_in.sum() - filled,
            .zeros_out = total.zeros_out.sum(),
            .saturated = total.saturated.sum(),
            .non_finite = total.non_finite.sum(),
            .max_abs = total.max_abs.largest(),
            .error_sum = total.error_sum.sum(),
            .error_squares = total.error_squares.sum(),
            .value_squares = total.value_squares.sum()};
  }

  static PieceRange range(const T* x, std::size_t count, const double* threshold) noexcept {
    const Vector threshold0(threshold[0]), threshold1(threshold[1]);
    Ranges total;
    std::size_t i = 0;
    for (; i + kChains <= count; i += kChains) total.add(x + i, threshold0, threshold1);
    double filled = 0;
    if (i < count) {
      T rest[kChains];
      for (std::size_t j = 0; j < kChains; ++j) rest[j] = i + j < count ? x[i + j] : kInfinity<T>;
      total.add(rest, threshold0, threshold1);
      filled = static_cast<double>(kChains - (count - i));
    }
    return {.finite = static_cast<double>(count) - (total.non_finite.sum() - filled),
            .min = -total.below.largest(),
            .max = total.max.largest(),
            .magnitude = total.magnitude.sum(),
            .above = {total.above0.sum(), total.above1.sum()},
            .magnitude_above = total.magnitude_above.sum()};
  }

 private:
  struct Chains {
    Vector chain[kVectors];

    Chains() noexcept {
#pragma GCC unroll 4
      for (std::size_t v = 0; v < kVectors; ++v) chain[v] = Vector(0.0);
    }
    double sum() const noexcept {
      alignas(Vector) double c[kChains];
      store(c);
      return ((c[0] + c[4]) + (c[2] + c[6])) + ((c[1] + c[5]) + (c[3] + c[7]));
    }
    double largest() const noexcept {
      alignas(Vector) double c[kChains];
      store(c);
      double largest = 0;
      for (const double value : c) largest = value > largest ? value : largest;
      return largest;
    }
    void store(double* to) const noexcept {
      for (std::size_t v = 0; v < kVectors; ++v) chain[v].store_aligned(to + v * Vector::size);
    }
  };

  static xsimd::batch_bool<double, Arch> is_finite(Vector x) noexcept {
    return magnitude_of(x) <= Vector(kLargest<double>);
  }

  struct Sums {
    Chains zeros_in, zeros_out, saturated, non_finite, max_abs, error_sum, error_squares, value_squares;

    void add(const T* x, const T* q, const double* lowest, const double* highest) noexcept {
      const Vector zero(0.0), one(1.0);
#pragma GCC unroll 4
      for (std::size_t v = 0; v < kVectors; ++v) {
        const std::size_t at = v * Vector::size;
        const Vector given = load_as_double<Arch>(x + at), made = load_as_double<Arch>(q + at);
        const auto finite = is_finite(given);
        const auto both = finite & is_finite(made);
        const auto beyond =
            (given < Vector::load_unaligned(lowest + at)) | (given > Vector::load_unaligned(highest + at));
        zeros_in.chain[v] += xsimd::select(given == zero, one, zero);
        zeros_out.chain[v] += xsimd::select((made == zero) & ((given < zero) | (given > zero)), one, zero);
        saturated.chain[v] += xsimd::select(finite & beyond, one, zero);
        non_finite.chain[v] += xsimd::select(finite, zero, one);
        max_abs.chain[v] = xsimd::max(max_abs.chain[v], xsimd::select(finite, magnitude_of(given), zero));
        const Vector error = xsimd::select(both, made - given, zero), value = xsimd::select(both, given, zero);
        error_sum.chain[v] += error;
        error_squares.chain[v] += error * error;
        value_squares.chain[v] += value * value;
      }
    }
  };

  struct Ranges {
    Chains non_finite, below, max, magnitude, above0, above1, magnitude_above;

    void add(const T* x, Vector threshold0, Vector threshold1) noexcept {
      const Vector zero(0.0), one(1.0);
#pragma GCC unroll 4
      for (std::size_t v = 0; v < kVectors; ++v) {
        const Vector given = load_as_double<Arch>(x + v * Vector::size);
        const auto finite = is_finite(given);
        const Vector value = xsimd::select(finite, given, zero), absolute = magnitude_of(value);
        non_finite.chain[v] += xsimd::select(finite, zero, one);
        max.chain[v] = xsimd::max(max.chain[v], value);
        below.chain[v] = xsimd::max(below.chain[v], zero - value);
        magnitude.chain[v] += absolute;
        above0.chain[v] += xsimd::select(absolute > threshold0, one, zero);
        above1.chain[v] += xsimd::select(absolute > threshold1, one, zero);
        magnitude_above.chain[v] += xsimd::select(absolute > threshold0, absolute, zero);
      }
    }
  };
};

}  // namespace udnn::kernels
