// src/ops/dropout.h: leaves out elements at random while a network learns.
//
//   y[i] = word(i) >= rate * 2^32 ? x[i] / (1 - rate) : 0
//   word = Philox of (seed, step, kDropout, tensor) at element i
//
// The word belongs to the element: backward() draws it again, so no mask is stored, and neither threads nor pieces show
// in the result. In inference y = x. Source: Srivastava et al., JMLR 15, 2014, in the form that scales while it learns.
#pragma once

#include <cstddef>
#include <cstdint>

#include "src/ops/finish.h"
#include "udnn/status.h"
#include "udnn/team.h"

namespace udnn::ops {

struct DropoutConfig {
  double rate = 0.5;  ///< the share that is left out, 0 <= rate < 1
  std::uint64_t seed = 0;
  std::uint32_t tensor = 0;  ///< below 2^24; which of the tensors that draw
};

/// The methods are called by every worker and end with a barrier; they allocate nothing. `finish` gets 4096 elements at
/// a time. x may be y, dy may be dx.
template <class T>
class Dropout {
 public:
  /// Errors: kInvalidArgument, naming the field.
  static Result<Dropout> create(const DropoutConfig& config);

  void forward(Worker& worker, std::size_t count, std::uint32_t step, bool training, const T* x, T* y,
               Finish<T> finish) const noexcept;

  void backward(Worker& worker, std::size_t count, std::uint32_t step, const T* dy, T* dx,
                Finish<T> finish) const noexcept;

 private:
  explicit Dropout(const DropoutConfig& config) noexcept : config_(config) {}

  DropoutConfig config_;
};

}  // namespace udnn::ops
