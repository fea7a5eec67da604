// The engine: its gradients, its determinism, what a step leaves alone, and what it refuses.
#include "src/network/engine.h"

#include <cmath>
#include <numeric>

#include "tests/allocations.h"
#include "tests/support.h"

namespace udnn::test {
namespace {

using network::Engine;
using network::EngineConfig;
using network::StepOutcome;

EngineConfig config_of(std::string_view layers, std::string_view precision = "all=fp32", std::size_t batch = 6,
                       int workers = 2) {
  auto description = network::parse_network(layers);
  EXPECT_TRUE(description) << description.error().message();
  auto plan = Precision::parse(precision);
  EXPECT_TRUE(plan) << plan.error().message();
  EngineConfig config;
  config.description = *description;
  config.precision = *plan;
  config.seed = 7;
  config.batch = batch;
  config.workers = workers;
  return config;
}

std::unique_ptr<Engine> engine_of(const EngineConfig& config) {
  auto engine = Engine::create(config);
  EXPECT_TRUE(engine) << engine.error().message();
  return engine ? std::move(*engine) : nullptr;
}

std::string refusal(const EngineConfig& config) {
  const auto engine = Engine::create(config);
  return engine ? "accepted" : engine.error().message();
}

/// Random samples with labels, and the batch of all of them.
struct Samples {
  Samples(const Engine& engine, std::size_t count) : values(reals<float>(count * engine.inputs(), 11)), labels(count) {
    for (std::size_t i = 0; i < count; ++i) labels[i] = static_cast<std::uint32_t>((i * 5 + 1) % engine.outputs());
    source = {.floats = values.data(), .divisor = 1, .size = engine.inputs(), .count = count, .labels = labels.data()};
  }

  network::Batch batch() const { return {.source = &source, .first = 0, .count = labels.size()}; }

  std::vector<float> values;
  std::vector<std::uint32_t> labels;
  network::SampleSource source;
};

std::vector<kernels::Wide> masters(const Engine& engine) {
  std::vector<kernels::Wide> all;
  const auto tensors = engine.tensors();
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i].role == "m") {
      const auto values = engine.values(i);
      all.insert(all.end(), values.begin(), values.end());
    }
  return all;
}

void set_masters(Engine& engine, std::span<const kernels::Wide> all) {
  std::size_t at = 0;
  const auto tensors = engine.tensors();
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i].role == "m") {
      const std::size_t count = engine.values(i).size();
      ASSERT_TRUE(engine.set_values(i, all.subspan(at, count), false, {}).ok());
      at += count;
    }
}

StepOutcome step(Engine& engine, const Team& team, const Samples& samples, std::uint32_t number, double rate) {
  StepOutcome outcome;
  team.run([&](Worker& worker) {
    if (number == 0) engine.draw_weights(worker, 0);
    engine.train_step(worker, {.batch = samples.batch(), .step = number, .learning_rate = rate}, outcome);
  });
  return outcome;
}

// One step of plain gradient descent at rate 1 moves the master copy by the gradient, which central differences of the
// loss know as well.
//   | (L(w + h) - L(w - h)) / 2h - dL/dw |  <=  h^2 / 6 max|L'''| + u |L| / h      about 1e-9 at h = 1e-5, for losses
//   and weights near 1
void expect_gradients(std::string_view layers, ops::LossKind loss, std::string_view precision) {
  SCOPED_TRACE(testing::Message() << layers << ", " << precision);
  EngineConfig config = config_of(layers, precision);
  config.loss = loss;
  const auto engine = engine_of(config);
  ASSERT_NE(engine, nullptr);
  const Samples samples(*engine, config.batch);
  const auto team = Team::create(1);
  const auto start = masters(*engine);

  ASSERT_TRUE(step(*engine, *team, samples, 0, 1.0).updated);
  const auto moved = masters(*engine);
  const auto loss_at = [&](std::span<const kernels::Wide> point) {
    set_masters(*engine, point);
    return step(*engine, *team, samples, 0, 1e-300).loss;  // in training mode: batchnorm looks at the batch
  };
  constexpr double kH = 1e-5;
  std::size_t checked = 0;
  for (std::size_t i = 0; i < start.size(); i += 1 + start.size() / 97) {
    auto up = start, down = start;
    up[i] += kH;
    down[i] -= kH;
    const double numeric = (loss_at(up) - loss_at(down)) / (2 * kH);
    ASSERT_NEAR(static_cast<double>(start[i] - moved[i]), numeric, 2e-8 + 1e-6 * std::abs(numeric))
        << "parameter " << i << " of " << start.size();
    ++checked;
  }
  EXPECT_GE(checked, std::min<std::size_t>(start.size(), 40));
}

