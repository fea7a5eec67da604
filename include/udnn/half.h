// udnn/half.h: floating point of 16 bits, as it is stored.
#pragma once

#include <cstdint>

namespace udnn {

/// The upper half of a float: 1 sign, 8 exponent, 7 mantissa bits.
struct Bf16 {
  std::uint16_t bits;
};

/// IEEE 754 binary16: 1 sign, 5 exponent, 10 mantissa bits.
struct Fp16 {
  std::uint16_t bits;
};

}  // namespace udnn
