// kernels/quantize_kernels.h: what the floors above see of the rounding kernels. quantize.h, quantize_scaled.h,
// quantize_blocks.h, quantize_tapered.h, quantize_sums.h and philox.h have the bodies; formats.md the meaning.
//
// Values are rounded in the carrier T. Every operation in them is exact except the rounding that is meant, so all
// instruction sets give the same bits. The floating-point environment must be the default one: nearest-even, subnormals
// kept.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/wide_carrier.h"

namespace udnn::kernels {

inline constexpr int kRoundingModes = 7;  ///< in the order of udnn::Rounding: rne rna rtz rup rdn odd sr

/// q[i] = x[i] rounded. x may be q. Nothing needs alignment; nothing outside [count] is read or written, except
/// `words`.
template <class T>
struct Piece {
  const T* x;
  T* q;
  std::size_t count;
  const std::uint32_t*
      words;  ///< [count rounded up to 16], the random word of each element; stochastic rounding alone reads it
};

/// Multiples of a power of two, codes lowest .. highest.   q = round(x * inverse) * unit
template <class T>
struct FixedGrid {
  T unit;     ///< 2^s; itself and its inverse are normal numbers of T
  T inverse;  ///< 2^-s
  T lowest;
  T highest;
  T modulus;                  ///< 2^N: where codes wrap
  std::uint32_t random_mask;  ///< the bits of a word that count: the upper K
};

/// Floats, magnitudes 0 .. largest; the sign is kept throughout.
template <class T>
struct FloatGrid {
  int mantissa_bits;
  T smallest_normal;  ///< 2^emin
  T beyond;           ///< a power of two above `largest`: whatever reaches it has overflowed
  T largest;
  T over[2];      ///< what a positive and a negative magnitude above `largest` becomes: infinity, NaN or largest
  T nan;          ///< what NaN becomes: NaN, or 0 where the format has none
  T flush_below;  ///< smallest_normal, or 0: magnitudes below become zero
  std::uint32_t random_mask;
};

/// Multiples of a real unit, or two or three values. One entry for each element of a piece, so that channels can
/// differ.
struct ScaledGrid {
  const double* unit;
  const double* lowest;  ///< codes
  const double* highest;
  const double* threshold;  ///< ternary alone
  double modulus;           ///< 2^N where codes wrap, 0 where they saturate
  std::uint32_t random_mask;
};

/// Floats times a real unit, which differs from block to block: one entry for each element. What is too large becomes
/// the largest.
struct ScaledFloatGrid {
  const double* unit;      ///< 0 or more
  double steps_in_binade;  ///< 2^M
  double smallest_normal;  ///< of the element, as the next two
  double largest;
  double nan;  ///< what NaN becomes: NaN or 0
  std::uint32_t random_mask;
};

/// Posits of `bits` bits; bit string to nearest even.
struct PositGrid {
  double bits;
  double exponent_bits;  ///< E
  double run_length;     ///< 2^E: exponents in one step of the run
  double largest;        ///< 2^((bits - 2) 2^E)
  double nan;
};

/// Zero and the powers of two bottom .. top.
template <class T>
struct PowerGrid {
  T top;
  T bottom;           ///< a normal number of T
  T least;            ///< magnitudes below become zero; 0 where there is none
  bool by_logarithm;  ///< the border is sqrt(2) 2^e instead of 1.5 2^e
};

/// Facts of one piece. Counts are whole numbers. Sums go over eight chains, element i to chain i mod 8, which are added
/// as a fixed tree.
struct PieceSums {
  double zeros_in;    ///< x == 0
  double zeros_out;   ///< x != 0, q == 0
  double saturated;   ///< finite x below lowest or above highest
  double non_finite;  ///< x infinite or NaN
  double max_abs;     ///< of the finite x
  double error_sum;   ///< q - x where both are finite, as the two that follow
  double error_squares;
  double value_squares;  ///< x^2
};

/// What a scale rule asks of a piece: of its finite values alone.
struct PieceRange {
  double finite;
  double min;              ///< at most 0
  double max;              ///< at least 0
  double magnitude;        ///< sum |x|
  double above[2];         ///< values with |x| > threshold[0], threshold[1]
  double magnitude_above;  ///< sum of those |x| > threshold[0]
};

struct PhiloxKey {
  std::uint32_t key[2];
  std::uint32_t step;
  std::uint32_t purpose_and_tensor;
};

template <class T>
struct QuantizeKernels {
  void (*fixed[kRoundingModes])(const FixedGrid<T>&, const Piece<T>&) noexcept;
  void (*fixed_wrapped[kRoundingModes])(const FixedGrid<T>&, const Piece<T>&) noexcept;
  /// Fewer exponent bits than T has.
  void (*narrow_float[kRoundingModes])(const FloatGrid<T>&, const Piece<T>&) noexcept;
  /// As many as T has: subnormals are those of T, and rounding is integer arithmetic on its bits.
  void (*wide_float[kRoundingModes])(const FloatGrid<T>&, const Piece<T>&) noexcept;
  void (*integer[kRoundingModes])(const ScaledGrid&, const Piece<T>&) noexcept;
  void (*binary)(const ScaledGrid&, const Piece<T>&) noexcept;
  void (*ternary)(const ScaledGrid&, const Piece<T>&) noexcept;
  void (*scaled_float[kRoundingModes])(const ScaledFloatGrid&, const Piece<T>&) noexcept;
  void (*posit)(const PositGrid&, const Piece<T>&) noexcept;
  void (*power)(const PowerGrid<T>&, const Piece<T>&) noexcept;
  /// The largest magnitude among the finite values; and largest[j] = max(largest[j], |x[j]|), which passes over those
  /// that are not.
  T (*largest)(const T* x, std::size_t count) noexcept;
  void (*largest_each)(const T* x, std::size_t count, T* largest) noexcept;
  /// lowest, highest: as values, one for each element.
  PieceSums (*sums)(const T* x, const T* q, std::size_t count, const RealOf<T>* lowest,
                    const RealOf<T>* highest) noexcept;
  PieceRange (*range)(const T* x, std::size_t count, const double* threshold) noexcept;
  /// words[4 b + w] = word w of Philox at block first_block + b, b < blocks; `words` has room for 15 blocks more.
  void (*philox)(const PhiloxKey& key, std::uint64_t first_block, std::size_t blocks, std::uint32_t* words) noexcept;
};

}  // namespace udnn::kernels
