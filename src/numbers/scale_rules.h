// src/numbers/scale_rules.h: from the range of a tensor to its scale, the same for weights and for running ranges.
#pragma once

#include "src/numbers/quantizer.h"
#include "udnn/format.h"

namespace udnn::numbers {

inline constexpr double kTernaryCut =
    0.7;  ///< threshold / mean |x| (F. Li, B. Zhang, B. Liu, "Ternary Weight Networks", arXiv 1605.04711)

/// dfx: magnitudes above this, in units, round to the largest code or beyond. (That code is odd, so the tie does not.)
double border_of_largest_code(const Format& format) noexcept;

/// dfx: the exponent as close to `exponent` as carrier T can work with.
template <class T>
double clamped_exponent(const Format& format, double exponent) noexcept;

/// dfx: the least s with (2^(N-1) - 1) 2^s >= largest > 0, clamped.
template <class T>
double least_exponent(const Format& format, double largest) noexcept;

/// int: unit = max(-min, max) / (2^(N-1) - 1). uint: unit = (max - min) / (2^N - 1), zero point = nearest(-min / unit).
/// min <= 0 <= max; unit is a value of T, 1 where there is no range.
template <class T>
Scale integer_scale(const Format& format, double min, double max) noexcept;

/// po2: the largest of the window, the power of two nearest to `largest` as the format rounds. nvfp4: see
/// block_scale.h. 1 where largest = 0.
template <class T>
Scale tensor_scale(const Format& format, double largest) noexcept;

}  // namespace udnn::numbers
