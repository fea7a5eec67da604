// src/data/elements.h: numbers as other programs store them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace udnn::data {

enum class ElementKind : std::uint8_t { kBool, kUnsigned, kSigned, kFloat, kBrainFloat };

struct ElementType {
  ElementKind kind = ElementKind::kFloat;
  std::size_t bytes = 4;  ///< bool 1; integers 1, 2, 4, 8; float 2, 4, 8; brain float 2
  bool big_endian = false;

  bool operator==(const ElementType&) const = default;
};

/// Whether every value of the type is a float exactly.
bool fits_float(const ElementType& type) noexcept;

/// values[i] = element i of `bytes`, exactly. Requires bytes.size() = values.size() x type.bytes.
/// Says which element is none (a bool that is neither 0 nor 1) or has no double (an integer beyond 2^53), the first
/// one.
std::optional<std::size_t> decode(std::span<const std::byte> bytes, const ElementType& type,
                                  std::span<double> values) noexcept;

}  // namespace udnn::data
