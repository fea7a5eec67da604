#include "src/numbers/quantizer.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>
#include <type_traits>

#include "src/base/bits.h"
#include "src/base/philox.h"
#include "src/base/refusal.h"
#include "src/numbers/block_scale.h"
#include "src/numbers/posit.h"

namespace udnn::numbers {

namespace {

using base::is_power_of_two;
using base::low_bits;

constexpr std::size_t kBlock = 256;   ///< elements whose scales, words and results lie on the stack together: 15 KiB
constexpr std::size_t kDrawn = 1024;  ///< elements whose words are drawn at once where they have no scales: 4 KiB of L1

bool has_integer_codes(Family family) noexcept { return family == Family::kInt || family == Family::kUnsignedInt; }

/// Whether a Quantizer<Wide> rounds to the format.
bool computes_in_wide(const Format& format) noexcept {
  switch (format.family) {
    case Family::kFloat:
    case Family::kOcpFloat:
    case Family::kFixed:
    case Family::kUnsignedFixed:
    case Family::kDynamicFixed:
    case Family::kTernary:
    case Family::kBinary:
      return true;
    default:
      return false;
  }
}

std::uint32_t upper_bits(int count) noexcept {
  return count == 0 ? 0 : ~std::uint32_t{0} << static_cast<unsigned>(32 - count);
}

template <class T>
kernels::FloatGrid<T> float_grid(const Format& format, const FormatTraits& t) noexcept {
  const double beyond = std::ldexp(1.0, std::max(t.max_exponent + 1, t.min_exponent));
  kernels::FloatGrid<T> grid{};
  grid.mantissa_bits = format.mantissa_bits;
  grid.smallest_normal = static_cast<T>(std::ldexp(1.0, t.min_exponent));
  grid.beyond = static_cast<T>(beyond);
  grid.largest = static_cast<T>(t.largest);
  grid.over[0] = static_cast<T>(beyond_range(format, t.largest, false));
  grid.over[1] = static_cast<T>(beyond_range(format, t.largest, true));
  grid.nan = t.has_nan ? std::numeric_limits<T>::quiet_NaN() : T{0};
  grid.flush_below = format.flushes_subnormals ? grid.smallest_normal : T{0};
  grid.random_mask = upper_bits(format.random_bits);
  return grid;
}

/// Every value of T is one of the format, and infinity stays infinity.
template <class T>
bool is_carrier(const Format& format) noexcept {
  if (std::is_same_v<T, kernels::Wide>) return false;
  const bool has_all = format.exponent_bits == (sizeof(T) == 4 ? 8 : 11) &&
                       format.mantissa_bits == std::numeric_limits<T>::digits - 1 && !format.flushes_subnormals;
  return has_all && std::isinf(beyond_range(format, 0, false)) && std::isinf(beyond_range(format, 0, true));
}

std::uint64_t float_code(const Format& format, const FormatTraits& t, double value) noexcept {
  const int m = format.mantissa_bits;
  const std::uint64_t exponent_ones = low_bits(format.exponent_bits) << m;
  if (std::isnan(value))
    return t.has_infinity ? exponent_ones | std::uint64_t{1} << (m - 1) : exponent_ones | low_bits(m);
  const std::uint64_t sign = std::signbit(value) ? std::uint64_t{1} << (format.bits - 1) : 0;
  const double magnitude = std::abs(value);
  if (std::isinf(magnitude)) return sign | exponent_ones;
  if (magnitude < std::ldexp(1.0, t.min_exponent))
    return sign | static_cast<std::uint64_t>(std::ldexp(magnitude, m - t.min_exponent));
  const int exponent = std::ilogb(magnitude);
  const std::int64_t field = std::int64_t{exponent} - t.min_exponent + 1;
  return sign | static_cast<std::uint64_t>(field) << m |
         (static_cast<std::uint64_t>(std::ldexp(magnitude, m - exponent)) & low_bits(m));
}

double float_value(const Format& format, const FormatTraits& t, std::uint64_t code) noexcept {
  const int m = format.mantissa_bits;
  const bool is_negative = (code >> (format.bits - 1) & 1) != 0;
  const auto mantissa = static_cast<double>(code & low_bits(m));
  const auto field = static_cast<int>(code >> m & low_bits(format.exponent_bits));
  const bool is_last = static_cast<std::uint64_t>(field) == low_bits(format.exponent_bits);
  double magnitude = 0;
  if (t.has_infinity && is_last) {
    if (mantissa != 0) return std::numeric_limits<double>::quiet_NaN();
    magnitude = std::numeric_limits<double>::infinity();
  } else if (t.has_nan && is_last && (code & low_bits(m)) == low_bits(m)) {
    return std::numeric_limits<double>::quiet_NaN();
  } else if (field == 0) {
    magnitude = std::ldexp(mantissa, t.min_exponent - m);
  } else {
    magnitude = std::ldexp(mantissa + std::ldexp(1.0, m), t.min_exponent - m + field - 1);
  }
  return is_negative ? -magnitude : magnitude;
}

/// value / unit as the element that it was before the carrier rounded the product.
double nearest_element(const Format& format, const FormatTraits& t, double value, double unit) noexcept {
  const double quotient = unit > 0 ? value / unit : value;
  if (quotient == 0 || !std::isfinite(quotient)) return quotient;
  const int exponent = std::max(std::ilogb(quotient), t.min_exponent) - format.mantissa_bits;
  return std::ldexp(std::nearbyint(std::ldexp(quotient, -exponent)), exponent);
}

/// po2: from the largest exponent of the window to the least.
int power_window(const Format& format) noexcept { return (1 << (format.bits - 1)) - (format.is_log ? 1 : 2); }

/// The random words of pieces of up to kCount elements.
template <std::size_t kCount>
class RandomWords {
 public:
  explicit RandomWords(const Draw& draw) noexcept
      : key_{{static_cast<std::uint32_t>(draw.seed), static_cast<std::uint32_t>(draw.seed >> 32U)},
             draw.step,
             static_cast<std::uint32_t>(base::Purpose::kRounding) << 24U | draw.tensor} {}

