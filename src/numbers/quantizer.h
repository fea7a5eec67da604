// src/numbers/quantizer.h: rounding to a format, as the network does it in its hot loop.
//
//   q = round(x)           in the carrier T, exactly once; formats.md says to what
//
// A format without a scale has one grid. The others are told theirs: the value of one code (unit), the ternary
// threshold, the zero point. Formats with blocks (bfp, mx, nvfp4) find the unit of each block in its values
// (block_scale.h); nvfp4 is told the unit of the tensor.
//
//   dfx  q = code * unit, unit a power of two          int   q = code * unit, any unit > 0 (the product is rounded to
//   T) uint q = (code - zero_point) * unit                b1    q = sign(x) * unit          t2   q = |x| > threshold ?
//   sign(x) * unit : 0
//   bfp, mxint8   q = code * unit of the block            other mx, nvfp4   q = element * unit of the block
//   posit         the nearest bit string                  po2  q = sign(x) 2^e, unit the largest of the window
//
// NaN gives NaN where the format has one; else what zero gives (b1: +unit), and `non_finite` counts it. Infinity
// overflows as any large value, except that `wrap` gives 0, as for every value whose low bits are all zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/kernel_table.h"
#include "udnn/format.h"
#include "udnn/quantize.h"
#include "udnn/status.h"

namespace udnn::numbers {

/// Where stochastic rounding takes its words: Philox at (seed, step, kRounding, tensor). tensor < 2^24.
struct Draw {
  std::uint64_t seed = 0;
  std::uint32_t step = 0;
  std::uint32_t tensor = 0;
};

using udnn::Scale;
using udnn::TensorStatistics;

/// T: float, double or kernels::Wide. A value, free to copy. All of run() may be called by any thread; nothing in it
/// allocates.
template <class T>
class Quantizer {
 public:
  /// Errors: kUnsupported (more than 53 significant bits in a float or double; a family that does not compute in a
  /// Wide), kInvalidArgument (it does not fit the carrier T; a block cannot keep its fix=S).
  static Result<Quantizer> create(const Format& format, const kernels::KernelTable& table);

  const Format& format() const noexcept { return format_; }

  /// Whether every value of the carrier stays as it is, so that the pass can be skipped.
  bool is_identity() const noexcept { return method_ == Method::kIdentity; }

  /// Whether run() reads its Scale: dfx, int, uint without fix=, b1 without :unit, t2, po2, nvfp4.
  bool needs_scale() const noexcept { return needs_scale_; }

  /// Elements that share a scale: B of bfpN/B, 32 of mx, 16 of nvfp4; 1 for all others.
  std::size_t block() const noexcept { return format_.block == 0 ? 1 : static_cast<std::size_t>(format_.block); }

  /// Errors: kInvalidArgument (dfx, po2: not a power of two; a unit that is not positive or too close to the ends of T;
  /// a zero point that is no code).
  Status accepts(const Scale& scale) const;

  /// The least and the largest finite value at that scale.
  std::pair<T, T> ends(const Scale& scale) const noexcept;

  /// q[i] = round(x[i]); x may be q; any alignment. first_element: the place of x[0] in its tensor. statistics: null
  /// for none, else added to. Blocks follow one another from x[0] on; the last may be shorter. Precondition:
  /// accepts(scale).
  void run(const T* x, T* q, std::size_t count, std::uint64_t first_element, const Draw& draw, const Scale& scale,
           TensorStatistics* statistics) const noexcept;

  /// The same for [rows, channels], one scale for each channel (the last, fastest index). first_row: the row of x[0] in
  /// its tensor.
  void run_channels(const T* x, T* q, std::size_t rows, std::size_t channels, std::uint64_t first_row, const Draw& draw,
                    const Scale* scales, TensorStatistics* statistics) const noexcept;

  /// The scales of the blocks of x [length, inner], which lie along its first index; the last may be shorter. scales
  /// [blocks, inner], blocks = ceil(length / block()). tensor: of nvfp4.
  void block_scales(const T* x, std::size_t length, std::size_t inner, const Scale& tensor,
                    Scale* scales) const noexcept;

  /// q = round(x), [length, inner], with the scales that block_scales() gives, or with these where they are not null.
  void run_blocks(const T* x, T* q, std::size_t length, std::size_t inner, std::uint64_t first_element,
                  const Draw& draw, const Scale& tensor, const Scale* scales,
                  TensorStatistics* statistics) const noexcept;

  /// The code of a value of the format, in format.bits bits: IEEE order for floats (NaN: the quiet one, positive),
  /// two's complement, b1: the sign bit, t2: two's complement of -1, 0, 1; po2: the sign, then 0 for zero or the
  /// place in the window. Formats with blocks: the scale is the block's.
  std::uint64_t encode(T value, const Scale& scale) const noexcept;
  T decode(std::uint64_t code, const Scale& scale) const noexcept;

 private:
  enum class Method : std::uint8_t {
    kIdentity,
    kFixed,
    kDynamicFixed,
    kNarrowFloat,
    kWideFloat,
    kPosit,
    kPower,
    kInteger,
    kBinary,
    kTernary,
    kScaledFloat
  };

  Quantizer() = default;

  kernels::FixedGrid<T> fixed_grid(double unit) const noexcept;
  kernels::PowerGrid<T> power_grid(double top) const noexcept;
  void round(const kernels::Piece<T>& piece, double unit, const kernels::FixedGrid<T>& fixed,
             const kernels::ScaledGrid& scaled) const noexcept;
  /// The unit of the block x[0], x[stride], ...; largest: of its finite magnitudes.
  double unit_of(const T* x, std::size_t count, std::size_t stride, T largest, const Scale& tensor) const noexcept;
  /// block_scales() of one block of `width` columns.
  void column_scales(const T* x, std::size_t rows, std::size_t stride, std::size_t width, const Scale& tensor,
                     Scale* scales) const noexcept;
  bool is_fixed() const noexcept { return method_ == Method::kFixed || method_ == Method::kDynamicFixed; }
  bool is_scaled() const noexcept { return method_ >= Method::kInteger; }

  /// Pieces of at most kBlock elements whose scales repeat with `period`.
  struct ScaledBlock;
  void run_pieces(const T* x, T* q, std::size_t count, std::uint64_t first_element, const Draw& draw,
                  const kernels::FixedGrid<T>& fixed, const ScaledBlock& block,
                  TensorStatistics* statistics) const noexcept;

  Format format_;
  FormatTraits traits_;
  Method method_ = Method::kIdentity;
  bool needs_scale_ = false;
  double given_unit_ = 1;  // fix=S, :unit
  kernels::FloatGrid<T> float_grid_{};
  const kernels::QuantizeKernels<T>* kernels_ = nullptr;
};

/// What a magnitude above `largest`, that of the format, becomes; infinities too. Modes that point inward keep the
/// largest.
double beyond_range(const Format& format, double largest, bool is_negative) noexcept;

/// The scales of weights [rows, channels] from their values, exactly. dfx, po2, nvfp4: one for the tensor, written to
/// every channel; int, uint, b1, t2: one for each channel. `ovf=` of dfx counts on these values until the rate is met.
/// scales [channels]. Allocates nothing.
template <class T>
void weight_scales(const Format& format, const T* w, std::size_t rows, std::size_t channels, Scale* scales) noexcept;

}  // namespace udnn::numbers
