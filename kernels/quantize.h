// kernels/quantize.h: rounding to fixed point and to floats, one body for each of the three grids.
//
// All of them cut a magnitude into whole steps and a rest, and let the mode decide whether the rest is worth a step
// more:
//
//   rne  nearest_integer of the hardware     rna  rest >= 1/2           rtz  never
//   rup  rest > 0 and x > 0                  rdn  rest > 0 and x < 0    odd  rest > 0 and the whole part is even
//   sr   rest + word 2^-32 >= 1
//
// Scaling by a power of two is exact, except that tiny values may underflow where a step is larger than 1; the three
// modes that ask "rest > 0" ask x itself then, and the others cannot tell the difference (a rest below 2^-32 never
// carries).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/quantize_kernels.h"
#include "kernels/simd/rounding.h"

namespace udnn::kernels {

/// As udnn::Rounding, in the same order.
enum class Mode : std::uint8_t { kNearestEven, kNearestAway, kTowardZero, kUp, kDown, kToOdd, kStochastic };

/// Calls body(x, i) -> q on whole vectors from element i, and on the rest once more. Two vectors in a turn, and
/// pointers of its own: the compiler must take the store for one into `piece`, and would read that again for each
/// vector.
template <class T, class Arch, class Body>
inline void on_each_vector(const Piece<T>& piece, const Body& body) noexcept {
  using Vector = xsimd::batch<T, Arch>;
  const T* const x = piece.x;
  T* const q = piece.q;
  const std::size_t count = piece.count;
  std::size_t i = 0;
  for (; i + 2 * Vector::size <= count; i += 2 * Vector::size) {
    const Vector first = Vector::load_unaligned(x + i), second = Vector::load_unaligned(x + i + Vector::size);
    body(first, i).store_unaligned(q + i);
    body(second, i + Vector::size).store_unaligned(q + i + Vector::size);
  }
  if (i + Vector::size <= count) {
    body(Vector::load_unaligned(x + i), i).store_unaligned(q + i);
    i += Vector::size;
  }
  if (i == count) return;
  const Part<T, Arch> part(count - i);
  part.store(q + i, body(part.load(x + i), i));
}

template <class T, class Arch, Mode kMode>
struct Steps {
  using Vector = xsimd::batch<T, Arch>;
  using Bits = xsimd::batch<WordOf<T>, Arch>;

  /// The steps of a magnitude, except that what has underflowed is more than none, where that is asked.
  static Vector of(Vector steps, Vector x) noexcept {
    if constexpr (kMode == Mode::kUp || kMode == Mode::kDown || kMode == Mode::kToOdd) {
      const Vector zero(T{0});
      return xsimd::select((steps == zero) & ((x < zero) | (x > zero)), Vector(kSmallestNormal<T>), steps);
    } else {
      return steps;
    }
  }

  /// round(steps), steps >= 0: a magnitude in units of the grid, below 2^53 or whole; x is the value it comes from.
  static Vector round(Vector steps, [[maybe_unused]] Vector x, [[maybe_unused]] const Piece<T>& piece,
                      [[maybe_unused]] std::size_t i, [[maybe_unused]] Bits random_mask) noexcept {
    if constexpr (kMode == Mode::kNearestEven) return nearest_integer(steps);
    const Vector whole = whole_part(steps);
    if constexpr (kMode == Mode::kTowardZero) return whole;
    const Vector zero(T{0});
    const auto has_rest = steps > whole;
    auto goes_on = has_rest;
    if constexpr (kMode == Mode::kNearestAway) goes_on = steps - whole >= Vector(T{0.5});
    if constexpr (kMode == Mode::kStochastic)
      goes_on = carries(steps - whole, load_words<T, Arch>(piece.words + i) & random_mask);
    if constexpr (kMode == Mode::kUp) goes_on = has_rest & (x > zero);
    if constexpr (kMode == Mode::kDown) goes_on = has_rest & (x < zero);
    if constexpr (kMode == Mode::kToOdd) {
      const Vector half = whole * Vector(T{0.5});
      goes_on = has_rest & (whole_part(half) == half);
    }
    return whole + xsimd::select(goes_on, Vector(T{1}), zero);
  }
};

/// Codes times a power of two. Clamping first is the same as clamping last, because the ends are codes.
template <class T, class Arch, Mode kMode, bool kWraps>
struct RoundFixed {
  using Vector = xsimd::batch<T, Arch>;
  using Bits = xsimd::batch<WordOf<T>, Arch>;