/// In the double carrier and in the wide one.
void expect_gradients(std::string_view layers, ops::LossKind loss) {
  for (const char* precision : {"all=fp64", "all=fx16.48"}) expect_gradients(layers, loss, precision);
}

TEST(Engine, HasTheGradientsOfItsLossForEveryKindOfLayer) {
  constexpr auto kSoftmax = ops::LossKind::kSoftmaxCrossEntropy;
  for (const char* layers : {
           "5 - fc 4",
           "5 - fc 7 tanh - fc 4",
           "6x5x2 - conv 3 3x3 tanh - fc 4",
           "6x5x2 - conv 3 3x3 pad 1 stride 2 sigmoid - fc 4",
           "7x7x2 - conv 4 3x3 dilation 2 pad 2,1,2,1 tanh - fc 4",
           "6x6x4 - conv 4 3x3 pad 1 groups 2 tanh - conv 4 3x3 depthwise tanh - fc 4",
           "6x6x2 - conv 3 3x3 pad 1 tanh - maxpool 2 - fc 4",
           "6x6x2 - conv 3 3x3 pad 1 tanh - avgpool 2 - fc 4",
           "6x6x2 - conv 3 3x3 pad 1 tanh - globalpool - fc 4",
           "6x6x2 - conv 3 3x3 pad 1 - batchnorm tanh - fc 4",
           "5 - fc 8 - layernorm tanh - fc 4",
           "5 - fc 8 tanh - dropout 0.3 - fc 4",
           "6x6x3 - conv 3 3x3 pad 1 tanh - conv 3 3x3 pad 1 tanh - add conv1 - fc 4",
           "6x6x3 - s: conv 3 3x3 pad 1 tanh - conv 3 3x3 pad 1 - add s tanh - conv 3 3x3 pad 1 - add s - fc 4",
           "6x6x1 - flatten - fc 4 nobias",
       })
    expect_gradients(layers, kSoftmax);
}

TEST(Engine, RefusesABlockThatDoesNotDivideWhatIsSummed) {
  const auto refusal = [](const char* precision) {
    EngineConfig config;
    config.description = *network::parse_network("64 - fc 32 relu - fc 10");
    config.precision = *Precision::parse(precision);
    const auto engine = Engine::create(config);
    return engine ? "accepted" : engine.error().message();
  };
  EXPECT_EQ(refusal("w=mxfp8, input.a=mxfp8, fc1.a=mxfp8, fc1.e=mxfp8, g=mxfp8, m=mxfp8"), "accepted");
  EXPECT_EQ(refusal("a=mxfp8"),
            "blocks that do not divide their rows: fc2.a (10 in a row, 32 in a block of mxfp8); expected other formats "
            "there, for example: fc2.a=bf16");
  EXPECT_EQ(refusal("fc2.e=bfp4/4"),
            "blocks that do not divide their rows: fc2.e (10 in a row, 4 in a block of bfp4/4); expected other formats "
            "there, for example: fc2.e=bf16");
  EXPECT_EQ(refusal("fc1.w=bfp4/48, fc2.a=mxfp4, input.a=bfp8/5"),
            "blocks that do not divide their rows: input.a (64 in a row, 5 in a block of bfp8/5), fc1.w (64 in a row, "
            "48 in a block of bfp4/48), fc2.a (10 in a row, 32 in a block of mxfp4); expected other formats there, for "
            "example: input.a=bf16, fc1.w=bf16, fc2.a=bf16");
  EXPECT_EQ(refusal("fc1.w=bfp4/48, fc2.a=mxfp4, input.a=bfp8/5, input.a=bf16, fc1.w=bf16, fc2.a=bf16"), "accepted");
}

