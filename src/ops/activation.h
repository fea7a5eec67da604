// src/ops/activation.h: the functions between layers, and their derivatives. One table names them all.
//
//   kind           y(z)                                    dy/dz, from z or y               p, by default
//   none           z                                       1                                y
//   relu           max(z, 0)                               y > 0                            y
//   leaky          z > 0 ? z : p z                         y > 0 ? 1 : p                    y   slope, 0.01
//   elu            z > 0 ? z : p (e^z - 1)                 y > 0 ? 1 : y + p                y   1
//   gelu           z F(z), F = (1 + erf(z / sqrt 2)) / 2   F(z) + z e^(-z^2 / 2) / sqrt 2pi z
//   silu           z s(z), s = 1 / (1 + e^-z)              s (1 + z (1 - s))                z
//   sigmoid        s(z)                                    y (1 - y)                        y
//   tanh           tanh z                                  1 - y^2                          y
//   softplus       log(1 + e^z)                            s(z)                             z
//   hard_sigmoid   p z + 1/2, clamped to 0 .. 1            0 < y < 1 ? p : 0                y   slope, 1/6
//   hard_tanh      z, clamped to -1 .. 1                   -1 < y < 1                       y
//   sign           z >= 0 ? 1 : -1                         |z| <= 1, straight-through       z
//
// NaN gives NaN; relu(-0) = +0. Sources: Clevert et al., ICLR 2016 (elu); Hendrycks and Gimpel, 2016 (gelu, its exact
// form); Courbariaux and Bengio, "BinaryNet", 2016 (sign and its straight-through estimator).
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "kernels/kernel_table.h"
#include "udnn/status.h"

namespace udnn::ops {

enum class ActivationKind {
  kNone,
  kRelu,
  kLeaky,
  kElu,
  kGelu,
  kSilu,
  kSigmoid,
  kTanh,
  kSoftplus,
  kHardSigmoid,
  kHardTanh,
  kSign,
};

struct ActivationInfo {
  std::string_view name;  ///< as networks are written
  double parameter;       ///< by default
  ActivationKind kind;
  bool takes_parameter;
  bool derivative_from_output;
};

/// One row for each kind, in order of the enumeration. The parser, the help and the tests read it.
std::span<const ActivationInfo> all_activations() noexcept;

const ActivationInfo& info(ActivationKind kind) noexcept;

/// Null if no activation has that name.
const ActivationInfo* find_activation(std::string_view name) noexcept;

/// Errors: kInvalidArgument where the derivative could not be told from y: leaky, elu and hard_sigmoid want finite p >=
/// 0.
Status check_parameter(ActivationKind kind, double parameter);

/// Whether activation_backward() wants y, not z.
bool derivative_from_output(ActivationKind kind) noexcept;

/// y[i] = f(z[i]); may be done in place. Each element depends on its own z alone.
template <class T>
void activate(const kernels::ElementwiseKernels<T>& kernels, ActivationKind kind, double parameter, const T* z, T* y,
              std::size_t count) noexcept;

/// dz[i] = dy[i] * f'(z[i]); dz may be dy. z_or_y: what derivative_from_output() says.
template <class T>
void activation_backward(const kernels::ElementwiseKernels<T>& kernels, ActivationKind kind, double parameter,
                         const T* z_or_y, const T* dy, T* dz, std::size_t count) noexcept;

}  // namespace udnn::ops
