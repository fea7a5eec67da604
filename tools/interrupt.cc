#include "tools/interrupt.h"

#include <csignal>

namespace udnn::tools {

namespace {

volatile std::sig_atomic_t caught = 0;  // a signal handler can reach nothing else

extern "C" void remember(int signal) {
  if (caught != 0) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
  caught = signal;
}

}  // namespace

void catch_interrupts() noexcept {
  std::signal(SIGINT, remember);
  std::signal(SIGTERM, remember);
}

int caught_interrupt() noexcept { return caught; }

const char* interrupt_text(int signal) noexcept { return signal == SIGINT ? "interrupted" : "terminated"; }

}  // namespace udnn::tools
