#include "src/ops/activation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "src/base/refusal.h"

namespace udnn::ops {

namespace {

constexpr ActivationInfo kActivations[] = {
    {"none", 0, ActivationKind::kNone, false, true},
    {"relu", 0, ActivationKind::kRelu, false, true},
    {"leaky", 0.01, ActivationKind::kLeaky, true, true},
    {"elu", 1, ActivationKind::kElu, true, true},
    {"gelu", 0, ActivationKind::kGelu, false, false},
    {"silu", 0, ActivationKind::kSilu, false, false},
    {"sigmoid", 0, ActivationKind::kSigmoid, false, true},
    {"tanh", 0, ActivationKind::kTanh, false, true},
    {"softplus", 0, ActivationKind::kSoftplus, false, false},
    {"hard_sigmoid", 1.0 / 6.0, ActivationKind::kHardSigmoid, true, true},
    {"hard_tanh", 0, ActivationKind::kHardTanh, false, true},
    {"sign", 0, ActivationKind::kSign, false, false},
};

constexpr bool is_in_order() noexcept {
  for (std::size_t i = 0; i < std::size(kActivations); ++i)
    if (kActivations[i].kind != static_cast<ActivationKind>(i)) return false;
  return true;
}
static_assert(is_in_order());

// Null for none.
template <class T>
const kernels::ActivationKernel<T>* kernel_of(const kernels::ElementwiseKernels<T>& k, ActivationKind kind) noexcept {
  switch (kind) {
    case ActivationKind::kNone:
      return nullptr;
    case ActivationKind::kRelu:
      return &k.relu;
    case ActivationKind::kLeaky:
      return &k.leaky;
    case ActivationKind::kElu:
      return &k.elu;
    case ActivationKind::kGelu:
      return &k.gelu;
    case ActivationKind::kSilu:
      return &k.silu;
    case ActivationKind::kSigmoid:
      return &k.sigmoid;
    case ActivationKind::kTanh:
      return &k.tanh;
    case ActivationKind::kSoftplus:
      return &k.softplus;
    case ActivationKind::kHardSigmoid:
      return &k.hard_sigmoid;
    case ActivationKind::kHardTanh:
      return &k.hard_tanh;
    case ActivationKind::kSign:
      return &k.sign;
  }
  return nullptr;
}

}  // namespace

std::span<const ActivationInfo> all_activations() noexcept { return kActivations; }

const ActivationInfo& info(ActivationKind kind) noexcept { return kActivations[static_cast<std::size_t>(kind)]; }

const ActivationInfo* find_activation(std::string_view name) noexcept {
  for (const ActivationInfo& activation : kActivations)
    if (activation.name == name) return &activation;
  return nullptr;
}

Status check_parameter(ActivationKind kind, double parameter) {
  const ActivationInfo& activation = info(kind);
  if (activation.takes_parameter && !(std::isfinite(parameter) && parameter >= 0))
    return base::invalid("{}: parameter {}, expected a finite number of at least 0", activation.name, parameter);
  return {};
}

bool derivative_from_output(ActivationKind kind) noexcept { return info(kind).derivative_from_output; }

template <class T>
void activate(const kernels::ElementwiseKernels<T>& kernels, ActivationKind kind, double parameter, const T* z, T* y,
              std::size_t count) noexcept {
  if (const auto* kernel = kernel_of(kernels, kind))
    kernel->forward(count, static_cast<T>(parameter), z, y);
  else if (z != y)
    std::copy_n(z, count, y);
}

template <class T>
void activation_backward(const kernels::ElementwiseKernels<T>& kernels, ActivationKind kind, double parameter,
                         const T* z_or_y, const T* dy, T* dz, std::size_t count) noexcept {
  if (const auto* kernel = kernel_of(kernels, kind))
    kernel->backward(count, static_cast<T>(parameter), z_or_y, dy, dz);
  else if (dy != dz)
    std::copy_n(dy, count, dz);
}

template void activate(const kernels::ElementwiseKernels<float>&, ActivationKind, double, const float*, float*,
                       std::size_t) noexcept;
template void activate(const kernels::ElementwiseKernels<double>&, ActivationKind, double, const double*, double*,
                       std::size_t) noexcept;
template void activate(const kernels::ElementwiseKernels<kernels::Wide>&, ActivationKind, double, const kernels::Wide*,
                       kernels::Wide*, std::size_t) noexcept;
template void activation_backward(const kernels::ElementwiseKernels<float>&, ActivationKind, double, const float*,
                                  const float*, float*, std::size_t) noexcept;
template void activation_backward(const kernels::ElementwiseKernels<double>&, ActivationKind, double, const double*,
                                  const double*, double*, std::size_t) noexcept;
template void activation_backward(const kernels::ElementwiseKernels<kernels::Wide>&, ActivationKind, double,
                                  const kernels::Wide*, const kernels::Wide*, kernels::Wide*, std::size_t) noexcept;

}  // namespace udnn::ops
