#include "src/report/human.h"

#include <cmath>
#include <cstddef>

#include <fmt/format.h>

namespace udnn::report {

namespace {

// Three significant digits of a value below 1000.
std::string three_digits(double value) {
  const double size = std::abs(value);
  return fmt::format("{:.{}f}", value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3);
}

std::string prefixed(double value, std::string_view unit) {
  constexpr const char* kPrefixes[] = {"", "k", "M", "G", "T", "P", "E"};
  std::size_t prefix = 0;
  // 999.5 would print as 1000.
  while (std::abs(value) >= 999.5 && prefix + 1 < std::size(kPrefixes)) {
    value /= 1000;
    ++prefix;
  }
  const std::string name = fmt::format("{}{}", kPrefixes[prefix], unit);
  const bool is_whole = prefix == 0 && value == std::trunc(value);
  return fmt::format("{}{}{}", is_whole ? fmt::format("{:.0f}", value) : three_digits(value), name.empty() ? "" : " ",
                     name);
}

}  // namespace

std::string human(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return prefixed(value, "");
}

std::string four_decimals(double value) {
  if (std::isnan(value)) return "nan";
  return std::abs(value) < 1e6 ? fmt::format("{:.4f}", value) : fmt::format("{:.4e}", value);
}

std::string human_bytes(std::uint64_t bytes) { return prefixed(static_cast<double>(bytes), "B"); }

std::string human_seconds(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "-";
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1000);
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  const double minutes = std::floor((seconds + 0.5) / 60);
  if (minutes < 60) return fmt::format("{:.0f} min {:02.0f} s", minutes, std::floor(seconds + 0.5 - 60 * minutes));
  const double whole_minutes = std::floor(seconds / 60 + 0.5);
  const double hours = std::floor(whole_minutes / 60);
  return fmt::format("{:.0f} h {:02.0f} min", hours, whole_minutes - 60 * hours);
}

}  // namespace udnn::report
