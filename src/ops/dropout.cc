#include "src/ops/dropout.h"

#include <algorithm>

#include "kernels/kernel_table.h"
#include "src/base/philox.h"
#include "src/base/refusal.h"

namespace udnn::ops {

namespace {

constexpr std::size_t kPiece = 4096;

// y[i] = f(i, x[i]) in pieces, each finished when it is complete.
template <class T, class F>
void map_pieces(Worker& worker, std::size_t count, const T* x, T* y, Finish<T> finish, F f) noexcept {
  const Range mine = worker.share(count / kPiece + (count % kPiece != 0 ? 1 : 0));
  for (std::size_t piece = mine.begin; piece < mine.end; ++piece) {
    const std::size_t first = piece * kPiece, end = std::min(count, first + kPiece);
    for (std::size_t i = first; i < end; ++i) y[i] = f(i, x[i]);
    if (finish) finish(y + first, end - first, first);
  }
  worker.barrier();
}

template <class T>
auto keep_or_drop(const DropoutConfig& config, std::uint32_t step) noexcept {
  const base::PhiloxStream words(config.seed, step, base::Purpose::kDropout, config.tensor);
  return [words, rate = config.rate, kept = static_cast<T>(1 - config.rate)](std::size_t i, T x) {
    return words.uniform(i) >= rate ? x / kept : T{0};  // word >= rate * 2^32, exactly
  };
}

}  // namespace

template <class T>
Result<Dropout<T>> Dropout<T>::create(const DropoutConfig& config) {
  if (!(config.rate >= 0 && config.rate < 1))
    return base::invalid("dropout.rate: {}, expected at least 0 and less than 1", config.rate);
  if (config.tensor >= 1U << 24U)
    return base::invalid("dropout.tensor: {}, expected less than {}", config.tensor, 1U << 24U);
  return Dropout(config);
}

template <class T>
void Dropout<T>::forward(Worker& worker, std::size_t count, std::uint32_t step, bool training, const T* x, T* y,
                         Finish<T> finish) const noexcept {
  if (training)
    map_pieces(worker, count, x, y, finish, keep_or_drop<T>(config_, step));
  else
    map_pieces(worker, count, x, y, finish, [](std::size_t, T value) { return value; });
}

template <class T>
void Dropout<T>::backward(Worker& worker, std::size_t count, std::uint32_t step, const T* dy, T* dx,
                          Finish<T> finish) const noexcept {
  map_pieces(worker, count, dy, dx, finish, keep_or_drop<T>(config_, step));
}

template class Dropout<float>;
template class Dropout<double>;
template class Dropout<kernels::Wide>;

}  // namespace udnn::ops
