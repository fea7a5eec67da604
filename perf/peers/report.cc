#include "perf/peers/report.h"

#include <cmath>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "perf/peers/peak.h"
#include "perf/peers/shapes.h"

namespace udnn::peers {

namespace {

std::string_view text_of(Form form) { return form == Form::kCall ? "call" : "packed"; }

std::string_view text_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kTimed:
      return "timed";
    case Outcome::kSlow:
      return "slow";
    case Outcome::kWrong:
      break;
  }
  return "wrong";
}

/// Gop/s and % of the peak; blanks and dashes for who is not there.
std::string speed_text(const Race& race, const Entrant* entrant) {
  if (entrant == nullptr) return fmt::format("{:>9} {:>4}", "-", "-");
  const double gops = race.gops(*entrant);
  if (race.peak_gops == 0) return fmt::format("{:>9.1f} {:>4}", gops, "-");
  return fmt::format("{:>9.1f} {:>4.0f}", gops, 100 * gops / race.peak_gops);
}

std::string entrant_text(const Race& race, const Entrant& entrant) {
  if (entrant.outcome == Outcome::kWrong) return fmt::format("    {:<13}    wrong\n", entrant.subject->name);
  const Quartiles quartiles = quartiles_of(entrant.call_ns);
  return fmt::format("    {:<13}{}  {:.4g} ns, quartiles {:+.1f} {:+.1f} %{}\n", entrant.subject->name,
                     speed_text(race, &entrant), quartiles.median, 100 * (quartiles.low / quartiles.median - 1),
                     100 * (quartiles.high / quartiles.median - 1),
                     entrant.outcome == Outcome::kSlow ? ", two calls only: slow" : "");
}

struct Mean {
  double log_sum = 0;
  std::size_t rows = 0;

  void add(double ratio) {
    log_sum += std::log(ratio);
    ++rows;
  }
  double value() const { return std::exp(log_sum / static_cast<double>(rows)); }
  std::string text() const { return rows == 0 ? "-" : fmt::format("{:.3f} ({} rows)", value(), rows); }
};

struct Summary {
  Mean large, small;
  const Race* worst = nullptr;
};

Summary summary_of(std::span<const Race> races, Type type, Form form) {
  Summary summary;
  for (const Race& race : races) {
    const double ratio = race.ratio();
    if (race.type->type != type || race.form != form || ratio == 0) continue;
    (is_large(race.shape) ? summary.large : summary.small).add(ratio);
    if (summary.worst == nullptr || ratio < summary.worst->ratio()) summary.worst = &race;
  }
  return summary;
}

base::Value entrant_value(const Race& race, const Entrant& entrant) {
  auto value = base::Value::object({{"name", entrant.subject->name}, {"outcome", text_of(entrant.outcome)}});
  if (entrant.outcome == Outcome::kWrong) return value;
  const Quartiles quartiles = quartiles_of(entrant.call_ns);
  value.set("median_ns", quartiles.median);
  value.set("low_quartile_ns", quartiles.low);
  value.set("high_quartile_ns", quartiles.high);
  value.set("gops", race.gops(entrant));
  auto rounds = base::Value::array();
  for (const double ns : entrant.call_ns) rounds.push_back(ns);
  value.set("rounds_ns", std::move(rounds));
  return value;
}

base::Value race_value(const Race& race) {
  auto value = base::Value::object({{"type", race.type->name},
                                    {"form", text_of(race.form)},
                                    {"m", race.shape.m},
                                    {"n", race.shape.n},
                                    {"k", race.shape.k}});
  if (race.peak_gops > 0) value.set("peak_gops", race.peak_gops);
  if (const Entrant* best = race.best_peer(); best != nullptr) value.set("best_peer", best->subject->name);
  if (race.ratio() > 0) value.set("ratio", race.ratio());
  auto entrants = base::Value::array();
  for (const Entrant& entrant : race.entrants) entrants.push_back(entrant_value(race, entrant));
  value.set("entrants", std::move(entrants));
  return value;
}

base::Value mean_value(const Mean& mean) {
  auto value = base::Value::object({{"rows", mean.rows}});
  if (mean.rows > 0) value.set("geomean", mean.value());
  return value;
}

std::string date_text() {
  const std::time_t now = std::time(nullptr);
  char text[32] = {};
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

constexpr Form kForms[] = {Form::kCall, Form::kPacked};

}  // namespace

