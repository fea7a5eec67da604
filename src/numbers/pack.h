// src/numbers/pack.h: codes at their real width.
//
// Code i takes the bits i * bits .. (i + 1) * bits - 1 of the bytes; bit b is bit b mod 8 (from the lowest) of byte b
// / 8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace udnn::numbers {

/// (codes.size() * bits + 7) / 8 bytes; the last one is filled up with zeros. bits: 1 .. 64. Higher bits of a code are
/// ignored.
std::vector<std::byte> pack(std::span<const std::uint64_t> codes, int bits);

/// `count` codes. Precondition: bytes.size() >= (count * bits + 7) / 8.
std::vector<std::uint64_t> unpack(std::span<const std::byte> bytes, int bits, std::size_t count);

}  // namespace udnn::numbers
