#include "kernels/kernel_table.h"

namespace udnn::kernels {

#ifdef __x86_64__
extern const KernelTable kAmxKernels;
extern const KernelTable kAvx512Bf16Kernels;
extern const KernelTable kAvx512VnniKernels;
extern const KernelTable kAvx512Kernels;
extern const KernelTable kAvxVnniKernels;
extern const KernelTable kAvx2Kernels;
extern const KernelTable kGenericKernels;
#else
extern const KernelTable kNeonI8mmKernels;
extern const KernelTable kNeonDotKernels;
extern const KernelTable kNeonKernels;
#endif

std::span<const KernelTable* const> all_kernel_tables() noexcept {
  static constexpr const KernelTable* kTables[] = {
#ifdef __x86_64__
      &kAmxKernels,     &kAvx512Bf16Kernels, &kAvx512VnniKernels, &kAvx512Kernels,
      &kAvxVnniKernels, &kAvx2Kernels,       &kGenericKernels,
#else
      &kNeonI8mmKernels,
      &kNeonDotKernels,
      &kNeonKernels,
#endif
  };
  return kTables;
}

}  // namespace udnn::kernels
