// src/base/crc32c.h: the check sum of uDNN's files.
//
// CRC-32C (Castagnoli): polynomial 0x1EDC6F41, reflected, start and final complement. crc32c("123456789") = e3069283.
// It finds every burst of up to 32 bits. Source: RFC 3720, appendix B.4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace udnn::base {

/// Of `bytes`, or of what `before` is the check sum of, followed by `bytes`.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before = 0) noexcept;

}  // namespace udnn::base
