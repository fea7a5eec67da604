#include "kernels/isa/make_kernel_table.h"

namespace udnn::kernels {

extern constinit const KernelTable kAvx2Kernels{
    .isa = "avx2",
    .needs = cpu::kAvx2 | cpu::kFma,
    .f32 = carrier_kernels<float, xsimd::fma3<xsimd::avx2>, 12, 6>(),
    .f64 = carrier_kernels<double, xsimd::fma3<xsimd::avx2>, 12, 6>(),
};

}  // namespace udnn::kernels
