// src/training/checkpoint.h: the state of a training run, as a model file keeps it among its facts.
#pragma once

#include <string>

#include "src/base/value.h"
#include "src/training/trainer.h"

namespace udnn::training {

/// What a run was told, so that it can go on: beside the state, everything that the rest of it depends on and the
/// engine does not know.
struct SavedRun {
  TrainerConfig config;
  TrainerState state;
};

base::Value to_value(const SavedRun& run);

/// Errors: kInvalidArgument, naming the field.
Result<SavedRun> read_run(const base::Field& field);

}  // namespace udnn::training
