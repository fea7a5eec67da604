// udnn round: numbers from stdin, rounded to a format.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include "src/base/json.h"
#include "src/base/refusal.h"
#include "src/numbers/block_scale.h"
#include "tools/format_argument.h"
#include "tools/json_line.h"
#include "tools/number_option.h"
#include "tools/verb.h"
#include "udnn/quantize.h"

namespace udnn::tools {

namespace {

struct RoundOptions {
  std::string format;
  std::uint64_t seed = 1;
  std::optional<double> scale;
  bool stats = false;
  bool block = false;
  bool json = false;
};

/// The double nearest to what a line denotes: decimal or hexadecimal, inf, nan. The error: what else was expected.
Result<double> number_in(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t begin = std::min(line.find_first_not_of(kBlanks), line.size());
  const std::string text(line.substr(begin, line.find_last_not_of(kBlanks) + 1 - begin));
  char* end = nullptr;
  errno = 0;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || end != text.c_str() + text.size())
    return base::invalid("expected a number, as 0.1, 1e-3 or 0x1.8p-2");
  if (errno == ERANGE && std::isinf(value))
    return base::invalid("expected at most {} in magnitude, the largest double, or inf",
                         std::numeric_limits<double>::max());
  if (errno == ERANGE && value == 0)
    return base::invalid("expected 0, or at least {} in magnitude, the least double",
                         std::numeric_limits<double>::denorm_min());
  return value;
}

Result<std::vector<double>> numbers_from(std::istream& stream) {
  std::vector<double> values;
  for (std::string line; std::getline(stream, line);) {
    const auto value = number_in(line);
    constexpr std::size_t kShown = 40;
    if (!value)
      return base::invalid("stdin: line {}: '{}', {}", values.size() + 1, line.substr(0, kShown),
                           value.error().message());
    values.push_back(*value);
  }
  if (stream.bad())
    return Status(StatusCode::kIoError, fmt::format("stdin: cannot be read after line {}", values.size()));
  return values;
}

/// Whether a double works with the scale, and with all of the window below it. The library takes the nearest one that
/// does, and what does not fit saturates, or is 0.
Status check_scale(const Format& format, double unit, std::string_view found) {
  if (format.family != Family::kDynamicFixed && format.family != Family::kInt &&
      format.family != Family::kUnsignedInt && format.family != Family::kPowerOfTwo)
    return {};
  const int window = format.family == Family::kPowerOfTwo ? -traits(format).min_exponent : 0;
  const int least = std::max(-899, std::numeric_limits<double>::min_exponent - 1 + window), most = 899 - format.bits;
  if (unit >= std::ldexp(1.0, least) && unit <= std::ldexp(1.0, most)) return {};
  return base::invalid("{}: {}, expected a scale of 2^{} to 2^{}", to_string(format), found, least, most);
}

template <class T>
double largest_magnitude(const std::vector<T>& values) {
  double largest = 0;
  for (const T value : values)
    if (std::isfinite(value)) largest = std::max(largest, std::abs(static_cast<double>(value)));
  return largest;
}

/// The scale of all values together, or the one that was asked for.
template <class T>
Result<Scale> scale_for(const RoundOptions& options, const Codec& codec, const std::vector<T>& values) {
  const Format& format = codec.format();
  Scale scale;
  if (options.scale && !codec.needs_scale())
    return base::invalid("--scale: {} has no scale to give", to_string(format));
  if (Status status = codec.find_scales(std::span<const T>(values), std::span(&scale, 1)); !status.ok()) return status;
  if (!options.scale) {
    if (codec.needs_scale())
      if (Status status = check_scale(format, scale.unit,
                                      fmt::format("no scale for a largest magnitude of {}", largest_magnitude(values)));
          !status.ok())
        return status;
    return scale;
  }
  if (format.is_unit) return base::invalid("--scale: {} has the scale 1", to_string(format));
  if (Status status = check_scale(format, *options.scale, fmt::format("scale {}", *options.scale)); !status.ok())
    return base::invalid("--scale: {}", status.message());
  scale.unit = *options.scale;
  if (format.family == Family::kUnsignedInt) {
    double lowest = 0;
    for (const T value : values)
      if (std::isfinite(value)) lowest = std::min(lowest, static_cast<double>(value));
    scale.zero_point = std::clamp(std::nearbyint(-lowest / scale.unit), 0.0, traits(format).largest);
  }
  return scale;
}

/// Whether the order of the lines means something, and has been said to.
Status check_block(const RoundOptions& options, const Format& format) {
  if (options.block && format.block == 0)
    return base::invalid("--block: {} has no blocks, expected bfpN/B, mx or nvfp4", to_string(format));
  if (!options.block && format.block != 0)
    return base::invalid("{}: {} neighbours share a scale, expected --block: the lines stand in the order of a block",
                         to_string(format), format.block);
  return {};
}

/// The scales of the blocks that the values are rounded in, as their bytes mean them.
Result<base::Value> block_scales_of(const Codec& codec, const std::vector<double>& values,
                                    const QuantizeOptions& options) {
  std::vector<std::uint64_t> codes(values.size());
  std::vector<std::uint8_t> bytes(codec.blocks(values.size()));
  if (Status status = codec.encode_blocks(values, codes, bytes, options); !status.ok()) return status;
  base::Value scales = base::Value::array();
  for (const std::uint8_t byte : bytes) scales.push_back(*numbers::block_scale_value(codec.format(), byte));
  return scales;
}

std::string digits_of(double value) { return fmt::format("{:a}", value); }

/// As of a double: the first digit is 1. (The C library's begin with the upper four bits.) At most 64 bits.
std::string digits_of(long double value) {
  if (value == 0) return digits_of(0.0);
  int exponent = 0;
  const auto significand = static_cast<std::uint64_t>(std::ldexp(std::frexp(std::abs(value), &exponent), 64));
  std::string digits = fmt::format("{:016x}", significand << 1U);
  digits.erase(digits.find_last_not_of('0') + 1);
  return fmt::format("{}0x1{}{}p{:+}", value < 0 ? "-" : "", digits.empty() ? "" : ".", digits, exponent - 1);
}

template <class T>
std::string hexadecimal(T value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return digits_of(value);
}

base::Value value_of(const TensorStatistics& statistics) {
  return base::Value::object({{"count", statistics.count},
                              {"zeros_in", statistics.zeros_in},
                              {"zeros_out", statistics.zeros_out},
                              {"saturated", statistics.saturated},
                              {"non_finite", statistics.non_finite},
                              {"max_abs", statistics.max_abs},
                              {"sqnr_db", real(statistics.sqnr_db())}});
}

std::string text_of(const TensorStatistics& statistics) {
  return fmt::format(
      "count       {}\nzeros in    {}\nzeros out   {}\nsaturated   {}\nnon-finite  {}\nmax |x|     {}\nSQNR        "
      "{:.2f} "
      "dB\n",
      statistics.count, statistics.zeros_in, statistics.zeros_out, statistics.saturated, statistics.non_finite,
      statistics.max_abs, statistics.sqnr_db());
}

/// In T: double, or long double for what a double does not hold.
template <class T>
Status round_in(const RoundOptions& options, const Codec& codec, const std::vector<double>& values) {
  const Format& format = codec.format();
  const std::vector<T> x(values.begin(), values.end());
  const auto scale = scale_for(options, codec, x);
  if (!scale) return scale.error();
  const QuantizeOptions how{.scales = std::span(&*scale, 1), .seed = options.seed};
  TensorStatistics statistics;
  std::vector<T> q(x.size());
  Status status = codec.quantize(std::span<const T>(x), std::span<T>(q), how, &statistics);
  if (!status.ok()) return options.scale ? base::invalid("--scale: {}", status.message()) : status;

  if (!options.json) {
    for (const T value : q) fmt::print("{}\n", hexadecimal(value));
    if (options.stats) fmt::print(stderr, "{}", text_of(statistics));
    return {};
  }
  base::Value rounded = base::Value::array(), record = base::Value::object({{"format", to_string(format)}});
  for (const T value : q) {
    if (std::is_same_v<T, double> || !std::isfinite(value))
      rounded.push_back(real(static_cast<double>(value)));
    else
      rounded.push_back(hexadecimal(value));  // those who read numbers read doubles
  }
  if (codec.needs_scale()) {
    record.set("scale", scale->unit);
    if (format.family == Family::kTernary) record.set("threshold", scale->threshold);
    if (format.family == Family::kUnsignedInt) record.set("zero_point", scale->zero_point);
  }
  if (format.block != 0) {
    auto scales = block_scales_of(codec, values, how);
    if (!scales) return scales.error();
    record.set("block_scales", std::move(*scales));
  }
  record.set("values", std::move(rounded));
  if (options.stats) record.set("statistics", value_of(statistics));
  fmt::print("{}\n", base::to_json(record));
  return {};
}

Status round_numbers(const RoundOptions& options) {
  const auto format = format_argument(options.format);
  if (!format) return format.error();
  if (Status status = check_block(options, *format); !status.ok()) return status;
  const auto codec = Codec::create(*format);
  if (!codec) return codec.error();
  const auto values = numbers_from(std::cin);
  if (!values) return values.error();
  return fits_double_carrier(*format) ? round_in<double>(options, *codec, *values)
                                      : round_in<long double>(options, *codec, *values);
}

}  // namespace

