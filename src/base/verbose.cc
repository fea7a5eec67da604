#include "src/base/verbose.h"

#include <cstdio>
#include <cstdlib>

namespace udnn::base {

bool is_verbose() noexcept {
  const char* const text = std::getenv("UDNN_VERBOSE");
  return text != nullptr && *text != '\0' && std::string_view(text) != "0";
}

void log_line(std::string_view line) noexcept {
  std::fprintf(stderr, "udnn: %.*s\n", static_cast<int>(line.size()), line.data());
}

}  // namespace udnn::base
