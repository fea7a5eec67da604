// src/ops/accumulator.h: the format of the running sum of a product, when it is not the carrier's own.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "udnn/format.h"
#include "udnn/status.h"

namespace udnn::ops {

/// A chain of products that goes on from one call to the next.
template <class T>
struct ChainState {
  std::size_t products = 0;  ///< in the chain so far
  bool ends = true;          ///< what is left of a chunk at the end of the call counts as one
  T* partial = nullptr;      ///< sums of the chunks, laid out as c; needed where `ends` is false and the chunk is not 1
};

/// The products of a layer, each of which draws words of its own where its sums are rounded stochastically. kSums: the
/// sums of several chains.
enum class Product : std::uint8_t { kForward, kBackwardData, kBackwardWeights, kSums };

/// Which draws one call takes; only an accumulator that is rounded stochastically looks.
struct DrawPlace {
  std::uint32_t step = 0;
  std::uint64_t first_element = 0;  ///< number of the first element of the result
};

/// A value, free to copy; may be called by any thread. What is rounded when: kernels/accumulate_kernels.h.
template <class T>
class Accumulator {
 public:
  /// The carrier itself: sums are those of the plain kernels.
  Accumulator() = default;

  /// seed, tensor (below 2^24): of the draws, as src/base/philox.h says.
  /// Errors: kUnsupported (a format that needs a scale or a shared exponent; one that this carrier is too narrow for),
  /// saying why. The table outlives it.
  static Result<Accumulator> create(const Format& format, const kernels::KernelTable& table, std::uint64_t seed = 0,
                                    std::uint32_t tensor = 0);

  bool is_carrier() const noexcept { return run_ == nullptr; }
  std::size_t chunk() const noexcept { return chunk_; }

  /// To be moved on by whole elements for a part of the result.
  kernels::AccumulatorDraw draw(Product product, const DrawPlace& place) const noexcept;

  /// One product over all of its rows and columns (product.cols may be any number); not for the carrier itself.
  /// by_column: every column has an A of its own. draw.element, draw.element_stride: of c.
  void run(const kernels::GemmArgs<T>& product, std::size_t rows, bool by_column, const ChainState<T>& state,
           kernels::AccumulatorDraw draw) const noexcept;

  /// sums[i] = round(sums[i] + terms[i]), both values of the format; sums[i] is element draw.element + i.
  void add(std::size_t count, const T* terms, T* sums, const kernels::AccumulatorDraw& draw) const noexcept;

 private:
  kernels::AccumulatorGrid grid_;
  std::size_t chunk_ = 1;
  std::uint64_t seed_ = 0;
  std::uint32_t tensor_ = 0;
  void (*run_)(const kernels::AccumulateArgs<T>&) noexcept = nullptr;
};

/// Whether sums of this format may be kept in a float carrier: fp32 to the nearest even after each product, or at most
/// 22 significant bits within the exponents of float.
bool accumulates_in_float(const Format& format);

}  // namespace udnn::ops
