// src/numbers/value_set.h: the finite values of a format, and what two formats have in common.
//
// A format with a scale is taken at scale 1, a format in blocks as one of its elements. 0 and -0 are one value.
//
// Formats of at most 16 bits that compute are counted by looking at every code. Wider ones have too many, but in each
// power of two they are a ladder, on which counting is arithmetic: in [2^k, 2^(k+1)) stand the multiples of
//
//   spacing(k) = 2^max(q, k - p + 1)            q: exponent of the finest spacing, p: significant bits
//
//   float  q = smallest normal's exponent - M, p = M + 1        fixed  q = -F, p without limit        po2  p = 1
//
//   posit  2^(k - f), f: the bits that sign, run and exponent leave of N; where not even the exponent has room, 2^k
//          alone, and only if the bits of the exponent that are cut off are 0
//
// so two formats share the multiples of the wider spacing of both, up to the lesser of both ends.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include "udnn/format.h"

namespace udnn::numbers {

/// How many: 64 bits have 2^64 values.
__extension__ using Count = unsigned __int128;

/// Whether some value has this code: all of the format's bits have, but for -2^(N-1) of dfxN (unless it wraps) and 2 of
/// t2. Codes with more bits: no.
bool is_code(const Format& format, std::uint64_t code) noexcept;

/// mantissa * 2^exponent, exactly: up to 64 significant bits, where a double has 53. The mantissa is odd, or 0.
struct Magnitude {
  std::uint64_t mantissa = 0;
  int exponent = 0;

  static Magnitude of(std::uint64_t mantissa, int exponent) noexcept;
  static Magnitude of(double magnitude) noexcept;  ///< infinity: more than any other

  double nearest() const noexcept;
  bool is_double() const noexcept;
  int top() const noexcept;  ///< floor(log2). Precondition: not 0

  std::strong_ordering operator<=>(const Magnitude& other) const noexcept;
  bool operator==(const Magnitude&) const = default;
};

struct ExactValue {
  bool is_negative = false;
  Magnitude magnitude;

  double nearest() const noexcept { return is_negative ? -magnitude.nearest() : magnitude.nearest(); }
  bool operator==(const ExactValue&) const = default;
};

/// The values in [2^k, 2^(k+1)): the multiples of 2^spacing from `first` to `last`; none where last is less.
struct Binade {
  int spacing = 0;
  std::uint64_t first = 1;
  std::uint64_t last = 0;

  bool empty() const noexcept { return last < first; }
  Count count() const noexcept { return empty() ? 0 : Count{last} - first + 1; }
};

/// 0 (where has_zero), and on either side a ladder up to an end. At most 2^63 values in a power of two.
struct ValueGrid {
  int finest = 0;       ///< q; of a posit: the exponent of the least
  int significant = 0;  ///< p
  Magnitude lowest;     ///< of the negative values
  Magnitude largest;
  bool has_zero = true;
  int posit_bits = 0;  ///< N; 0: no posit
  int posit_exponent_bits = 0;

  bool contains(double value) const noexcept;
  Count size() const noexcept;

  /// What stands in [2^exponent, 2^(exponent + 1)), or with `negative` on the other side, and is no more than `end`.
  Binade binade(int exponent, bool negative, const Magnitude& end) const noexcept;

  /// How many stand in (0, magnitude], or with `negative` in [-magnitude, 0).
  Count count_to(const Magnitude& magnitude, bool negative) const noexcept;

  const Magnitude& end(bool negative) const noexcept { return negative ? lowest : largest; }
};

/// None: a scale that is no power of two.
std::optional<ValueGrid> value_grid(const Format& format) noexcept;

class ValueSet {
 public:
  static constexpr int kEnumeratedBits = 16;

  static ValueSet of(const Format& format);
  static ValueSet of(const ValueGrid& grid);

  bool is_enumerated() const noexcept { return grid_ == std::nullopt; }
  Count size() const noexcept;
  double lowest() const noexcept;  ///< to the nearest double, as the two below
  double largest() const noexcept;
  double least_positive() const noexcept;  ///< 0 where there is none
  bool contains(double value) const noexcept;

  /// How many lie in [begin, end).
  Count count_within(double begin, double end) const noexcept;

  /// All of them, ascending; empty where they are not enumerated.
  const std::vector<double>& values() const noexcept { return values_; }

 private:
  friend struct Missing;

  std::vector<double> values_;
  std::optional<ValueGrid> grid_;
};

/// The values of one set that another lacks.
struct Missing {
  Count count = 0;
  std::vector<ExactValue> first;  ///< in order of magnitude, the positive one before the negative

  /// At most `most` in `first`.
  static Missing of(const ValueSet& set, const ValueSet& other, std::size_t most);
};

}  // namespace udnn::numbers
