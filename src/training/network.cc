// udnn/network.h on top of the engine and the trainer. Here, and not in src/network, because it trains.
#include "udnn/network.h"

#include <algorithm>
#include <utility>

#include "src/base/refusal.h"
#include "src/network/model.h"
#include "src/training/trainer.h"

namespace udnn {

struct Network::State {
  network::Model model;
  Team team;
};

namespace {

Result<network::SampleSource> source_of(const LabelledSamples& samples, std::size_t inputs, std::size_t outputs) {
  if (samples.labels.empty() || samples.values.size() != samples.labels.size() * inputs)
    return base::invalid("samples: {} values and {} labels, expected {} values for each label, and at least one",
                         samples.values.size(), samples.labels.size(), inputs);
  for (const std::uint32_t label : samples.labels)
    if (label >= outputs) return base::invalid("samples: label {}, expected 0 to {}", label, outputs - 1);
  return network::SampleSource{.floats = samples.values.data(),
                               .divisor = 1,
                               .size = inputs,
                               .count = samples.labels.size(),
                               .labels = samples.labels.data()};
}

}  // namespace

Result<Network> Network::create(const NetworkConfig& config) {
  auto description = network::parse_network(config.layers);
  if (!description) return description.error();
  auto precision = Precision::parse(config.precision);
  if (!precision) return base::invalid("precision: {}", precision.error().message());
  const auto loss = ops::parse_loss(config.loss);
  if (!loss) return loss.error();
  auto team = Team::create(config.threads);
  if (!team) return team.error();

  network::Model model{.config = {.description = std::move(*description),
                                  .precision = std::move(*precision),
                                  .seed = config.seed,
                                  .batch = config.batch,
                                  .workers = team->threads(),
                                  .loss = *loss,
                                  .training = false}};
  auto engine = network::Engine::create(model.config);
  if (!engine) return engine.error();
  model.engine = std::move(*engine);
  team->run([&](Worker& worker) { model.engine->draw_weights(worker, network::kInferenceStep); });
  return Network(std::make_unique<State>(State{std::move(model), *team}));
}

Result<Network> Network::load(const std::string& path, std::size_t batch, int threads) {
  auto team = Team::create(threads);
  if (!team) return team.error();
  auto model = network::load_model(path, {.batch = batch, .workers = team->threads()});
  if (!model) return model.error();
  return Network(std::make_unique<State>(State{std::move(*model), *team}));
}

Result<TrainResult> Network::train(const LabelledSamples& samples, const TrainConfig& config) {
  auto& [model, team] = *state_;
  if (!model.has_master)
    return base::invalid("network: read from a file without master weights, expected a checkpoint");
  const auto source = source_of(samples, inputs(), outputs());
  if (!source) return source.error();
  const auto optimizer = ops::parse_optimizer(config.optimizer);
  if (!optimizer) return optimizer.error();
  const auto schedule = training::Schedule::parse(config.schedule);
  if (!schedule) return schedule.error();

  network::EngineConfig training_config = model.config;
  training_config.optimizer = {.kind = *optimizer, .weight_decay = config.weight_decay};
  training_config.training = true;
  auto engine = network::Engine::create(training_config);
  if (!engine) return engine.error();
  if (Status status = network::copy_parameters(*model.engine, **engine); !status.ok()) return status;
  if (Status status = (*engine)->set_ranges(model.engine->ranges()); !status.ok()) return status;

  auto trainer = training::Trainer::create(**engine, team, *source,
                                           {.epochs = config.epochs,
                                            .batch = model.config.batch,
                                            .learning_rate = config.learning_rate,
                                            .schedule = *schedule,
                                            .seed = model.config.seed});
  if (!trainer) return trainer.error();
  const auto summary = trainer->run({});
  if (!summary) return summary.error();
  model.engine = std::move(*engine);
  model.config = training_config;
  return TrainResult{.loss = summary->loss,
                     .steps = summary->steps,
                     .lost_updates = trainer->state().lost_share(),
                     .images_per_second = summary->pace.images_per_second()};
}

Status Network::predict(std::span<const float> x, std::span<double> y) {
  network::Engine& engine = *state_->model.engine;
  const std::size_t count = x.size() / inputs();
  if (x.size() != count * inputs() || y.size() != count * outputs())
    return base::invalid("predict: {} inputs and {} outputs, expected {} and {} for each sample", x.size(), y.size(),
                         inputs(), outputs());
  const network::SampleSource source{.floats = x.data(), .divisor = 1, .size = inputs(), .count = count};
  const std::size_t batch = engine.batch(), width = outputs();
  state_->team.run([&](Worker& worker) {
    for (std::size_t first = 0; first < count; first += batch)
      engine.infer(worker, {.source = &source, .first = first, .count = std::min(batch, count - first)},
                   y.data() + first * width, nullptr, nullptr);
  });
  return {};
}

Result<Score> Network::evaluate(const LabelledSamples& samples) {
  auto& [model, team] = *state_;
  const auto source = source_of(samples, inputs(), outputs());
  if (!source) return source.error();
  const training::Evaluation evaluation = training::evaluate(*model.engine, team, *source);
  return Score{
      .accuracy = evaluation.confusion.accuracy(), .kappa = evaluation.confusion.kappa(), .loss = evaluation.loss};
}

Status Network::save(const std::string& path) const {
  const network::Model& model = state_->model;
  return network::save_model(path, model,
                             model.has_master ? network::ModelKind::kCheckpoint : network::ModelKind::kModel);
}

std::size_t Network::inputs() const noexcept { return state_->model.engine->inputs(); }
std::size_t Network::outputs() const noexcept { return state_->model.engine->outputs(); }
std::string Network::layers() const { return state_->model.config.description.text(); }
std::string Network::precision() const { return state_->model.config.precision.text(); }

Network::Network(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Network::Network(Network&&) noexcept = default;
Network& Network::operator=(Network&&) noexcept = default;
Network::~Network() = default;

}  // namespace udnn
