#include "src/network/engine.h"

#include "src/base/refusal.h"
#include "src/machine/isa.h"
#include "src/network/engine_of.h"
#include "src/ops/accumulator.h"

namespace udnn::network {

namespace {

constexpr Role kRounded[] = {Role::kWeights,   Role::kActivations, Role::kErrors,
                             Role::kGradients, Role::kMaster,      Role::kState};

/// Whether every layer that has an accumulator of its own can have it; layers that do not multiply too, because what is
/// asked for is never left out in silence.
template <class T>
Status accept_accumulators(const EngineConfig& config, const kernels::KernelTable& table) {
  for (const LayerSpec& layer : config.description.layers) {
    if (!config.precision.names_accumulator(layer.name)) continue;
    const auto made = ops::Accumulator<T>::create(config.precision.format(layer.name, Role::kAccumulator), table);
    if (!made) return base::refusal(made.error().code(), "--precision: {}.acc={}", layer.name, made.error().message());
  }
  return {};
}

template <class T>
Result<std::unique_ptr<Engine>> create_in(const EngineConfig& config, const kernels::KernelTable& table) {
  if (Status status = accept_accumulators<T>(config, table); !status.ok()) return status;
  return EngineOf<T>::create(config, table);
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::create(const EngineConfig& config) {
  const auto table = machine::chosen_kernel_table();
  if (!table) return table.error();

  std::vector<std::string> names = {"input"};
  for (const LayerSpec& layer : config.description.layers) names.push_back(layer.name);
  if (Status status = config.precision.covers(names); !status.ok())
    return base::invalid("--precision: {}", status.message());

  bool needs_double = false, needs_wide = false;
  for (const std::string& name : names) {
    for (const Role role : kRounded) {
      needs_double |= !fits_float_carrier(config.precision.format(name, role));
      needs_wide |= !fits_double_carrier(config.precision.format(name, role));
    }
    if (config.precision.names_accumulator(name))
      needs_double |= !ops::accumulates_in_float(config.precision.format(name, Role::kAccumulator));
  }
  if (needs_wide) return create_in<kernels::Wide>(config, **table);
  return needs_double ? create_in<double>(config, **table) : create_in<float>(config, **table);
}

}  // namespace udnn::network
