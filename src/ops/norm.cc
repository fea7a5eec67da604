#include "src/ops/norm.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "src/base/ceil_div.h"
#include "src/base/refusal.h"

namespace udnn::ops {

namespace {

using base::invalid;

constexpr std::size_t kMaxExtent = std::size_t{1} << 40U;

using base::ceil_div;

// Rows in chunks of at least 64, at most 32 of them: by shape alone.
std::size_t chunks_of(std::size_t rows) noexcept { return std::clamp<std::size_t>(rows / 64, 1, 32); }

// Blocks of rows of about 4096 elements: what is finished at a time.
template <class Visit>
void for_each_block(const Worker& worker, std::size_t rows, std::size_t cols, Visit visit) noexcept {
  const std::size_t blocks = std::min(rows, ceil_div(rows * cols, 4096));
  const Range mine = worker.share(blocks);
  for (std::size_t i = mine.begin; i < mine.end; ++i) visit(part_of(rows, blocks, i));
}

Status validate(const char* field, std::size_t extent, double epsilon, const char* op) {
  if (extent == 0 || extent > kMaxExtent) return invalid("{}.{}: {}, expected 1 to {}", op, field, extent, kMaxExtent);
  if (!(epsilon > 0) || !std::isfinite(epsilon))
    return invalid("{}.epsilon: {}, expected a finite number above 0", op, epsilon);
  return {};
}

// partials [chunks, count]: ((0 + 1) + (2 + 3)) + ... into the first, elements begin .. end - 1.
template <class T>
void add_as_tree(const kernels::ElementwiseKernels<T>& kernels, T* partials, std::size_t chunks, std::size_t count,
                 Range elements) noexcept {
  for (std::size_t step = 1; step < chunks; step *= 2)
    for (std::size_t chunk = 0; chunk + step < chunks; chunk += 2 * step)
      kernels.add(elements.size(), partials + (chunk + step) * count + elements.begin,
                  partials + chunk * count + elements.begin);
}

}  // namespace

template <class T>
Result<BatchNorm<T>> BatchNorm<T>::create(const BatchNormConfig& config, const kernels::KernelTable& table) {
  if (Status status = validate("channels", config.channels, config.epsilon, "batchnorm"); !status.ok()) return status;
  if (!(config.momentum >= 0 && config.momentum <= 1))
    return invalid("batchnorm.momentum: {}, expected 0 to 1", config.momentum);
  return BatchNorm(config, table.carrier<T>().elementwise);
}

template <class T>
std::size_t BatchNorm<T>::shared_scratch(std::size_t rows) const noexcept {
  return 2 * config_.channels * chunks_of(rows);
}

namespace {

/// Files hold running statistics as doubles at most, so that is what a network goes on with too.
template <class T>
T as_stored(T value) noexcept {
  if constexpr (std::is_same_v<T, kernels::Wide>) return static_cast<double>(value);
  return value;
}

}  // namespace

template <class T>
void BatchNorm<T>::forward_training(Worker& worker, std::size_t rows, const T* x, const T* gain, const T* bias,
                                    T* running_mean, T* running_variance, T* saved, T* y, Scratch<T> scratch,
                                    Finish<T> finish) const noexcept {
  const std::size_t channels = config_.channels, chunks = chunks_of(rows);
  T* const mean = saved;
  T* const factor = saved + channels;
  const Range my_channels = worker.share(channels), my_chunks = worker.share(chunks);
  const T count = static_cast<T>(rows);

  for (std::size_t chunk = my_chunks.begin; chunk < my_chunks.end; ++chunk) {
    const Range part = part_of(rows, chunks, chunk);
    kernels_->column_sums(part.size(), channels, x + part.begin * channels, scratch.shared + chunk * channels);
  }
  worker.barrier();
  add_as_tree(*kernels_, scratch.shared, chunks, channels, my_channels);
  for (std::size_t j = my_channels.begin; j < my_channels.end; ++j)
    mean[j] = rows == 0 ? T{0} : scratch.shared[j] / count;
  worker.barrier();

  for (std::size_t chunk = my_chunks.begin; chunk < my_chunks.end; ++chunk) {
    const Range part = part_of(rows, chunks, chunk);
    kernels_->column_squares(part.size(), channels, x + part.begin * channels, mean, scratch.shared + chunk * channels);
  }
  worker.barrier();
  add_as_tree(*kernels_, scratch.shared, chunks, channels, my_channels);
  const T momentum = static_cast<T>(config_.momentum);
  for (std::size_t j = my_channels.begin; j < my_channels.end && rows != 0; ++j) {
    const T squares = scratch.shared[j];
    factor[j] = T{1} / std::sqrt(squares / count + static_cast<T>(config_.epsilon));
    running_mean[j] = as_stored(running_mean[j] + momentum * (mean[j] - running_mean[j]));
    const T unbiased = rows > 1 ? squares / static_cast<T>(rows - 1) : squares;
    running_variance[j] = as_stored(running_variance[j] + momentum * (unbiased - running_variance[j]));
  }
  worker.barrier();

  T* const scale = scratch.mine;
  for (std::size_t j = 0; j < channels; ++j) scale[j] = factor[j] * gain[j];
  for_each_block(worker, rows, channels, [&](Range block) {
    const std::size_t first = block.begin * channels;
    kernels_->normalize(block.size(), channels, x + first, mean, scale, bias, y + first);
    if (finish) finish(y + first, block.size() * channels, first);
  });
  worker.barrier();
}

template <class T>
void BatchNorm<T>::forward_inference(Worker& worker, std::size_t rows, const T* x, const T* gain, const T* bias,
                                     const T* running_mean, const T* running_variance, T* y, Scratch<T> scratch,
                                     Finish<T> finish) const noexcept {
  const std::size_t channels = config_.channels;
  T* const scale = scratch.mine;
  for (std::size_t j = 0; j < channels; ++j)
    scale[j] = T{1} / std::sqrt(running_variance[j] + static_cast<T>(config_.epsilon)) * gain[j];
  for_each_block(worker, rows, channels, [&](Range block) {
    const std::size_t first = block.begin * channels;
    kernels_->normalize(block.size(), channels, x + first, running_mean, scale, bias, y + first);
    if (finish) finish(y + first, block.size() * channels, first);
  });
  worker.barrier();
}

template <class T>
void BatchNorm<T>::backward(Worker& worker, std::size_t rows, const T* x, const T* saved, const T* gain, const T* dy,
                            T* dgain, T* dbias, T* dx, Scratch<T> scratch, Finish<T> finish) const noexcept {
  const std::size_t channels = config_.channels, chunks = chunks_of(rows);
  const T* const mean = saved;
  const T* const factor = saved + channels;
  const Range my_channels = worker.share(channels), my_chunks = worker.share(chunks);

  // Partial sums of dy and of dy * (x - mean), side by side.
  for (std::size_t chunk = my_chunks.begin; chunk < my_chunks.end; ++chunk) {
    const Range part = part_of(rows, chunks, chunk);
    T* const sums = scratch.shared + chunk * 2 * channels;
    const std::size_t first = part.begin * channels;
    kernels_->column_sums(part.size(), channels, dy + first, sums);
    kernels_->column_products(part.size(), channels, x + first, mean, dy + first, sums + channels);
  }
  worker.barrier();
  add_as_tree(*kernels_, scratch.shared, chunks, 2 * channels, my_channels);
  add_as_tree(*kernels_, scratch.shared, chunks, 2 * channels,
              {channels + my_channels.begin, channels + my_channels.end});
  for (std::size_t j = my_channels.begin; j < my_channels.end; ++j) {
    dbias[j] = scratch.shared[j];
    dgain[j] = scratch.shared[channels + j] * factor[j];
  }
  worker.barrier();

  if (dx != nullptr) {
    // dx = r gain (dy - mean(dy) - (x - mean) r mean(dy h))
    T *const mean_dy = scratch.mine, *const slope = mean_dy + channels, *const scale = slope + channels;
    const T count = static_cast<T>(rows);
    for (std::size_t j = 0; j < channels && rows != 0; ++j) {
      mean_dy[j] = dbias[j] / count;
      slope[j] = dgain[j] / count * factor[j];
      scale[j] = factor[j] * gain[j];
    }
    for_each_block(worker, rows, channels, [&](Range block) {
      const std::size_t first = block.begin * channels;
      kernels_->normalize_backward(block.size(), channels, x + first, mean, dy + first, mean_dy, slope, scale,
                                   dx + first);
      if (finish) finish(dx + first, block.size() * channels, first);
    });
  }
  worker.barrier();
}

template <class T>
Result<LayerNorm<T>> LayerNorm<T>::create(const LayerNormConfig& config, const kernels::KernelTable& table) {
  if (Status status = validate("features", config.features, config.epsilon, "layernorm"); !status.ok()) return status;
  return LayerNorm(config, table.carrier<T>().elementwise);
}

template <class T>
std::size_t LayerNorm<T>::shared_scratch(std::size_t rows) const noexcept {
  return 2 * config_.features * chunks_of(rows);
}

template <class T>
void LayerNorm<T>::forward(Worker& worker, std::size_t rows, const T* x, const T* gain, const T* bias, T* saved, T* y,
                           Finish<T> finish) const noexcept {
  const std::size_t features = config_.features;
  const T count = static_cast<T>(features);
  for_each_block(worker, rows, features, [&](Range block) {
    for (std::size_t i = block.begin; i < block.end; ++i) {
      const T* const row = x + i * features;
      const T mean = kernels_->sum(features, row) / count;
      const T variance = kernels_->sum_squares(features, mean, row) / count;
      const T factor = T{1} / std::sqrt(variance + static_cast<T>(config_.epsilon));
      for (std::size_t j = 0; j < features; ++j) y[i * features + j] = (row[j] - mean) * factor * gain[j] + bias[j];
      if (saved == nullptr) continue;
      saved[2 * i] = mean;
      saved[2 * i + 1] = factor;
    }
    const std::size_t first = block.begin * features;
    if (finish) finish(y + first, block.size() * features, first);
  });
  worker.barrier();
}

template <class T>
void LayerNorm<T>::backward(Worker& worker, std::size_t rows, const T* x, const T* saved, const T* gain, const T* dy,
                            T* dgain, T* dbias, T* dx, Scratch<T> scratch, Finish<T> finish) const noexcept {
  const std::size_t features = config_.features, chunks = chunks_of(rows);
  const T count = static_cast<T>(features);

  const Range my_chunks = worker.share(chunks);
  for (std::size_t chunk = my_chunks.begin; chunk < my_chunks.end; ++chunk) {
    T* const sums = scratch.shared + chunk * 2 * features;
    std::fill_n(sums, 2 * features, T{0});
    const Range part = part_of(rows, chunks, chunk);
    for (std::size_t i = part.begin; i < part.end; ++i) {
      const T mean = saved[2 * i], factor = saved[2 * i + 1];
      for (std::size_t j = 0; j < features; ++j) {
        const T d = dy[i * features + j];
        sums[j] += d;
        sums[features + j] += d * ((x[i * features + j] - mean) * factor);
      }
    }
  }
  worker.barrier();
  const Range mine = worker.share(2 * features);
  add_as_tree(*kernels_, scratch.shared, chunks, 2 * features, mine);
  for (std::size_t j = mine.begin; j < mine.end; ++j)
    (j < features ? dbias[j] : dgain[j - features]) = scratch.shared[j];

  if (dx != nullptr)
    for_each_block(worker, rows, features, [&](Range block) {
      for (std::size_t i = block.begin; i < block.end; ++i) {
        const T mean = saved[2 * i], factor = saved[2 * i + 1];
        const T* const row = x + i * features;
        T* const g = dx + i * features;  // dy * gain, until it becomes dx
        for (std::size_t j = 0; j < features; ++j) g[j] = dy[i * features + j] * gain[j];
        const T mean_g = kernels_->sum(features, g) / count;
        const T mean_gh = kernels_->dot(features, mean, row, g) * factor / count;
        for (std::size_t j = 0; j < features; ++j) g[j] = factor * (g[j] - mean_g - (row[j] - mean) * factor * mean_gh);
      }
      const std::size_t first = block.begin * features;
      if (finish) finish(dx + first, block.size() * features, first);
    });
  worker.barrier();
}

template class BatchNorm<float>;
template class BatchNorm<double>;
template class BatchNorm<kernels::Wide>;
template class LayerNorm<float>;
template class LayerNorm<double>;
template class LayerNorm<kernels::Wide>;

}  // namespace udnn::ops
