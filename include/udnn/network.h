// udnn/network.h: a neural network in which every number has the precision it was given.
//
//   auto network = udnn::Network::create({.layers = "784 - fc 512 relu - fc 10", .precision = "w=fx2.6:sr, a=fx4.4"});
//   network->train({x, labels}, {.epochs = 5, .optimizer = "adam", .learning_rate = 1e-3});
//   network->predict(x, y);
//
// The words of `layers` and of `precision` are those of the command line: udnn train --help, udnn formats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "udnn/status.h"

namespace udnn {

struct NetworkConfig {
  std::string layers;                  ///< one line: "28x28x1 - conv 6 5x5 pad 2 relu - maxpool 2 - fc 10"
  std::string precision = "all=fp32";  ///< formats by layer and role: "all=bf16, m=fp32, fc2.w=fx2.6:sr"
  std::string loss = "softmax";        ///< softmax, mse, hinge, bce
  std::uint64_t seed = 1;              ///< of initial weights, shuffling, stochastic rounding and dropout
  std::size_t batch = 64;              ///< the largest; memory grows with it
  int threads = 0;                     ///< 0: as many as Team::create(0) takes, one for each core
};

struct TrainConfig {
  std::size_t epochs = 10;
  std::string optimizer = "sgd";      ///< sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw
  std::string schedule = "constant";  ///< constant, cosine, linear, step FACTOR EPOCHS, exponential FACTOR
  double learning_rate = 0.01;
  double weight_decay = 0;
};

/// Samples that somebody else owns. values [count, inputs], labels [count], each below the number of outputs.
struct LabelledSamples {
  std::span<const float> values;
  std::span<const std::uint32_t> labels;
};

struct TrainResult {
  double loss = 0;  ///< mean over the last epoch
  std::uint64_t steps = 0;
  double lost_updates = 0;  ///< share of updates that rounding made vanish
  double images_per_second = 0;
};

struct Score {
  double accuracy = 0;
  double kappa = 0;  ///< Cohen's
  double loss = 0;
};

/// One network, its parameters and its threads. Used by one thread at a time; different networks are independent. The
/// same seed and data give the same bits for any number of threads.
class Network {
 public:
  /// Errors: kInvalidArgument (one line that shows the text, the place and what was expected), kUnsupported (a format
  /// that is named but not computed yet, an instruction set this CPU lacks), kOutOfMemory.
  static Result<Network> create(const NetworkConfig& config);

  /// From a file that save() or `udnn train --out` wrote. Errors: as create(); kIoError; a damaged file names the
  /// place.
  static Result<Network> load(const std::string& path, std::size_t batch = 64, int threads = 0);

  /// Starts from the parameters as they are, with a fresh optimizer. Errors: kInvalidArgument, kOutOfMemory; loss or
  /// gradient not finite for 50 steps in a row.
  Result<TrainResult> train(const LabelledSamples& samples, const TrainConfig& config);

  /// y [count, outputs] from x [count, inputs]: the outputs of the last layer. Errors: kInvalidArgument (sizes).
  Status predict(std::span<const float> x, std::span<double> y);

  Result<Score> evaluate(const LabelledSamples& samples);

  /// Written whole or not at all. Errors: kIoError.
  Status save(const std::string& path) const;

  std::size_t inputs() const noexcept;
  std::size_t outputs() const noexcept;
  std::string layers() const;     ///< one line that create() takes
  std::string precision() const;  ///< likewise

  Network(Network&&) noexcept;
  Network& operator=(Network&&) noexcept;
  ~Network();

 private:
  struct State;
  explicit Network(std::unique_ptr<State> state) noexcept;

  std::unique_ptr<State> state_;
};

}  // namespace udnn
