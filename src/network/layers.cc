// The kinds of layers: each takes its op from src/ops and gives it parameters, scratch and the transposed copies of the
// way back.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "src/base/ceil_div.h"
#include "src/base/refusal.h"
#include "src/network/layer.h"
#include "src/ops/conv2d.h"
#include "src/ops/dropout.h"
#include "src/ops/norm.h"
#include "src/ops/pool.h"

namespace udnn::network {

namespace {

template <class T>
using Made = Result<std::unique_ptr<Layer<T>>>;

template <class T>
Status reserve(base::AlignedArray<T>& array, std::size_t count) {
  auto made = base::AlignedArray<T>::create({count});
  if (!made) return made.error();
  array = std::move(*made);
  return {};
}

template <class T>
Parameter<T> parameter(const LayerSpec& spec, const char* what, std::vector<std::size_t> shape, bool is_weights) {
  Parameter<T> made;
  made.name = fmt::format("{}.{}", spec.name, what);
  made.channels = shape.back();
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) made.rows *= shape[i];
  made.shape = std::move(shape);
  made.is_weights = is_weights;
  return made;
}

/// What a norm learns: y = gain * normalised x + bias, for each channel.
template <class T>
std::vector<Parameter<T>> gain_and_bias(const LayerSpec& spec) {
  std::vector<Parameter<T>> both;
  for (const char* what : {"gain", "bias"}) both.push_back(parameter<T>(spec, what, {spec.in.channels}, false));
  return both;
}

template <class T>
Result<ops::Accumulator<T>> accumulator_of(const LayerSetting& setting, const kernels::KernelTable& table) {
  if (!setting.accumulator) return ops::Accumulator<T>();
  return ops::Accumulator<T>::create(*setting.accumulator, table, setting.seed, setting.tensor);
}

// Scratch of an op: a part for each worker, and one for all.
template <class T>
class ScratchRoom {
 public:
  Status create(std::size_t per_worker, std::size_t shared, int workers) {
    per_worker_ = (per_worker + 15) / 16 * 16;  // nobody shares a cache line
    if (Status status = reserve(mine_, per_worker_ * static_cast<std::size_t>(workers)); !status.ok()) return status;
    return reserve(shared_, shared);
  }
  ops::Scratch<T> of(const Worker& worker) noexcept {
    return {mine_.data() + per_worker_ * static_cast<std::size_t>(worker.index), shared_.data()};
  }

 private:
  std::size_t per_worker_ = 0;
  base::AlignedArray<T> mine_, shared_;
};

// z [batch, outputs] = x [batch, inputs] * W [inputs, outputs] + bias
template <class T>
class FcLayer final : public Layer<T> {
 public:
  static Made<T> make(const LayerSpec& spec, const LayerSetting& setting, const kernels::KernelTable& table) {
    const auto accumulator = accumulator_of<T>(setting, table);
    if (!accumulator) return accumulator.error();
    auto gemm = ops::Gemm<T>::create(table, *accumulator);
    if (!gemm) return gemm.error();
    auto layer = std::make_unique<FcLayer>(std::move(*gemm), spec.in.size(), spec.out.size());
    layer->parameters_.push_back(parameter<T>(spec, "weights", {layer->inputs_, layer->outputs_}, true));
    if (spec.bias) layer->parameters_.push_back(parameter<T>(spec, "bias", {layer->outputs_}, false));
    if (setting.training)
      if (Status status = reserve(layer->transposed_, layer->inputs_ * layer->outputs_); !status.ok()) return status;
    return Made<T>(std::move(layer));
  }

  FcLayer(ops::Gemm<T> gemm, std::size_t inputs, std::size_t outputs)
      : gemm_(std::move(gemm)), inputs_(inputs), outputs_(outputs) {}

  void forward(Worker& worker, const Pass& pass, const T* x, T* z, ops::Finish<T> finish) noexcept override {
    gemm_.run(worker,
              {.m = pass.batch,
               .n = outputs_,
               .k = inputs_,
               .a = x,
               .a_row_stride = stride(inputs_),
               .a_k_stride = 1,
               .b = weights().used(),
               .b_stride = outputs_,
               .bias = bias(),
               .c = z,
               .c_stride = outputs_,
               .product = ops::Product::kForward,
               .draws = {pass.step, pass.first_sample * outputs_}},
              finish);
  }

