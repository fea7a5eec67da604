// src/base/json.h: JSON text to a Value and back. The door to nlohmann-json.
//
// Written on one line, without blanks, members in their order. Reals in the fewest digits that read back to the same
// double, always with a point or an exponent, so that 3.0 stays a real. JSON has no word for what is not finite: what
// is to be read back has the text "nan", "inf" or "-inf", which Field::number() and Python's float() read; what is told
// to other programs has null, so that a column of numbers has numbers and gaps. Bytes that are no UTF-8 become U+FFFD.
// No locale has a say.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "src/base/value.h"
#include "udnn/status.h"

namespace udnn::base {

struct ParseLimits {
  std::size_t bytes = std::size_t{64} << 20U;
  std::size_t depth = 16;  ///< arrays and objects inside one another
};

enum class NonFinite { kText, kNull };

std::string to_json(const Value& value, NonFinite non_finite = NonFinite::kText);

/// One value and nothing after it. Strict: no comments, no NaN. Errors: kInvalidArgument, also for a key twice in one
/// object, an integer beyond 64 bits, a real beyond double, a limit:
///   run.json: train.epochs: twice, expected each key once
Result<Value> parse_json(std::string_view text, const std::string& name, const ParseLimits& limits = {});

}  // namespace udnn::base
