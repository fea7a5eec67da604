#include "src/numbers/value_set.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "kernels/kernel_table.h"
#include "src/numbers/quantizer.h"

namespace udnn::numbers {

namespace {

constexpr int kUnlimited = 64;  ///< significant bits of a fixed point grid: more than any of its values has

bool is_symmetric(const Format& format) noexcept {
  return format.family == Family::kDynamicFixed && format.overflow != Overflow::kWrap;
}

/// The multiples of 2^spacing in [2^exponent, min(2^(exponent + 1), end]]: from `first` to `last`, none where last is
/// less.
struct Binade {
  int spacing = 0;
  std::uint64_t first = 1;
  std::uint64_t last = 0;

  std::uint64_t count() const noexcept { return last >= first ? last - first + 1 : 0; }
};

Binade binade_of(const ValueGrid& grid, int exponent, double end) noexcept {
  Binade binade{.spacing = std::max(grid.finest, exponent - grid.significant + 1)};
  if (exponent < binade.spacing || !(end > 0) || std::ilogb(end) < exponent) return binade;
  binade.first = std::uint64_t{1} << static_cast<unsigned>(exponent - binade.spacing);
  binade.last = std::ilogb(end) > exponent ? 2 * binade.first - 1
                                           : static_cast<std::uint64_t>(std::floor(std::ldexp(end, -binade.spacing)));
  return binade;
}

double end_of(const ValueGrid& grid, bool negative) noexcept { return negative ? -grid.lowest : grid.largest; }

/// What both have: again a grid.
ValueGrid common(const ValueGrid& a, const ValueGrid& b) noexcept {
  return {.finest = std::max(a.finest, b.finest),
          .significant = std::min(a.significant, b.significant),
          .lowest = std::max(a.lowest, b.lowest),
          .largest = std::min(a.largest, b.largest),
          .has_zero = a.has_zero && b.has_zero};
}

/// Whether a stands before b in order of magnitude.
bool is_before(double a, double b) noexcept { return std::abs(a) != std::abs(b) ? std::abs(a) < std::abs(b) : a > b; }

/// The first values of one side of `grid` that `lacks`. `shared`: what it has in common with the other set where that
/// is a grid too, so that no value is asked for which all its neighbours answer.
void find_missing(const ValueGrid& grid, const std::optional<ValueGrid>& shared, bool negative, std::size_t most,
                  const std::function<bool(double)>& lacks, std::vector<double>& found) {
  const double end = end_of(grid, negative);
  if (!(end > 0) || most == 0) return;
  const std::size_t enough = found.size() + most;
  for (int exponent = grid.finest; exponent <= std::ilogb(end); ++exponent) {
    Binade binade = binade_of(grid, exponent, end);
    if (shared) {
      const Binade kept = binade_of(*shared, exponent, end_of(*shared, negative));
      if (kept.count() == binade.count()) continue;
      if (kept.count() > 0 && kept.spacing == binade.spacing) binade.first = kept.last + 1;  // cut off by its end
    }
    for (std::uint64_t m = binade.first; m <= binade.last; ++m) {
      const double magnitude = std::ldexp(static_cast<double>(m), binade.spacing);
      const double value = negative ? -magnitude : magnitude;
      if (lacks(value)) found.push_back(value);
      if (found.size() == enough) return;
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

bool ValueGrid::contains(double value) const noexcept {
  if (value == 0) return has_zero;
  if (!(value >= lowest && value <= largest)) return false;
  const int exponent = std::ilogb(value), spacing = std::max(finest, exponent - significant + 1);
  const double multiple = std::ldexp(value, -spacing);
  return exponent >= spacing && multiple == std::floor(multiple);
}

std::uint64_t ValueGrid::count_to(double magnitude, bool negative) const noexcept {
  const double end = std::min(magnitude, end_of(*this, negative));
  std::uint64_t count = 0;
  if (end > 0)
    for (int exponent = finest; exponent <= std::ilogb(end); ++exponent)
      count += binade_of(*this, exponent, end).count();
  return count;
}

std::uint64_t ValueGrid::size() const noexcept {
  return count_to(largest, false) + count_to(-lowest, true) + (has_zero ? 1 : 0);
}

std::optional<ValueGrid> value_grid(const Format& format) noexcept {
  const FormatTraits t = traits(format);
  if (format.family == Family::kPosit || t.significant_bits > std::numeric_limits<double>::digits) return std::nullopt;
  ValueGrid grid{.finest = t.min_exponent, .significant = kUnlimited, .lowest = t.lowest, .largest = t.largest};
  switch (format.family) {
    case Family::kFloat:
    case Family::kOcpFloat:
    case Family::kMx:
    case Family::kNvfp4:
      if (format.exponent_bits == 0) break;  // mxint8
      grid.finest = t.min_exponent - format.mantissa_bits;
      grid.significant = t.significant_bits;
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
  const int exponent = std::ilogb(format.scale_value);
  if (std::ldexp(1.0, exponent) != format.scale_value) return std::nullopt;
  grid.finest += exponent;
  grid.lowest = std::ldexp(grid.lowest, exponent);
  grid.largest = std::ldexp(grid.largest, exponent);
  return grid;
}

std::optional<ValueSet> ValueSet::of(const Format& format) {
  ValueSet set;
  const auto coder = Quantizer<double>::create(format, *kernels::all_kernel_tables().back());
  if (format.bits > kEnumeratedBits || !coder) {
    const auto grid = value_grid(format);
    return grid ? std::optional(of(*grid)) : std::nullopt;
  }
  for (std::uint64_t code = 0; code < std::uint64_t{1} << static_cast<unsigned>(format.bits); ++code) {
    if (!is_code(format, code)) continue;
    const double value = coder->decode(code, {});
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

std::uint64_t ValueSet::size() const noexcept { return grid_ ? grid_->size() : values_.size(); }

double ValueSet::lowest() const noexcept { return grid_ ? grid_->lowest : values_.empty() ? 0 : values_.front(); }

double ValueSet::largest() const noexcept { return grid_ ? grid_->largest : values_.empty() ? 0 : values_.back(); }

double ValueSet::least_positive() const noexcept {
  if (grid_) return grid_->largest > 0 ? std::ldexp(1.0, grid_->finest) : 0;
  const auto at = std::upper_bound(values_.begin(), values_.end(), 0.0);
  return at == values_.end() ? 0 : *at;
}

bool ValueSet::contains(double value) const noexcept {
  return grid_ ? grid_->contains(value) : std::binary_search(values_.begin(), values_.end(), value);
}

std::uint64_t ValueSet::count_within(double begin, double end) const noexcept {
  if (!(begin < end)) return 0;
  if (!grid_)
    return static_cast<std::uint64_t>(std::lower_bound(values_.begin(), values_.end(), end) -
                                      std::lower_bound(values_.begin(), values_.end(), begin));
  const std::uint64_t negative = grid_->count_to(-grid_->lowest, true);
  const auto below = [&](double x) {
    if (x <= 0) return negative - grid_->count_to(-x, true);
    return negative + (grid_->has_zero ? 1 : 0) + grid_->count_to(x, false) - (grid_->contains(x) ? 1 : 0);
  };
  return below(end) - below(begin);
}

Missing Missing::of(const ValueSet& set, const ValueSet& other, std::size_t most) {
  Missing missing;
  const auto lacks = [&](double value) { return !other.contains(value); };
  if (set.is_enumerated()) {
    std::copy_if(set.values_.begin(), set.values_.end(), std::back_inserter(missing.first), lacks);
    missing.count = missing.first.size();
    std::sort(missing.first.begin(), missing.first.end(), is_before);
    missing.first.resize(std::min(missing.first.size(), most));
    return missing;
  }
  std::optional<ValueGrid> shared;
  if (!other.is_enumerated()) {
    shared = common(*set.grid_, *other.grid_);
    missing.count = set.size() - shared->size();
  } else {
    missing.count =
        set.size() - static_cast<std::uint64_t>(std::count_if(other.values_.begin(), other.values_.end(),
                                                              [&](double value) { return set.contains(value); }));
  }
  if (missing.count == 0) return missing;
  if (set.grid_->has_zero && lacks(0)) missing.first.push_back(0);
  find_missing(*set.grid_, shared, false, most, lacks, missing.first);
  find_missing(*set.grid_, shared, true, most, lacks, missing.first);
  std::sort(missing.first.begin(), missing.first.end(), is_before);
  missing.first.resize(std::min(missing.first.size(), most));
  return missing;
}

}  // namespace udnn::numbers
