// kernels/accumulate.h: products whose accumulator has a format of its own (operands: accumulate_kernels.h).
//
//   acc[i] = round(odd(acc[i] + a[i, k] * b[k]))       8 rows (4 without FMA) of one vector: as many chains
//
// odd(): simd/odd_sum.h. Is it needed? If both factors have few bits, rounding the sum to the carrier first would seem
// safe: with factors of p and q bits and 1 + M of the accumulator, p + q + M + 3 <= 24 leaves room for all bits of sums
// whose terms are of similar size. It is not: 5/8 * 13/8 = 65/64 lies half way between two values of f6.5, and
// 65/64 + 2^-24, which rounds up, is 65/64 in float, which rounds to even. No bound on the digits excludes a tiny term
// beside a product half way, so every sum is rounded to odd. For stochastic rounding it is cut (rounded toward zero):
// accumulate_stochastic.h.
//
// AVX-512 and AVX2 round in both directions and compute in the lanes of the carrier; AVX2 with the environment turned
// to rounding up (to zero), but not where a chunk is summed, which rounds to nearest. The others compute in double,
// where a product of floats is exact. So does fixed point that wraps, whose products must not lose their low bits,
// however large: but first it is tried in the lanes of the others, which is right unless a sum is far beyond the ends.
// That is seen, and then a block is summed once more.
#pragma once

#include <cstddef>
#include <type_traits>

#include "kernels/accumulate_kernels.h"
#include "kernels/accumulate_rounding.h"
#include "kernels/accumulate_stochastic.h"
#include "kernels/simd/odd_sum.h"

namespace udnn::kernels {

/// How a sum comes to the lanes: so that it can be rounded on, or, for kStochastic, cut.
enum class SumTo : unsigned char { kOdd, kZero };

/// Whether a chain of T is summed while the environment rounds as SumTo says; kInChunks: one that sums products before
/// it rounds.
template <class T, class Arch, bool kWraps, bool kInChunks>
inline constexpr bool kSumsInEnvironment =
    kOddFrom<Arch> == OddFrom::kEnvironment && !kInChunks && !(kWraps && std::is_same_v<T, double>);

/// The arithmetic of a chain of T in lanes of L.
template <class T, class L, class Arch, SumTo kSumTo, bool kWraps, bool kInChunks>
struct ChainLanes {
  using Vector = xsimd::batch<L, Arch>;
  static constexpr std::size_t kLanes = Vector::size;
  static constexpr bool kInEnvironment = kSumsInEnvironment<T, Arch, kWraps, kInChunks>;
  static constexpr bool kInOneGo = kOddFrom<Arch> == OddFrom::kInstructions || kInEnvironment;
  static_assert(std::is_same_v<T, L> || std::is_same_v<L, double>);

  explicit ChainLanes(const AccumulatorGrid& grid) noexcept
      : inverse(static_cast<L>(grid.inverse)), unit(static_cast<L>(grid.unit)), modulus(static_cast<L>(grid.modulus)) {}

  /// The first `count` lanes; zeros in the others.
  static Vector load(const T* from, std::size_t count) noexcept {
    if constexpr (std::is_same_v<T, L>) {
      if (count == kLanes && !Part<T, Arch>::kIsFree) return Vector::load_unaligned(from);
      return Part<T, Arch>(count).load(from);
    } else {
      if (count == kLanes) return load_as_double<Arch>(from);
      T lanes[kLanes] = {};
      for (std::size_t i = 0; i < kLanes; ++i)
        if (i < count) lanes[i] = from[i];
      return load_as_double<Arch>(lanes);
    }
  }

  /// Values of T.
  static void store(T* to, Vector value, std::size_t count) noexcept {
    if constexpr (std::is_same_v<T, L>) {
      if (count == kLanes && !Part<T, Arch>::kIsFree)
        value.store_unaligned(to);
      else
        Part<T, Arch>(count).store(to, value);
    } else {
      if (count == kLanes) return store_from_double<Arch>(to, value);
      T lanes[kLanes];
      store_from_double<Arch>(lanes, value);
      for (std::size_t i = 0; i < kLanes; ++i)
        if (i < count) to[i] = lanes[i];
    }
  }

