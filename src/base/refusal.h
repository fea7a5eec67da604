// src/base/refusal.h: one line that says where, what was found, what was expected.
#pragma once

#include <utility>

#include <fmt/format.h>

#include "udnn/status.h"

namespace udnn::base {

template <class... Args>
Status refusal(StatusCode code, fmt::format_string<Args...> text, Args&&... args) {
  return {code, fmt::format(text, std::forward<Args>(args)...)};
}

/// It has no meaning; the text names the field:  "linear.bias: 3 values, expected none or 4 (one for each output)"
template <class... Args>
Status invalid(fmt::format_string<Args...> text, Args&&... args) {
  return {StatusCode::kInvalidArgument, fmt::format(text, std::forward<Args>(args)...)};
}

}  // namespace udnn::base
