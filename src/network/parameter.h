// src/network/parameter.h: what is learnt, in all the copies a step needs.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "src/base/aligned_array.h"
#include "src/network/role_quantizer.h"
#include "src/numbers/quantizer.h"
#include "src/ops/optimizer.h"

namespace udnn::network {

/// One tensor of weights, or of biases.
///
///   gradient --g-->  optimizer (state --s-->)  master --m-->  used --w-->  the multiplier
///
/// All tensors are [rows, channels] with the output channel last: conv [kh * kw * ic, oc], fc [inputs, outputs], bias
/// [1, outputs]. A bias (and a norm's gain) is used as it is mastered.
template <class T>
struct Parameter {
  std::string name;                ///< "conv1.weights"
  std::vector<std::size_t> shape;  ///< conv [kh, kw, ic, oc], fc [inputs, outputs], else [channels]
  std::size_t rows = 1;
  std::size_t channels = 1;
  bool is_weights = false;  ///< rounded to `w`, decays, is constrained; false: bias, gain, shift

  base::AlignedArray<T> master;
  base::AlignedArray<T> gradient;
  base::AlignedArray<T> next;      ///< the master copy of the next step, while it is computed
  base::AlignedArray<T> state[2];  ///< of the optimizer; as many as it has
  base::AlignedArray<T> rounded;   ///< in format w; absent where `used` may be the master itself

  RoleQuantizer<T> g, m, s[2], w;
  std::vector<numbers::Scale>
      weight_scales;  ///< [channels], where w has a scale; [blocks, channels] where it has blocks

  std::size_t count() const noexcept { return rows * channels; }
  const T* used() const noexcept { return rounded.data() != nullptr ? rounded.data() : master.data(); }
};

}  // namespace udnn::network
