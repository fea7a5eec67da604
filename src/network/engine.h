// src/network/engine.h: a network with all its tensors in one carrier, ready to take steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/network/batch.h"
#include "src/network/description.h"
#include "src/network/role_quantizer.h"
#include "src/numbers/quantizer.h"
#include "src/ops/loss.h"
#include "src/ops/optimizer.h"
#include "udnn/precision.h"
#include "udnn/status.h"
#include "udnn/team.h"

namespace udnn::network {

struct EngineConfig {
  NetworkDescription description = {};
  Precision precision = {};
  std::uint64_t seed = 1;
  std::size_t batch = 64;  ///< the largest
  int workers = 1;         ///< the most that a team may have
  ops::LossKind loss = ops::LossKind::kSoftmaxCrossEntropy;
  ops::OptimizerConfig optimizer = {};
  double clip_norm = 0;        ///< global norm of the gradient; 0: no clipping
  double max_column_norm = 0;  ///< of the weights into one output; 0: no constraint
  bool training = true;        ///< false: no gradients, no optimizer state, and only forward passes
};

/// What one training step is told.
struct StepOrder {
  Batch batch = {};        ///< count >= 1
  std::uint32_t step = 0;  ///< from 0; keys the draws and the optimizer's bias correction
  double learning_rate = 0;
  bool collect = false;  ///< gather statistics of every role
};

/// What one training step says. Written by worker 0, complete after the region.
struct StepOutcome {
  double loss = 0;            ///< mean over the batch, before the update
  double gradient_norm = 0;   ///< over all parameters, before clipping
  bool updated = false;       ///< false: loss or gradient was not finite, and no parameter has changed
  std::uint64_t updates = 0;  ///< parameters whose gradient was not zero
  std::uint64_t lost = 0;     ///< those among them that rounding left where they were
};

/// Statistics of one tensor in one role, of the last step that collected.
struct RoleReport {
  std::string layer;
  std::string role;  ///< a e g s m w; "e.dz" and "e.dx" for the two errors of a layer
  std::string format;
  numbers::TensorStatistics statistics;
};

/// One tensor as a file keeps it: values of one format.
struct StoredTensor {
  std::string name;  ///< "conv1.weights"
  std::string role;  ///< m s1 s2; w where it differs from m; "running" for what batchnorm keeps
  Format format;
  std::vector<std::size_t> shape;
  std::size_t channels = 1;  ///< extent of the last dimension
  bool is_weights = false;
  std::vector<numbers::Scale> scales;  ///< none, one, one for each channel; formats with blocks: one for each block
};

class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;

  /// The carrier is float where every format of the plan fits, else double, and wide (kernels/wide_carrier.h) where one
  /// has more than 53 significant bits.
  /// Errors: what the plan asks for and does not compute yet (named), what does not fit together, kOutOfMemory.
  static Result<std::unique_ptr<Engine>> create(const EngineConfig& config);

  virtual std::string_view carrier() const noexcept = 0;  ///< "float", "double" or "wide"
  virtual std::string_view isa() const noexcept = 0;
  virtual std::size_t inputs() const noexcept = 0;
  virtual std::size_t outputs() const noexcept = 0;
  virtual std::size_t batch() const noexcept = 0;
  virtual int workers() const noexcept = 0;               ///< the most that a team may have
  virtual std::size_t memory_bytes() const noexcept = 0;  ///< of all tensors

  // Called by every worker of a team with the same arguments. Neither allocates, throws nor locks.

  /// One step of training: forward, loss, backward, update.
  virtual void train_step(Worker& worker, const StepOrder& order, StepOutcome& outcome) noexcept = 0;

  /// Outputs y [count, outputs] of the batch as double; `losses` [count] and `predictions` [count] (the class, or -1
  /// where an output is NaN) where they are not null. Draws are those of inference, keyed by the sample's place:
  /// results do not depend on the batches.
  virtual void infer(Worker& worker, const Batch& batch, double* outputs, double* losses,
                     std::int32_t* predictions) noexcept = 0;

  /// Draws the weights as the multiplier sees them from the master copy: for the training step to come, or for
  /// inference. A step of training leaves those of the next step behind.
  virtual void draw_weights(Worker& worker, std::uint32_t step) noexcept = 0;

  // Called by one thread, between regions.

  virtual std::vector<RoleReport> reports() const = 0;
  virtual std::vector<double> layer_gradient_norms() const = 0;  ///< of the last step, in order of layer_names()
  virtual std::vector<std::string> layer_names() const = 0;      ///< of the layers that have parameters

  /// What a file may keep, in a fixed order; values() and set_values() take the place in it.
  virtual std::vector<StoredTensor> tensors() const = 0;
  virtual std::vector<kernels::Wide> values(std::size_t tensor) const = 0;  ///< exactly
  /// `initial`: a master copy is rounded to its format; else the values are taken as they are, and `scales` with them.
  /// Errors: kInvalidArgument (another size).
  virtual Status set_values(std::size_t tensor, std::span<const kernels::Wide> values, bool initial,
                            std::span<const numbers::Scale> scales) = 0;

  /// Ranges of dynamic formats, in a fixed order.
  virtual std::vector<double> ranges() const = 0;
  virtual Status set_ranges(std::span<const double> ranges) = 0;

  virtual double parameter_bits() const noexcept = 0;  ///< weights at the width of w, biases at that of m
};

}  // namespace udnn::network
