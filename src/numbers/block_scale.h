// src/numbers/block_scale.h: the scale that a block of neighbours shares, from the largest magnitude among them.
//
//   bfpN/B   2^s, the least s with (2^(N-1) - 1) 2^s >= max
//   mx       2^s, emax the exponent of the element's largest value (mxint8: 0, with codes of 2^-6):
//     floor  s = floor(log2 max) - emax        even   s = floor(log2(max rounded to the element's mantissa)) - emax
//     ceil   s = ceil(log2 max) - emax         rceil  the least s with (largest element) 2^s >= max
//   nvfp4    e4m3(max / (6 tensor)) * tensor,  tensor = (largest magnitude of the tensor) / (6 * 448) as a float
//     even   e4m3(x) the nearest to x, ties to even   floor  the largest not above x   ceil  the least not below x: the
//            largest of a block saturates under floor, and under even by at most 1/16, but under ceil only where the
//            float of the tensor is less than its quotient
//
// Where a scale rule looks past the largest magnitude of the block (mx as under rceil):
//
//   pct=P  the least s that lets P % of the finite values fit: m <= (largest element) 2^s for at least P in 100 of them
//   ovf=R  the same for 100 (1 - R) %
//   mse    of the s that lets all fit and the N below it (N: bits of an element), the one with the least sum of squared
//          errors of rounding to nearest; of equals the largest
//
// s stays within -127 .. 127, the range of E8M0. A block of zeros gets the least scale.
//
// A block keeps its scale in a byte: E8M0, 2^(byte - 127), for bfp and mx (mxint8: of its values, 64 codes), E4M3 for
// nvfp4. E8M0 0xff and E4M3 0x7f are NaN: no block that was rounded has them, but others may hand them over.
// Sources: Open Compute Project, "OCP Microscaling Formats (MX) Specification v1.0", section 6.3 (floor); NVIDIA,
// "Introducing NVFP4 for Efficient and Accurate Low-Precision Inference", 2025.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "udnn/format.h"

namespace udnn::numbers {

/// The least s with factor * 2^s >= largest > 0.
int least_power(double factor, double largest) noexcept;

/// The value of one code; for float elements what they are multiplied with. element: of one value at unit 1, in codes
/// where the format has them. largest >= 0, finite. tensor: of nvfp4.
double block_unit(const Format& format, const FormatTraits& element, double largest, double tensor) noexcept;

/// Whether block_unit_of() is to be asked: ovf=, pct=, mse.
bool looks_past_largest(const Format& format) noexcept;

/// block_unit() from the values x[0], x[stride], ... of a block, by such a rule. largest: their largest finite
/// magnitude. Infinities and NaN take no part.
template <class T>
double block_unit_of(const Format& format, const FormatTraits& element, const T* x, std::size_t count,
                     std::size_t stride, double largest) noexcept;

/// nvfp4: the scale of the tensor, a float; 1 for a tensor of zeros.
double nvfp4_tensor_scale(double largest) noexcept;

/// The byte of a block with this unit, as block_unit() gives it; none where no byte means it.
std::optional<std::uint8_t> block_scale_code(const Format& format, double unit, double tensor) noexcept;

/// What the byte means: the scale as its standard has it, without that of the tensor. NaN for NaN, none for E4M3 below
/// zero and where fix=S says another one.
std::optional<double> block_scale_value(const Format& format, std::uint8_t code) noexcept;

/// The unit of the block whose byte means `value`.
double unit_of_block_scale(const Format& format, double value, double tensor) noexcept;

/// nvfp4: a scale of the tensor, a float, with which every unit is an E4M3; none where there is no such. Units that are
/// all 0: 1.
std::optional<double> nvfp4_tensor_of_units(std::span<const double> units) noexcept;

}  // namespace udnn::numbers
