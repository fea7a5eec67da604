// The loops are written in assembly: so the compiler can neither spill the sums nor leave any out, and the file needs
// no instruction-set flags. Where no flag allows more, compilers use the registers 0 to 15 only; the others need not be
// named as overwritten. vzeroupper leaves the upper halves as compiled code expects them.
#include "perf/peers/peak.h"

#include <cstdint>

namespace udnn::peers {

#ifdef __x86_64__

namespace {

constexpr std::size_t kSums = 24, kSumsAvx2 = 14;
constexpr double kLanes = 16;  // of 32 bits in 512

struct alignas(64) Vector {
  std::uint32_t words[16];
};

constexpr Vector filled(std::uint32_t even, std::uint32_t odd) {
  Vector vector = {};
  for (std::size_t i = 0; i < 16; i += 2) {
    vector.words[i] = even;
    vector.words[i + 1] = odd;
  }
  return vector;
}

// Ones: a sum that stops growing costs what any other costs, an infinite or subnormal one may not.
constexpr Vector kOnesF32 = filled(0x3F800000, 0x3F800000), kOnesF64 = filled(0, 0x3FF00000),
                 kOnesBf16 = filled(0x3F803F80, 0x3F803F80), kOnesF16 = filled(0x3C003C00, 0x3C003C00),
                 kOnes8 = filled(0x01010101, 0x01010101);

enum Instruction { kFmaF64, kFmaF32, kFmaF16, kDotBf16, kDotU8S8 };

// The assembler picks the instruction: it, too, is to appear once for each sum.
template <Instruction kInstruction>
void loop_512(std::size_t steps, const Vector& ones) {
  asm volatile(
      "vmovups (%[ones]), %%zmm30\n vmovups (%[ones]), %%zmm31\n"
      ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23\n"
      " vpxord %%zmm\\n, %%zmm\\n, %%zmm\\n\n"
      ".endr\n"
      "1:\n"
      ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23\n"
      ".if %c[which] == 0\n vfmadd231pd %%zmm31, %%zmm30, %%zmm\\n\n .endif\n"
      ".if %c[which] == 1\n vfmadd231ps %%zmm31, %%zmm30, %%zmm\\n\n .endif\n"
      ".if %c[which] == 2\n vfmadd231ph %%zmm31, %%zmm30, %%zmm\\n\n .endif\n"
      ".if %c[which] == 3\n vdpbf16ps %%zmm31, %%zmm30, %%zmm\\n\n .endif\n"
      ".if %c[which] == 4\n vpdpbusd %%zmm31, %%zmm30, %%zmm\\n\n .endif\n"
      ".endr\n"
      "dec %[steps]\n jnz 1b\n vzeroupper\n"
      : [steps] "+r"(steps)
      : [ones] "r"(&ones), [which] "i"(kInstruction)
      : "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

template <Instruction kInstruction>
void loop_256(std::size_t steps, const Vector& ones) {
  asm volatile(
      "vmovups (%[ones]), %%ymm14\n vmovups (%[ones]), %%ymm15\n"
      ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13\n"
      " vxorps %%ymm\\n, %%ymm\\n, %%ymm\\n\n"
      ".endr\n"
      "1:\n"
      ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13\n"
      ".if %c[which] == 0\n vfmadd231pd %%ymm15, %%ymm14, %%ymm\\n\n .endif\n"
      ".if %c[which] == 1\n vfmadd231ps %%ymm15, %%ymm14, %%ymm\\n\n .endif\n"
      ".endr\n"
      "dec %[steps]\n jnz 1b\n vzeroupper\n"
      : [steps] "+r"(steps)
      : [ones] "r"(&ones), [which] "i"(kInstruction)
      : "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

// Four tiles of sums; more would serve reuse, not latency.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16};
};
constexpr TileConfig kTiles;
constexpr double kTileSums = 4;

template <Instruction kInstruction>
void loop_tiles(std::size_t steps) {
  asm volatile(
      "ldtilecfg (%[tiles])\n"
      ".irp n,0,1,2,3,4,5\n tilezero %%tmm\\n\n .endr\n"
      "1:\n"
      ".irp n,0,1,2,3\n"
      ".if %c[which] == 3\n tdpbf16ps %%tmm5, %%tmm4, %%tmm\\n\n .endif\n"
      ".if %c[which] == 4\n tdpbusd %%tmm5, %%tmm4, %%tmm\\n\n .endif\n"
      ".endr\n"
      "dec %[steps]\n jnz 1b\n tilerelease\n"
      : [steps] "+r"(steps)
      : [tiles] "r"(&kTiles), [which] "i"(kInstruction)
      : "cc", "memory");
}

void f64_512(std::size_t steps) { loop_512<kFmaF64>(steps, kOnesF64); }
void f32_512(std::size_t steps) { loop_512<kFmaF32>(steps, kOnesF32); }
void f16_512(std::size_t steps) { loop_512<kFmaF16>(steps, kOnesF16); }
void bf16_512(std::size_t steps) { loop_512<kDotBf16>(steps, kOnesBf16); }
void u8s8_512(std::size_t steps) { loop_512<kDotU8S8>(steps, kOnes8); }
void f64_256(std::size_t steps) { loop_256<kFmaF64>(steps, kOnesF64); }
void f32_256(std::size_t steps) { loop_256<kFmaF32>(steps, kOnesF32); }

/// CPUID leaf 7, EDX: what the compilers' own question does not know in all versions that build uDNN.
std::uint32_t newest_features() {
  std::uint32_t a = 7, b = 0, c = 0, d = 0;
  asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return d;
}

/// Linux lends a process its tiles on request only: arch_prctl(ARCH_REQ_XCOMP_PERM, XTILEDATA).
bool may_use_tiles() {
  constexpr std::uint32_t kTile = 1U << 24U;
  if ((newest_features() & kTile) == 0) return false;
  constexpr long kArchPrctl = 158, kRequest = 0x1023, kTileData = 18;
  long result = kArchPrctl;
  asm volatile("syscall" : "+a"(result) : "D"(kRequest), "S"(kTileData) : "rcx", "r11", "memory");
  return result == 0;
}

Peak wide(std::string_view instruction, double pairs_per_lane, void (*run)(std::size_t)) {
  return {instruction, 2 * static_cast<double>(kSums) * kLanes * pairs_per_lane, run};
}

Peak narrow(std::string_view instruction, double pairs_per_lane, void (*run)(std::size_t)) {
  return {instruction, static_cast<double>(kSumsAvx2) * kLanes * pairs_per_lane, run};
}

}  // namespace

Peak peak_of(Type type) {
  constexpr std::uint32_t kAmxBf16 = 1U << 22U, kFp16 = 1U << 23U, kAmxInt8 = 1U << 25U;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  switch (type) {
    case Type::kF64:
      if (avx512) return wide("vfmadd231pd zmm", 0.5, f64_512);
      if (avx2) return narrow("vfmadd231pd ymm", 0.5, f64_256);
      break;
    case Type::kF16:
      if (avx512 && (newest_features() & kFp16) != 0) return wide("vfmadd231ph zmm", 2, f16_512);
      [[fallthrough]];  // stored in 16 bits, multiplied in 32
    case Type::kF32:
      if (avx512) return wide("vfmadd231ps zmm", 1, f32_512);
      if (avx2) return narrow("vfmadd231ps ymm", 1, f32_256);
      break;
    case Type::kBf16:
      if ((newest_features() & kAmxBf16) != 0 && may_use_tiles())
        return {"tdpbf16ps", kTileSums * 2 * 16 * 16 * 32, loop_tiles<kDotBf16>};
      if (avx512 && __builtin_cpu_supports("avx512bf16")) return wide("vdpbf16ps zmm", 2, bf16_512);
      break;
    case Type::kU8S8:
      if ((newest_features() & kAmxInt8) != 0 && may_use_tiles())
        return {"tdpbusd", kTileSums * 2 * 16 * 16 * 64, loop_tiles<kDotU8S8>};
      if (avx512 && __builtin_cpu_supports("avx512vnni")) return wide("vpdpbusd zmm", 4, u8s8_512);
      break;
  }
  return {};
}

#else

Peak peak_of(Type) { return {}; }

#endif

}  // namespace udnn::peers
