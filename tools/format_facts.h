// tools/format_facts.h: what a card of one format and a comparison of two have to say of each.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/base/value.h"
#include "src/numbers/value_set.h"
#include "udnn/format.h"

namespace udnn::tools {

/// traits() as the format's values have them: fix=S is their scale, other scales are 1.
FormatTraits facts_of(const Format& format);

std::string carrier_of(const Format& format);

/// Exact, where no double is: "128 - 0x1p-56".
std::string lowest_text(const Format& format, const FormatTraits& facts);
std::string largest_text(const Format& format, const FormatTraits& facts);

/// Counts go up to 2^64: always the text of a whole number, for programs that read numbers as doubles.
base::Value count_value(numbers::Count count);

/// As a hexadecimal float where a double does not hold it.
std::string text_of(const numbers::ExactValue& value);
base::Value exact_value(const numbers::ExactValue& value);

/// The ends of the range, by exact_value().
base::Value end_value(const Format& format, bool negative);

/// "max", "pct=99.9"; empty where the format has no scale to choose.
std::string scale_rule_of(const Format& format);

/// What neighbours share. Nothing of formats without blocks.
struct BlockFacts {
  std::string element;  ///< "e2m1"
  std::string scale;    ///< "E8M0", "E4M3"
  double least_scale = 0, largest_scale = 0;
  double lowest = 0, largest = 0, least_positive = 0;  ///< over all scales; nvfp4: at scale 1 of the tensor
};
std::optional<BlockFacts> block_of(const Format& format);

/// What is neither a value nor an end of the range: bits, NaN, rounding, overflow, scale ... Both formats of a
/// comparison have the same ones in the same order.
struct Aspect {
  std::string what;
  std::string text;
};
std::vector<Aspect> aspects_of(const Format& format);

}  // namespace udnn::tools
