#include <type_traits>

#include "kernels/gemm_blocks.h"
#include "kernels/isa/shared_kernels.h"
#include "kernels/kernel_table.h"

namespace udnn::kernels {

namespace {

double up(double x) noexcept {
  const auto whole = static_cast<double>(static_cast<std::size_t>(x));
  return whole < x ? whole + 1 : whole;
}

// What a product takes, in cycles, B packed and in L2: fitted to 900 shapes of 1 to 128 rows, 6 to 512 columns and 8 to
// 1024 elements of k on Granite Rapids, 2026-12. To enter and to leave takes 181 of them.
double by_tiles(double m, double n, double k_bytes, double store) noexcept {
  const double tiles = up(m / 16) * up(n / 16), steps = up(k_bytes / 64);
  const double copy = steps * 64 == k_bytes ? 0 : 2 * m * steps;
  return 450 + tiles * (16 * steps + store) + copy;
}

// By two multiply-adds, A widened before and B in the loop; one chain has 4 cycles for each k.
bool bf16_pay(std::size_t m_rows, std::size_t n_cols, std::size_t depth) noexcept {
  const auto m = static_cast<double>(m_rows), n = static_cast<double>(n_cols), k = static_cast<double>(depth);
  const double chain = 4 * k, all = up(n / 16) * k / 2 * (1 + m);
  return by_tiles(m, n, 2 * k, 44) < 150 + 10 * m + m * k / 8 + (all < chain ? chain : all);
}

// By vpdpbusd.
bool bytes_pay(std::size_t m_rows, std::size_t n_cols, std::size_t depth) noexcept {
  const auto m = static_cast<double>(m_rows), n = static_cast<double>(n_cols), k = static_cast<double>(depth);
  const double granules = up(k / 4), chain = 3.6 * granules, all = up(n / 16) * granules * (1 + m) / 2;
  return by_tiles(m, n, k, 64) + 40 < 50 + m * up(n / 16) + (all < chain ? chain : all);
}

template <class P>
constexpr BlockKernel<P> block_kernel() noexcept {
  using Kernel = GemmBlocks<P, Amx>;
  return {.lanes = 16,
          .vectors = 4,
          .enter = &Kernel::enter,
          .leave = &Kernel::leave,
          .run = &Kernel::run,
          .pack_a = &Kernel::pack_a,
          .pays = std::is_same_v<P, Bf16DotProduct> ? &bf16_pay : &bytes_pay};
}
constexpr BlockKernel<Bf16DotProduct> kBf16 = block_kernel<Bf16DotProduct>();
constexpr BlockKernel<U8S8Product> kU8S8 = block_kernel<U8S8Product>();
constexpr BlockKernel<S8S8Product> kS8S8 = block_kernel<S8S8Product>();

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
