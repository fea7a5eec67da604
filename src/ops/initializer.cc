#include "src/ops/initializer.h"

#include <cmath>

#include "kernels/kernel_table.h"
#include "src/base/philox.h"

namespace udnn::ops {

template <class T>
void initialize(InitializerKind kind, std::size_t fan_in, std::size_t fan_out, std::uint64_t seed, std::uint32_t tensor,
                std::span<T> weights) noexcept {
  const bool is_he = kind == InitializerKind::kHeUniform || kind == InitializerKind::kHeNormal;
  const bool is_uniform = kind == InitializerKind::kGlorotUniform || kind == InitializerKind::kHeUniform;
  const double variance = 2 / static_cast<double>(is_he ? fan_in : fan_in + fan_out);
  const double scale = std::sqrt(is_uniform ? 3 * variance : variance);
  const base::PhiloxStream stream(seed, 0, base::Purpose::kInitialisation, tensor);
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = static_cast<T>(scale * (is_uniform ? 2 * stream.uniform(i) - 1 : stream.normal(i)));
}

template void initialize<float>(InitializerKind, std::size_t, std::size_t, std::uint64_t, std::uint32_t,
                                std::span<float>) noexcept;
template void initialize<double>(InitializerKind, std::size_t, std::size_t, std::uint64_t, std::uint32_t,
                                 std::span<double>) noexcept;
template void initialize<kernels::Wide>(InitializerKind, std::size_t, std::size_t, std::uint64_t, std::uint32_t,
                                        std::span<kernels::Wide>) noexcept;

}  // namespace udnn::ops
