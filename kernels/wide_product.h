// kernels/wide_product.h: sums of products in the wide carrier, exact for fixed point.
//
// Where all that a row of a and all that a column of b hold are multiples of some power of two and less than 2^64 times
// it (as the values of every fixed-point format are), they are integers: their products have 128 bits, the sum of them
// is kept in 192, and one rounding brings it to the carrier. Else each product and each sum is rounded to the carrier,
// in order of k. Which of the two it is depends on that row and that column alone, not on tiles or threads.
//
// A tile reads its operands twice: what exponents they span, then as integers, a block of k at a time, so that a value
// is taken apart once for a whole row of the tile. What is left for each product depends on the digits of its row and
// column:
//
//   w_a + w_b <= 122      32 products fit in 128 bits with a sign: multiply, add, add with carry
//   w_a, w_b <= 63        each is added to 192 bits
//   else                  the same, sign and magnitude apart
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/gemm_kernel.h"
#include "kernels/wide_carrier.h"

namespace udnn::kernels {

__extension__ using Unsigned128 = unsigned __int128;
__extension__ using Signed128 = __int128;

/// significand * 2^exponent, the significand negated where the value is negative.
struct WideParts {
  std::uint64_t significand = 0;
  int exponent = 0;
  bool is_negative = false;
  bool is_finite = true;
};

/// By reference, so that it is read as integers: on its way through a floating-point register it would take five times
/// as long. Exact where Wide has 64 bits; where it has more, a value that needs them is told as one that is not finite:
/// it is no integer of 64 bits.
inline WideParts parts_of(const Wide& value) noexcept {
#ifdef __x86_64__
  std::uint64_t significand = 0;
  std::uint16_t sign_and_exponent = 0;
  std::memcpy(&significand, &value, 8);
  std::memcpy(&sign_and_exponent, reinterpret_cast<const char*>(&value) + 8, 2);
  const int field = sign_and_exponent & 0x7FFF;
  return {.significand = significand,
          .exponent = (field == 0 ? 1 : field) - 16383 - 63,
          .is_negative = (sign_and_exponent & 0x8000) != 0,
          .is_finite = field != 0x7FFF};
#else
  int exponent = 0;
  const Wide scaled = std::ldexp(std::frexp(std::abs(value), &exponent), 64);
  const bool fits = std::isfinite(value) && scaled == std::floor(scaled);
  return {.significand = fits ? static_cast<std::uint64_t>(scaled) : 0,
          .exponent = exponent - 64,
          .is_negative = std::signbit(value),
          .is_finite = fits};
#endif
}

/// The exponents between which the bits of some values lie.
class WideSpan {
 public:
  void add(const Wide& value) noexcept {
    const WideParts parts = parts_of(value);
    finite_ &= parts.is_finite;
    if (parts.significand == 0) return;
    const int lowest = parts.exponent + std::countr_zero(parts.significand);
    const int beyond = parts.exponent + 64;  // of a normal number; one that is not is only told to be longer
    lowest_ = lowest < lowest_ ? lowest : lowest_;
    beyond_ = beyond > beyond_ ? beyond : beyond_;
  }

  bool are_all_zero() const noexcept { return beyond_ < lowest_; }

  /// Whether all of them are integers times 2^exponent().
  bool fits() const noexcept { return finite_ && (are_all_zero() || beyond_ - lowest_ <= 64); }
  int exponent() const noexcept { return are_all_zero() ? 0 : lowest_; }
  /// Binary digits of the largest of these integers, or a few more.
  int digits() const noexcept { return are_all_zero() ? 0 : beyond_ - lowest_; }

 private:
  static constexpr int kNone = 1 << 20;
  int lowest_ = kNone, beyond_ = -kNone;
  bool finite_ = true;
};

struct WideInteger {
  std::uint64_t magnitude = 0;
  bool is_negative = false;
};

/// value / 2^exponent, which is one.
inline WideInteger integer_of(const Wide& value, int exponent) noexcept {
  const WideParts parts = parts_of(value);
  if (parts.significand == 0) return {};
  const int up = parts.exponent - exponent;
  return {up >= 0 ? parts.significand << up : parts.significand >> -up, parts.is_negative};
}

/// A sum of products of 64-bit integers: 2^63 of them fit.
class Sum192 {
 public:
  void add(WideInteger a, WideInteger b) noexcept {
    add(static_cast<Unsigned128>(a.magnitude) * b.magnitude, a.is_negative != b.is_negative);
  }

  void add(Unsigned128 magnitude, bool is_negative) noexcept {
    // Two's complement of 192 bits, without a branch: signs are as good as random.
    const Unsigned128 all = 0 - static_cast<Unsigned128>(is_negative), low = (magnitude ^ all) + (all & 1);
    low_ += low;
    high_ += (low_ < low ? 1 : 0) - (is_negative && magnitude != 0 ? 1 : 0);
  }

  void add(Signed128 term) noexcept {
    const auto low = static_cast<Unsigned128>(term);
    low_ += low;
    high_ += (low_ < low ? 1 : 0) - (term < 0 ? 1 : 0);
  }

  /// += value 2^-exponent, where that is an integer of few enough bits; false and unchanged where it is not.
  bool add_scaled(Wide value, int exponent) noexcept {
    const WideParts parts = parts_of(value);
    if (parts.significand == 0) return true;
    const int zeros = std::countr_zero(parts.significand);
    const int up = parts.exponent + zeros - exponent;  // of the odd integer that is left
    const std::uint64_t odd = parts.significand >> zeros;
    if (!parts.is_finite || up < 0 || up + 64 - std::countl_zero(odd) > 128) return false;
    add(static_cast<Unsigned128>(odd) << up, parts.is_negative);
    return true;
  }

