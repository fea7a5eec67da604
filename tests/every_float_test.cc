// All 2^32 floats to the formats that hardware has, on every instruction set. The nightly set.
//
// The meaning is written here a third time, on the bits of a float and in integers alone. A float's magnitude is an
// integer whose order is that of the values, so that rounding away its last bits, and carrying, gives the next value;
// below the smallest normal value of the target its significand is cut where the target's spacing is.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/cases.h"
#include "tests/numbers_support.h"
#include "tests/support.h"

namespace udnn::test {
namespace {

constexpr std::uint32_t kSign = 0x80000000, kInfinity = 0x7f800000, kNan = 0x7fc00000;

/// What stands in formats.md.
struct Target {
  const char* name;
  int mantissa_bits;
  int min_exponent;        ///< of the smallest normal value
  std::uint32_t largest;   ///< finite, as a float's bits
  std::uint32_t overflow;  ///< what lies beyond becomes
};

constexpr Target kFp16{"fp16", 10, -14, 0x477fe000, kInfinity};  // 65504
constexpr Target kBf16{"bf16", 7, -126, 0x7f7f0000, kInfinity};  // (255/128) 2^127
constexpr Target kE4m3{"e4m3", 3, -6, 0x43e00000, 0x43e00000};   // 448, and no infinity
constexpr Target kE5m2{"e5m2", 2, -14, 0x47600000, kInfinity};   // 57344

/// kept / 2^drop to nearest, ties to even.
constexpr std::uint32_t shifted(std::uint32_t kept, int drop) {
  const std::uint32_t half = std::uint32_t{1} << (drop - 1), rest = kept & (2 * half - 1), whole = kept >> drop;
  return whole + (rest > half || (rest == half && whole % 2 == 1) ? 1 : 0);
}

constexpr std::uint32_t rounded(std::uint32_t bits, const Target& target) {
  const std::uint32_t sign = bits & kSign, magnitude = bits & ~kSign;
  if (magnitude > kInfinity) return kNan;
  const int field = static_cast<int>(magnitude >> 23), exponent = std::max(field, 1) - 127;
  std::uint32_t result = 0;
  if (exponent >= target.min_exponent) {
    const int drop = 23 - target.mantissa_bits;
    result = shifted(magnitude, drop) << drop;
  } else {
    const std::uint32_t significand = (magnitude & 0x7fffff) | (field > 0 ? 0x800000U : 0U);
    const int drop = 23 - target.mantissa_bits + target.min_exponent - exponent;
    const std::uint32_t steps = drop > 25 ? 0 : shifted(significand, drop);  // of 2^(min_exponent - mantissa_bits)
    if (steps != 0) {
      const int top = static_cast<int>(std::bit_width(steps)) - 1;
      result = static_cast<std::uint32_t>(target.min_exponent - target.mantissa_bits + top + 127) << 23 |
               (steps << (23 - top) & 0x7fffff);
    }
  }
  return sign | (result > target.largest ? target.overflow : result);
}

static_assert(rounded(0x477fefff, kFp16) == 0x477fe000 && rounded(0x477ff000, kFp16) == kInfinity);  // 65519.99, 65520
static_assert(rounded(0x33000000, kFp16) == 0 && rounded(0x33000001, kFp16) == 0x33800000);          // 2^-25
static_assert(rounded(0x43e80000, kE4m3) == 0x43e00000 && rounded(kInfinity, kE4m3) == 0x43e00000);  // 464
static_assert(rounded(0xb7000000, kE5m2) == kSign && rounded(0xb7400000, kE5m2) == 0xb7800000);      // -2^-17
static_assert(rounded(0x00008000, kBf16) == 0 && rounded(0x00018000, kBf16) == 0x00020000);          // 2^-134

/// Floats from `begin` on, a whole piece of them, on all of `quantizers`. Returns how many were compared, 0 after the
/// first that is wrong.
constexpr std::uint32_t kPiece = 1 << 12;

std::size_t compare_piece(std::uint64_t begin, const Target& target,
                          const std::vector<numbers::Quantizer<float>>& quantizers) {
  alignas(64) std::uint32_t bits[kPiece], want[kPiece], got[kPiece];
  alignas(64) float x[kPiece], q[kPiece];
  for (std::uint32_t i = 0; i < kPiece; ++i) {
    bits[i] = static_cast<std::uint32_t>(begin) + i;
    want[i] = rounded(bits[i], target);
  }
  std::memcpy(x, bits, sizeof bits);
  for (std::size_t isa = 0; isa < quantizers.size(); ++isa) {
    quantizers[isa].run(x, q, kPiece, 0, {}, {}, nullptr);
    std::memcpy(got, q, sizeof q);
    if (std::memcmp(got, want, sizeof got) == 0) continue;
    for (std::uint32_t i = 0; i < kPiece; ++i) {
      if (got[i] == want[i]) continue;
      ADD_FAILURE() << target.name << " on " << machine::usable_carrier_tables()[isa]->isa << std::hex << ": float 0x"
                    << bits[i] << " gives 0x" << got[i] << ", expected 0x" << want[i];
      return 0;
    }
  }
  return kPiece * quantizers.size();
}

void compare_all(const Target& target) {
  std::vector<numbers::Quantizer<float>> quantizers;
  for (const auto* table : machine::usable_carrier_tables())
    quantizers.push_back(quantizer<float>(format(target.name), *table));
  constexpr std::uint64_t kFloats = std::uint64_t{1} << 32, kStep = std::uint64_t{kPiece} * kThoroughness;
  std::atomic<std::uint64_t> next = 0;
  std::atomic<std::size_t> cases = 0;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i)
    threads.emplace_back([&] {
      for (std::uint64_t begin = next.fetch_add(kStep); begin < kFloats; begin = next.fetch_add(kStep)) {
        const std::size_t compared = compare_piece(begin, target, quantizers);
        if (compared == 0) next = kFloats;
        cases += compared;
      }
    });
  for (std::thread& thread : threads) thread.join();
  expect_cases(cases, kFloats / kThoroughness * quantizers.size());
}

TEST(EveryFloat, RoundsToFp16) { compare_all(kFp16); }
TEST(EveryFloat, RoundsToBf16) { compare_all(kBf16); }
TEST(EveryFloat, RoundsToE4m3) { compare_all(kE4m3); }
TEST(EveryFloat, RoundsToE5m2) { compare_all(kE5m2); }

}  // namespace
}  // namespace udnn::test
