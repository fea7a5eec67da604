// src/base/toml.h: TOML text to a Value. The door to toml++.
#pragma once

#include <string>
#include <string_view>

#include "src/base/json.h"
#include "src/base/value.h"
#include "udnn/status.h"

namespace udnn::base {

/// TOML 1.0 as an object, keys in the order of the text. Errors: kInvalidArgument, with the place, also for dates and
/// times, which no uDNN file knows, and for a limit:
///   run.toml: line 3, column 9: a date or a time, expected a number, a text, true, false, an array or a table
Result<Value> parse_toml(std::string_view text, const std::string& name, const ParseLimits& limits = {});

/// The file `path`. Errors: also those of read_file().
Result<Value> read_toml(const std::string& path, const ParseLimits& limits = {});

}  // namespace udnn::base