  template <class T>
  const std::uint32_t* of(const kernels::QuantizeKernels<T>& kernels, std::uint64_t first, std::size_t count) noexcept {
    kernels.philox(key_, first / 4, (first % 4 + count + 3) / 4, words_);
    return words_ + first % 4;
  }

 private:
  kernels::PhiloxKey key_;
  // From the block of the first element on: up to 3 words before it, and up to 64 that kernels may write or read too
  // many.
  alignas(64) std::uint32_t words_[kCount + 4 + 64];
};

std::int64_t sign_extended(std::uint64_t code, int bits) noexcept {
  const auto unused = static_cast<unsigned>(64 - bits);
  return static_cast<std::int64_t>(code << unused) >> unused;
}

}  // namespace

double beyond_range(const Format& format, double largest, bool is_negative) noexcept {
  const bool points_inward =
      format.rounding == Rounding::kTowardZero || format.rounding == (is_negative ? Rounding::kUp : Rounding::kDown);
  if (format.overflow == Overflow::kSaturate || points_inward) return largest;
  return format.overflow == Overflow::kNan ? std::numeric_limits<double>::quiet_NaN()
                                           : std::numeric_limits<double>::infinity();
}

template <class T>
struct Quantizer<T>::ScaledBlock {
  using Real = kernels::RealOf<T>;
  double unit[kBlock], lowest[kBlock], highest[kBlock], threshold[kBlock];
  Real lowest_value[kBlock], highest_value[kBlock];
  std::size_t period = kBlock;  ///< elements of a full piece

  kernels::ScaledGrid grid(const Format& format) const noexcept {
    const double modulus =
        format.overflow == Overflow::kWrap && has_integer_codes(format.family) ? std::ldexp(1.0, format.bits) : 0;
    return {unit, lowest, highest, threshold, modulus, upper_bits(format.random_bits)};
  }

  void set(std::size_t at, const FormatTraits& t, const Scale& scale) noexcept {
    unit[at] = scale.unit;
    threshold[at] = scale.threshold;
    lowest[at] = t.lowest - scale.zero_point;
    highest[at] = t.largest - scale.zero_point;
    lowest_value[at] = lowest[at] * scale.unit;
    highest_value[at] = highest[at] * scale.unit;
  }

  void copy(std::size_t from, std::size_t to) noexcept {
    for (double* values : {unit, lowest, highest, threshold}) values[to] = values[from];
    for (Real* values : {lowest_value, highest_value}) values[to] = values[from];
  }

