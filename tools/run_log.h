// tools/run_log.h: what happens during training, one JSON object a line.
//
//   {"kind":"run", ...}     network, precision, data, seed, rates
//   {"kind":"step", ...}    step, epoch, loss (mean of the batch, before the update), gradient_norm, learning_rate,
//   updated, lost_updates
//   {"kind":"roles", ...}   at steps that collect: gradient norm of each layer; of each tensor in each role: format,
//   overflow and underflow rate, SQNR in dB, largest magnitude
//   {"kind":"epoch", ...}   mean loss, images/s, validation accuracy
//   {"kind":"end", ...}     what the test samples say
//
// null stands for a number that is not finite: a lost loss, a rate of no values, the SQNR of what was exact.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "src/base/value.h"
#include "src/network/model.h"
#include "src/training/checkpoint.h"
#include "src/training/trainer.h"
#include "udnn/status.h"

namespace udnn::tools {

class RunLog {
 public:
  /// An empty path: nothing is logged. `append`: a resumed run goes on where the file ends. Errors: kIoError.
  static Result<RunLog> open(const std::string& path, bool append);

  // Errors: kIoError, naming the path.
  Status run(const network::Model& model, const training::SavedRun& run, const std::string& data, int threads);
  Status step(const training::StepEvent& event, const network::Engine& engine);
  Status epoch(const training::EpochEvent& event);
  Status end(const training::Evaluation& evaluation);

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };

  Status write(const base::Value& record, bool flush);

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace udnn::tools
