#include "src/network/role_quantizer.h"
#include "src/base/ceil_div.h"

#include <utility>

namespace udnn::network {

template <class T>
Result<RoleQuantizer<T>> RoleQuantizer<T>::create(const Format& format, std::uint64_t seed, std::uint32_t tensor,
                                                  std::size_t largest, std::size_t inner,
                                                  const kernels::KernelTable& table) {
  auto quantizer = numbers::Quantizer<T>::create(format, table);
  if (!quantizer) return quantizer.error();
  RoleQuantizer made(format, std::move(*quantizer));
  made.seed_ = seed;
  made.tensor_ = tensor;
  made.inner_ = inner;
  if (made.quantizer_->needs_scale()) {
    auto tracker = numbers::RangeTracker<T>::create(format, table);
    if (!tracker) return tracker.error();
    made.tracker_.emplace(std::move(*tracker));
    made.scale_ = made.tracker_->scale();
    made.observations_.assign(base::ceil_div(largest, made.chunk()), made.tracker_->observation());
    made.all_observed_ = made.tracker_->observation();
  }
  made.chunk_statistics_.resize(2 * base::ceil_div(largest, made.has_blocks() ? kChunk / 2 : kChunk) +
                                1);  // chunks of whole rows or blocks are longer than half the size
  return made;
}

template <class T>
std::size_t RoleQuantizer<T>::chunk() const noexcept {
  const std::size_t row_of_blocks = quantizer_->block() * inner_;
  return has_blocks() ? std::max<std::size_t>(1, kChunk / row_of_blocks) * row_of_blocks : kChunk;
}

template <class T>
std::size_t RoleQuantizer<T>::blocks(std::size_t count) const noexcept {
  return has_blocks() ? base::ceil_div(count / inner_, quantizer_->block()) * inner_ : 0;
}

template <class T>
std::vector<numbers::Scale>& RoleQuantizer<T>::keep_block_scales(std::size_t count) {
  block_scales_.resize(blocks(count));
  return block_scales_;
}

template <class T>
void RoleQuantizer<T>::weight_scales(const T* w, std::size_t rows, std::size_t channels,
                                     std::span<numbers::Scale> scales) const noexcept {
  if (!has_blocks()) return numbers::weight_scales(format_, w, rows, channels, scales.data());
  numbers::Scale tensor;
  if (quantizer_->needs_scale()) numbers::weight_scales(format_, w, rows * channels, 1, &tensor);
  quantizer_->block_scales(w, rows, channels, tensor, scales.data());
}

template <class T>
bool RoleQuantizer<T>::clips() const noexcept {
  switch (format_.family) {
    case Family::kFixed:
    case Family::kUnsignedFixed:
    case Family::kDynamicFixed:
    case Family::kInt:
    case Family::kUnsignedInt:
      return format_.overflow == Overflow::kSaturate;
    case Family::kBinary:
    case Family::kTernary:
      return true;
    default:
      return false;
  }
}

template <class T>
std::pair<T, T> RoleQuantizer<T>::range_of_values() const noexcept {
  if (format_.family == Family::kBinary || format_.family == Family::kTernary) return {T{-1}, T{1}};
  return quantizer_->ends(scale_);
}

template <class T>
void RoleQuantizer<T>::whole(Worker& worker, const T* x, T* q, std::size_t count, std::uint64_t first,
                             const Pass& pass) noexcept {
  const std::size_t length = chunk(), chunks = base::ceil_div(count, length);
  const Range mine = worker.share(chunks);
  const auto size_of = [&](std::size_t chunk) { return std::min(length, count - chunk * length); };

  if (tracker_ && (pass.training || !tracker_->primed())) {
    for (std::size_t chunk = mine.begin; chunk < mine.end; ++chunk) {
      observations_[chunk].clear();
      tracker_->observe(x + chunk * length, size_of(chunk), observations_[chunk]);
    }
    worker.barrier();
    if (worker.index == 0) {
      all_observed_.clear();
      for (std::size_t chunk = 0; chunk < chunks; ++chunk) all_observed_.merge(observations_[chunk]);
      tracker_->update(all_observed_);
      scale_ = tracker_->scale();
    }
    worker.barrier();
  }

  for (std::size_t chunk = mine.begin; chunk < mine.end; ++chunk) {
    numbers::TensorStatistics* statistics = nullptr;
    if (pass.collect) {
      statistics = &chunk_statistics_[chunk];
      *statistics = {};
    }
    const std::size_t at = chunk * length;
    const numbers::Draw draw{seed_, pass.step, tensor_};
    if (!has_blocks()) {
      quantizer_->run(x + at, q + at, size_of(chunk), first + at, draw, scale_, statistics);
      continue;
    }
    const std::size_t rows = size_of(chunk) / inner_;
    numbers::Scale* const scales = block_scales_.empty() ? nullptr : block_scales_.data() + blocks(at);
    if (scales != nullptr) quantizer_->block_scales(x + at, rows, inner_, scale_, scales);
    quantizer_->run_blocks(x + at, q + at, rows, inner_, first + at, draw, scale_, scales, statistics);
  }
  worker.barrier();
  if (pass.collect && worker.index == 0) merge_statistics(chunks);
}

template <class T>
void RoleQuantizer<T>::weights(Worker& worker, const T* x, T* q, std::size_t rows, std::size_t channels,
                               std::span<const numbers::Scale> scales, const Pass& pass) noexcept {
  const std::size_t chunk_rows = has_blocks() ? chunk() / channels : std::max<std::size_t>(1, kChunk / channels);
  const std::size_t chunks = base::ceil_div(rows, chunk_rows);
  const Range mine = worker.share(chunks);
  for (std::size_t chunk = mine.begin; chunk < mine.end; ++chunk) {
    const std::size_t row = chunk * chunk_rows;
    const std::size_t count = std::min(chunk_rows, rows - row);
    numbers::TensorStatistics* statistics = nullptr;
    if (pass.collect) {
      statistics = &chunk_statistics_[chunk];
      *statistics = {};
    }
    const numbers::Draw draw{seed_, pass.step, tensor_};
    const std::size_t at = row * channels;
    if (has_blocks())
      quantizer_->run_blocks(x + at, q + at, count, channels, at, draw, scale_, scales.data() + blocks(at), statistics);
    else if (scales.empty())
      quantizer_->run(x + row * channels, q + row * channels, count * channels, row * channels, draw, scale_,
                      statistics);
    else
      quantizer_->run_channels(x + row * channels, q + row * channels, count, channels, row, draw, scales.data(),
                               statistics);
  }
  if (!pass.collect) return;
  worker.barrier();
  if (worker.index == 0) merge_statistics(chunks);
}

template <class T>
void RoleQuantizer<T>::merge_statistics(std::size_t chunks) noexcept {
  statistics_ = {};
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) statistics_.merge(chunk_statistics_[chunk]);
}

template class RoleQuantizer<float>;
template class RoleQuantizer<double>;
template class RoleQuantizer<kernels::Wide>;

}  // namespace udnn::network
