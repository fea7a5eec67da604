#include "src/numbers/value_set.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>

#include "kernels/kernel_table.h"
#include "src/base/bits.h"
#include "src/numbers/block_scale.h"
#include "src/numbers/quantizer.h"

namespace udnn::numbers {

namespace {

constexpr int kUnlimited = 64;  ///< significant bits of a fixed point grid: more than any of its values has

bool is_symmetric(const Format& format) noexcept {
  return format.family == Family::kDynamicFixed && format.overflow != Overflow::kWrap;
}

bool is_posit(const ValueGrid& grid) noexcept { return grid.posit_bits != 0; }

/// How many multiples of 2^spacing are no more than the magnitude. Precondition: they fit 64 bits.
std::uint64_t steps_to(const Magnitude& magnitude, int spacing) noexcept {
  const int shift = magnitude.exponent - spacing;
  if (shift >= 0) return magnitude.mantissa << static_cast<unsigned>(shift);
  return shift <= -64 ? 0 : magnitude.mantissa >> static_cast<unsigned>(-shift);
}

/// All of a power of two in which a posit's exponent begins with `exponent`.
Binade posit_binade(const ValueGrid& grid, int exponent) noexcept {
  const int e = grid.posit_exponent_bits, run_value = exponent >> e;  // rounds down
  const int run = run_value >= 0 ? run_value + 2 : 1 - run_value;     // with the bit that ends it
  const int left = std::max(grid.posit_bits - 1 - run, 0);
  if (left >= e) {
    const std::uint64_t first = std::uint64_t{1} << static_cast<unsigned>(left - e);
    return {.spacing = exponent - (left - e), .first = first, .last = 2 * first - 1};
  }
  const int cut_off = (1 << (e - left)) - 1;
  return (exponent & cut_off) == 0 ? Binade{.spacing = exponent, .first = 1, .last = 1} : Binade{};
}

/// What both have of one power of two.
Binade common(const Binade& a, const Binade& b) noexcept {
  if (a.empty() || b.empty()) return {};
  const Binade &wide = a.spacing >= b.spacing ? a : b, &narrow = a.spacing >= b.spacing ? b : a;
  const int shift = wide.spacing - narrow.spacing;
  return {.spacing = wide.spacing,
          .first = wide.first,
          .last = std::min(wide.last, shift >= 64 ? 0 : narrow.last >> static_cast<unsigned>(shift))};
}

/// common() of two grids on one side.
Binade shared_binade(const ValueGrid& a, const ValueGrid& b, int exponent, bool negative) noexcept {
  return common(a.binade(exponent, negative, a.end(negative)), b.binade(exponent, negative, b.end(negative)));
}

Count shared_values(const ValueGrid& a, const ValueGrid& b) noexcept {
  Count count = a.has_zero && b.has_zero ? 1 : 0;
  for (const bool negative : {false, true}) {
    if (a.end(negative).mantissa == 0) continue;
    for (int exponent = a.finest; exponent <= a.end(negative).top(); ++exponent)
      count += shared_binade(a, b, exponent, negative).count();
  }
  return count;
}

/// In order of magnitude, the positive one first.
bool is_before(const ExactValue& a, const ExactValue& b) noexcept {
  return a.magnitude != b.magnitude ? a.magnitude < b.magnitude : !a.is_negative && b.is_negative;
}

/// The first values of one side of `grid` that `other` lacks.
void find_missing(const ValueGrid& grid, const ValueSet& other, const std::optional<ValueGrid>& other_grid,
                  bool negative, std::size_t most, std::vector<ExactValue>& found) {
  const Magnitude& end = grid.end(negative);
  if (end.mantissa == 0 || most == 0) return;
  const std::size_t enough = found.size() + most;
  for (int exponent = grid.finest; exponent <= end.top(); ++exponent) {
    const Binade all = grid.binade(exponent, negative, end);
    Binade kept;
    if (other_grid) kept = shared_binade(grid, *other_grid, exponent, negative);
    if (all.empty() || kept.count() == all.count()) continue;
    const int shift = kept.spacing - all.spacing;  // at most 63 where something is kept
    const bool cut_off = !kept.empty() && shift == 0;
    for (std::uint64_t m = cut_off ? kept.last + 1 : all.first;; ++m) {
      const ExactValue value{negative, Magnitude::of(m, all.spacing)};
      const auto is_kept = [&] {
        if (!other_grid) return value.magnitude.is_double() && other.contains(value.nearest());
        if (kept.empty()) return false;
        return (m >> static_cast<unsigned>(shift)) << static_cast<unsigned>(shift) == m &&
               m >> static_cast<unsigned>(shift) <= kept.last;
      };
      if (!is_kept()) found.push_back(value);
      if (found.size() == enough) return;
      if (m == all.last) break;
    }
  }
}

}  // namespace

bool is_code(const Format& format, std::uint64_t code) noexcept {
  const auto bits = static_cast<unsigned>(format.bits);
  if (bits < 64 && code >> bits != 0) return false;
  if (is_symmetric(format) || (format.family == Family::kPowerOfTwo && !format.is_log))
    return code != std::uint64_t{1} << (bits - 1);
  return format.family != Family::kTernary || code != 2;
}

Magnitude Magnitude::of(std::uint64_t mantissa, int exponent) noexcept {
  if (mantissa == 0) return {};
  const int zeros = std::countr_zero(mantissa);
  return {mantissa >> static_cast<unsigned>(zeros), exponent + zeros};
}

Magnitude Magnitude::of(double magnitude) noexcept {
  constexpr int kBeyondAll = 1 << 20;
  if (std::isinf(magnitude)) return {1, kBeyondAll};
  int exponent = 0;
  const double fraction = std::frexp(magnitude, &exponent);
  constexpr int kDigits = std::numeric_limits<double>::digits;
  return of(static_cast<std::uint64_t>(std::ldexp(fraction, kDigits)), exponent - kDigits);
}

double Magnitude::nearest() const noexcept { return std::ldexp(static_cast<double>(mantissa), exponent); }

bool Magnitude::is_double() const noexcept { return std::bit_width(mantissa) <= std::numeric_limits<double>::digits; }

int Magnitude::top() const noexcept { return exponent + static_cast<int>(std::bit_width(mantissa)) - 1; }

std::strong_ordering Magnitude::operator<=>(const Magnitude& other) const noexcept {
  if (mantissa == 0 || other.mantissa == 0) return mantissa <=> other.mantissa;
  if (top() != other.top()) return top() <=> other.top();
  return mantissa << std::countl_zero(mantissa) <=> other.mantissa << std::countl_zero(other.mantissa);
}

Binade ValueGrid::binade(int exponent, bool negative, const Magnitude& end) const noexcept {
  const Magnitude& most = std::min(end, this->end(negative));
  if (most.mantissa == 0 || exponent < finest || most.top() < exponent) return {};
  Binade binade;
  if (is_posit(*this)) {
    binade = posit_binade(*this, exponent);
    if (binade.empty()) return binade;
  } else {
    binade.spacing = std::max(finest, exponent - significant + 1);
    if (exponent < binade.spacing) return {};
    binade.first = std::uint64_t{1} << static_cast<unsigned>(exponent - binade.spacing);
    binade.last = binade.first + (binade.first - 1);
  }
  if (most.top() == exponent) binade.last = std::min(binade.last, steps_to(most, binade.spacing));
  return binade;
}

bool ValueGrid::contains(double value) const noexcept {
  if (value == 0) return has_zero;
  if (!std::isfinite(value)) return false;
  const Magnitude magnitude = Magnitude::of(std::abs(value));
  const Binade values = binade(magnitude.top(), value < 0, magnitude);
  return !values.empty() && magnitude.exponent >= values.spacing && steps_to(magnitude, values.spacing) == values.last;
}

Count ValueGrid::count_to(const Magnitude& magnitude, bool negative) const noexcept {
  const Magnitude& most = std::min(magnitude, end(negative));
  Count count = 0;
  if (most.mantissa != 0)
    for (int exponent = finest; exponent <= most.top(); ++exponent) count += binade(exponent, negative, most).count();
  return count;
}

Count ValueGrid::size() const noexcept {
  return count_to(largest, false) + count_to(lowest, true) + (has_zero ? 1 : 0);
}

std::optional<ValueGrid> value_grid(const Format& format) noexcept {
  const FormatTraits t = traits(format);
  ValueGrid grid{.finest = t.min_exponent,
                 .significant = kUnlimited,
                 .lowest = Magnitude::of(std::max(-t.lowest, 0.0)),
                 .largest = Magnitude::of(t.largest)};
  const auto codes_to = [&](int bits) { return Magnitude::of(base::low_bits(bits), t.min_exponent); };
  switch (format.family) {
    case Family::kFloat:
    case Family::kOcpFloat:
    case Family::kMx:
    case Family::kNvfp4:
      if (format.exponent_bits == 0) break;  // mxint8
      grid.finest = t.min_exponent - format.mantissa_bits;
      grid.significant = t.significant_bits;
      break;
    case Family::kFixed:
    case Family::kDynamicFixed:  // whose ends may have more bits than a double
      grid.largest = codes_to(format.bits - 1);
      grid.lowest = is_symmetric(format) ? grid.largest : Magnitude::of(1, t.min_exponent + format.bits - 1);
      break;
    case Family::kUnsignedFixed:
      grid.largest = codes_to(format.bits);
      break;
    case Family::kPosit:
      grid.posit_bits = format.bits;
      grid.posit_exponent_bits = format.exponent_bits;
      break;
    case Family::kPowerOfTwo:
      grid.significant = 1;
      grid.has_zero = !format.is_log;
      break;
    case Family::kBinary:
      grid.has_zero = false;
      break;
    default:
      break;
  }
  if (format.scale_rule != ScaleRule::kFixed) return grid;
  const double scale = format.scale_value / unit_of_block_scale(format, 1, 1);  // mxint8: S is the value of one code
  const int exponent = std::ilogb(scale);
  if (!base::is_power_of_two(scale)) return std::nullopt;
  grid.finest += exponent;
  grid.lowest.exponent += exponent;
  grid.largest.exponent += exponent;
  return grid;
}

ValueSet ValueSet::of(const Format& format) {
  ValueSet set;
  const auto coder = Quantizer<double>::create(format, *kernels::all_kernel_tables().back());
  if (format.bits > kEnumeratedBits || !coder) {
    set.grid_ = value_grid(format);
    assert(set.grid_);  // a scale of any value is one of int or uint, which have at most 16 bits
    return set;
  }
  const Scale at_one{.unit = unit_of_block_scale(format, 1, 1)};
  for (std::uint64_t code = 0; code < std::uint64_t{1} << static_cast<unsigned>(format.bits); ++code) {
    if (!is_code(format, code)) continue;
    const double value = coder->decode(code, at_one);
    if (std::isfinite(value)) set.values_.push_back(value == 0 ? 0.0 : value);
  }
  std::sort(set.values_.begin(), set.values_.end());
  set.values_.erase(std::unique(set.values_.begin(), set.values_.end()), set.values_.end());
  return set;
}

ValueSet ValueSet::of(const ValueGrid& grid) {
  ValueSet set;
  set.grid_ = grid;
  return set;
}

Count ValueSet::size() const noexcept { return grid_ ? grid_->size() : values_.size(); }

double ValueSet::lowest() const noexcept {
  return grid_ ? 0 - grid_->lowest.nearest() : values_.empty() ? 0 : values_.front();
}

double ValueSet::largest() const noexcept {
  return grid_ ? grid_->largest.nearest() : values_.empty() ? 0 : values_.back();
}

double ValueSet::least_positive() const noexcept {
  if (grid_) return grid_->largest.mantissa != 0 ? std::ldexp(1.0, grid_->finest) : 0;
  const auto at = std::upper_bound(values_.begin(), values_.end(), 0.0);
  return at == values_.end() ? 0 : *at;
}

bool ValueSet::contains(double value) const noexcept {
  return grid_ ? grid_->contains(value) : std::binary_search(values_.begin(), values_.end(), value);
}

Count ValueSet::count_within(double begin, double end) const noexcept {
  if (!(begin < end)) return 0;
  if (!grid_)
    return static_cast<Count>(std::lower_bound(values_.begin(), values_.end(), end) -
                              std::lower_bound(values_.begin(), values_.end(), begin));
  const Count negative = grid_->count_to(grid_->lowest, true);
  const auto below = [&](double x) -> Count {
    if (x <= 0) return negative - grid_->count_to(Magnitude::of(-x), true);
    return negative + (grid_->has_zero ? 1 : 0) + grid_->count_to(Magnitude::of(x), false) -
           (grid_->contains(x) ? 1 : 0);
  };
  return below(end) - below(begin);
}

Missing Missing::of(const ValueSet& set, const ValueSet& other, std::size_t most) {
  Missing missing;
  if (set.is_enumerated()) {
    for (const double value : set.values_)
      if (!other.contains(value)) missing.first.push_back({value < 0, Magnitude::of(std::abs(value))});
    missing.count = missing.first.size();
  } else {
    const auto is_in_set = [&](double value) { return set.contains(value); };
    missing.count =
        set.size() - (other.grid_
                          ? shared_values(*set.grid_, *other.grid_)
                          : static_cast<Count>(std::count_if(other.values_.begin(), other.values_.end(), is_in_set)));
    if (missing.count == 0) return missing;
    if (set.grid_->has_zero && !other.contains(0)) missing.first.push_back({});
    for (const bool negative : {false, true})
      find_missing(*set.grid_, other, other.grid_, negative, most, missing.first);
  }
  std::sort(missing.first.begin(), missing.first.end(), is_before);
  missing.first.resize(std::min(missing.first.size(), most));
  return missing;
}

}  // namespace udnn::numbers
