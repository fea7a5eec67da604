#include "kernels/isa/make_kernel_table.h"
#include "kernels/isa/shared_kernels.h"

namespace udnn::kernels {

namespace {

constexpr ProductKernel<U8S8Product> kU8S8 = product_kernel<U8S8Product, AvxVnni, 7, 5>();
constexpr ProductKernel<S8S8Product> kS8S8 = product_kernel<S8S8Product, AvxVnni, 7, 5>();

}  // namespace

extern constinit const KernelTable kAvxVnniKernels{
    .isa = "avxvnni",
    .needs = cpu::kAvx2 | cpu::kFma | cpu::kF16c | cpu::kAvxVnni,
    .is_fused = true,
    .f32 = kAvx2F32,
    .f64 = kAvx2F64,
    .narrow = {.fp16 = &kAvx2Fp16,
               .bf16 = &kAvx2Bf16,
               .bf16_dot = nullptr,
               .s16 = &kAvx2S16,
               .u8s8 = &kU8S8,
               .s8s8 = &kS8S8,
               .bf16_blocks = &kAvx2Bf16Blocks},
    .pack = kAvx2Pack,
};

}  // namespace udnn::kernels
