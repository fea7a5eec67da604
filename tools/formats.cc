// udnn formats: the names of all number formats, or all about one of them.
#include <memory>

#include <fmt/format.h>

#include "src/base/json.h"
#include "src/machine/isa.h"
#include "src/numbers/format_table.h"
#include "src/numbers/quantizer.h"
#include "src/report/table.h"
#include "tools/verb.h"

namespace udnn::tools {

namespace {

struct FormatsOptions {
  std::string format;
  bool json = false;
};

std::string_view name_of(numbers::ModifierKind kind) {
  switch (kind) {
    case numbers::ModifierKind::kRounding:
      return "rounding";
    case numbers::ModifierKind::kOverflow:
      return "overflow";
    case numbers::ModifierKind::kSubnormals:
      return "subnormals";
    case numbers::ModifierKind::kScale:
      return "scale";
    case numbers::ModifierKind::kUnit:
    case numbers::ModifierKind::kLog:
      return "values";
  }
  return {};
}

Status list_formats(const FormatsOptions& options) {
  report::Table families({"format", "bits", "computes", "what"});
  for (const numbers::FamilyRow& row : numbers::family_table())
    families.add_row(
        {row.pattern, row.bits, report::Cell(row.computes ? "yes" : "by name only", row.computes), row.what});
  report::Table modifiers({"modifier", "of", "what"});
  for (const numbers::ModifierRow& row : numbers::modifier_table())
    modifiers.add_row({fmt::format(":{}{}", row.spelling, row.takes_value ? "X" : ""), name_of(row.kind), row.what});
  if (options.json)
    fmt::print("{}\n",
               base::to_json(base::Value::object({{"formats", families.value()}, {"modifiers", modifiers.value()}})));
  else
    fmt::print("{}\n{}\nA format is a name and modifiers: fx2.6:sr, e4m3:nan. udnn formats FORMAT shows one.\n",
               families.text(), modifiers.text());
  return {};
}

/// In order of the codes; those of a format with a scale at scale 1.
Result<std::vector<double>> values_of(const Format& format) {
  const auto table = machine::chosen_kernel_table();
  if (!table) return table.error();
  const auto coder = numbers::Quantizer<double>::create(format, **table);
  if (!coder) return coder.error();
  std::vector<double> values;
  for (std::uint64_t code = 0; code < std::uint64_t{1} << static_cast<unsigned>(format.bits); ++code) {
    if (format.family == Family::kTernary && code == 2) continue;  // no value has this code
    if (format.family == Family::kDynamicFixed && format.overflow != Overflow::kWrap &&
        code == std::uint64_t{1} << static_cast<unsigned>(format.bits - 1))
      continue;  // codes are symmetric
    values.push_back(coder->decode(code, {}));
  }
  return values;
}

base::Value optional(double value) { return value == 0 ? base::Value() : base::Value(value); }

Status show_format(const FormatsOptions& options) {
  const auto format = parse_format(options.format);
  if (!format) return format.error();
  const FormatTraits t = traits(*format);
  const bool lists_values = computes(*format) && format->bits <= 8;
  std::vector<double> values;
  if (lists_values) {
    auto made = values_of(*format);
    if (!made) return made.error();
    values = std::move(*made);
  }
  if (options.json) {
    base::Value list = base::Value::array();
    for (const double value : values) list.push_back(value);
    base::Value facts = base::Value::object({{"format", to_string(*format)},
                                             {"bits", storage_bits(*format)},
                                             {"computes", computes(*format)},
                                             {"carrier", fits_float_carrier(*format) ? "float" : "double"},
                                             {"lowest", t.lowest},
                                             {"largest", t.largest},
                                             {"smallest_normal", optional(t.smallest_normal)},
                                             {"smallest_subnormal", optional(t.smallest_subnormal)},
                                             {"spacing_at_one", t.spacing_at_one},
                                             {"significant_bits", t.significant_bits},
                                             {"has_infinity", t.has_infinity},
                                             {"has_nan", t.has_nan},
                                             {"is_dynamic", t.is_dynamic}});
    if (lists_values) facts.set("values", std::move(list));
    fmt::print("{}\n", base::to_json(facts));
    return {};
  }
  const auto line = [](std::string_view what, const std::string& value) { fmt::print("{:<20}{}\n", what, value); };
  const auto number = [](double value) {
    return value == 0 ? std::string("none") : fmt::format("{0}  ({0:a})", value);
  };
  const bool is_float = t.has_negative_zero;
  line("format", to_string(*format));
  line("bits", fmt::format("{}", storage_bits(*format)));
  line("range", fmt::format("{} to {}", t.lowest, t.largest));
  if (is_float) line("smallest normal", number(t.smallest_normal));
  line(is_float ? "smallest subnormal" : "smallest positive", number(t.smallest_subnormal));
  line("spacing at 1", number(t.spacing_at_one));
  line("infinity, NaN", fmt::format("{}, {}", t.has_infinity ? "yes" : "no", t.has_nan ? "yes" : "no"));
  line("scale", t.is_dynamic ? "from the values; what is shown is at scale 1" : "none to choose");
  line("computes", computes(*format) ? fmt::format("yes, in {}", fits_float_carrier(*format) ? "float" : "double")
                                     : "no, known by name only");
  if (!lists_values) return {};
  fmt::print("values, in order of their codes:\n");
  constexpr std::size_t kPerLine = 8;
  for (std::size_t i = 0; i < values.size(); ++i)
    fmt::print("{}{}", values[i], i % kPerLine == kPerLine - 1 || i + 1 == values.size() ? "\n" : " ");
  return {};
}

}  // namespace

void add_formats(CLI::App& app, Action& action) {
  auto options = std::make_shared<FormatsOptions>();
  CLI::App* const verb =
      app.add_subcommand("formats", "The names of all number formats; or one of them: bits, range, spacing, values");
  verb->add_option("format", options->format, "For example fx2.6:sr; without it: all names");
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer("Example: udnn formats e4m3");
  verb->callback([options, &action] {
    action = [options] { return options->format.empty() ? list_formats(*options) : show_format(*options); };
  });
}

}  // namespace udnn::tools
