// quantize/<carrier>/<isa>/<format>   rounding of an array in the L2 cache, out of place, beside `copy`: memcpy of the
// same array
//
//   udnn_quantize_bench --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
//
// Elements per second. Compare medians within one run only: clocks and neighbours change between runs.
#include <cmath>
#include <cstddef>
#include <cstring>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "src/base/aligned_array.h"
#include "src/base/philox.h"
#include "src/machine/isa.h"
#include "src/numbers/quantizer.h"

namespace udnn::perf {
namespace {

constexpr std::size_t kBytes = std::size_t{128} << 10U;  // each of two arrays: more than L1, less than L2

constexpr const char* kFormats[] = {"fx2.6", "e5m2",     "e4m3",    "fp16",    "bf16",    "dfx8",       "int8",    "b1",
                                    "t2",    "fx2.6:sr", "e5m2:sr", "bf16:sr", "int8:sr", "fx2.6:wrap", "e5m2:rtz"};

template <class T>
void quantize(benchmark::State& state, const kernels::KernelTable& table, const Format& format, bool counts) {
  const auto quantizer = numbers::Quantizer<T>::create(format, table);
  const std::size_t count = kBytes / sizeof(T);
  auto x = base::AlignedArray<T>::create({count});
  auto q = base::AlignedArray<T>::create({count});
  if (!quantizer || !x || !q) return state.SkipWithError("cannot be made");
  const base::PhiloxStream reals(1, 0, base::Purpose::kInitialisation, 0);
  for (std::size_t i = 0; i < count; ++i) x->data()[i] = static_cast<T>(reals.normal(i));
  numbers::TensorStatistics statistics;
  for (auto _ : state) {
    quantizer->run(x->data(), q->data(), count, 0, {.seed = 1}, {.unit = 0x1p-5, .threshold = 0.5},
                   counts ? &statistics : nullptr);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(count));
}

template <class T>
void copy(benchmark::State& state) {
  const std::size_t count = kBytes / sizeof(T);
  auto x = base::AlignedArray<T>::create({count});
  auto q = base::AlignedArray<T>::create({count});
  if (!x || !q) return state.SkipWithError("out of memory");
  for (auto _ : state) {
    std::memcpy(q->data(), x->data(), kBytes);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(count));
}

template <class T>
void register_carrier(const char* carrier) {
  benchmark::RegisterBenchmark(fmt::format("copy/{}", carrier).c_str(), copy<T>);
  for (const auto* table : machine::usable_kernel_tables()) {
    for (const char* name : kFormats) {
      const Format format = *parse_format(name);
      benchmark::RegisterBenchmark(fmt::format("quantize/{}/{}/{}", carrier, table->isa, name).c_str(),
                                   [=](benchmark::State& state) { quantize<T>(state, *table, format, false); });
    }
    const Format format = *parse_format("fx2.6");
    benchmark::RegisterBenchmark(fmt::format("quantize_and_count/{}/{}/fx2.6", carrier, table->isa).c_str(),
                                 [=](benchmark::State& state) { quantize<T>(state, *table, format, true); });
  }
}

}  // namespace
}  // namespace udnn::perf

int main(int argc, char** argv) {
  udnn::perf::register_carrier<float>("f32");
  udnn::perf::register_carrier<double>("f64");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
