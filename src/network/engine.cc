#include "src/network/engine.h"

#include "src/base/refusal.h"
#include "src/machine/isa.h"
#include "src/network/engine_of.h"

namespace udnn::network {

namespace {

constexpr Role kRounded[] = {Role::kWeights,   Role::kActivations, Role::kErrors,
                             Role::kGradients, Role::kMaster,      Role::kState};

/// The accumulator is the carrier: sums are kept in float or double.
Status accepts_accumulator(const std::string& layer, const Format& format, bool is_double) {
  const bool is_fp32 = format == Format{},
             is_fp64 = format.family == Family::kFloat && format.exponent_bits == 11 && format.mantissa_bits == 52;
  if ((is_fp32 && format.chunk == 0 && !is_double) || (is_fp64 && format.chunk == 0)) return {};
  return base::refusal(StatusCode::kUnsupported,
                       "--precision: {}.acc={}: accumulators other than the carrier's own ({}) are not there yet",
                       layer, to_string(format), is_double ? "fp64" : "fp32");
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::create(const EngineConfig& config) {
  const auto table = machine::chosen_kernel_table();
  if (!table) return table.error();

  std::vector<std::string> names = {"input"};
  for (const LayerSpec& layer : config.description.layers) names.push_back(layer.name);
  if (Status status = config.precision.covers(names); !status.ok())
    return base::invalid("--precision: {}", status.message());

  bool needs_double = false;
  for (const std::string& name : names) {
    for (const Role role : kRounded) needs_double |= !fits_float_carrier(config.precision.format(name, role));
    if (config.precision.names_accumulator(name))
      needs_double |= !fits_float_carrier(config.precision.format(name, Role::kAccumulator));
  }
  for (const LayerSpec& layer : config.description.layers)
    if (const std::string& name = layer.name; config.precision.names_accumulator(name))
      if (Status status = accepts_accumulator(name, config.precision.format(name, Role::kAccumulator), needs_double);
          !status.ok())
        return status;

  return needs_double ? EngineOf<double>::create(config, **table) : EngineOf<float>::create(config, **table);
}

}  // namespace udnn::network
