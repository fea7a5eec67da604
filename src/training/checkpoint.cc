#include "src/training/checkpoint.h"

#include <fmt/format.h>

#include "src/base/refusal.h"

namespace udnn::training {

namespace {

// One list of fields for writing and reading: what is written is what is read.
template <class Run, class Visit>
void visit_numbers(Run& run, Visit&& visit) {
  visit("learning_rate", run.config.learning_rate);
  visit("validation", run.config.validation);
  visit("epoch_loss", run.state.epoch_loss);
  visit("best_accuracy", run.state.best_accuracy);
}

template <class Run, class Visit>
void visit_counts(Run& run, Visit&& visit) {
  visit("epochs", run.config.epochs);
  visit("batch", run.config.batch);
  visit("patience", run.config.patience);
  visit("step", run.state.step);
  visit("skipped", run.state.skipped);
  visit("skipped_in_a_row", run.state.skipped_in_a_row);
  visit("epoch_samples", run.state.epoch_samples);
  visit("updates", run.state.updates);
  visit("lost", run.state.lost);
  visit("epochs_without_gain", run.state.epochs_without_gain);
}

}  // namespace

base::Value to_value(const SavedRun& run) {
  base::Value value = base::Value::object();
  visit_numbers(run, [&](const char* key, double number) { value.set(key, number); });
  visit_counts(run, [&](const char* key, auto count) { value.set(key, static_cast<std::int64_t>(count)); });
  value.set("schedule", run.config.schedule.text());
  value.set("seed", fmt::format("{}", run.config.seed));  // as a text: 64 bits are more than a JSON number holds
  return value;
}

Result<SavedRun> read_run(const base::Field& field) {
  SavedRun run;
  Status status;
  visit_numbers(run, [&](const char* key, double& into) {
    const auto number = field[key].number();
    if (number)
      into = *number;
    else if (status.ok())
      status = number.error();
  });
  visit_counts(run, [&](const char* key, auto& into) {
    const auto count = field[key].size();
    if (count)
      into = *count;
    else if (status.ok())
      status = count.error();
  });
  if (!status.ok()) return status;
  const auto schedule = field["schedule"].text();
  if (!schedule) return schedule.error();
  const auto parsed = Schedule::parse(*schedule);
  if (!parsed) return base::invalid("{}: {}", field["schedule"].place(), parsed.error().message());
  run.config.schedule = *parsed;
  const auto seed = field["seed"].digits();
  if (!seed) return seed.error();
  run.config.seed = *seed;
  return run;
}

}  // namespace udnn::training
