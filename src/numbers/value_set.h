// src/numbers/value_set.h: the finite values of a format, and what two formats have in common.
//
// A format with a scale is taken at scale 1, a format in blocks as one of its elements. 0 and -0 are one value.
//
// Formats of at most 16 bits that compute are counted by looking at every code. Wider ones have too many, but all
// except posits are a grid, on which counting is arithmetic: in [2^k, 2^(k+1)) stand the multiples of
//
//   spacing(k) = 2^max(q, k - p + 1)            q: exponent of the finest spacing, p: significant bits
//
//   float  q = smallest normal's exponent - M, p = M + 1        fixed  q = -F, p without limit        po2  p = 1
//
// so two grids share the multiples of the wider spacing of both, up to the lesser of both ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "udnn/format.h"

namespace udnn::numbers {

/// Whether some value has this code: all of the format's bits have, but for -2^(N-1) of dfxN (unless it wraps) and 2 of
/// t2. Codes with more bits: no.
bool is_code(const Format& format, std::uint64_t code) noexcept;

/// 0 (where has_zero), and on either side the grid up to an end. At most 2^53 multiples of 2^finest in a power of two.
struct ValueGrid {
  int finest = 0;       ///< q
  int significant = 0;  ///< p
  double lowest = 0;
  double largest = 0;
  bool has_zero = true;

  bool contains(double value) const noexcept;
  std::uint64_t size() const noexcept;

  /// How many stand in (0, magnitude], or with `negative` in [-magnitude, 0).
  std::uint64_t count_to(double magnitude, bool negative) const noexcept;
};

/// None: a posit, or more than 53 significant bits.
std::optional<ValueGrid> value_grid(const Format& format) noexcept;

class ValueSet {
 public:
  static constexpr int kEnumeratedBits = 16;

  /// None where the values can neither be enumerated nor are a grid.
  static std::optional<ValueSet> of(const Format& format);

  static ValueSet of(const ValueGrid& grid);

  bool is_enumerated() const noexcept { return grid_ == std::nullopt; }
  std::uint64_t size() const noexcept;
  double lowest() const noexcept;
  double largest() const noexcept;
  double least_positive() const noexcept;  ///< 0 where there is none
  bool contains(double value) const noexcept;

  /// How many lie in [begin, end).
  std::uint64_t count_within(double begin, double end) const noexcept;

  /// All of them, ascending; empty where they are not enumerated.
  const std::vector<double>& values() const noexcept { return values_; }

 private:
  friend struct Missing;

  std::vector<double> values_;
  std::optional<ValueGrid> grid_;
};

/// The values of one set that another lacks.
struct Missing {
  std::uint64_t count = 0;
  std::vector<double> first;  ///< in order of magnitude, the positive one before the negative

  /// At most `most` in `first`.
  static Missing of(const ValueSet& set, const ValueSet& other, std::size_t most);
};

}  // namespace udnn::numbers
