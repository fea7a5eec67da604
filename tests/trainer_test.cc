// Training, its checkpoints and its model file, on a problem small enough to watch.
#include "src/training/trainer.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>

#include "src/base/container.h"
#include "src/base/file.h"
#include "src/network/model.h"
#include "src/training/checkpoint.h"
#include "tests/support.h"
#include "tests/temporary_folder.h"
#include "udnn/network.h"

namespace udnn::test {
namespace {

using network::Model;
using training::SavedRun;
using training::Trainer;
using training::TrainerConfig;

/// Two classes, told apart by the sign of the first of four values.
struct Problem {
  Problem() : values(reals<float>(480, 3)), labels(120) {
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = values[4 * i] > 0 ? 1 : 0;
    source = {.floats = values.data(), .divisor = 1, .size = 4, .count = labels.size(), .labels = labels.data()};
  }
  std::vector<float> values;
  std::vector<std::uint32_t> labels;
  network::SampleSource source;
};

Model model_of(std::string_view precision, ops::OptimizerKind optimizer = ops::OptimizerKind::kAdam) {
  Model model;
  model.config.description = *network::parse_network("4 - fc 12 - batchnorm relu - dropout 0.1 - fc 2");
  model.config.precision = *Precision::parse(precision);
  model.config.seed = 9;
  model.config.batch = 16;
  model.config.workers = 2;
  model.config.optimizer.kind = optimizer;
  model.engine = std::move(*network::Engine::create(model.config));
  model.facts = base::Value::object();
  return model;
}

/// Trains `model` from `run` on; saves after every epoch and at the end.
void train(Model& model, SavedRun run, const Problem& problem, const std::string& path) {
  const auto team = Team::create(2);
  auto trainer = Trainer::create(*model.engine, *team, problem.source, run.config, run.state);
  ASSERT_TRUE(trainer) << trainer.error().message();
  const auto save = [&](const training::TrainerState& state) {
    model.facts.set("run", training::to_value({run.config, state}));
    return network::save_model(path, model, network::ModelKind::kCheckpoint);
  };
  const auto summary = trainer->run({.save = save});
  ASSERT_TRUE(summary) << summary.error().message();
}

TEST(Trainer, LearnsAtEveryKindOfPrecision) {
  const Problem problem;
  const auto team = Team::create(2);
  for (const char* precision :
       {"all=fp32", "all=fp64", "all=bf16:sr", "all=e5m2:sr, m=bf16:sr, s=bf16", "all=fx6.10:sr, s=fx6.18",
        "all=dfx12, s=fp32", "w=int4, a=uint8", "w=b1", "w=t2, a=fx3.3", "all=posit16.1", "w=po25, a=posit8.2",
        "all=bfp8/2, m=bfp16/2:sr, s=bfp12/2", "acc=f6.5", "acc=fx6.10:wrap/4", "all=fx8.56"}) {
    Model model = model_of(precision);
    auto trainer =
        Trainer::create(*model.engine, *team, problem.source, {.epochs = 40, .batch = 16, .learning_rate = 0.02});
    ASSERT_TRUE(trainer) << trainer.error().message();
    ASSERT_TRUE(trainer->run({}));
    EXPECT_GE(training::evaluate(*model.engine, *team, problem.source).confusion.accuracy(), 0.9) << precision;
  }
}

// The state is complete: what a run that was cut in two writes is, byte for byte, what an uncut one writes.
TEST(Trainer, GoesOnFromACheckpointAsIfItHadNotStopped) {
  const TemporaryFolder folder;
  const Problem problem;
  for (const char* precision :
       {"all=fp32", "all=e5m2:sr, m=bf16:sr, s=bf16:sr", "all=dfx10, m=dfx16:sr", "w=b1, a=int8",
        "all=bfp8/2, m=bfp16/4:sr, s=bfp16/3", "w=po24, all=posit12.1", "all=bf16, acc=f6.5/3", "all=fx8.56:sr"})
    for (const std::size_t cut : Sizes{1, 8, 13, 24}) {
      SCOPED_TRACE(testing::Message() << precision << ", cut after step " << cut);
      TrainerConfig config{
          .epochs = 4, .batch = 16, .learning_rate = 0.01, .schedule = *training::Schedule::parse("cosine"), .seed = 9};
      Model whole = model_of(precision);
      train(whole, {config, {}}, problem, folder.file("whole.udnn"));

      Model first = model_of(precision);
      TrainerConfig until_cut = config;
      until_cut.steps = cut;
      train(first, {until_cut, {}}, problem, folder.file("cut.udnn"));
      auto second = network::load_model(folder.file("cut.udnn"), {.batch = 16, .workers = 2, .training = true});
      ASSERT_TRUE(second) << second.error().message();
      const auto run = training::read_run(base::Field(second->facts, "cut.udnn")["run"]);
      ASSERT_TRUE(run) << run.error().message();
      ASSERT_EQ(run->state.step, cut);
      train(*second, *run, problem, folder.file("cut.udnn"));
      ASSERT_EQ(folder.read("cut.udnn"), folder.read("whole.udnn"));
    }
}

// 120 samples in batches of 16: the eighth step of an epoch has 8. A run that goes on after step 11 has 72 left in its
// epoch, and what the first part trained is not in its figures, though its mean loss is that of the whole epoch.
TEST(Trainer, CountsWhatItTrainsItself) {
  const Problem problem;
  const auto team = Team::create(1);
  Model model = model_of("all=fp32");
  TrainerConfig config{.epochs = 3, .batch = 16, .learning_rate = 0.01, .seed = 9};
  config.steps = 11;
  training::TrainerState state;
  std::vector<std::uint64_t> steps, epochs;
  double sum = 0, told = 0;  // of the losses of epoch 1
  const auto run_on = [&] {
    auto trainer = Trainer::create(*model.engine, *team, problem.source, config, state);
    ASSERT_TRUE(trainer) << trainer.error().message();
    const auto summary = trainer->run({.on_step =
                                           [&](const training::StepEvent& event) {
                                             steps.push_back(event.pace.images);
                                             EXPECT_GT(event.pace.seconds, 0);
                                             const double size = event.step % 8 == 7 ? 8 : 16;
                                             if (event.epoch == 1) sum += size * event.outcome.loss;
                                             told = event.mean_loss;
                                             return Status();
                                           },
                                       .on_epoch =
                                           [&](const training::EpochEvent& event) {
                                             epochs.push_back(event.pace.images);
                                             EXPECT_EQ(event.loss, told);
                                             if (event.epoch == 1) {
                                               EXPECT_DOUBLE_EQ(event.loss, sum / 120);
                                             }
                                             return Status();
                                           }});
    ASSERT_TRUE(summary);
    epochs.push_back(summary->pace.images);
    state = trainer->state();
  };
  run_on();
  EXPECT_EQ(steps, (std::vector<std::uint64_t>{16, 32, 48, 64, 80, 96, 112, 120, 16, 32, 48}));
  EXPECT_EQ(epochs, (std::vector<std::uint64_t>{120, 168}));
  config.steps = 0;
  steps.clear();
  epochs.clear();
  run_on();
  EXPECT_EQ(steps, (std::vector<std::uint64_t>{16, 32, 48, 64, 72, 16, 32, 48, 64, 80, 96, 112, 120}));
  EXPECT_EQ(epochs, (std::vector<std::uint64_t>{72, 120, 192}));
}

TEST(Trainer, StopsWhenTheValidationAccuracyNoLongerRises) {
  const Problem problem;
  const auto team = Team::create(1);
  Model model = model_of("all=fp32");
  auto trainer =
      Trainer::create(*model.engine, *team, problem.source,
                      {.epochs = 500, .batch = 16, .learning_rate = 0.02, .validation = 0.25, .patience = 3});
  ASSERT_TRUE(trainer);
  std::size_t epochs = 0;
  const auto summary = trainer->run({.on_epoch = [&](const training::EpochEvent& event) {
    EXPECT_TRUE(event.validation);
    EXPECT_EQ(event.validation->confusion.total(), 30);
    ++epochs;
    return Status();
  }});
  ASSERT_TRUE(summary);
  EXPECT_TRUE(summary->stopped_early);
  EXPECT_LT(epochs, 500);
  EXPECT_EQ(summary->epochs, epochs);
}

TEST(Trainer, GivesUpWhenNothingIsFiniteAnyMore) {
  Problem problem;
  std::fill(problem.values.begin(), problem.values.end(), std::numeric_limits<float>::infinity());
  const auto team = Team::create(1);
  Model model = model_of("all=fp32");
  auto trainer =
      Trainer::create(*model.engine, *team, problem.source, {.epochs = 20, .batch = 16, .learning_rate = 0.02});
  ASSERT_TRUE(trainer);
  const auto summary = trainer->run({});
  ASSERT_FALSE(summary);
  EXPECT_NE(summary.error().message().find("not finite for 50 steps in a row"), std::string::npos)
      << summary.error().message();
}

TEST(Trainer, SaysWhichSettingIsWrong) {
  const Problem problem;
  const auto team = Team::create(1);
  Model model = model_of("all=fp32");
  const auto refusal = [&](const TrainerConfig& config, const network::SampleSource& source) {
    const auto trainer = Trainer::create(*model.engine, *team, source, config);
    return trainer ? "accepted" : trainer.error().message();
  };
  EXPECT_EQ(refusal({.batch = 17}, problem.source), "batch: 17, expected 1 to 16 (what the network was made for)");
  EXPECT_EQ(refusal({.batch = 16, .learning_rate = 0}, problem.source), "lr: 0, expected a finite number above 0");
  EXPECT_EQ(refusal({.batch = 16, .validation = 1}, problem.source), "validation: 1, expected 0 or more, and below 1");
  EXPECT_EQ(refusal({.batch = 16, .patience = 2}, problem.source),
            "patience: 2, expected a validation share above 0 with it");
  const auto many = Team::create(3);
  const auto crowded = Trainer::create(*model.engine, *many, problem.source, {.batch = 16});
  ASSERT_FALSE(crowded);
  EXPECT_EQ(crowded.error().message(), "threads: 3, expected 1 to 2 (what the network was made for)");
  network::SampleSource wide = problem.source;
  wide.size = 5;
  EXPECT_EQ(refusal({.batch = 16}, wide), "data: samples of 5 values, expected 4 (the network's input)");
}

// A model file holds the weights in format w, packed; what they compute is what the checkpoint computes.
TEST(ModelFile, KeepsTheOutputsInFewerBytes) {
  const TemporaryFolder folder;
  const Problem problem;
  const auto team = Team::create(2);
  for (const char* precision :
       {"all=fp32", "w=b1", "w=t2", "w=int4, a=uint8", "w=dfx5", "w=fx2.3:sr", "w=f3.2", "all=fp64, w=fx2.40",
        "all=fx8.56, w=fx2.55", "w=bfp5/4", "w=posit8.1", "w=po24:log", "w=bf16, acc=f5.2"}) {
    SCOPED_TRACE(precision);
    Model model = model_of(precision);
    train(model, {{.epochs = 2, .batch = 16, .learning_rate = 0.01}, {}}, problem, folder.file("checkpoint.udnn"));
    ASSERT_TRUE(network::save_model(folder.file("model.udnn"), model, network::ModelKind::kModel).ok());
    EXPECT_LT(std::filesystem::file_size(folder.file("model.udnn")),
              std::filesystem::file_size(folder.file("checkpoint.udnn")));
    const auto outputs_of = [&](network::Engine& engine) {
      std::vector<double> outputs(240);
      team->run([&](Worker& worker) {
        for (std::size_t first = 0; first < 120; first += 12)
          engine.infer(worker, {.source = &problem.source, .first = first, .count = 12}, outputs.data() + 2 * first,
                       nullptr, nullptr);
      });
      return outputs;
    };
    const auto want = outputs_of(*model.engine);
    for (const char* name : {"checkpoint.udnn", "model.udnn"}) {
      const auto loaded = network::load_model(folder.file(name), {.batch = 12, .workers = 2});
      ASSERT_TRUE(loaded) << loaded.error().message();
      EXPECT_EQ(outputs_of(*loaded->engine), want) << name;
    }
  }
}

Model model_in_blocks(const char* precision) {
  Model model;
  model.config.description = *network::parse_network("32 - fc 64 tanh - fc 10");
  model.config.precision = *Precision::parse(precision);
  model.config.batch = 1;
  model.engine = std::move(*network::Engine::create(model.config));
  Team::create(1)->run([&](Worker& worker) { model.engine->draw_weights(worker, 0); });
  model.facts = base::Value::object();
  return model;
}

TEST(ModelFile, KeepsTheScaleOfEveryBlock) {
  const TemporaryFolder folder;
  for (const char* precision : {"w=mxfp4", "w=mxfp8:even, m=mxfp8", "w=mxint8, m=mxint8:rdn", "w=nvfp4, m=nvfp4:rup"}) {
    SCOPED_TRACE(precision);
    const Model model = model_in_blocks(precision);
    const auto values_of = [](const network::Engine& held) {
      std::vector<std::vector<kernels::Wide>> all;
      for (std::size_t i = 0; i < held.tensors().size(); ++i) all.push_back(held.values(i));
      return all;
    };
    for (const auto kind : {network::ModelKind::kCheckpoint, network::ModelKind::kModel}) {
      const std::string first = folder.file("first.udnn"), second = folder.file("second.udnn");
      ASSERT_TRUE(network::save_model(first, model, kind).ok());
      const auto loaded = network::load_model(first, {.training = kind == network::ModelKind::kCheckpoint});
      ASSERT_TRUE(loaded) << loaded.error().message();
      if (kind == network::ModelKind::kCheckpoint) {
        EXPECT_EQ(values_of(*loaded->engine), values_of(*model.engine));
      }
      ASSERT_TRUE(network::save_model(second, *loaded, kind).ok());
      EXPECT_EQ(folder.read("second.udnn"), folder.read("first.udnn"));
    }
  }
}

// The frame is whole and its check sums fit, but the sections are not those of this network.
TEST(ModelFile, SaysWhichSectionIsNotWhatItShouldBe) {
  const TemporaryFolder folder;
  const Model model = model_of("w=fx2.3, a=dfx8");
  const std::string path = folder.file("m.udnn");
  const auto refusal_after = [&](std::string_view changed, const std::function<void(std::string&)>& change) {
    EXPECT_TRUE(network::save_model(path, model, network::ModelKind::kCheckpoint).ok());
    const auto container = base::read_container(path);
    std::vector<std::string> texts;
    for (const base::Section& section : container->sections())
      texts.emplace_back(reinterpret_cast<const char*>(section.bytes.data()), section.bytes.size());
    std::vector<base::Section> sections(container->sections().begin(), container->sections().end());
    for (std::size_t i = 0; i < sections.size(); ++i) {
      if (sections[i].name == changed) change(texts[i]);
      sections[i].bytes = std::as_bytes(std::span(texts[i]));
    }
    const std::string other = folder.file("other.udnn");
    EXPECT_TRUE(base::write_container(other, sections).ok());
    const auto loaded = network::load_model(other, {});
    return loaded ? "accepted" : loaded.error().message().substr(other.size());
  };
  const auto replace = [](std::string_view what, std::string_view by) {
    return [what, by](std::string& text) {
      const std::size_t at = text.find(what);
      ASSERT_NE(at, std::string::npos) << what << " in " << text;
      text.replace(at, what.size(), by);
    };
  };
  const auto pop = [](std::string& text) { text.pop_back(); };
  EXPECT_EQ(refusal_after("", pop), "accepted");
  EXPECT_EQ(refusal_after("header", replace("\"version\":2", "\"version\":3")),
            ": offset 640: section 'header': version: 3, expected at most 2 (written by a later uDNN)");
  EXPECT_EQ(refusal_after("header", replace("fc1.weights", "fc9.weights")),
            ": offset 640: section 'header': tensors[0]: fc9.weights in role m, expected fc1.weights in role m");
  EXPECT_EQ(refusal_after("header", replace("],\"facts\"", ",{}],\"facts\"")),
            ": offset 640: section 'header': tensors: 21 tensors, expected 20");
  EXPECT_EQ(refusal_after("header", pop), ": offset 640: section 'header': offset 1880: no JSON at '\\\"facts\\\":{}'");
  EXPECT_EQ(refusal_after("t0", pop), ": offset 2880: section 't0': 191 bytes, expected 192 (48 codes of 32 bits)");
  EXPECT_EQ(refusal_after("ranges", pop),
            ": offset 2560: section 'ranges': offset 312: 7 bytes left, expected 8 (a double)");
  EXPECT_EQ(refusal_after("ranges", [](std::string& text) { text.resize(8); }),
            ": offset 2560: section 'ranges': ranges: 1 values, expected 40");
}

TEST(ModelFile, KeepsAByteForEveryBlock) {
  const TemporaryFolder folder;
  struct Case {
    const char* precision;
    std::size_t bytes;  // of the 32 x 64 weights: codes, a scale for each 32 (16, 4) in a column, that of the tensor
  };
  for (const Case& known : {Case{"w=mxfp4", 1024 + 64}, Case{"w=mxfp6", 1536 + 64}, Case{"w=mxint8", 2048 + 64},
                            Case{"w=bfp5/4", 1280 + 512}, Case{"w=nvfp4", 1024 + 128 + 4}}) {
    SCOPED_TRACE(known.precision);
    const Model model = model_in_blocks(known.precision);
    ASSERT_TRUE(network::save_model(folder.file("model.udnn"), model, network::ModelKind::kModel).ok());
    const auto file = base::read_container(folder.file("model.udnn"));
    ASSERT_TRUE(file);
    std::size_t kept = 0;
    for (const base::Section& section : file->sections())
      if (section.name.starts_with('t')) kept += section.bytes.size();
    EXPECT_EQ(file->section("t0")->size(), known.bytes);
    EXPECT_EQ(model.engine->parameter_bits(), 8 * static_cast<double>(kept));
  }
}

// What was written once is read and written for ever: ranges, block scales, the scale of a tensor, codes. The file:
//   udnn train "2 - fc 5 relu - fc 2" table.csv --precision "all=dfx8, m=nvfp4, s=mxfp8, fc2.m=bfp6/4, fc2.w=int4"
//     --opt adam --epochs 1 --out model_v2.udnn
TEST(ModelFile, OfVersion2KeepsItsBytes) {
  const TemporaryFolder folder;
  const std::string golden = std::string(UDNN_GOLDEN_FOLDER) + "/model_v2.udnn";
  const auto loaded = network::load_model(golden, {.training = true});
  ASSERT_TRUE(loaded) << loaded.error().message();
  ASSERT_TRUE(network::save_model(folder.file("again.udnn"), *loaded, network::ModelKind::kCheckpoint).ok());
  const auto before = base::read_file(golden), after = base::read_file(folder.file("again.udnn"));
  ASSERT_TRUE(before && after);
  EXPECT_EQ(*after, *before);
}

TEST(ModelFile, ReadsTheUnitsThatVersion1KeptAsDoubles) {
  const TemporaryFolder folder;
  const Model model = model_in_blocks("w=mxint8, m=bfp8/16");
  for (const auto kind : {network::ModelKind::kCheckpoint, network::ModelKind::kModel}) {
    ASSERT_TRUE(network::save_model(folder.file("new.udnn"), model, kind).ok());
    const auto file = base::read_container(folder.file("new.udnn"));
    ASSERT_TRUE(file);
    // mxint8: 2^(byte - 133), in blocks of 32; bfp: 2^(byte - 127), in blocks of 16. Sections t0 .. t3 are the matrix
    // and the bias of either layer; a kModel file holds the matrices in mxint8.
    const bool is_model = kind == network::ModelKind::kModel;
    const std::size_t rows[] = {32, 1, 64, 1}, columns[] = {64, 64, 10, 10};
    std::vector<base::Section> sections;
    std::vector<std::vector<std::byte>> kept;
    kept.reserve(8);
    for (const base::Section& section : file->sections()) {
      std::vector<std::byte> bytes(section.bytes.begin(), section.bytes.end());
      if (section.name == "header") {
        std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        const std::size_t at = text.find("\"version\":2");
        ASSERT_NE(at, std::string::npos);
        text[at + 10] = '1';
        std::memcpy(bytes.data(), text.data(), text.size());
      } else if (section.name.starts_with('t')) {
        const auto which = static_cast<std::size_t>(section.name[1] - '0');
        const bool is_mx = is_model && rows[which] > 1;
        const std::size_t block = is_mx ? 32 : 16, blocks = (rows[which] + block - 1) / block * columns[which];
        std::vector<std::byte> old(8 * blocks);
        for (std::size_t b = 0; b < blocks; ++b) {
          const double unit = std::exp2(std::to_integer<int>(bytes[b]) - (is_mx ? 133 : 127));
          std::memcpy(old.data() + 8 * b, &unit, 8);
        }
        old.insert(old.end(), bytes.begin() + static_cast<std::ptrdiff_t>(blocks), bytes.end());
        bytes = std::move(old);
      }
      kept.push_back(std::move(bytes));
      sections.push_back({section.name, kept.back()});
    }
    ASSERT_EQ(sections.size(), 6U);
    ASSERT_TRUE(base::write_container(folder.file("old.udnn"), sections).ok());
    const auto loaded =
        network::load_model(folder.file("old.udnn"), {.training = kind == network::ModelKind::kCheckpoint});
    ASSERT_TRUE(loaded) << loaded.error().message();
    ASSERT_TRUE(network::save_model(folder.file("again.udnn"), *loaded, kind).ok());
    EXPECT_EQ(folder.read("again.udnn"), folder.read("new.udnn"));
  }
}

TEST(ModelFile, RefusesABlockScaleThatNoBlockHas) {
  const TemporaryFolder folder;
  const auto refusal = [&](const char* precision, std::size_t place, int byte, std::size_t cut) {
    EXPECT_TRUE(
        network::save_model(folder.file("whole.udnn"), model_in_blocks(precision), network::ModelKind::kModel).ok());
    const auto file = base::read_container(folder.file("whole.udnn"));
    std::vector<base::Section> sections(file->sections().begin(), file->sections().end());
    std::vector<std::byte> damaged(sections[2].bytes.begin(), sections[2].bytes.end());
    damaged[place] = static_cast<std::byte>(byte);
    damaged.resize(damaged.size() - cut);
    sections[2].bytes = damaged;
    EXPECT_TRUE(base::write_container(folder.file("damaged.udnn"), sections).ok());
    const auto loaded = network::load_model(folder.file("damaged.udnn"), {});
    const std::string& said = loaded ? folder.file("") : loaded.error().message();
    return said.substr(folder.file("damaged.udnn").size());
  };
  EXPECT_EQ(refusal("w=mxfp4", 3, 0xff, 0), ": offset 896: section 't0': block scale 3 is 0xff, which no block has");
  EXPECT_EQ(refusal("w=nvfp4", 9, 0x80, 0), ": offset 896: section 't0': block scale 5 is 0x80, which no block has");
  EXPECT_TRUE(refusal("w=nvfp4", 3, 0xb8, 0).starts_with(": offset 896: section 't0': scale of the tensor -"));
  EXPECT_EQ(refusal("w=nvfp4", 0, 0, 1100),
            ": offset 896: section 't0': 56 bytes, expected at least 132 (the scales of 128 blocks)");
}

TEST(ModelFile, CannotBeTrainedWithoutItsMasterWeights) {
  const TemporaryFolder folder;
  const Model model = model_of("w=b1");
  ASSERT_TRUE(network::save_model(folder.file("model.udnn"), model, network::ModelKind::kModel).ok());
  const auto loaded = network::load_model(folder.file("model.udnn"), {.training = true});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message(),
            folder.file("model.udnn") + ": holds no master weights, expected a checkpoint to train from");
}

TEST(ModelFile, TakesTensorsBackFromBothLayouts) {
  Model from, to;
  for (Model* model : {&from, &to}) {
    model->config.description = *network::parse_network("6x6x2 - conv 3 3x3 relu - batchnorm - fc 5");
    model->config.seed = model == &from ? 1 : 2;
    model->engine = std::move(*network::Engine::create(model->config));
  }
  for (const auto layout : {network::TensorLayout::kKeras, network::TensorLayout::kTorch}) {
    const auto tensors = network::export_tensors(*from.engine, layout);
    const auto conv =
        std::find_if(tensors.begin(), tensors.end(), [](const auto& tensor) { return tensor.shape.size() == 4; });
    ASSERT_NE(conv, tensors.end());
    EXPECT_EQ(conv->name, layout == network::TensorLayout::kKeras ? "conv1.weights" : "conv1.weight");
    EXPECT_EQ(conv->shape, layout == network::TensorLayout::kKeras ? (std::vector<std::size_t>{3, 3, 2, 3})
                                                                   : (std::vector<std::size_t>{3, 2, 3, 3}));
    const Status status = network::import_tensors(*to.engine, tensors, layout);
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(network::export_tensors(*to.engine, layout), tensors);
  }
  auto tensors = network::export_tensors(*from.engine, network::TensorLayout::kKeras);
  tensors.pop_back();
  EXPECT_EQ(network::import_tensors(*to.engine, tensors, network::TensorLayout::kKeras).message(),
            "tensor 'fc1.bias' is missing");
}

TEST(Network, TrainsSavesAndPredictsThroughThePublicHeader) {
  const TemporaryFolder folder;
  const Problem problem;
  auto made =
      Network::create({.layers = "4 - fc 16 relu - fc 2", .precision = "all=bf16, m=fp32", .batch = 16, .threads = 2});
  ASSERT_TRUE(made) << made.error().message();
  const auto trained =
      made->train({problem.values, problem.labels}, {.epochs = 40, .optimizer = "adam", .learning_rate = 0.01});
  ASSERT_TRUE(trained) << trained.error().message();
  const auto score = made->evaluate({problem.values, problem.labels});
  ASSERT_TRUE(score);
  EXPECT_GE(score->accuracy, 0.95);
  ASSERT_TRUE(made->save(folder.file("network.udnn")).ok());
  auto loaded = Network::load(folder.file("network.udnn"));
  ASSERT_TRUE(loaded) << loaded.error().message();
  std::vector<double> before(240), after(240);
  ASSERT_TRUE(made->predict(problem.values, before).ok());
  ASSERT_TRUE(loaded->predict(problem.values, after).ok());
  EXPECT_EQ(before, after);
  EXPECT_EQ(made->predict(problem.values, std::span(before).first(3)).message(),
            "predict: 480 inputs and 3 outputs, expected 4 and 2 for each sample");
}

}  // namespace
}  // namespace udnn::test
