#include "src/ops/optimizer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "src/base/nearest.h"
#include "src/base/portable_math.h"
#include "src/base/refusal.h"
#include "src/machine/isa.h"

namespace udnn::ops {

namespace {

constexpr OptimizerInfo kOptimizers[] = {
    {OptimizerKind::kSgd, "sgd", "gradient descent", 0},
    {OptimizerKind::kMomentum, "momentum", "gradient descent with momentum", 1},
    {OptimizerKind::kNesterov, "nesterov", "gradient descent with Nesterov's momentum", 1},
    {OptimizerKind::kAdagrad, "adagrad", "steps shrink with the sum of squared gradients", 1},
    {OptimizerKind::kRmsprop, "rmsprop", "steps shrink with the recent mean of squared gradients", 1},
    {OptimizerKind::kAdam, "adam", "recent mean gradient over the root of its recent mean square", 2},
    {OptimizerKind::kAdamw, "adamw", "adam with weight decay apart from the gradient", 2},
};

constexpr bool is_in_order() noexcept {
  for (std::size_t i = 0; i < std::size(kOptimizers); ++i)
    if (kOptimizers[i].kind != static_cast<OptimizerKind>(i)) return false;
  return true;
}
static_assert(is_in_order());

template <class T>
Status check(const OptimizerConfig& config) {
  for (const auto& [field, value] :
       {std::pair{"momentum", config.momentum}, {"rho", config.rho}, {"beta1", config.beta1}, {"beta2", config.beta2}})
    if (!(value >= 0 && value < 1))
      return base::invalid("optimizer.{}: {}, expected at least 0 and less than 1", field, value);
  constexpr const char* kCarrier = sizeof(T) == sizeof(float) ? "float" : "double";
  const auto epsilon = static_cast<T>(config.epsilon);  // an epsilon that is 0 in the carrier would divide 0 by 0
  if (!(epsilon > 0 && std::isfinite(epsilon)))
    return base::invalid("optimizer.epsilon: {}, expected a finite number above 0 in {}", config.epsilon, kCarrier);
  if (!(config.weight_decay >= 0 && std::isfinite(static_cast<T>(config.weight_decay))))
    return base::invalid("optimizer.weight_decay: {}, expected a finite number of at least 0 in {}",
                         config.weight_decay, kCarrier);
  return {};
}

template <class T>
kernels::UpdateKernel<T> kernel_of(const kernels::UpdateKernels<T>& kernels, OptimizerKind kind) noexcept {
  using enum OptimizerKind;
  switch (kind) {
    case kSgd:
      return kernels.sgd;
    case kMomentum:
      return kernels.momentum;
    case kNesterov:
      return kernels.nesterov;
    case kAdagrad:
    case kRmsprop:
      return kernels.by_root;
    case kAdam:
    case kAdamw:
      return kernels.adam;
  }
  return nullptr;
}

}  // namespace

std::span<const OptimizerInfo> all_optimizers() noexcept { return kOptimizers; }

std::string_view name_of(OptimizerKind kind) noexcept { return kOptimizers[static_cast<std::size_t>(kind)].name; }

Result<OptimizerKind> parse_optimizer(std::string_view name) {
  for (const OptimizerInfo& info : kOptimizers)
    if (info.name == name) return info.kind;
  return base::invalid("optimizer: '{}'{}", name, base::did_you_mean(name, base::names_of(all_optimizers())));
}

template <class T>
Result<Optimizer<T>> Optimizer<T>::create(const OptimizerConfig& config, const kernels::KernelTable& table) {
  if (Status status = check<T>(config); !status.ok()) return status;
  return Optimizer(config, kernel_of(table.carrier<T>().update, config.kind));
}

template <class T>
Result<Optimizer<T>> Optimizer<T>::create(const OptimizerConfig& config) {
  const auto table = machine::chosen_kernel_table();
  if (!table) return table.error();
  return create(config, **table);
}

template <class T>
std::size_t Optimizer<T>::state_count() const noexcept {
  return kOptimizers[static_cast<std::size_t>(config_.kind)].states;
}

template <class T>
StepRates Optimizer<T>::rates(std::uint64_t step, double learning_rate, double gradient_scale) const noexcept {
  return {.learning_rate = learning_rate,
          .gradient_scale = gradient_scale,
          .correction1 = 1 / (1 - base::power(config_.beta1, step + 1)),
          .correction2 = 1 / (1 - base::power(config_.beta2, step + 1))};
}

template <class T>
void Optimizer<T>::update(std::size_t count, const T* gradient, const T* weights, T* const* state, T* next,
                          const StepRates& rates) const noexcept {
  using enum OptimizerKind;
  const std::size_t states = state_count();
  kernels::UpdateArgs<T> args{.count = count,
                              .gradient = gradient,
                              .weights = weights,
                              .first = states > 0 ? state[0] : nullptr,
                              .second = states > 1 ? state[1] : nullptr,
                              .next = next,
                              .learning_rate = static_cast<T>(rates.learning_rate),
                              .gradient_scale = static_cast<T>(rates.gradient_scale),
                              .weight_decay = static_cast<T>(config_.weight_decay),
                              .keep1 = 1,
                              .take1 = 1,
                              .keep2 = static_cast<T>(config_.beta2),
                              .take2 = static_cast<T>(1 - config_.beta2),
                              .correction1 = static_cast<T>(rates.correction1),
                              .correction2 = static_cast<T>(rates.correction2),
                              .epsilon = static_cast<T>(config_.epsilon),
                              .shrink = 1};
  switch (config_.kind) {
    case kSgd:
    case kAdagrad:
      break;
    case kMomentum:
    case kNesterov:
      args.keep1 = static_cast<T>(config_.momentum);
      break;
    case kRmsprop:
      args.keep1 = static_cast<T>(config_.rho);
      args.take1 = static_cast<T>(1 - config_.rho);
      break;
    case kAdamw:
      args.weight_decay = 0;
      args.shrink = static_cast<T>(1 - rates.learning_rate * config_.weight_decay);
      [[fallthrough]];
    case kAdam:
      args.keep1 = static_cast<T>(config_.beta1);
      args.take1 = static_cast<T>(1 - config_.beta1);
      break;
  }
  kernel_(args);
}

double clip_scale(double norm, double limit) noexcept { return norm > limit ? limit / norm : 1; }

template <class T>
void limit_column_norms(T* w, std::size_t rows, std::size_t channels, Range columns, double limit) noexcept {
  constexpr std::size_t kBlock = 64;  // columns at a time, so that the matrix is read along its rows
  for (std::size_t first = columns.begin; first < columns.end; first += kBlock) {
    const std::size_t count = std::min(kBlock, columns.end - first);
    double squares[kBlock] = {};
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < count; ++j) {
        const auto value = static_cast<double>(w[i * channels + first + j]);
        squares[j] += value * value;
      }
    T scales[kBlock];
    for (std::size_t j = 0; j < count; ++j)
      scales[j] = std::isfinite(squares[j]) ? static_cast<T>(clip_scale(std::sqrt(squares[j]), limit)) : T{1};
    if (std::all_of(scales, scales + count, [](T scale) { return scale == 1; })) continue;
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < count; ++j) w[i * channels + first + j] *= scales[j];
  }
}

template class Optimizer<float>;
template class Optimizer<double>;
template class Optimizer<kernels::Wide>;
template void limit_column_norms<float>(float*, std::size_t, std::size_t, Range, double) noexcept;
template void limit_column_norms<double>(double*, std::size_t, std::size_t, Range, double) noexcept;
template void limit_column_norms<kernels::Wide>(kernels::Wide*, std::size_t, std::size_t, Range, double) noexcept;

}  // namespace udnn::ops
