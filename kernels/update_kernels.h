// kernels/update_kernels.h: what the floors above see of the optimizers' kernels (update.h has the bodies).
//
// Element by element, every operation rounded by itself and none fused: the same bits on every instruction set, and
// however a tensor is cut. g = gradient_scale * gradient[i] + weight_decay * weights[i]; src/ops/optimizer.h has the
// formulas.
#pragma once

#include <cstddef>

namespace udnn::kernels {

/// first, second: the optimizer's state, replaced; null where it has none. next may be weights, nothing else may
/// overlap.
template <class T>
struct UpdateArgs {
  std::size_t count;
  const T* gradient;
  const T* weights;
  T* first;
  T* second;
  T* next;
  T learning_rate;
  T gradient_scale;
  T weight_decay;
  T keep1, take1;  ///< first = keep1 * first + take1 * what comes in
  T keep2, take2;  ///< second likewise
  T correction1, correction2;
  T epsilon;
  T shrink;  ///< of the weights, before anything is taken from them
};

template <class T>
using UpdateKernel = void (*)(const UpdateArgs<T>&) noexcept;

template <class T>
struct UpdateKernels {
  /// next = weights - learning_rate * g
  UpdateKernel<T> sgd;

  /// first = keep1 * first + g;   next = weights - learning_rate * first
  UpdateKernel<T> momentum;

  /// first = keep1 * first + g;   next = weights - learning_rate * (g + keep1 * first)
  UpdateKernel<T> nesterov;

  /// first = keep1 * first + take1 * (g * g);   next = weights - learning_rate * g / (sqrt(first) + epsilon)
  UpdateKernel<T> by_root;

  /// first = keep1 * first + take1 * g;   second = keep2 * second + take2 * (g * g)
  /// next = shrink * weights - learning_rate * (correction1 * first) / (sqrt(correction2 * second) + epsilon)
  UpdateKernel<T> adam;
};

}  // namespace udnn::kernels
