#include "src/machine/memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace udnn::machine {

std::uint64_t peak_rss_bytes() noexcept {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;  // Linux counts in kibibytes
}

std::size_t l2_bytes() noexcept {
  static const std::size_t bytes = [] {
    constexpr long kUnknown = 512L << 10, kLeast = 256L << 10, kMost = 2048L << 10;
#ifdef _SC_LEVEL2_CACHE_SIZE
    const long said = sysconf(_SC_LEVEL2_CACHE_SIZE);
#else
    const long said = 0;
#endif
    return static_cast<std::size_t>(said <= 0 ? kUnknown : std::clamp(said, kLeast, kMost));
  }();
  return bytes;
}

}  // namespace udnn::machine
