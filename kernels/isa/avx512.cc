#include "kernels/isa/make_kernel_table.h"
#include "kernels/isa/shared_kernels.h"

namespace udnn::kernels {

extern constinit const CarrierKernels<float> kAvx512F32 = carrier_kernels<float, xsimd::avx512bw, 16, 12, 8, 6>();
extern constinit const CarrierKernels<double> kAvx512F64 = carrier_kernels<double, xsimd::avx512bw, 16, 12, 8, 6>();
extern constinit const ProductKernel<Fp16Product> kAvx512Fp16 =
    product_kernel<Fp16Product, xsimd::avx512bw, 16, 12, 8, 6>();
extern constinit const ProductKernel<Bf16Product> kAvx512Bf16 =
    product_kernel<Bf16Product, xsimd::avx512bw, 16, 12, 7, 5>();
extern constinit const ProductKernel<S16Product> kAvx512S16 =
    product_kernel<S16Product, xsimd::avx512bw, 16, 12, 8, 6>();
extern constinit const BlockKernel<Bf16DotProduct> kAvx512Bf16Blocks =
    block_kernel_of<Bf16BlocksByVectors<xsimd::avx512bw>, Bf16DotProduct, 4>();
extern constinit const PackKernels kAvx512Pack = pack_kernels<xsimd::avx512bw>();

extern constinit const KernelTable kAvx512Kernels{
    .isa = "avx512",
    .needs = cpu::kAvx512 | cpu::kFma,
    .is_fused = true,
    .f32 = kAvx512F32,
    .f64 = kAvx512F64,
    .narrow = {.fp16 = &kAvx512Fp16,
               .bf16 = &kAvx512Bf16,
               .bf16_dot = nullptr,
               .s16 = &kAvx512S16,
               .u8s8 = nullptr,
               .s8s8 = nullptr,
               .bf16_blocks = &kAvx512Bf16Blocks},
    .pack = kAvx512Pack,
};

}  // namespace udnn::kernels