  static void run(const FixedGrid<T>& grid, const Piece<T>& piece) noexcept {
    const Vector unit(grid.unit), inverse(grid.inverse), lowest(grid.lowest), highest(grid.highest), zero(T{0});
    const Bits random_mask(WordOf<T>{grid.random_mask});
    const Vector sign_bit(T{-0.0});
    on_each_vector<T, Arch>(piece, [&](Vector x, [[maybe_unused]] std::size_t i) noexcept {
      const Vector given = xsimd::select(are_numbers(x, x), x, zero);
      Vector steps = given * inverse;
      if constexpr (!kWraps) steps = xsimd::min(xsimd::max(steps, lowest), highest);
      if constexpr (!kWraps && kMode == Mode::kNearestEven) return (nearest_integer(steps) + zero) * unit;

      const Vector sign = given & sign_bit;
      Vector magnitude = Steps<T, Arch, kMode>::of(magnitude_of(steps), given);
      if constexpr (kWraps) magnitude = low_bits(magnitude, Vector(grid.modulus));
      Vector code = Steps<T, Arch, kMode>::round(magnitude, given, piece, i, random_mask) ^ sign;
      if constexpr (kWraps) {
        const Vector modulus(grid.modulus);  // |code| <= modulus, so one turn is enough
        code = code + xsimd::select(code > highest, -modulus, xsimd::select(code < lowest, modulus, zero));
      } else {
        code =
            xsimd::min(xsimd::max(code, lowest), highest);  // values beyond the ends, and signs that the format lacks
      }
      return (code + zero) * unit;  // + 0: no code is -0
    });
  }

 private:
  /// magnitude modulo 2^N, exactly: its multiples of 2^N have no other bits than those of the magnitude.
  static Vector low_bits(Vector magnitude, Vector modulus) noexcept {
    const Vector turns = whole_part(magnitude * (Vector(T{1}) / modulus));
    const Vector low = magnitude - turns * modulus;
    return xsimd::select(magnitude <= Vector(kLargest<T>), low, Vector(T{0}));
  }
};

/// What becomes of magnitudes above the largest, with the sign put back and NaN treated.
template <class T, class Arch, Mode kMode>
struct FloatEnds {
  using Vector = xsimd::batch<T, Arch>;

  explicit FloatEnds(const FloatGrid<T>& grid) noexcept
      : largest(grid.largest),
        over_positive(grid.over[0]),
        over_negative(grid.over[1]),
        nan(grid.nan),
        flush_below(grid.flush_below),
        flushes(grid.flush_below > 0) {}

  Vector finish(Vector magnitude, Vector x) const noexcept {
    Vector over = over_positive;
    if constexpr (kMode == Mode::kUp || kMode == Mode::kDown)
      over = xsimd::select(x < Vector(T{0}), over_negative, over);
    if (flushes) magnitude = xsimd::select(magnitude < flush_below, Vector(T{0}), magnitude);
    const Vector ended = xsimd::select(magnitude > largest, over, magnitude);
    return xsimd::select(are_numbers(x, ended), ended | (x & Vector(T{-0.0})), nan);
  }

  Vector largest, over_positive, over_negative, nan, flush_below;
  bool flushes;
};

/// The bits of T that a float with fewer mantissa bits lacks.
template <class T, class Arch>
struct DroppedBits {
  using Bits = xsimd::batch<WordOf<T>, Arch>;

  explicit DroppedBits(const FloatGrid<T>& grid) noexcept
      : count(std::numeric_limits<T>::digits - 1 - grid.mantissa_bits),
        all_kept(~((WordOf<T>{1} << count) - 1)),
        random_mask(WordOf<T>{grid.random_mask}) {}

  /// As many of the upper bits of the random word as are dropped.
  Bits random(const Piece<T>& piece, std::size_t i) const noexcept {
    const Bits word = load_words<T, Arch>(piece.words + i) & random_mask;
    return count <= 32 ? (count > 0 ? word >> (32 - count) : Bits(WordOf<T>{0})) : word << (count - 32);
  }
  xsimd::batch<T, Arch> cut(Bits bits) const noexcept { return as_value<T>(bits & all_kept); }

