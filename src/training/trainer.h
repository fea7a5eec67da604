// src/training/trainer.h: epochs, batches, rates, and when to stop.
//
// The order of the samples is a function of (seed, epoch), the draws of (seed, step): nothing depends on time or
// threads, and a run that goes on from a saved state ends with the bytes of a run that was never interrupted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "src/network/batch.h"
#include "src/network/engine.h"
#include "src/training/evaluate.h"
#include "src/training/schedule.h"
#include "udnn/status.h"
#include "udnn/team.h"

namespace udnn::training {

struct TrainerConfig {
  std::size_t epochs = 10;
  std::size_t steps = 0;   ///< stop after so many in all; 0: the epochs decide
  std::size_t batch = 64;  ///< the last batch of an epoch may be smaller
  double learning_rate = 0.01;
  Schedule schedule = {};
  double validation = 0;     ///< share of the training samples held back; below 1
  std::size_t patience = 0;  ///< stop after so many epochs without a better validation accuracy; 0: never
  std::uint64_t seed = 1;
  std::size_t collect_every = 0;  ///< gather the statistics of all roles at every so many steps; 0: never
};

/// All that the rest of a run depends on, beside the engine's tensors and ranges.
struct TrainerState {
  std::uint64_t step = 0;     ///< steps done
  std::uint64_t skipped = 0;  ///< steps without an update, because loss or gradient was not finite
  std::uint64_t skipped_in_a_row = 0;
  double epoch_loss = 0;            ///< sum over the samples of this epoch so far, of the steps that updated
  std::uint64_t epoch_samples = 0;  ///< how many those are
  std::uint64_t updates = 0;        ///< parameters that were to move, over all steps
  std::uint64_t lost = 0;           ///< those that rounding left where they were
  double best_accuracy = -1;        ///< on the validation samples
  std::uint64_t epochs_without_gain = 0;

  double mean_loss() const noexcept {
    return epoch_loss / static_cast<double>(epoch_samples);
  }  ///< NaN before the first
  double lost_share() const noexcept {
    return updates == 0 ? 0.0 : static_cast<double>(lost) / static_cast<double>(updates);
  }
};

/// What was trained in this process, and the time that the steps took: neither what a saved state brings along nor what
/// happens between the steps (validation, saving, the events) is in it.
struct Pace {
  std::uint64_t images = 0;
  double seconds = 0;

  double images_per_second() const noexcept { return seconds > 0 ? static_cast<double>(images) / seconds : 0; }
};

struct StepEvent {
  std::size_t epoch = 0;    ///< from 0
  std::uint64_t step = 0;   ///< from 0
  std::size_t samples = 0;  ///< of this epoch, this step included
  std::size_t epoch_samples = 0;
  double mean_loss =
      0;           ///< of this epoch so far; after its last step what EpochEvent says. NaN: no step has updated yet
  Pace pace = {};  ///< of this epoch so far
  double learning_rate = 0;
  bool collected = false;
  network::StepOutcome outcome = {};
};

struct EpochEvent {
  std::size_t epoch = 0;  ///< from 0
  double loss = 0;        ///< mean over the samples as they were trained on
  Pace pace = {};
  std::optional<Evaluation> validation;
};

/// What happens on the way. Each may be empty. on_step and stop are called by worker 0 while the others wait, and must
/// not throw.
struct TrainerEvents {
  std::function<Status(const StepEvent&)> on_step = {};
  std::function<Status(const EpochEvent&)> on_epoch = {};
  std::function<Status(const TrainerState&)> save =
      {};                           ///< after each epoch, and when the run stops in the middle of one
  std::function<bool()> stop = {};  ///< asked between steps
};

struct TrainerSummary {
  std::size_t epochs = 0;  ///< completed
  std::uint64_t steps = 0;
  double loss = 0;             ///< mean of the last completed epoch, else of the steps so far
  Pace pace = {};              ///< over all epochs
  bool stopped = false;        ///< `stop` said so
  bool stopped_early = false;  ///< patience ran out
};

class Trainer {
 public:
  static constexpr std::uint64_t kMaxSkippedInARow = 50;

  /// `engine`, `source` and `team` outlive the trainer. Errors: kInvalidArgument (naming the field).
  static Result<Trainer> create(network::Engine& engine, const Team& team, const network::SampleSource& source,
                                const TrainerConfig& config, const TrainerState& state = {});

  /// Errors: kMaxSkippedInARow steps in a row without a finite loss and gradient; those of the events. What was saved
  /// before stays.
  Result<TrainerSummary> run(const TrainerEvents& events);

  const TrainerState& state() const noexcept { return state_; }

 private:
  Trainer(network::Engine& engine, const Team& team, const network::SampleSource& source, const TrainerConfig& config,
          const TrainerState& state)
      : engine_(&engine), team_(&team), source_(&source), config_(config), state_(state) {}

  /// Up to the end of the epoch, or step `last`.
  Status run_steps(std::size_t epoch, std::span<const std::uint32_t> order, std::uint64_t last,
                   const TrainerEvents& events, bool& stopped);
  network::StepOrder next_orders(std::span<const std::uint32_t> order) const;
  Status finish_step(std::size_t epoch, std::size_t epoch_samples, const network::StepOrder& orders,
                     const network::StepOutcome& outcome, const TrainerEvents& events);
  Status finish_epoch(std::size_t epoch, const TrainerEvents& events, TrainerSummary& summary);
  void draw_weights(std::uint32_t step);

  std::size_t steps_per_epoch() const noexcept { return (training_rows_.size() + config_.batch - 1) / config_.batch; }

  network::Engine* engine_;
  const Team* team_;
  const network::SampleSource* source_;
  TrainerConfig config_;
  TrainerState state_;
  std::vector<std::uint32_t> training_rows_, validation_rows_;
  Pace pace_, epoch_pace_;
};

}  // namespace udnn::training
