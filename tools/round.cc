// udnn round: numbers from stdin, rounded to a format.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "src/base/json.h"
#include "src/base/refusal.h"
#include "src/machine/isa.h"
#include "src/numbers/quantizer.h"
#include "tools/verb.h"

namespace udnn::tools {

namespace {

struct RoundOptions {
  std::string format;
  std::uint64_t seed = 1;
  std::optional<double> scale;
  bool json = false;
};

/// The double that a line denotes: decimal or hexadecimal, inf, nan.
std::optional<double> number_in(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t begin = line.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return std::nullopt;
  const std::string text(line.substr(begin, line.find_last_not_of(kBlanks) + 1 - begin));
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end != text.c_str() + text.size()) return std::nullopt;
  return value;
}

Result<std::vector<double>> numbers_from(std::istream& stream) {
  std::vector<double> values;
  for (std::string line; std::getline(stream, line);) {
    const auto value = number_in(line);
    constexpr std::size_t kShown = 40;
    if (!value)
      return base::invalid("stdin: line {}: '{}', expected a number, as 0.1, 1e-3 or 0x1.8p-2", values.size() + 1,
                           line.substr(0, kShown));
    values.push_back(*value);
  }
  if (stream.bad())
    return Status(StatusCode::kIoError, fmt::format("stdin: cannot be read after line {}", values.size()));
  return values;
}

/// The scale of all values together, or the one that was asked for.
Result<numbers::Scale> scale_for(const RoundOptions& options, const numbers::Quantizer<double>& quantizer,
                                 const std::vector<double>& values) {
  const Format& format = quantizer.format();
  numbers::Scale scale;
  if (!quantizer.needs_scale()) {
    if (options.scale) return base::invalid("--scale: {} has no scale to give", to_string(format));
    return scale;
  }
  numbers::weight_scales(format, values.data(), values.size(), 1, &scale);
  if (!options.scale) return scale;
  if (format.is_unit) return base::invalid("--scale: {} has the scale 1", to_string(format));
  scale.unit = *options.scale;
  if (format.family == Family::kUnsignedInt) {
    double lowest = 0;
    for (const double value : values)
      if (std::isfinite(value)) lowest = std::min(lowest, value);
    scale.zero_point = std::clamp(std::nearbyint(-lowest / scale.unit), 0.0, traits(format).largest);
  }
  if (Status status = quantizer.accepts(scale); !status.ok()) return base::invalid("--scale: {}", status.message());
  return scale;
}

std::string hexadecimal(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return fmt::format("{:a}", value);
}

Status round_numbers(const RoundOptions& options) {
  const auto format = parse_format(options.format);
  if (!format) return format.error();
  const auto table = machine::chosen_kernel_table();
  if (!table) return table.error();
  const auto quantizer = numbers::Quantizer<double>::create(*format, **table);
  if (!quantizer) return quantizer.error();
  auto values = numbers_from(std::cin);
  if (!values) return values.error();
  const auto scale = scale_for(options, *quantizer, *values);
  if (!scale) return scale.error();
  quantizer->run(values->data(), values->data(), values->size(), 0, {.seed = options.seed}, *scale, nullptr);

  if (!options.json) {
    for (const double value : *values) fmt::print("{}\n", hexadecimal(value));
    return {};
  }
  base::Value rounded = base::Value::array(), record = base::Value::object({{"format", to_string(*format)}});
  for (const double value : *values) rounded.push_back(value);
  if (quantizer->needs_scale()) {
    record.set("scale", scale->unit);
    if (format->family == Family::kTernary) record.set("threshold", scale->threshold);
    if (format->family == Family::kUnsignedInt) record.set("zero_point", scale->zero_point);
  }
  record.set("values", std::move(rounded));
  fmt::print("{}\n", base::to_json(record));
  return {};
}

}  // namespace

void add_round(CLI::App& app, Action& action) {
  auto options = std::make_shared<RoundOptions>();
  CLI::App* const verb =
      app.add_subcommand("round", "Numbers from stdin, one a line, rounded to a format, as hexadecimal floats");
  verb->add_option("format", options->format, "For example e4m3:nan")->required();
  verb->add_option("--seed", options->seed, "Of stochastic rounding")->capture_default_str();
  verb->add_option("--scale", options->scale,
                   "Value of one code, for dfx, int, uint, b1, t2; without it: from all the numbers");
  verb->add_flag("--json", options->json, "One JSON object");
  verb->footer("Example: echo 464 | udnn round e4m3:nan");
  verb->callback([options, &action] { action = [options] { return round_numbers(*options); }; });
}

}  // namespace udnn::tools
