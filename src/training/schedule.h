// src/training/schedule.h: the learning rate over time.
//
//   constant               base
//   step FACTOR EPOCHS     base FACTOR^floor(epoch / EPOCHS)
//   exponential FACTOR     base FACTOR^epoch
//   cosine                 base (1 + cos(pi t)) / 2,   t = (step - W) / (steps - W)
//   linear                 base (1 - t)
//
//   each of them may end in "warmup W": the first W steps take base (step + 1) / W
//
// step counts from 0 to steps - 1, epoch = floor(step / steps per epoch); W is 0 where it is not given. The rate never
// reaches 0 within the run. Computed of + - * / alone, so that every machine takes the same steps.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "udnn/status.h"

namespace udnn::training {

struct ScheduleInfo {
  std::string_view name;
  bool has_factor = false;  ///< FACTOR follows,
  bool has_epochs = false;  ///< and EPOCHS
};

/// The parser, text() and the help read it.
std::span<const ScheduleInfo> all_schedules() noexcept;

class Schedule {
 public:
  Schedule() = default;  ///< constant

  /// Words apart by spaces; FACTOR above 0 and at most 1; EPOCHS and W whole numbers of at least 1.
  /// Errors: kInvalidArgument, naming the word:  schedule: 'cosin', did you mean 'cosine'?
  static Result<Schedule> parse(std::string_view text);

  /// Requires step < steps and steps_per_epoch > 0 (asserted). A warm-up that lasts longer than the run is cut off.
  double rate(double base_rate, std::uint64_t step, std::uint64_t steps, std::uint64_t steps_per_epoch) const noexcept;

  std::string text() const;  ///< parses back to the same schedule

  bool operator==(const Schedule&) const = default;

 private:
  enum class Kind { kConstant, kStep, kExponential, kCosine, kLinear };  // as in all_schedules()

  Kind kind_ = Kind::kConstant;
  double factor_ = 1;
  std::uint64_t epochs_ = 1;
  std::uint64_t warmup_ = 0;
};

}  // namespace udnn::training
