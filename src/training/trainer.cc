#include "src/training/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include "src/base/philox.h"
#include "src/base/refusal.h"

namespace udnn::training {

namespace {

/// Which differs between machines.
double without_sign_of_nan(double value) noexcept {
  return std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value;
}

// The split is a shuffle of its own: no epoch has this number.
constexpr std::uint32_t kSplitEpoch = 0xFFFFFFFF;

}  // namespace

Result<Trainer> Trainer::create(network::Engine& engine, const Team& team, const network::SampleSource& source,
                                const TrainerConfig& config, const TrainerState& state) {
  if (config.batch == 0 || config.batch > engine.batch())
    return base::invalid("batch: {}, expected 1 to {} (what the network was made for)", config.batch, engine.batch());
  if (team.threads() > engine.workers())
    return base::invalid("threads: {}, expected 1 to {} (what the network was made for)", team.threads(),
                         engine.workers());
  if (!(config.learning_rate > 0) || !std::isfinite(config.learning_rate))
    return base::invalid("lr: {}, expected a finite number above 0", config.learning_rate);
  if (!(config.validation >= 0 && config.validation < 1))
    return base::invalid("validation: {}, expected 0 or more, and below 1", config.validation);
  if (config.patience > 0 && config.validation == 0)
    return base::invalid("patience: {}, expected a validation share above 0 with it", config.patience);
  if (source.size != engine.inputs())
    return base::invalid("data: samples of {} values, expected {} (the network's input)", source.size, engine.inputs());
  if (source.count == 0 || source.labels == nullptr)
    return base::invalid("data: {} samples, expected at least one, with a label", source.count);
  const std::uint32_t highest = *std::max_element(source.labels, source.labels + source.count);
  if (highest >= engine.outputs())
    return base::invalid("data: label {}, expected 0 to {} (the network's outputs)", highest, engine.outputs() - 1);

  Trainer trainer(engine, team, source, config, state);
  std::vector<std::uint32_t> rows(source.count);
  std::iota(rows.begin(), rows.end(), 0U);
  const auto held_back = static_cast<std::size_t>(config.validation * static_cast<double>(source.count));
  if (held_back > 0) {
    base::shuffle(rows, config.seed, kSplitEpoch);
    trainer.validation_rows_.assign(rows.end() - static_cast<std::ptrdiff_t>(held_back), rows.end());
    rows.resize(rows.size() - held_back);
    std::sort(rows.begin(), rows.end());
    std::sort(trainer.validation_rows_.begin(), trainer.validation_rows_.end());
  }
  if (rows.empty()) return base::invalid("validation: {} leaves no sample to train on", config.validation);
  trainer.training_rows_ = std::move(rows);
  return trainer;
}

void Trainer::draw_weights(std::uint32_t step) {
  team_->run([&](Worker& worker) { engine_->draw_weights(worker, step); });
}

Result<TrainerSummary> Trainer::run(const TrainerEvents& events) {
  TrainerSummary summary;
  const std::size_t per_epoch = steps_per_epoch();
  std::vector<std::uint32_t> order;
  std::size_t shuffled = std::numeric_limits<std::size_t>::max();  // the epoch that `order` belongs to; none yet
  draw_weights(static_cast<std::uint32_t>(state_.step));

  const std::uint64_t last = config_.steps > 0 ? config_.steps : std::uint64_t{config_.epochs} * per_epoch;
  while (state_.step < last && !summary.stopped_early) {
    const auto epoch = static_cast<std::size_t>(state_.step / per_epoch);
    if (epoch != shuffled) {
      order = training_rows_;
      base::shuffle(order, config_.seed, static_cast<std::uint32_t>(epoch));
      shuffled = epoch;
    }
    if (Status status = run_steps(epoch, order, last, events, summary.stopped); !status.ok()) return status;
    if (summary.stopped) break;
    if (state_.step % per_epoch == 0)
      if (Status status = finish_epoch(epoch, events, summary); !status.ok()) return status;
  }
  if (state_.step % per_epoch != 0) {
    summary.loss = state_.mean_loss();
    if (events.save)
      if (Status status = events.save(state_); !status.ok()) return status;
  }
  summary.epochs = static_cast<std::size_t>(state_.step / per_epoch);
  summary.steps = state_.step;
  summary.pace = pace_;
  draw_weights(network::kInferenceStep);
  return summary;
}

// The rest of an epoch is one region: between two steps the workers wait at a barrier while worker 0 does what comes
// there. A region for each step would cost a meeting of OpenMP's, whose threads spin for milliseconds where others want
// their CPU.
Status Trainer::run_steps(std::size_t epoch, std::span<const std::uint32_t> order, std::uint64_t last,
                          const TrainerEvents& events, bool& stopped) {
  const std::uint64_t end = std::min<std::uint64_t>(last, (epoch + 1) * steps_per_epoch());
  network::StepOrder orders;
  network::StepOutcome outcome;
  Status status;
  bool goes_on = true;
  team_->run([&](Worker& worker) {
    while (true) {
      std::chrono::steady_clock::time_point start;
      if (worker.index == 0) {
        goes_on = goes_on && state_.step < end;
        stopped = goes_on && events.stop && events.stop();
        goes_on = goes_on && !stopped;
        if (goes_on) orders = next_orders(order);
        start = std::chrono::steady_clock::now();
      }
      worker.barrier();
      if (!goes_on) return;
      engine_->train_step(worker, orders, outcome);
      if (worker.index != 0) continue;
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      for (Pace* pace : {&pace_, &epoch_pace_}) {
        pace->images += orders.batch.count;
        pace->seconds += elapsed.count();
      }
      status = finish_step(epoch, order.size(), orders, outcome, events);
      goes_on = status.ok();
    }
  });
  return status;
}

network::StepOrder Trainer::next_orders(std::span<const std::uint32_t> order) const {
  const std::size_t per_epoch = steps_per_epoch();
  const std::size_t first = static_cast<std::size_t>(state_.step % per_epoch) * config_.batch;
  const std::size_t size = std::min(config_.batch, order.size() - first);
  const std::uint64_t total = std::max<std::uint64_t>(config_.steps, std::uint64_t{config_.epochs} * per_epoch);
  return {
      .batch = {.source = source_, .rows = order.subspan(first, size), .count = size},
      .step = static_cast<std::uint32_t>(state_.step),
      .learning_rate = config_.schedule.rate(config_.learning_rate, state_.step, total, per_epoch),
      .collect = config_.collect_every > 0 && state_.step % config_.collect_every == 0,
  };
}

Status Trainer::finish_step(std::size_t epoch, std::size_t epoch_samples, const network::StepOrder& orders,
                            const network::StepOutcome& outcome, const TrainerEvents& events) {
  const std::size_t size = orders.batch.count;
  const std::uint64_t step = state_.step++;
  if (outcome.updated) {
    state_.epoch_loss += outcome.loss * static_cast<double>(size);
    state_.epoch_samples += size;
  }
  state_.updates += outcome.updates;
  state_.lost += outcome.lost;
  state_.skipped += outcome.updated ? 0 : 1;
  state_.skipped_in_a_row = outcome.updated ? 0 : state_.skipped_in_a_row + 1;
  if (events.on_step)
    if (Status status =
            events.on_step({.epoch = epoch,
                            .step = step,
                            .samples = static_cast<std::size_t>(step % steps_per_epoch()) * config_.batch + size,
                            .epoch_samples = epoch_samples,
                            .mean_loss = state_.mean_loss(),
                            .pace = epoch_pace_,
                            .learning_rate = orders.learning_rate,
                            .collected = orders.collect,
                            .outcome = outcome});
        !status.ok())
      return status;
  if (state_.skipped_in_a_row >= kMaxSkippedInARow)
    return base::invalid(
        "step {}: loss {}, gradient norm {}: not finite for {} steps in a row, expected finite ones (try a lower --lr "
        "or wider formats)",
        step, without_sign_of_nan(outcome.loss), without_sign_of_nan(outcome.gradient_norm), kMaxSkippedInARow);
  return {};
}

Status Trainer::finish_epoch(std::size_t epoch, const TrainerEvents& events, TrainerSummary& summary) {
  EpochEvent event{.epoch = epoch, .loss = state_.mean_loss(), .pace = epoch_pace_, .validation = {}};
  summary.loss = event.loss;
  state_.epoch_loss = 0;
  state_.epoch_samples = 0;
  epoch_pace_ = {};
  if (!validation_rows_.empty()) {
    draw_weights(network::kInferenceStep);
    event.validation = evaluate(*engine_, *team_, *source_, validation_rows_);
    draw_weights(static_cast<std::uint32_t>(state_.step));
    const double accuracy = event.validation->confusion.accuracy();
    state_.epochs_without_gain = accuracy > state_.best_accuracy ? 0 : state_.epochs_without_gain + 1;
    state_.best_accuracy = std::max(state_.best_accuracy, accuracy);
    summary.stopped_early = config_.patience > 0 && state_.epochs_without_gain >= config_.patience;
  }
  if (events.on_epoch)
    if (Status status = events.on_epoch(event); !status.ok()) return status;
  return events.save ? events.save(state_) : Status();
}

}  // namespace udnn::training
