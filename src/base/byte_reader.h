// src/base/byte_reader.h: the only place that walks over the bytes of a file.
//
//   ByteReader reader(bytes, "train-labels.idx1-ubyte");
//   const auto count = reader.big<std::uint32_t>("number of labels");
//   if (!count) return count.error();      // train-labels.idx1-ubyte: offset 4: 2 bytes left, expected 4 (number of
//   labels)
//
// Borrows the bytes, owns its name. A refused read does not move it. One thread at a time. Nothing is allocated unless
// a read is refused.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "src/base/refusal.h"
#include "udnn/status.h"

namespace udnn::base {

/// "1 byte", "2 bytes"
inline std::string counted_bytes(std::size_t count) { return fmt::format("{} byte{}", count, count == 1 ? "" : "s"); }

class ByteReader {
 public:
  /// `name` begins every refusal: the file.
  ByteReader(std::span<const std::byte> bytes, std::string name) : bytes_(bytes), name_(std::move(name)) {}

  const std::string& name() const noexcept { return name_; }
  std::size_t size() const noexcept { return bytes_.size(); }
  std::size_t offset() const noexcept { return offset_; }
  std::size_t remaining() const noexcept { return bytes_.size() - offset_; }

  /// The next sizeof(T) bytes as an integer, a float or a double, whatever the byte order of this machine. `field` says
  /// in a refusal what is missing.
  template <std::unsigned_integral T>
  Result<T> little(std::string_view field) {
    return integer<T>(field, false);
  }
  template <std::floating_point T>
  requires(sizeof(T) <= 8) Result<T> little(std::string_view field) {
    const auto bits = integer<std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>(field, false);
    if (!bits) return bits.error();
    return std::bit_cast<T>(*bits);
  }
  template <std::unsigned_integral T>
  Result<T> big(std::string_view field) {
    return integer<T>(field, true);
  }

  /// The next `count` bytes, borrowed.
  Result<std::span<const std::byte>> bytes(std::size_t count, std::string_view field) {
    if (count > remaining())
      return invalid("{}: offset {}: {} left, expected {} ({})", name_, offset_, counted_bytes(remaining()), count,
                     field);
    return bytes_.subspan(std::exchange(offset_, offset_ + count), count);
  }

  /// The next `count` bytes as text, borrowed; any byte may be in it.
  Result<std::string_view> text(std::size_t count, std::string_view field) {
    const auto taken = bytes(count, field);
    if (!taken) return taken.error();
    return std::string_view(reinterpret_cast<const char*>(taken->data()), taken->size());
  }

  Status skip(std::size_t count, std::string_view field) {
    const auto taken = bytes(count, field);
    return taken ? Status() : taken.error();
  }

  /// Goes on at `offset` from the beginning, which may be the end.
  Status seek(std::size_t offset, std::string_view field) {
    if (offset > size())
      return invalid("{}: offset {}: beyond the end, expected at most {} ({})", name_, offset, size(), field);
    offset_ = offset;
    return {};
  }

  /// Files have the size that they say: bytes too many are an error like bytes too few.
  Status expect_end() const {
    if (remaining() == 0) return {};
    return invalid("{}: offset {}: {} left, expected the end", name_, offset_, counted_bytes(remaining()));
  }

  /// "NAME: offset N: ...", for what the reader itself cannot know:
  ///   return reader.refuse(8, "label {}, expected 0 to 9", label);
  template <class... Args>
  Status refuse(std::size_t at, fmt::format_string<Args...> text, Args&&... args) const {
    return invalid("{}: offset {}: {}", name_, at, fmt::format(text, std::forward<Args>(args)...));
  }

 private:
  template <std::unsigned_integral T>
  Result<T> integer(std::string_view field, bool big_endian) {
    const auto taken = bytes(sizeof(T), field);
    if (!taken) return taken.error();
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      const std::size_t place = big_endian ? sizeof(T) - 1 - i : i;
      value = static_cast<T>(value | static_cast<T>(static_cast<T>((*taken)[i]) << (8 * place)));
    }
    return value;
  }

  std::span<const std::byte> bytes_;
  std::string name_;
  std::size_t offset_ = 0;
};

}  // namespace udnn::base
