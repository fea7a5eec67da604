// tools/json_line.h: what --json and --log say.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "src/base/json.h"

namespace udnn::tools {

/// One line. A number that is not finite is null: a loss that is lost, a rate of nothing, the SQNR of what is exact.
inline std::string json_line(const base::Value& value) { return base::to_json(value, base::NonFinite::kNull) + '\n'; }

/// As the facts of a model file keep it, for inspect --json to find.
inline base::Value finite_or_null(double value) { return std::isfinite(value) ? base::Value(value) : base::Value(); }

/// Where the numbers themselves are the answer (formats, round), the text "NaN", "Infinity" or "-Infinity": as Python's
/// float(), JavaScript's Number() and C's strtod() read them.
inline base::Value real(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

inline constexpr const char* kTextsMean = "a number that is not finite is the text NaN, Infinity or -Infinity";

/// A count that is kept as a real.
inline base::Value whole(double value) {
  constexpr double kExact = 0x1p53;
  return value == std::trunc(value) && std::abs(value) <= kExact ? base::Value(static_cast<std::int64_t>(value))
                                                                 : base::Value(value);
}

/// Ends the sentences of the options --json and --log.
inline constexpr const char* kNullMeans = "null stands for a number that is not finite";

}  // namespace udnn::tools
