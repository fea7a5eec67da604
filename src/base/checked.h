// src/base/checked.h: arithmetic on sizes that somebody else wrote.
//
// Lengths, offsets and counts from files meet + and * only here: nullopt where the exact result does not fit the type.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>

namespace udnn::base {

template <std::integral T>
constexpr std::optional<T> checked_add(T a, T b) noexcept {
  T sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::nullopt : std::optional<T>(sum);
}

template <std::integral T>
constexpr std::optional<T> checked_mul(T a, T b) noexcept {
  T product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::nullopt : std::optional<T>(product);
}

/// Of no factors: 1. A zero makes the product 0, whatever stands beside it.
template <std::integral T>
constexpr std::optional<T> checked_product(std::span<const T> factors) noexcept {
  T product = 1;
  bool overflow = false;
  for (const T factor : factors) {
    if (factor == 0) return T{0};
    overflow |= __builtin_mul_overflow(product, factor, &product);
  }
  return overflow ? std::nullopt : std::optional<T>(product);
}

/// The smallest multiple of `alignment` (at least 1) that is not below `value`.
template <std::unsigned_integral T>
constexpr std::optional<T> align_up(T value, T alignment) noexcept {
  const T over = value % alignment;
  return over == 0 ? std::optional<T>(value) : checked_add<T>(value, alignment - over);
}

template <std::integral To, std::integral From>
constexpr std::optional<To> narrow(From value) noexcept {
  To narrowed = 0;
  return __builtin_add_overflow(value, From{0}, &narrowed) ? std::nullopt : std::optional<To>(narrowed);
}

}  // namespace udnn::base