  void backward(Worker& worker, const Pass& pass, const T* x, const T* dz, T* dx,
                ops::Finish<T> finish) noexcept override {
    gemm_.run(worker,
              {.m = inputs_,
               .n = outputs_,
               .k = pass.batch,
               .a = x,
               .a_row_stride = 1,
               .a_k_stride = stride(inputs_),
               .b = dz,
               .b_stride = outputs_,
               .c = weights().gradient.data(),
               .c_stride = outputs_,
               .product = ops::Product::kBackwardWeights,
               .draws = {pass.step}},
              {});
    if (has_bias()) ops::column_sums(worker, dz, pass.batch, outputs_, this->parameters_[1].gradient.data());
    if (dx == nullptr) return;
    gemm_.run(worker,
              {.m = pass.batch,
               .n = inputs_,
               .k = outputs_,
               .a = dz,
               .a_row_stride = stride(outputs_),
               .a_k_stride = 1,
               .b = transposed_.data(),
               .b_stride = inputs_,
               .c = dx,
               .c_stride = inputs_,
               .product = ops::Product::kBackwardData,
               .draws = {pass.step, pass.first_sample * inputs_}},
              finish);
  }

  void weights_changed(Worker& worker) noexcept override {
    if (transposed_.data() != nullptr) {
      const Range rows = worker.share(outputs_);
      const T* const w = weights().used();
      for (std::size_t o = rows.begin; o < rows.end; ++o)
        for (std::size_t i = 0; i < inputs_; ++i) transposed_.data()[o * inputs_ + i] = w[i * outputs_ + o];
    }
    worker.barrier();
  }

 private:
  static std::ptrdiff_t stride(std::size_t elements) noexcept { return static_cast<std::ptrdiff_t>(elements); }
  Parameter<T>& weights() noexcept { return this->parameters_[0]; }
  bool has_bias() const noexcept { return this->parameters_.size() > 1; }
  const T* bias() const noexcept { return has_bias() ? this->parameters_[1].used() : nullptr; }

  ops::Gemm<T> gemm_;
  std::size_t inputs_, outputs_;
  base::AlignedArray<T> transposed_;  // [outputs, inputs]
};

template <class T>
class ConvLayer final : public Layer<T> {
 public:
  static Made<T> make(const LayerSpec& spec, const LayerSetting& setting, const kernels::KernelTable& table) {
    const auto accumulator = accumulator_of<T>(setting, table);
    if (!accumulator) return accumulator.error();
    auto conv = ops::Conv2d<T>::create({.height = spec.in.height,
                                        .width = spec.in.width,
                                        .in_channels = spec.in.channels,
                                        .out_channels = spec.out.channels,
                                        .kernel_height = spec.kernel_height,
                                        .kernel_width = spec.kernel_width,
                                        .stride = spec.stride,
                                        .pad_top = spec.pad_top,
                                        .pad_bottom = spec.pad_bottom,
                                        .pad_left = spec.pad_left,
                                        .pad_right = spec.pad_right,
                                        .dilation = spec.dilation,
                                        .groups = spec.groups},
                                       table, *accumulator);
    if (!conv) return conv.error();
    auto layer = std::make_unique<ConvLayer>(std::move(*conv), spec.in.size(), spec.out.size());
    const std::size_t in_channels = spec.in.channels / spec.groups;
    layer->parameters_.push_back(
        parameter<T>(spec, "weights", {spec.kernel_height, spec.kernel_width, in_channels, spec.out.channels}, true));
    if (spec.bias) layer->parameters_.push_back(parameter<T>(spec, "bias", {spec.out.channels}, false));
    if (setting.training)
      if (Status status = reserve(layer->backward_weights_, layer->conv_.backward_weights_size()); !status.ok())
        return status;
    if (Status status =
            layer->scratch_.create(layer->conv_.scratch_per_worker(),
                                   setting.training ? layer->conv_.shared_scratch(setting.batch) : 0, setting.workers);
        !status.ok())
      return status;
    return Made<T>(std::move(layer));
  }

  ConvLayer(ops::Conv2d<T> conv, std::size_t inputs, std::size_t outputs)
      : conv_(std::move(conv)), inputs_(inputs), outputs_(outputs) {}

  void forward(Worker& worker, const Pass& pass, const T* x, T* z, ops::Finish<T> finish) noexcept override {
    const auto& parameters = this->parameters_;
    conv_.forward(worker, pass.batch, x, parameters[0].used(), parameters.size() > 1 ? parameters[1].used() : nullptr,
                  z, scratch_.of(worker), finish, {pass.step, pass.first_sample * outputs_});
  }

