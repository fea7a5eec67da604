// tests/accumulator_oracle.h: what a narrow accumulator means, one product at a time, with sums that MPFR keeps
// exactly. Shares no code with the kernels: a value is cut into whole steps of its grid and a rest, and the mode looks
// at the rest.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <mpfr.h>

#include "src/base/philox.h"
#include "tests/rounding_oracle.h"
#include "udnn/format.h"

namespace udnn::test {

/// Numbers of 4,400 bits: from the product of the two largest doubles to that of the two smallest.
class Exact {
 public:
  Exact() { mpfr_init2(value_, 4400); }
  ~Exact() { mpfr_clear(value_); }
  Exact(const Exact&) = delete;
  Exact& operator=(const Exact&) = delete;
  mpfr_ptr get() noexcept { return value_; }

 private:
  mpfr_t value_;
};

class ExactInteger {
 public:
  ExactInteger() { mpz_init(value_); }
  ~ExactInteger() { mpz_clear(value_); }
  ExactInteger(const ExactInteger&) = delete;
  ExactInteger& operator=(const ExactInteger&) = delete;
  mpz_ptr get() noexcept { return value_; }

 private:
  mpz_t value_;
};

template <class T>
class AccumulatorOracle {
 public:
  explicit AccumulatorOracle(const Format& format) : format_(format) {
    if (format.exponent_bits > 0) facts_.emplace(format);
  }

  /// The stream of stochastic draws; product as ops::Product numbers them.
  void draw_from(std::uint64_t seed, std::uint32_t step, std::uint32_t tensor, std::uint32_t product) {
    const auto block = base::philox4x32({product, 0, step, 4U << 24U | tensor},
                                        {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32U)});
    key_ = {block[0], block[1]};
  }