  /// acc + a * b, rounded as kSumTo says; where codes wrap, a * b without its multiples of 2^N codes, or NaN for what
  /// is not finite.
  auto add_product(Vector a, Vector b, Vector acc) const noexcept {
    if constexpr (std::is_same_v<T, float> && std::is_same_v<L, double>) {
      return add(a * b, acc);
    } else if constexpr (kInOneGo && !kWraps) {
      if constexpr (kSumTo == SumTo::kOdd)
        return odd_multiply_add(a, b, acc);
      else
        return lane_sum(multiply_add_toward_zero(a, b, acc));
    } else {
      const ExactProduct<Arch> exact(a, b);
      if constexpr (!kWraps) {
        const ThreeSum<Arch> sum(exact.product, exact.error, acc);
        return lane_sum(rounded_sum(sum.high, sum.low));
      } else {
        // The product as 2^960, when it is larger, is a multiple of 2^N codes, as it should be.
        const ThreeSum<Arch> sum(low_part(exact.product), without_turns(exact.error), acc);
        const Vector all = rounded_sum(sum.high, sum.low);
        return lane_sum(
            xsimd::select(magnitude_of(exact.product) <= Vector(kLargest<L>), all, exact.product - exact.product));
      }
    }
  }

  /// acc + term, rounded so; where codes wrap as above.
  auto add(Vector term, Vector acc) const noexcept {
    Vector low = term;
    if constexpr (kWraps) low = xsimd::select(magnitude_of(term) <= Vector(kLargest<L>), low_part(term), term - term);
    if constexpr (kInOneGo && kSumTo == SumTo::kOdd)
      return odd_add(low, acc);
    else if constexpr (kInOneGo)
      return lane_sum(add_toward_zero<kInEnvironment>(low, acc));
    else
      return lane_sum(rounded_sum(acc, low));
  }

  static LaneSum<L, Arch> lane_sum(Vector value) noexcept { return {value}; }

  /// a * b + partial, rounded once to T.
  static Vector fused(Vector a, Vector b, Vector partial) noexcept {
    if constexpr (std::is_same_v<T, float> && std::is_same_v<L, double>) {
      return rounded_to<float>(odd_sum(a * b, partial));
    } else if constexpr (std::is_same_v<L, double> && !kFuses<Arch>) {
      const ExactProduct<Arch> exact(a, b);
      const ThreeSum<Arch> sum(exact.product, exact.error, partial);
      return sum.high + sum.low;
    } else {
      return multiply_add(a, b, partial);
    }
  }

 private:
  static Vector rounded_sum(Vector a, Vector b) noexcept {
    if constexpr (kSumTo == SumTo::kOdd)
      return odd_sum(a, b);
    else
      return cut_sum(a, b);
  }

  // Whole turns of 2^N codes less.
  Vector without_turns(Vector x) const noexcept {
    const Vector low = low_codes(magnitude_of(x) * inverse, modulus) * unit;
    return xsimd::select(magnitude_of(x) < modulus * unit, x, low | (x & Vector(L{-0.0})));
  }
  // The same, but four: then the sum keeps its sign, which roundings away from and toward zero ask
  // for. The digits of x, of which the first are gone, leave room for the four.
  Vector low_part(Vector x) const noexcept {
    const Vector four = Vector(L{4}) * modulus * unit, magnitude = magnitude_of(x);
    const Vector low = low_codes(magnitude * inverse, modulus) * unit + four;
    return xsimd::select(magnitude < four, x, low | (x & Vector(L{-0.0})));
  }

  Vector inverse, unit, modulus;
};

/// Otherwise: does once more, from the same start, the blocks of which Round gave up.
///
/// Rounding may want other lanes than the chain: floats of chunks that are rounded in double, as two halves.
template <class T, class L, class Arch, class Round, bool kWraps, bool kInChunks, class Otherwise = void>
struct Accumulate {
  using RoundLane = typename Round::L;
  static constexpr SumTo kSumTo = Round::kDraws ? SumTo::kZero : SumTo::kOdd;
  using Lanes = ChainLanes<T, L, Arch, kSumTo, kWraps, kInChunks>;
  using RoundLanes = ChainLanes<T, RoundLane, Arch, kSumTo, kWraps, kInChunks>;
  using Vector = typename Lanes::Vector;
  static constexpr std::size_t kHalves = sizeof(RoundLane) / sizeof(L);
  static_assert(kHalves == 1 || kInChunks);

  static void run(const AccumulateArgs<T>& args) noexcept {
    if constexpr (Lanes::kInEnvironment) {
      const Rounding<Arch, kSumTo == SumTo::kOdd ? Toward::kPositive : Toward::kZero> while_summing;
      all_columns(args);
    } else {
      all_columns(args);
    }
  }