  int count;
  Bits all_kept, random_mask;
};

/// Floats with a smaller exponent range than T: the step of a magnitude in [2^e, 2^(e+1)) is 2^(e-M), that of 2^emin
/// below.
template <class T, class Arch, Mode kMode>
struct RoundNarrowFloat {
  using Vector = xsimd::batch<T, Arch>;
  using Bits = xsimd::batch<WordOf<T>, Arch>;
  static constexpr int kMantissa = std::numeric_limits<T>::digits - 1;
  static constexpr WordOf<T> kBias = std::numeric_limits<T>::max_exponent - 1;

  static void run(const FloatGrid<T>& grid, const Piece<T>& piece) noexcept {
    if constexpr (kMode == Mode::kNearestEven)
      if (grid.mantissa_bits < kMantissa) return run_by_addition(grid, piece);
    if constexpr (kMode == Mode::kStochastic) return run_on_bits(grid, piece);
    const Scaling scaling(grid);
    const FloatEnds<T, Arch, kMode> ends(grid);
    on_each_vector<T, Arch>(
        piece, [&](Vector x, std::size_t i) noexcept { return ends.finish(scaling.rounded(x, piece, i), x); });
  }

 private:
  /// The magnitude of x in steps, rounded, and back.
  struct Scaling {
    explicit Scaling(const FloatGrid<T>& grid) noexcept
        : beyond(grid.beyond),
          smallest_normal(grid.smallest_normal),
          to_step(mantissa(grid)),
          to_inverse((2 * kBias << kMantissa) + mantissa(grid)),
          random_mask(WordOf<T>{grid.random_mask}) {}

    Vector rounded(Vector x, const Piece<T>& piece, std::size_t i) const noexcept {
      const Vector magnitude = xsimd::min(magnitude_of(x), beyond);  // whatever it is of NaN, finish() replaces it
      const Bits power = as_bits(xsimd::max(magnitude & Vector(kInfinity<T>), smallest_normal));
      const Vector steps = Steps<T, Arch, kMode>::of(magnitude * as_value<T>(to_inverse - power), x);
      return Steps<T, Arch, kMode>::round(steps, x, piece, i, random_mask) * as_value<T>(power - to_step);
    }

    static WordOf<T> mantissa(const FloatGrid<T>& grid) noexcept {
      return static_cast<WordOf<T>>(grid.mantissa_bits) << kMantissa;
    }

    Vector beyond, smallest_normal;
    Bits to_step, to_inverse;  // bits(2^e) - to_step = bits(2^(e-M)),  to_inverse - bits(2^e) = bits(2^(M-e))
    Bits random_mask;
  };

  /// Above the subnormals of the format the dropped bits are the last ones of T, and the random bits are added to them:
  /// a third of the operations. Vectors that hold a subnormal one are scaled.
  static void run_on_bits(const FloatGrid<T>& grid, const Piece<T>& piece) noexcept {
    const FloatEnds<T, Arch, kMode> ends(grid);
    const Scaling scaling(grid);
    const DroppedBits<T, Arch> dropped(grid);
    const Vector smallest_normal(grid.smallest_normal), zero(T{0});
    on_each_vector<T, Arch>(piece, [&](Vector x, std::size_t i) noexcept {
      const Vector magnitude = magnitude_of(x);
      if (xsimd::any((magnitude < smallest_normal) & (magnitude > zero)))
        return ends.finish(scaling.rounded(x, piece, i), x);
      return ends.finish(dropped.cut(as_bits(magnitude) + dropped.random(piece, i)), x);
    });
  }

  /// (magnitude + shift) - shift rounds to nearest even where T itself does, if the last bit of the sum is a step:
  /// shift = 2^(e-M) 2^kMantissa. As magnitude < 2^(e+1) <= shift, the sum stays below 2 shift. Seven operations where
  /// scaling, rounding and scaling back took nine, and no multiplication.
  static void run_by_addition(const FloatGrid<T>& grid, const Piece<T>& piece) noexcept {
    const FloatEnds<T, Arch, kMode> ends(grid);
    const Vector beyond(grid.beyond), smallest_normal(grid.smallest_normal), exponent_mask(kInfinity<T>);
    const Bits to_shift(static_cast<WordOf<T>>(kMantissa - grid.mantissa_bits) << kMantissa);
    on_each_vector<T, Arch>(piece, [&](Vector x, std::size_t) noexcept {
      const Vector magnitude = xsimd::min(magnitude_of(x), beyond);
      const Bits power = as_bits(xsimd::max(magnitude & exponent_mask, smallest_normal));
      const Vector shift = as_value<T>(power + to_shift);
      return ends.finish((magnitude + shift) - shift, x);
    });
  }
};

/// Floats with the exponents of T, whose bits are then those of T but for the dropped ones: a carry out of them is the
/// rounding, whatever it reaches.
template <class T, class Arch, Mode kMode>
struct RoundWideFloat {
  using Vector = xsimd::batch<T, Arch>;
  using Word = WordOf<T>;
  using Bits = xsimd::batch<Word, Arch>;
  static constexpr int kMantissa = std::numeric_limits<T>::digits - 1;

