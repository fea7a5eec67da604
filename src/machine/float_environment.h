// src/machine/float_environment.h: arithmetic as results are promised, whatever the host program has set.
#pragma once

#include <cfenv>
#include <cstdint>

namespace udnn::machine {

/// While it lives, this thread rounds to the nearest, keeps subnormals and traps nothing; then what was set before
/// comes back. Flags of what happened (inexact, underflow) may have been raised, as by any arithmetic.
///
/// Threads  each its own. Cost: 5 ns where all is as every program starts, else 0.2 us (perf/team_bench, Zen 5,
/// 2026-11).
class FloatEnvironment {
 public:
#if defined(__x86_64__)
  // Two halves: MXCSR rounds floats and doubles, the x87 control word long doubles. To read MXCSR takes most of the 5
  // ns; to write it always, so that flags come back too, would take as much again.
  FloatEnvironment() noexcept : mxcsr_(__builtin_ia32_stmxcsr()) {
    std::uint16_t x87 = 0;
    __asm__ volatile("fnstcw %0" : "=m"(x87));
    is_usual_ = (mxcsr_ & kMxcsrModes) == kUsualMxcsr && (x87 & kX87Modes) == kUsualX87;
    if (is_usual_) return;
    std::fegetenv(&found_);
    std::fesetenv(FE_DFL_ENV);
    __builtin_ia32_ldmxcsr(kUsualMxcsr);  // not every C library takes the modes for subnormals for part of it
  }
  ~FloatEnvironment() {
    if (is_usual_) return;
    std::fesetenv(&found_);
    __builtin_ia32_ldmxcsr(mxcsr_);
  }
#elif defined(__aarch64__)
  FloatEnvironment() noexcept {
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr_));
    if (fpcr_ != 0) __asm__ volatile("msr fpcr, %0" : : "r"(std::uint64_t{0}));
  }
  ~FloatEnvironment() {
    if (fpcr_ != 0) __asm__ volatile("msr fpcr, %0" : : "r"(fpcr_));
  }
#else
  FloatEnvironment() noexcept {
    std::fegetenv(&found_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~FloatEnvironment() { std::fesetenv(&found_); }
#endif
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;

 private:
#if defined(__x86_64__)
  // Intel SDM, volume 1, 10.2.3 and 8.1.5: traps masked, to the nearest; x87 with 64 bits. The rest of both are flags.
  static constexpr unsigned kMxcsrModes = 0xFFC0, kUsualMxcsr = 0x1F80;
  static constexpr unsigned kX87Modes = 0x0F3F, kUsualX87 = 0x033F;

  unsigned mxcsr_;
  bool is_usual_;
#endif
#if defined(__aarch64__)
  std::uint64_t fpcr_ = 0;
#else
  std::fenv_t found_;  // NOLINT(cppcoreguidelines-pro-type-member-init): fegetenv() fills it
#endif
};

}  // namespace udnn::machine
