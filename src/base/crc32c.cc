#include "src/base/crc32c.h"

#include <array>

namespace udnn::base {

namespace {

constexpr std::size_t kLanes = 8;  // slicing by 8 (M. Kounavis and F. Berry, ISCC 2005): eight table look-ups a step

constexpr auto make_tables() noexcept {
  constexpr std::uint32_t kReflected = 0x82F63B78;
  std::array<std::array<std::uint32_t, 256>, kLanes> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? kReflected : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t lane = 1; lane < kLanes; ++lane)
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = tables[lane - 1][byte];
      tables[lane][byte] = (crc >> 8U) ^ tables[0][crc & 0xFFU];
    }
  return tables;
}

constexpr auto kTables = make_tables();

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) noexcept {
  std::uint32_t crc = ~before;
  for (; bytes.size() >= kLanes; bytes = bytes.subspan(kLanes)) {
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < kLanes; ++i) {
      const std::uint32_t mixed = i < 4 ? (crc >> (8 * i)) & 0xFFU : 0;
      next ^= kTables[kLanes - 1 - i][mixed ^ std::to_integer<std::uint32_t>(bytes[i])];
    }
    crc = next;
  }
  for (const std::byte byte : bytes)
    crc = (crc >> 8U) ^ kTables[0][(crc & 0xFFU) ^ std::to_integer<std::uint32_t>(byte)];
  return ~crc;
}

}  // namespace udnn::base
