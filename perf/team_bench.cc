// region/<pinned|free>/<threads>      a run of a team that does nothing
// barrier/<pinned|free>/<threads>     a barrier inside a run, as one of 1,000
// caller_alone                        a run of a team of one thread
// float_environment/<usual|upward>    set and given back, part of each of these; upward: the caller rounds that way
// bind_caller                         what it would take to bind the caller for a run: a mask set, and the old one
// topology/<hwloc|sys>, quota         what the first team of more than one thread looks up
// create                              a team of the usual size, when that has been done
//
//   udnn_team_bench --benchmark_enable_random_interleaving=true --benchmark_repetitions=9
//   (and --benchmark_report_aggregates_only=true)
//
// Real time. Teams of 2 threads and of one for each core. Compare medians within one run only, on a machine that does
// nothing else.
#include <cfenv>
#include <cstdlib>
#include <set>
#include <string>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "src/machine/float_environment.h"
#include "src/machine/topology.h"
#include "udnn/team.h"

namespace udnn::perf {
namespace {

Team team_of(int threads, bool pinned) {
  setenv("UDNN_PIN", pinned ? "1" : "0", 1);
  return *Team::create(threads);
}

void region(benchmark::State& state, int threads, bool pinned) {
  const Team team = team_of(threads, pinned);
  team.run([](Worker&) {});  // the threads exist, and sit where they stay
  for (auto _ : state) team.run([](Worker&) { benchmark::ClobberMemory(); });
  state.SetLabel(team.text());
}

void barrier(benchmark::State& state, int threads, bool pinned) {
  constexpr int kBarriers = 1000;
  const Team team = team_of(threads, pinned);
  for (auto _ : state)
    team.run([](Worker& worker) {
      for (int i = 0; i < kBarriers; ++i) worker.barrier();
    });
  state.counters["barrier"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kBarriers,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);  // [s] each
}

void caller_alone(benchmark::State& state) {
  const Team team = *Team::create(1);
  for (auto _ : state) team.run([](Worker&) { benchmark::ClobberMemory(); });
}

void float_environment(benchmark::State& state, int mode) {
  std::fesetround(mode);
  for (auto _ : state) {
    const machine::FloatEnvironment environment;
    benchmark::DoNotOptimize(environment);
  }
  std::fesetround(FE_TONEAREST);
}

void bind_caller(benchmark::State& state) {
  machine::CpuMask before, one;
  if (!before.read()) return state.SkipWithError("no mask to be had");
  one.add(machine::order_of(machine::this_machine(), before).cpus.front());
  for (auto _ : state)
    if (!one.apply() || !before.apply()) return state.SkipWithError("not permitted");
}

void topology_of_hwloc(benchmark::State& state) {
  if (!machine::read_hwloc()) return state.SkipWithError("no hwloc");
  for (auto _ : state) benchmark::DoNotOptimize(machine::read_hwloc());
}

void topology_of_sys(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(machine::read_sys());
}

void quota(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(machine::cpu_quota());
}

void create(benchmark::State& state) {
  unsetenv("UDNN_PIN");
  for (auto _ : state) benchmark::DoNotOptimize(Team::create());
}

void register_all() {
  unsetenv("UDNN_PIN");
  for (const int threads : std::set<int>{2, Team::create()->threads()})
    for (const bool pinned : {false, true}) {
      const auto name = fmt::format("{}/{}", pinned ? "pinned" : "free", threads);
      benchmark::RegisterBenchmark(("region/" + name).c_str(), region, threads, pinned)->UseRealTime();
      benchmark::RegisterBenchmark(("barrier/" + name).c_str(), barrier, threads, pinned)->UseRealTime();
    }
  benchmark::RegisterBenchmark("caller_alone", caller_alone);
  benchmark::RegisterBenchmark("float_environment/usual", float_environment, FE_TONEAREST);
  benchmark::RegisterBenchmark("float_environment/upward", float_environment, FE_UPWARD);
  benchmark::RegisterBenchmark("bind_caller", bind_caller);
  benchmark::RegisterBenchmark("topology/hwloc", topology_of_hwloc);
  benchmark::RegisterBenchmark("topology/sys", topology_of_sys);
  benchmark::RegisterBenchmark("quota", quota);
  benchmark::RegisterBenchmark("create", create);
}

}  // namespace
}  // namespace udnn::perf

int main(int argc, char** argv) {
  udnn::perf::register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
