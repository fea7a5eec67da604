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
#include "tools/format_spellings.h"

namespace udnn::tools {

namespace {

using numbers::Count;
using numbers::ExactValue;
using numbers::Missing;
using numbers::ValueSet;

constexpr std::size_t kColumns = 65;  ///< of a number line: odd, so that zero stands in the middle of a symmetric range
constexpr int kListedBits = 8;
constexpr std::size_t kFew = 8;  ///< missing values that are shown

/// The facts as the format's values have them: fix=S is their scale, other scales are 1.
FormatTraits facts_of(const Format& format) {
  FormatTraits t = traits(format);
  if (format.scale_rule != ScaleRule::kFixed) return t;
  for (double* fact : {&t.largest, &t.lowest, &t.smallest_normal, &t.smallest_subnormal, &t.spacing_at_one})
    *fact *= format.scale_value / numbers::unit_of_block_scale(format, 1, 1);  // mxint8: of one code
  return t;
}

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
  int first = 0;
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
  int last = std::ilogb(largest);
  if (set.count_within(std::ldexp(1.0, last), std::numeric_limits<double>::infinity()) == 0)
    --last;  // rounded up to it
  const int powers = last - line.first + 1;
  constexpr int kMost = kColumns;
  line.step = (powers + kMost - 1) / kMost;
  for (int exponent = line.first; exponent <= last; exponent += line.step)
    line.powers.push_back(set.count_within(std::ldexp(1.0, exponent), std::ldexp(1.0, exponent + line.step)));
  return line;
}

/// As high as the logarithm of one more.
std::string heights(std::span<const Count> counts) {
  std::vector<double> logarithms;
  for (const Count count : counts) logarithms.push_back(std::log2(1 + static_cast<double>(count)));
  return report::bars(logarithms);
}

base::Value count_value(Count count) {
  constexpr Count kMost = Count{1} << 53U;  // those who read numbers read doubles: beyond, it is a text
  return count <= kMost ? base::Value(static_cast<std::int64_t>(count)) : base::Value(fmt::format("{}", count));
}

/// As a hexadecimal float where a double does not hold it.
std::string text_of(const ExactValue& value) {
  if (value.magnitude.is_double()) return fmt::format("{}", value.nearest());
  return fmt::format("{}{:#x}p{}", value.is_negative ? "-" : "", value.magnitude.mantissa, value.magnitude.exponent);
}

base::Value counts_value(std::span<const Count> counts) {
  base::Value list = base::Value::array();
  for (const Count count : counts) list.push_back(count_value(count));
  return list;
}

base::Value number_line_value(const ValueSet& set) {
  const NumberLine line = number_line(set);
  return base::Value::object(
      {{"lowest", set.lowest()},
       {"largest", set.largest()},
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
  const int last = line.first + line.step * (static_cast<int>(line.powers.size()) - 1);
  add(line.step == 1 ? std::string("values above 0, a column for each power of two")
                     : fmt::format("values above 0, a column for each {} powers of two", line.step),
      fmt::format("2^{}", line.first), line.powers, fmt::format("2^{}", last));
  return text;
}

base::Value optional(double value) { return value == 0 ? base::Value() : base::Value(value); }

std::string number(double value) { return value == 0 ? std::string("none") : fmt::format("{0}  ({0:a})", value); }

/// What no double holds is one spacing less than the power of two that it is rounded to.
std::string largest_text(const Format& format, const FormatTraits& t) {
  return fits_double_carrier(format) ? fmt::format("{}", t.largest)
                                     : fmt::format("{} - {:a}", t.largest, t.smallest_subnormal);
}

std::string carrier_of(const Format& format) {
  return fits_float_carrier(format) ? "float" : fits_double_carrier(format) ? "double" : "long double";
}

std::string listed(const std::vector<std::string_view>& spellings, std::string_view none) {
  return spellings.empty() ? std::string(none) : fmt::format("{}", fmt::join(spellings, " "));
}

report::Cell cell(double value) { return {fmt::format("{}", value), base::Value(value)}; }

report::Cell optional_cell(double value) { return value == 0 ? report::Cell("none") : cell(value); }

report::Cell yes_or_no(bool is) { return {is ? "yes" : "no", base::Value(is)}; }

/// The modifier of a kind that the format has, written or not.
std::string_view modifier_of(numbers::ModifierKind kind, int value, const Format& format) {
  for (const numbers::ModifierRow& row : numbers::modifier_table())
    if (row.kind == kind && row.value == value && applies(row, format)) return row.spelling;
  return "its own";
}
std::string rounding_of(const Format& format) {
  const auto spelling = modifier_of(numbers::ModifierKind::kRounding, static_cast<int>(format.rounding), format);
  const bool has_bits = format.rounding == Rounding::kStochastic && format.random_bits != 32;
  return has_bits ? fmt::format("{}{}", spelling, format.random_bits) : std::string(spelling);
}
std::string overflow_of(const Format& format) {
  return std::string(modifier_of(numbers::ModifierKind::kOverflow, static_cast<int>(format.overflow), format));
}

/// What a block's scale can be: its standard, its ends, and how many share it.
std::string block_scale_text(const Format& format) {
  double least = 0, largest = 0;
  for (int byte = 0; byte < 256; ++byte) {
    const auto value = numbers::block_scale_value(format, static_cast<std::uint8_t>(byte));
    if (!value || !(*value > 0)) continue;  // NaN
    if (least == 0 || *value < least) least = *value;
    largest = std::max(largest, *value);
  }
  const bool is_nvfp4 = format.family == Family::kNvfp4;
  return fmt::format("one for {} neighbours: {}, {:a} to {:a}{}; what is shown is at scale 1", format.block,
                     is_nvfp4 ? "e4m3" : "E8M0", least, largest, is_nvfp4 ? ", times a float for the tensor" : "");
}

std::string scale_text(const Format& format, const FormatTraits& t) {
  if (format.scale_rule == ScaleRule::kFixed) return fmt::format("{}, given", format.scale_value);
  if (format.block != 0) return block_scale_text(format);
  return t.is_dynamic ? "from the values; what is shown is at scale 1" : "none to choose";
}

std::string missing_text(const Format& a, const Format& b, const ValueSet& of, const ValueSet& in) {
  const std::string title = fmt::format("in {}, not in {}: ", to_string(a), to_string(b));
  const Missing missing = Missing::of(of, in, kFew);
  if (missing.count == 0) return fmt::format("{}none of {} values\n", title, of.size());
  std::vector<std::string> first;
  for (const ExactValue& value : missing.first) first.push_back(text_of(value));
  return fmt::format("{}{} of {} values{}\n  {}{}\n", title, missing.count, of.size(),
                     of.is_enumerated() ? "" : ", by exponents and mantissas", fmt::join(first, " "),
                     missing.count > first.size() ? " ..." : "");
}

base::Value missing_value(const Format& a, const Format& b, const ValueSet& of, const ValueSet& in) {
  const Missing missing = Missing::of(of, in, kFew);
  base::Value first = base::Value::array();
  for (const ExactValue& value : missing.first)
    first.push_back(value.magnitude.is_double() ? base::Value(value.nearest()) : base::Value(text_of(value)));
  base::Value value = base::Value::object({{"of", to_string(a)}, {"in", to_string(b)}});
  value.set("count", count_value(missing.count));
  value.set("values", count_value(of.size()));
  value.set("enumerated", of.is_enumerated());
  value.set("first", std::move(first));
  return value;
}

}  // namespace

base::Value card_value(const Format& format) {
  const FormatTraits t = facts_of(format);
  base::Value facts = base::Value::object({{"format", to_string(format)},
                                           {"bits", storage_bits(format)},
                                           {"carrier", carrier_of(format)},
                                           {"lowest", t.lowest},
                                           {"largest", t.largest},
                                           {"smallest_normal", optional(t.smallest_normal)},
                                           {"smallest_subnormal", optional(t.smallest_subnormal)},
                                           {"spacing_at_one", t.spacing_at_one},
                                           {"significant_bits", t.significant_bits},
                                           {"has_infinity", t.has_infinity},
                                           {"has_nan", t.has_nan},
                                           {"is_dynamic", t.is_dynamic},
                                           {"block", format.block == 0 ? base::Value() : base::Value(format.block)},
                                           {"rounding", rounding_of(format)},
                                           {"overflow", overflow_of(format)}});
  const ValueSet set = ValueSet::of(format);
  facts.set("finite_values", count_value(set.size()));
  facts.set("number_line", number_line_value(set));
  if (const auto values = listed_values(format); !values.empty()) {
    base::Value list = base::Value::array();
    for (const double value : values) list.push_back(value);
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
  line("bits", format.block == 0 ? fmt::format("{}", storage_bits(format))
                                 : fmt::format("{}: {} for a value, and 8 for the scale of {}", storage_bits(format),
                                               format.bits, format.block));
  line("finite values", fmt::format("{}", set.size()));
  line("range", fmt::format("{} to {}", t.lowest + 0.0, largest_text(format, t)));
  if (is_float) line("smallest normal", number(t.smallest_normal));
  line(is_float ? "smallest subnormal" : "smallest positive", number(t.smallest_subnormal));
  line("spacing at 1", number(t.spacing_at_one));
  line("significant bits", fmt::format("{}", t.significant_bits));
  line("infinity, NaN", fmt::format("{}, {}", t.has_infinity ? "yes" : "no", t.has_nan ? "yes" : "no"));
  line("scale", scale_text(format, t));
  line("roundings", listed(spellings_of(numbers::ModifierKind::kRounding, format), "its own"));
  line("overflow", listed(spellings_of(numbers::ModifierKind::kOverflow, format), "its own"));
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

std::string pair_text(const Format& a, const Format& b) {
  const FormatTraits facts[] = {facts_of(a), facts_of(b)};
  const ValueSet sets[] = {ValueSet::of(a), ValueSet::of(b)};
  report::Table table({"", to_string(a), to_string(b)});
  const auto row = [&](std::string_view what, auto&& cell_of) {
    table.add_row({what, cell_of(a, facts[0], sets[0]), cell_of(b, facts[1], sets[1])});
  };
  row("bits", [](const Format& f, const FormatTraits&, const ValueSet&) { return cell(storage_bits(f)); });
  row("finite values", [](const Format&, const FormatTraits&, const ValueSet& set) {
    return report::Cell(fmt::format("{}", set.size()), count_value(set.size()));
  });
  row("lowest", [](const Format&, const FormatTraits& t, const ValueSet&) { return cell(t.lowest); });
  row("largest", [](const Format& f, const FormatTraits& t, const ValueSet&) {
    return fits_double_carrier(f) ? cell(t.largest) : report::Cell(largest_text(f, t));
  });
  row("smallest normal",
      [](const Format&, const FormatTraits& t, const ValueSet&) { return optional_cell(t.smallest_normal); });
  row("smallest positive", [](const Format&, const FormatTraits& t, const ValueSet&) {
    return optional_cell(t.smallest_subnormal == 0 ? t.smallest_normal : t.smallest_subnormal);
  });
  row("spacing at 1", [](const Format&, const FormatTraits& t, const ValueSet&) { return cell(t.spacing_at_one); });
  row("significant bits", [](const Format&, const FormatTraits& t, const ValueSet&) {
    return report::Cell(std::to_string(t.significant_bits), base::Value(t.significant_bits));
  });
  row("infinity", [](const Format&, const FormatTraits& t, const ValueSet&) { return yes_or_no(t.has_infinity); });
  row("NaN", [](const Format&, const FormatTraits& t, const ValueSet&) { return yes_or_no(t.has_nan); });
  row("-0", [](const Format&, const FormatTraits& t, const ValueSet&) { return yes_or_no(t.has_negative_zero); });
  row("rounding", [](const Format& f, const FormatTraits&, const ValueSet&) { return rounding_of(f); });
  row("overflow", [](const Format& f, const FormatTraits&, const ValueSet&) { return overflow_of(f); });
  row("scale", [](const Format& f, const FormatTraits& t, const ValueSet&) {
    return report::Cell(t.is_dynamic                        ? std::string("from the values; here 1")
                        : f.scale_rule == ScaleRule::kFixed ? fmt::format("{}", f.scale_value)
                                                            : std::string("none"));
  });
  return fmt::format("{}\nfinite values (0 and -0 are one), in order of magnitude:\n{}{}", table.text(),
                     missing_text(a, b, sets[0], sets[1]), missing_text(b, a, sets[1], sets[0]));
}

base::Value pair_value(const Format& a, const Format& b) {
  const auto first = ValueSet::of(a), second = ValueSet::of(b);
  return base::Value::object(
      {{"formats", base::Value::array({card_value(a), card_value(b)})},
       {"missing", base::Value::array({missing_value(a, b, first, second), missing_value(b, a, second, first)})}});
}

}  // namespace udnn::tools
