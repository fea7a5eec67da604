// src/base/sha256.h: the name of a sequence of bytes (FIPS 180-4).
//
// Portable on purpose: the 55 MB of MNIST take about a fifth of a second, once for each load.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace udnn::base {

/// Bytes may come in pieces of any size; the digest is that of all of them together.
class Sha256 {
 public:
  void update(std::span<const std::byte> bytes) noexcept;

  /// 64 lower-case hexadecimal digits of everything so far. Ends the sum: update() must not follow.
  std::string finish();

 private:
  static constexpr std::size_t kBlockBytes = 64;

  void absorb(const std::byte* block) noexcept;

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, kBlockBytes> pending_{};  ///< the beginning of a block
  std::uint64_t total_bytes_ = 0;
};

std::string sha256(std::span<const std::byte> bytes);

}  // namespace udnn::base
