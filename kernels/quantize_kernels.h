// kernels/quantize_kernels.h: what the floors above see of the rounding kernels.
#pragma once

#include <cstddef>

namespace udnn::kernels {

template <class T>
struct QuantizeKernels {};

}  // namespace udnn::kernels
