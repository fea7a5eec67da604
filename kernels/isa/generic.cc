#include "kernels/isa/make_kernel_table.h"

namespace udnn::kernels {

extern constinit const KernelTable kGenericKernels{
    .isa = "generic",
    .needs = 0,
    .f32 = carrier_kernels<float, Baseline, 8, 4>(),
    .f64 = carrier_kernels<double, Baseline, 8, 4>(),
};

}  // namespace udnn::kernels
