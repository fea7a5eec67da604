// kernels/wide_carrier.h: the carrier of formats with more than 53 significant bits.
//
// A Wide holds every code of 64 bits, and every double. On x86-64 it is the 80-bit extended format, whose 64
// significant bits the hardware computes with; on AArch64 binary128, in software: there the sums of other than
// fixed-point operands may differ in their last bits.
#pragma once

#include <limits>
#include <type_traits>

namespace udnn::kernels {

using Wide = long double;
static_assert(std::numeric_limits<Wide>::digits >= 64);

/// What facts about values of T are told in: bounds, scales, codes.
template <class T>
using RealOf = std::conditional_t<std::is_same_v<T, Wide>, Wide, double>;

}  // namespace udnn::kernels
