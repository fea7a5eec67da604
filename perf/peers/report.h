// perf/peers/report.h: what came of it, for people and for programs.
#pragma once

#include <span>
#include <string>

#include "perf/peers/race.h"
#include "perf/peers/subjects.h"
#include "src/base/value.h"

namespace udnn::peers {

/// The line above the rows, and a line for each race; with `all`, one more for everybody who took part.
std::string heading();
std::string row_text(const Race& race, bool all);

/// For each type and form: geometric means of the ratios and the worst row. Empty where uDNN met nobody.
std::string summary_text(std::span<const Race> races);

/// CPU, date, compiler, load, versions, every time.
base::Value report_value(std::span<const Race> races, const Field& field, const RaceOptions& options);

/// "AMD EPYC, family 26 model 2"; "unknown CPU" where the system does not say.
std::string cpu_text();

/// Of the last minute: what waited for a CPU, this program included. -1 where the system does not say.
double load_average();

}  // namespace udnn::peers