 private:
  [[gnu::noinline]] static void all_columns(const AccumulateArgs<T>& args) noexcept {
    const Accumulate each(*args.grid);
    const std::size_t cols = args.product.cols;
    for (std::size_t j = 0; j < cols; j += Lanes::kLanes) {
      const std::size_t count = cols - j < Lanes::kLanes ? cols - j : Lanes::kLanes;
      if (args.by_column)
        each.template all_rows<4, true>(args, j, count);
      else
        each.template all_rows<kOddFrom<Arch> != OddFrom::kErrors ? 8 : 4, false>(args, j, count);
    }
  }

  explicit Accumulate(const AccumulatorGrid& grid) noexcept : lanes_(grid), round_lanes_(grid), round_(grid) {}

  struct NoDraws {
    void next(const Round&) noexcept {}
  };
  template <std::size_t kRows>
  using Draws = std::conditional_t<Round::kDraws, AccumulatorDraws<RoundLane, Arch, kRows * kHalves>, NoDraws>;

  template <std::size_t kRows>
  static Draws<kRows> draws_of(const AccumulateArgs<T>& args, std::size_t row, std::size_t j,
                               bool rounds_bias) noexcept {
    if constexpr (Round::kDraws) {
      std::uint64_t elements[kRows * kHalves];
      for (std::size_t v = 0; v < kRows * kHalves; ++v) {
        const std::size_t at = row + v / kHalves < args.rows ? row + v / kHalves : args.rows - 1;
        elements[v] = args.draw.element + at * args.draw.element_stride + j + v % kHalves * RoundLanes::kLanes;
      }
      return {args.draw, args.grid->random_bits, rounds_bias ? 0 : args.draw.rounding, elements};
    } else {
      return {};
    }
  }

  // A sum, or for the halves a value, of row i of a block.
  template <class Sum, class DrawsOf>
  static Vector rounded(Round& round, const Sum& sum, [[maybe_unused]] const DrawsOf& draws,
                        [[maybe_unused]] std::size_t i) noexcept {
    if constexpr (Round::kDraws)
      return round(sum, draws.of(i));
    else
      return round(sum);
  }

  template <class DrawsOf>
  Vector rounded_value(Round& round, Vector value, const DrawsOf& draws, std::size_t i) const noexcept {
    if constexpr (kHalves == 1)
      return rounded(round, Lanes::lane_sum(value), draws, i);
    else
      return halves_as_float(round(RoundLanes::lane_sum(half_as_double<false>(value)), draws.of(kHalves * i)),
                             round(RoundLanes::lane_sum(half_as_double<true>(value)), draws.of(kHalves * i + 1)));
  }

  template <class DrawsOf>
  Vector rounded_chunk(Round& round, Vector partial, Vector acc, const DrawsOf& draws, std::size_t i) const noexcept {
    if constexpr (kHalves == 1)
      return rounded(round, lanes_.add(partial, acc), draws, i);
    else
      return halves_as_float(
          round(round_lanes_.add(half_as_double<false>(partial), half_as_double<false>(acc)), draws.of(kHalves * i)),
          round(round_lanes_.add(half_as_double<true>(partial), half_as_double<true>(acc)), draws.of(kHalves * i + 1)));
  }

  // Rows in blocks of kRows, and the rest, when that is enough, in one of 4. Rows that a block has too many repeat the
  // last one: the same chain from the same start.
  template <std::size_t kRows, bool kByColumn>
  void all_rows(const AccumulateArgs<T>& args, std::size_t j, std::size_t count) const noexcept {
    std::size_t row = 0;
    if constexpr (kRows > 4)
      for (; args.rows - row > 4 && row < args.rows; row += kRows) block<kRows, kByColumn>(args, row, j, count);
    for (; row < args.rows; row += 4) block<4, kByColumn>(args, row, j, count);
  }

  template <std::size_t kRows, bool kByColumn>
  void block(const AccumulateArgs<T>& args, std::size_t row, std::size_t j, std::size_t count) const noexcept {
    const GemmArgs<T>& product = args.product;
    std::ptrdiff_t a_at[kRows];
    std::size_t c_at[kRows];
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) {
      const std::size_t at = row + i < args.rows ? row + i : args.rows - 1;
      a_at[i] =
          static_cast<std::ptrdiff_t>(at) * product.a_row_stride + (kByColumn ? static_cast<std::ptrdiff_t>(j) : 0);
      c_at[i] = at * product.c_stride + j;
    }

