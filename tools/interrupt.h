// tools/interrupt.h: SIGINT and SIGTERM, asked for between steps.
#pragma once

namespace udnn::tools {

/// From here on the first SIGINT or SIGTERM is only remembered; a second one ends the process at once.
void catch_interrupts() noexcept;

/// The signal that came, or 0.
int caught_interrupt() noexcept;

}  // namespace udnn::tools
