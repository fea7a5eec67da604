// tests/numbers_support.h: a format and its quantizer from a name, as every test of numbers needs them.
#pragma once

#include <stdexcept>
#include <string_view>

#include <gtest/gtest.h>

#include "src/numbers/quantizer.h"
#include "udnn/format.h"

namespace udnn::test {

#ifdef NDEBUG
inline constexpr int kThoroughness = 1;
#else
inline constexpr int kThoroughness = 16;  // a sanitized build is some thirty times slower
#endif

inline Format format(std::string_view text) {
  const auto parsed = parse_format(text);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message());
  return parsed ? *parsed : Format{};
}

template <class T>
numbers::Quantizer<T> quantizer(const Format& f, const kernels::KernelTable& table) {
  auto made = numbers::Quantizer<T>::create(f, table);
  if (!made) throw std::runtime_error(made.error().message());
  return *made;
}

}  // namespace udnn::test
