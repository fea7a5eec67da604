// udnn/format.h: number formats, their names, and the facts that follow from a name.
//
//   format := name (':' modifier)*        "fx2.6:sr"   "e4m3:nan"   "f4.3:rtz:ftz"   "dfx8:ovf=1e-4"   "b1:unit"
//
// One table of names and modifiers feeds the parser, the printer, `udnn formats` and the tests. Every name of the
// grammar parses, prints and computes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "udnn/status.h"

namespace udnn {

enum class Family : std::uint8_t {
  kFloat,          ///< fE.M and its names: IEEE-like, subnormals, infinities, NaN
  kOcpFloat,       ///< e4m3 (one NaN per sign), e3m2, e2m3, e2m1 (none): no infinity
  kFixed,          ///< fxI.F: two's complement, I counts the sign
  kUnsignedFixed,  ///< ufxI.F
  kDynamicFixed,   ///< dfxN: symmetric code times a power of two for each tensor
  kInt,            ///< intN: code times a real scale
  kUnsignedInt,    ///< uintN: the same with a zero point
  kBlockFloat,     ///< bfpN/B
  kMx,             ///< mxfp8 and its kind: blocks of 32 with an E8M0 scale
  kNvfp4,
  kPosit,       ///< positN.E
  kPowerOfTwo,  ///< po2N
  kTernary,     ///< t2
  kBinary,      ///< b1
};

enum class Rounding : std::uint8_t {
  kNearestEven,
  kNearestAway,
  kTowardZero,
  kUp,
  kDown,
  kToOdd,
  kStochastic,
};
inline constexpr int kRoundings = 7;

enum class Overflow : std::uint8_t {
  kSaturate,  ///< to the largest finite value, infinities too
  kInfinity,  ///< infinity, or the largest finite value where the mode points inward
  kNan,       ///< the same with NaN for infinity
  kWrap,      ///< keep the low N bits of the code
};

/// How a format with a scale picks it.
enum class ScaleRule : std::uint8_t {
  kMax,
  kOverflowRate,
  kPercentile,
  kLeastSquares,
  kFixed,
  kFloor,
  kCeil,
  kRceil,
  kEven
};

/// A format as its name says it. Plain data; what a family does not use stays zero, so that == compares meanings.
struct Format {
  Family family = Family::kFloat;
  int exponent_bits = 8;   ///< E of floats (mx: of its elements) and posits
  int mantissa_bits = 23;  ///< M of floats (mx: of its elements): stored bits
  int integer_bits = 0;    ///< I of fixed point
  int fraction_bits = 0;   ///< F of fixed point
  int bits = 32;           ///< of one element: 1 + E + M, I + F, N
  int block = 0;           ///< B of bfp, 32 of mx, 16 of nvfp4
  Rounding rounding = Rounding::kNearestEven;
  int random_bits = 0;  ///< K of srK, 32 of sr; 0 for the other modes
  Overflow overflow = Overflow::kInfinity;
  bool flushes_subnormals = false;  ///< ftz
  ScaleRule scale_rule = ScaleRule::kMax;
  double scale_value = 0;  ///< R of ovf=, P of pct=, S of fix=
  bool is_unit = false;    ///< b1:unit, t2:unit
  bool is_log = false;     ///< po2N:log
  int chunk = 0;           ///< C of "acc=f6.9/64"; 0: round after each multiply-add

  bool operator==(const Format&) const = default;
};

/// Errors: kInvalidArgument; the text, what is wrong, at which column, and the nearest spelling:
///   "fx2.6:srr": unknown modifier 'srr' at column 7, did you mean 'sr'?
/// A chunk ("f6.9/64") is part of the grammar of accumulators only: see Precision.
Result<Format> parse_format(std::string_view text);

/// Parses back to the same format. Defaults are left out; f5.2, f8.7 and the like print under their names.
std::string to_string(const Format& format);

/// The text and, on a second line, a caret under the fault that `error` (of parse_format or Precision::parse) found in
/// it.
std::string point_at_fault(std::string_view text, const Status& error);

/// What follows from a format. For formats with a scale: of the codes, at unit 1.
struct FormatTraits {
  double largest = 0;             ///< finite
  double lowest = 0;              ///< finite
  double smallest_normal = 0;     ///< floats; 0 where there is none
  double smallest_subnormal = 0;  ///< the least positive value that is not a normal one; 0 where there is none
  /// From 1 (or the largest, where that is less) to the next value, as if the range had no end; 0 for posit2.E, which
  /// ends at 1, and f1.0, which has no value but 0.
  double spacing_at_one = 0;
  int significant_bits = 0;  ///< of the widest magnitude
  int min_exponent = 0;      ///< of the smallest normal; fixed point: of the spacing
  int max_exponent = 0;      ///< of the largest
  bool has_infinity = false;
  bool has_nan = false;
  bool has_negative_zero = false;
  bool is_dynamic = false;  ///< its scale (or threshold) comes from the values
};

/// Exact for every format of at most 53 significant bits; of wider ones the ends are rounded to double. For the block,
/// posit and power-of-two families: of one element, at scale 1.
FormatTraits traits(const Format& format);

/// Bits of one stored value, shared scales included: 8.25 for mxfp8.
double storage_bits(const Format& format);

/// Whether a float holds every value of the format, and enough beside it for its rounding to mean something: at most 24
/// significant bits, the exponents of float (its subnormals included); with exactly 24 significant bits, only
/// nearest-even.
bool fits_float_carrier(const Format& format);

/// Whether a double holds every value of the format: at most 53 significant bits. Else it takes long double, where 64
/// fit.
bool fits_double_carrier(const Format& format);

}  // namespace udnn
