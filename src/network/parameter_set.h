// src/network/parameter_set.h: from gradients to the next weights, for all parameters of a network at once.
//
//   g  <- round_g(dL/dw)                   once the batch has been summed
//   s  <- round_s(optimizer's state)       computed from g, unrounded before
//   m  <- round_m(m + optimizer's update)  where stochastic rounding matters most
//   w  <- round_w(m)                       the weights of the next step
//
// Everything goes over chunks of 4096 elements that belong to one parameter; sums are kept for each chunk and added in
// their order, so nothing depends on the number of workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "src/network/parameter.h"
#include "src/ops/optimizer.h"

namespace udnn::network {

/// The weights as the multiplier sees them, from the master copy. Called by every worker; ends with a barrier.
template <class T>
void draw_weights(Worker& worker, std::span<Parameter<T>* const> parameters, const Pass& pass) noexcept;

template <class T>
class ParameterSet {
 public:
  struct Setting {
    ops::OptimizerConfig optimizer;
    double clip_norm = 0;
    double max_column_norm = 0;
    int workers = 1;
  };

  /// `parameters` outlive the set. Errors: kInvalidArgument (the optimizer's), kOutOfMemory.
  static Result<ParameterSet> create(std::vector<Parameter<T>*> parameters, const Setting& setting);

  // Called by every worker; each ends with a barrier.

  /// Rounds the gradients to g and measures them.
  void round_gradients(Worker& worker, const Pass& pass) noexcept;

  /// One step of the optimizer from the rounded gradients, up to and including the weights of step pass.step + 1.
  void update(Worker& worker, const Pass& pass, double learning_rate) noexcept;

  // Between regions, or after a barrier.

  double squared_norm(std::size_t parameter) const noexcept;  ///< of its rounded gradient
  double gradient_norm() const noexcept;
  std::uint64_t updates() const noexcept;  ///< of the last step: parameters whose gradient was not zero
  std::size_t state_count() const noexcept { return decaying_->state_count(); }
  std::uint64_t lost() const noexcept;  ///< those among them whose master did not move

 private:
  struct Chunk {
    std::size_t parameter, begin, count;
  };
  struct alignas(64) Count {  // a cache line for each worker
    std::uint64_t updates = 0, lost = 0;
  };

  ParameterSet() = default;

  bool constrains(const Parameter<T>& parameter) const noexcept;
  bool needs_whole(const Parameter<T>& parameter, const Pass& pass) const noexcept;
  void move_master(const Worker& worker, Parameter<T>& parameter, std::size_t begin, std::size_t count) noexcept;

  std::vector<Parameter<T>*> parameters_;
  std::vector<Chunk> chunks_;
  std::vector<std::size_t> first_chunk_;               // [parameters + 1]
  std::vector<double> squares_;                        // [chunks]
  std::vector<Count> counts_;                          // [workers]
  std::optional<ops::Optimizer<T>> decaying_, plain_;  // weights decay, biases do not
  Setting setting_;
};

}  // namespace udnn::network
