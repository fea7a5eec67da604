#include "src/numbers/format_table.h"

#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace udnn::numbers {

namespace {

constexpr Format floating(int exponent_bits, int mantissa_bits) {
  return {.family = Family::kFloat,
          .exponent_bits = exponent_bits,
          .mantissa_bits = mantissa_bits,
          .bits = 1 + exponent_bits + mantissa_bits};
}

constexpr Format of(Family family, int exponent_bits = 0, int mantissa_bits = 0, int bits = 0, int block = 0,
                    ScaleRule rule = ScaleRule::kMax) {
  return {.family = family,
          .exponent_bits = exponent_bits,
          .mantissa_bits = mantissa_bits,
          .bits = bits,
          .block = block,
          .overflow = Overflow::kSaturate,
          .scale_rule = rule};
}

constexpr Format mx(int exponent_bits, int mantissa_bits, int bits) {
  return of(Family::kMx, exponent_bits, mantissa_bits, bits, 32, ScaleRule::kFloor);
}

constexpr FamilyRow named(std::string_view name, const Format& format, std::string_view bits, std::string_view what) {
  return {name, name, Shape::kName, format, {0, 0}, {0, 0}, {0, 0}, bits, what};
}

constexpr std::array kFamilies{
    FamilyRow{
        "fE.M",
        "f",
        Shape::kTwoByDot,
        floating(0, 0),
        {1, 0},
        {11, 52},
        {4, 3},
        "1+E+M",
        "IEEE-like float: E exponent bits, M stored mantissa bits, subnormals, infinities, NaN; f1.M has no normal "
        "numbers and ends at 2 - 2^(1-M)"},
    named("fp64", floating(11, 52), "64", "f11.52"),
    named("fp32", floating(8, 23), "32", "f8.23"),
    named("fp16", floating(5, 10), "16", "f5.10"),
    named("bf16", floating(8, 7), "16", "f8.7"),
    named("tf32", floating(8, 10), "19", "f8.10"),
    named("e5m2", floating(5, 2), "8", "f5.2, the OCP FP8 for gradients"),
    named("e4m3", of(Family::kOcpFloat, 4, 3, 8), "8", "OCP FP8: no infinity, one NaN, largest 448"),
    named("e3m2", of(Family::kOcpFloat, 3, 2, 6), "6", "OCP FP6: no infinity, no NaN, largest 28"),
    named("e2m3", of(Family::kOcpFloat, 2, 3, 6), "6", "OCP FP6: no infinity, no NaN, largest 7.5"),
    named("e2m1", of(Family::kOcpFloat, 2, 1, 4), "4", "OCP FP4: no infinity, no NaN, largest 6"),
    FamilyRow{"fxI.F",
              "fx",
              Shape::kTwoByDot,
              of(Family::kFixed),
              {-512, -512},
              {512, 512},
              {2, 6},
              "I+F",
              "two's complement fixed point: I integer bits with the sign, F fraction bits"},
    FamilyRow{"ufxI.F",
              "ufx",
              Shape::kTwoByDot,
              of(Family::kUnsignedFixed),
              {-512, -512},
              {512, 512},
              {2, 6},
              "I+F",
              "unsigned fixed point: I integer bits, F fraction bits"},
    FamilyRow{"dfxN",
              "dfx",
              Shape::kNumber,
              of(Family::kDynamicFixed),
              {2, 0},
              {64, 0},
              {8, 0},
              "N",
              "dynamic fixed point: N-bit symmetric code times a power of two for each tensor"},
    FamilyRow{"intN",
              "int",
              Shape::kNumber,
              of(Family::kInt),
              {2, 0},
              {16, 0},
              {8, 0},
              "N",
              "N-bit code times a real scale, for each tensor or output channel"},
    FamilyRow{"uintN",
              "uint",
              Shape::kNumber,
              of(Family::kUnsignedInt),
              {2, 0},
              {16, 0},
              {8, 0},
              "N",
              "the same without a sign, with a zero point"},
    FamilyRow{"bfpN/B",
              "bfp",
              Shape::kTwoBySlash,
              of(Family::kBlockFloat),
              {2, 1},
              {32, 65536},
              {8, 32},
              "N+8/B",
              "block floating point: N-bit mantissas, one power of two for B neighbours"},
    named("mxfp8", mx(4, 3, 8), "8.25", "OCP MX: blocks of 32 e4m3 with an E8M0 scale"),
    named("mxfp8e5m2", mx(5, 2, 8), "8.25", "OCP MX: blocks of 32 e5m2"),
    named("mxfp6", mx(2, 3, 6), "6.25", "OCP MX: blocks of 32 e2m3"),
    named("mxfp6e3m2", mx(3, 2, 6), "6.25", "OCP MX: blocks of 32 e3m2"),
    named("mxfp4", mx(2, 1, 4), "4.25", "OCP MX: blocks of 32 e2m1"),
    named("mxint8", mx(0, 0, 8), "8.25", "OCP MX: blocks of 32 codes / 64"),
    named("nvfp4", of(Family::kNvfp4, 2, 1, 4, 16, ScaleRule::kEven), "4.5",
          "blocks of 16 e2m1 with an e4m3 scale, one float for the tensor"),
    FamilyRow{"positN.E",
              "posit",
              Shape::kTwoByDot,
              of(Family::kPosit),
              {2, 0},
              {32, 4},
              {16, 2},
              "N",
              "posit of N bits with E exponent bits (standard 2022: 2)"},
    // A window of up to 510 powers of two. That of po211 would be all exponents of a double below 1, and the scale
    // moves it.
    FamilyRow{"po2N",
              "po2",
              Shape::kNumber,
              of(Family::kPowerOfTwo),
              {2, 0},
              {10, 0},
              {4, 0},
              "N",
              "zero or plus or minus a power of two, in a window below the largest"},
    named("t2", of(Family::kTernary, 0, 0, 2), "2", "ternary: {-s, 0, s} cut at 0.7 mean |x|; t2:unit has s = 1"),
    named("b1", of(Family::kBinary, 0, 0, 1), "1", "binary: {-s, s}, s = mean |x|; b1:unit has s = 1"),
};

constexpr ModifierRow rounding(std::string_view spelling, Rounding mode, std::string_view what) {
  return {spelling, ModifierKind::kRounding, static_cast<int>(mode), what};
}

constexpr ModifierRow overflow(std::string_view spelling, Overflow mode, std::string_view what) {
  return {spelling, ModifierKind::kOverflow, static_cast<int>(mode), what};
}

constexpr ModifierRow scale(std::string_view spelling, ScaleRule rule, std::string_view what,
                            bool takes_value = false) {
  return {spelling, ModifierKind::kScale, static_cast<int>(rule), what, takes_value};
}

constexpr std::array kModifiers{
    rounding("rne", Rounding::kNearestEven, "to nearest, ties to even (default)"),
    rounding("rna", Rounding::kNearestAway, "to nearest, ties away from zero"),
    rounding("rtz", Rounding::kTowardZero, "toward zero"),
    rounding("rup", Rounding::kUp, "up"),
    rounding("rdn", Rounding::kDown, "down"),
    rounding("odd", Rounding::kToOdd, "to odd"),
    rounding("sr", Rounding::kStochastic, "stochastic; srK with K = 1 to 32 random bits"),
    overflow("sat", Overflow::kSaturate, "to the largest finite value"),
    overflow("inf", Overflow::kInfinity, "to infinity (default of fE.M)"),
    overflow("nan", Overflow::kNan, "to NaN"),
    overflow("wrap", Overflow::kWrap, "keep the low bits of the code"),
    ModifierRow{"ftz", ModifierKind::kSubnormals, 1, "subnormal results become zero"},
    scale("max", ScaleRule::kMax, "scale from the largest magnitude (default)"),
    scale("ovf=", ScaleRule::kOverflowRate, "scale from the rate of overflows, 0 to 1", true),
    scale("pct=", ScaleRule::kPercentile, "scale from a percentile, up to 100", true),
    scale("mse", ScaleRule::kLeastSquares, "scale of the least mean squared error"),
    scale("fix=", ScaleRule::kFixed, "the scale itself: the value of one code", true),
    scale("floor", ScaleRule::kFloor, "mx: floor(log2 max) - emax (default of mx); nvfp4: the e4m3 below"),
    scale("ceil", ScaleRule::kCeil, "mx: ceil(log2 max) - emax; nvfp4: the e4m3 above"),
    scale("rceil", ScaleRule::kRceil, "mx: the least that lets the largest fit; also mx:max"),
    scale("even", ScaleRule::kEven, "mx: floor(log2 of the rounded max) - emax; nvfp4: the nearest e4m3 (its default)"),
    ModifierRow{"unit", ModifierKind::kUnit, 1, "b1, t2: s = 1"},
    ModifierRow{"log", ModifierKind::kLog, 1, "po2: nearest in the logarithm, without a zero"},
};

bool rounds(Family family) noexcept {
  return family != Family::kPosit && family != Family::kPowerOfTwo && family != Family::kTernary &&
         family != Family::kBinary;
}

bool overflows(Overflow mode, const Format& format) noexcept {
  const Family family = format.family;
  switch (mode) {
    case Overflow::kSaturate:
      return rounds(family);
    case Overflow::kInfinity:
      return family == Family::kFloat;
    case Overflow::kNan:
      return (family == Family::kFloat && format.mantissa_bits > 0) ||
             (family == Family::kOcpFloat && format.exponent_bits == 4);
    case Overflow::kWrap:
      return family == Family::kFixed || family == Family::kUnsignedFixed || family == Family::kDynamicFixed ||
             family == Family::kInt || family == Family::kUnsignedInt;
  }
  return false;
}

}  // namespace

