// src/numbers/quantizer.h: rounding to a format, as the network does it in its hot loop.
//
//   q = round(x)           in the carrier T, exactly once; formats.md says to what
//
// A format without a scale has one grid. The others are told theirs: the value of one code (unit), the ternary
// threshold, the zero point.
//
//   dfx  q = code * unit, unit a power of two          int   q = code * unit, any unit > 0 (the product is rounded to
//   T) uint q = (code - zero_point) * unit                b1    q = sign(x) * unit          t2   q = |x| > threshold ?
//   sign(x) * unit : 0
//
// NaN gives NaN where the format has one; else what zero gives (b1: +unit), and `non_finite` counts it. Infinity
// overflows as any large value, except that `wrap` gives 0, as for every value whose low bits are all zero.
#pragma once

#include <cstddef>
#include <cstdint>

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

/// A value, free to copy. All of run() may be called by any thread; nothing in it allocates.
template <class T>
class Quantizer {
 public:
  /// Errors: kUnsupported (the format does not compute yet, or not with this scale rule), kInvalidArgument (it does not
  /// fit the carrier T).
  static Result<Quantizer> create(const Format& format, const kernels::KernelTable& table);

  const Format& format() const noexcept { return format_; }

  /// Whether every value of the carrier stays as it is, so that the pass can be skipped.
  bool is_identity() const noexcept { return method_ == Method::kIdentity; }

  /// Whether run() reads its Scale: dfx, int, uint without fix=, b1 without :unit, t2.
  bool needs_scale() const noexcept { return needs_scale_; }

  /// Errors: kInvalidArgument (dfx: not a power of two; a unit that is not positive or too close to the ends of T; a
  /// zero point that is no code).
  Status accepts(const Scale& scale) const;

  /// q[i] = round(x[i]); x may be q; any alignment. first_element: the place of x[0] in its tensor. statistics: null
  /// for none, else added to. Precondition: accepts(scale).
  void run(const T* x, T* q, std::size_t count, std::uint64_t first_element, const Draw& draw, const Scale& scale,
           TensorStatistics* statistics) const noexcept;

  /// The same for [rows, channels], one scale for each channel (the last, fastest index). first_row: the row of x[0] in
  /// its tensor.
  void run_channels(const T* x, T* q, std::size_t rows, std::size_t channels, std::uint64_t first_row, const Draw& draw,
                    const Scale* scales, TensorStatistics* statistics) const noexcept;

  /// The code of a value of the format, in format.bits bits: IEEE order for floats (NaN: the quiet one, positive),
  /// two's complement, b1: the sign bit, t2: two's complement of -1, 0, 1.
  std::uint64_t encode(T value, const Scale& scale) const noexcept;
  T decode(std::uint64_t code, const Scale& scale) const noexcept;

 private:
  enum class Method : std::uint8_t {
    kIdentity,
    kFixed,
    kDynamicFixed,
    kNarrowFloat,
    kWideFloat,
    kInteger,
    kBinary,
    kTernary
  };

  Quantizer() = default;

  kernels::FixedGrid<T> fixed_grid(double unit) const noexcept;
  void round(const kernels::Piece<T>& piece, const kernels::FixedGrid<T>& fixed,
             const kernels::ScaledGrid& scaled) const noexcept;
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

/// The scales of weights [rows, channels] from their values, exactly. dfx: one for the tensor, written to every
/// channel; int, uint, b1, t2: one for each channel. `ovf=` of dfx counts on these values until the rate is met. scales
/// [channels]. Allocates nothing.
template <class T>
void weight_scales(const Format& format, const T* w, std::size_t rows, std::size_t channels, Scale* scales) noexcept;

}  // namespace udnn::numbers
