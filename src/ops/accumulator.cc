#include "src/ops/accumulator.h"

#include <algorithm>
#include <cmath>

#include "src/base/philox.h"
#include "src/base/refusal.h"
#include "src/numbers/quantizer.h"

namespace udnn::ops {

namespace {

using kernels::AccumulatorGrid;
using kernels::AccumulatorKind;
using kernels::AccumulatorMode;

// What a carrier can keep, with the two bits below that rounding to odd needs. Exponents leave room for the steps of
// the kernels in float, and for products beyond them in double.
struct Limits {
  const char* carrier;
  int significant_bits;
  int exponent_bits;
  int fixed_exponent;  // of one code and of the largest, up and down
};
constexpr Limits kFloatLimits{"float", 22, 8, 126};
constexpr int kWrappedBits = 47;  // sums of codes that wrap have up to three bits more before they do
constexpr Limits kDoubleLimits{"double", 51, 10, 500};
// Lanes hold the random bits below the significant ones, and those three of sums that wrap.
constexpr int kStochasticBits = 53, kStochasticWrappedBits = 49;

bool is_fixed(const Format& format) noexcept {
  return format.family == Family::kFixed || format.family == Family::kUnsignedFixed;
}

bool is_carrier(const Format& format, bool is_double) noexcept {
  return format.family == Family::kFloat && format.exponent_bits == (is_double ? 11 : 8) &&
         format.mantissa_bits == (is_double ? 52 : 23) && format.rounding == Rounding::kNearestEven &&
         format.overflow == Overflow::kInfinity && !format.flushes_subnormals && format.chunk == 0;
}

Status refused(const Format& format, std::string_view why) {
  return base::refusal(StatusCode::kUnsupported, "{}: {}", to_string(format), why);
}

Status accepts(const Format& format, const Limits& limits) {
  const bool is_float = format.family == Family::kFloat || format.family == Family::kOcpFloat;
  if (!is_float && !is_fixed(format))
    return refused(format, "no accumulator: the running sum of a product is fE.M, e4m3, fxI.F or ufxI.F");
  const FormatTraits t = traits(format);
  const bool wraps = is_fixed(format) && format.overflow == Overflow::kWrap;
  const int most_bits = wraps ? std::min(limits.significant_bits, kWrappedBits) : limits.significant_bits;
  if (t.significant_bits > most_bits)
    return base::refusal(StatusCode::kUnsupported,
                         "{}: {} significant bits, expected at most {} of an accumulator in the {} carrier",
                         to_string(format), t.significant_bits, most_bits, limits.carrier);
  const int most_together = wraps ? kStochasticWrappedBits : kStochasticBits;
  if (format.rounding == Rounding::kStochastic && t.significant_bits + format.random_bits > most_together)
    return base::refusal(StatusCode::kUnsupported,
                         "{}: {} significant and {} random bits, expected at most {} together of an accumulator, as "
                         "with sr{}",
                         to_string(format), t.significant_bits, format.random_bits, most_together,
                         most_together - t.significant_bits);
  if (is_float && format.mantissa_bits == 0)
    return refused(format, "no mantissa bits, expected at least 1 of an accumulator");
  // A sum that rounding to odd made the largest float may be one that would overflow in f8.M, or not.
  const int most_exponents =
      format.rounding == Rounding::kToOdd && limits.exponent_bits == 8 ? 7 : limits.exponent_bits;
  if (is_float && format.exponent_bits > most_exponents)
    return base::refusal(StatusCode::kUnsupported,
                         "{}: {} exponent bits, expected at most {} of an accumulator in the {} carrier",
                         to_string(format), format.exponent_bits, most_exponents, limits.carrier);
  if (is_fixed(format) &&
      (std::abs(format.fraction_bits) > limits.fixed_exponent || std::abs(t.max_exponent) > limits.fixed_exponent))
    return base::refusal(StatusCode::kUnsupported,
                         "{}: codes from 2^{} to 2^{}, expected within 2^-{} and 2^{} of an accumulator in the {} "
                         "carrier",
                         to_string(format), -format.fraction_bits, t.max_exponent, limits.fixed_exponent,
                         limits.fixed_exponent, limits.carrier);
  return {};
}

AccumulatorMode mode_of(Rounding rounding) noexcept {
  switch (rounding) {
    case Rounding::kNearestEven:
      return AccumulatorMode::kNearestEven;
    case Rounding::kNearestAway:
      return AccumulatorMode::kNearestAway;
    case Rounding::kToOdd:
      return AccumulatorMode::kToOdd;
    case Rounding::kStochastic:
      return AccumulatorMode::kStochastic;
    default:
      return AccumulatorMode::kDirected;
  }
}

AccumulatorGrid grid_of(const Format& format) noexcept {
  const FormatTraits t = traits(format);
  AccumulatorGrid grid;
  grid.steps_on[0] = format.rounding == Rounding::kUp;
  grid.steps_on[1] = format.rounding == Rounding::kDown;
  grid.random_bits = format.random_bits;
  if (is_fixed(format)) {
    grid.unit = std::ldexp(1.0, -format.fraction_bits);
    grid.inverse = std::ldexp(1.0, format.fraction_bits);
    grid.lowest = t.lowest * grid.inverse;
    grid.highest = t.largest * grid.inverse;
    grid.modulus = std::ldexp(1.0, format.bits);
    return grid;
  }
  grid.mantissa_bits = format.mantissa_bits;
  grid.smallest_normal = std::ldexp(1.0, t.min_exponent);
  grid.beyond = std::ldexp(1.0, std::max(t.max_exponent + 1, t.min_exponent));
  grid.largest = t.largest;
  for (const bool is_negative : {false, true})
    grid.over[is_negative] = numbers::beyond_range(format, t.largest, is_negative);
  grid.flushes = format.flushes_subnormals;
  return grid;
}

}  // namespace

bool accumulates_in_float(const Format& format) {
  return is_carrier(format, false) || accepts(format, kFloatLimits).ok();
}

template <class T>
Result<Accumulator<T>> Accumulator<T>::create(const Format& format, const kernels::KernelTable& table,
                                              std::uint64_t seed, std::uint32_t tensor) {
  if (std::is_same_v<T, kernels::Wide>)
    return base::refusal(StatusCode::kUnsupported,
                         "{}: no narrow accumulator beside formats of more than 53 significant bits, expected none",
                         to_string(format));
  constexpr bool kIsDouble = sizeof(T) == sizeof(double);
  Accumulator made;
  if (ops::is_carrier(format, kIsDouble)) return made;
  if (Status status = accepts(format, kIsDouble ? kDoubleLimits : kFloatLimits); !status.ok()) return status;
  made.grid_ = grid_of(format);
  made.chunk_ = static_cast<std::size_t>(std::max(format.chunk, 1));
  made.seed_ = seed;
  made.tensor_ = tensor;
  const AccumulatorKind kind = !is_fixed(format)                    ? AccumulatorKind::kFloat
                               : format.overflow == Overflow::kWrap ? AccumulatorKind::kFixedWrapped
                                                                    : AccumulatorKind::kFixed;
  made.run_ = table.carrier<T>()
                  .accumulate.run[static_cast<std::size_t>(kind)][static_cast<std::size_t>(mode_of(format.rounding))];
  return made;
}

template <class T>
kernels::AccumulatorDraw Accumulator<T>::draw(Product product, const DrawPlace& place) const noexcept {
  if (grid_.random_bits == 0) return {};
  const auto key = base::philox4x32({static_cast<std::uint32_t>(product), 0, place.step,
                                     static_cast<std::uint32_t>(base::Purpose::kAccumulating) << 24U | tensor_},
                                    {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32U)});
  return {.key = {key[0], key[1]}, .element = place.first_element};
}