  /// The K random bits of one rounding.
  std::uint32_t draw(std::uint64_t element, std::uint64_t rounding) const {
    const int k = format_.random_bits, width = k > 16 ? 32 : k > 8 ? 16 : 8;
    const auto draws = static_cast<std::uint64_t>(128 / width), block = rounding / draws;
    const auto words =
        base::philox4x32({static_cast<std::uint32_t>(element), static_cast<std::uint32_t>(element >> 32U),
                          static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32U)},
                         key_);
    const auto first_bit =
        static_cast<int>(rounding % draws) * width;  // of 128, the upper bit of word 0 being the first
    const std::uint32_t from_there = words[static_cast<std::size_t>(first_bit / 32)] << (first_bit % 32);
    return k == 0 ? 0 : from_there >> (32 - k);
  }

  /// As the start of a chain.
  T rounded(T value, std::uint64_t element = 0) {
    draw_ = draw(element, 0);
    mpfr_set_d(sum_.get(), value, MPFR_RNDN);
    return rounded_sum();
  }
  T sum(T x, T y, std::uint64_t element = 0, std::uint64_t rounding = 1) {
    draw_ = draw(element, rounding);
    mpfr_set_d(sum_.get(), x, MPFR_RNDN);
    mpfr_add_d(sum_.get(), sum_.get(), y, MPFR_RNDN);
    return rounded_sum();
  }

  /// start + sum_k a[k] * b[k], rounded after each product or chunk of them. start is a value of the format.
  T chain(T start, const std::vector<T>& a, const std::vector<T>& b, std::uint64_t element = 0) {
    T acc = start, partial = 0;
    const auto chunk = static_cast<std::size_t>(format_.chunk);  // 1 is none
    for (std::size_t k = 0; k < a.size(); ++k) {
      if (chunk <= 1) {
        draw_ = draw(element, k + 1);
        mpfr_set_d(a_.get(), a[k], MPFR_RNDN);
        mpfr_set_d(b_.get(), b[k], MPFR_RNDN);
        mpfr_set_d(acc_.get(), acc, MPFR_RNDN);
        mpfr_fma(sum_.get(), a_.get(), b_.get(), acc_.get(), MPFR_RNDN);
        acc = rounded_sum();
        continue;
      }
      partial = std::fma(a[k], b[k], partial);
      if ((k + 1) % chunk != 0 && k + 1 != a.size()) continue;
      acc = sum(acc, partial, element, 1 + k / chunk);
      partial = 0;
    }
    return acc;
  }

 private:
  bool is_fixed() const noexcept {
    return format_.family == Family::kFixed || format_.family == Family::kUnsignedFixed;
  }

  // sum_ rounded once.
  T rounded_sum() {
    const bool is_negative = mpfr_signbit(sum_.get()) != 0;
    if (mpfr_nan_p(sum_.get()) != 0) return is_fixed() ? T{0} : std::numeric_limits<T>::quiet_NaN();
    if (mpfr_inf_p(sum_.get()) != 0) return is_fixed() ? fixed_infinity(is_negative) : beyond(is_negative);
    int exponent = -format_.fraction_bits;  // of the step
    if (!is_fixed()) {
      exponent = facts_->min_exponent;
      if (mpfr_zero_p(sum_.get()) == 0) exponent = std::max(exponent, static_cast<int>(mpfr_get_exp(sum_.get())) - 1);
      exponent -= format_.mantissa_bits;
    }
    mpfr_abs(steps_.get(), sum_.get(), MPFR_RNDN);
    mpfr_mul_2si(steps_.get(), steps_.get(), -exponent, MPFR_RNDN);
    mpfr_floor(whole_.get(), steps_.get());
    mpfr_sub(rest_.get(), steps_.get(), whole_.get(), MPFR_RNDN);
    mpfr_get_z(code_.get(), whole_.get(), MPFR_RNDN);
    if (takes_one_more(is_negative)) mpz_add_ui(code_.get(), code_.get(), 1);
    return is_fixed() ? fixed(is_negative) : floating(exponent, is_negative);
  }

  bool takes_one_more(bool is_negative) {
    if (mpfr_zero_p(rest_.get()) != 0) return false;
    const int to_half = mpfr_cmp_d(rest_.get(), 0.5);
    switch (format_.rounding) {
      case Rounding::kNearestEven:
        return to_half > 0 || (to_half == 0 && mpz_odd_p(code_.get()));
      case Rounding::kNearestAway:
        return to_half >= 0;
      case Rounding::kUp:
        return !is_negative;
      case Rounding::kDown:
        return is_negative;
      case Rounding::kToOdd:
        return mpz_even_p(code_.get());
      case Rounding::kStochastic:
        mpfr_mul_2si(rest_.get(), rest_.get(), format_.random_bits, MPFR_RNDN);
        mpfr_floor(rest_.get(), rest_.get());
        mpfr_add_d(rest_.get(), rest_.get(), draw_, MPFR_RNDN);
        return mpfr_cmp_d(rest_.get(), std::ldexp(1.0, format_.random_bits)) >= 0;
      default:
        return false;
    }
  }

  T beyond(bool is_negative) const {
    return static_cast<T>(overflowed(format_, facts_->largest, is_negative ? -1.0 : 1.0));
  }

  T floating(int exponent, bool is_negative) {
    mpfr_set_z(whole_.get(), code_.get(), MPFR_RNDN);
    mpfr_mul_2si(whole_.get(), whole_.get(), exponent, MPFR_RNDN);
    if (mpfr_cmp_d(whole_.get(), facts_->largest) > 0) return beyond(is_negative);
    const bool flushed =
        format_.flushes_subnormals && mpfr_cmp_d(whole_.get(), std::ldexp(1.0, facts_->min_exponent)) < 0;
    const auto magnitude = flushed ? T{0} : static_cast<T>(mpfr_get_d(whole_.get(), MPFR_RNDN));
    return std::copysign(magnitude, is_negative ? T{-1} : T{1});
  }

  bool is_signed() const noexcept { return format_.family == Family::kFixed; }
  double lowest() const { return is_signed() ? -std::ldexp(1.0, format_.bits - 1) : 0; }
  double highest() const { return std::ldexp(1.0, format_.bits - (is_signed() ? 1 : 0)) - 1; }

  T fixed_infinity(bool is_negative) const {
    if (format_.overflow == Overflow::kWrap) return 0;
    return static_cast<T>(std::ldexp(is_negative ? lowest() : highest(), -format_.fraction_bits));
  }

  T fixed(bool is_negative) {
    if (is_negative) mpz_neg(code_.get(), code_.get());
    if (format_.overflow == Overflow::kWrap) {
      mpz_fdiv_r_2exp(code_.get(), code_.get(), static_cast<mp_bitcnt_t>(format_.bits));
      if (mpz_cmp_d(code_.get(), highest()) > 0) mpz_sub(code_.get(), code_.get(), modulus());
    } else if (mpz_cmp_d(code_.get(), lowest()) < 0) {
      mpz_set_d(code_.get(), lowest());
    } else if (mpz_cmp_d(code_.get(), highest()) > 0) {
      mpz_set_d(code_.get(), highest());
    }
    return static_cast<T>(std::ldexp(mpz_get_d(code_.get()), -format_.fraction_bits));
  }

  mpz_srcptr modulus() {
    mpfr_set_ui_2exp(whole_.get(), 1, format_.bits, MPFR_RNDN);
    mpfr_get_z(modulus_.get(), whole_.get(), MPFR_RNDN);
    return modulus_.get();
  }

  Format format_;
  std::optional<FloatFacts> facts_;  // of floats alone
  std::array<std::uint32_t, 2> key_ = {};
  std::uint32_t draw_ = 0;
  Exact a_, b_, acc_, sum_, steps_, whole_, rest_;
  ExactInteger code_, modulus_;
};

}  // namespace udnn::test
