#include "kernels/isa/make_kernel_table.h"

namespace udnn::kernels {

namespace {

constexpr CarrierKernels<float> kF32 = carrier_kernels<float, Baseline, 8, 4>();
constexpr CarrierKernels<double> kF64 = carrier_kernels<double, Baseline, 8, 4>();
constexpr ProductKernel<Bf16Product> kBf16 = product_kernel<Bf16Product, Baseline, 4, 4>();
constexpr ProductKernel<S16Product> kS16 = product_kernel<S16Product, Baseline, 8, 4>();
constexpr PackKernels kPack = pack_kernels<Baseline>();

}  // namespace

extern constinit const KernelTable kGenericKernels{
    .isa = "generic",
    .needs = 0,
    .is_fused = false,
    .f32 = kF32,
    .f64 = kF64,
    .narrow = {.fp16 = nullptr, .bf16 = &kBf16, .bf16_dot = nullptr, .s16 = &kS16, .u8s8 = nullptr, .s8s8 = nullptr},
    .pack = kPack,
};

}  // namespace udnn::kernels