  /// Another scale for `count` neighbours, all else as set() has it. (Half of the time of a block of 32 went into
  /// copying what all blocks share.)
  void rescale(std::size_t at, std::size_t count, double scale) noexcept {
    std::fill_n(unit + at, count, scale);
    std::fill_n(lowest_value + at, count, Real{lowest[at]} * scale);
    std::fill_n(highest_value + at, count, Real{highest[at]} * scale);
  }

  /// The first `count` entries go on as they began.
  void repeat(std::size_t from, std::size_t count) noexcept {
    for (std::size_t i = from; i < count; ++i) copy(i - from, i);
  }
};

template <class T>
Result<Quantizer<T>> Quantizer<T>::create(const Format& format, const kernels::KernelTable& table) {
  constexpr bool kIsFloat = std::is_same_v<T, float>, kIsWide = std::is_same_v<T, kernels::Wide>;
  if (kIsFloat && !fits_float_carrier(format) && !is_carrier<T>(format) &&
      !(format.family == Family::kFloat && format.exponent_bits <= 8 && format.mantissa_bits <= 23))
    return base::invalid("{}: does not fit the float carrier, expected double", to_string(format));
  if (!kIsWide && !fits_double_carrier(format))
    return base::refusal(StatusCode::kUnsupported, "{}: {} significant bits, expected at most {} in the double carrier",
                         to_string(format), traits(format).significant_bits, std::numeric_limits<double>::digits);
  if (kIsWide && !computes_in_wide(format))
    return base::refusal(
        StatusCode::kUnsupported,
        "{}: does not compute in the wide carrier, that of formats of more than {} significant bits, where "
        "only fE.M, e4m3 and its like, fx, ufx, dfx, t2 and b1 do",
        to_string(format), std::numeric_limits<double>::digits);

  Quantizer made;
  made.format_ = format;
  made.traits_ = traits(format);
  made.kernels_ = &table.carrier<T>().quantize;
  made.needs_scale_ = made.traits_.is_dynamic;
  switch (format.family) {
    case Family::kFloat:
    case Family::kOcpFloat:
      made.float_grid_ = float_grid<T>(format, made.traits_);
      made.method_ = is_carrier<T>(format)                                     ? Method::kIdentity
                     : !kIsWide && format.exponent_bits == (kIsFloat ? 8 : 11) ? Method::kWideFloat
                                                                               : Method::kNarrowFloat;
      break;
    case Family::kFixed:
    case Family::kUnsignedFixed:
      made.method_ = Method::kFixed;
      break;
    case Family::kDynamicFixed:
      made.method_ = Method::kDynamicFixed;
      break;
    case Family::kTernary:
      made.method_ = Method::kTernary;
      break;
    case Family::kBinary:
      made.method_ = Method::kBinary;
      break;
    case Family::kPosit:
      made.method_ = Method::kPosit;
      break;
    case Family::kPowerOfTwo:
      made.method_ = Method::kPower;
      break;
    case Family::kMx:
    case Family::kNvfp4:
      made.method_ = format.exponent_bits > 0 ? Method::kScaledFloat : Method::kInteger;
      break;
    default:
      made.method_ = Method::kInteger;
      break;
  }
  // Blocks find their own scales; of a tensor only nvfp4 wants one.
  if (format.block != 0) made.needs_scale_ = format.family == Family::kNvfp4;
  if (format.family == Family::kMx && format.exponent_bits == 0) {  // the element is code / 64: fold it into the unit
    made.traits_.lowest *= 64;
    made.traits_.largest *= 64;
  }
  if (format.scale_rule == ScaleRule::kFixed) {
    made.given_unit_ = format.scale_value;
    if (Status status = made.accepts({.unit = format.scale_value}); !status.ok()) return status;
    if (format.block != 0 && !block_scale_code(format, format.scale_value, 1))
      return base::invalid("{}: scale {}, which a block cannot keep: beyond E8M0, 2^-127 to 2^127", to_string(format),
                           format.scale_value);
  }
  return made;
}

template <class T>
Status Quantizer<T>::accepts(const Scale& scale) const {
  constexpr bool kIsFloat = std::is_same_v<T, float>;
  const double least = kIsFloat ? 0x1p-126 : 0x1p-900;
  const double most = kIsFloat ? std::ldexp(1.0, 126 - format_.bits) : 0x1p900;
  switch (method_) {
    case Method::kDynamicFixed:
    case Method::kInteger:
    case Method::kPower:
    case Method::kScaledFloat:
      if ((method_ == Method::kDynamicFixed || method_ == Method::kPower) && !is_power_of_two(scale.unit))
        return base::invalid("{}: scale {}, expected a power of two", to_string(format_), scale.unit);
      if (!(scale.unit >= least && scale.unit <= most))
        return base::invalid("{}: scale {}, expected {} to {}", to_string(format_), scale.unit, least, most);
      break;
    case Method::kBinary:
    case Method::kTernary:
      if (!(scale.unit >= 0 && scale.unit <= std::numeric_limits<T>::max()))
        return base::invalid("{}: scale {}, expected a finite value of 0 or more", to_string(format_), scale.unit);
      if (!(scale.threshold >= 0))
        return base::invalid("{}: threshold {}, expected 0 or more", to_string(format_), scale.threshold);
      break;
    default:
      return {};
  }
  const double codes = format_.family == Family::kUnsignedInt ? traits_.largest : 0;
  if (!(scale.zero_point >= 0 && scale.zero_point <= codes && scale.zero_point == std::floor(scale.zero_point)))
    return base::invalid("{}: zero point {}, expected a whole number of 0 to {}", to_string(format_), scale.zero_point,
                         codes);
  return {};
}

template <class T>
kernels::FixedGrid<T> Quantizer<T>::fixed_grid(double unit) const noexcept {
  const bool is_dynamic = method_ == Method::kDynamicFixed;
  const double step = is_dynamic ? unit : std::ldexp(1.0, -format_.fraction_bits);
  // From the width: traits_ has them as doubles, which 64 bits do not fit.
  const bool is_signed = format_.family != Family::kUnsignedFixed;
  const T modulus = std::ldexp(T{1}, format_.bits), highest = (is_signed ? modulus / 2 : modulus) - 1;
  const bool is_symmetric = is_dynamic && format_.overflow != Overflow::kWrap;
  return {static_cast<T>(step),
          static_cast<T>(1 / step),
          is_signed ? -highest - (is_symmetric ? 0 : 1) : T{0},
          highest,
          modulus,
          upper_bits(format_.random_bits)};
}

template <class T>
std::pair<T, T> Quantizer<T>::ends(const Scale& scale) const noexcept {
  if (is_fixed()) {
    const kernels::FixedGrid<T> grid = fixed_grid(scale.unit);
    return {grid.lowest * grid.unit, grid.highest * grid.unit};
  }
  return {static_cast<T>((traits_.lowest - scale.zero_point) * scale.unit),
          static_cast<T>((traits_.largest - scale.zero_point) * scale.unit)};
}

template <class T>
kernels::PowerGrid<T> Quantizer<T>::power_grid(double top) const noexcept {
  constexpr int kLeastNormal = std::numeric_limits<T>::min_exponent - 1;
  const int bottom = std::max(std::ilogb(top) - power_window(format_), kLeastNormal);
  return {.top = static_cast<T>(top),
          .bottom = static_cast<T>(std::ldexp(1.0, bottom)),
          .least = static_cast<T>(format_.is_log ? 0 : std::ldexp(1.0, bottom - 1)),
          .by_logarithm = format_.is_log};
}

template <class T>
void Quantizer<T>::round(const kernels::Piece<T>& piece, double unit, const kernels::FixedGrid<T>& fixed,
                         const kernels::ScaledGrid& scaled) const noexcept {
  const auto mode = static_cast<std::size_t>(format_.rounding);
  switch (method_) {
    case Method::kIdentity:
      std::memmove(piece.q, piece.x, piece.count * sizeof(T));
      break;
    case Method::kFixed:
    case Method::kDynamicFixed:
      (format_.overflow == Overflow::kWrap ? kernels_->fixed_wrapped : kernels_->fixed)[mode](fixed, piece);
      break;
    case Method::kNarrowFloat:
      kernels_->narrow_float[mode](float_grid_, piece);
      break;
    case Method::kWideFloat:
      kernels_->wide_float[mode](float_grid_, piece);
      break;
    case Method::kPosit:
      kernels_->posit({.bits = static_cast<double>(format_.bits),
                       .exponent_bits = static_cast<double>(format_.exponent_bits),
                       .run_length = std::ldexp(1.0, format_.exponent_bits),
                       .largest = traits_.largest,
                       .nan = std::numeric_limits<double>::quiet_NaN()},
                      piece);
      break;
    case Method::kPower:
      kernels_->power(power_grid(unit), piece);
      break;
    case Method::kScaledFloat:
      kernels_->scaled_float[mode]({.unit = scaled.unit,
                                    .steps_in_binade = std::ldexp(1.0, format_.mantissa_bits),
                                    .smallest_normal = traits_.smallest_normal,
                                    .largest = traits_.largest,
                                    .nan = traits_.has_nan ? std::numeric_limits<double>::quiet_NaN() : 0,
                                    .random_mask = scaled.random_mask},
                                   piece);
      break;
    case Method::kInteger:
      kernels_->integer[mode](scaled, piece);
      break;
    case Method::kBinary:
      kernels_->binary(scaled, piece);
      break;
    case Method::kTernary:
      kernels_->ternary(scaled, piece);
      break;
  }
}

template <class T>
void Quantizer<T>::run_pieces(const T* x, T* q, std::size_t count, std::uint64_t first_element, const Draw& draw,
                              const kernels::FixedGrid<T>& fixed, const ScaledBlock& block,
                              TensorStatistics* statistics) const noexcept {
  const kernels::ScaledGrid scaled = block.grid(format_);
  const bool is_stochastic = format_.rounding == Rounding::kStochastic && method_ != Method::kIdentity;
  RandomWords<kBlock> words(draw);
  alignas(64) T rounded[kBlock];
  for (std::size_t done = 0; done < count; done += block.period) {
    const std::size_t size = std::min(block.period, count - done);
    T* const to = statistics != nullptr ? rounded : q + done;
    const std::uint32_t* drawn = is_stochastic ? words.of(*kernels_, first_element + done, size) : nullptr;
    round({x + done, to, size, drawn}, block.unit[0], fixed, scaled);
    if (statistics == nullptr) continue;
    const kernels::PieceSums sums = kernels_->sums(x + done, rounded, size, block.lowest_value, block.highest_value);
    statistics->merge({.count = size,
                       .zeros_in = static_cast<std::uint64_t>(sums.zeros_in),
                       .zeros_out = static_cast<std::uint64_t>(sums.zeros_out),
                       .saturated = static_cast<std::uint64_t>(sums.saturated),
                       .non_finite = static_cast<std::uint64_t>(sums.non_finite),
                       .max_abs = sums.max_abs,
                       .error_sum = sums.error_sum,
                       .error_squares = sums.error_squares,
                       .value_squares = sums.value_squares});
    std::memcpy(q + done, rounded, size * sizeof(T));
  }
}

template <class T>
void Quantizer<T>::run(const T* x, T* q, std::size_t count, std::uint64_t first_element, const Draw& draw,
                       const Scale& scale, TensorStatistics* statistics) const noexcept {
  if (count == 0) return;
  Scale used = scale;
  if (format_.scale_rule == ScaleRule::kFixed) used = {.unit = given_unit_};
  if (format_.is_unit) used.unit = 1;
  if (!needs_scale_ && format_.family == Family::kBinary) used = {};
  assert(accepts(used).ok());
  if (format_.block != 0) return run_blocks(x, q, count, 1, first_element, draw, used, nullptr, statistics);
  const kernels::FixedGrid<T> fixed = is_fixed() ? fixed_grid(used.unit) : kernels::FixedGrid<T>{};
  if (!is_scaled() && statistics == nullptr) {
    if (method_ == Method::kIdentity && x == q) return;
    if (method_ == Method::kIdentity || format_.rounding != Rounding::kStochastic)
      return round({x, q, count, nullptr}, used.unit, fixed, {});
    RandomWords<kDrawn> words(draw);
    for (std::size_t done = 0; done < count; done += kDrawn) {
      const std::size_t size = std::min(kDrawn, count - done);
      round({x + done, q + done, size, words.of(*kernels_, first_element + done, size)}, used.unit, fixed, {});
    }
    return;
  }
  ScaledBlock block;
  block.set(0, traits_, is_scaled() || method_ == Method::kDynamicFixed || method_ == Method::kPower ? used : Scale{});
  if (is_fixed()) std::tie(block.lowest_value[0], block.highest_value[0]) = ends(used);
  block.repeat(1, std::min(count, kBlock));
  run_pieces(x, q, count, first_element, draw, fixed, block, statistics);
}

template <class T>
void Quantizer<T>::run_channels(const T* x, T* q, std::size_t rows, std::size_t channels, std::uint64_t first_row,
                                const Draw& draw, const Scale* scales, TensorStatistics* statistics) const noexcept {
  if (rows == 0 || channels == 0) return;
  // One scale serves all channels where it is the tensor's, or the format's own.
  if (!is_scaled() || !needs_scale_)
    return run(x, q, rows * channels, first_row * channels, draw, scales == nullptr ? Scale{} : scales[0], statistics);

  const auto set = [&](ScaledBlock& block, std::size_t at, std::size_t channel) noexcept {
    Scale used = scales[channel];
    if (format_.is_unit) used.unit = 1;
    block.set(at, traits_, used);
  };
  ScaledBlock block;
  if (channels <= kBlock) {  // whole rows, as many as fit
    for (std::size_t c = 0; c < channels; ++c) set(block, c, c);
    block.period = kBlock / channels * channels;
    block.repeat(channels, block.period);
    return run_pieces(x, q, rows * channels, first_row * channels, draw, {}, block, statistics);
  }
  for (std::size_t begin = 0; begin < channels; begin += kBlock) {
    const std::size_t width = std::min(kBlock, channels - begin);
    for (std::size_t c = 0; c < width; ++c) set(block, c, begin + c);
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t at = row * channels + begin;
      run_pieces(x + at, q + at, width, first_row * channels + at, draw, {}, block, statistics);
    }
  }
}

