#include "tools/format_words.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "src/base/bits.h"
#include "src/numbers/block_scale.h"
#include "src/numbers/format_table.h"

namespace udnn::tools {

namespace {

using numbers::ModifierKind;
using numbers::ModifierRow;

/// The modifier of a kind that the format has, as it is spelled.
template <class Enumeration>
std::string spelled(ModifierKind kind, Enumeration value, const Format& format) {
  for (const ModifierRow& row : numbers::modifier_table())
    if (row.kind == kind && row.value == static_cast<int>(value) && applies(row, format))
      return std::string(row.spelling);
  return {};
}

std::string own_or(std::string spelling) { return spelling.empty() ? "its own" : spelling; }

/// Whether every value of the format, at scale 1, is a double.
bool holds_in_double(const Format& format) {
  const auto powers = numbers::ValueSet::of(format).powers();
  return fits_double_carrier(format) &&
         !(powers && powers->first < std::numeric_limits<double>::min_exponent - std::numeric_limits<double>::digits);
}

}  // namespace

FormatTraits facts_of(const Format& format) {
  FormatTraits t = traits(format);
  if (format.scale_rule != ScaleRule::kFixed) return t;
  for (double* fact : {&t.largest, &t.lowest, &t.smallest_normal, &t.smallest_subnormal, &t.spacing_at_one})
    *fact *= format.scale_value / numbers::unit_of_block_scale(format, 1, 1);  // mxint8: of one code
  return t;
}

std::string rounding_of(const Format& format) {
  std::string text = own_or(spelled(ModifierKind::kRounding, format.rounding, format));
  if (format.rounding == Rounding::kStochastic && format.random_bits != 32) text += std::to_string(format.random_bits);
  return text;
}

std::string overflow_of(const Format& format) {
  return own_or(spelled(ModifierKind::kOverflow, format.overflow, format));
}

std::string scale_rule_of(const Format& format) {
  std::string text = spelled(ModifierKind::kScale, format.scale_rule, format);
  if (text.ends_with('=')) text += fmt::format("{}", format.scale_value);
  return text;
}

std::string scale_of(const Format& format) {
  if (format.scale_rule == ScaleRule::kFixed) return fmt::format("{}, given", format.scale_value);
  switch (format.family) {
    case Family::kDynamicFixed:
      return "a power of two for the tensor, from its values";
    case Family::kInt:
      return "a real for the tensor or each output channel, from the values";
    case Family::kUnsignedInt:
      return "a real and a zero point for the tensor or each output channel, from the values";
    case Family::kBlockFloat:
    case Family::kMx:
      return "from the values of each block";
    case Family::kNvfp4:
      return "from the values of each block, times that of the tensor, a float: its largest magnitude / 2688";
    case Family::kPowerOfTwo:
      return "a power of two for the tensor, the largest of the window, from the largest magnitude";
    case Family::kTernary:
      return format.is_unit ? "1; the threshold comes from the values"
                            : "the mean magnitude above the threshold, of the tensor or each output channel";
    case Family::kBinary:
      return format.is_unit ? "1" : "the mean magnitude, of the tensor or each output channel";
    default:
      return "none";
  }
}

std::string element_of(const Format& format) {
  if (format.exponent_bits > 0) return fmt::format("e{}m{}", format.exponent_bits, format.mantissa_bits);
  return fmt::format("code of {} bits, two's complement{}", format.bits, format.family == Family::kMx ? ", / 64" : "");
}

std::string block_of(const Format& format) {
  if (format.block == 0) return "none";
  const auto [least, most] = numbers::block_scale_ends(format);
  const std::string range =
      least == most ? scale_text(least) : fmt::format("{} to {}", scale_text(least), scale_text(most));
  return fmt::format("{}, each with a scale: {}, {}", format.block, format.family == Family::kNvfp4 ? "e4m3" : "E8M0",
                     range);
}

BlockReach reach_of(const Format& format) {
  const FormatTraits t = traits(format);
  const auto [least, most] = numbers::block_scale_ends(format);
  return {t.lowest * most, t.largest * most, t.smallest_subnormal * least};
}

std::string carrier_of(const Format& format) {
  return fits_float_carrier(format) ? "float" : fits_double_carrier(format) ? "double" : "long double";
}

std::string text_of(const numbers::ExactValue& value) {
  if (value.magnitude.is_double()) return fmt::format("{}", value.nearest());
  return fmt::format("{}{:#x}p{}", value.is_negative ? "-" : "", value.magnitude.mantissa, value.magnitude.exponent);
}

std::string largest_text(const Format& format, const FormatTraits& facts) {
  return fits_double_carrier(format) ? fmt::format("{}", facts.largest)
                                     : fmt::format("{} - {:a}", facts.largest, facts.spacing_at_one);
}

std::string number_text(double value) { return value == 0 ? std::string("none") : fmt::format("{0}  ({0:a})", value); }

std::string scale_text(double scale) {
  return base::is_power_of_two(scale) ? fmt::format("2^{}", std::ilogb(scale)) : fmt::format("{}", scale);
}

base::Value count_value(numbers::Count count) { return {fmt::format("{}", count)}; }

base::Value exact_value(const Format& format, const numbers::ExactValue& value) {
  if (holds_in_double(format)) return {value.nearest()};
  return {fmt::format("{}{:#x}p{}", value.is_negative ? "-" : "", value.magnitude.mantissa, value.magnitude.exponent)};
}

}  // namespace udnn::tools
