// udnn train: a network, a data set, a precision or several.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/base/nearest.h"
#include "src/base/refusal.h"
#include "src/data/load.h"
#include "src/machine/memory.h"
#include "src/network/model.h"
#include "src/report/human.h"
#include "src/report/progress.h"
#include "src/report/table.h"
#include "src/training/checkpoint.h"
#include "src/training/trainer.h"
#include "tools/format_argument.h"
#include "tools/interrupt.h"
#include "tools/json_line.h"
#include "tools/name_option.h"
#include "tools/number_option.h"
#include "tools/run_log.h"
#include "tools/score.h"
#include "tools/source.h"
#include "tools/verb.h"

namespace udnn::tools {

namespace {

// A step has a number of 32 bits in every draw, and the last of them stands for inference.
constexpr std::size_t kMostSteps = UINT32_MAX - 1;

struct TrainOptions {
  std::vector<std::string> what;  // NET DATA, or DATA with --resume
  std::vector<std::string> precisions = {"all=fp32"};
  std::size_t epochs = 10;
  bool epochs_given = false;  // with --resume: instead of what the file says
  std::size_t steps = 0;
  std::size_t batch = 64;
  std::string optimizer = "sgd";
  std::string schedule = "constant";
  std::string loss = "softmax";
  std::string exec = "auto";
  double learning_rate = 0.05;
  double momentum = 0.9;
  double weight_decay = 0;
  double clip = 0;
  double max_column_norm = 0;
  double validation = 0;
  std::size_t patience = 0;
  std::uint64_t seed = 1;
  int threads = 0;
  std::string out, resume, init, log;
  std::size_t log_roles_every = 100;
  double test_fraction = 0.2;
  std::string label;
  bool json = false;
  bool quiet = false;
};

/// What one run came to, for the table and for --json.
struct TrainOutcome {
  training::TrainerSummary summary;
  training::TrainerState state;
  training::Evaluation evaluation;
  std::uint64_t parameter_bytes = 0;
  std::size_t memory_bytes = 0;
  std::string precision, carrier, isa;
  network::NetworkDescription description;
};

/// What became of one of the precisions: an outcome, or why there is none, or both (it did not learn).
struct Run {
  std::string precision;
  std::optional<TrainOutcome> outcome;
  Status status;
};

Result<network::Model> new_model(const TrainOptions& options, const std::string& precision_text,
                                 const data::Dataset& dataset, int workers) {
  auto description = network::find_network(options.what[0], shape_of(dataset.train.shape), dataset.classes);
  if (!description) return description.error();
  auto precision = precision_argument(precision_text);
  if (!precision) return precision.error();
  const auto loss = ops::parse_loss(options.loss);
  if (!loss) return loss.error();
  const auto kind = ops::parse_optimizer(options.optimizer);
  if (!kind) return kind.error();

  network::Model model{
      .config = {.description = std::move(*description),
                 .precision = std::move(*precision),
                 .seed = options.seed,
                 .batch = options.batch,
                 .workers = workers,
                 .loss = *loss,
                 .optimizer = {.kind = *kind, .momentum = options.momentum, .weight_decay = options.weight_decay},
                 .clip_norm = options.clip,
                 .max_column_norm = options.max_column_norm}};
  auto engine = network::Engine::create(model.config);
  if (!engine) return engine.error();
  model.engine = std::move(*engine);
  if (options.init.empty()) return model;

  const auto start = network::load_model(options.init, {});
  if (!start) return start.error();
  if (!start->has_master)
    return base::invalid("--init: {}: holds no master weights, expected a file of udnn train --out or udnn import",
                         options.init);
  if (Status status = network::copy_parameters(*start->engine, *model.engine); !status.ok())
    return base::invalid("--init: {}: {}", options.init, status.message());
  return model;
}

/// The model and the state of its training, from the file of --resume. Errors: kInvalidArgument where the data are not
/// those it was trained on.
Result<network::Model> resumed_model(const TrainOptions& options, const data::Dataset& dataset, int workers,
                                     training::SavedRun& run) {
  // The batch stands in the file, and the engine's size hangs on it: read once for the facts, then as it has to be.
  auto model = network::load_model(options.resume, {.batch = 1, .workers = 1});
  if (!model) return model.error();
  const base::Field facts(model->facts, options.resume);
  if (!facts["run"].exists())
    return base::invalid(
        "--resume: {}: no run to go on with, expected a file of udnn train --out (--init starts from weights)",
        options.resume);
  const auto saved = training::read_run(facts["run"]);
  if (!saved) return saved.error();
  run = *saved;
  const auto fingerprint = facts["data"]["fingerprint"].text();
  if (!fingerprint) return fingerprint.error();
  const auto name = facts["data"]["name"].text();
  if (!name) return name.error();
  if (*fingerprint != dataset.fingerprint)
    return base::invalid("{}: fingerprint {}, expected {} (of '{}', which {} was trained on)", dataset.name,
                         dataset.fingerprint, *fingerprint, *name, options.resume);
  return network::load_model(options.resume, {.batch = run.config.batch, .workers = workers, .training = true});
}

base::Value data_facts(const data::Dataset& dataset) {
  base::Value names = base::Value::array();
  for (const std::string& name : dataset.class_names) names.push_back(name);
  return base::Value::object({{"name", dataset.name},
                              {"fingerprint", dataset.fingerprint},
                              {"shape", shape_of(dataset.train.shape).text()},
                              {"divisor", whole(dataset.train.divisor)},
                              {"classes", std::move(names)}});
}

/// Refuses a path that could never be written, before hours of training and not after.
Status can_be_written(const char* option, const std::string& path) {
  if (path.empty()) return {};
  if (path == "-")
    return base::invalid("{}: -: standard output, expected a file (./- is one of that name; /dev/stdout one too)",
                         option);
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!folder.empty() && !std::filesystem::is_directory(folder, error))
    return base::refusal(StatusCode::kIoError, "{}: {}: {}", option, path, error ? error.message() : "Not a directory");
  return {};
}

Result<TrainOutcome> train_once(const TrainOptions& options, const std::string& precision, const data::Dataset& dataset,
                                const Team& team, report::ProgressBar& bar) {
  training::SavedRun run;
  auto model = options.resume.empty() ? new_model(options, precision, dataset, team.threads())
                                      : resumed_model(options, dataset, team.threads(), run);
  if (!model) return model.error();
  if (options.resume.empty()) {
    const auto schedule = training::Schedule::parse(options.schedule);
    if (!schedule) return base::invalid("--{}", schedule.error().message());
    run.config = {.epochs = options.epochs,
                  .batch = options.batch,
                  .learning_rate = options.learning_rate,
                  .schedule = *schedule,
                  .validation = options.validation,
                  .patience = options.patience,
                  .seed = options.seed};
    model->facts = base::Value::object({{"data", data_facts(dataset)}});
  } else if (options.epochs_given) {
    run.config.epochs = options.epochs;
  }
  run.config.steps = options.steps;
  run.config.collect_every = options.log.empty() ? 0 : options.log_roles_every;

  network::Engine& engine = *model->engine;
  if (options.exec == "native" && model->config.precision.text() != "all=fp32" &&
      model->config.precision.text() != "all=fp64")
    return base::refusal(
        StatusCode::kUnsupported,
        "--exec native: '{}' has no native kernels yet, only all=fp32 and all=fp64 have; expected auto or emulated",
        model->config.precision.text());
  const network::SampleSource source = source_of(dataset.train);
  auto trainer = training::Trainer::create(engine, team, source, run.config, run.state);
  if (!trainer) return trainer.error();

  auto log = RunLog::open(options.log, !options.resume.empty());
  if (!log) return log.error();
  if (Status status = log->run(*model, run, dataset.name, team.threads()); !status.ok()) return status;

  const auto save = [&](const training::TrainerState& state) -> Status {
    if (options.out.empty()) return {};
    model->facts.set("run", training::to_value({run.config, state}));
    Status status = network::save_model(options.out, *model, network::ModelKind::kCheckpoint);
    return status.ok() ? status : Status(status.code(), "--out: " + status.message());
  };
  if (Status status = save(run.state); !status.ok()) return status;  // from now on there is something to go on from

  std::size_t drawn_epoch = std::numeric_limits<std::size_t>::max();
  const training::TrainerEvents events{
      .on_step =
          [&](const training::StepEvent& event) {
            if (event.epoch != drawn_epoch) {
              bar.start(fmt::format("epoch {}/{}", event.epoch + 1, run.config.epochs), event.epoch_samples);
              drawn_epoch = event.epoch;
            }
            // The mean, not this batch's loss: the last line says what the log says of the epoch.
            bar.update(event.samples, event.pace.images_per_second(), "loss " + report::four_decimals(event.mean_loss));
            return log->step(event, engine);
          },
      .on_epoch =
          [&](const training::EpochEvent& event) {
            bar.finish();
            return log->epoch(event);
          },
      .save = save,
      .stop = [] { return caught_interrupt() != 0; },
  };
  const auto summary = trainer->run(events);
  bar.finish();
  if (!summary) return summary.error();
  if (summary->stopped)
    return base::refusal(StatusCode::kInterrupted, "{} after {} steps{}", interrupt_text(caught_interrupt()),
                         summary->steps,
                         options.out.empty() ? "; nothing was saved, because there is no --out"
                                             : "; udnn train --resume " + options.out + " goes on");

  const network::SampleSource test = source_of(dataset.test);
  TrainOutcome outcome{.summary = *summary,
                       .state = trainer->state(),
                       .evaluation = training::evaluate(engine, team, test),
                       .parameter_bytes = network::parameter_bytes(engine),
                       .memory_bytes = engine.memory_bytes(),
                       .precision = model->config.precision.text(),
                       .carrier = std::string(engine.carrier()),
                       .isa = std::string(engine.isa()),
                       .description = model->config.description};
  base::Value metrics = score_value(outcome.evaluation);
  metrics.set("training_loss", finite_or_null(summary->loss));
  model->facts.set("metrics", std::move(metrics));
  if (Status status = save(trainer->state()); !status.ok()) return status;
  if (Status status = log->end(outcome.evaluation); !status.ok()) return status;
  return outcome;
}

/// What did not learn is written and reported, and is still no success.
Status diverged(const TrainOutcome& outcome) {
  if (std::isfinite(outcome.evaluation.loss)) return {};
  return base::invalid(
      "diverged: the loss of the test samples is {}, {} of {} steps were skipped as not finite; "
      "expected a lower --lr or a wider format",
      report::four_decimals(outcome.evaluation.loss), outcome.state.skipped, outcome.state.step);
}

base::Value outcome_value(const TrainOutcome& outcome, int threads) {
  base::Value value = score_value(outcome.evaluation);
  value.set("training_loss", outcome.summary.loss);
  value.set("epochs", outcome.summary.epochs);
  value.set("steps", outcome.summary.steps);
  value.set("stopped_early", outcome.summary.stopped_early);
  value.set("train_images_per_second", outcome.summary.pace.images_per_second());
  value.set("eval_images_per_second", outcome.evaluation.images_per_second);
  value.set("parameter_bytes", outcome.parameter_bytes);
  value.set("parameters", outcome.description.parameters());
  value.set("macs", outcome.description.macs());
  value.set("tensor_bytes", outcome.memory_bytes);
  value.set("peak_rss_bytes", machine::peak_rss_bytes());
  value.set("lost_updates", outcome.state.lost_share());
  value.set("skipped_steps", outcome.state.skipped);
  value.set("network", outcome.description.text());
  value.set("precision", outcome.precision);
  value.set("carrier", outcome.carrier);
  value.set("threads", threads);
  value.set("isa", outcome.isa);
  return value;
}

report::Table comparison(std::span<const Run> runs) {
  report::Table table({"precision", "accuracy %", "kappa", "images/s", "parameter bytes", "updates lost %"});
  for (const Run& run : runs)
    if (const auto& outcome = run.outcome)
      table.add_row({outcome->precision, report::fixed(100 * outcome->evaluation.confusion.accuracy(), 2),
                     report::fixed(outcome->evaluation.confusion.kappa(), 4),
                     report::fixed(outcome->summary.pace.images_per_second(), 0),
                     report::count(outcome->parameter_bytes), report::fixed(100 * outcome->state.lost_share(), 1)});
  return table;
}

/// {"runs": [...]}: those that were begun; one without an outcome says in "error" why.
base::Value runs_value(std::span<const Run> runs, int threads) {
  base::Value list = base::Value::array();
  for (const Run& run : runs)
    list.push_back(run.outcome ? outcome_value(*run.outcome, threads)
                               : base::Value::object({{"precision", run.precision}, {"error", run.status.message()}}));
  return base::Value::object({{"runs", std::move(list)}});
}

/// What several precisions came to: a line, and one below it for each failure where there are more than one.
Status status_of(std::span<const Run> runs, std::size_t wanted) {
  StatusCode code = StatusCode::kOk;
  std::vector<std::string> failures;
  for (const Run& run : runs) {
    if (run.status.ok() || run.status.code() == StatusCode::kInterrupted) continue;
    if (failures.empty()) code = run.status.code();
    failures.push_back(run.precision + ": " + run.status.message());
  }
  const Status& last = runs.back().status;
  if (last.code() == StatusCode::kInterrupted) {
    const auto finished =
        std::count_if(runs.begin(), runs.end(), [](const Run& run) { return run.outcome.has_value(); });
    failures.insert(failures.begin(), fmt::format("{}: {}; {} of {} precisions finished", runs.back().precision,
                                                  last.message(), finished, wanted));
    return {StatusCode::kInterrupted, fmt::format("{}", fmt::join(failures, "\n  "))};
  }
  if (failures.empty()) return {};
  if (failures.size() == 1) return {code, failures[0]};
  if (std::all_of(runs.begin(), runs.end(), [&](const Run& run) { return run.status.message() == last.message(); }))
    return last;  // then it is not the precision's fault
  return base::refusal(code, "{} of {} precisions failed:\n  {}", failures.size(), wanted, fmt::join(failures, "\n  "));
}

Status train(const TrainOptions& options) {
  if (options.precisions.size() > 1 && !(options.out.empty() && options.log.empty() && options.resume.empty()))
    return base::invalid("--precision: {} of them, expected one together with --out, --log or --resume",
                         options.precisions.size());
  if (!options.out.empty() && options.out == options.log)
    return base::invalid("--log: {}: the file of --out, expected another", options.log);
  for (const auto& [option, path] :
       {std::pair<const char*, const std::string&>{"--out", options.out}, {"--log", options.log}})
    if (Status status = can_be_written(option, path); !status.ok()) return status;
  const auto team = Team::create(options.threads);
  if (!team) return team.error();
  // What can be refused without the data is refused before they are read.
  for (const std::string& text : options.precisions)
    if (const auto precision = precision_argument(text); !precision) return precision.error();
  if (const auto schedule = training::Schedule::parse(options.schedule); !schedule)
    return base::invalid("--{}", schedule.error().message());
  data::LoadOptions how;
  how.test_fraction = options.test_fraction;
  how.seed = options.seed;
  how.csv_label = options.label;
  if (const std::string& data = options.what.back();
      network::is_built_in_network(data) && !std::filesystem::exists(data))
    return base::invalid("{}: a network, expected the data after it: udnn train {} {}", data, data,
                         options.resume.empty() ? options.what.front() : "DATA");
  const auto dataset = data::load(options.what.back(), how);
  if (!dataset) return dataset.error();

  catch_interrupts();
  report::ProgressConfig progress;
  progress.style = options.quiet ? report::ProgressStyle::kQuiet : report::style_for(stderr);
  progress.unit = "images";
  report::ProgressBar bar(std::move(progress));
  // A precision that fails does not take the others with it; a signal ends what is to come, and not what is done.
  const bool single = options.precisions.size() == 1;
  std::vector<Run> runs;
  for (const std::string& precision : options.precisions) {
    if (!single && !options.quiet) fmt::print(stderr, "{}\n", precision);
    auto outcome = train_once(options, precision, *dataset, *team, bar);
    if (outcome) {
      runs.push_back({outcome->precision, std::move(*outcome), {}});
      runs.back().status = diverged(*runs.back().outcome);
    } else {
      runs.push_back({precision, std::nullopt, outcome.error()});
    }
    if (runs.back().status.code() == StatusCode::kInterrupted) break;
  }

  if (single) {
    const Run& run = runs[0];
    if (!run.outcome) return run.status;
    if (!options.quiet) {
      print_score(run.outcome->evaluation, dataset->class_names);
      fmt::print("trained at {} images/s, evaluated at {}, {} of parameters, {:.1f} % of updates lost to rounding\n",
                 report::human(run.outcome->summary.pace.images_per_second()),
                 report::human(run.outcome->evaluation.images_per_second),
                 report::human_bytes(run.outcome->parameter_bytes), 100 * run.outcome->state.lost_share());
    }
    if (options.json) fmt::print("{}", json_line(outcome_value(*run.outcome, team->threads())));
    return run.status.ok() ? run.status : Status(run.status.code(), run.precision + ": " + run.status.message());
  }
  if (const report::Table table = comparison(runs); table.rows() > 0 && (!options.quiet || !options.json))
    fmt::print("{}", table.text());
  if (options.json) fmt::print("{}", json_line(runs_value(runs, team->threads())));
  return status_of(runs, options.precisions.size());
}

}  // namespace

