#include "kernels/isa/make_kernel_table.h"

namespace udnn::kernels {

extern constinit const KernelTable kAvx512Kernels{
    .isa = "avx512",
    .needs = cpu::kAvx512 | cpu::kFma,
    .f32 = carrier_kernels<float, xsimd::avx512bw, 14, 12, 8, 6>(),
    .f64 = carrier_kernels<double, xsimd::avx512bw, 14, 12, 8, 6>(),
};

}  // namespace udnn::kernels
