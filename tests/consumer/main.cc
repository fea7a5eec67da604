#include <cstdint>
#include <cstdio>
#include <vector>

#include "udnn/network.h"

int main() {
  const std::vector<float> x = {0, 0, 0, 1, 1, 0, 1, 1};   // [4 samples, 2 inputs]
  const std::vector<std::uint32_t> labels = {0, 1, 1, 0};  // exclusive or

  auto network = udnn::Network::create(
      {.layers = "2 - fc 16 tanh - fc 2", .precision = "all=bf16, w=e5m2, m=bf16:sr", .batch = 4});
  if (!network) return std::fprintf(stderr, "%s\n", network.error().message().c_str()), 1;

  const auto trained = network->train({x, labels}, {.epochs = 500, .optimizer = "adam", .learning_rate = 0.02});
  if (!trained) return std::fprintf(stderr, "%s\n", trained.error().message().c_str()), 1;

  std::printf("accuracy %g, updates lost to rounding %.1f %%\n", network->evaluate({x, labels})->accuracy,
              100 * trained->lost_updates);
}
