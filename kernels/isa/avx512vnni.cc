#include "kernels/isa/make_kernel_table.h"
#include "kernels/isa/shared_kernels.h"

namespace udnn::kernels {

extern constinit const ProductKernel<U8S8Product> kAvx512VnniU8S8 =
    product_kernel<U8S8Product, Avx512Vnni, 16, 10, 8, 6>();
extern constinit const ProductKernel<S8S8Product> kAvx512VnniS8S8 =
    product_kernel<S8S8Product, Avx512Vnni, 16, 10, 8, 6>();

extern constinit const KernelTable kAvx512VnniKernels{
    .isa = "avx512vnni",
    .needs = cpu::kAvx512 | cpu::kFma | cpu::kAvx512Vnni,
    .is_fused = true,
    .f32 = kAvx512F32,
    .f64 = kAvx512F64,
    .narrow = {.fp16 = &kAvx512Fp16,
               .bf16 = &kAvx512Bf16,
               .bf16_dot = nullptr,
               .s16 = &kAvx512S16,
               .u8s8 = &kAvx512VnniU8S8,
               .s8s8 = &kAvx512VnniS8S8,
               .bf16_blocks = &kAvx512Bf16Blocks},
    .pack = kAvx512Pack,
};

}  // namespace udnn::kernels
