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
// Formats in blocks (bfp, mx, nvfp4) share a scale among neighbours. Blocks follow one another in the order of the
// array, from x[0] on, whatever its shape is; the last may be shorter. Each finds its scale in its own values and keeps
// it in a byte beside the codes:
//
//   auto mx = udnn::Codec::create("mxfp4");
//   mx->quantize(x, q);                                     // as any other format
//   std::vector<std::uint8_t> block_scales(mx->blocks(x.size()));
//   mx->encode_blocks(x, codes, block_scales);              // codes as OCP MX has them, and an E8M0 for each 32
//   mx->decode_blocks(codes, block_scales, x);
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
///
/// A unit that is found for dfx, int, uint or po2 lies within 2^-126 to 2^(126 - bits) where values are floats, else
/// within 2^-900 to 2^(900 - bits): values that want a larger one saturate, and count as such. No po2 lies below the
/// least normal value of the carrier, 2^-126 or 2^-1022.
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
  /// channel, the last, fastest index of x [rows, channels]. Formats in blocks find the scale of each block by
  /// themselves; the one of the array is that of nvfp4, by which those of its blocks are multiplied.
  std::span<const Scale> scales = {};

  /// Stochastic rounding draws from Philox4x32-10 at (seed, step, tensor, first_element + i): the word belongs to the
  /// element, so an array cut in pieces, by one thread or by many, gives the bits of the whole. tensor < 2^24.
  std::uint64_t seed = 1;
  std::uint32_t step = 0;
  std::uint32_t tensor = 0;
  std::uint64_t first_element = 0;  ///< the place of x[0] in its tensor; a multiple of the channels, or of the block
};

/// A format made ready: rounds arrays of float or double, and knows their codes. Formats of more than 53 significant
/// bits (fx8.56) take arrays of long double, which the families fE.M, e4m3 and its like, fx, ufx, dfx, t2, b1 round
/// too.
///
/// Threads  one Codec serves any number of threads at a time.
/// Memory   nothing is allocated but by encode(): one row where it has more than 256 channels. (An error allocates its
///          text.)
/// Same bits on every instruction set; UDNN_ISA, read by create(), forces a lower one.
class Codec {
 public:
  /// Errors: kInvalidArgument, as parse_format(), or a block that cannot keep its fix=S.
  static Result<Codec> create(std::string_view format);
  static Result<Codec> create(const Format& format);

  const Format& format() const noexcept;

  /// Whether its scale comes from the values, or is given: dfx, int, uint without fix=, b1 without :unit, t2, po2,
  /// nvfp4 (that of the tensor).
  bool needs_scale() const noexcept;

  /// How many blocks `count` values have, the last of them perhaps shorter; 0 for formats without blocks.
  std::size_t blocks(std::size_t count) const noexcept;

  /// The scale of the values x [rows, channels], channels = scales.size(), from all of them. pct=P and ovf=R cut at the
  /// least of eight magnitudes to an octave that lets enough of them fit. dfx: the same in each channel. Formats
  /// without a scale of their own: 1 (S of fix=S). Infinities and NaN take no part. Errors: kInvalidArgument (no
  /// scales, x no multiple of the channels, float where the format asks for double).
  Status find_scales(std::span<const float> x, std::span<Scale> scales) const;
  Status find_scales(std::span<const double> x, std::span<Scale> scales) const;
  Status find_scales(std::span<const long double> x, std::span<Scale> scales) const;

  /// q[i] = round(x[i]). q may be x itself, otherwise must not overlap it; any alignment.
  /// statistics: null for none, else added to.
  /// NaN gives NaN where the format has one, else what zero gives. Infinity overflows as any large value.
  /// Errors: kInvalidArgument (sizes, a scale the format cannot have, float where the format asks for double: more
  /// than 24 significant bits or a wider range); kUnsupported (double where it asks for long double, long double where
  /// the family does not take it). Nothing is written then.
  Status quantize(std::span<const float> x, std::span<float> q, const QuantizeOptions& options = {},
                  TensorStatistics* statistics = nullptr) const;
  Status quantize(std::span<const double> x, std::span<double> q, const QuantizeOptions& options = {},
                  TensorStatistics* statistics = nullptr) const;
  Status quantize(std::span<const long double> x, std::span<long double> q, const QuantizeOptions& options = {},
                  TensorStatistics* statistics = nullptr) const;

  /// The codes of round(x[i]), in the low format().bits bits: IEEE order for floats, two's complement for signed codes,
  /// b1 the sign bit, t2 two's complement of -1, 0, 1. Every NaN has the positive quiet code.
  /// Errors: as quantize(); kInvalidArgument (no scales given where needs_scale(): nobody could decode; a format in
  /// blocks); kOutOfMemory.
  Status encode(std::span<const float> x, std::span<std::uint64_t> codes, const QuantizeOptions& options = {},
                TensorStatistics* statistics = nullptr) const;
  Status encode(std::span<const double> x, std::span<std::uint64_t> codes, const QuantizeOptions& options = {},
                TensorStatistics* statistics = nullptr) const;
  Status encode(std::span<const long double> x, std::span<std::uint64_t> codes, const QuantizeOptions& options = {},
                TensorStatistics* statistics = nullptr) const;

  /// The values of codes [rows, channels]; no scales: all 1. Errors: as find_scales(); kInvalidArgument (a code with
  /// more bits than the format, or that no value has, and its place; a format in blocks). Nothing is written then.
  Status decode(std::span<const std::uint64_t> codes, std::span<float> x, std::span<const Scale> scales = {}) const;
  Status decode(std::span<const std::uint64_t> codes, std::span<double> x, std::span<const Scale> scales = {}) const;
  Status decode(std::span<const std::uint64_t> codes, std::span<long double> x,
                std::span<const Scale> scales = {}) const;

  /// encode() of a format in blocks. codes: those of the elements, which are floats (mxfp, nvfp4) or two's complement
  /// (bfp, mxint8), to be packed as any others. block_scales [blocks(x.size())], one byte each: E8M0 (bfp, mx) is
  /// 2^(byte - 127), E4M3 (nvfp4) is multiplied by the scale of the tensor.
  ///
  ///   value = element * block scale (* scale of the tensor);  bfp: code * block scale;  mxint8: code / 64 * block
  ///   scale
  ///
  /// Errors: as encode(); kInvalidArgument (a format without blocks).
  Status encode_blocks(std::span<const float> x, std::span<std::uint64_t> codes, std::span<std::uint8_t> block_scales,
                       const QuantizeOptions& options = {}, TensorStatistics* statistics = nullptr) const;
  Status encode_blocks(std::span<const double> x, std::span<std::uint64_t> codes, std::span<std::uint8_t> block_scales,
                       const QuantizeOptions& options = {}, TensorStatistics* statistics = nullptr) const;

  /// decode() of a format in blocks. tensor: of nvfp4. A block scale that is NaN (E8M0 0xff, E4M3 0x7f) makes NaN of
  /// its block; what is too large for a float becomes infinity. Errors: as decode(); kInvalidArgument (a format without
  /// blocks; a block scale below zero, or another than fix=S says, and its place).
  Status decode_blocks(std::span<const std::uint64_t> codes, std::span<const std::uint8_t> block_scales,
                       std::span<float> x, const Scale& tensor = {}) const;
  Status decode_blocks(std::span<const std::uint64_t> codes, std::span<const std::uint8_t> block_scales,
                       std::span<double> x, const Scale& tensor = {}) const;

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
