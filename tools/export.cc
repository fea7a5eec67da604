// udnn export, udnn import: weights to other programs and from them.
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "src/base/refusal.h"
#include "src/data/load.h"
#include "src/data/registry.h"
#include "src/data/tensor_file.h"
#include "src/network/model.h"
#include "tools/format_argument.h"
#include "tools/name_option.h"
#include "tools/source.h"
#include "tools/verb.h"

namespace udnn::tools {

namespace {

std::vector<std::string_view> layout_names() { return {"auto", "keras", "torch"}; }

struct ExportOptions {
  std::string model, to;
  std::string layout = "auto";
};

struct ImportOptions {
  std::string weights, network, data, out;
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
  if (!options.to.ends_with(".udnn") && !options.to.ends_with(".npz") && !options.to.ends_with(".safetensors"))
    return base::invalid("{}: no kind of file that there is, expected a name in .npz, .safetensors or .udnn",
                         options.to);
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
    fmt::print("{}: the weights as the multiplier sees them, {} bytes of parameters\n", options.to,
               network::parameter_bytes(*model->engine));
    return {};
  }
  std::size_t rounded = 0;
  const auto tensors = network::export_tensors(*model->engine, layout_of(options.layout, options.to), &rounded);
  if (Status status = data::write_tensors(options.to, tensors); !status.ok()) return status;
  fmt::print("{}: {} tensors\n", options.to, tensors.size());
  if (rounded > 0)
    fmt::print(stderr, "udnn: {}: {} values have more than 53 significant bits and were rounded to double\n",
               options.to, rounded);
  return {};
}

/// What train takes as NET: made for --data or, without it, what says itself what it reads.
Result<network::NetworkDescription> network_of(const ImportOptions& options) {
  const auto refused = [](const Status& status) -> Status {
    const bool is_named = status.message().starts_with("network: ");
    return base::refusal(status.code(), "{}{}", is_named ? "--" : "--network: ", status.message());
  };
  if (options.data.empty()) {
    if (network::is_built_in_network(options.network))
      return base::invalid("--network: '{}' is made for its data, expected --data with it", options.network);
    auto description = network::find_network(options.network);
    if (!description) return refused(description.error());
    return description;
  }
  network::Shape shape;
  std::size_t classes = 0;
  if (const data::RegisteredSet* set = data::find_set(options.data)) {  // its files need not be there
    shape = shape_of(set->shape);
    classes = set->classes;
  } else {
    const auto dataset = data::load(options.data);
    if (!dataset) return base::refusal(dataset.error().code(), "--data: {}", dataset.error().message());
    shape = shape_of(dataset->train.shape);
    classes = dataset->classes;
  }
  auto description = network::find_network(options.network, shape, classes);
  if (!description) return refused(description.error());
  return description;
}

Status import_model(const ImportOptions& options) {
  auto description = network_of(options);
  if (!description) return description.error();
  auto precision = precision_argument(options.precision);
  if (!precision) return precision.error();

  const auto tensors = data::read_tensors(options.weights);
  if (!tensors) return tensors.error();
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
  fmt::print("{}: {} tensors, {} bytes of parameters; udnn train --init {} starts from them\n", options.out,
             tensors->size(), network::parameter_bytes(*model.engine), options.out);
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
  add_name(*verb, "--layout", options->layout, layout_names(),
           "keras: conv HWIO, fc [in, out]; torch: conv OIHW, fc [out, in]; auto: torch for safetensors");
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
  verb->add_option("--network", options->network, "What udnn train takes: a built-in name, a line, or a .toml file")
      ->required();
  verb->add_option("--data", options->data,
                   "What the network reads, a name of udnn data list or a path: a built-in name is made for it");
  verb->add_option("--precision", options->precision, "Formats by layer and role; the weights are rounded to them")
      ->capture_default_str();
  add_name(*verb, "--layout", options->layout, layout_names(), "As of udnn export");
  verb->footer("Example: udnn import weights.npz model.udnn --network lenet --data mnist --precision w=fx2.6");
  verb->callback([options, &action] { action = [options] { return import_model(*options); }; });
}

}  // namespace udnn::tools
