// tools/format_argument.h: formats on the command line, and what a verb says when they are none.
#pragma once

#include <string>

#include "src/base/one_line.h"
#include "udnn/format.h"
#include "udnn/precision.h"

namespace udnn::tools {

/// Errors: kInvalidArgument; below the line of parse_format() stand the text, and a caret under the fault.
inline Result<Format> format_argument(const std::string& given) {
  const std::string text = base::one_line(given);
  auto format = parse_format(text);
  if (format) return format;
  return Status(format.error().code(), format.error().message() + '\n' + point_at_fault(text, format.error()));
}

/// The same for --precision.
inline Result<Precision> precision_argument(const std::string& given) {
  const std::string text = base::one_line(given);
  auto precision = Precision::parse(text);
  if (precision) return precision;
  const Status& error = precision.error();
  return Status(error.code(), "--precision: " + error.message() + '\n' + point_at_fault(text, error));
}

}  // namespace udnn::tools
