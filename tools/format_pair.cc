// Two formats side by side.
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/numbers/value_set.h"
#include "src/report/table.h"
#include "tools/format_card.h"
#include "tools/format_facts.h"

namespace udnn::tools {

namespace {

using numbers::ExactValue;
using numbers::Missing;
using numbers::ValueSet;

constexpr std::size_t kFew = 8;  ///< missing values that are shown

std::string number(double value) { return value == 0 ? std::string("none") : fmt::format("{}", value); }

std::string missing_text(const Format& a, const Format& b, const ValueSet& of, const Missing& missing) {
  const std::string title = fmt::format("in {}, not in {}: ", to_string(a), to_string(b));
  if (missing.count == 0) return fmt::format("{}none of {} values\n", title, of.size());
  std::vector<std::string> first;
  for (const ExactValue& value : missing.first) first.push_back(text_of(value));
  return fmt::format("{}{} of {} values{}\n  {}{}\n", title, missing.count, of.size(),
                     of.is_enumerated() ? "" : ", by exponents and mantissas", fmt::join(first, " "),
                     missing.count > first.size() ? " ..." : "");
}

base::Value missing_value(const Format& a, const Format& b, const ValueSet& of, const Missing& missing) {
  base::Value first = base::Value::array();
  for (const ExactValue& value : missing.first) first.push_back(exact_value(value));
  base::Value value = base::Value::object({{"of", to_string(a)}, {"in", to_string(b)}});
  value.set("count", count_value(missing.count));
  value.set("values", count_value(of.size()));
  value.set("enumerated", of.is_enumerated());
  value.set("first", std::move(first));
  return value;
}

/// A difference beside the values: what, and of which format how.
struct Difference {
  std::string what, of_first, of_second;
};

std::vector<Difference> differences(const Format& a, const Format& b) {
  const std::vector<Aspect> first = aspects_of(a), second = aspects_of(b);
  std::vector<Difference> list;
  for (std::size_t i = 0; i < first.size(); ++i)
    if (first[i].text != second[i].text) list.push_back({first[i].what, first[i].text, second[i].text});
  return list;
}

/// Of two formats with the same values.
std::string difference_text(const Format& a, const Format& b) {
  if (a == b) return "The two are the same format.\n";
  std::vector<std::string> list;
  for (const Difference& difference : differences(a, b))
    list.push_back(fmt::format("{} ({} and {})", difference.what, difference.of_first, difference.of_second));
  return list.empty() ? std::string()
                      : fmt::format("The values are the same. What differs: {}.\n", fmt::join(list, ", "));
}

}  // namespace

std::string pair_text(const Format& a, const Format& b) {
  const FormatTraits first = facts_of(a), second = facts_of(b);
  const ValueSet set_a = ValueSet::of(a), set_b = ValueSet::of(b);
  report::Table table({"", to_string(a), to_string(b)});
  const auto row = [&](std::string_view what, const std::string& of_a, const std::string& of_b) {
    table.add_row({what, of_a, of_b});
  };
  const auto least = [](const FormatTraits& t) {
    return number(t.smallest_subnormal == 0 ? t.smallest_normal : t.smallest_subnormal);
  };
  const std::vector<Aspect> aspects_a = aspects_of(a), aspects_b = aspects_of(b);
  const auto aspect_row = [&](std::size_t i) { row(aspects_a[i].what, aspects_a[i].text, aspects_b[i].text); };
  aspect_row(0);  // bits
  row("finite values", fmt::format("{}", set_a.size()), fmt::format("{}", set_b.size()));
  row("lowest", lowest_text(a, first), lowest_text(b, second));
  row("largest", largest_text(a, first), largest_text(b, second));
  row("smallest normal", number(first.smallest_normal), number(second.smallest_normal));
  row("smallest positive", least(first), least(second));
  row("spacing at 1", number(first.spacing_at_one), number(second.spacing_at_one));
  row("significant bits", std::to_string(first.significant_bits), std::to_string(second.significant_bits));
  for (std::size_t i = 1; i < aspects_a.size(); ++i) aspect_row(i);

  const Missing in_b = Missing::of(set_a, set_b, kFew), in_a = Missing::of(set_b, set_a, kFew);
  return fmt::format("{}\nfinite values (0 and -0 are one), in order of magnitude:\n{}{}{}", table.text(),
                     missing_text(a, b, set_a, in_b), missing_text(b, a, set_b, in_a),
                     in_b.count == 0 && in_a.count == 0 ? difference_text(a, b) : std::string());
}

base::Value pair_value(const Format& a, const Format& b) {
  const ValueSet set_a = ValueSet::of(a), set_b = ValueSet::of(b);
  base::Value differs = base::Value::object();
  for (const Difference& difference : differences(a, b))
    differs.set(difference.what, base::Value::array({difference.of_first, difference.of_second}));
  return base::Value::object(
      {{"formats", base::Value::array({card_value(a), card_value(b)})},
       {"missing", base::Value::array({missing_value(a, b, set_a, Missing::of(set_a, set_b, kFew)),
                                       missing_value(b, a, set_b, Missing::of(set_b, set_a, kFew))})},
       {"differs", std::move(differs)}});
}

}  // namespace udnn::tools