  void backward(Worker& worker, const Pass& pass, const T* x, const T* dz, T* dx,
                ops::Finish<T> finish) noexcept override {
    auto& parameters = this->parameters_;
    conv_.backward_weights(worker, pass.batch, x, dz, parameters[0].gradient.data(),
                           parameters.size() > 1 ? parameters[1].gradient.data() : nullptr, scratch_.of(worker),
                           {pass.step});
    if (dx != nullptr)
      conv_.backward_data(worker, pass.batch, dz, backward_weights_.data(), dx, scratch_.of(worker), finish,
                          {pass.step, pass.first_sample * inputs_});
  }

  void weights_changed(Worker& worker) noexcept override {
    if (backward_weights_.data() != nullptr)
      conv_.transpose_weights(worker, this->parameters_[0].used(), backward_weights_.data());
  }

 private:
  ops::Conv2d<T> conv_;
  std::size_t inputs_, outputs_;  // elements of one sample
  base::AlignedArray<T> backward_weights_;
  ScratchRoom<T> scratch_;
};

ops::PoolConfig pool_config(const LayerSpec& spec) {
  return {.height = spec.in.height,
          .width = spec.in.width,
          .channels = spec.in.channels,
          .kernel_height = spec.kernel_height,
          .kernel_width = spec.kernel_width,
          .stride = spec.stride,
          .pad_top = spec.pad_top,
          .pad_bottom = spec.pad_bottom,
          .pad_left = spec.pad_left,
          .pad_right = spec.pad_right};
}

template <class T>
class MaxPoolLayer final : public Layer<T> {
 public:
  static Made<T> make(const LayerSpec& spec, const LayerSetting& setting, const kernels::KernelTable& table) {
    auto pool = ops::MaxPool2d<T>::create(pool_config(spec), table);
    if (!pool) return pool.error();
    auto layer = std::make_unique<MaxPoolLayer>(std::move(*pool));
    if (Status status = reserve(layer->argmax_, setting.batch * spec.out.size()); !status.ok()) return status;
    return Made<T>(std::move(layer));
  }

  explicit MaxPoolLayer(ops::MaxPool2d<T> pool) : pool_(std::move(pool)) {}

  void forward(Worker& worker, const Pass& pass, const T* x, T* z, ops::Finish<T> finish) noexcept override {
    pool_.forward(worker, pass.batch, x, z, argmax_.data(), finish);
  }
  void backward(Worker& worker, const Pass& pass, const T* /*x*/, const T* dz, T* dx,
                ops::Finish<T> finish) noexcept override {
    if (dx != nullptr) pool_.backward(worker, pass.batch, dz, argmax_.data(), dx, finish);
  }

 private:
  ops::MaxPool2d<T> pool_;
  base::AlignedArray<std::uint8_t> argmax_;  // place of the largest value inside its window
};

template <class T>
class AvgPoolLayer final : public Layer<T> {
 public:
  static Made<T> make(const LayerSpec& spec, const kernels::KernelTable& table) {
    auto pool = ops::AvgPool2d<T>::create(pool_config(spec), table);
    if (!pool) return pool.error();
    return Made<T>(std::make_unique<AvgPoolLayer>(std::move(*pool)));
  }

  explicit AvgPoolLayer(ops::AvgPool2d<T> pool) : pool_(std::move(pool)) {}

  void forward(Worker& worker, const Pass& pass, const T* x, T* z, ops::Finish<T> finish) noexcept override {
    pool_.forward(worker, pass.batch, x, z, finish);
  }
  void backward(Worker& worker, const Pass& pass, const T* /*x*/, const T* dz, T* dx,
                ops::Finish<T> finish) noexcept override {
    if (dx != nullptr) pool_.backward(worker, pass.batch, dz, dx, finish);
  }

 private:
  ops::AvgPool2d<T> pool_;
};

// z = x, piece by piece: a layer that only its activation, its rounding or its other operand make different from x.
template <class T>
class CopyLayer final : public Layer<T> {
 public:
  /// `other` [batch, size] is added to x, unless it is null.
  CopyLayer(std::size_t size, const T* other) : size_(size), other_(other) {}

