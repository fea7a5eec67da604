#include "perf/peers/race.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <limits>
#include <thread>

#include "perf/peers/peak.h"
#include "udnn/team.h"

namespace udnn::peers {

namespace {

constexpr double kTurnNs = 2e6;
constexpr double kWarmUpBelowNs = 5e6;  // longer calls do not depend on what the caches held before
constexpr double kTooSlow = 20;

/// On one thread the CPU time of the process: what somebody else on this CPU takes is not ours, and a thread that a
/// library should not have started is. On several, which wait for one another, the time on the wall.
double now_ns(int threads) {
  if (threads > 1) {
    const std::chrono::duration<double, std::nano> now = std::chrono::steady_clock::now().time_since_epoch();
    return now.count();
  }
  timespec now = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double time_ns(const Run& run, std::size_t times, int threads) {
  const double start = now_ns(threads);
  run(times);
  return (now_ns(threads) - start) / static_cast<double>(times);
}

struct Turn {
  Run run;
  std::size_t batch = 1;
  double call_ns = 0;  // about
  std::vector<double>* into = nullptr;
};

/// How many calls make a turn: doubled until they last.
void calibrate(Turn& turn, int threads) {
  for (turn.batch = 1;; turn.batch *= 2) {
    turn.call_ns = time_ns(turn.run, turn.batch, threads);
    if (turn.call_ns * static_cast<double>(turn.batch) >= kTurnNs / 2) break;
  }
  turn.batch = static_cast<std::size_t>(std::max(1.0, std::round(kTurnNs / turn.call_ns)));
}

bool is_right(const Subject& subject, const Run& run, Product& product) {
  product.poison_c();
  run(1);
  return product.c_is_right(subject.writes_f16);
}

Run run_of(const Peak& peak, const Team& team) {
  return [peak, team](std::size_t times) { team.run([&](Worker&) { peak.run(times); }); };
}

}  // namespace

Quartiles quartiles_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
  };
  return {at(0.25), at(0.5), at(0.75)};
}

const Entrant* Race::own() const {
  for (const Entrant& entrant : entrants)
    if (entrant.subject->name == "uDNN" && entrant.outcome != Outcome::kWrong) return &entrant;
  return nullptr;
}

const Entrant* Race::best_peer() const {
  const Entrant* best = nullptr;
  for (const Entrant& entrant : entrants) {
    if (entrant.subject->name == "uDNN" || entrant.outcome == Outcome::kWrong) continue;
    if (best == nullptr || entrant.median_ns() < best->median_ns()) best = &entrant;
  }
  return best;
}

double Race::ratio() const {
  const Entrant* const mine = own();
  const Entrant* const best = best_peer();
  if (mine == nullptr || best == nullptr) return 0;
  if (mine->call_ns.size() != best->call_ns.size()) return best->median_ns() / mine->median_ns();  // one was too slow
  std::vector<double> ratios;
  for (std::size_t i = 0; i < mine->call_ns.size(); ++i) ratios.push_back(best->call_ns[i] / mine->call_ns[i]);
  return quartiles_of(ratios).median;
}

Result<Race> race(Type type, Form form, const Shape& shape, const Subjects& subjects, const RaceOptions& options) {
  auto product = Product::create(type, shape);
  if (!product) return product.error();
  auto team = Team::create(options.threads);
  if (!team) return team.error();

  Race result;
  result.type = &product->traits();
  result.form = form;
  result.shape = shape;
  std::vector<Run> runs;
  for (const auto& subject : subjects) {
    Run run = subject->prepare(*product, form);
    if (!run) continue;
    result.entrants.push_back({.subject = subject.get(), .outcome = Outcome::kTimed, .call_ns = {}});
    if (!is_right(*subject, run, *product)) result.entrants.back().outcome = Outcome::kWrong;
    runs.push_back(std::move(run));
  }

  double fastest = std::numeric_limits<double>::infinity();
  std::vector<double> first_ns(runs.size());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (result.entrants[i].outcome == Outcome::kWrong) continue;
    first_ns[i] = std::min(time_ns(runs[i], 1, options.threads), time_ns(runs[i], 1, options.threads));
    fastest = std::min(fastest, first_ns[i]);
  }
  std::vector<Turn> turns;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    Entrant& entrant = result.entrants[i];
    if (entrant.outcome == Outcome::kWrong) continue;
    if (first_ns[i] > kTooSlow * fastest && first_ns[i] > kTurnNs) {
      entrant.outcome = Outcome::kSlow;
      entrant.call_ns = {first_ns[i]};
      continue;
    }
    turns.push_back({.run = runs[i], .into = &entrant.call_ns});
  }
  const Peak peak = peak_of(type);
  std::vector<double> peak_step_ns;
  if (peak.run != nullptr) turns.push_back({.run = run_of(peak, *team), .into = &peak_step_ns});
  for (Turn& turn : turns) calibrate(turn, options.threads);

  for (std::size_t round = 0; round < options.rounds; ++round) {
    for (std::size_t i = 0; i < turns.size(); ++i) {
      const Turn& turn = turns[(round + i) % turns.size()];
      // Some libraries' threads go on spinning for a while where others want to run.
      if (options.threads > 1) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      if (turn.call_ns < kWarmUpBelowNs) turn.run(1);
      turn.into->push_back(time_ns(turn.run, turn.batch, options.threads));
    }
  }

  for (std::size_t i = 0; i < runs.size(); ++i) {
    Entrant& entrant = result.entrants[i];
    if (entrant.outcome != Outcome::kTimed || is_right(*entrant.subject, runs[i], *product)) continue;
    entrant.outcome = Outcome::kWrong;
    entrant.call_ns.clear();
  }
  if (!peak_step_ns.empty())
    result.peak_gops = peak.ops_per_step * static_cast<double>(options.threads) / quartiles_of(peak_step_ns).median;
  return result;
}

}  // namespace udnn::peers