    const bool rounds_bias = !product.accumulate && product.bias != nullptr;
    Round round = round_;
    Draws<kRows> draws = draws_of<kRows>(args, row, j, rounds_bias);
    Vector acc[kRows];
    if (product.accumulate) {
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kRows; ++i) acc[i] = Lanes::load(product.c + c_at[i], count);
    } else if (rounds_bias) {
      const Vector bias = Lanes::load(product.bias + j, count);
      draws.next(round);
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kRows; ++i) acc[i] = rounded_value(round, bias, draws, i);
    } else {
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kRows; ++i) acc[i] = Vector(L{0});
    }

    const auto each_product = [&](auto&& step) {
      const T* b = product.b + j;
      for (std::size_t o = 0; o < product.k_outer; ++o) {
        const T* a = product.a + product.offsets[o];
        for (std::size_t k = 0; k < product.k_depth; ++k, b += product.b_stride, a += product.a_k_stride)
          step(a, Lanes::load(b, count));
      }
    };
    const auto factor = [&](const T* a) {
      if constexpr (kByColumn)
        return Lanes::load(a, count);
      else
        return Vector(static_cast<L>(*a));
    };

    if constexpr (!kInChunks) {
      each_product([&](const T* a, Vector b_k) {
        draws.next(round);
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kRows; ++i)
          acc[i] = rounded(round, lanes_.add_product(factor(a + a_at[i]), b_k, acc[i]), draws, i);
      });
    } else {
      Vector partial[kRows];
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kRows; ++i)
        partial[i] = args.phase > 0 ? Lanes::load(args.partial + c_at[i], count) : Vector(L{0});
      const auto end_chunk = [&] {
        draws.next(round);
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kRows; ++i) {
          acc[i] = rounded_chunk(round, partial[i], acc[i], draws, i);
          partial[i] = Vector(L{0});
        }
      };
      std::size_t room = args.chunk - args.phase;
      each_product([&](const T* a, Vector b_k) {
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kRows; ++i) partial[i] = Lanes::fused(factor(a + a_at[i]), b_k, partial[i]);
        if (--room != 0) return;
        end_chunk();
        room = args.chunk;
      });
      if (room != args.chunk && args.ends) end_chunk();
      if constexpr (Round::kGivesUp)
        if (round.gave_up()) return once_more(args, row, kRows, j, count);
      if (room != args.chunk && !args.ends) {
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kRows; ++i) Lanes::store(args.partial + c_at[i], partial[i], count);
      }
    }
    if constexpr (Round::kGivesUp && !kInChunks)
      if (round.gave_up()) return once_more(args, row, kRows, j, count);

#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) Lanes::store(product.c + c_at[i], acc[i], count);
  }

  static void once_more(const AccumulateArgs<T>& args, std::size_t row, std::size_t rows, std::size_t j,
                        std::size_t cols) noexcept {
    AccumulateArgs<T> part = args;
    GemmArgs<T>& product = part.product;
    part.rows = args.rows - row < rows ? args.rows - row : rows;
    product.cols = cols;
    product.a +=
        static_cast<std::ptrdiff_t>(row) * product.a_row_stride + (args.by_column ? static_cast<std::ptrdiff_t>(j) : 0);
    product.b += j;
    if (product.bias != nullptr) product.bias += j;
    product.c += row * product.c_stride + j;
    if (part.partial != nullptr) part.partial += row * product.c_stride + j;
    part.draw.element += row * part.draw.element_stride + j;
    if constexpr (kOddFrom<Arch> == OddFrom::kEnvironment) {
      const Rounding<Arch, Toward::kNearest> as_ever;
      Otherwise::run(part);
    } else {
      Otherwise::run(part);
    }
  }

  Lanes lanes_;
  RoundLanes round_lanes_;
  Round round_;
};

/// Picks the lanes, and for floats whether they have the exponents of the lanes.
template <class T, class Arch, AccumulatorMode kMode>
struct AccumulateIn {
  using L = std::conditional_t<kOddFrom<Arch> == OddFrom::kErrors, double, T>;

