#include "src/base/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace udnn::base {

bool is_terminal(std::FILE* file) {
  const char* const terminal = std::getenv("TERM");
  return terminal != nullptr && std::string_view(terminal) != "dumb" && ::isatty(::fileno(file)) != 0;
}

std::size_t terminal_columns(std::FILE* file) {
  constexpr std::size_t kUsual = 80;
  winsize size = {};
  return ::ioctl(::fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

}  // namespace udnn::base
