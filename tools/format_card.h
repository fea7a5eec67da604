// tools/format_card.h: what `udnn formats FORMAT` says of it.
#pragma once

#include <string>

#include "src/base/value.h"
#include "udnn/format.h"

namespace udnn::tools {

/// Bits, blocks and scales, range, spacing; a line of where the values lie; the values themselves, where their codes
/// have at most 8 bits.
std::string card_text(const Format& format);
base::Value card_value(const Format& format);

}  // namespace udnn::tools