template <class T>
double Quantizer<T>::unit_of(const T* x, std::size_t count, std::size_t stride, T largest,
                             const Scale& tensor) const noexcept {
  const auto magnitude = static_cast<double>(largest);
  return looks_past_largest(format_) ? block_unit_of(format_, traits_, x, count, stride, magnitude)
                                     : block_unit(format_, traits_, magnitude, tensor.unit);
}

template <class T>
void Quantizer<T>::block_scales(const T* x, std::size_t length, std::size_t inner, const Scale& tensor,
                                Scale* scales) const noexcept {
  for (std::size_t begin = 0, b = 0; begin < length; begin += block(), ++b) {
    const std::size_t size = std::min(block(), length - begin);
    if (inner == 1)
      scales[b] = {.unit = unit_of(x + begin, size, 1, kernels_->largest(x + begin, size), tensor)};
    else
      for (std::size_t column = 0; column < inner; column += kBlock)
        column_scales(x + begin * inner + column, size, inner, std::min(kBlock, inner - column), tensor,
                      scales + b * inner + column);
  }
}

template <class T>
void Quantizer<T>::column_scales(const T* x, std::size_t rows, std::size_t stride, std::size_t width,
                                 const Scale& tensor, Scale* scales) const noexcept {
  T largest[kBlock] = {};
  for (std::size_t i = 0; i < rows; ++i) kernels_->largest_each(x + i * stride, width, largest);
  for (std::size_t j = 0; j < width; ++j) scales[j] = {.unit = unit_of(x + j, rows, stride, largest[j], tensor)};
}

