// tools/score.h: an evaluation, for people and for programs.
#pragma once

#include <span>
#include <string>

#include "src/base/value.h"
#include "src/training/evaluate.h"

namespace udnn::tools {

/// accuracy, kappa, loss, macro figures, recall, precision_by_class, f1 (arrays), confusion (matrix),
/// without_prediction.
base::Value score_value(const training::Evaluation& evaluation);

/// The figures in a line, the classes in a table, and the confusion matrix where there are at most 20 classes.
void print_score(const training::Evaluation& evaluation, std::span<const std::string> class_names);

}  // namespace udnn::tools
