#include "tools/format_card.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/machine/isa.h"
#include "src/numbers/block_scale.h"
#include "src/numbers/format_table.h"
#include "src/numbers/quantizer.h"
#include "src/numbers/value_set.h"
#include "src/report/chart.h"
#include "src/report/table.h"
#include "tools/format_facts.h"
#include "tools/format_spellings.h"
#include "tools/json_line.h"

namespace udnn::tools {

namespace {

using numbers::Count;
using numbers::ModifierKind;
using numbers::ValueSet;

constexpr std::size_t kColumns = 65;  ///< of a number line: odd, so that zero stands in the middle of a symmetric range
constexpr int kListedBits = 8;

/// In order of the codes, NaN and infinities too. Empty where there are too many.
std::vector<double> listed_values(const Format& format) {
  std::vector<double> values;
  const auto coder = numbers::Quantizer<double>::create(format, *machine::usable_carrier_tables().front());
  if (!coder || format.bits > kListedBits) return values;
  const Scale at_one{.unit = numbers::unit_of_block_scale(format, 1, 1)};
  for (std::uint64_t code = 0; code < std::uint64_t{1} << static_cast<unsigned>(format.bits); ++code)
    if (numbers::is_code(format, code)) values.push_back(coder->decode(code, at_one));
  return values;
}

/// How many values lie in each column.
struct NumberLine {
  std::vector<Count> linear;  ///< of equal widths, from the lowest value to the largest
  std::vector<Count> powers;  ///< from 2^first on, `step` powers of two in each
  int first = 0, last = 0;
  int step = 1;
};

NumberLine number_line(const ValueSet& set) {
  NumberLine line;
  const double lowest = set.lowest(), largest = set.largest();
  // A border belongs to the column farther from the middle, so that what is symmetric looks so.
  const auto border = [&](std::size_t column) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (column == 0 || column == kColumns) return column == 0 ? -kInfinity : kInfinity;
    const double from = lowest / kColumns, to = largest / kColumns;  // largest - lowest may be beyond double
    const double at = from * static_cast<double>(kColumns - column) + to * static_cast<double>(column);
    return column <= kColumns / 2 ? std::nextafter(at, kInfinity) : at;
  };
  for (std::size_t column = 0; column < kColumns && lowest < largest; ++column)
    line.linear.push_back(set.count_within(border(column), border(column + 1)));
  if (!(largest > 0)) return line;
  line.first = std::ilogb(set.least_positive());
  line.last = std::ilogb(largest);
  if (set.count_within(std::ldexp(1.0, line.last), std::numeric_limits<double>::infinity()) == 0)
    --line.last;  // rounded up to it
  const int powers = line.last - line.first + 1;
  constexpr int kMost = kColumns;
  line.step = (powers + kMost - 1) / kMost;
  for (int exponent = line.first; exponent <= line.last; exponent += line.step)
    line.powers.push_back(set.count_within(std::ldexp(1.0, exponent), std::ldexp(1.0, exponent + line.step)));
  return line;
}

/// As high as the logarithm of one more.
std::string heights(std::span<const Count> counts) {
  std::vector<double> logarithms;
  for (const Count count : counts) logarithms.push_back(std::log2(1 + static_cast<double>(count)));
  return report::bars(logarithms);
}

base::Value counts_value(std::span<const Count> counts) {
  base::Value list = base::Value::array();
  for (const Count count : counts) list.push_back(count_value(count));
  return list;
}

base::Value number_line_value(const Format& format, const ValueSet& set) {
  const NumberLine line = number_line(set);
  return base::Value::object(
      {{"lowest", end_value(format, true)},
       {"largest", end_value(format, false)},
       {"counts", counts_value(line.linear)},
       {"powers_of_two",
        base::Value::object({{"first", line.first}, {"step", line.step}, {"counts", counts_value(line.powers)}})}});
}

std::string number_line_text(const ValueSet& set) {
  const NumberLine line = number_line(set);
  std::string text;
  const auto add = [&](std::string_view what, const std::string& from, std::span<const Count> counts,
                       const std::string& to) {
    if (counts.empty()) return;
    text += fmt::format("{}; the higher, the more (the highest column: {}):\n  {} {} {}\n", what,
                        *std::max_element(counts.begin(), counts.end()), from, heights(counts), to);
  };
  add("values, from the lowest to the largest", fmt::format("{}", set.lowest()), line.linear,
      fmt::format("{}", set.largest()));
  add(line.step == 1 ? std::string("values above 0, a column for each power of two")
                     : fmt::format("values above 0, a column for each {} powers of two", line.step),
      fmt::format("2^{}", line.first), line.powers, fmt::format("2^{}", line.last));
  return text;
}

base::Value optional(double value) { return value == 0 ? base::Value() : base::Value(value); }

std::string number(double value) { return value == 0 ? std::string("none") : fmt::format("{0}  ({0:a})", value); }

/// What the format does, and what it could do.
std::string chosen(const Aspect& aspect, ModifierKind kind, const Format& format) {
  const std::vector<std::string_view> all = spellings_of(kind, format);
  return all.size() < 2 ? aspect.text : fmt::format("{}, of {}", aspect.text, fmt::join(all, " "));
}

/// The exponents of po2, and where the carrier has no more of them.
std::string window_text(const Format& format, const FormatTraits& t) {
  const bool is_float = fits_float_carrier(format);
  return fmt::format(
      "1 to 2^{}, times the scale; in a {} no value is below 2^{}", t.min_exponent, carrier_of(format),
      is_float ? std::numeric_limits<float>::min_exponent - 1 : std::numeric_limits<double>::min_exponent - 1);
}

std::string scale_text(const Format& format, const FormatTraits& t) {
  if (format.scale_rule == ScaleRule::kFixed) return fmt::format("{}, given", format.scale_value);
  if (!t.is_dynamic) return "none to choose";
  const std::string rule = scale_rule_of(format);
  return fmt::format("from the values{}; what is shown is at scale 1", rule.empty() ? "" : " by the rule " + rule);
}

/// What a block has beside its elements, whose own facts follow.
std::string block_text(const Format& format) {
  const BlockFacts facts = *block_of(format);
  const bool has_tensor_scale = format.family == Family::kNvfp4;
  std::string text;
  const auto line = [&](std::string_view what, const std::string& value) {
    text += fmt::format("{:<20}{}\n", what, value);
  };
  line("block", fmt::format("{} neighbours share a scale of 8 bits: {} + 8/{} bits for each value", format.block,
                            format.bits, format.block));
  if (format.scale_rule != ScaleRule::kFixed) {
    line("scale of a block", has_tensor_scale
                                 ? fmt::format("{}, 0 or 2^{} to {}, times one float for the tensor, here 1",
                                               facts.scale, std::ilogb(facts.least_scale), facts.largest_scale)
                                 : fmt::format("{}, a power of two from 2^{} to 2^{}", facts.scale,
                                               std::ilogb(facts.least_scale), std::ilogb(facts.largest_scale)));
    line("over all scales",
         fmt::format("{} to {}, least above 0 {}", facts.lowest, facts.largest, number(facts.least_positive)));
  }
  line("element", facts.element + ", described below");
  return text;
}

base::Value block_value(const Format& format) {
  const auto facts = block_of(format);
  if (!facts) return {};
  return base::Value::object({{"values", format.block},
                              {"element", facts->element},
                              {"scale", facts->scale},
                              {"scale_bits", 8},
                              {"least_scale", facts->least_scale},
                              {"largest_scale", facts->largest_scale},
                              {"lowest", facts->lowest},
                              {"largest", facts->largest},
                              {"least_positive", facts->least_positive}});
}

}  // namespace

