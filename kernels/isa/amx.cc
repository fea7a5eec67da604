#include "kernels/gemm_blocks.h"
#include "kernels/isa/shared_kernels.h"
#include "kernels/kernel_table.h"

namespace udnn::kernels {

namespace {

template <class P>
constexpr BlockKernel<P> block_kernel(bool (*pays)(std::size_t m, std::size_t n, std::size_t k) noexcept) noexcept {
  using Kernel = GemmBlocks<P, Amx>;
  return {
      .enter = &Kernel::enter, .leave = &Kernel::leave, .run = &Kernel::run, .pack_a = &Kernel::pack_a, .pays = pays};
}

bool bf16_pays(std::size_t m, std::size_t, std::size_t) noexcept { return m >= 1; }
bool bytes_pay(std::size_t m, std::size_t, std::size_t) noexcept { return m >= 1; }

constexpr BlockKernel<Bf16DotProduct> kBf16 = block_kernel<Bf16DotProduct>(&bf16_pays);
constexpr BlockKernel<U8S8Product> kU8S8 = block_kernel<U8S8Product>(&bytes_pay);
constexpr BlockKernel<S8S8Product> kS8S8 = block_kernel<S8S8Product>(&bytes_pay);

}  // namespace

extern constinit const KernelTable kAmxKernels{
    .isa = "amx",
    .needs = cpu::kAvx512 | cpu::kFma | cpu::kAvx512Vnni | cpu::kAvx512Bf16 | cpu::kAmx,
    .is_fused = true,
    .f32 = kAvx512F32,
    .f64 = kAvx512F64,
    .narrow = {.fp16 = &kAvx512Fp16,
               .bf16 = &kAvx512Bf16,
               .bf16_dot = &kAvx512Bf16Dot,
               .s16 = &kAvx512S16,
               .u8s8 = &kAvx512VnniU8S8,
               .s8s8 = &kAvx512VnniS8S8,
               .bf16_blocks = &kBf16,
               .u8s8_blocks = &kU8S8,
               .s8s8_blocks = &kS8S8},
    .pack = kAvx512Pack,
};

}  // namespace udnn::kernels