  void forward(Worker& worker, const Pass& pass, const T* x, T* z, ops::Finish<T> finish) noexcept override {
    const T* const other = other_;
    walk(worker, pass.batch * size_, [&](std::size_t first, std::size_t count) {
      if (other == nullptr)
        std::copy_n(x + first, count, z + first);
      else
        for (std::size_t i = first; i < first + count; ++i) z[i] = x[i] + other[i];
      if (finish) finish(z + first, count, first);
    });
  }
  void backward(Worker& worker, const Pass& pass, const T* /*x*/, const T* dz, T* dx,
                ops::Finish<T> finish) noexcept override {
    if (dx == nullptr) return;
    walk(worker, pass.batch * size_, [&](std::size_t first, std::size_t count) {
      std::copy_n(dz + first, count, dx + first);
      if (finish) finish(dx + first, count, first);
    });
  }

 private:
  static void walk(Worker& worker, std::size_t elements, auto&& piece) noexcept {
    constexpr std::size_t kChunk = RoleQuantizer<T>::kChunk;
    const Range mine = worker.share(base::ceil_div(elements, kChunk));
    for (std::size_t chunk = mine.begin; chunk < mine.end; ++chunk)
      piece(chunk * kChunk, std::min(kChunk, elements - chunk * kChunk));
    worker.barrier();
  }

  std::size_t size_;
  const T* other_;
};

template <class T>
class DropoutLayer final : public Layer<T> {
 public:
  static Made<T> make(const LayerSpec& spec, const LayerSetting& setting) {
    auto dropout = ops::Dropout<T>::create({.rate = spec.rate, .seed = setting.seed, .tensor = setting.tensor});
    if (!dropout) return dropout.error();
    return Made<T>(std::make_unique<DropoutLayer>(std::move(*dropout), spec.in.size()));
  }

  DropoutLayer(ops::Dropout<T> dropout, std::size_t size) : dropout_(std::move(dropout)), size_(size) {}

  void forward(Worker& worker, const Pass& pass, const T* x, T* z, ops::Finish<T> finish) noexcept override {
    dropout_.forward(worker, pass.batch * size_, pass.step, pass.training, x, z, finish);
  }
  void backward(Worker& worker, const Pass& pass, const T* /*x*/, const T* dz, T* dx,
                ops::Finish<T> finish) noexcept override {
    if (dx != nullptr) dropout_.backward(worker, pass.batch * size_, pass.step, dz, dx, finish);
  }

 private:
  ops::Dropout<T> dropout_;
  std::size_t size_;
};

// Over the channels of each pixel of the batch; learns a gain and a bias for each channel.
template <class T>
class BatchNormLayer final : public Layer<T> {
 public:
  static Made<T> make(const LayerSpec& spec, const LayerSetting& setting, const kernels::KernelTable& table) {
    const std::size_t channels = spec.in.channels;
    auto norm = ops::BatchNorm<T>::create({.channels = channels}, table);
    if (!norm) return norm.error();
    auto layer = std::make_unique<BatchNormLayer>(std::move(*norm), spec.in.size() / channels);
    layer->parameters_ = gain_and_bias<T>(spec);
    for (base::AlignedArray<T>* array : {&layer->mean_, &layer->variance_})
      if (Status status = reserve(*array, channels); !status.ok()) return status;
    std::fill_n(layer->variance_.data(), channels, T{1});
    if (Status status = reserve(layer->saved_, layer->norm_.saved_size()); !status.ok()) return status;
    const std::size_t shared = setting.training ? layer->norm_.shared_scratch(setting.batch * layer->pixels_) : 0;
    if (Status status = layer->scratch_.create(layer->norm_.scratch_per_worker(), shared, setting.workers);
        !status.ok())
      return status;
    return Made<T>(std::move(layer));
  }

  BatchNormLayer(ops::BatchNorm<T> norm, std::size_t pixels) : norm_(std::move(norm)), pixels_(pixels) {}

  void forward(Worker& worker, const Pass& pass, const T* x, T* z, ops::Finish<T> finish) noexcept override {
    const T* const gain = this->parameters_[0].used();
    const T* const bias = this->parameters_[1].used();
    if (pass.training)
      norm_.forward_training(worker, pass.batch * pixels_, x, gain, bias, mean_.data(), variance_.data(), saved_.data(),
                             z, scratch_.of(worker), finish);
    else
      norm_.forward_inference(worker, pass.batch * pixels_, x, gain, bias, mean_.data(), variance_.data(), z,
                              scratch_.of(worker), finish);
  }
  void backward(Worker& worker, const Pass& pass, const T* x, const T* dz, T* dx,
                ops::Finish<T> finish) noexcept override {
    Parameter<T>& gain = this->parameters_[0];
    norm_.backward(worker, pass.batch * pixels_, x, saved_.data(), gain.used(), dz, gain.gradient.data(),
                   this->parameters_[1].gradient.data(), dx, scratch_.of(worker), finish);
  }
  std::vector<std::span<T>> running() noexcept override { return {mean_.span(), variance_.span()}; }

