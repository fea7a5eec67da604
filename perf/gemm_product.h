// perf/gemm_product.h: one product on one worker, again and again, as the benchmarks of products time it.
#pragma once

#include <cstddef>
#include <type_traits>

#include <benchmark/benchmark.h>

#include "src/base/aligned_array.h"
#include "src/machine/isa.h"
#include "src/ops/gemm.h"

namespace udnn::perf {

template <class T>
constexpr const char* kType = std::is_same_v<T, kernels::Wide> ? "wide"
                              : sizeof(T) == sizeof(float)     ? "f32"
                                                               : "f64";

struct Shape {
  std::size_t m, n, k;
};

/// 1 multiply-add = 2 FLOP.
inline void set_flops(benchmark::State& state, const Shape& shape) {
  const auto flop = static_cast<double>(state.iterations()) * 2.0 * static_cast<double>(shape.m * shape.n * shape.k);
  state.counters["FLOP/s"] = benchmark::Counter(flop, benchmark::Counter::kIsRate);
}

/// Operands between -1 and 1 that a format of few bits has to round; `more` is added to each, to give them more digits.
template <class T>
void time_product(benchmark::State& state, const Result<ops::Gemm<T>>& gemm, const Shape& shape, T more = 0) {
  const std::size_t m = shape.m, n = shape.n, k = shape.k;  // clang 14 captures no structured bindings
  auto a = base::AlignedArray<T>::create({m, k});
  auto b = base::AlignedArray<T>::create({k, n});
  auto c = base::AlignedArray<T>::create({m, n});
  if (!a || !b || !c || !gemm) return state.SkipWithError("out of memory");
  for (std::size_t i = 0; i < m * k; ++i) a->data()[i] = static_cast<T>(i % 31) / T{16} - T{1} + more;
  for (std::size_t i = 0; i < k * n; ++i) b->data()[i] = static_cast<T>(i % 37) / T{32} - T{0.5} + more;
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
  set_flops(state, shape);
}

}  // namespace udnn::perf
