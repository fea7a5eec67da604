// src/base/ceil_div.h: how many pieces.
#pragma once

#include <cstddef>

namespace udnn::base {

/// a / b, rounded up, without overflow: the pieces of at most b elements that hold a. b is at least 1.
constexpr std::size_t ceil_div(std::size_t a, std::size_t b) noexcept { return a / b + (a % b != 0 ? 1 : 0); }

}  // namespace udnn::base