std::span<const FamilyRow> family_table() noexcept { return kFamilies; }

std::span<const ModifierRow> modifier_table() noexcept { return kModifiers; }

bool applies(const ModifierRow& modifier, const Format& format) noexcept {
  const Family family = format.family;
  switch (modifier.kind) {
    case ModifierKind::kRounding:
      return rounds(family);
    case ModifierKind::kOverflow:
      return overflows(static_cast<Overflow>(modifier.value), format);
    case ModifierKind::kSubnormals:
      return family == Family::kFloat || family == Family::kOcpFloat;
    case ModifierKind::kScale:
      if (family == Family::kMx) return true;
      if (family == Family::kNvfp4)
        return modifier.value == static_cast<int>(ScaleRule::kFloor) ||
               modifier.value == static_cast<int>(ScaleRule::kCeil) ||
               modifier.value == static_cast<int>(ScaleRule::kEven);
      return static_cast<ScaleRule>(modifier.value) <= ScaleRule::kFixed &&
             (family == Family::kDynamicFixed || family == Family::kInt || family == Family::kUnsignedInt ||
              family == Family::kBlockFloat);
    case ModifierKind::kUnit:
      return family == Family::kBinary || family == Family::kTernary;
    case ModifierKind::kLog:
      return family == Family::kPowerOfTwo;
  }
  return false;
}

}  // namespace udnn::numbers
