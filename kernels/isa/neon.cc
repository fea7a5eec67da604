#include "kernels/isa/make_kernel_table.h"
#include "kernels/isa/shared_kernels.h"

namespace udnn::kernels {

extern constinit const CarrierKernels<float> kNeonF32 = carrier_kernels<float, xsimd::neon64, 16, 12, 8, 6>();
extern constinit const CarrierKernels<double> kNeonF64 = carrier_kernels<double, xsimd::neon64, 16, 12, 8, 6>();
extern constinit const ProductKernel<Fp16Product> kNeonFp16 =
    product_kernel<Fp16Product, xsimd::neon64, 16, 12, 8, 6>();
extern constinit const ProductKernel<Bf16Product> kNeonBf16 =
    product_kernel<Bf16Product, xsimd::neon64, 16, 12, 7, 5>();
extern constinit const ProductKernel<S16Product> kNeonS16 = product_kernel<S16Product, xsimd::neon64, 16, 12, 8, 6>();
extern constinit const PackKernels kNeonPack = pack_kernels<xsimd::neon64>();

extern constinit const KernelTable kNeonKernels{
    .isa = "neon",
    .needs = 0,
    .is_fused = true,
    .f32 = kNeonF32,
    .f64 = kNeonF64,
    .narrow = {.fp16 = &kNeonFp16,
               .bf16 = &kNeonBf16,
               .bf16_dot = nullptr,
               .s16 = &kNeonS16,
               .u8s8 = nullptr,
               .s8s8 = nullptr},
    .pack = kNeonPack,
};

}  // namespace udnn::kernels