std::string cpu_text() {
  std::ifstream file("/proc/cpuinfo");
  std::string name = "unknown CPU", family, model, line;
  const auto value_of = [&line](std::string_view key) {
    return line.starts_with(key) && line.find_first_of("\t:", key.size()) == key.size() && line.find(": ") != line.npos;
  };
  while (std::getline(file, line) && !line.empty()) {
    if (value_of("model name")) name = line.substr(line.find(": ") + 2);
    if (value_of("cpu family")) family = line.substr(line.find(": ") + 2);
    if (value_of("model")) model = line.substr(line.find(": ") + 2);
  }
  return family.empty() ? name : fmt::format("{}, family {} model {}", name, family, model);
}

double load_average() {
  double minutes[1] = {};
  return getloadavg(minutes, 1) == 1 ? minutes[0] : -1;
}

std::string heading() {
  return fmt::format("{:<5} {:<7} {:<16}{:>9}{:>5}  {:<13}{:>9}{:>5}{:>8}\n", "type", "form", "m x n x k", "uDNN", "%",
                     "best peer", "Gop/s", "%", "ratio");
}

std::string row_text(const Race& race, bool all) {
  const Entrant* const best = race.best_peer();
  std::string text =
      fmt::format("{:<5} {:<7} {:<16}{}  {:<13}{}", race.type->name, text_of(race.form), text_of(race.shape),
                  speed_text(race, race.own()), best == nullptr ? "-" : best->subject->name, speed_text(race, best));
  text += race.ratio() > 0 ? fmt::format("{:>8.2f}", race.ratio()) : fmt::format("{:>8}", "-");
  for (const Entrant& entrant : race.entrants)
    if (entrant.outcome == Outcome::kWrong) text += fmt::format("  wrong: {}", entrant.subject->name);
  text += '\n';
  if (all)
    for (const Entrant& entrant : race.entrants) text += entrant_text(race, entrant);
  return text;
}

std::string summary_text(std::span<const Race> races) {
  std::string text;
  for (const TypeTraits& type : all_types()) {
    for (const Form form : kForms) {
      const Summary summary = summary_of(races, type.type, form);
      if (summary.worst == nullptr) continue;
      text += fmt::format(
          "{} {}: uDNN over the best peer, geometric mean: all dimensions >= 64 {}; small or skinny {}; "
          "worst {:.2f} at {} ({})\n",
          type.name, text_of(form), summary.large.text(), summary.small.text(), summary.worst->ratio(),
          text_of(summary.worst->shape), summary.worst->best_peer()->subject->name);
    }
  }
  return text;
}

base::Value report_value(std::span<const Race> races, const Field& field, const RaceOptions& options) {
  auto subjects = base::Value::array(), absent = base::Value::array(), rows = base::Value::array(),
       summaries = base::Value::array(), peaks = base::Value::array();
  for (const auto& subject : field.subjects)
    subjects.push_back(base::Value::object({{"name", subject->name}, {"version", subject->version}}));
  for (const Absent& missing : field.absent)
    absent.push_back(base::Value::object({{"name", missing.name}, {"reason", missing.reason}}));
  for (const Race& race : races) rows.push_back(race_value(race));
  for (const TypeTraits& type : all_types()) {
    if (const Peak peak = peak_of(type.type); peak.run != nullptr)
      peaks.push_back(base::Value::object({{"type", type.name}, {"instruction", peak.instruction}}));
    for (const Form form : kForms) {
      const Summary summary = summary_of(races, type.type, form);
      if (summary.worst == nullptr) continue;
      summaries.push_back(base::Value::object({{"type", type.name},
                                               {"form", text_of(form)},
                                               {"large", mean_value(summary.large)},
                                               {"small_or_skinny", mean_value(summary.small)},
                                               {"worst_ratio", summary.worst->ratio()},
                                               {"worst_shape", text_of(summary.worst->shape)},
                                               {"worst_peer", summary.worst->best_peer()->subject->name}}));
    }
  }
  return base::Value::object({{"date", date_text()},
                              {"cpu", cpu_text()},
                              {"compiler", __VERSION__},
                              {"threads", options.threads},
                              {"rounds", options.rounds},
                              {"load_average", load_average()},
                              {"subjects", std::move(subjects)},
                              {"absent", std::move(absent)},
                              {"peaks", std::move(peaks)},
                              {"rows", std::move(rows)},
                              {"summaries", std::move(summaries)}});
}

}  // namespace udnn::peers
