// src/base/byte_writer.h: the other half of byte_reader.h: fixed widths, little-endian, on any machine.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace udnn::base {

class ByteWriter {
 public:
  template <std::unsigned_integral T>
  void little(T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) bytes_.push_back(static_cast<std::byte>(value >> (8 * i)));
  }
  void little(float value) { little(std::bit_cast<std::uint32_t>(value)); }
  void little(double value) { little(std::bit_cast<std::uint64_t>(value)); }
  void bytes(std::span<const std::byte> more) { bytes_.insert(bytes_.end(), more.begin(), more.end()); }
  void text(std::string_view more) { bytes(std::as_bytes(std::span(more))); }

  /// Zeros until size() is a multiple of `alignment`.
  void pad_to(std::size_t alignment) {
    while (bytes_.size() % alignment != 0) bytes_.push_back(std::byte{0});
  }

  std::size_t size() const noexcept { return bytes_.size(); }
  std::span<const std::byte> span() const noexcept { return bytes_; }
  std::vector<std::byte> take() noexcept { return std::exchange(bytes_, {}); }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace udnn::base
