#include "kernels/isa/make_kernel_table.h"
#include "kernels/isa/shared_kernels.h"

namespace udnn::kernels {

extern constinit const ProductKernel<Bf16DotProduct> kAvx512Bf16Dot =
    product_kernel<Bf16DotProduct, Avx512Bf16, 16, 12, 8, 6>();

extern constinit const KernelTable kAvx512Bf16Kernels{
    .isa = "avx512bf16",
    .needs = cpu::kAvx512 | cpu::kFma | cpu::kAvx512Vnni | cpu::kAvx512Bf16,
    .is_fused = true,
    .f32 = kAvx512F32,
    .f64 = kAvx512F64,
    .narrow = {.fp16 = &kAvx512Fp16,
               .bf16 = &kAvx512Bf16,
               .bf16_dot = &kAvx512Bf16Dot,
               .s16 = &kAvx512S16,
               .u8s8 = &kAvx512VnniU8S8,
               .s8s8 = &kAvx512VnniS8S8,
               .bf16_blocks = &kAvx512Bf16Blocks},
    .pack = kAvx512Pack,
};

}  // namespace udnn::kernels
