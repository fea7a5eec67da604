// tools/format_pair.h: what `udnn formats A B` says of two formats.
#pragma once

#include <string>

#include "src/base/value.h"
#include "udnn/format.h"

namespace udnn::tools {

/// Side by side, the values that one has and the other lacks, and where these are none, what else sets them apart.
std::string pair_text(const Format& a, const Format& b);
base::Value pair_value(const Format& a, const Format& b);

}  // namespace udnn::tools
