// tools/format_argument.h: a format, or formats by layer and role, on the command line, and what every verb says when
// they are none: a line, and below it the text and a caret under the fault.
#pragma once

#include <string>

#include "src/base/one_line.h"
#include "udnn/format.h"
#include "udnn/precision.h"

namespace udnn::tools {

/// Errors: kInvalidArgument.
inline Result<Format> format_argument(const std::string& given) {
  const std::string text = base::one_line(given);
  auto format = parse_format(text);
  if (format) return format;
  return Status(format.error().code(), format.error().message() + '\n' + point_at_fault(text, format.error()));
}

/// Of the option --precision. Errors: kInvalidArgument.
inline Result<Precision> precision_argument(const std::string& given) {
  const std::string text = base::one_line(given);
  auto precision = Precision::parse(text);
  if (precision) return precision;
  return Status(precision.error().code(),
                "--precision: " + precision.error().message() + '\n' + point_at_fault(text, precision.error()));
}

}  // namespace udnn::tools