// A window's largest comes to share a block with the largest of others, and is rounded to what they leave it.
TEST(Engine, RoundsWhatMaxPoolingBringsTogether) {
  const auto engine = engine_of(config_of("4x4x1 - maxpool 2", "all=fp32, a=bfp4/4", 1));
  Samples samples(*engine, 1);
  samples.values = {0, 0, 0, 56, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 40, 0};
  std::vector<double> y(4);
  Team::create(2)->run([&](Worker& worker) {
    engine->draw_weights(worker, network::kInferenceStep);
    engine->infer(worker, {.source = &samples.source, .first = 0, .count = 1}, y.data(), nullptr, nullptr);
  });
  EXPECT_EQ(y, (std::vector<double>{0, 56, 0, 40}));
}

TEST(Engine, HasTheGradientsOfItsLossForEverySmoothActivation) {
  for (const char* activation : {"gelu", "silu", "sigmoid", "tanh", "softplus"})
    expect_gradients(std::string("5 - fc 9 ") + activation + " - fc 6 " + activation + " - fc 4",
                     ops::LossKind::kSoftmaxCrossEntropy);
  // Kinks are where z is 0 (elu: none in the first derivative); random values do not come within 1e-5 of one.
  for (const char* activation : {"relu", "leaky 0.1", "elu", "hard_sigmoid", "hard_tanh"})
    expect_gradients(std::string("5 - fc 9 ") + activation + " - fc 4", ops::LossKind::kSoftmaxCrossEntropy);
}

TEST(Engine, HasTheGradientsOfEveryLoss) {
  using enum ops::LossKind;
  for (const ops::LossKind loss : {kSoftmaxCrossEntropy, kMse, kSquaredHinge, kBinaryCrossEntropy})
    expect_gradients("5 - fc 7 tanh - fc 4", loss);
}

TEST(Engine, GivesTheSameBytesForAnyNumberOfThreads) {
  for (const char* precision :
       {"all=fp32", "all=fp64", "all=e5m2:sr, m=bf16:sr", "all=fx4.8, e=fx2.14, g=fx2.14, m=fx4.12:sr",
        "all=dfx10, m=dfx14:sr", "w=int4, a=uint8, e=bf16", "w=b1, a=fx3.5", "w=t2, all=fp16, w=t2", "acc=f6.5",
        "all=fx4.8, acc=fx6.8:wrap, conv*.acc=fx8.12/7", "all=fx8.56:sr", "all=dfx60, a=fp32", "acc=f6.5:sr",
        "all=fx4.8, acc=fx6.8:sr16:wrap, conv*.acc=e5m2:sr8/7"}) {
    SCOPED_TRACE(precision);
    const auto after_steps = [&](int threads) {
      const auto engine = engine_of(config_of(
          "8x8x2 - conv 5 3x3 pad 1 relu - maxpool 2 - conv 4 3x3 - batchnorm relu - dropout 0.2 - fc 12 relu - fc 5",
          precision, 13, threads));
      const Samples samples(*engine, 13);
      const auto team = Team::create(threads);
      for (std::uint32_t number = 0; number < 8; ++number) step(*engine, *team, samples, number, 0.05);
      return masters(*engine);
    };
    const auto want = after_steps(1);
    for (const int threads : {2, 3, 7}) ASSERT_EQ(after_steps(threads), want) << threads << " threads";
  }
}

TEST(Engine, GathersStatisticsWithoutChangingABit) {
  const auto after_steps = [&](bool collect) {
    const auto engine = engine_of(config_of("6x6x1 - conv 3 3x3 relu - fc 5", "all=e5m2, m=fx2.10:sr", 9));
    const Samples samples(*engine, 9);
    const auto team = Team::create(2);
    StepOutcome outcome;
    team->run([&](Worker& worker) {
      engine->draw_weights(worker, 0);
      for (std::uint32_t number = 0; number < 5; ++number)
        engine->train_step(worker, {.batch = samples.batch(), .step = number, .learning_rate = 0.1, .collect = collect},
                           outcome);
    });
    EXPECT_EQ(engine->reports().empty(), !collect);
    return masters(*engine);
  };
  EXPECT_EQ(after_steps(true), after_steps(false));
}

