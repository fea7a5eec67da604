// kernels/kernel_table.h: all that the floors above know about kernels.
//
// A kernel can    read the operands it is given and write its outputs; be called from any thread at any time.
// A kernel cannot allocate, throw, lock, start threads, ask the operating system, read a global, include a container.
//
// To add one: its meaning in reference.h, its body in <name>.h, its arguments and member below, a line in
// isa/make_kernel_table.h, a test. To add an instruction set: isa/<name>.cc, a line in CMakeLists.txt, a line in
// kernel_table.cc, its Archs in tools/check_isa_symbols.sh.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "kernels/accumulate_kernels.h"
#include "kernels/depthwise_kernels.h"
#include "kernels/elementwise_kernels.h"
#include "kernels/gemm_kernel.h"
#include "kernels/pack_kernels.h"
#include "kernels/quantize_kernels.h"
#include "kernels/update_kernels.h"
#include "kernels/wide_carrier.h"

namespace udnn::kernels {

namespace cpu {

/// Instruction sets beyond the baseline. A table needs a sum of them, so they are bits.
enum Feature : unsigned {
  kAvx2 = 1U << 0U,
  kFma = 1U << 1U,
  kF16c = 1U << 2U,
  kAvxVnni = 1U << 3U,
  kAvx512 = 1U << 4U,  ///< F, BW, CD, DQ and VL, which came together with Skylake-X and Zen 4
  kAvx512Vnni = 1U << 5U,
  kAvx512Bf16 = 1U << 6U,
  kDotProd = 1U << 7U,
  kI8mm = 1U << 8U,
  kAmx = 1U << 9U,  ///< tiles of bytes and of bf16, and the permission of the operating system
};

}  // namespace cpu

/// The kernels that compute in one carrier: float, double or Wide.
template <class T>
struct CarrierKernels {
  GemmKernel<T> gemm;
  AccumulateKernels<T> accumulate;
  DepthwiseKernels<T> depthwise;
  ElementwiseKernels<T> elementwise;
  QuantizeKernels<T> quantize;
  UpdateKernels<T> update;
  FewKernel<T> few{};  ///< Wide has none
};

/// The same on every instruction set.
extern const CarrierKernels<Wide> kWideKernels;

/// Every kernel of one instruction set. Data, not code: it can be read where its kernels cannot run.
struct KernelTable {
  const char* isa;                   ///< as UDNN_ISA spells it
  unsigned needs;                    ///< sum of cpu::Feature
  bool is_fused;                     ///< multiply-adds round once: all tables that do have the same bits
  const CarrierKernels<float>& f32;  ///< levels that differ only in narrow products share them
  const CarrierKernels<double>& f64;
  NarrowProducts narrow;
  const PackKernels& pack;

  template <class T>
  const CarrierKernels<T>& carrier() const noexcept {
    if constexpr (std::is_same_v<T, float>)
      return f32;
    else if constexpr (std::is_same_v<T, Wide>)
      return kWideKernels;
    else
      return f64;
  }
};

/// All tables of this build, fastest first. The last one needs nothing: every CPU of its kind runs it.
std::span<const KernelTable* const> all_kernel_tables() noexcept;

}  // namespace udnn::kernels
