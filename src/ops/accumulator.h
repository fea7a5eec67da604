// src/ops/accumulator.h: the format of the running sum of a product, when it is not the carrier's own.
#pragma once

#include <cstddef>

#include "kernels/kernel_table.h"
#include "udnn/format.h"
#include "udnn/status.h"

namespace udnn::ops {

/// A chunk of products that goes on from one call to the next.
template <class T>
struct ChunkState {
  std::size_t phase = 0;  ///< products in it so far
  bool ends = true;       ///< what is left at the end of the call counts as a chunk
  T* partial = nullptr;   ///< sums of the chunks, laid out as c; needed where `ends` is false and the chunk is not 1
};

/// A value, free to copy; may be called by any thread. What is rounded when: kernels/accumulate_kernels.h.
template <class T>
class Accumulator {
 public:
  /// The carrier itself: sums are those of the plain kernels.
  Accumulator() = default;

  /// Errors: kUnsupported (a format that needs a scale, a shared exponent or random words; one that this carrier is too
  /// narrow for), saying why. The table outlives it.
  static Result<Accumulator> create(const Format& format, const kernels::KernelTable& table);

  bool is_carrier() const noexcept { return run_ == nullptr; }
  std::size_t chunk() const noexcept { return chunk_; }

  /// One product over all of its rows and columns (product.cols may be any number); not for the carrier itself.
  /// by_column: every column has an A of its own.
  void run(const kernels::GemmArgs<T>& product, std::size_t rows, bool by_column,
           const ChunkState<T>& state) const noexcept;

  /// sums[i] = round(sums[i] + terms[i]), both values of the format.
  void add(std::size_t count, const T* terms, T* sums) const noexcept;

 private:
  kernels::AccumulatorGrid grid_;
  std::size_t chunk_ = 1;
  void (*run_)(const kernels::AccumulateArgs<T>&) noexcept = nullptr;
};

/// Whether sums of this format may be kept in a float carrier: fp32 to the nearest even after each product, or at most
/// 22 significant bits within the exponents of float.
bool accumulates_in_float(const Format& format);

}  // namespace udnn::ops