void add_round(CLI::App& app, Action& action) {
  auto options = std::make_shared<RoundOptions>();
  CLI::App* const verb =
      app.add_subcommand("round",
                         "Numbers from stdin, one a line, rounded to a format, as hexadecimal floats. Each is read as "
                         "the nearest double; beyond the range of doubles, 4.9e-324 to 1.8e308, it is refused");
  verb->add_option("format", options->format, "For example e4m3:nan")->required();
  add_whole(*verb, "--seed", options->seed, std::uint64_t{0}, UINT64_MAX, "Of stochastic rounding");
  verb->add_option("--scale", options->scale,
                   "Value of one code, for dfx, int, uint, b1, t2; the largest of po2; that of the tensor for nvfp4; "
                   "without it: from all the numbers");
  verb->add_flag("--stats", options->stats, "What rounding did: on stderr, or in the JSON object");
  verb->add_flag(
      "--block", options->block,
      "The numbers stand in the order of the blocks, for bfp, mx, nvfp4: the first B lines are the first block, the "
      "last may be shorter");
  verb->add_flag(
      "--json", options->json,
      fmt::format("One JSON object; {}, a value of more than 53 significant bits that of a hexadecimal float",
                  kTextsMean));
  verb->footer("Example: echo 464 | udnn round e4m3:nan");
  verb->callback([options, &action] { action = [options] { return round_numbers(*options); }; });
}

}  // namespace udnn::tools
