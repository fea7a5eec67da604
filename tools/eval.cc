// udnn eval: a saved model on a data set.
#include <memory>

#include <fmt/format.h>

#include "src/base/refusal.h"
#include "src/data/load.h"
#include "src/machine/memory.h"
#include "src/network/model.h"
#include "src/report/human.h"
#include "tools/json_line.h"
#include "tools/number_option.h"
#include "tools/score.h"
#include "tools/source.h"
#include "tools/verb.h"

namespace udnn::tools {

namespace {

struct EvalOptions {
  std::string model, data;
  std::size_t batch = 64;
  int threads = 0;
  double test_fraction = 0.2;
  std::string label;
  std::uint64_t seed = 1;
  bool json = false;
  bool quiet = false;
};

/// A line where the data have the name of those that the model was trained on and are not the same: new test samples
/// are welcome, but rows that another --seed or --test-fraction makes test rows may be ones that were trained on.
void warn_of_other_data(const network::Model& model, const data::Dataset& dataset) {
  const base::Field data = base::Field(model.facts, "model")["data"];
  const auto name = data["name"].text(), fingerprint = data["fingerprint"].text();
  if (!name || !fingerprint || *name != dataset.name || *fingerprint == dataset.fingerprint) return;
  constexpr std::size_t kShown = 12;  // digits; udnn inspect and udnn data show have them all
  fmt::print(stderr,
             "udnn: warning: {}: fingerprint {}, expected {} as trained on: other files, or another --seed or "
             "--test-fraction, with which test samples may be ones that were trained on\n",
             dataset.name, dataset.fingerprint.substr(0, kShown), fingerprint->substr(0, kShown));
}

Status evaluate(const EvalOptions& options) {
  const auto team = Team::create(options.threads);
  if (!team) return team.error();
  auto model = network::load_model(options.model, {.batch = options.batch, .workers = team->threads()});
  if (!model) return model.error();
  data::LoadOptions how;
  how.test_fraction = options.test_fraction;
  how.seed = options.seed;
  how.csv_label = options.label;
  const auto dataset = data::load(options.data, how);
  if (!dataset) return dataset.error();
  network::Engine& engine = *model->engine;
  if (dataset->test.shape.size() != engine.inputs() || dataset->classes != engine.outputs())
    return base::invalid("{}: samples of {} values in {} classes, expected {} and {} (the network's)", options.data,
                         dataset->test.shape.size(), dataset->classes, engine.inputs(), engine.outputs());

  warn_of_other_data(*model, *dataset);
  const training::Evaluation evaluation = training::evaluate(engine, *team, source_of(dataset->test));
  if (!options.quiet) {
    print_score(evaluation, dataset->class_names);
    fmt::print("{} images/s\n", report::human(evaluation.images_per_second));
  }
  if (!options.json) return {};
  base::Value value = score_value(evaluation);
  value.set("eval_images_per_second", evaluation.images_per_second);
  value.set("parameter_bytes", network::parameter_bytes(engine));
  value.set("peak_rss_bytes", machine::peak_rss_bytes());
  value.set("network", model->config.description.text());
  value.set("precision", model->config.precision.text());
  value.set("carrier", std::string(engine.carrier()));
  value.set("threads", team->threads());
  value.set("isa", std::string(engine.isa()));
  fmt::print("{}", json_line(value));
  return {};
}

}  // namespace

void add_eval(CLI::App& app, Action& action) {
  auto options = std::make_shared<EvalOptions>();
  CLI::App* const verb = app.add_subcommand("eval", "Evaluates a saved model on the test samples of a data set");
  verb->add_option("model", options->model, "A file of udnn train --out")->required();
  verb->add_option("data", options->data, "A name of udnn data list, or a path")->required();
  add_whole(*verb, "--batch", options->batch, std::size_t{1}, kMostBatch,
            "Samples at a time; the result does not depend on it");
  add_whole(*verb, "--threads", options->threads, 0, Team::kMaxThreads, "Threads, 0 = one per core");
  add_real(*verb, "--test-fraction", options->test_fraction, Reals::kInnerShare,
           "Share for testing, of data that come without a test part");
  verb->add_option("--label", options->label,
                   "Of a CSV file, the column that holds the classes; without it the last one");
  add_whole(*verb, "--seed", options->seed, std::uint64_t{0}, UINT64_MAX, "Which samples those are");
  verb->add_flag("--json", options->json, std::string("The last line of stdout is one JSON object; ") + kNullMeans);
  verb->add_flag("--quiet", options->quiet, "No tables");
  verb->footer("Example: udnn eval model.udnn mnist --json");
  verb->callback([options, &action] { action = [options] { return evaluate(*options); }; });
}

}  // namespace udnn::tools