template <class T>
void Quantizer<T>::run_blocks(const T* x, T* q, std::size_t length, std::size_t inner, std::uint64_t first_element,
                              const Draw& draw, const Scale& tensor, const Scale* scales,
                              TensorStatistics* statistics) const noexcept {
  ScaledBlock units;
  Scale found[kBlock];
  const auto run_piece = [&](std::size_t at, std::size_t count) noexcept {
    run_pieces(x + at, q + at, count, first_element + at, draw, {}, units, statistics);
  };
  if (inner == 1) {
    // As many blocks as fit together, or one that is cut into pieces.
    const std::size_t together = std::clamp<std::size_t>(kBlock / block(), 1, kBlock);
    units.set(0, traits_, {});
    units.repeat(1, std::min(length, kBlock));
    for (std::size_t begin = 0, b = 0; begin < length; begin += together * block(), b += together) {
      const std::size_t count = std::min(together * block(), length - begin);
      const Scale* used = scales == nullptr ? found : scales + b;
      if (scales == nullptr) block_scales(x + begin, count, 1, tensor, found);
      if (together == 1) {
        units.rescale(0, std::min(kBlock, count), used->unit);
      } else {
        for (std::size_t i = 0; i < count; i += block(), ++used)
          units.rescale(i, std::min(block(), count - i), used->unit);
      }
      run_piece(begin, count);
    }
    return;
  }
  for (std::size_t begin = 0, b = 0; begin < length; begin += block(), ++b) {
    const std::size_t size = std::min(block(), length - begin);
    for (std::size_t column = 0; column < inner; column += kBlock) {
      const std::size_t width = std::min(kBlock, inner - column);
      if (scales == nullptr) column_scales(x + begin * inner + column, size, inner, width, tensor, found);
      const Scale* used = scales == nullptr ? found : scales + b * inner + column;
      for (std::size_t j = 0; j < width; ++j) units.set(j, traits_, used[j]);
      for (std::size_t i = 0; i < size; ++i) run_piece((begin + i) * inner + column, width);
    }
  }
}

