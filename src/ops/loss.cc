#include "src/ops/loss.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/kernel_table.h"
#include "src/base/nearest.h"
#include "src/base/ordered_mean.h"
#include "src/base/portable_math.h"
#include "src/base/refusal.h"

namespace udnn::ops {

namespace {

constexpr LossInfo kLosses[] = {
    {LossKind::kSoftmaxCrossEntropy, "softmax", "softmax and cross-entropy"},
    {LossKind::kMse, "mse", "mean squared error against 0 and 1"},
    {LossKind::kSquaredHinge, "hinge", "squared hinge against -1 and +1"},
    {LossKind::kBinaryCrossEntropy, "bce", "a sigmoid and binary cross-entropy for each class"},
};

constexpr bool is_in_order() noexcept {
  for (std::size_t i = 0; i < std::size(kLosses); ++i)
    if (kLosses[i].kind != static_cast<LossKind>(i)) return false;
  return true;
}
static_assert(is_in_order());

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

using kernels::RealOf;
using kernels::Wide;

double exponential(double x) noexcept { return base::exponential(x); }
Wide exponential(Wide x) noexcept { return std::exp(x); }
double logarithm_of_one_plus(double x) noexcept { return base::logarithm_of_one_plus(x); }
Wide logarithm_of_one_plus(Wide x) noexcept { return std::log1p(x); }

// log(1 + e^x) without overflow; NaN stays.
template <class Real>
Real softplus(Real x) noexcept {
  return (x < 0 ? 0 : x) + logarithm_of_one_plus(exponential(-std::abs(x)));
}

template <class Real>
Real sigmoid(Real x) noexcept {
  const Real e = exponential(-std::abs(x));
  return (x >= 0 ? 1 : e) / (1 + e);
}

// One sample. `scale` is 1 / batch; dz may be null. Computed in double, or wider where the carrier is.
template <class T>
double softmax_cross_entropy(std::size_t classes, const T* z, std::uint32_t label, RealOf<T> scale, T* dz) noexcept {
  using Real = RealOf<T>;
  Real largest = -std::numeric_limits<Real>::infinity();
  for (std::size_t j = 0; j < classes; ++j) largest = std::max(largest, static_cast<Real>(z[j]));
  const Real loss_of_label = largest - static_cast<Real>(z[label]);
  Real sum = 0;  // NaN where an output is, and from infinity - infinity; else at least 1
  for (std::size_t j = 0; j < classes; ++j) sum += exponential(static_cast<Real>(z[j]) - largest);
  if (dz != nullptr)
    for (std::size_t j = 0; j < classes; ++j) {
      const Real p = exponential(static_cast<Real>(z[j]) - largest) / sum;
      dz[j] = static_cast<T>(std::isnan(sum) ? Real{kNan} : (p - (j == label ? 1 : 0)) * scale);
    }
  return base::logarithm(static_cast<double>(sum)) + static_cast<double>(loss_of_label);
}

// The three losses that look at each class alone: term(z, is the class) gives {loss, slope}.
template <class T>
double class_by_class(std::size_t classes, const T* z, std::uint32_t label, RealOf<T> scale, T* dz,
                      auto term) noexcept {
  RealOf<T> loss = 0;
  for (std::size_t j = 0; j < classes; ++j) {
    const auto [value, slope] = term(static_cast<RealOf<T>>(z[j]), j == label);
    loss += value;
    if (dz != nullptr) dz[j] = static_cast<T>(slope * scale / static_cast<RealOf<T>>(classes));
  }
  return static_cast<double>(loss / static_cast<RealOf<T>>(classes));
}

template <class T>
double sample_loss(LossKind kind, std::size_t classes, const T* z, std::uint32_t label, RealOf<T> scale,
                   T* dz) noexcept {
  using Real = RealOf<T>;
  struct Term {
    Real value, slope;
  };
  switch (kind) {
    case LossKind::kSoftmaxCrossEntropy:
      return softmax_cross_entropy(classes, z, label, scale, dz);
    case LossKind::kMse:
      return class_by_class(classes, z, label, scale, dz, [](Real value, bool is_class) {
        const Real error = value - (is_class ? 1 : 0);
        return Term{error * error, 2 * error};
      });
    case LossKind::kSquaredHinge:
      return class_by_class(classes, z, label, scale, dz, [](Real value, bool is_class) {
        const Real sign = is_class ? 1 : -1;
        const Real short_by = 1 - sign * value;  // NaN goes on
        return short_by <= 0 ? Term{0, 0} : Term{short_by * short_by, -2 * sign * short_by};
      });
    case LossKind::kBinaryCrossEntropy:
      return class_by_class(classes, z, label, scale, dz, [](Real value, bool is_class) {
        return Term{softplus(is_class ? -value : value), sigmoid(value) - (is_class ? 1 : 0)};
      });
  }
  return kNan;
}

}  // namespace

std::span<const LossInfo> all_losses() noexcept { return kLosses; }

std::string_view name_of(LossKind kind) noexcept { return kLosses[static_cast<std::size_t>(kind)].name; }

Result<LossKind> parse_loss(std::string_view name) {
  for (const LossInfo& info : kLosses)
    if (info.name == name) return info.kind;
  return base::invalid("loss: '{}'{}", name, base::did_you_mean(name, base::names_of(all_losses())));
}

template <class T>
Result<Loss<T>> Loss<T>::create(const LossConfig& config) {
  if (config.classes == 0) return base::invalid("loss.classes: 0, expected at least 1");
  return Loss(config);
}

template <class T>
void Loss<T>::run(Worker& worker, std::size_t batch, const T* z, const std::uint32_t* labels, T* dz,
                  double* sample_losses) const noexcept {
  const std::size_t classes = config_.classes;
  const RealOf<T> scale = 1 / static_cast<RealOf<T>>(batch);
  const Range mine = worker.share(batch);
  for (std::size_t i = mine.begin; i < mine.end; ++i) {
    const double loss = sample_loss(config_.kind, classes, z + i * classes, labels[i], scale,
                                    dz == nullptr ? nullptr : dz + i * classes);
    sample_losses[i] = std::isnan(loss) ? kNan : loss;  // without a sign or a payload, which differ between machines
  }
  worker.barrier();
}

double mean_in_fixed_order(std::span<const double> values) noexcept {
  base::OrderedMean mean;
  for (const double value : values) mean.add(value);
  return mean.mean();
}

template <class T>
std::int32_t argmax(std::span<const T> values) noexcept {
  std::size_t best = 0;
  for (std::size_t j = 0; j < values.size(); ++j) {
    if (std::isnan(values[j])) return -1;
    if (values[j] > values[best]) best = j;
  }
  return static_cast<std::int32_t>(best);
}

template class Loss<float>;
template class Loss<double>;
template class Loss<kernels::Wide>;
template std::int32_t argmax<float>(std::span<const float>) noexcept;
template std::int32_t argmax<double>(std::span<const double>) noexcept;
template std::int32_t argmax<kernels::Wide>(std::span<const kernels::Wide>) noexcept;

}  // namespace udnn::ops
