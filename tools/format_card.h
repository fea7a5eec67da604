// tools/format_card.h: what `udnn formats` says of the formats it is given.
#pragma once

#include <string>

#include "src/base/value.h"
#include "udnn/format.h"

namespace udnn::tools {

/// Bits, range, spacing; a line of where the values lie; the values themselves, where they are at most 256.
std::string card_text(const Format& format);
base::Value card_value(const Format& format);

/// Two formats side by side, and the values that one has and the other lacks.
std::string pair_text(const Format& a, const Format& b);
base::Value pair_value(const Format& a, const Format& b);

}  // namespace udnn::tools
