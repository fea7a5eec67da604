#include "src/machine/isa.h"

#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

#ifdef __x86_64__
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace udnn::machine {

using kernels::KernelTable;
namespace cpu = kernels::cpu;

namespace {

#ifdef __x86_64__
// What __builtin_cpu_supports knows only in later compilers. (Intel SDM, volume 2, CPUID; both use the registers of
// AVX.)
bool has_f16c() noexcept {
  unsigned a, b, c = 0, d;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
// Tiles of bytes and of bf16, which Linux gives to a process that asks (documentation of the kernel, x86/xstate). It
// refuses one whose threads have alternate signal stacks too small for the tiles: then there are none.
bool has_amx() noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kAmxBf16 = 1U << 22U, kAmxTile = 1U << 24U, kAmxInt8 = 1U << 25U;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  if ((d & (kAmxBf16 | kAmxTile | kAmxInt8)) != (kAmxBf16 | kAmxTile | kAmxInt8)) return false;
  unsigned saved_low, saved_high;  // which registers the operating system saves: bits 17 and 18 are those of tiles
  asm volatile("xgetbv" : "=a"(saved_low), "=d"(saved_high) : "c"(0));
  if ((saved_low >> 17U & 3U) != 3U) return false;
#ifdef __linux__
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}
bool has_avx_vnni() noexcept {
  unsigned a = 0, b, c, d;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & 1U << 4U) != 0;
}
#endif

// __builtin_cpu_supports also asks whether the operating system saves the wide registers.
unsigned detect_cpu_features() noexcept {
  unsigned features = 0;
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) {
    features |= cpu::kAvx2;
    if (has_f16c()) features |= cpu::kF16c;
    if (has_avx_vnni()) features |= cpu::kAvxVnni;
  }
  if (__builtin_cpu_supports("fma")) features |= cpu::kFma;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    features |= cpu::kAvx512;
    if (__builtin_cpu_supports("avx512vnni")) features |= cpu::kAvx512Vnni;
    if (__builtin_cpu_supports("avx512bf16")) features |= cpu::kAvx512Bf16;
    if (has_amx()) features |= cpu::kAmx;
  }
#elif defined(__aarch64__)  // of the kernel of Linux, which has asked all CPUs
  if ((getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0) features |= cpu::kDotProd;
  if ((getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0) features |= cpu::kI8mm;
#endif
  return features;
}

bool can_run(const KernelTable& table) noexcept {
  static const unsigned features = detect_cpu_features();
  return (table.needs & ~features) == 0;
}

}  // namespace

std::vector<const KernelTable*> usable_kernel_tables() {
  std::vector<const KernelTable*> usable;
  for (const KernelTable* table : kernels::all_kernel_tables())
    if (can_run(*table)) usable.push_back(table);
  return usable;
}

std::vector<const KernelTable*> usable_carrier_tables() {
  std::vector<const KernelTable*> tables;
  for (const KernelTable* table : usable_kernel_tables()) {
    if (!tables.empty() && &tables.back()->f32 == &table->f32) tables.pop_back();
    tables.push_back(table);
  }
  return tables;
}

Result<const KernelTable*> chosen_kernel_table() {
  const char* const wanted = std::getenv("UDNN_ISA");
  if (wanted == nullptr || *wanted == '\0') return usable_kernel_tables().front();

  std::string_view separator;
  std::string names;
  for (const KernelTable* table : kernels::all_kernel_tables()) {
    if (std::string_view(table->isa) == wanted) {
      if (can_run(*table)) return table;
      return Status(StatusCode::kUnsupported, fmt::format("UDNN_ISA: this CPU cannot run '{}'", wanted));
    }
    names.append(separator).append(table->isa);
    separator = ", ";
  }
  return Status(StatusCode::kInvalidArgument,
                fmt::format("UDNN_ISA: unknown level '{}', expected one of {}", wanted, names));
}

}  // namespace udnn::machine
