// src/numbers/magnitude_histogram.h: how the magnitudes of a tensor are spread, for scale rules that look past the
// largest of them.
//
// Eight bins in each binade from 2^-160 to 2^160; what lies below or above is in the first or the last. Counts are
// whole numbers, so no order of adding changes them. A rule that answers with the end of a bin is right to an eighth of
// a binade.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "udnn/format.h"

namespace udnn::numbers {

inline constexpr std::size_t kMagnitudeBins = 8 * 320;

/// Whether the format's scale rule asks for a histogram: pct=, mse, and ovf= of int and uint.
bool wants_histogram(const Format& format) noexcept;

/// Adds the finite values x[0], x[stride], ... to bins [kMagnitudeBins].
template <class T>
void count_magnitudes(const T* x, std::size_t count, std::size_t stride, std::span<std::uint32_t> bins) noexcept;

/// The range that the rule gives a scale: at most `largest`, the largest magnitude there is.
///
///   pct=P   the least end of a bin at or below which P % of the values lie
///   ovf=R   the same for 100 (1 - R) %
///   mse     of 48 ranges r, equal steps from `largest` down to a quarter of it (dfx: of the powers of two below),
///           the one with the least sum of squared errors: (m - r)^2 for a magnitude m > r, m^2 below half a step, else
///           step^2 / 12
double range_by_rule(const Format& format, std::span<const std::uint32_t> bins, double largest) noexcept;

}  // namespace udnn::numbers
