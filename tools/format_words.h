// tools/format_words.h: what the cards of formats call things, in texts for people and in JSON for programs.
//
// One rule each for JSON, whatever the format: a count of values is a text of digits, as 64 bits have more values than
// an integer of JSON counts; a value is a number, but of formats with values that no double holds a text of hexadecimal
// digits; what is not finite is the text that base::NonFinite::kName says.
#pragma once

#include <string>

#include "src/base/value.h"
#include "src/numbers/value_set.h"
#include "udnn/format.h"

namespace udnn::tools {

/// The facts as the format's values have them: fix=S is their scale, other scales are 1.
FormatTraits facts_of(const Format& format);

/// "sr12", "its own".
std::string rounding_of(const Format& format);

/// "sat", "its own".
std::string overflow_of(const Format& format);

/// What is multiplied with the codes: "none", "0.5, given", "a power of two for the tensor, from its values".
std::string scale_of(const Format& format);

/// How that is found: "pct=99"; empty where there is nothing to choose.
std::string scale_rule_of(const Format& format);

/// "code of 8 bits, two's complement", "e2m1"; of a format in blocks.
std::string element_of(const Format& format);

/// "none", "32, each with a scale: E8M0, 2^-127 to 2^127".
std::string block_of(const Format& format);

/// What a block's scale makes of an element: the ends over all scales, and the least value above 0. nvfp4: where the
/// scale of the tensor is 1.
struct BlockReach {
  double lowest, largest, least_positive;
};
BlockReach reach_of(const Format& format);

/// The carrier that computes with it: "float", "double", "long double".
std::string carrier_of(const Format& format);

/// Decimal, or a hexadecimal float where no double holds it.
std::string text_of(const numbers::ExactValue& value);

/// The largest value; what no double holds is one spacing less than the power of two that it is rounded to.
std::string largest_text(const Format& format, const FormatTraits& facts);

/// "0.5  (0x1p-1)"; "none" of 0.
std::string number_text(double value);

/// "2^-127" of a power of two, else "448".
std::string scale_text(double scale);

base::Value count_value(numbers::Count count);
base::Value exact_value(const Format& format, const numbers::ExactValue& value);

}  // namespace udnn::tools
