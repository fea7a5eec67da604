// kernels/isa/make_kernel_table.h: from an Arch and its tile shapes to a table. Included by the ISA files alone.
#pragma once

#include <cstddef>

#include "kernels/kernel_table.h"
#include "kernels/simd.h"

namespace udnn::kernels {

/// All kernels of one carrier. kMr, kVectors: the largest gemm tile, in rows and vectors.
template <class T, class Arch, std::size_t kMr, std::size_t kVectors>
constexpr CarrierKernels<T> carrier_kernels() noexcept {
  return {};
}

}  // namespace udnn::kernels
