// src/base/one_line.h: text of somebody else in a message that must stay one line.
#pragma once

#include <string>

namespace udnn::base {

/// Tabs and line ends become blanks, other control characters '?'.
inline std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7F') c = c == '\t' || c == '\n' || c == '\r' ? ' ' : '?';
  return text;
}

}  // namespace udnn::base