TEST(Engine, AllocatesNothingInAStep) {
  for (const char* precision :
       {"all=fp32", "all=dfx8, m=fx4.12:sr", "w=b1, a=int8", "acc=e4m3", "acc=e5m2:sr8/16", "all=fx8.56:sr"}) {
    const auto engine =
        engine_of(config_of("8x8x1 - conv 4 3x3 pad 1 relu - maxpool 2 - batchnorm - fc 10", precision, 8, 2));
    const Samples samples(*engine, 8);
    const auto team = Team::create(2);
    step(*engine, *team, samples, 0, 0.1);
    std::size_t during = 0;
    StepOutcome outcome;
    team->run([&](Worker& worker) {
      worker.barrier();  // both threads exist by now
      const std::size_t before = allocations();
      engine->train_step(worker, {.batch = samples.batch(), .step = 1, .learning_rate = 0.1, .collect = true}, outcome);
      if (worker.index == 0) during = allocations() - before;
    });
    EXPECT_EQ(during, 0) << precision;
  }
}

TEST(Engine, LeavesEverythingAloneWhenTheLossIsNotFinite) {
  const auto engine = engine_of(config_of("5 - fc 4"));
  Samples samples(*engine, 6);
  samples.values[3] = std::numeric_limits<float>::quiet_NaN();
  const auto before = masters(*engine);
  const auto team = Team::create(1);
  const StepOutcome outcome = step(*engine, *team, samples, 0, 0.1);
  EXPECT_FALSE(outcome.updated);
  EXPECT_EQ(masters(*engine), before);
}

TEST(Engine, MeasuresGradientsWhoseSquaresAFloatDoesNotHold) {
  for (const float factor : {1e-25F, 1e25F}) {
    const auto engine = engine_of(config_of("5 - fc 4 nobias"));
    ASSERT_EQ(engine->carrier(), "float");
    Samples samples(*engine, 6);
    for (float& value : samples.values) value *= factor;
    const StepOutcome outcome = step(*engine, *Team::create(1), samples, 0, 1e-30);
    EXPECT_TRUE(outcome.updated);
    EXPECT_GT(outcome.gradient_norm, 0.01 * factor);
    EXPECT_LT(outcome.gradient_norm, 10 * factor);
  }
}

TEST(Engine, CountsTheUpdatesThatRoundingLoses) {
  const auto lost_share = [&](const char* precision) {
    const auto engine = engine_of(config_of("5 - fc 6 tanh - fc 4", precision));
    const Samples samples(*engine, 6);
    const auto team = Team::create(1);
    const StepOutcome outcome = step(*engine, *team, samples, 0, 1e-6);
    EXPECT_GT(outcome.updates, 0);
    return static_cast<double>(outcome.lost) / static_cast<double>(outcome.updates);
  };
  EXPECT_EQ(lost_share("all=fp64"), 0.0);
  EXPECT_EQ(lost_share("all=fp64, m=fx4.8"), 1.0);  // updates of about 1e-7, spacing 2^-8
}

TEST(Engine, InfersTheSameForAnyBatch) {
  const auto engine = engine_of(config_of("6x6x1 - conv 3 3x3 relu - fc 5", "all=e5m2:sr, acc=f6.5:sr16", 9));
  const Samples samples(*engine, 9);
  const auto team = Team::create(2);
  const auto outputs_with = [&](std::size_t batch) {
    std::vector<double> outputs(9 * engine->outputs());
    team->run([&](Worker& worker) {
      engine->draw_weights(worker, network::kInferenceStep);
      for (std::size_t first = 0; first < 9; first += batch)
        engine->infer(worker, {.source = &samples.source, .first = first, .count = std::min(batch, 9 - first)},
                      outputs.data() + first * engine->outputs(), nullptr, nullptr);
    });
    return outputs;
  };
  const auto want = outputs_with(9);
  for (const std::size_t batch : Sizes{1, 2, 4}) EXPECT_EQ(outputs_with(batch), want) << "batch " << batch;
}

TEST(Engine, TakesDoubleOnlyWhereAFormatAsksForIt) {
  EXPECT_EQ(engine_of(config_of("5 - fc 4", "all=bf16"))->carrier(), "float");
  EXPECT_EQ(engine_of(config_of("5 - fc 4", "fc1.m=fx8.24"))->carrier(), "double");
  EXPECT_EQ(engine_of(config_of("5 - fc 4", "acc=f6.21"))->carrier(), "float");
  EXPECT_EQ(engine_of(config_of("5 - fc 4", "acc=f6.22"))->carrier(), "double");
  EXPECT_EQ(engine_of(config_of("5 - fc 4", "acc=fp32/64"))->carrier(), "double");
  EXPECT_EQ(engine_of(config_of("5 - fc 4", "all=fx27.27"))->carrier(), "double");
  EXPECT_EQ(engine_of(config_of("5 - fc 4", "fc1.m=fx27.28"))->carrier(), "wide");
}