  static void run(const FloatGrid<T>& grid, const Piece<T>& piece) noexcept {
    if constexpr (kMode == Mode::kNearestEven)
      if (grid.mantissa_bits > 0 && grid.mantissa_bits < kMantissa && grid.over[0] == kInfinity<T> &&
          grid.flush_below == 0)
        return run_to_infinity(grid, piece);
    if (grid.mantissa_bits == 0)
      run_on<false>(grid, piece);
    else
      run_on<true>(grid, piece);
  }

 private:
  /// Whether the whole part of a magnitude is odd, as 0 or 1. Without stored bits it is the hidden one.
  template <bool kHasMantissa>
  static Bits odd(Vector magnitude, Vector smallest_normal, int dropped) noexcept {
    const Bits one(Word{1});
    if constexpr (kHasMantissa)
      return (as_bits(magnitude) >> dropped) & one;
    else
      return as_bits(xsimd::select(magnitude >= smallest_normal, as_value<T>(one), Vector(T{0})));
  }

  /// bf16 as everybody knows it: a carry out of the largest value is infinity by itself, and the sign stands above all
  /// that is added. Half the operations.
  static void run_to_infinity(const FloatGrid<T>& grid, const Piece<T>& piece) noexcept {
    const DroppedBits<T, Arch> bits_below(grid);
    const int dropped = bits_below.count;
    const Bits below_half((Word{1} << (dropped - 1)) - 1), one(Word{1});
    const Vector nan(grid.nan);
    on_each_vector<T, Arch>(piece, [&](Vector x, std::size_t) noexcept {
      const Bits bits = as_bits(x);
      return xsimd::select(are_numbers(x, x), bits_below.cut(bits + below_half + ((bits >> dropped) & one)), nan);
    });
  }

  template <bool kHasMantissa>
  static void run_on(const FloatGrid<T>& grid, const Piece<T>& piece) noexcept {
    const FloatEnds<T, Arch, kMode> ends(grid);
    const DroppedBits<T, Arch> bits_below(grid);
    const int dropped = bits_below.count;
    const Word step = Word{1} << dropped;
    const Bits step_bits(step), all_dropped(step - 1), below_half(dropped > 0 ? step / 2 - 1 : 0), half(step / 2),
        none(Word{0});
    [[maybe_unused]] const Bits all(~Word{0});
    const Vector smallest_normal(grid.smallest_normal), zero(T{0});
    on_each_vector<T, Arch>(piece, [&](Vector x, [[maybe_unused]] std::size_t i) noexcept {
      const Vector magnitude = magnitude_of(x);
      const Bits bits = as_bits(magnitude);
      Bits added = none;
      if constexpr (kMode == Mode::kNearestEven) {
        if (dropped > 0) added = below_half + odd<kHasMantissa>(magnitude, smallest_normal, dropped);
      } else if constexpr (kMode == Mode::kNearestAway) {
        if (dropped > 0) added = half;
      } else if constexpr (kMode == Mode::kUp) {
        added = all_dropped & as_bits(xsimd::select(x > zero, as_value<T>(all), zero));
      } else if constexpr (kMode == Mode::kDown) {
        added = all_dropped & as_bits(xsimd::select(x < zero, as_value<T>(all), zero));
      } else if constexpr (kMode == Mode::kToOdd) {
        // A step for what is even, unless nothing is dropped.
        const Bits is_even = odd<kHasMantissa>(magnitude, smallest_normal, dropped) ^ Bits(Word{1});
        added = (none - is_even) & all_dropped;
      } else if constexpr (kMode == Mode::kStochastic) {
        added = bits_below.random(piece, i);
      }
      return ends.finish(bits_below.cut(bits + added), x);
    });
  }
};

}  // namespace udnn::kernels
