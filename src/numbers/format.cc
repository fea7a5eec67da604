#include "udnn/format.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "src/base/bits.h"
#include "src/base/refusal.h"
#include "src/numbers/format_hint.h"
#include "src/numbers/format_table.h"

namespace udnn {

namespace numbers {

namespace {

/// All of `text` as a decimal integer of few digits.
std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The same, and the end of the range where it has more.
std::optional<int> clamped_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc{}) return value;
  return text.starts_with('-') ? std::numeric_limits<int>::min() : std::numeric_limits<int>::max();
}

std::optional<double> real_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

/// Puts the numbers of a name where its family keeps them.
Format filled(const FamilyRow& row, int first, int second) {
  Format format = row.format;
  switch (format.family) {
    case Family::kFloat:
      if (row.shape == Shape::kName) break;
      format.exponent_bits = first;
      format.mantissa_bits = second;
      format.bits = 1 + first + second;
      break;
    case Family::kFixed:
    case Family::kUnsignedFixed:
      format.integer_bits = first;
      format.fraction_bits = second;
      format.bits = first + second;
      break;
    case Family::kPosit:
      format.exponent_bits = second;
      format.bits = first;
      break;
    case Family::kBlockFloat:
      format.block = second;
      format.bits = first;
      break;
    case Family::kDynamicFixed:
    case Family::kInt:
    case Family::kUnsignedInt:
    case Family::kPowerOfTwo:
      format.bits = first;
      break;
    default:
      break;
  }
  return format;
}

/// What a name says, before anybody asks whether its numbers are in range.
struct Name {
  const FamilyRow* row = nullptr;
  int number[2] = {0, 0};
  std::string_view text[2] = {};  ///< as they were written
};

std::optional<Name> matched(std::string_view name, const FamilyRow& row) {
  if (row.shape == Shape::kName) return name == row.prefix ? std::optional(Name{&row}) : std::nullopt;
  if (!name.starts_with(row.prefix)) return std::nullopt;
  const std::string_view rest = name.substr(row.prefix.size());
  const std::size_t cut =
      row.shape == Shape::kNumber ? rest.size() : rest.find(row.shape == Shape::kTwoByDot ? '.' : '/');
  if (cut == std::string_view::npos) return std::nullopt;
  const bool has_second = row.shape != Shape::kNumber;
  const std::string_view texts[] = {rest.substr(0, cut), has_second ? rest.substr(cut + 1) : "0"};
  const auto first = clamped_number(texts[0]), second = clamped_number(texts[1]);
  if (!first || !second) return std::nullopt;
  return Name{&row, {*first, *second}, {texts[0], texts[1]}};
}

/// What is wrong with the numbers of a name, if anything.
std::optional<FormatFault> out_of_range(const Name& name) {
  const FamilyRow& row = *name.row;
  if (row.shape == Shape::kName) return std::nullopt;
  std::size_t offset = row.prefix.size();
  for (int i = 0; i < 2; ++i) {
    const int given = name.number[i], near = std::clamp(given, row.low[i], row.high[i]);
    if (near != given) {
      FormatFault fault{offset, fmt::format("{} is out of range", name.text[i]), ", expected " + number_range(row, i)};
      const std::string spelling = spelled(row, i == 0 ? near : name.number[0], i == 1 ? near : name.number[1]);
      const Family family = row.format.family;
      if (std::abs(std::int64_t{given} - near) == 1 && is_name(spelling))
        fault.hint += fmt::format(", did you mean '{}'?", spelling);
      else if ((family == Family::kInt || family == Family::kUnsignedInt) && given > near && given <= 64)
        fault.hint +=
            fmt::format("; whole numbers of {0} bits are {1}{0}.0", given, family == Family::kInt ? "fx" : "ufx");
      return fault;
    }
    offset += name.text[0].size() + 1;
  }
  const int sum = name.number[0] + name.number[1];
  if (is_fixed(row.format.family) && (sum < 1 || sum > 64))
    return FormatFault{row.prefix.size(), fmt::format("I+F is {}", sum),
                       fmt::format(", expected 1 to 64 in {}", row.pattern)};
  return std::nullopt;
}

bool parse_name(std::string_view name, Format& format, FormatFault& fault) {
  std::optional<FormatFault> closest;
  for (const FamilyRow& row : family_table()) {
    const auto parsed = matched(name, row);
    if (!parsed) continue;
    if (auto wrong = out_of_range(*parsed)) {
      closest = std::move(wrong);
      continue;
    }
    format = filled(row, parsed->number[0], parsed->number[1]);
    return true;
  }
  fault = closest ? *closest : FormatFault{0, fmt::format("unknown format '{}'", name), name_hint(name)};
  return false;
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
    fault = {0, fmt::format("unknown modifier '{}'", text), modifier_hint(text, format)};
    return false;
  }
  if (!applies(*row, format)) {
    fault = {0, fmt::format("modifier '{}' does not apply to {}", text, name), wrong_modifier_hint(*row, format)};
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

const FamilyRow* row_of(const Format& format) {
  Format plain = format;
  plain.rounding = Rounding::kNearestEven;
  plain.random_bits = 0;
  plain.flushes_subnormals = plain.is_unit = plain.is_log = false;
  plain.scale_value = 0;
  plain.chunk = 0;
  const FamilyRow* pattern = nullptr;
  for (const FamilyRow& row : family_table()) {
    if (row.format.family != format.family) continue;
    plain.overflow = row.format.overflow;
    plain.scale_rule = row.format.scale_rule;
    if (row.shape == Shape::kName && row.format == plain) return &row;
    if (row.shape != Shape::kName) pattern = &row;
  }
  return pattern;
}

}  // namespace

bool is_fixed(Family family) noexcept { return family == Family::kFixed || family == Family::kUnsignedFixed; }

std::string spelled(const FamilyRow& row, int first, int second) {
  switch (row.shape) {
    case Shape::kName:
      return std::string(row.prefix);
    case Shape::kNumber:
      return fmt::format("{}{}", row.prefix, first);
    case Shape::kTwoByDot:
      return fmt::format("{}{}.{}", row.prefix, first, second);
    case Shape::kTwoBySlash:
      return fmt::format("{}{}/{}", row.prefix, first, second);
  }
  return {};
}

bool is_name(std::string_view text) {
  const auto table = family_table();
  return std::any_of(table.begin(), table.end(), [text](const FamilyRow& row) {
    const auto parsed = matched(text, row);
    return parsed && !out_of_range(*parsed);
  });
}

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

}  // namespace udnn
