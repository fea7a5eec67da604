#include "kernels/isa/make_kernel_table.h"
#include "kernels/isa/shared_kernels.h"

namespace udnn::kernels {

namespace {

constexpr ProductKernel<U8S8Product> kU8S8 = product_kernel<U8S8Product, NeonDot, 16, 12, 8, 6>();

}  // namespace

extern constinit const ProductKernel<S8S8Product> kNeonDotS8S8 = product_kernel<S8S8Product, NeonDot, 16, 12, 8, 6>();

extern constinit const KernelTable kNeonDotKernels{
    .isa = "neondot",
    .needs = cpu::kDotProd,
    .is_fused = true,
    .f32 = kNeonF32,
    .f64 = kNeonF64,
    .narrow = {.fp16 = &kNeonFp16,
               .bf16 = &kNeonBf16,
               .bf16_dot = nullptr,
               .s16 = &kNeonS16,
               .u8s8 = &kU8S8,
               .s8s8 = &kNeonDotS8S8},
    .pack = kNeonPack,
};

}  // namespace udnn::kernels
