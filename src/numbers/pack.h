// src/numbers/pack.h: codes at their real width, in vectors; udnn/quantize.h says how they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace udnn::numbers {

/// pack_codes() into bytes of its own. Precondition: bits is 1 .. 64.
std::vector<std::byte> pack(std::span<const std::uint64_t> codes, int bits);

/// unpack_codes() of the first `count` codes. Precondition: bytes.size() >= packed_bytes(count, bits).
std::vector<std::uint64_t> unpack(std::span<const std::byte> bytes, int bits, std::size_t count);

}  // namespace udnn::numbers
