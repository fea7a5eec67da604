// gemm_tile/<type>/<isa>/<rows>x<cols>/k:<depth>   one tile again and again, operands in the L1 cache: the ceiling of
// everything that is built on it, for the highest tile of each width
// gemm/<type>/<isa>/<m>x<n>x<k>                    the op on one worker
//
//   udnn_gemm_bench --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
//
// 1 multiply-add = 2 FLOP. Compare medians within one run only: clocks and neighbours change between runs.
#include <cstddef>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "perf/gemm_product.h"

namespace udnn::perf {
namespace {

// Layers of LeNet and of an MLP at batch 64, forward and for the weights; then squares.
constexpr Shape kShapes[] = {{64, 10, 84},   {64, 84, 120}, {64, 120, 400}, {400, 120, 64},  {64, 512, 784},
                             {784, 512, 64}, {16, 16, 16},  {64, 64, 64},   {256, 256, 256}, {1024, 1024, 1024}};

template <class T>
void tile(benchmark::State& state, const kernels::GemmKernel<T>& gemm, std::size_t vectors) {
  const std::size_t rows = gemm.rows[vectors - 1], cols = vectors * gemm.lanes;
  const auto depth = static_cast<std::size_t>(state.range(0));
  auto a = base::AlignedArray<T>::create({rows, depth});
  auto b = base::AlignedArray<T>::create({depth, cols});
  auto c = base::AlignedArray<T>::create({rows, cols});
  if (!a || !b || !c) return state.SkipWithError("out of memory");
  const std::ptrdiff_t offset = 0;
  for (auto _ : state) {
    gemm.run[vectors - 1][rows - 1]({.k_depth = depth,
                                     .k_outer = 1,
                                     .offsets = &offset,
                                     .a = a->data(),
                                     .a_row_stride = static_cast<std::ptrdiff_t>(depth),
                                     .a_k_stride = 1,
                                     .b = b->data(),
                                     .b_stride = cols,
                                     .bias = nullptr,
                                     .c = c->data(),
                                     .c_stride = cols,
                                     .cols = cols,
                                     .accumulate = false});
    benchmark::ClobberMemory();
  }
  set_flops(state, {rows, cols, depth});
}

template <class T>
void register_all(const kernels::KernelTable& table) {
  const auto& gemm = table.carrier<T>().gemm;
  for (std::size_t vectors = 1; vectors <= gemm.vectors; ++vectors) {
    const auto name =
        fmt::format("gemm_tile/{}/{}/{}x{}", kType<T>, table.isa, gemm.rows[vectors - 1], vectors * gemm.lanes);
    benchmark::RegisterBenchmark(name.c_str(), tile<T>, gemm, vectors)->ArgName("k")->Arg(8)->Arg(64)->Arg(150);
  }
  for (const Shape& shape : kShapes) {
    const auto name = fmt::format("gemm/{}/{}/{}x{}x{}", kType<T>, table.isa, shape.m, shape.n, shape.k);
    benchmark::RegisterBenchmark(name.c_str(), [&table, shape](benchmark::State& state) {
      time_product<T>(state, ops::Gemm<T>::create(table), shape);
    });
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
