// src/base/terminal.h: what stands behind a stream.
#pragma once

#include <cstddef>
#include <cstdio>

namespace udnn::base {

/// A terminal that can go back to the beginning of a line: TERM is set, and not "dumb".
bool is_terminal(std::FILE* file);

/// Characters in a line; 80 where nobody knows.
std::size_t terminal_columns(std::FILE* file);

}  // namespace udnn::base
