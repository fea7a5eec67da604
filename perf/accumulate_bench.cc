// accumulate/<type>/<isa>/<format>/<m>x<n>x<k>   a product whose accumulator has that format; "carrier": the plain one
// accumulate/wide/<digits>/<m>x<n>x<k>           exact sums in the wide carrier, of integers of so many digits
//
//   udnn_accumulate_bench --benchmark_repetitions=9 --benchmark_enable_random_interleaving=true
//                         --benchmark_report_aggregates_only=true
//
// 1 multiply-add = 2 FLOP, and one rounding. How many times slower a format is: the ratio of the medians of one run.
#include <cmath>
#include <cstddef>
#include <string_view>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "perf/gemm_product.h"

namespace udnn::perf {
namespace {

constexpr Shape kShapes[] = {{64, 10, 84}, {64, 120, 400}, {256, 256, 256}};

// One of each kind of rounding; chunks; stochastic ones of 32, 16 and 8 bits, in lanes of double and of the carrier.
constexpr std::pair<const char*, int> kAccumulators[] = {
    {"carrier", 0},  {"f6.5", 0},       {"f6.5", 64},          {"bf16", 0},      {"f6.5:rtz", 0},
    {"fx8.8", 0},    {"fx8.8:wrap", 0}, {"f6.5:sr", 0},        {"f6.5:sr16", 0}, {"e5m2:sr8", 0},
    {"fx8.8:sr", 0}, {"fx8.8:sr8", 0},  {"fx8.8:sr8:wrap", 0}, {"f6.5:sr", 64},  {"e5m2:sr8", 16}};

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
        time_product<T>(state, ops::Gemm<T>::create(table, accumulator), shape);
      });
    }
  }
  return true;
}

// Exact sums: products of 2 * 51 digits fit in 128 bits with many others, of 2 * 62 they do not.
void register_wide() {
  const auto& table = *kernels::all_kernel_tables().back();
  for (const int digits : {51, 62})
    for (const Shape& shape : kShapes) {
      const auto name = fmt::format("accumulate/wide/{}/{}x{}x{}", digits, shape.m, shape.n, shape.k);
      benchmark::RegisterBenchmark(name.c_str(), [&table, digits, shape](benchmark::State& state) {
        time_product<kernels::Wide>(state, ops::Gemm<kernels::Wide>::create(table), shape,
                                    std::ldexp(kernels::Wide{1}, 1 - digits));
      });
    }
}

}  // namespace
}  // namespace udnn::perf

int main(int argc, char** argv) {
  for (const udnn::kernels::KernelTable* table : udnn::machine::usable_carrier_tables())
    if (!udnn::perf::register_all<float>(*table) || !udnn::perf::register_all<double>(*table)) return 2;
  udnn::perf::register_wide();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
