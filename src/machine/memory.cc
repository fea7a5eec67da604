#include "src/machine/memory.h"

#include <sys/resource.h>

namespace udnn::machine {

std::uint64_t peak_rss_bytes() noexcept {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;  // Linux counts in kibibytes
}

}  // namespace udnn::machine
