#include "udnn/format.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/base/bits.h"
#include "src/base/nearest.h"
#include "src/base/refusal.h"
#include "src/numbers/format_name.h"
#include "src/numbers/format_table.h"

namespace udnn {

namespace numbers {

namespace {

std::optional<double> real_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::string_view kind_name(ModifierKind kind) {
  switch (kind) {
    case ModifierKind::kRounding:
      return "rounding";
    case ModifierKind::kOverflow:
      return "overflow mode";
    case ModifierKind::kSubnormals:
      return "'ftz'";
    case ModifierKind::kScale:
      return "scale rule";
    case ModifierKind::kUnit:
      return "'unit'";
    case ModifierKind::kLog:
      return "'log'";
  }
  return {};
}

/// The row that a modifier is spelled after: "sr12" after "sr", "ovf=1e-4" after "ovf=".
const ModifierRow* modifier_row(std::string_view text) {
  for (const ModifierRow& row : modifier_table()) {
    if (text == row.spelling) return &row;
    if (row.takes_value && text.starts_with(row.spelling)) return &row;
    if (row.spelling == "sr" && text.starts_with("sr") && whole_number(text.substr(2))) return &row;
  }
  return nullptr;
}

std::vector<std::string_view> spellings(const Format* format) {
  std::vector<std::string_view> list;
  for (const ModifierRow& row : modifier_table())
    if (format == nullptr || applies(row, *format)) list.push_back(row.spelling);
  return list;
}

std::string expected_modifiers(std::string_view name, const Format& format) {
  const auto all = spellings(&format);
  return all.empty() ? fmt::format(", expected none: {} rounds in its own way", name)
                     : fmt::format(", expected one of {}", fmt::join(all, ", "));
}

/// The number after '='. Its range depends on the rule.
bool parse_scale_value(std::string_view text, ScaleRule rule, Format& format, FormatFault& fault) {
  const auto value = real_number(text);
  const auto refuse = [&](std::string_view expected) {
    fault = {0, fmt::format("'{}' is no value", text), fmt::format(", expected {}", expected)};
    return false;
  };
  if (rule == ScaleRule::kOverflowRate && !(value && *value >= 0 && *value < 1))
    return refuse("a rate of 0 or more, below 1");
  if (rule == ScaleRule::kPercentile && !(value && *value > 0 && *value <= 100))
    return refuse("a percentage above 0, at most 100");
  if (rule == ScaleRule::kFixed) {
    if (!(value && *value > 0)) return refuse("a scale above 0");
    const bool has_power = format.family != Family::kInt && format.family != Family::kUnsignedInt;
    if (has_power && !base::is_power_of_two(*value)) return refuse("a power of two, as 0.125");
    if (*value < 0x1p-900 || *value > 0x1p900) return refuse("a scale within 2^-900 to 2^900");
  }
  format.scale_value = *value;
  return true;
}

bool parse_modifier(std::string_view text, std::vector<ModifierKind>& seen, std::string_view name, Format& format,
                    FormatFault& fault) {
  const ModifierRow* const row = modifier_row(text);
  if (row == nullptr) {
    const auto all = spellings(nullptr);
    const std::string_view near = base::nearest(text, all);
    fault = {0, fmt::format("unknown modifier '{}'", text),
             near.empty() ? expected_modifiers(name, format) : fmt::format(", did you mean '{}'?", near)};
    return false;
  }
  if (!applies(*row, format)) {
    fault = {0, fmt::format("modifier '{}' does not apply to {}", text, name), expected_modifiers(name, format)};
    return false;
  }
  if (std::find(seen.begin(), seen.end(), row->kind) != seen.end()) {
    fault = {0, fmt::format("'{}' is a second {}", text, kind_name(row->kind)), ", expected at most one"};
    return false;
  }
  seen.push_back(row->kind);
  const std::string_view value = text.substr(row->spelling.size());
  switch (row->kind) {
    case ModifierKind::kRounding: {
      format.rounding = static_cast<Rounding>(row->value);
      if (format.rounding != Rounding::kStochastic) break;
      format.random_bits = value.empty() ? 32 : *whole_number(value);
      if (format.random_bits >= 1 && format.random_bits <= 32) break;
      fault = {2, fmt::format("{} random bits", value),
               fmt::format(", expected 1 to 32, did you mean 'sr{}'?", std::clamp(format.random_bits, 1, 32))};
      return false;
    }
    case ModifierKind::kOverflow:
      format.overflow = static_cast<Overflow>(row->value);
      break;
    case ModifierKind::kSubnormals:
      format.flushes_subnormals = true;
      break;
    case ModifierKind::kScale:
      format.scale_rule = static_cast<ScaleRule>(row->value);
      if (row->takes_value && !parse_scale_value(value, format.scale_rule, format, fault)) {
        fault.offset = row->spelling.size();
        return false;
      }
      break;
    case ModifierKind::kUnit:
      format.is_unit = true;
      break;
    case ModifierKind::kLog:
      format.is_log = true;
      break;
  }
  return true;
}

bool parse_name_and_modifiers(std::string_view text, Format& format, FormatFault& fault) {
  std::size_t end = std::min(text.find(':'), text.size());
  const std::string_view name = text.substr(0, end);
  if (!parse_name(name, format, fault)) return false;
  std::vector<ModifierKind> seen;
  while (end < text.size()) {
    const std::size_t begin = end + 1;
    end = std::min(text.find(':', begin), text.size());
    if (!parse_modifier(text.substr(begin, end - begin), seen, name, format, fault)) {
      fault.offset += begin;
      return false;
    }
  }
  return true;
}

/// Cuts "/C" off an accumulator's format. That of bfpN/B is its second slash.
bool take_chunk(std::string_view& text, int& chunk, FormatFault& fault) {
  const std::size_t slash = text.rfind('/');
  if (slash == std::string_view::npos) return true;
  if (text.starts_with("bfp") && text.find('/') == slash) return true;
  const std::string_view digits = text.substr(slash + 1);
  const auto given = whole_number(digits);
  constexpr int kMost = 1 << 20;
  if (!given || *given < 1 || *given > kMost) {
    fault = {slash + 1, fmt::format("'{}' is no chunk", digits), fmt::format(", expected 1 to {} products", kMost)};
    return false;
  }
  chunk = *given == 1 ? 0 : *given;
  text = text.substr(0, slash);
  return true;
}

}  // namespace

bool parse_format_within(std::string_view text, bool accepts_chunk, Format& format, FormatFault& fault) {
  Format parsed;
  if (!accepts_chunk) {
    const std::size_t slash = text.rfind('/');
    if (slash != std::string_view::npos && whole_number(text.substr(slash + 1)) &&
        parse_name_and_modifiers(text.substr(0, slash), parsed, fault)) {
      fault = {slash, fmt::format("'{}' is a chunk", text.substr(slash)), ", expected it after an acc format alone"};
      return false;
    }
  }
  int chunk = 0;
  if (accepts_chunk && !take_chunk(text, chunk, fault)) return false;
  if (!parse_name_and_modifiers(text, parsed, fault)) return false;
  parsed.chunk = chunk;
  format = parsed;
  return true;
}

Status fault_in(std::string_view text, const FormatFault& fault) {
  return base::invalid("\"{}\": {} at column {}{}", text, fault.what, fault.offset + 1, fault.hint);
}

}  // namespace numbers

Result<Format> parse_format(std::string_view text) {
  Format format;
  numbers::FormatFault fault;
  if (!numbers::parse_format_within(text, false, format, fault)) return numbers::fault_in(text, fault);
  return format;
}

std::string to_string(const Format& format) {
  using numbers::ModifierKind;
  const numbers::FamilyRow& row = *numbers::row_of(format);
  const bool is_fixed = numbers::is_fixed(format.family), is_float = format.family == Family::kFloat;
  const int first = is_float ? format.exponent_bits : is_fixed ? format.integer_bits : format.bits;
  const int second = is_float                          ? format.mantissa_bits
                     : is_fixed                        ? format.fraction_bits
                     : format.family == Family::kPosit ? format.exponent_bits
                                                       : format.block;
  std::string text = numbers::spelled(row, first, second);
  for (const numbers::ModifierRow& modifier : numbers::modifier_table()) {
    const auto is = [&](ModifierKind kind, auto value, auto usual) {
      return modifier.kind == kind && value != usual && modifier.value == static_cast<int>(value);
    };
    if (is(ModifierKind::kRounding, format.rounding, Rounding::kNearestEven)) {
      text += fmt::format(":{}", modifier.spelling);
      if (format.rounding == Rounding::kStochastic && format.random_bits != 32)
        text += fmt::format("{}", format.random_bits);
    } else if (is(ModifierKind::kOverflow, format.overflow, row.format.overflow) ||
               is(ModifierKind::kSubnormals, format.flushes_subnormals, false) ||
               is(ModifierKind::kUnit, format.is_unit, false) || is(ModifierKind::kLog, format.is_log, false)) {
      text += fmt::format(":{}", modifier.spelling);
    } else if (is(ModifierKind::kScale, format.scale_rule, row.format.scale_rule)) {
      text += fmt::format(":{}", modifier.spelling);
      if (modifier.takes_value) text += fmt::format("{}", format.scale_value);
    }
  }
  return format.chunk == 0 ? text : fmt::format("{}/{}", text, format.chunk);
}

std::string point_at_fault(std::string_view text, const Status& error) {
  constexpr std::string_view kMark = " at column ";
  const std::string& message = error.message();
  // The text stands in front, and may hold the mark itself.
  const std::size_t mark = message.find(kMark, std::min(message.size(), text.size()));
  int column = 1;
  if (mark != std::string::npos)
    std::from_chars(message.data() + mark + kMark.size(), message.data() + message.size(), column);
  return fmt::format("{}\n{:>{}}", text, '^', column);
}

namespace {

void describe_float(const Format& format, FormatTraits& t) {
  const int e = format.exponent_bits, m = format.mantissa_bits;
  const bool is_ieee = format.family == Family::kFloat || (e == 5 && m == 2);
  const int bias = (1 << (e - 1)) - 1;
  const bool has_normals = !is_ieee || e > 1;
  t.min_exponent = 1 - bias;
  t.max_exponent = is_ieee ? bias : bias + 1;
  t.has_infinity = is_ieee;
  t.has_nan = is_ieee ? m > 0 : e == 4;
  t.has_negative_zero = true;
  t.smallest_subnormal = m > 0 ? std::ldexp(1.0, t.min_exponent - m) : 0;
  t.smallest_normal = has_normals ? std::ldexp(1.0, t.min_exponent) : 0;
  t.significant_bits = has_normals ? m + 1 : m;
  t.largest = has_normals ? std::ldexp(2 - std::ldexp(1.0, -m), t.max_exponent)
                          : std::ldexp(1 - std::ldexp(1.0, -m), t.min_exponent);
  if (!is_ieee && t.has_nan) t.largest -= std::ldexp(1.0, t.max_exponent - m);  // whose code is NaN
  t.lowest = -t.largest;
  t.spacing_at_one = std::ldexp(1.0, std::max(0, t.min_exponent) - m);
}

void describe_codes(double lowest, double largest, int fraction_bits, FormatTraits& t) {
  t.lowest = std::ldexp(lowest, -fraction_bits);
  t.largest = std::ldexp(largest, -fraction_bits);
  t.spacing_at_one = t.smallest_subnormal = std::ldexp(1.0, -fraction_bits);
  t.min_exponent = -fraction_bits;
  const double widest = std::max(-t.lowest, t.largest);
  t.max_exponent = widest > 0 ? std::ilogb(widest) : t.min_exponent;
}

/// 2^n - 1, to nearest where a double has no room for it.
double all_ones(int n) { return std::ldexp(1.0, n) - 1; }

}  // namespace

FormatTraits traits(const Format& format) {
  FormatTraits t;
  const int n = format.bits;
  t.significant_bits = std::max(n - 1, 1);
  const double half = std::ldexp(1.0, n - 1);
  switch (format.family) {
    case Family::kFloat:
    case Family::kOcpFloat:
      describe_float(format, t);
      break;
    case Family::kFixed:
      describe_codes(-half, all_ones(n - 1), format.fraction_bits, t);
      break;
    case Family::kUnsignedFixed:
      describe_codes(0, all_ones(n), format.fraction_bits, t);
      t.significant_bits = n;
      break;
    case Family::kDynamicFixed:
      describe_codes(format.overflow == Overflow::kWrap ? -half : -all_ones(n - 1), all_ones(n - 1), 0, t);
      break;
    case Family::kInt:
    case Family::kBlockFloat:
      describe_codes(-half, all_ones(n - 1), 0, t);
      break;
    case Family::kUnsignedInt:
      describe_codes(0, all_ones(n), 0, t);
      t.significant_bits = n;
      break;
    case Family::kMx:
    case Family::kNvfp4:
      if (format.exponent_bits > 0)
        describe_float(format, t);
      else
        describe_codes(-half, all_ones(n - 1), 6, t);
      break;
    case Family::kPosit: {
      const int largest = (n - 2) << format.exponent_bits;
      t.largest = std::ldexp(1.0, largest);
      t.smallest_subnormal = std::ldexp(1.0, -largest);
      t.spacing_at_one = std::ldexp(1.0, -std::max(n - 3 - format.exponent_bits, 0));
      t.significant_bits = std::max(n - 2 - format.exponent_bits, 1);
      t.min_exponent = -largest;
      t.max_exponent = largest;
      t.lowest = -t.largest;
      t.has_nan = true;
      break;
    }
    case Family::kPowerOfTwo: {
      t.min_exponent = 2 - (1 << (n - 1));  // the largest is 1, and one code is zero
      t.largest = 1;
      t.lowest = -1;
      t.min_exponent = std::max(t.min_exponent, -1074);  // where doubles end
      t.smallest_subnormal = std::ldexp(1.0, t.min_exponent);
      t.spacing_at_one = 1;
      t.significant_bits = 1;
      break;
    }
    case Family::kTernary:
    case Family::kBinary:
      describe_codes(-1, 1, 0, t);
      if (format.family == Family::kBinary) t.spacing_at_one = 2;
      t.significant_bits = 1;
      break;
  }
  switch (format.family) {
    case Family::kDynamicFixed:
    case Family::kInt:
    case Family::kUnsignedInt:
    case Family::kBlockFloat:
    case Family::kMx:
      t.is_dynamic = format.scale_rule != ScaleRule::kFixed;
      break;
    case Family::kNvfp4:
    case Family::kPowerOfTwo:
    case Family::kTernary:
      t.is_dynamic = true;
      break;
    case Family::kBinary:
      t.is_dynamic = !format.is_unit;
      break;
    default:
      break;
  }
  return t;
}

double storage_bits(const Format& format) {
  switch (format.family) {
    case Family::kBlockFloat:
    case Family::kMx:
    case Family::kNvfp4:
      return format.bits + 8.0 / format.block;
    default:
      return format.bits;
  }
}

bool fits_float_carrier(const Format& format) {
  constexpr int kDigits = std::numeric_limits<float>::digits;
  const FormatTraits t = traits(format);
  if (t.significant_bits > kDigits) return false;
  if (t.significant_bits == kDigits && format.rounding != Rounding::kNearestEven) return false;
  switch (format.family) {
    case Family::kFloat:
    case Family::kOcpFloat:
      return format.exponent_bits <= 8;
    case Family::kFixed:
    case Family::kUnsignedFixed:
      // The spacing and its inverse are normal floats.
      return format.fraction_bits <= 126 && format.fraction_bits >= -126 && t.max_exponent <= 126;
    default:
      break;
  }
  const double unit = format.scale_rule == ScaleRule::kFixed ? format.scale_value : 1;
  if (unit < 0x1p-126 || unit > std::ldexp(1.0, 126 - format.bits)) return false;
  return t.min_exponent >= -149 && t.max_exponent <= 127;
}

bool fits_double_carrier(const Format& format) {
  return traits(format).significant_bits <= std::numeric_limits<double>::digits;
}

}  // namespace udnn
