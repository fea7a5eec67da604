#include "tools/run_log.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "src/base/file.h"
#include "tools/json_line.h"
#include "tools/score.h"

namespace udnn::tools {

namespace {

base::Value roles_value(const network::Engine& engine) {
  base::Value roles = base::Value::array();
  for (const network::RoleReport& report : engine.reports()) {
    const numbers::TensorStatistics& statistics = report.statistics;
    const auto count = static_cast<double>(statistics.count);
    roles.push_back(base::Value::object({{"tensor", report.layer},
                                         {"role", report.role},
                                         {"format", report.format},
                                         {"overflow_rate", static_cast<double>(statistics.saturated) / count},
                                         {"underflow_rate", static_cast<double>(statistics.zeros_out) / count},
                                         {"non_finite", statistics.non_finite},
                                         {"max_abs", statistics.max_abs},
                                         {"sqnr_db", statistics.sqnr_db()}}));
  }
  return roles;
}

}  // namespace

Result<RunLog> RunLog::open(const std::string& path, bool append) {
  RunLog log;
  log.path_ = path;
  if (path.empty()) return log;
  log.file_.reset(std::fopen(path.c_str(), append ? "a" : "w"));
  if (log.file_ == nullptr) return base::io_error("--log: " + path, "cannot be opened");
  return log;
}

Status RunLog::write(const base::Value& record, bool flush) {
  const std::string line = json_line(record);
  if (std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size() || (flush && std::fflush(file_.get()) != 0))
    return base::io_error("--log: " + path_, "cannot be written");
  return {};
}

Status RunLog::run(const network::Model& model, const training::SavedRun& run, const std::string& data, int threads) {
  if (file_ == nullptr) return {};
  base::Value record = base::Value::object({{"kind", "run"},
                                            {"network", model.config.description.text()},
                                            {"precision", model.config.precision.text()},
                                            {"data", data},
                                            {"optimizer", std::string(ops::name_of(model.config.optimizer.kind))},
                                            {"loss", std::string(ops::name_of(model.config.loss))},
                                            {"carrier", std::string(model.engine->carrier())},
                                            {"isa", std::string(model.engine->isa())},
                                            {"threads", threads},
                                            {"first_step", run.state.step}});
  const base::Value settings = training::to_value(run);
  for (const auto& [key, value] : settings.members())
    if (record.find(key) == nullptr) record.set(key, value);
  return write(record, true);
}

Status RunLog::step(const training::StepEvent& event, const network::Engine& engine) {
  if (file_ == nullptr) return {};
  const network::StepOutcome& outcome = event.outcome;
  const double lost =
      outcome.updates == 0 ? 0.0 : static_cast<double>(outcome.lost) / static_cast<double>(outcome.updates);
  Status status = write(base::Value::object({{"kind", "step"},
                                             {"step", event.step},
                                             {"epoch", event.epoch},
                                             {"loss", outcome.loss},
                                             {"gradient_norm", outcome.gradient_norm},
                                             {"learning_rate", event.learning_rate},
                                             {"updated", outcome.updated},
                                             {"lost_updates", lost}}),
                        false);
  if (!status.ok() || !event.collected) return status;

  base::Value norms = base::Value::object();
  const auto names = engine.layer_names();
  const auto values = engine.layer_gradient_norms();
  for (std::size_t i = 0; i < names.size(); ++i) norms.set(names[i], values[i]);
  return write(base::Value::object({{"kind", "roles"},
                                    {"step", event.step},
                                    {"gradient_norms", std::move(norms)},
                                    {"roles", roles_value(engine)}}),
               false);
}

Status RunLog::epoch(const training::EpochEvent& event) {
  if (file_ == nullptr) return {};
  base::Value record = base::Value::object({{"kind", "epoch"},
                                            {"epoch", event.epoch},
                                            {"loss", event.loss},
                                            {"images_per_second", event.pace.images_per_second()}});
  if (event.validation) {
    record.set("validation_accuracy", event.validation->confusion.accuracy());
    record.set("validation_loss", event.validation->loss);
  }
  return write(record, true);
}

Status RunLog::end(const training::Evaluation& evaluation) {
  if (file_ == nullptr) return {};
  base::Value record = base::Value::object({{"kind", "end"}});
  const base::Value score = score_value(evaluation);
  for (const auto& [key, value] : score.members()) record.set(key, value);
  return write(record, true);
}

}  // namespace udnn::tools