base::Value card_value(const Format& format) {
  const FormatTraits t = facts_of(format);
  base::Value facts = base::Value::object({{"format", to_string(format)},
                                           {"bits", storage_bits(format)},
                                           {"carrier", carrier_of(format)},
                                           {"lowest", end_value(format, true)},
                                           {"largest", end_value(format, false)},
                                           {"smallest_normal", optional(t.smallest_normal)},
                                           {"smallest_subnormal", optional(t.smallest_subnormal)},
                                           {"spacing_at_one", optional(t.spacing_at_one)},
                                           {"significant_bits", t.significant_bits},
                                           {"has_infinity", t.has_infinity},
                                           {"has_nan", t.has_nan},
                                           {"is_dynamic", t.is_dynamic}});
  const ValueSet set = ValueSet::of(format);
  for (const Aspect& aspect : aspects_of(format))
    if (aspect.what == "rounding" || aspect.what == "overflow" || aspect.what == "subnormals")
      facts.set(aspect.what, aspect.text);
  const std::string rule = scale_rule_of(format);
  facts.set("scale_rule", rule.empty() ? base::Value() : base::Value(rule));
  facts.set("block", block_value(format));
  facts.set("finite_values", count_value(set.size()));
  facts.set("number_line", number_line_value(format, set));
  if (const auto values = listed_values(format); !values.empty()) {
    base::Value list = base::Value::array();
    for (const double value : values) list.push_back(real(value));
    facts.set("values", std::move(list));
  }
  return facts;
}

std::string card_text(const Format& format) {
  const FormatTraits t = facts_of(format);
  const ValueSet set = ValueSet::of(format);
  const bool is_float = t.has_negative_zero;
  std::string text;
  const auto line = [&](std::string_view what, std::string_view value) {
    text += fmt::format("{:<20}{}\n", what, value);
  };
  line("format", to_string(format));
  line("bits", fmt::format("{}", storage_bits(format)));
  if (format.block != 0) text += block_text(format);
  line("finite values", fmt::format("{}", set.size()));
  line("range", fmt::format("{} to {}", lowest_text(format, t), largest_text(format, t)));
  if (is_float) line("smallest normal", number(t.smallest_normal));
  line(is_float ? "smallest subnormal" : "smallest positive", number(t.smallest_subnormal));
  line("spacing at 1", number(t.spacing_at_one));
  line("significant bits", fmt::format("{}", t.significant_bits));
  line("infinity, NaN", fmt::format("{}, {}", t.has_infinity ? "yes" : "no", t.has_nan ? "yes" : "no"));
  line("scale", scale_text(format, t));
  if (format.family == Family::kPowerOfTwo) line("window", window_text(format, t));
  for (const Aspect& aspect : aspects_of(format)) {
    if (aspect.what == "rounding") line("rounding", chosen(aspect, ModifierKind::kRounding, format));
    if (aspect.what == "overflow") line("overflow", chosen(aspect, ModifierKind::kOverflow, format));
    if (aspect.what == "subnormals" && format.flushes_subnormals)
      line("subnormals", "ftz: results among them become 0");
  }
  line("carrier", carrier_of(format));
  text += number_line_text(set);

  const std::vector<double> values = listed_values(format);
  if (values.empty()) return text;
  text += "values, in order of their codes:\n";
  constexpr std::size_t kPerLine = 8;
  for (std::size_t i = 0; i < values.size(); ++i)
    text += fmt::format("{}{}", values[i], i % kPerLine == kPerLine - 1 || i + 1 == values.size() ? "\n" : " ");
  return text;
}

}  // namespace udnn::tools