 private:
  ops::BatchNorm<T> norm_;
  std::size_t pixels_;
  base::AlignedArray<T> mean_, variance_;  // running
  base::AlignedArray<T> saved_;            // of the last batch, for the way back
  ScratchRoom<T> scratch_;
};

// Over the channels of each pixel of each sample; a vector is one pixel.
template <class T>
class LayerNormLayer final : public Layer<T> {
 public:
  static Made<T> make(const LayerSpec& spec, const LayerSetting& setting, const kernels::KernelTable& table) {
    const std::size_t features = spec.in.channels;
    auto norm = ops::LayerNorm<T>::create({.features = features}, table);
    if (!norm) return norm.error();
    auto layer = std::make_unique<LayerNormLayer>(std::move(*norm), spec.in.size() / features);
    layer->parameters_ = gain_and_bias<T>(spec);
    const std::size_t rows = setting.batch * layer->pixels_;
    if (Status status = reserve(layer->saved_, layer->norm_.saved_size(rows)); !status.ok()) return status;
    if (Status status =
            layer->scratch_.create(0, setting.training ? layer->norm_.shared_scratch(rows) : 0, setting.workers);
        !status.ok())
      return status;
    return Made<T>(std::move(layer));
  }

  LayerNormLayer(ops::LayerNorm<T> norm, std::size_t pixels) : norm_(std::move(norm)), pixels_(pixels) {}

  void forward(Worker& worker, const Pass& pass, const T* x, T* z, ops::Finish<T> finish) noexcept override {
    norm_.forward(worker, pass.batch * pixels_, x, this->parameters_[0].used(), this->parameters_[1].used(),
                  saved_.data(), z, finish);
  }
  void backward(Worker& worker, const Pass& pass, const T* x, const T* dz, T* dx,
                ops::Finish<T> finish) noexcept override {
    Parameter<T>& gain = this->parameters_[0];
    norm_.backward(worker, pass.batch * pixels_, x, saved_.data(), gain.used(), dz, gain.gradient.data(),
                   this->parameters_[1].gradient.data(), dx, scratch_.of(worker), finish);
  }

 private:
  ops::LayerNorm<T> norm_;
  std::size_t pixels_;
  base::AlignedArray<T> saved_;
  ScratchRoom<T> scratch_;
};

}  // namespace

template <class T>
Made<T> make_layer(const LayerSpec& spec, const LayerSetting& setting, const T* other,
                   const kernels::KernelTable& table) {
  switch (spec.kind) {
    case LayerKind::kFc:
      return FcLayer<T>::make(spec, setting, table);
    case LayerKind::kConv:
      return ConvLayer<T>::make(spec, setting, table);
    case LayerKind::kMaxPool:
      return MaxPoolLayer<T>::make(spec, setting, table);
    case LayerKind::kAvgPool:
    case LayerKind::kGlobalPool:
      return AvgPoolLayer<T>::make(spec, table);
    case LayerKind::kDropout:
      return DropoutLayer<T>::make(spec, setting);
    case LayerKind::kBatchNorm:
      return BatchNormLayer<T>::make(spec, setting, table);
    case LayerKind::kLayerNorm:
      return LayerNormLayer<T>::make(spec, setting, table);
    case LayerKind::kAdd:
    case LayerKind::kActivation:
    case LayerKind::kFlatten:
      return Made<T>(std::make_unique<CopyLayer<T>>(spec.in.size(), other));
  }
  return base::invalid("{}: a layer of unknown kind", spec.name);
}

template Made<float> make_layer<float>(const LayerSpec&, const LayerSetting&, const float*,
                                       const kernels::KernelTable&);
template Made<double> make_layer<double>(const LayerSpec&, const LayerSetting&, const double*,
                                         const kernels::KernelTable&);
template Made<kernels::Wide> make_layer<kernels::Wide>(const LayerSpec&, const LayerSetting&, const kernels::Wide*,
                                                       const kernels::KernelTable&);

}  // namespace udnn::network
