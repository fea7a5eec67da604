// kernels/elementwise_kernels.h: what the floors above see of the kernels that go over arrays, element by element.
#pragma once

#include <cstddef>

namespace udnn::kernels {

template <class T>
struct ElementwiseKernels {};

}  // namespace udnn::kernels
