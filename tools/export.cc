// udnn export, udnn import: weights to other programs and from them.
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "src/base/refusal.h"
#include "src/data/tensor_file.h"
#include "src/network/model.h"
#include "tools/verb.h"

namespace udnn::tools {

namespace {

struct ExportOptions {
  std::string model, to;
  std::string layout = "auto";
};

struct ImportOptions {
  std::string weights, network, out;
  std::string precision = "all=fp32";
  std::string layout = "auto";
};

network::TensorLayout layout_of(const std::string& layout, const std::string& path) {
  const bool is_torch = layout == "torch" || (layout == "auto" && path.ends_with(".safetensors"));
  return is_torch ? network::TensorLayout::kTorch : network::TensorLayout::kKeras;
}

Status export_model(const ExportOptions& options) {
  std::error_code error;
  if (std::filesystem::equivalent(options.model, options.to, error))
    return base::invalid("{}: the model itself, expected another file to write", options.to);
  auto model = network::load_model(options.model, {});
  if (!model) return model.error();
  if (options.to.ends_with(".udnn")) {
    if (!model->has_master) return base::invalid("{}: already holds no more than the weights in use", options.model);
    model->facts = [&] {  // what a run needs to go on is of no use without its master weights
      base::Value facts = base::Value::object();
      for (const auto& [key, value] : model->facts.members())
        if (key != "run") facts.set(key, value);
      return facts;
    }();
    if (Status status = network::save_model(options.to, *model, network::ModelKind::kModel); !status.ok())
      return status;
    fmt::print("{}: the weights as the multiplier sees them, {:.0f} bytes of parameters\n", options.to,
               model->engine->parameter_bits() / 8);
    return {};
  }
  const auto tensors = network::export_tensors(*model->engine, layout_of(options.layout, options.to));
  if (Status status = data::write_tensors(options.to, tensors); !status.ok()) return status;
  fmt::print("{}: {} tensors\n", options.to, tensors.size());
  return {};
}

Status import_model(const ImportOptions& options) {
  const auto tensors = data::read_tensors(options.weights);
  if (!tensors) return tensors.error();
  auto description = network::parse_network(options.network);
  if (!description) return base::invalid("--network: {}", description.error().message());
  auto precision = Precision::parse(options.precision);
  if (!precision) return base::invalid("--precision: {}", precision.error().message());

  network::Model model{
      .config = {.description = std::move(*description), .precision = std::move(*precision), .training = false}};
  auto engine = network::Engine::create(model.config);
  if (!engine) return engine.error();
  model.engine = std::move(*engine);
  if (Status status = network::import_tensors(*model.engine, *tensors, layout_of(options.layout, options.weights));
      !status.ok())
    return base::invalid("{}: {}", options.weights, status.message());
  model.facts = base::Value::object();
  if (Status status = network::save_model(options.out, model, network::ModelKind::kCheckpoint); !status.ok())
    return status;
  fmt::print("{}: {} tensors, {:.0f} bytes of parameters; udnn train --init {} starts from them\n", options.out,
             tensors->size(), model.engine->parameter_bits() / 8, options.out);
  return {};
}

}  // namespace

void add_export(CLI::App& app, Action& action) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* const verb =
      app.add_subcommand("export", "Writes a model's weights for other programs, or the smallest .udnn file");
  verb->add_option("model", options->model, "A file of udnn train --out")->required();
  verb->add_option("to", options->to, "PATH.npz, PATH.safetensors, or PATH.udnn: without what only training needs")
      ->required();
  verb->add_option("--layout", options->layout,
                   "keras: conv HWIO, fc [in, out]; torch: conv OIHW, fc [out, in]; auto: torch for safetensors")
      ->check(CLI::IsMember({"auto", "keras", "torch"}))
      ->capture_default_str();
  verb->footer("Example: udnn export model.udnn weights.npz");
  verb->callback([options, &action] { action = [options] { return export_model(*options); }; });
}

void add_import(CLI::App& app, Action& action) {
  auto options = std::make_shared<ImportOptions>();
  CLI::App* const verb = app.add_subcommand("import", "Makes a model of weights that another program wrote");
  verb->add_option("weights", options->weights,
                   "PATH.npz or PATH.safetensors, with tensors named as udnn export names them")
      ->required();
  verb->add_option("out", options->out, "The .udnn file to write")->required();
  verb->add_option("--network", options->network, "The network, as one line")->required();
  verb->add_option("--precision", options->precision, "Formats by layer and role; the weights are rounded to them")
      ->capture_default_str();
  verb->add_option("--layout", options->layout, "As of udnn export")
      ->check(CLI::IsMember({"auto", "keras", "torch"}))
      ->capture_default_str();
  verb->footer(
      "Example: udnn import weights.npz model.udnn --network \"784 - fc 512 relu - fc 10\" --precision w=fx2.6");
  verb->callback([options, &action] { action = [options] { return import_model(*options); }; });
}

}  // namespace udnn::tools
