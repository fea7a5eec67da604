#include "src/numbers/format_name.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/base/nearest.h"

namespace udnn::numbers {

/// All of `text` as a decimal integer of few digits.
std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

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

namespace {

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
};

std::optional<Name> matched(std::string_view name, const FamilyRow& row) {
  if (row.shape == Shape::kName) return name == row.prefix ? std::optional(Name{&row}) : std::nullopt;
  if (!name.starts_with(row.prefix)) return std::nullopt;
  const std::string_view rest = name.substr(row.prefix.size());
  const std::size_t cut =
      row.shape == Shape::kNumber ? rest.size() : rest.find(row.shape == Shape::kTwoByDot ? '.' : '/');
  if (cut == std::string_view::npos) return std::nullopt;
  const auto first = whole_number(rest.substr(0, cut));
  const auto second = row.shape == Shape::kNumber ? std::optional(0) : whole_number(rest.substr(cut + 1));
  if (!first || !second) return std::nullopt;
  return Name{&row, {*first, *second}};
}

/// What is wrong with the numbers of a name, if anything.
std::optional<FormatFault> out_of_range(const Name& name) {
  const FamilyRow& row = *name.row;
  if (row.shape == Shape::kName) return std::nullopt;
  int near[2];
  for (int i = 0; i < 2; ++i) near[i] = std::clamp(name.number[i], row.low[i], row.high[i]);
  std::size_t offset = row.prefix.size();
  for (int i = 0; i < 2; ++i) {
    if (near[i] != name.number[i]) {
      if (is_fixed(row.format.family)) near[1 - i] = std::clamp(near[1 - i], 1 - near[i], 64 - near[i]);
      return FormatFault{offset, fmt::format("{} is out of range", name.number[i]),
                         fmt::format(", expected {} to {}, did you mean '{}'?", row.low[i], row.high[i],
                                     spelled(row, near[0], near[1]))};
    }
    offset += fmt::formatted_size("{}", name.number[0]) + 1;
  }
  const int sum = name.number[0] + name.number[1];
  if (is_fixed(row.format.family) && (sum < 1 || sum > 64)) {
    const int fraction = std::clamp(sum, 1, 64) - name.number[0];
    return FormatFault{row.prefix.size(), fmt::format("I+F is {}", sum),
                       fmt::format(", expected 1 to 64, did you mean '{}'?", spelled(row, name.number[0], fraction))};
  }
  return std::nullopt;
}

/// What others call it, or what is short of a number.
struct Alias {
  std::string_view name, meant;
};
constexpr Alias kAliases[] = {
    {"float64", "fp64"},
    {"double", "fp64"},
    {"f64", "fp64"},
    {"float32", "fp32"},
    {"float", "fp32"},
    {"single", "fp32"},
    {"f32", "fp32"},
    {"float16", "fp16"},
    {"half", "fp16"},
    {"f16", "fp16"},
    {"bfloat16", "bf16"},
    {"bfloat", "bf16"},
    {"brain16", "bf16"},
    {"tensorfloat32", "tf32"},
    {"fp8", "e4m3' or 'e5m2"},
    {"float8", "e4m3' or 'e5m2"},
    {"f8", "e4m3' or 'e5m2"},
    {"e4m3fn", "e4m3"},
    {"float8e4m3fn", "e4m3"},
    {"float8e5m2", "e5m2"},
    {"fp6", "e2m3' or 'e3m2"},
    {"float6", "e2m3' or 'e3m2"},
    {"fp4", "e2m1' or 'mxfp4"},
    {"float4", "e2m1' or 'mxfp4"},
    {"nf4", "e2m1' or 'nvfp4"},
    {"ternary", "t2"},
    {"t1", "t2"},
    {"binary", "b1"},
    {"bool", "b1"},
    {"int1", "b1"},
    {"bit", "b1"},
    {"nvfp8", "nvfp4"},
};

/// Of names with two numbers, the second where only one was written.
int usual_second(Family family) noexcept {
  switch (family) {
    case Family::kPosit:
      return 2;  // of the standard
    case Family::kBlockFloat:
      return 32;
    case Family::kFixed:
    case Family::kUnsignedFixed:
      return 6;
    default:
      return 2;
  }
}

bool is_valid(std::string_view name) {
  for (const FamilyRow& row : family_table())
    if (const auto parsed = matched(name, row); parsed && !out_of_range(*parsed)) return true;
  return false;
}

/// The letters of a name, or its digits.
std::string only(bool digits, std::string_view name) {
  std::string some;
  for (const char c : name)
    if ((c >= '0' && c <= '9') == digits) some += c;
  return some;
}

/// A valid name that differs in case, in its point, in a word of its own for it, or lacks its second number.
std::string respelled(std::string_view name) {
  std::string plain;
  for (const char c : name)
    if (c != '_' && c != '-') plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c == ',' ? '.' : c;
  if (is_valid(plain)) return plain;
  for (const Alias& alias : kAliases)
    if (plain == alias.name) return std::string(alias.meant);
  for (const FamilyRow& row : family_table()) {
    if (row.shape != Shape::kTwoByDot && row.shape != Shape::kTwoBySlash) continue;
    if (!plain.starts_with(row.prefix)) continue;
    const auto number = whole_number(std::string_view(plain).substr(row.prefix.size()));
    if (!number || *number < row.low[0] || *number > row.high[0]) continue;
    if (const std::string full = spelled(row, *number, usual_second(row.format.family)); is_valid(full)) return full;
  }
  return {};
}

/// The nearest valid name: a fixed one, or a prefix with the numbers that were written.
std::string name_hint(std::string_view name) {
  if (const std::string other = respelled(name); !other.empty()) return fmt::format(", did you mean '{}'?", other);
  const std::size_t digits = std::min(name.find_first_of("-0123456789"), name.size());
  std::vector<std::string> texts;
  std::vector<std::string_view> patterns, of_prefix;
  for (const FamilyRow& row : family_table()) {
    patterns.push_back(row.pattern);
    if (name.starts_with("mx") && row.format.family == Family::kMx) of_prefix.push_back(row.pattern);
    std::string text =
        row.shape == Shape::kName ? std::string(row.prefix) : fmt::format("{}{}", row.prefix, name.substr(digits));
    // Letters and numbers both other than what was written are a guess.
    const bool is_akin = only(false, text) == only(false, name) || only(true, text) == only(true, name);
    if (is_akin && is_valid(text)) texts.push_back(std::move(text));
  }
  if (!of_prefix.empty()) return fmt::format(", expected one of {}", fmt::join(of_prefix, ", "));
  const std::vector<std::string_view> candidates(texts.begin(), texts.end());
  const std::string_view near = base::nearest(name, candidates);
  if (!near.empty()) return fmt::format(", did you mean '{}'?", near);
  return fmt::format(", expected one of {}", fmt::join(patterns, ", "));
}

}  // namespace

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

}  // namespace udnn::numbers