// Around 64 the spacing of double is 2^-46: updates below half of that are lost. fx8.56 keeps them down to 2^-57.
TEST(Engine, TrainsWithUpdatesThatADoubleWouldLose) {
  const auto moved = [](const char* precision) {
    EngineConfig config = config_of("5 - fc 4", precision);
    config.loss = ops::LossKind::kMse;
    const auto engine = engine_of(config);
    std::vector<kernels::Wide> all(masters(*engine).size(), 64);
    set_masters(*engine, all);
    const Samples samples(*engine, 6);
    const auto team = Team::create(2);
    const StepOutcome outcome = step(*engine, *team, samples, 0, 0x1p-54);
    EXPECT_GT(outcome.updates, 0U);
    for (kernels::Wide& value : all) value = -value;
    const auto after = masters(*engine);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] += after[i];
    return std::pair(outcome.lost == outcome.updates, all);
  };
  const auto [all_lost, still] = moved("all=fp64");
  EXPECT_TRUE(all_lost);
  EXPECT_TRUE(std::ranges::all_of(still, [](kernels::Wide by) { return by == 0; }));
  const auto [wide_lost, steps] = moved("all=fx8.56, a=fx16.40, e=fx16.40, g=fx16.40");
  EXPECT_FALSE(wide_lost);
  EXPECT_TRUE(std::ranges::any_of(steps, [](kernels::Wide by) {
    return by != 0 && std::abs(by) < 0x1p-47L && static_cast<double>(64 + by) == 64;
  }));
}

// The outputs of a last layer without activation are its sums.
TEST(Engine, LeavesValuesOfTheAccumulatorsFormat) {
  const auto is_value = [](double x) {
    const double code = x == 0 ? 0 : std::ldexp(x, 5 - std::ilogb(x));  // f6.5, of what is above its subnormals
    return code == std::rint(code);
  };
  for (const bool narrow : {false, true}) {
    const auto engine = engine_of(config_of("6x6x2 - conv 3 3x3 tanh - fc 5", narrow ? "acc=f6.5" : "all=fp32"));
    const Samples samples(*engine, 6);
    const auto team = Team::create(2);
    std::vector<double> outputs(6 * engine->outputs());
    team->run([&](Worker& worker) {
      engine->draw_weights(worker, 0);
      engine->infer(worker, samples.batch(), outputs.data(), nullptr, nullptr);
    });
    EXPECT_EQ(std::ranges::all_of(outputs, is_value), narrow);
  }
}

TEST(Engine, LearnsWithNarrowAccumulators) {
  for (const char* precision : {"acc=f6.5", "all=f6.5, m=fp32, acc=f6.5", "acc=fx6.6", "acc=e4m3/16",
                                "all=fp64, acc=f6.5", "acc=f5.3:sr", "acc=e5m2:sr8/16", "acc=fx4.4:sr"}) {
    const auto engine = engine_of(
        config_of("8x8x1 - conv 4 3x3 pad 1 relu - conv 4 3x3 depthwise relu - fc 12 relu - fc 4", precision, 12));
    const Samples samples(*engine, 12);
    const auto team = Team::create(2);
    const double before = step(*engine, *team, samples, 0, 0.1).loss;
    double loss = before;
    for (std::uint32_t number = 1; number < 120; ++number) loss = step(*engine, *team, samples, number, 0.1).loss;
    EXPECT_LT(loss, before / 2) << precision;
  }
}

TEST(Engine, RefusesWhatItCannotCompute) {
  EXPECT_EQ(refusal(config_of("5 - fc 4", "conv9.w=int4")),
            "--precision: \"conv9.w=int4\": no layer is called 'conv9', there are input, fc1");
  EXPECT_EQ(refusal(config_of("5 - fc 4", "acc=int8")),
            "--precision: fc1.acc=int8: no accumulator: the running sum of a product is fE.M, e4m3, fxI.F or ufxI.F");
  EXPECT_EQ(refusal(config_of("5 - fc 4 - fc 3", "fc2.acc=fp32:sr")),
            "--precision: fc2.acc=fp32:sr: 24 significant and 32 random bits, expected at most 53 together of an "
            "accumulator, as with sr29");
}

}  // namespace
}  // namespace udnn::test
