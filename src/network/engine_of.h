// src/network/engine_of.h: the engine in one carrier. Only engine.cc and its parts include this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "src/base/aligned_array.h"
#include "src/network/engine.h"
#include "src/network/layer.h"
#include "src/network/parameter_set.h"
#include "src/network/stage.h"
#include "src/ops/loss.h"

namespace udnn::network {

template <class T>
class EngineOf final : public Engine {
 public:
  static Result<std::unique_ptr<Engine>> create(const EngineConfig& config, const kernels::KernelTable& table);

  explicit EngineOf(const kernels::KernelTable& table) : table_(&table) {}

  std::string_view carrier() const noexcept override { return kCarrier; }
  std::string_view isa() const noexcept override { return table_->isa; }
  std::size_t inputs() const noexcept override { return inputs_; }
  std::size_t outputs() const noexcept override { return outputs_; }
  std::size_t batch() const noexcept override { return batch_; }
  int workers() const noexcept override { return workers_; }
  std::size_t memory_bytes() const noexcept override;

  void train_step(Worker& worker, const StepOrder& order, StepOutcome& outcome) noexcept override;
  void infer(Worker& worker, const Batch& batch, double* outputs, double* losses,
             std::int32_t* predictions) noexcept override;
  void draw_weights(Worker& worker, std::uint32_t step) noexcept override;

  std::vector<RoleReport> reports() const override;
  std::vector<double> layer_gradient_norms() const override;
  std::vector<std::string> layer_names() const override;

  std::vector<StoredTensor> tensors() const override;
  std::vector<kernels::Wide> values(std::size_t tensor) const override;
  Status set_values(std::size_t tensor, std::span<const kernels::Wide> values, bool initial,
                    std::span<const numbers::Scale> scales) override;
  std::vector<double> ranges() const override;
  Status set_ranges(std::span<const double> ranges) override;

  double parameter_bits() const noexcept override;

 private:
  static constexpr std::string_view kCarrier = std::is_same_v<T, float>           ? "float"
                                               : std::is_same_v<T, kernels::Wide> ? "wide"
                                                                                  : "double";

  // An add layer sends its error to the layer whose output it added, besides the one before it.
  struct Skip {
    std::size_t from;    // stage
    bool is_first_back;  // the first to reach that stage's sum on the way back: it sets, others add
  };

  Status build(const EngineConfig& config);
  Status build_stage(const EngineConfig& config, const LayerSpec& spec);
  Status build_parameter(const EngineConfig& config, const LayerSpec& spec, Parameter<T>& parameter);
  Result<RoleQuantizer<T>> quantizer(const EngineConfig& config, const std::string& layer, Role role,
                                     std::size_t largest, std::size_t inner = 1);
  void round_initially(RoleQuantizer<T>& quantizer, std::span<T> values) const;

  void gather(Worker& worker, const Batch& batch, const Pass& pass) noexcept;
  const T* forward(Worker& worker, const Pass& pass) noexcept;
  void backward(Worker& worker, const Pass& pass) noexcept;
  void send_along_skip(Worker& worker, const Pass& pass, const Skip& skip, const T* dz) noexcept;
  void weights_changed(Worker& worker) noexcept;

  template <class Visit>
  void visit_tensors(Visit&& visit) const;
  template <class Visit>
  void visit_ranges(Visit&& visit) const;

  const kernels::KernelTable* table_;
  std::size_t inputs_ = 0, outputs_ = 0, batch_ = 0;
  std::uint32_t next_tensor_ = 0;  // ids of draws
  std::uint64_t seed_ = 0;
  bool training_ = true;
  int workers_ = 1;

  base::AlignedArray<T> x_;            // [batch, inputs], rounded to the input's format
  std::vector<std::uint32_t> labels_;  // [batch]
  std::vector<double> sample_losses_;  // [batch]
  std::unique_ptr<RoleQuantizer<T>> input_, loss_error_;
  std::vector<T> byte_values_;  // [256], value / divisor
  double byte_divisor_ = 0;     // that of byte_values_
  std::vector<std::unique_ptr<Stage<T>>> stages_;
  std::vector<std::optional<Skip>> skips_;                         // [stages]
  std::vector<base::AlignedArray<T>> skip_sums_;                   // [stages], of those whose output is added somewhere
  std::vector<std::pair<std::string, std::size_t>> named_stages_;  // layer name -> the stage that has its output
  std::optional<ops::Loss<T>> loss_;
  std::vector<Parameter<T>*> parameters_;
  std::optional<ParameterSet<T>> set_;
};

}  // namespace udnn::network
