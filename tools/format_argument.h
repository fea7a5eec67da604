// tools/format_argument.h: a format on the command line, and what its verb says when it is none.
#pragma once

#include <string>

#include "src/base/one_line.h"
#include "udnn/format.h"

namespace udnn::tools {

/// Errors: kInvalidArgument; below the line of parse_format() stand the text, and a caret under the fault.
inline Result<Format> format_argument(const std::string& given) {
  const std::string text = base::one_line(given);
  auto format = parse_format(text);
  if (format) return format;
  return Status(format.error().code(), format.error().message() + '\n' + point_at_fault(text, format.error()));
}

}  // namespace udnn::tools