  static void floats(const AccumulateArgs<T>& args) noexcept {
    if constexpr (std::is_same_v<L, float>)
      if (args.grid->smallest_normal == double{kSmallestNormal<float>})
        return run<L, RoundToFloat<L, Arch, kMode, true>>(args);
    run<L, RoundToFloat<L, Arch, kMode, false>>(args);
  }
  static void fixed(const AccumulateArgs<T>& args) noexcept {
    run<L, RoundToFixed<L, Arch, kMode, FixedEnd::kSaturates>>(args);
  }
  static void wrapped(const AccumulateArgs<T>& args) noexcept {
    if constexpr (std::is_same_v<L, float>)
      if (NearCodes<float, Arch>::can_hold(*args.grid))
        return run<float, RoundToFixed<float, Arch, kMode, FixedEnd::kWrapsNear>, Wrapped>(args);
    run<double, RoundToFixed<double, Arch, kMode, FixedEnd::kWrapsNear>, Wrapped>(args);
  }

 private:
  /// However far beyond the ends.
  template <bool kInChunks>
  using Wrapped = Accumulate<T, double, Arch, RoundToFixed<double, Arch, kMode, FixedEnd::kWraps>, true, kInChunks>;
  template <bool>
  using Never = void;

  template <class Lane, class Round, template <bool> class Otherwise = Never>
  static void run(const AccumulateArgs<T>& args) noexcept {
    if (args.chunk == 1)
      Accumulate<T, Lane, Arch, Round, false, false, Otherwise<false>>::run(args);
    else
      Accumulate<T, Lane, Arch, Round, false, true, Otherwise<true>>::run(args);
  }
};

/// Lanes of float, where they hold the random bits too; else of double, where they always do. Chunks of floats are
/// summed in float and rounded in double.
template <class T, class Arch>
struct AccumulateIn<T, Arch, AccumulatorMode::kStochastic> {
  static constexpr bool kHasFloats = std::is_same_v<T, float> && kOddFrom<Arch> != OddFrom::kErrors;

  static void floats(const AccumulateArgs<T>& args) noexcept {
    // A sum that is too large for a float is cut to its largest, which is one of f8.M or nearly so.
    const AccumulatorGrid& grid = *args.grid;
    if (args.chunk != 1) return chunks<ToFloat>(args);
    if constexpr (kHasFloats)
      if (grid.mantissa_bits + grid.random_bits < std::numeric_limits<float>::digits && grid.beyond <= 0x1p64)
        return each<float, ToFloat>(args);
    each<double, ToFloat>(args);
  }
  static void fixed(const AccumulateArgs<T>& args) noexcept {
    const AccumulatorGrid& grid = *args.grid;
    if (args.chunk != 1) return chunks<ToFixed>(args);
    if constexpr (kHasFloats)
      if (grid.modulus * static_cast<double>(std::uint64_t{1} << grid.random_bits) <= 0x1p24)
        return each<float, ToFixed>(args);
    each<double, ToFixed>(args);
  }
  static void wrapped(const AccumulateArgs<T>& args) noexcept {
    if (args.chunk != 1) return Wrapped<true>::run(args);
    if constexpr (kHasFloats)
      if (NearCodes<float, Arch>::can_hold(*args.grid))
        return Accumulate<T, float, Arch, ToNear<float>, false, false, Wrapped<false>>::run(args);
    Accumulate<T, double, Arch, ToNear<double>, false, false, Wrapped<false>>::run(args);
  }

 private:
  template <class Lane, bool kInChunks>
  using ToFloat = StochasticToFloat<Lane, Arch, kSumsInEnvironment<T, Arch, false, kInChunks>>;
  template <class Lane, bool kInChunks>
  using ToFixed = StochasticToFixed<Lane, Arch, FixedEnd::kSaturates, kSumsInEnvironment<T, Arch, false, kInChunks>>;
  template <class Lane>
  using ToNear = StochasticToFixed<Lane, Arch, FixedEnd::kWrapsNear, kSumsInEnvironment<T, Arch, false, false>>;

  template <template <class, bool> class Round>
  static void chunks(const AccumulateArgs<T>& args) noexcept {
    Accumulate<T, ChunkLane, Arch, Round<double, true>, false, true>::run(args);
  }
  template <class Lane, template <class, bool> class Round>
  static void each(const AccumulateArgs<T>& args) noexcept {
    Accumulate<T, Lane, Arch, Round<Lane, false>, false, false>::run(args);
  }

  using ChunkLane = std::conditional_t<kHasFloats, float, double>;
  /// However far beyond the ends.
  template <bool kInChunks>
  using Wrapped =
      Accumulate<T, std::conditional_t<kInChunks, ChunkLane, double>, Arch,
                 StochasticToFixed<double, Arch, FixedEnd::kWraps, kSumsInEnvironment<T, Arch, true, kInChunks>>, true,
                 kInChunks>;
};

}  // namespace udnn::kernels
