#include "src/network/stage.h"
#include "src/base/ceil_div.h"

#include <algorithm>
#include <utility>

namespace udnn::network {

namespace {

/// Derivatives that are 0 or 1: dz has the values of dy, or zeros.
bool only_masks(ops::ActivationKind kind) noexcept {
  using enum ops::ActivationKind;
  return kind == kNone || kind == kRelu || kind == kHardTanh || kind == kSign;
}

}  // namespace

template <class T>
Result<Stage<T>> Stage<T>::create(Setting setting) {
  Stage made(std::move(setting));
  const Setting& s = made.setting_;
  made.activation_ = s.spec.activation.kind;
  made.activation_parameter_ = s.spec.activation.parameter;
  made.clips_ = s.training && !s.keeps_values && s.a.clips();
  made.error_arrives_in(s.e_dz.format());

  const std::size_t size = s.spec.out.size();
  const auto reserve = [&](base::AlignedArray<T>& array) -> Status {
    auto made_array = base::AlignedArray<T>::create({s.batch, size});
    if (!made_array) return made_array.error();
    array = std::move(*made_array);
    return {};
  };
  if (Status status = reserve(made.y_); !status.ok()) return status;
  if (s.training && made.has_activation() && !ops::derivative_from_output(made.activation_))
    if (Status status = reserve(made.z_); !status.ok()) return status;
  // Where rounding changes u, a derivative that is computed from the output wants the output before rounding.
  if (made.clips_)
    if (Status status = reserve(made.u_); !status.ok()) return status;
  if (s.training)
    if (Status status = reserve(made.dy_); !status.ok()) return status;
  return made;
}

template <class T>
void Stage<T>::error_arrives_in(const Format& format) noexcept {
  const RoleQuantizer<T>& e = setting_.e_dz;
  const bool values_stay = only_masks(activation_) && format == e.format() && !e.range();
  rounds_dz_ = setting_.training && !e.is_identity() && !values_stay;
}

template <class T>
void Stage<T>::forward(Worker& worker, const Pass& pass, const T* x) noexcept {
  const std::size_t size = setting_.spec.out.size();
  const std::uint64_t offset = pass.first_sample * size;
  T* const u = clips_ ? u_.data() : y_.data();
  T* const z = z_.data() != nullptr ? z_.data() : u;
  const bool rounds = !setting_.keeps_values && (!setting_.a.is_identity() || pass.collect);
  const bool in_pieces = setting_.a.in_pieces(pass);

  const auto finish = [&](T* piece, std::size_t count, std::size_t first) noexcept {
    if (has_activation()) ops::activate(*setting_.kernels, activation_, activation_parameter_, piece, u + first, count);
    if (rounds && in_pieces) setting_.a.piece(u + first, y_.data() + first, count, offset + first, pass);
  };
  if (has_activation() || (rounds && in_pieces))
    setting_.layer->forward(worker, pass, x, z, finish);
  else
    setting_.layer->forward(worker, pass, x, z, {});
  if (rounds && !in_pieces) setting_.a.whole(worker, u, y_.data(), pass.batch * size, offset, pass);
}

template <class T>
void Stage<T>::derivative_piece(T* dy, std::size_t count, std::size_t first, const Pass& pass) const noexcept {
  if (clips_) {
    const auto [lowest, highest] = setting_.a.range_of_values();
    const T* const u = u_.data() + first;
    for (std::size_t i = 0; i < count; ++i) dy[i] = u[i] >= lowest && u[i] <= highest ? dy[i] : T{0};
  }
  if (has_activation()) {
    const T* const known = z_.data() != nullptr ? z_.data() : clips_ ? u_.data() : y_.data();
    ops::activation_backward(*setting_.kernels, activation_, activation_parameter_, known + first, dy, dy, count);
  }
  if (rounds_dz_ && setting_.e_dz.in_pieces(pass)) setting_.e_dz.piece(dy, dy, count, first, pass);
}

template <class T>
void Stage<T>::derivative(Worker& worker, const Pass& pass) noexcept {
  constexpr std::size_t kChunk = RoleQuantizer<T>::kChunk;
  const std::size_t count = pass.batch * setting_.spec.out.size();
  const Range mine = worker.share(base::ceil_div(count, kChunk));
  for (std::size_t chunk = mine.begin; chunk < mine.end; ++chunk)
    derivative_piece(dy_.data() + chunk * kChunk, std::min(kChunk, count - chunk * kChunk), chunk * kChunk, pass);
  worker.barrier();
  if (!derivative_in_pieces(pass)) setting_.e_dz.whole(worker, dy_.data(), dy_.data(), count, 0, pass);
}

template <class T>
std::size_t Stage<T>::bytes() const noexcept {
  return sizeof(T) * (y_.size() + z_.size() + u_.size() + dy_.size());
}

template class Stage<float>;
template class Stage<double>;
template class Stage<kernels::Wide>;

}  // namespace udnn::network