  /// The sum times 2^exponent, rounded once to 64 bits, to nearest even.
  Wide value(int exponent) const noexcept {
    const bool is_negative = high_ < 0;
    const Unsigned128 low = is_negative ? ~low_ + 1 : low_;
    const auto high = static_cast<std::uint64_t>(is_negative ? ~high_ + (low == 0 ? 1 : 0) : high_);
    std::uint64_t first = high, second = static_cast<std::uint64_t>(low >> 64), third = static_cast<std::uint64_t>(low);
    int place = exponent + 128;  // of the last bit of `first`
    for (int words = 0; first == 0; ++words, place -= 64) {
      if (words == 3) return 0;
      first = second;
      second = third;
      third = 0;
    }
    const int zeros = std::countl_zero(first);
    if (zeros > 0) {
      first = first << zeros | second >> (64 - zeros);
      second = second << zeros | third >> (64 - zeros);
      third <<= zeros;
      place -= zeros;
    }
    constexpr std::uint64_t kHalf = std::uint64_t{1} << 63;
    const bool goes_up = second > kHalf || (second == kHalf && (third != 0 || (first & 1) != 0));
    const Wide magnitude = std::ldexp(static_cast<Wide>(first) + (goes_up ? Wide{1} : Wide{0}), place);
    return is_negative ? -magnitude : magnitude;
  }

 private:
  Unsigned128 low_ = 0;
  std::int64_t high_ = 0;
};

/// Where a product is, in the order of a sum: k of piece o.
struct WidePlace {
  std::size_t o = 0, k = 0;

  void next(std::size_t depth) noexcept {
    if (++k < depth) return;
    k = 0;
    ++o;
  }
};

/// c(i, j) = start(i, j) + sum over o < outer, k < depth of a(i, place) * b(place, j). The four are functions, of which
/// all but start give references; they may have state but no effects.
template <std::size_t kRows, std::size_t kMostCols>
class WideTile {
 public:
  template <class A, class B, class Start, class C>
  static void run(std::size_t rows, std::size_t cols, std::size_t outer, std::size_t depth, const A& a, const B& b,
                  const Start& start, const C& c) noexcept {
    const std::size_t count = outer * depth;
    WideSpan row_spans[kRows], col_spans[kMostCols];
    WidePlace place;
    for (std::size_t at = 0; at < count; ++at, place.next(depth)) {
      for (std::size_t i = 0; i < rows; ++i) row_spans[i].add(a(i, place));
      for (std::size_t j = 0; j < cols; ++j) col_spans[j].add(b(place, j));
    }

    Sum192 sums[kRows][kMostCols];
    Factors row_factors[kRows], col_factors[kMostCols];
    WidePlace first;
    for (std::size_t done = 0; done < count; done += kBlock) {
      const std::size_t size = count - done < kBlock ? count - done : kBlock;
      WidePlace end = first;
      for (std::size_t at = 0; at < size; ++at, end.next(depth)) {
        for (std::size_t i = 0; i < rows; ++i) row_factors[i].set(at, row_spans[i], a(i, end));
        for (std::size_t j = 0; j < cols; ++j) col_factors[j].set(at, col_spans[j], b(end, j));
      }
      for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < cols; ++j)
          if (row_spans[i].fits() && col_spans[j].fits())
            add(row_factors[i], row_spans[i].digits(), col_factors[j], col_spans[j].digits(), size, sums[i][j]);
      first = end;
    }

    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < cols; ++j) {
        Wide sum = start(i, j);
        if (row_spans[i].fits() && col_spans[j].fits()) {
          const int exponent = row_spans[i].exponent() + col_spans[j].exponent();
          const bool is_added = sums[i][j].add_scaled(sum, exponent);
          sum = sums[i][j].value(exponent) + (is_added ? 0 : sum);
        } else {
          WidePlace at;
          for (std::size_t k = 0; k < count; ++k, at.next(depth)) sum += a(i, at) * b(at, j);
        }
        c(i, j) = sum;
      }
  }

 private:
  static constexpr std::size_t kBlock = 32;  // products whose sum still fits in 128 bits; 7 + 4 KiB of factors in L1
  static constexpr int kBlockDigits = 127 - 5;

  struct Factors {
    std::int64_t number[kBlock];  // where they have at most 63 digits
    std::uint64_t magnitude[kBlock];
    bool is_negative[kBlock];

    void set(std::size_t at, const WideSpan& span, const Wide& value) noexcept {
      const WideInteger integer = span.fits() ? integer_of(value, span.exponent()) : WideInteger{};
      number[at] = static_cast<std::int64_t>(integer.is_negative ? 0 - integer.magnitude : integer.magnitude);
      magnitude[at] = integer.magnitude;
      is_negative[at] = integer.is_negative;
    }
  };

  static void add(const Factors& a, int a_digits, const Factors& b, int b_digits, std::size_t size,
                  Sum192& sum) noexcept {
    if (a_digits > 63 || b_digits > 63) {
      for (std::size_t k = 0; k < size; ++k)
        sum.add(WideInteger{a.magnitude[k], a.is_negative[k]}, WideInteger{b.magnitude[k], b.is_negative[k]});
    } else if (a_digits + b_digits > kBlockDigits) {
      for (std::size_t k = 0; k < size; ++k) sum.add(static_cast<Signed128>(a.number[k]) * b.number[k]);
    } else {
      Signed128 part = 0;
#pragma GCC unroll 4
      for (std::size_t k = 0; k < size; ++k) part += static_cast<Signed128>(a.number[k]) * b.number[k];
      sum.add(part);
    }
  }
};

}  // namespace udnn::kernels
