// conv/<pass>/<type>/<isa>/<layer>   the convolutions of LeNet and of CIFAR networks, one pass over a batch on one
// worker
//
//   udnn_conv_bench --benchmark_filter='f32/avx512' --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
//
// 1 multiply-add = 2 FLOP, those with padding not counted. Compare medians within one run only.
#include <cstddef>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "src/base/aligned_array.h"
#include "src/machine/isa.h"
#include "src/ops/conv2d.h"

namespace udnn::perf {
namespace {

template <class T>
constexpr const char* kType = sizeof(T) == sizeof(float) ? "f32" : "f64";

struct Layer {
  const char* name;
  std::size_t batch;
  ops::Conv2dConfig config;
};

constexpr Layer kLayers[] = {
    {"lenet_c1",
     64,
     {.height = 28,
      .width = 28,
      .in_channels = 1,
      .out_channels = 6,
      .kernel_height = 5,
      .kernel_width = 5,
      .pad_top = 2,
      .pad_bottom = 2,
      .pad_left = 2,
      .pad_right = 2}},
    {"lenet_c2",
     64,
     {.height = 14, .width = 14, .in_channels = 6, .out_channels = 16, .kernel_height = 5, .kernel_width = 5}},
    {"cifar_3_32",
     32,
     {.height = 32,
      .width = 32,
      .in_channels = 3,
      .out_channels = 32,
      .kernel_height = 3,
      .kernel_width = 3,
      .pad_top = 1,
      .pad_bottom = 1,
      .pad_left = 1,
      .pad_right = 1}},
    {"cifar_32_64",
     32,
     {.height = 16,
      .width = 16,
      .in_channels = 32,
      .out_channels = 64,
      .kernel_height = 3,
      .kernel_width = 3,
      .pad_top = 1,
      .pad_bottom = 1,
      .pad_left = 1,
      .pad_right = 1}},
    {"cifar_64_64_stride2",
     32,
     {.height = 16,
      .width = 16,
      .in_channels = 64,
      .out_channels = 64,
      .kernel_height = 3,
      .kernel_width = 3,
      .stride = 2,
      .pad_top = 1,
      .pad_bottom = 1,
      .pad_left = 1,
      .pad_right = 1}},
    {"depthwise_64",
     32,
     {.height = 16,
      .width = 16,
      .in_channels = 64,
      .out_channels = 64,
      .kernel_height = 3,
      .kernel_width = 3,
      .pad_top = 1,
      .pad_bottom = 1,
      .pad_left = 1,
      .pad_right = 1,
      .groups = 64}},
    {"pixelwise_64_128", 32, {.height = 16, .width = 16, .in_channels = 64, .out_channels = 128}},
};

// Multiplications inside the image along one direction.
std::size_t taps_inside(std::size_t outputs, std::size_t kernel, std::size_t extent, std::size_t pad,
                        const ops::Conv2dConfig& c) {
  std::size_t taps = 0;
  for (std::size_t o = 0; o < outputs; ++o)
    for (std::size_t r = 0; r < kernel; ++r) {
      const std::size_t at = o * c.stride + r * c.dilation;
      taps += at >= pad && at - pad < extent ? 1U : 0U;
    }
  return taps;
}

enum class Pass { kForward, kBackwardData, kBackwardWeights };

template <class T>
void conv(benchmark::State& state, const kernels::KernelTable& table, const Layer& layer, Pass pass) {
  const auto& c = layer.config;
  const auto op = ops::Conv2d<T>::create(c, table);
  if (!op) return state.SkipWithError(op.error().message().c_str());
  auto x = base::AlignedArray<T>::create({layer.batch, c.height, c.width, c.in_channels});
  auto y = base::AlignedArray<T>::create({layer.batch, op->output_height(), op->output_width(), c.out_channels});
  auto weights = base::AlignedArray<T>::create({op->backward_weights_size()});
  auto bias = base::AlignedArray<T>::create({c.out_channels});
  auto mine = base::AlignedArray<T>::create({op->scratch_per_worker()});
  auto shared = base::AlignedArray<T>::create({op->shared_scratch(layer.batch)});
  if (!x || !y || !weights || !bias || !mine || !shared) return state.SkipWithError("out of memory");

  const ops::Scratch<T> scratch{mine->data(), shared->data()};
  Team::create(1)->run([&](Worker& worker) {
    for (auto _ : state) {
      switch (pass) {
        case Pass::kForward:
          op->forward(worker, layer.batch, x->data(), weights->data(), bias->data(), y->data(), scratch, {});
          break;
        case Pass::kBackwardData:
          op->backward_data(worker, layer.batch, y->data(), weights->data(), x->data(), scratch, {});
          break;
        case Pass::kBackwardWeights:
          op->backward_weights(worker, layer.batch, x->data(), y->data(), weights->data(), bias->data(), scratch);
          break;
      }
      benchmark::ClobberMemory();
    }
  });
  const std::size_t rows = taps_inside(op->output_height(), c.kernel_height, c.height, c.pad_top, c);
  const std::size_t cols = taps_inside(op->output_width(), c.kernel_width, c.width, c.pad_left, c);
  const auto macs = static_cast<double>(layer.batch * rows * cols * c.in_channels / c.groups * c.out_channels);
  state.counters["FLOP/s"] =
      benchmark::Counter(2 * macs * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  state.counters["images/s"] = benchmark::Counter(
      static_cast<double>(layer.batch) * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

template <class T>
void register_all(const kernels::KernelTable& table) {
  const struct {
    const char* name;
    Pass pass;
  } passes[] = {{"forward", Pass::kForward},
                {"backward_data", Pass::kBackwardData},
                {"backward_weights", Pass::kBackwardWeights}};
  for (const Layer& layer : kLayers)
    for (const auto& [name, pass] : passes)
      benchmark::RegisterBenchmark(
          fmt::format("conv/{}/{}/{}/{}", name, kType<T>, table.isa, layer.name).c_str(),
          [&table, &layer, which = pass](benchmark::State& state) { conv<T>(state, table, layer, which); });
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