template <class T>
void Accumulator<T>::run(const kernels::GemmArgs<T>& product, std::size_t rows, bool by_column,
                         const ChainState<T>& state, kernels::AccumulatorDraw draw) const noexcept {
  draw.rounding = 1 + state.products / chunk_;
  run_({.product = product,
        .rows = rows,
        .by_column = by_column,
        .grid = &grid_,
        .chunk = chunk_,
        .phase = state.products % chunk_,
        .ends = state.ends,
        .partial = state.partial,
        .draw = draw});
}

template <class T>
void Accumulator<T>::add(std::size_t count, const T* terms, T* sums,
                         const kernels::AccumulatorDraw& draw) const noexcept {
  // A row of one product: 1 * terms, whose chunk ends at once.
  constexpr T kOne{1};
  constexpr std::ptrdiff_t kAtOnce = 0;
  run({.k_depth = 1,
       .k_outer = 1,
       .offsets = &kAtOnce,
       .a = &kOne,
       .a_row_stride = 0,
       .a_k_stride = 0,
       .b = terms,
       .b_stride = count,
       .bias = nullptr,
       .c = sums,
       .c_stride = count,
       .cols = count,
       .accumulate = true},
      1, false, {}, draw);
}

template class Accumulator<float>;
template class Accumulator<double>;
template class Accumulator<kernels::Wide>;

}  // namespace udnn::ops
