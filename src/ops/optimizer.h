// src/ops/optimizer.h: from a gradient to the next value, element by element.
//
//   g = scale * gradient + weight_decay * w     (scale: clipping; adamw takes its decay from w instead)
//
//   name       state   update
//   sgd        none    w - lr g
//   momentum   v       v = mu v + g;                   w - lr v
//   nesterov   v       v = mu v + g;                   w - lr (g + mu v)
//   adagrad    r       r = r + g^2;                    w - lr g / (sqrt r + epsilon)
//   rmsprop    r       r = rho r + (1 - rho) g^2;      w - lr g / (sqrt r + epsilon)
//   adam       v, r    v = b1 v + (1 - b1) g;   r = b2 r + (1 - b2) g^2;
//                      w - lr (v / (1 - b1^t)) / (sqrt(r / (1 - b2^t)) + epsilon)
//   adamw      v, r    the same from w (1 - lr weight_decay)
//
// t counts from 1, all state begins as 0. These are PyTorch's definitions. Keras differs in two places: its adam adds
// epsilon to sqrt r before the correction (so its epsilon is ours times sqrt(1 - b2^t)), and its adagrad starts from
// r = 0.1. Its momentum keeps -lr v, the same while lr does not change.
//
// Rates and corrections are computed in double; the elements in the carrier, each operation rounded by itself, the same
// bits on every instruction set. Rounding state and weights to their formats is the caller's business.
//
// Sources: B. Polyak, 1964 (momentum); I. Sutskever et al., ICML 2013 (nesterov); J. Duchi et al., JMLR 12, 2011
// (adagrad); T. Tieleman and G. Hinton, lecture 6.5, 2012 (rmsprop); D. Kingma and J. Ba, ICLR 2015 (adam);
// I. Loshchilov and F. Hutter, ICLR 2019 (adamw).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/kernel_table.h"
#include "udnn/status.h"
#include "udnn/team.h"

namespace udnn::ops {

enum class OptimizerKind { kSgd, kMomentum, kNesterov, kAdagrad, kRmsprop, kAdam, kAdamw };

struct OptimizerInfo {
  OptimizerKind kind;
  std::string_view name;
  std::string_view what;
  std::size_t states;  ///< tensors kept for each parameter
};

/// One row for each kind, in their order. The parser, the help, the model file and the tests read it.
std::span<const OptimizerInfo> all_optimizers() noexcept;

std::string_view name_of(OptimizerKind kind) noexcept;

/// Errors: kInvalidArgument, naming the nearest, or those there are.
Result<OptimizerKind> parse_optimizer(std::string_view name);

struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::kSgd;
  double momentum = 0.9;  ///< mu of momentum and nesterov
  double rho = 0.9;       ///< of rmsprop
  double beta1 = 0.9;     ///< of adam and adamw
  double beta2 = 0.999;
  double epsilon = 1e-8;    ///< of adagrad, rmsprop, adam and adamw
  double weight_decay = 0;  ///< added to the gradient (L2), but for adamw

  bool operator==(const OptimizerConfig&) const = default;
};

/// The numbers of one step that are the same for all elements.
struct StepRates {
  double learning_rate = 0;
  double gradient_scale = 1;
  double correction1 = 1;  ///< 1 / (1 - b1^t)
  double correction2 = 1;  ///< 1 / (1 - b2^t)
};

template <class T>
class Optimizer {
 public:
  /// Errors: kInvalidArgument, naming the field, also one that the kind does not use: momentum, rho and betas in [0,
  /// 1), epsilon above 0, weight_decay 0 or more, both finite in T.
  static Result<Optimizer> create(const OptimizerConfig& config, const kernels::KernelTable& table);

  /// With the table of this machine. Errors: also those of machine::chosen_kernel_table().
  static Result<Optimizer> create(const OptimizerConfig& config);

  std::size_t state_count() const noexcept;  ///< 0, 1 or 2

  /// step counts from 0.
  StepRates rates(std::uint64_t step, double learning_rate, double gradient_scale = 1) const noexcept;

  /// next[i] from gradient[i], weights[i] and state[s][i], which is replaced. [count] each; next may be weights,
  /// nothing else may overlap. state may be null where there is none. Each element on its own: any cut into calls gives
  /// the same bits.
  void update(std::size_t count, const T* gradient, const T* weights, T* const* state, T* next,
              const StepRates& rates) const noexcept;

 private:
  Optimizer(const OptimizerConfig& config, kernels::UpdateKernel<T> kernel) noexcept
      : config_(config), kernel_(kernel) {}

  OptimizerConfig config_;
  kernels::UpdateKernel<T> kernel_;
};

/// What the gradient is multiplied with so that its norm is at most `limit` > 0: 1 where it is already.
double clip_scale(double norm, double limit) noexcept;

/// Scales each of the columns `columns` of w [rows, channels] whose norm is above `limit` down to it (N. Srivastava et
/// al., JMLR 15, 2014, section 5.1): the weights into one output, which is the last index. Norms are summed in double,
/// in order of the rows; a column that is not finite is left alone.
template <class T>
void limit_column_norms(T* w, std::size_t rows, std::size_t channels, Range columns, double limit) noexcept;

}  // namespace udnn::ops
