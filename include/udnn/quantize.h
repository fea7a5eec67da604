// udnn/quantize.h: arrays rounded to a number format, turned into codes, and packed at their real width.
//
//   auto codec = udnn::Codec::create("fx2.6:sr");           // or udnn::Codec::create("int8"), "e4m3", "b1" ...
//   udnn::TensorStatistics statistics;
//   codec->quantize(x, q, {.seed = 7}, &statistics);        // q[i] = round(x[i]), once, from the value given
//
//   codec->find_scales(x, scales);                          // the scale of each channel, where the format has one
//   codec->encode(x, codes, {.scales = scales});            // codes[i] = the bits of round(x[i])
//   udnn::pack_codes(codes, codec->format().bits, bytes);   // 4 bits each for int4
//   codec->decode(codes, x, scales);
//
// What each format rounds to: udnn/format.h and `udnn formats FORMAT`. Everything runs on the caller's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "udnn/format.h"
#include "udnn/status.h"

namespace udnn {

/// Of the formats whose scale comes from the values, or is given.
///
///   dfx   value = code * unit, unit a power of two         int   value = code * unit, any unit > 0
///   uint  value = (code - zero_point) * unit               b1    value = sign * unit
///   t2    value = sign * unit where |x| > threshold, else 0
struct Scale {
  double unit = 1;
  double threshold = 0;
  double zero_point = 0;

  bool operator==(const Scale&) const = default;
};

/// What rounding did to a tensor. Counts are exact; sums are the same for the same pieces merged in the same order, on
/// every instruction set.
struct TensorStatistics {
  std::uint64_t count = 0;
  std::uint64_t zeros_in = 0;
  std::uint64_t zeros_out = 0;   ///< values other than zero that became zero
  std::uint64_t saturated = 0;   ///< finite values beyond the largest or lowest value of the format
  std::uint64_t non_finite = 0;  ///< infinities and NaN given
  double max_abs = 0;            ///< of the finite values given
  double error_sum = 0;          ///< q - x, where both are finite, as in the two sums below
  double error_squares = 0;
  double value_squares = 0;

  void merge(const TensorStatistics& other) noexcept;
  double sqnr_db() const noexcept;  ///< 10 log10(value_squares / error_squares); infinity where nothing was lost
};

/// How an array is rounded.
struct QuantizeOptions {
  /// None: found from the values, one for the array. One: of the array. More (int, uint, b1, t2 alone): one for each
  /// channel, the last, fastest index of x [rows, channels].
  std::span<const Scale> scales = {};

  /// Stochastic rounding draws from Philox4x32-10 at (seed, step, tensor, first_element + i): the word belongs to the
  /// element, so an array cut in pieces, by one thread or by many, gives the bits of the whole. tensor < 2^24.
  std::uint64_t seed = 1;
  std::uint32_t step = 0;
  std::uint32_t tensor = 0;
  std::uint64_t first_element = 0;  ///< the place of x[0] in its tensor; a multiple of the channels
};

/// A format made ready: rounds arrays of float or double, and knows their codes.
///
/// Threads  one Codec serves any number of threads at a time.
/// Memory   quantize(), find_scales() and decode() allocate nothing; encode() one row where it has more than 256
///          channels. (An error allocates its text.)
/// Same bits on every instruction set; UDNN_ISA, read by create(), forces a lower one.
class Codec {
 public:
  /// Errors: kInvalidArgument, as parse_format(); kUnsupported: known by name only, a scale rule or a width that this
  /// version does not compute, formats whose neighbours share a scale (bfp, mx, nvfp4).
  static Result<Codec> create(std::string_view format);
  static Result<Codec> create(const Format& format);

  const Format& format() const noexcept;

  /// Whether its scale comes from the values, or is given: dfx, int, uint without fix=, b1 without :unit, t2.
  bool needs_scale() const noexcept;

  /// The scale of the values x [rows, channels], channels = scales.size(): exact, from all of them. dfx: the same in
  /// each channel. Formats without a scale of their own: 1 (S of fix=S). Infinities and NaN take no part.
  /// Errors: kInvalidArgument (no scales, x no multiple of the channels, float where the format asks for double).
  Status find_scales(std::span<const float> x, std::span<Scale> scales) const;
  Status find_scales(std::span<const double> x, std::span<Scale> scales) const;

  /// q[i] = round(x[i]). q may be x itself, otherwise must not overlap it; any alignment.
  /// statistics: null for none, else added to.
  /// NaN gives NaN where the format has one, else what zero gives. Infinity overflows as any large value.
  /// Errors: kInvalidArgument (sizes, a scale the format cannot have, float where the format asks for double: more
  /// than 24 significant bits or a wider range). Nothing is written then.
  Status quantize(std::span<const float> x, std::span<float> q, const QuantizeOptions& options = {},
                  TensorStatistics* statistics = nullptr) const;
  Status quantize(std::span<const double> x, std::span<double> q, const QuantizeOptions& options = {},
                  TensorStatistics* statistics = nullptr) const;

  /// The codes of round(x[i]), in the low format().bits bits: IEEE order for floats, two's complement for signed codes,
  /// b1 the sign bit, t2 two's complement of -1, 0, 1. Every NaN has the positive quiet code.
  /// Errors: as quantize(); kInvalidArgument (no scales given where needs_scale(): nobody could decode); kOutOfMemory.
  Status encode(std::span<const float> x, std::span<std::uint64_t> codes, const QuantizeOptions& options = {},
                TensorStatistics* statistics = nullptr) const;
  Status encode(std::span<const double> x, std::span<std::uint64_t> codes, const QuantizeOptions& options = {},
                TensorStatistics* statistics = nullptr) const;

  /// The values of codes [rows, channels]; no scales: all 1. Errors: as find_scales(); kInvalidArgument (a code with
  /// more bits than the format, or that no value has, and its place). Nothing is written then.
  Status decode(std::span<const std::uint64_t> codes, std::span<float> x, std::span<const Scale> scales = {}) const;
  Status decode(std::span<const std::uint64_t> codes, std::span<double> x, std::span<const Scale> scales = {}) const;

  Codec(Codec&&) noexcept;
  Codec& operator=(Codec&&) noexcept;
  ~Codec();

 private:
  struct State;
  explicit Codec(std::unique_ptr<const State> state) noexcept;

  std::unique_ptr<const State> state_;
};

/// Bytes of `count` codes, one after the other without gaps. Precondition: 1 <= bits <= 64, count * bits fits size_t.
constexpr std::size_t packed_bytes(std::size_t count, int bits) noexcept {
  const auto width = static_cast<std::size_t>(bits);
  return count / 8 * width + (count % 8 * width + 7) / 8;
}

/// Code i takes the bits i * bits .. (i + 1) * bits - 1 of the bytes; bit b is bit b mod 8, from the lowest, of byte b
/// / 8: little endian, so that 8, 16, 32 and 64 bits lie as x86 stores them. The last byte is filled up with zeros.
/// Bits of a code above `bits` are ignored. Allocates nothing. Precondition: bytes and codes do not overlap. Errors:
/// kInvalidArgument (bits outside 1 .. 64, bytes.size() other than packed_bytes()).
Status pack_codes(std::span<const std::uint64_t> codes, int bits, std::span<std::byte> bytes);

/// Errors: as pack_codes(); bits after the last code are not looked at.
Status unpack_codes(std::span<const std::byte> bytes, int bits, std::span<std::uint64_t> codes);

}  // namespace udnn
