#include "kernels/isa/make_kernel_table.h"
#include "kernels/isa/shared_kernels.h"

namespace udnn::kernels {

namespace {

using Arch = xsimd::fma3<xsimd::avx2>;

}  // namespace

extern constinit const CarrierKernels<float> kAvx2F32 = carrier_kernels<float, Arch, 12, 6>();
extern constinit const CarrierKernels<double> kAvx2F64 = carrier_kernels<double, Arch, 12, 6>();
extern constinit const ProductKernel<Fp16Product> kAvx2Fp16 = product_kernel<Fp16Product, Arch, 12, 6>();
extern constinit const ProductKernel<Bf16Product> kAvx2Bf16 = product_kernel<Bf16Product, Arch, 6, 4>();
extern constinit const ProductKernel<S16Product> kAvx2S16 = product_kernel<S16Product, Arch, 12, 6>();
extern constinit const BlockKernel<Bf16DotProduct> kAvx2Bf16Blocks =
    block_kernel_of<Bf16BlocksByVectors<Arch>, Bf16DotProduct, 2>();
extern constinit const PackKernels kAvx2Pack = pack_kernels<Arch>();

extern constinit const KernelTable kAvx2Kernels{
    .isa = "avx2",
    .needs = cpu::kAvx2 | cpu::kFma | cpu::kF16c,
    .is_fused = true,
    .f32 = kAvx2F32,
    .f64 = kAvx2F64,
    .narrow = {.fp16 = &kAvx2Fp16,
               .bf16 = &kAvx2Bf16,
               .bf16_dot = nullptr,
               .s16 = &kAvx2S16,
               .u8s8 = nullptr,
               .s8s8 = nullptr,
               .bf16_blocks = &kAvx2Bf16Blocks},
    .pack = kAvx2Pack,
};

}  // namespace udnn::kernels
