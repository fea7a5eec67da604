// udnn inspect: what this machine can run, or what a model is made of and what runs it.
#include <memory>
#include <tuple>

#include <fmt/format.h>

#include "src/base/one_line.h"
#include "src/machine/isa.h"
#include "src/network/model.h"
#include "src/report/human.h"
#include "src/report/table.h"
#include "tools/json_line.h"
#include "tools/number_option.h"
#include "tools/verb.h"

namespace udnn::tools {

namespace {

struct InspectOptions {
  std::string model;
  int threads = 0;
  bool json = false;
};

/// The widest tile, "6x64": rows by columns.
template <class P>
std::string tile(const kernels::ProductKernel<P>& gemm) {
  return fmt::format("{}x{}", gemm.rows[gemm.vectors - 1], gemm.vectors * gemm.lanes);
}

/// What a unit for whole tiles computes at a time.
template <class P>
std::string tile(const kernels::BlockKernel<P>*) {
  return fmt::format("{}x{} by tiles", kernels::BlockArgs<P>::kHeight, kernels::BlockArgs<P>::kHeight);
}

/// The widest tile of the best kernel that there is: `native`, else `widened`, by way of another type.
template <class P, class Q>
std::string tile(const kernels::ProductKernel<P>* native, const kernels::ProductKernel<Q>& widened, const char* type) {
  return native != nullptr ? tile(*native) : fmt::format("{} as {}", tile(widened), type);
}

Status inspect_machine(const InspectOptions& options) {
  const auto team = Team::create(options.threads);
  if (!team) return team.error();
  const auto chosen = machine::chosen_kernel_table();
  if (!chosen) return chosen.error();
  report::Table table({"isa", "gemm_f64", "gemm_f32", "gemm_fp16", "gemm_bf16", "gemm_u8s8", "used"});
  for (const kernels::KernelTable* kernels : machine::usable_kernel_tables()) {
    const auto& [f32, f64, narrow] = std::tie(kernels->f32, kernels->f64, kernels->narrow);
    table.add_row(
        {kernels->isa, tile(f64.gemm), tile(f32.gemm), tile(narrow.fp16, f32.gemm, "fp32"),
         narrow.u8s8_blocks != nullptr ? tile(narrow.bf16_blocks) : tile(narrow.bf16_dot, *narrow.bf16, "fp32"),
         narrow.u8s8_blocks != nullptr ? tile(narrow.u8s8_blocks) : tile(narrow.u8s8, *narrow.s16, "int16"),
         kernels == *chosen ? "yes" : ""});
  }
  if (options.json)
    fmt::print("{}", json_line(base::Value::object({{"isa", (*chosen)->isa},
                                                    {"threads", team->threads()},
                                                    {"team", team->text()},
                                                    {"kernels", table.value()}})));
  else
    fmt::print("{}{}\n", table.text(), team->text());
  return {};
}

/// "gemm_f32/avx512 native": what multiplies. Wide kernels are the same on every instruction set.
std::string kernel_of(const network::LayerSpec& layer, const network::Model& model) {
  if (layer.macs() == 0) return "-";
  const std::string_view carrier = model.engine->carrier();
  if (carrier == "wide") return "gemm_wide emulated";
  const bool is_float = carrier == "float";
  const Format& w = model.config.precision.format(layer.name, Role::kWeights);
  const Format& a = model.config.precision.format(layer.name, Role::kActivations);
  const Format own{.exponent_bits = is_float ? 8 : 11, .mantissa_bits = is_float ? 23 : 52, .bits = is_float ? 32 : 64};
  const bool is_native = w == own && a == own && !model.config.precision.names_accumulator(layer.name);
  return fmt::format("gemm_{}/{} {}", is_float ? "f32" : "f64", model.engine->isa(), is_native ? "native" : "emulated");
}

std::string accumulator_of(const network::LayerSpec& layer, const network::Model& model) {
  const Precision& plan = model.config.precision;
  return plan.names_accumulator(layer.name) ? to_string(plan.format(layer.name, Role::kAccumulator)) : "-";
}

/// Why the engine computes in its carrier.
std::string_view reason_for(std::string_view carrier) {
  if (carrier == "float") return "every format of the plan fits a float";
  if (carrier == "wide") return "a format of the plan has more than the 53 significant bits of a double";
  return "a format of the plan needs more than a float holds";
}

/// "trained on digits: 8x8x1, values / 16, 10 classes, fingerprint 5a9c..."
std::string data_line(const base::Value& data) {
  const base::Field facts(data, "data");
  const auto name = facts["name"].text(), shape = facts["shape"].text(), fingerprint = facts["fingerprint"].text();
  const auto divisor = facts["divisor"].number();
  const auto classes = facts["classes"].items();
  if (!name || !shape || !fingerprint || !divisor || !classes) return "trained on data that the file does not describe";
  return fmt::format("trained on {}: {}, values / {}, {} classes, fingerprint {}", base::one_line(*name),
                     base::one_line(*shape), *divisor, classes->size(), base::one_line(*fingerprint));
}

Status inspect_model(const InspectOptions& options) {
  const auto model = network::load_model(options.model, {});
  if (!model) return model.error();
  const network::EngineConfig& config = model->config;
  report::Table table({"layer", "output", "parameters", "MACs", "w", "a", "e", "g", "m", "s", "acc", "runs on"});
  for (const network::LayerSpec& layer : config.description.layers) {
    const auto format = [&](Role role) { return to_string(config.precision.format(layer.name, role)); };
    table.add_row({layer.name, layer.out.text(), report::count(layer.parameters()), report::count(layer.macs()),
                   format(Role::kWeights), format(Role::kActivations), format(Role::kErrors), format(Role::kGradients),
                   format(Role::kMaster), format(Role::kState), accumulator_of(layer, *model),
                   kernel_of(layer, *model)});
  }
  if (options.json) {
    base::Value value = base::Value::object({{"network", config.description.text()},
                                             {"precision", config.precision.text()},
                                             {"seed", fmt::format("{}", config.seed)},
                                             {"carrier", std::string(model->engine->carrier())},
                                             {"kind", model->has_master ? "checkpoint" : "model"},
                                             {"parameters", config.description.parameters()},
                                             {"macs", config.description.macs()},
                                             {"parameter_bytes", network::parameter_bytes(*model->engine)},
                                             {"layers", table.value()},
                                             {"facts", model->facts}});
    fmt::print("{}", json_line(value));
    return {};
  }
  fmt::print("{}\n{}", config.description.text(), table.text());
  fmt::print("{} with {} parameters in {}; carrier {}: {}\n", model->has_master ? "checkpoint" : "model",
             report::human(static_cast<double>(config.description.parameters())),
             report::human_bytes(network::parameter_bytes(*model->engine)), model->engine->carrier(),
             reason_for(model->engine->carrier()));
  if (const base::Value* data = model->facts.find("data")) fmt::print("{}\n", data_line(*data));
  return {};
}

}  // namespace

void add_inspect(CLI::App& app, Action& action) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* const verb =
      app.add_subcommand("inspect", "What this machine can run; or a saved model: layers, formats, what runs and why");
  verb->add_option("model", options->model, "A .udnn file; without it: this machine");
  add_whole(*verb, "--threads", options->threads, 0, Team::kMaxThreads, "Threads, 0 = one per core");
  verb->add_flag("--json", options->json, std::string("One JSON object; ") + kNullMeans);
  verb->footer("Example: UDNN_ISA=avx2 udnn inspect --threads 2");
  verb->callback([options, &action] {
    action = [options] { return options->model.empty() ? inspect_machine(*options) : inspect_model(*options); };
  });
}

}  // namespace udnn::tools
