#include "tools/format_facts.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include "src/numbers/block_scale.h"
#include "src/numbers/format_table.h"

namespace udnn::tools {

namespace {

using numbers::ExactValue;
using numbers::ModifierKind;

/// The modifier of a kind that the format has, written or not; empty where none applies.
std::string_view modifier_of(const Format& format, ModifierKind kind, int value) {
  for (const numbers::ModifierRow& row : numbers::modifier_table())
    if (row.kind == kind && row.value == value && applies(row, format)) return row.spelling;
  return {};
}

std::string rounding_of(const Format& format) {
  const std::string_view mode = modifier_of(format, ModifierKind::kRounding, static_cast<int>(format.rounding));
  if (mode.empty()) return format.is_log ? "its own, by logarithm" : "its own";
  const bool has_fewer_bits = format.rounding == Rounding::kStochastic && format.random_bits != 32;
  return has_fewer_bits ? fmt::format("{}{}", mode, format.random_bits) : std::string(mode);
}

std::string overflow_of(const Format& format) {
  const std::string_view mode = modifier_of(format, ModifierKind::kOverflow, static_cast<int>(format.overflow));
  return std::string(mode.empty() ? "its own" : mode);
}

std::string subnormals_of(const Format& format, const FormatTraits& facts) {
  if (facts.smallest_subnormal == 0 || !facts.has_negative_zero) return "none";
  return format.flushes_subnormals ? "ftz" : "kept";
}

std::string scale_of(const Format& format, const FormatTraits& facts) {
  if (format.is_unit) return "1";
  if (format.scale_rule == ScaleRule::kFixed) return fmt::format("{}", format.scale_value);
  if (!facts.is_dynamic) return "none";
  const std::string rule = scale_rule_of(format);
  return rule.empty() ? "from the values; here 1" : fmt::format("from the values, {}; here 1", rule);
}

std::string yes_or_no(bool is) { return is ? "yes" : "no"; }

}  // namespace

FormatTraits facts_of(const Format& format) {
  FormatTraits t = traits(format);
  if (format.scale_rule != ScaleRule::kFixed) return t;
  for (double* fact : {&t.largest, &t.lowest, &t.smallest_normal, &t.smallest_subnormal, &t.spacing_at_one})
    *fact *= format.scale_value / numbers::unit_of_block_scale(format, 1, 1);  // mxint8: of one code
  return t;
}

std::string carrier_of(const Format& format) {
  return fits_float_carrier(format) ? "float" : fits_double_carrier(format) ? "double" : "long double";
}

// What no double holds is one spacing nearer to 0 than the power of two that it is rounded to.
std::string lowest_text(const Format& format, const FormatTraits& facts) {
  return end_value(format, true).is_text() ? fmt::format("{} + {:a}", facts.lowest, facts.smallest_subnormal)
                                           : fmt::format("{}", facts.lowest);
}

std::string largest_text(const Format& format, const FormatTraits& facts) {
  return end_value(format, false).is_text() ? fmt::format("{} - {:a}", facts.largest, facts.smallest_subnormal)
                                            : fmt::format("{}", facts.largest);
}

base::Value count_value(numbers::Count count) { return fmt::format("{}", count); }

std::string text_of(const ExactValue& value) {
  if (value.magnitude.is_double()) return fmt::format("{}", value.nearest());
  return fmt::format("{}{:#x}p{}", value.is_negative ? "-" : "", value.magnitude.mantissa, value.magnitude.exponent);
}

base::Value exact_value(const ExactValue& value) {
  return value.magnitude.is_double() ? base::Value(value.nearest()) : base::Value(text_of(value));
}

base::Value end_value(const Format& format, bool negative) {
  const FormatTraits t = facts_of(format);
  if (fits_double_carrier(format)) return negative ? t.lowest : t.largest;
  return exact_value({.is_negative = negative, .magnitude = numbers::value_grid(format)->end(negative)});
}

std::string scale_rule_of(const Format& format) {
  for (const numbers::ModifierRow& row : numbers::modifier_table())
    if (row.kind == ModifierKind::kScale && row.value == static_cast<int>(format.scale_rule) && applies(row, format))
      return row.takes_value ? fmt::format("{}{}", row.spelling, format.scale_value) : std::string(row.spelling);
  return {};
}

std::optional<BlockFacts> block_of(const Format& format) {
  if (format.block == 0) return std::nullopt;
  BlockFacts facts;
  facts.element = format.exponent_bits > 0       ? fmt::format("e{}m{}", format.exponent_bits, format.mantissa_bits)
                  : format.family == Family::kMx ? fmt::format("code of {} bits / 64", format.bits)
                                                 : fmt::format("code of {} bits", format.bits);
  facts.scale = format.family == Family::kNvfp4 ? "E4M3" : "E8M0";
  for (int code = 0; code < 256; ++code) {
    const auto scale = numbers::block_scale_value(format, static_cast<std::uint8_t>(code));
    if (!scale || !(*scale > 0)) continue;  // NaN, 0, none
    if (facts.least_scale == 0 || *scale < facts.least_scale) facts.least_scale = *scale;
    facts.largest_scale = std::max(facts.largest_scale, *scale);
  }
  const FormatTraits t = traits(format);
  facts.lowest = t.lowest * facts.largest_scale;
  facts.largest = t.largest * facts.largest_scale;
  facts.least_positive = t.smallest_subnormal * facts.least_scale;
  return facts;
}

std::vector<Aspect> aspects_of(const Format& format) {
  const FormatTraits t = traits(format);
  const auto block = block_of(format);
  return {{"bits", fmt::format("{}", storage_bits(format))},
          {"infinity", yes_or_no(t.has_infinity)},
          {"NaN", yes_or_no(t.has_nan)},
          {"-0", yes_or_no(t.has_negative_zero)},
          {"rounding", rounding_of(format)},
          {"overflow", overflow_of(format)},
          {"subnormals", subnormals_of(format, t)},
          {"scale", scale_of(format, t)},
          {"block", block ? fmt::format("{} values, {} scale", format.block, block->scale) : "none"}};
}

}  // namespace udnn::tools
