// src/numbers/posit.h: the bit strings of posits (Posit Working Group, "Standard for Posit Arithmetic (2022)", section
// 3).
#pragma once

#include <cstdint>

namespace udnn::numbers {

/// The N-bit string of a value that is a posit of N bits with E exponent bits, N <= 32; NaN gives NaR.
std::uint64_t posit_code(int bits, int exponent_bits, double value) noexcept;

/// NaR gives NaN.
double posit_value(int bits, int exponent_bits, std::uint64_t code) noexcept;

}  // namespace udnn::numbers