template <class T>
std::uint64_t Quantizer<T>::encode(T value, const Scale& scale) const noexcept {
  const auto wide = static_cast<double>(value);
  const double unit = format_.scale_rule == ScaleRule::kFixed ? given_unit_ : scale.unit;
  kernels::RealOf<T> code = 0;
  switch (format_.family) {
    case Family::kFloat:
    case Family::kOcpFloat:
      return float_code(format_, traits_, wide);
    case Family::kBinary:
      return std::signbit(wide) ? 1 : 0;
    case Family::kPosit:
      return posit_code(format_.bits, format_.exponent_bits, wide);
    case Family::kPowerOfTwo: {
      const std::uint64_t sign = std::signbit(wide) ? std::uint64_t{1} << (format_.bits - 1) : 0;
      if (wide == 0) return 0;
      const int place = std::ilogb(wide) - (std::ilogb(unit) - power_window(format_));
      return sign | static_cast<std::uint64_t>(place + (format_.is_log ? 0 : 1));
    }
    case Family::kMx:
    case Family::kNvfp4:
      if (method_ == Method::kScaledFloat)
        return float_code(format_, traits_, nearest_element(format_, traits_, wide, unit));
      code = std::nearbyint(wide / unit);
      break;
    case Family::kTernary:
      code = wide > 0 ? 1 : wide < 0 ? -1 : 0;
      break;
    case Family::kFixed:
    case Family::kUnsignedFixed:
      code = std::ldexp(kernels::RealOf<T>{value}, format_.fraction_bits);
      break;
    case Family::kDynamicFixed:
      code = value / unit;
      break;
    default:
      code = std::nearbyint(wide / unit) + scale.zero_point;
      break;
  }
  if (code >= 0x1p63) return static_cast<std::uint64_t>(code);
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(code)) & low_bits(format_.bits);
}

