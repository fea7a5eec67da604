// tools/interrupt.h: SIGINT and SIGTERM, asked for between steps.
#pragma once

namespace udnn::tools {

/// From here on the first SIGINT or SIGTERM is only remembered; a second one ends the process at once.
void catch_interrupts() noexcept;

/// The signal that came, or 0.
int caught_interrupt() noexcept;

/// "interrupted" (SIGINT) or "terminated" (SIGTERM): what such a signal did.
const char* interrupt_text(int signal) noexcept;

}  // namespace udnn::tools
