// src/base/bits.h: what the bits of a number say.
#pragma once

#include <cmath>
#include <cstdint>

namespace udnn::base {

/// `count` ones, 0 to 64.
constexpr std::uint64_t low_bits(int count) noexcept {
  return count == 0 ? 0 : ~std::uint64_t{0} >> static_cast<unsigned>(64 - count);
}

/// 2^k for a whole k; not 0, infinity, NaN or a value below 0.
inline bool is_power_of_two(double value) noexcept {
  int exponent = 0;
  return value > 0 && std::frexp(value, &exponent) == 0.5;
}

}  // namespace udnn::base