template <class T>
T Quantizer<T>::decode(std::uint64_t code, const Scale& scale) const noexcept {
  const double given = format_.scale_rule == ScaleRule::kFixed ? given_unit_ : scale.unit;
  const double unit = format_.is_unit ? 1 : given;
  const auto signed_code = static_cast<kernels::RealOf<T>>(sign_extended(code, format_.bits));
  const auto unsigned_code = static_cast<kernels::RealOf<T>>(code & low_bits(format_.bits));
  switch (format_.family) {
    case Family::kFloat:
    case Family::kOcpFloat:
      return static_cast<T>(float_value(format_, traits_, code));
    case Family::kBinary:
      return static_cast<T>((code & 1) != 0 ? -unit : unit);
    case Family::kPosit:
      return static_cast<T>(posit_value(format_.bits, format_.exponent_bits, code));
    case Family::kPowerOfTwo: {
      const auto place = static_cast<int>(code & low_bits(format_.bits - 1)) - (format_.is_log ? 0 : 1);
      const double magnitude = place < 0 ? 0 : std::ldexp(unit, place - power_window(format_));
      return static_cast<T>((code >> (format_.bits - 1) & 1) != 0 ? -magnitude : magnitude);
    }
    case Family::kMx:
    case Family::kNvfp4:
      if (method_ == Method::kScaledFloat) return static_cast<T>(float_value(format_, traits_, code) * unit);
      return static_cast<T>(signed_code * unit);
    case Family::kFixed:
      return static_cast<T>(std::ldexp(signed_code, -format_.fraction_bits));
    case Family::kUnsignedFixed:
      return static_cast<T>(std::ldexp(unsigned_code, -format_.fraction_bits));
    case Family::kUnsignedInt:
      return static_cast<T>((unsigned_code - scale.zero_point) * unit);
    default:
      return static_cast<T>(signed_code * unit);
  }
}

template class Quantizer<float>;
template class Quantizer<double>;
template class Quantizer<kernels::Wide>;

}  // namespace udnn::numbers
