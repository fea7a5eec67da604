// udnn formats: the names of all number formats, all about one of them, or two side by side.
#include <cmath>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/base/json.h"
#include "src/numbers/format_table.h"
#include "src/report/table.h"
#include "tools/format_argument.h"
#include "tools/format_card.h"
#include "tools/format_spellings.h"
#include "tools/json_line.h"
#include "tools/verb.h"

namespace udnn::tools {

namespace {

struct FormatsOptions {
  std::vector<std::string> formats;
  bool json = false;
  bool markdown = false;
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

/// A bound in few digits: 65504, 1.798e+308.
std::string shortly(double value) {
  constexpr double kPlain = 1e6;
  return std::abs(value) < kPlain && value * 8 == std::floor(value * 8) ? fmt::format("{}", value)
                                                                        : fmt::format("{:.4g}", value);
}

/// Lowest to largest; a pattern in its own letters. s: the scale, z: the zero point.
std::string range_of(const numbers::FamilyRow& row) {
  const auto ends = [&] {  // of a name; a pattern has no numbers yet
    const FormatTraits t = traits(row.format);
    return t.lowest == -t.largest ? "±" + shortly(t.largest)
                                  : fmt::format("{} to {}", shortly(t.lowest), shortly(t.largest));
  };
  switch (row.format.family) {
    case Family::kFloat:
      return row.shape == numbers::Shape::kName ? ends() : "±(2 - 2^-M) 2^(2^(E-1) - 1)";
    case Family::kOcpFloat:
      return ends();
    case Family::kFixed:
      return "-2^(I-1) to 2^(I-1) - 2^-F";
    case Family::kUnsignedFixed:
      return "0 to 2^I - 2^-F";
    case Family::kDynamicFixed:
      return "±(2^(N-1) - 1) s";
    case Family::kInt:
    case Family::kBlockFloat:
      return "-2^(N-1) s to (2^(N-1) - 1) s";
    case Family::kUnsignedInt:
      return "-z s to (2^N - 1 - z) s";
    case Family::kMx:
    case Family::kNvfp4:
      return ends().front() == '-' ? fmt::format("({}) s", ends()) : ends() + " s";
    case Family::kPosit:
      return "±2^((N-2) 2^E)";
    case Family::kPowerOfTwo:
      return "±2^(2 - 2^(N-1)) s to ±s, 0";
    case Family::kTernary:
      return "-s, 0, s";
    case Family::kBinary:
      return "-s, s";
  }
  return {};
}

std::string significant_bits_of(const numbers::FamilyRow& row) {
  if (row.shape == numbers::Shape::kName) return std::to_string(traits(row.format).significant_bits);
  switch (row.format.family) {
    case Family::kFloat:
      return "M+1";
    case Family::kFixed:
      return "I+F-1";
    case Family::kUnsignedFixed:
      return "I+F";
    case Family::kUnsignedInt:
      return "N";
    case Family::kPosit:
      return "up to N-2-E";
    case Family::kPowerOfTwo:
      return "1";
    default:
      return "N-1";
  }
}

/// "E is 1 to 11, M 0 to 52"; of fixed point the sum alone is narrow.
std::string numbers_of(const numbers::FamilyRow& row) {
  if (row.shape == numbers::Shape::kName) return {};
  if (numbers::is_fixed(row.format.family)) return "; I+F is 1 to 64";
  const std::string_view letters = row.pattern.substr(row.prefix.size());
  std::string text = fmt::format("; {} is {} to {}", letters[0], row.low[0], row.high[0]);
  if (row.shape != numbers::Shape::kNumber) text += fmt::format(", {} {} to {}", letters[2], row.low[1], row.high[1]);
  return text;
}

/// A pattern's modifiers are those of its widest format.
Format modifiable(const numbers::FamilyRow& row) {
  Format format = row.format;
  if (row.shape != numbers::Shape::kName && format.family == Family::kFloat) format.mantissa_bits = row.high[1];
  return format;
}

report::Table families() {
  report::Table table({"format", "bits", "range", "significant bits", "roundings", "overflow", "what"});
  for (const numbers::FamilyRow& row : numbers::family_table()) {
    const auto roundings = spellings_of(numbers::ModifierKind::kRounding, modifiable(row));
    const auto overflows = spellings_of(numbers::ModifierKind::kOverflow, modifiable(row));
    table.add_row({row.pattern, row.bits, range_of(row), significant_bits_of(row),
                   roundings.empty() ? std::string("own")
                   : roundings.size() == static_cast<std::size_t>(kRoundings)
                       ? std::string("all")
                       : fmt::format("{}", fmt::join(roundings, " ")),
                   overflows.empty() ? std::string("own") : fmt::format("{}", fmt::join(overflows, " ")),
                   fmt::format("{}{}", row.what, numbers_of(row))});
  }
  return table;
}

Status list_formats(const FormatsOptions& options) {
  const report::Table names = families();
  if (options.markdown) {
    fmt::print("{}", names.markdown());
    return {};
  }
  report::Table modifiers({"modifier", "of", "what"});
  for (const numbers::ModifierRow& row : numbers::modifier_table())
    modifiers.add_row({fmt::format(":{}{}", row.spelling, row.takes_value ? "X" : ""), name_of(row.kind), row.what});
  if (options.json)
    fmt::print("{}\n",
               base::to_json(base::Value::object({{"formats", names.value()}, {"modifiers", modifiers.value()}})));
  else
    fmt::print(
        "{}\ns: scale, from the values or given; z: zero point. The overflow mode that stands first is the usual "
        "one.\n\n{}\nA format is a name and modifiers: fx2.6:sr, e4m3:nan. udnn formats FORMAT shows one, udnn formats "
        "A B compares two.\n",
        names.text(), modifiers.text());
  return {};
}

Status show_formats(const FormatsOptions& options) {
  std::vector<Format> formats;
  for (const std::string& text : options.formats) {
    const auto format = format_argument(text);
    if (!format) return format.error();
    formats.push_back(*format);
  }
  const bool is_pair = formats.size() == 2;
  if (options.json)
    fmt::print("{}\n", base::to_json(is_pair ? pair_value(formats[0], formats[1]) : card_value(formats[0])));
  else
    fmt::print("{}", is_pair ? pair_text(formats[0], formats[1]) : card_text(formats[0]));
  return {};
}

}  // namespace

void add_formats(CLI::App& app, Action& action) {
  auto options = std::make_shared<FormatsOptions>();
  CLI::App* const verb = app.add_subcommand(
      "formats", "The names of all number formats; one of them: bits, range, spacing, values; or two side by side");
  CLI::Option* const formats =
      verb->add_option("format", options->formats, "For example fx2.6:sr; without it: all names")->expected(0, 2);
  CLI::Option* const json = verb->add_flag(
      "--json", options->json,
      fmt::format(
          "One JSON object; {}, an end of more than 53 significant bits that of a hexadecimal float, and a count "
          "that of a whole number up to 2^64",
          kTextsMean));
  verb->add_flag("--markdown", options->markdown, "The table of names, as README.md holds it")
      ->excludes(formats)
      ->excludes(json);
  verb->footer("Examples: udnn formats e4m3    udnn formats e4m3 f4.3");
  verb->callback([options, &action] {
    action = [options] { return options->formats.empty() ? list_formats(*options) : show_formats(*options); };
  });
}

}  // namespace udnn::tools
