#include "src/network/parameter_set.h"

#include <algorithm>
#include <cmath>

namespace udnn::network {

namespace {

// Binary and ternary weights: outside [-1, 1] the rounding has no slope, and a weight that is out there could never
// come back. So the gradient is zero outside, and the master copy is kept inside (Courbariaux et al., "BinaryConnect",
// NIPS 2015, section 2.4).
bool has_two_or_three_values(const Format& format) noexcept {
  return format.family == Family::kBinary || format.family == Family::kTernary;
}

}  // namespace

template <class T>
Result<ParameterSet<T>> ParameterSet<T>::create(std::vector<Parameter<T>*> parameters, const Setting& setting) {
  ParameterSet set;
  set.setting_ = setting;
  set.parameters_ = std::move(parameters);
  auto decaying = ops::Optimizer<T>::create(setting.optimizer);
  if (!decaying) return decaying.error();
  set.decaying_.emplace(std::move(*decaying));
  ops::OptimizerConfig without_decay = setting.optimizer;
  without_decay.weight_decay = 0;
  auto plain = ops::Optimizer<T>::create(without_decay);
  if (!plain) return plain.error();
  set.plain_.emplace(std::move(*plain));

  constexpr std::size_t kChunk = RoleQuantizer<T>::kChunk;
  for (std::size_t index = 0; index < set.parameters_.size(); ++index) {
    set.first_chunk_.push_back(set.chunks_.size());
    const std::size_t count = set.parameters_[index]->count();
    for (std::size_t begin = 0; begin < count; begin += kChunk)
      set.chunks_.push_back({index, begin, std::min(kChunk, count - begin)});
  }
  set.first_chunk_.push_back(set.chunks_.size());
  set.squares_.resize(set.chunks_.size());
  set.counts_.resize(static_cast<std::size_t>(setting.workers));
  return set;
}

template <class T>
void ParameterSet<T>::round_gradients(Worker& worker, const Pass& pass) noexcept {
  const Range mine = worker.share(chunks_.size());
  for (std::size_t i = mine.begin; i < mine.end; ++i) {
    const auto [index, begin, count] = chunks_[i];
    Parameter<T>& parameter = *parameters_[index];
    T* const gradient = parameter.gradient.data() + begin;
    if (parameter.is_weights && has_two_or_three_values(parameter.w.format())) {
      const T* const master = parameter.master.data() + begin;
      for (std::size_t j = 0; j < count; ++j) gradient[j] = std::abs(master[j]) <= T{1} ? gradient[j] : T{0};
    }
    if (!parameter.g.is_identity() && parameter.g.in_pieces(pass))
      parameter.g.piece(gradient, gradient, count, begin, pass);
  }
  worker.barrier();
  for (Parameter<T>* parameter : parameters_)
    if (!parameter->g.in_pieces(pass))
      parameter->g.whole(worker, parameter->gradient.data(), parameter->gradient.data(), parameter->count(), 0, pass);

  for (std::size_t i = mine.begin; i < mine.end; ++i) {
    const auto [index, begin, count] = chunks_[i];
    const T* const gradient = parameters_[index]->gradient.data() + begin;
    // Not by the kernels' sum_squares, which sums in the carrier: in float a gradient of 1e-23 has the square 0, and
    // one of 2e19 an infinite one, which would skip the step.
    double lanes[8] = {};  // eight chains, added in a fixed order: as fast as vectors are, and the same on all of them
    std::size_t j = 0;
    for (; j + 8 <= count; j += 8)
      for (std::size_t lane = 0; lane < 8; ++lane) {
        const auto value = static_cast<double>(gradient[j + lane]);
        lanes[lane] += value * value;
      }
    for (; j < count; ++j) lanes[j % 8] += static_cast<double>(gradient[j]) * static_cast<double>(gradient[j]);
    squares_[i] = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
  }
  worker.barrier();
}

template <class T>
void ParameterSet<T>::update(Worker& worker, const Pass& pass, double learning_rate) noexcept {
  const double scale = setting_.clip_norm > 0 ? ops::clip_scale(gradient_norm(), setting_.clip_norm) : 1.0;
  counts_[static_cast<std::size_t>(worker.index)] = {};

  // Each chunk goes all the way at once, unless somebody has to see the whole tensor first.
  const Range mine = worker.share(chunks_.size());
  for (std::size_t i = mine.begin; i < mine.end; ++i) {
    const auto [index, begin, count] = chunks_[i];
    Parameter<T>& parameter = *parameters_[index];
    const ops::Optimizer<T>& optimizer = parameter.is_weights ? *decaying_ : *plain_;
    T* state[2] = {};
    for (std::size_t s = 0; s < optimizer.state_count(); ++s) state[s] = parameter.state[s].data() + begin;
    T* const next = parameter.next.data() + begin;
    optimizer.update(count, parameter.gradient.data() + begin, parameter.master.data() + begin, state, next,
                     optimizer.rates(pass.step, learning_rate, scale));
    for (std::size_t s = 0; s < optimizer.state_count(); ++s)
      if (!parameter.s[s].is_identity() && parameter.s[s].in_pieces(pass))
        parameter.s[s].piece(state[s], state[s], count, begin, pass);
    if (needs_whole(parameter, pass)) continue;
    if (!parameter.m.is_identity()) parameter.m.piece(next, next, count, begin, pass);
    move_master(worker, parameter, begin, count);
  }
  worker.barrier();

  for (std::size_t index = 0; index < parameters_.size(); ++index) {
    Parameter<T>& parameter = *parameters_[index];
    for (std::size_t s = 0; s < decaying_->state_count(); ++s)
      if (!parameter.s[s].in_pieces(pass))
        parameter.s[s].whole(worker, parameter.state[s].data(), parameter.state[s].data(), parameter.count(), 0, pass);
    if (!needs_whole(parameter, pass)) continue;
    if (constrains(parameter)) {
      const Range channels = worker.share(parameter.channels);
      ops::limit_column_norms(parameter.next.data(), parameter.rows, parameter.channels, channels,
                              setting_.max_column_norm);
      worker.barrier();
    }
    parameter.m.whole(worker, parameter.next.data(), parameter.next.data(), parameter.count(), 0, pass);
    const Range share = worker.share(first_chunk_[index + 1] - first_chunk_[index]);
    for (std::size_t i = share.begin; i < share.end; ++i) {
      const Chunk& chunk = chunks_[first_chunk_[index] + i];
      move_master(worker, parameter, chunk.begin, chunk.count);
    }
    worker.barrier();
  }

  Pass next_step = pass;
  next_step.step = pass.step + 1;
  draw_weights<T>(worker, parameters_, next_step);
}

template <class T>
void ParameterSet<T>::move_master(const Worker& worker, Parameter<T>& parameter, std::size_t begin,
                                  std::size_t count) noexcept {
  const T* const gradient = parameter.gradient.data() + begin;
  const T* const next = parameter.next.data() + begin;
  T* const master = parameter.master.data() + begin;
  const bool clamps = parameter.is_weights && has_two_or_three_values(parameter.w.format());
  std::uint64_t updates = 0, lost = 0;
  for (std::size_t j = 0; j < count; ++j) {
    const bool wanted = gradient[j] != T{0};
    updates += wanted ? 1U : 0U;
    lost += wanted && next[j] == master[j] ? 1U : 0U;
    master[j] = clamps ? std::clamp(next[j], T{-1}, T{1}) : next[j];
  }
  Count& counted = counts_[static_cast<std::size_t>(worker.index)];
  counted.updates += updates;
  counted.lost += lost;
}

template <class T>
void draw_weights(Worker& worker, std::span<Parameter<T>* const> parameters, const Pass& pass) noexcept {
  // Scales come from the whole of the new master copy, one parameter for each worker in turn.
  for (std::size_t index = 0; index < parameters.size(); ++index) {
    Parameter<T>& parameter = *parameters[index];
    if (parameter.weight_scales.empty() ||
        index % static_cast<std::size_t>(worker.count) != static_cast<std::size_t>(worker.index))
      continue;
    parameter.w.weight_scales(parameter.master.data(), parameter.rows, parameter.channels, parameter.weight_scales);
  }
  worker.barrier();
  for (Parameter<T>* parameter : parameters) {
    if (parameter->rounded.data() == nullptr) continue;
    parameter->w.weights(worker, parameter->master.data(), parameter->rounded.data(), parameter->rows,
                         parameter->channels, parameter->weight_scales, pass);
  }
  worker.barrier();
}

template <class T>
bool ParameterSet<T>::constrains(const Parameter<T>& parameter) const noexcept {
  return setting_.max_column_norm > 0 && parameter.is_weights;
}

template <class T>
bool ParameterSet<T>::needs_whole(const Parameter<T>& parameter, const Pass& pass) const noexcept {
  return constrains(parameter) || !parameter.m.in_pieces(pass);
}

template <class T>
double ParameterSet<T>::squared_norm(std::size_t parameter) const noexcept {
  double sum = 0;
  for (std::size_t chunk = first_chunk_[parameter]; chunk < first_chunk_[parameter + 1]; ++chunk)
    sum += squares_[chunk];
  return sum;
}

template <class T>
double ParameterSet<T>::gradient_norm() const noexcept {
  double sum = 0;
  for (std::size_t parameter = 0; parameter < parameters_.size(); ++parameter) sum += squared_norm(parameter);
  return std::sqrt(sum);
}

template <class T>
std::uint64_t ParameterSet<T>::updates() const noexcept {
  std::uint64_t sum = 0;
  for (const Count& count : counts_) sum += count.updates;
  return sum;
}

template <class T>
std::uint64_t ParameterSet<T>::lost() const noexcept {
  std::uint64_t sum = 0;
  for (const Count& count : counts_) sum += count.lost;
  return sum;
}

template void draw_weights<float>(Worker&, std::span<Parameter<float>* const>, const Pass&) noexcept;
template void draw_weights<double>(Worker&, std::span<Parameter<double>* const>, const Pass&) noexcept;
template void draw_weights<kernels::Wide>(Worker&, std::span<Parameter<kernels::Wide>* const>, const Pass&) noexcept;
template class ParameterSet<float>;
template class ParameterSet<double>;
template class ParameterSet<kernels::Wide>;

}  // namespace udnn::network
