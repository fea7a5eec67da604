// update/<optimizer>/<type>/<isa>/n:<count>   one step of an optimizer over a tensor that stays in the L1 (1,024), the
// L2 (16,384) or a farther cache (1,048,576 elements)
//
//   udnn_update_bench --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
//
// bytes/s counts what is read and written: gradient, weights (read and written) and each state (read and written).
// Compare medians within one run only.
#include <cstddef>
#include <string>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "src/base/aligned_array.h"
#include "src/machine/isa.h"
#include "src/ops/optimizer.h"

namespace udnn::perf {
namespace {

template <class T>
void update(benchmark::State& state, const kernels::KernelTable& table, ops::OptimizerKind kind) {
  const auto count = static_cast<std::size_t>(state.range(0));
  auto gradient = base::AlignedArray<T>::create({count});
  auto weights = base::AlignedArray<T>::create({count});
  auto first = base::AlignedArray<T>::create({count});
  auto second = base::AlignedArray<T>::create({count});
  const auto optimizer = ops::Optimizer<T>::create({.kind = kind}, table);
  if (!gradient || !weights || !first || !second || !optimizer) return state.SkipWithError("out of memory");
  // No zeros and no subnormals on the way: the gradient keeps the state where it is.
  for (std::size_t i = 0; i < count; ++i) gradient->data()[i] = static_cast<T>(1 + i % 7) / 8;
  T* const states[] = {first->data(), second->data()};
  const auto rates = optimizer->rates(1000, 1e-3);
  for (auto _ : state) {
    optimizer->update(count, gradient->data(), weights->data(), states, weights->data(), rates);
    benchmark::ClobberMemory();
  }
  const std::size_t bytes = (3 + 2 * optimizer->state_count()) * sizeof(T) * count;
  state.counters["bytes/s"] = benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(bytes),
                                                 benchmark::Counter::kIsRate, benchmark::Counter::kIs1024);
  state.counters["elements/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * static_cast<double>(count), benchmark::Counter::kIsRate);
}

template <class T>
void register_all(const kernels::KernelTable& table) {
  for (const ops::OptimizerInfo& info : ops::all_optimizers()) {
    const auto name = fmt::format("update/{}/{}/{}", info.name, sizeof(T) == sizeof(float) ? "f32" : "f64", table.isa);
    benchmark::RegisterBenchmark(name.c_str(), update<T>, table, info.kind)
        ->ArgName("n")
        ->Arg(1 << 10)
        ->Arg(1 << 14)
        ->Arg(1 << 20);
  }
}

}  // namespace
}  // namespace udnn::perf

int main(int argc, char** argv) {
  for (const udnn::kernels::KernelTable* table : udnn::machine::usable_carrier_tables()) {
    udnn::perf::register_all<float>(*table);
    udnn::perf::register_all<double>(*table);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
