// The loss of the first steps, step by step, as TensorFlow computes it from the same weights and batches:
// tools/compare/make_golden.py wrote the files.
#include <filesystem>

#include "src/base/file.h"
#include "src/base/json.h"
#include "src/data/load.h"
#include "src/network/engine.h"
#include "src/training/trainer.h"
#include "tests/support.h"

namespace udnn::test {
namespace {

/// One run of a golden file, field by field as it stands there.
struct Case {
  std::string network, data, precision, optimizer;
  double learning_rate, tolerance;
  std::size_t batch, seed;
  std::vector<double> losses;
};

template <class T>
T need(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}

Case read_case(const base::Field& field) {
  Case read{.network = need(field["network"].text()),
            .data = need(field["data"].text()),
            .precision = need(field["precision"].text()),
            .optimizer = need(field["optimizer"].text()),
            .learning_rate = need(field["learning_rate"].number()),
            .tolerance = need(field["tolerance"].number()),
            .batch = need(field["batch"].size()),
            .seed = need(field["seed"].size()),
            .losses = {}};
  for (const base::Field& loss : need(field["losses"].items())) read.losses.push_back(need(loss.number()));
  return read;
}

std::vector<double> losses_of(const Case& golden) {
  const data::Dataset dataset = need(data::load(golden.data));
  const network::SampleSource source{.bytes = dataset.train.bytes(),
                                     .floats = dataset.train.floats(),
                                     .divisor = dataset.train.divisor,
                                     .size = dataset.train.shape.size(),
                                     .count = dataset.train.count,
                                     .labels = dataset.train.labels.data()};
  network::EngineConfig config;
  config.description = need(network::parse_network(golden.network));
  config.precision = need(Precision::parse(golden.precision));
  config.seed = golden.seed;
  config.batch = golden.batch;
  config.workers = 2;
  config.optimizer.kind = need(ops::parse_optimizer(golden.optimizer));
  const auto engine = need(network::Engine::create(config));
  const Team team = need(Team::create(2));
  auto trainer = need(training::Trainer::create(*engine, team, source,
                                                {.epochs = 1000,
                                                 .steps = golden.losses.size(),
                                                 .batch = golden.batch,
                                                 .learning_rate = golden.learning_rate,
                                                 .seed = golden.seed}));
  std::vector<double> losses;
  need(trainer.run({.on_step = [&](const training::StepEvent& event) {
    losses.push_back(event.outcome.loss);
    return Status();
  }}));
  return losses;
}

TEST(Golden, FollowsTensorFlowStepByStep) {
  std::size_t checked = 0;
  for (const auto& entry : std::filesystem::directory_iterator(UDNN_GOLDEN_FOLDER)) {
    const std::string path = entry.path().string();
    if (!path.ends_with(".json")) continue;  // of model files: trainer_test.cc
    const auto bytes = need(base::read_file(path));
    const base::Value file = need(base::parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path));
    for (const base::Field& field : need(base::Field(file, path)["cases"].items())) {
      const Case golden = read_case(field);
      SCOPED_TRACE(testing::Message() << golden.network << ", " << golden.precision << ", " << golden.optimizer);
      const auto losses = losses_of(golden);
      ASSERT_EQ(losses.size(), golden.losses.size());
      for (std::size_t step = 0; step < losses.size(); ++step, ++checked)
        ASSERT_NEAR(losses[step], golden.losses[step], golden.tolerance * golden.losses[step]) << "step " << step;
    }
  }
  EXPECT_GE(checked, 200) << "losses compared";
}

}  // namespace
}  // namespace udnn::test
