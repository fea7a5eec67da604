// accumulate/<type>/<isa>/<format>/<m>x<n>x<k>   a product whose accumulator has that format; "carrier": the plain one
//
//   udnn_accumulate_bench --benchmark_repetitions=9 --benchmark_enable_random_interleaving=true
//                         --benchmark_report_aggregates_only=true
//
// 1 multiply-add = 2 FLOP, and one rounding. How many times slower a format is: the ratio of the medians of one run.
#include <cstddef>
#include <string_view>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "src/base/aligned_array.h"
#include "src/machine/isa.h"
#include "src/ops/gemm.h"

namespace udnn::perf {
namespace {

template <class T>
constexpr const char* kType = sizeof(T) == sizeof(float) ? "f32" : "f64";

struct Shape {
  std::size_t m, n, k;
};

constexpr Shape kShapes[] = {{64, 10, 84}, {64, 120, 400}, {256, 256, 256}};

// One of each kind of rounding; a chunk; what needs the wide lanes of wrapping.
constexpr std::pair<const char*, int> kAccumulators[] = {{"carrier", 0},  {"f6.5", 0},  {"f6.5", 64},     {"bf16", 0},
                                                         {"f6.5:rtz", 0}, {"fx8.8", 0}, {"fx8.8:wrap", 0}};

template <class T>
void product(benchmark::State& state, const kernels::KernelTable& table, const Shape& shape,
             const ops::Accumulator<T>& accumulator) {
  const std::size_t m = shape.m, n = shape.n, k = shape.k;  // clang 14 captures no structured bindings
  auto a = base::AlignedArray<T>::create({m, k});
  auto b = base::AlignedArray<T>::create({k, n});
  auto c = base::AlignedArray<T>::create({m, n});
  const auto gemm = ops::Gemm<T>::create(table, accumulator);
  if (!a || !b || !c || !gemm) return state.SkipWithError("out of memory");
  for (std::size_t i = 0; i < m * k; ++i) a->data()[i] = static_cast<T>(i % 31) / T{16} - T{1};
  for (std::size_t i = 0; i < k * n; ++i) b->data()[i] = static_cast<T>(i % 37) / T{32} - T{0.5};
  Team::create(1)->run([&](Worker& worker) {
    for (auto _ : state) {
      gemm->run(worker,
                {.m = m,
                 .n = n,
                 .k = k,
                 .a = a->data(),
                 .a_row_stride = static_cast<std::ptrdiff_t>(k),
                 .a_k_stride = 1,
                 .b = b->data(),
                 .b_stride = n,
                 .bias = nullptr,
                 .c = c->data(),
                 .c_stride = n,
                 .accumulate = false},
                {});
      benchmark::ClobberMemory();
    }
  });
  const auto flop = static_cast<double>(state.iterations()) * 2.0 * static_cast<double>(m * n * k);
  state.counters["FLOP/s"] = benchmark::Counter(flop, benchmark::Counter::kIsRate);
}

template <class T>
bool register_all(const kernels::KernelTable& table) {
  for (const auto& [text, chunk] : kAccumulators) {
    ops::Accumulator<T> accumulator;
    if (std::string_view(text) != "carrier") {
      auto format = parse_format(text);
      if (!format) return false;
      format->chunk = chunk;
      const auto made = ops::Accumulator<T>::create(*format, table);
      if (!made) return false;
      accumulator = *made;
    }
    for (const Shape& shape : kShapes) {
      const auto name = fmt::format("accumulate/{}/{}/{}{}/{}x{}x{}", kType<T>, table.isa, text,
                                    chunk == 0 ? std::string() : fmt::format(",{}", chunk), shape.m, shape.n, shape.k);
      benchmark::RegisterBenchmark(name.c_str(), [&table, shape, accumulator](benchmark::State& state) {
        product<T>(state, table, shape, accumulator);
      });
    }
  }
  return true;
}

}  // namespace
}  // namespace udnn::perf

int main(int argc, char** argv) {
  for (const udnn::kernels::KernelTable* table : udnn::machine::usable_kernel_tables())
    if (!udnn::perf::register_all<float>(*table) || !udnn::perf::register_all<double>(*table)) return 2;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
