// A layer of 8-bit weights: packed once, multiplied again and again.
#include <cstdint>
#include <cstdio>
#include <vector>

#include "udnn/gemm.h"

int main() {
  using udnn::product::U8S8;
  constexpr std::size_t kBatch = 64, kInputs = 784, kOutputs = 512;
  const std::vector<std::uint8_t> x(kBatch * kInputs, 200);
  const std::vector<std::int8_t> w(kOutputs * kInputs, -100);  // [outputs, inputs]
  const std::vector<std::int32_t> bias(kOutputs, 7);
  std::vector<std::int32_t> y(kBatch * kOutputs);

  const auto weights = udnn::PackedMatrix<U8S8>::create({.k = kInputs, .n = kOutputs, .is_transposed = true}, w.data());
  if (!weights) return std::fprintf(stderr, "%s\n", weights.error().message().c_str()), 1;
  const auto gemm = udnn::Gemm<U8S8>::create({.m = kBatch, .n = kOutputs, .k = kInputs, .threads = 2}, *weights);
  if (!gemm) return std::fprintf(stderr, "%s\n", gemm.error().message().c_str()), 1;

  gemm->run({.a = x.data(), .c = y.data(), .bias = bias.data()});
  std::printf("%d, %d\n", y.front(), y.back());  // 784 * 200 * -100 + 7
}
