// src/base/verbose.h: what the library decided, for whoever asks with UDNN_VERBOSE=1.
#pragma once

#include <string_view>

namespace udnn::base {

/// The environment sets UDNN_VERBOSE to something, and not to 0.
bool is_verbose() noexcept;

/// "udnn: LINE" on stderr, in one piece. The caller has asked is_verbose(), so that nobody pays for a line unseen.
void log_line(std::string_view line) noexcept;

}  // namespace udnn::base
