// src/machine/memory.h: what the process has taken, and how large the caches are.
#pragma once

#include <cstddef>
#include <cstdint>

namespace udnn::machine {

/// The most resident memory that this process ever had, in bytes, as the operating system counts it: code, data and
/// touched pages of mapped files. 0 where it does not say.
std::uint64_t peak_rss_bytes() noexcept;

/// L2 of one core, as the operating system has it; at least 256 KiB and at most 2 MiB, whatever a virtual machine says,
/// and 512 KiB where nothing is said. Asked once.
std::size_t l2_bytes() noexcept;

}  // namespace udnn::machine
