// src/network/stage.h: a layer with all that surrounds it: activation, rounding, the tensors kept for the way back.
//
//   x --layer--> z --activation--> u --a--> y          kept for the way back: y; z where the activation's derivative
//   asks for it; u where the format clips dx <-e-- layer <-- dz <-e-- (derivative, straight-through) <-- dy
//
// Straight-through estimator: the gradient passes the rounding of u unchanged inside the range of its format and is
// zero outside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "src/base/aligned_array.h"
#include "src/network/layer.h"
#include "src/network/role_quantizer.h"
#include "src/ops/activation.h"

namespace udnn::network {

template <class T>
class Stage {
 public:
  struct Setting {
    LayerSpec spec;
    std::unique_ptr<Layer<T>> layer;
    std::size_t batch = 0;
    bool training = true;
    bool keeps_values =
        false;  ///< y holds only values of x (max-pooling in the format of x): rounding them again would change nothing
    RoleQuantizer<T> a, e_dz, e_dx;
    const kernels::ElementwiseKernels<T>* kernels = nullptr;
  };

  /// Errors: kOutOfMemory.
  static Result<Stage> create(Setting setting);

  const LayerSpec& spec() const noexcept { return setting_.spec; }
  Layer<T>& layer() noexcept { return *setting_.layer; }
  const Layer<T>& layer() const noexcept { return *setting_.layer; }
  RoleQuantizer<T>& a() noexcept { return setting_.a; }
  RoleQuantizer<T>& e_dz() noexcept { return setting_.e_dz; }
  RoleQuantizer<T>& e_dx() noexcept { return setting_.e_dx; }

  /// The format in which dy arrives, when it is not this stage's own: then dz is rounded even where it has the values
  /// of dy.
  void error_arrives_in(const Format& format) noexcept;

  const T* y() const noexcept { return y_.data(); }
  T* dy() noexcept { return dy_.data(); }  ///< becomes dz in place

  /// All that follow are called by every worker and end with a barrier, except derivative_piece.
  void forward(Worker& worker, const Pass& pass, const T* x) noexcept;

  /// Whether a piece of dy can become a piece of dz as soon as it is there.
  bool derivative_in_pieces(const Pass& pass) const noexcept { return !rounds_dz_ || setting_.e_dz.in_pieces(pass); }

  /// dy -> dz on one piece, rounded where derivative_in_pieces(). Called by one worker.
  void derivative_piece(T* dy, std::size_t count, std::size_t first, const Pass& pass) const noexcept;

  /// dy -> dz on the whole tensor.
  void derivative(Worker& worker, const Pass& pass) noexcept;

  std::size_t bytes() const noexcept;  ///< of its buffers

 private:
  explicit Stage(Setting setting) : setting_(std::move(setting)) {}

  bool has_activation() const noexcept { return activation_ != ops::ActivationKind::kNone; }

  Setting setting_;
  ops::ActivationKind activation_ = ops::ActivationKind::kNone;
  double activation_parameter_ = 0;
  bool clips_ = false;      // u is kept, and errors outside the range of `a` are zeroed
  bool rounds_dz_ = false;  // dz is not already made of values of its format
  base::AlignedArray<T> y_, z_, u_, dy_;
};

}  // namespace udnn::network
