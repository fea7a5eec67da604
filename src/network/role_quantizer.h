// src/network/role_quantizer.h: one tensor in one role, rounded step after step.
//
// Most formats need nothing but the value: a piece of a tensor can be rounded while it is still in cache. A format with
// a scale (dfx, int, b1, t2) has to see the whole tensor first: all workers observe, one decides, all round. A format
// with blocks has to see whole blocks. Asking for statistics takes the same road, because their sums go over fixed
// chunks in a fixed order. The bits are the same either way.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "kernels/kernel_table.h"
#include "src/numbers/quantizer.h"
#include "src/numbers/range_tracker.h"
#include "udnn/format.h"
#include "udnn/status.h"
#include "udnn/team.h"

namespace udnn::network {

/// What one walk through the network is for.
struct Pass {
  std::size_t batch = 0;
  std::uint32_t step = 0;  ///< keys every draw of stochastic rounding and dropout
  std::uint64_t first_sample =
      0;                  ///< counts the elements of draws, so that they do not depend on how samples are batched
  bool training = false;  ///< ranges learn, dropout drops, batchnorm looks at the batch
  bool collect = false;   ///< gather statistics
};

/// Draws that belong to no training step: the initial rounding of the master copy, and every inference.
inline constexpr std::uint32_t kInitialStep = 0xFFFFFFFE;
inline constexpr std::uint32_t kInferenceStep = 0xFFFFFFFF;

template <class T>
class RoleQuantizer {
 public:
  static constexpr std::size_t kChunk =
      4096;  ///< elements; a power of two near a quarter of L1, never changed: bits of statistics hang on it

  /// `tensor` is unique among all quantizers of a network; `largest` bounds the elements of one call. Tensors are
  /// [.., inner], and blocks lie across: `inner` of them side by side. Errors: those of Quantizer::create;
  /// kOutOfMemory.
  static Result<RoleQuantizer> create(const Format& format, std::uint64_t seed, std::uint32_t tensor,
                                      std::size_t largest, std::size_t inner, const kernels::KernelTable& table);

  RoleQuantizer() = default;  ///< to be assigned to; nothing else

  const Format& format() const noexcept { return format_; }
  bool is_identity() const noexcept { return quantizer_->is_identity(); }

  /// Whether a value can lie outside what the format holds at its scale without being lost in infinity: what
  /// straight-through estimators look at.
  bool clips() const noexcept;

  /// The least and the largest value; of binary and ternary formats -1 and 1, whatever their scale.
  std::pair<T, T> range_of_values() const noexcept;

  /// Whether piece() may be used: the format needs no scale, has no blocks, and nobody asked for statistics.
  bool in_pieces(const Pass& pass) const noexcept { return !tracker_ && !has_blocks() && !pass.collect; }

  bool has_blocks() const noexcept { return format_.block != 0; }
  /// How many blocks a tensor of `count` elements has.
  std::size_t blocks(std::size_t count) const noexcept;

  /// q[i] = x[i] rounded; x may be q. `first` is the index of x[0] in the tensor. Called by one worker.
  void piece(const T* x, T* q, std::size_t count, std::uint64_t first, const Pass& pass) const noexcept {
    quantizer_->run(x, q, count, first, {seed_, pass.step, tensor_}, scale_, nullptr);
  }

  /// Rounds a whole tensor, called by every worker with the same arguments; complete for all when it returns.
  /// In training a range learns from x first; else it stays as it was.
  void whole(Worker& worker, const T* x, T* q, std::size_t count, std::uint64_t first, const Pass& pass) noexcept;

  /// The scales of the blocks that whole() rounded last, where it was told to keep them.
  std::span<const numbers::Scale> block_scales() const noexcept { return block_scales_; }
  std::vector<numbers::Scale>& keep_block_scales(std::size_t count);

  /// The scales of weights [rows, channels], as weights() wants them: one for each channel or block.
  void weight_scales(const T* w, std::size_t rows, std::size_t channels,
                     std::span<numbers::Scale> scales) const noexcept;

  /// Rounds weights [rows, channels] from their master copy, with one scale for each channel or block (none: the format
  /// needs no scale). Called by every worker; the caller waits at a barrier.
  void weights(Worker& worker, const T* x, T* q, std::size_t rows, std::size_t channels,
               std::span<const numbers::Scale> scales, const Pass& pass) noexcept;

  const numbers::TensorStatistics& statistics() const noexcept {
    return statistics_;
  }  ///< of the last call that collected

  const std::optional<numbers::RangeTracker<T>>& range() const noexcept { return tracker_; }
  std::optional<numbers::RangeTracker<T>>& range() noexcept { return tracker_; }

  /// To call after the range has been loaded from a file.
  void range_changed() noexcept { scale_ = tracker_ ? tracker_->scale() : scale_; }

 private:
  void merge_statistics(std::size_t chunks) noexcept;

  /// Elements of a chunk: whole blocks.
  std::size_t chunk() const noexcept;

  RoleQuantizer(const Format& format, numbers::Quantizer<T> quantizer)
      : format_(format), quantizer_(std::move(quantizer)) {}

  Format format_;
  std::optional<numbers::Quantizer<T>> quantizer_;
  std::optional<numbers::RangeTracker<T>> tracker_;
  numbers::Scale scale_;
  std::uint64_t seed_ = 0;
  std::uint32_t tensor_ = 0;
  std::size_t inner_ = 1;
  std::vector<numbers::Scale> block_scales_;             // [blocks], or none
  std::vector<numbers::RangeObservation> observations_;  // [chunks], where the format has a range
  numbers::RangeObservation all_observed_;
  std::vector<numbers::TensorStatistics> chunk_statistics_;  // [chunks]
  numbers::TensorStatistics statistics_;
};

}  // namespace udnn::network
