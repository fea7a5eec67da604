// src/network/layer.h: what a kind of layer computes between two tensors; everything that is the same for all kinds
// (activation, rounding, buffers) is the stage's business (stage.h).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "kernels/kernel_table.h"
#include "src/network/description.h"
#include "src/network/parameter.h"
#include "src/network/role_quantizer.h"
#include "src/ops/gemm.h"
#include "udnn/status.h"
#include "udnn/team.h"

namespace udnn::network {

/// Sizes are fixed at create(); forward and backward are called by every worker of a team, end with a barrier, allocate
/// and throw nothing. x [batch, in], z and dz [batch, out], NHWC.
template <class T>
class Layer {
 public:
  Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;
  virtual ~Layer() = default;

  /// z = layer(x). `finish` is called on each piece of z as soon as it is complete.
  virtual void forward(Worker& worker, const Pass& pass, const T* x, T* z, ops::Finish<T> finish) noexcept = 0;

  /// From dz to the gradients of the parameters and, unless dx is null, to dx; `finish` as above, on pieces of dx.
  /// x and z are those of the forward pass.
  virtual void backward(Worker& worker, const Pass& pass, const T* x, const T* dz, T* dx,
                        ops::Finish<T> finish) noexcept = 0;

  /// Called by every worker when the used weights have changed, to refresh copies in another layout; ends with a
  /// barrier.
  virtual void weights_changed(Worker& worker) noexcept { (void)worker; }

  std::vector<Parameter<T>>& parameters() noexcept { return parameters_; }
  const std::vector<Parameter<T>>& parameters() const noexcept { return parameters_; }

  /// What the layer keeps between steps beside its parameters: running mean and variance of batchnorm; else empty.
  virtual std::vector<std::span<T>> running() noexcept { return {}; }

 protected:
  std::vector<Parameter<T>> parameters_;
};

/// What a layer is made for.
struct LayerSetting {
  std::size_t batch = 0;  ///< the largest
  int workers = 1;        ///< the most
  std::uint64_t seed = 0;
  std::uint32_t tensor = 0;                ///< id of its own draws (dropout, accumulators)
  bool training = true;                    ///< false: backward() is never called
  std::optional<Format> accumulator = {};  ///< of the layer's products; none: the carrier
};

/// Parameters come with names and shapes, their arrays still empty. `other` [batch, out]: what kAdd adds to x; else
/// null. Errors: those of the ops; kOutOfMemory.
template <class T>
Result<std::unique_ptr<Layer<T>>> make_layer(const LayerSpec& spec, const LayerSetting& setting, const T* other,
                                             const kernels::KernelTable& table);

}  // namespace udnn::network
