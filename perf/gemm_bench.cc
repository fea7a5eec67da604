// gemm_tile/<type>/<isa>/<rows>x<cols>/k:<depth>   one tile again and again, operands in the L1 cache: the ceiling of
// everything that is built on it, for the highest tile of each width
// gemm/<type>/<isa>/<m>x<n>x<k>                    the op of the layers on one worker
// product/<type>/<isa>/<m>x<n>x<k>[/packed]        udnn/gemm.h on one thread; packed: B, beforehand
//
//   udnn_gemm_bench --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
//
// 1 multiply-add = 2 FLOP. Compare medians within one run only: clocks and neighbours change between runs.
#include <cstddef>
#include <cstdlib>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "perf/gemm_product.h"
#include "udnn/gemm.h"

namespace udnn::perf {
namespace {

// Layers of LeNet and of an MLP at batch 64, forward and for the weights; then squares.
constexpr Shape kShapes[] = {{64, 10, 84},   {64, 84, 120},  {64, 120, 400},  {400, 120, 64},
                             {64, 512, 784}, {784, 512, 64}, {8, 8, 8},       {16, 16, 16},
                             {32, 32, 32},   {64, 64, 64},   {256, 256, 256}, {1024, 1024, 1024}};

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

template <class P>
void time_public(benchmark::State& state, const char* isa, const Shape& shape, bool is_packed) {
  setenv("UDNN_ISA", isa, 1);
  auto a = base::AlignedArray<typename P::A>::create({shape.m, shape.k});
  auto b = base::AlignedArray<typename P::B>::create({shape.k, shape.n});
  auto c = base::AlignedArray<typename P::C>::create({shape.m, shape.n});
  if (!a || !b || !c) return state.SkipWithError("out of memory");
  const GemmConfig config{.m = shape.m, .n = shape.n, .k = shape.k};
  const auto weights = PackedMatrix<P>::create({.k = shape.k, .n = shape.n}, b->data());
  const auto gemm = is_packed && weights ? Gemm<P>::create(config, *weights) : Gemm<P>::create(config);
  if (!gemm) return state.SkipWithError(gemm.error().message().c_str());
  for (auto _ : state) {
    gemm->run({.a = a->data(), .b = b->data(), .c = c->data()});
    benchmark::ClobberMemory();
  }
  set_flops(state, shape);
}

template <class P>
void register_product(const char* type, const char* isa) {
  for (const Shape& shape : kShapes)
    for (const bool is_packed : {false, true}) {
      const auto name =
          fmt::format("product/{}/{}/{}x{}x{}{}", type, isa, shape.m, shape.n, shape.k, is_packed ? "/packed" : "");
      benchmark::RegisterBenchmark(name.c_str(), time_public<P>, isa, shape, is_packed);
    }
}

void register_products(const char* isa) {
  register_product<product::F64>("fp64", isa);
  register_product<product::F32>("fp32", isa);
  register_product<product::F16>("fp16", isa);
  register_product<product::BF16>("bf16", isa);
  register_product<product::U8S8>("u8s8", isa);
  register_product<product::S8S8>("s8s8", isa);
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
  for (const udnn::kernels::KernelTable* table : udnn::machine::usable_kernel_tables())
    udnn::perf::register_products(table->isa);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
