// src/machine/memory.h: what the process has taken.
#pragma once

#include <cstdint>

namespace udnn::machine {

/// The most resident memory that this process ever had, in bytes, as the operating system counts it: code, data and
/// touched pages of mapped files. 0 where it does not say.
std::uint64_t peak_rss_bytes() noexcept;

}  // namespace udnn::machine