namespace {

/// The package would call the words [what...], and does not know that a run that goes on has one of them.
class TrainHelp final : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* /*verb*/, std::string /*name*/) const override {
    return "Usage: udnn train [OPTIONS] NET DATA\n       udnn train [OPTIONS] --resume MODEL.udnn DATA\n";
  }
};

/// constant, "step FACTOR EPOCHS", ...
std::string schedules_help() {
  std::vector<std::string> texts;
  for (const training::ScheduleInfo& info : training::all_schedules()) {
    const std::string_view words = info.has_epochs ? " FACTOR EPOCHS" : info.has_factor ? " FACTOR" : "";
    texts.push_back(words.empty() ? std::string(info.name) : fmt::format("\"{}{}\"", info.name, words));
  }
  return fmt::format("{}; each may end in \"warmup STEPS\"", fmt::join(texts, ", "));
}

}  // namespace

void add_train(CLI::App& app, Action& action) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* const verb = app.add_subcommand("train", "Trains a network on a data set, at one precision or at several");
  verb->formatter(std::make_shared<TrainHelp>());
  verb->add_option("what", options->what,
                   "NET DATA. NET: mlp, lenet, cifarquick, convnet, a line such as \"784 - fc 10\", or a .toml file. "
                   "DATA: a name of udnn data list, or a path")
      ->expected(0, -1)  // counted below, where there are words for it
      ->option_text(" ");
  verb->add_option(
          "--precision", options->precisions,
          "Formats by layer and role: \"w=fx2.6:sr, a=fx4.4, fc2.w=int4\"; several times: a run each, and a table")
      ->take_all()
      ->allow_extra_args(false)  // the words after it are NET and DATA
      ->capture_default_str();
  CLI::Option* const epochs =
      add_whole(*verb, "--epochs", options->epochs, std::size_t{0}, kMostTimes, "Times over the data");
  CLI::Option* const steps =
      add_whole(*verb, "--steps", options->steps, std::size_t{0}, kMostSteps,
                "Stop after so many steps in all, 0: the epochs decide; the schedule stays that of the epochs");
  add_whole(*verb, "--batch", options->batch, std::size_t{1}, kMostBatch, "Samples in a step");
  add_name(*verb, "--opt", options->optimizer, base::names_of(ops::all_optimizers()));
  add_real(*verb, "--lr", options->learning_rate, Reals::kPositive, "Learning rate");
  verb->add_option("--schedule", options->schedule, schedules_help())->capture_default_str();
  add_real(*verb, "--momentum", options->momentum, Reals::kShare, "Of momentum and nesterov");
  add_real(*verb, "--weight-decay", options->weight_decay, Reals::kNotNegative, "Of weights, not of biases");
  add_real(*verb, "--clip", options->clip, Reals::kNotNegative, "Largest norm of the gradient; 0: any");
  add_real(*verb, "--max-column-norm", options->max_column_norm, Reals::kNotNegative,
           "Largest norm of the weights into one output; 0: any");
  add_name(*verb, "--loss", options->loss, base::names_of(ops::all_losses()));
  add_real(*verb, "--validation", options->validation, Reals::kShare,
           "Share of the training samples held back to watch");
  add_whole(*verb, "--patience", options->patience, std::size_t{0}, kMostTimes,
            "Stop after so many epochs without a better validation accuracy; 0: never");
  add_real(*verb, "--test-fraction", options->test_fraction, Reals::kInnerShare,
           "Share for testing, of data that come without a test part");
  verb->add_option("--label", options->label,
                   "Of a CSV file, the column that holds the classes; without it the last one");
  add_whole(*verb, "--seed", options->seed, std::uint64_t{0}, UINT64_MAX,
            "Of weights, shuffling, stochastic rounding and dropout");
  add_whole(*verb, "--threads", options->threads, 0, Team::kMaxThreads,
            "Threads, 0 = one per core; the result does not depend on it");
  add_name(*verb, "--exec", options->exec, {"auto", "native", "emulated"},
           "native: refuse what has no kernel of its own; emulated, auto: the carrier where there is none");
  verb->add_option("--out", options->out, "Where the model goes: before the first step, after each epoch, at the end");
  verb->add_option("--resume", options->resume,
                   "Go on from a file of --out, and write there unless --out names another; then DATA alone is named");
  verb->add_option("--init", options->init, "Start from the weights of a file of --out or of udnn import");
  verb->add_option(
      "--log", options->log,
      std::string("One JSON object a line: every step, every epoch, the roles now and then; ") + kNullMeans);
  add_whole(*verb, "--log-roles-every", options->log_roles_every, std::size_t{0}, kMostTimes,
            "Steps between two looks at overflow, underflow and error of every role; 0: none");
  verb->add_flag("--json", options->json, std::string("The last line of stdout is one JSON object; ") + kNullMeans);
  verb->add_flag("--quiet", options->quiet, "No progress, no tables");
  verb->footer(
      "Example: udnn train lenet mnist --precision \"all=bf16, w=fx2.6:sr, m=fp32\" --epochs 5 --opt adam --lr 1e-3 "
      "--out model.udnn\n\n" +
      network::network_help());
  // What a run that goes on may be told; the file says everything else.
  const std::vector<const CLI::Option*> for_resume = {epochs,
                                                      steps,
                                                      verb->get_option("--out"),
                                                      verb->get_option("--resume"),
                                                      verb->get_option("--threads"),
                                                      verb->get_option("--log"),
                                                      verb->get_option("--log-roles-every"),
                                                      verb->get_option("--json"),
                                                      verb->get_option("--quiet"),
                                                      verb->get_option("what")};
  verb->callback([options, epochs, for_resume, verb, &action] {
    const std::size_t wanted = options->resume.empty() ? 2 : 1;
    if (options->what.size() < wanted) throw CLI::RequiredError(options->what.empty() && wanted == 2 ? "net" : "data");
    if (options->what.size() > wanted && wanted == 1)
      throw CLI::ValidationError("--resume: the network stands in the file, expected the data alone");
    if (options->what.size() > wanted)
      throw CLI::ValidationError(fmt::format(
          "{} words, expected NET and DATA; a line like \"784 - fc 10\" is one word in quotes", options->what.size()));
    options->epochs_given = epochs->count() > 0;
    if (options->epochs == 0 && options->steps > 0)
      throw CLI::ValidationError("--epochs: 0 together with --steps, expected at least 1");
    if (!options->resume.empty()) {
      for (const CLI::Option* option : verb->get_options())
        if (option->count() > 0 && std::find(for_resume.begin(), for_resume.end(), option) == for_resume.end())
          throw CLI::ValidationError(option->get_name() +
                                     ": stands in the file of --resume, expected only --epochs, "
                                     "--steps, --out, --threads, --log, --log-roles-every, --json or --quiet with it");
      if (options->out.empty()) options->out = options->resume;
    }
    action = [options] { return train(*options); };
  });
}

}  // namespace udnn::tools
