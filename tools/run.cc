// udnn run: one prediction for one picture.
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "src/base/refusal.h"
#include "src/data/image_file.h"
#include "src/network/model.h"
#include "src/report/table.h"
#include "tools/json_line.h"
#include "tools/number_option.h"
#include "tools/verb.h"

namespace udnn::tools {

namespace {

struct RunOptions {
  std::string model, picture;
  std::size_t top = 3;
  bool invert = false;
  bool json = false;
};

/// The names of the classes, as the model remembers them from its data; else their numbers.
std::vector<std::string> class_names(const network::Model& model, std::size_t classes) {
  std::vector<std::string> names;
  const base::Field facts(model.facts, "model");
  if (const auto items = facts["data"]["classes"].items())
    for (const base::Field& item : *items)
      if (const auto name = item.text()) names.push_back(*name);
  for (std::size_t c = names.size(); c < classes; ++c) names.push_back(fmt::format("{}", c));
  return names;
}

Status run(const RunOptions& options) {
  const auto model = network::load_model(options.model, {.batch = 1});
  if (!model) return model.error();
  network::Engine& engine = *model->engine;
  const network::Shape input = model->config.description.input;
  auto picture = data::read_image(options.picture);
  if (!picture) return picture.error();
  const auto [height, width, channels] = picture->shape;
  if (height * width * channels != engine.inputs() || (channels != input.channels && input.height > 1))
    return base::invalid("{}: {}x{}x{}, expected {} (the network's input)", options.picture, height, width, channels,
                         input.text());
  if (options.invert)
    for (std::uint8_t& value : picture->values) value = static_cast<std::uint8_t>(255 - value);

  const network::SampleSource source{
      .bytes = picture->values.data(), .divisor = 255, .size = engine.inputs(), .count = 1};
  std::vector<double> outputs(engine.outputs());
  std::int32_t prediction = -1;
  const auto team = Team::create(1);
  team->run([&](Worker& worker) {
    engine.infer(worker, {.source = &source, .first = 0, .count = 1}, outputs.data(), nullptr, &prediction);
  });
  if (prediction < 0) return base::invalid("{}: an output is NaN, expected numbers", options.model);

  const auto names = class_names(*model, outputs.size());
  const bool is_softmax = model->config.loss == ops::LossKind::kSoftmaxCrossEntropy;
  const double largest = *std::max_element(outputs.begin(), outputs.end());
  double sum = 0;
  for (const double output : outputs) sum += std::exp(output - largest);
  std::vector<std::size_t> order(outputs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return outputs[a] > outputs[b]; });

  report::Table table({"class", "name", is_softmax ? "probability" : "output"});
  for (std::size_t i = 0; i < std::min(options.top, order.size()); ++i) {
    const double output = outputs[order[i]];
    table.add_row({report::count(order[i]), names[order[i]],
                   report::fixed(is_softmax ? std::exp(output - largest) / sum : output, 4)});
  }
  if (options.json)
    fmt::print("{}", json_line(base::Value::object({{"prediction", prediction},
                                                    {"name", names[static_cast<std::size_t>(prediction)]},
                                                    {"classes", table.value()}})));
  else
    fmt::print("{}", table.text());
  return {};
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* const verb = app.add_subcommand("run", "Says what a saved model sees in a picture");
  verb->add_option("model", options->model, "A .udnn file")->required();
  verb->add_option("picture", options->picture, "A PNG or JPEG of the size of the network's input")->required();
  add_whole(*verb, "--top", options->top, std::size_t{1}, kMostTimes, "How many classes to show");
  verb->add_flag("--invert", options->invert, "Dark on light becomes light on dark, as MNIST is");
  verb->add_flag("--json", options->json, std::string("One JSON object; ") + kNullMeans);
  verb->footer("Example: udnn run model.udnn picture.png");
  verb->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace udnn::tools
