#include "src/network/engine_of.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "src/base/refusal.h"
#include "src/ops/initializer.h"

namespace udnn::network {

namespace {

constexpr std::size_t kNoStage = static_cast<std::size_t>(-1);  // the input itself

template <class T>
Status reserve(base::AlignedArray<T>& array, std::initializer_list<std::size_t> extents) {
  auto made = base::AlignedArray<T>::create(extents);
  if (!made) return made.error();
  array = std::move(*made);
  return {};
}

bool keeps_values(LayerKind kind) noexcept { return kind == LayerKind::kMaxPool; }

/// Rectifiers halve the variance of what passes, so their weights start larger (He et al., ICCV 2015); others after
/// Glorot and Bengio, 2010.
ops::InitializerKind initializer_for(ops::ActivationKind kind) noexcept {
  using enum ops::ActivationKind;
  const bool rectifies = kind == kRelu || kind == kLeaky || kind == kElu || kind == kGelu || kind == kSilu;
  return rectifies ? ops::InitializerKind::kHeUniform : ops::InitializerKind::kGlorotUniform;
}

/// What running statistics are stored in.
template <class T>
Format carrier_format() {
  constexpr bool kIsFloat = sizeof(T) == sizeof(float);
  Format format;
  format.exponent_bits = kIsFloat ? 8 : 11;
  format.mantissa_bits = kIsFloat ? 23 : 52;
  format.bits = kIsFloat ? 32 : 64;
  return format;
}

/// Formats with blocks that do not divide the rows they lie in: a product sums over whole blocks only. All of them are
/// named at once, with what to write instead.
class BlockFaults {
 public:
  void expect(const Format& format, std::size_t length, std::string_view layer, std::string_view role) {
    if (format.block == 0 || length % static_cast<std::size_t>(format.block) == 0) return;
    const std::string place = fmt::format("{}.{}", layer, role);
    if (instead_.find(place + "=") != std::string::npos) return;  // an error has two lengths
    faults_ += fmt::format("{}{} ({} in a row, {} in a block of {})", faults_.empty() ? "" : ", ", place, length,
                           format.block, to_string(format));
    instead_ += fmt::format(", {}=bf16", place);
  }
  Status status() const {
    if (faults_.empty()) return {};
    return base::invalid("blocks that do not divide their rows: {}; expected other formats there, for example: {}",
                         faults_, instead_.substr(2));
  }

 private:
  std::string faults_, instead_;
};

Status check_blocks(const EngineConfig& config) {
  const Precision& precision = config.precision;
  const NetworkDescription& network = config.description;
  BlockFaults faults;
  faults.expect(precision.format("input", Role::kActivations), network.input.size(), "input", "a");
  for (const LayerSpec& spec : network.layers) {
    if (spec.kind == LayerKind::kFlatten) continue;
    const Format &w = precision.format(spec.name, Role::kWeights), &e = precision.format(spec.name, Role::kErrors);
    if (spec.kind == LayerKind::kFc) faults.expect(w, spec.in.size(), spec.name, "w");
    if (spec.kind == LayerKind::kConv)
      faults.expect(w, spec.kernel_height * spec.kernel_width * spec.in.channels / spec.groups, spec.name, "w");
    faults.expect(precision.format(spec.name, Role::kActivations), spec.out.size(), spec.name, "a");
    faults.expect(e, spec.out.size(), spec.name, "e");
    faults.expect(e, spec.in.size(), spec.name, "e");
  }
  return faults.status();
}

}  // namespace

template <class T>
Result<std::unique_ptr<Engine>> EngineOf<T>::create(const EngineConfig& config, const kernels::KernelTable& table) {
  auto engine = std::make_unique<EngineOf<T>>(table);
  if (Status status = engine->build(config); !status.ok()) return status;
  return Result<std::unique_ptr<Engine>>(std::move(engine));
}

template <class T>
Result<RoleQuantizer<T>> EngineOf<T>::quantizer(const EngineConfig& config, const std::string& layer, Role role,
                                                std::size_t largest, std::size_t inner) {
  auto made =
      RoleQuantizer<T>::create(config.precision.format(layer, role), seed_, next_tensor_++, largest, inner, *table_);
  if (made || made.error().code() == StatusCode::kOutOfMemory) return made;
  return base::refusal(made.error().code(), "--precision: {}.{}={}", layer, to_string(role), made.error().message());
}

template <class T>
Status EngineOf<T>::build(const EngineConfig& config) {
  const NetworkDescription& description = config.description;
  inputs_ = description.input.size();
  batch_ = config.batch;
  seed_ = config.seed;
  training_ = config.training;
  workers_ = config.workers;
  if (workers_ < 1) return base::invalid("workers: {}, expected at least 1", workers_);
  if (batch_ == 0) return base::invalid("batch: 0, expected at least 1");
  if (description.layers.empty()) return base::invalid("network: no layers, expected at least one");
  outputs_ = description.layers.back().out.size();

  labels_.resize(batch_);
  sample_losses_.resize(batch_);
  byte_values_.resize(256);
  if (Status status = reserve(x_, {batch_, inputs_}); !status.ok()) return status;
  if (Status status = check_blocks(config); !status.ok()) return status;
  auto input = quantizer(config, "input", Role::kActivations, batch_ * inputs_);
  if (!input) return input.error();
  input_ = std::make_unique<RoleQuantizer<T>>(std::move(*input));
  named_stages_.emplace_back("input", kNoStage);

  for (const LayerSpec& spec : description.layers)
    if (Status status = build_stage(config, spec); !status.ok()) return status;
  if (stages_.empty()) return base::invalid("network: only flatten layers, expected one that computes");

  const std::string& last = stages_.back()->spec().name;
  auto loss_error = quantizer(config, last, Role::kErrors, batch_ * outputs_);
  if (!loss_error) return loss_error.error();
  loss_error_ = std::make_unique<RoleQuantizer<T>>(std::move(*loss_error));
  auto loss = ops::Loss<T>::create({.kind = config.loss, .classes = outputs_});
  if (!loss) return loss.error();
  loss_.emplace(std::move(*loss));

  // Parameters stay where they are from here on: stages are behind pointers, their vectors are complete.
  for (const auto& stage : stages_)
    for (Parameter<T>& parameter : stage->layer().parameters()) parameters_.push_back(&parameter);
  if (training_) {
    auto set = ParameterSet<T>::create(parameters_, {.optimizer = config.optimizer,
                                                     .clip_norm = config.clip_norm,
                                                     .max_column_norm = config.max_column_norm,
                                                     .workers = config.workers});
    if (!set) return set.error();
    set_.emplace(std::move(*set));
  }
  return {};
}

template <class T>
Status EngineOf<T>::build_stage(const EngineConfig& config, const LayerSpec& spec) {
  const std::size_t previous = stages_.empty() ? kNoStage : stages_.size() - 1;
  if (spec.kind == LayerKind::kFlatten) {  // NHWC order is the order of the vector: nothing moves
    named_stages_.emplace_back(spec.name, previous);
    return {};
  }

  std::optional<Skip> skip;
  const T* other = nullptr;
  if (spec.kind == LayerKind::kAdd) {
    const auto found = std::find_if(named_stages_.begin(), named_stages_.end(),
                                    [&](const auto& named) { return named.first == spec.from; });
    if (found == named_stages_.end())
      return base::invalid("{}: adds '{}', expected a layer before it", spec.name, spec.from);
    if (found->second == kNoStage) {  // the input wants no gradient
      other = x_.data();
    } else {
      skip = Skip{found->second, false};
      other = stages_[found->second]->y();
      if (training_ && skip_sums_[found->second].data() == nullptr)
        if (Status status = reserve(skip_sums_[found->second], {batch_, spec.out.size()}); !status.ok()) return status;
    }
  }

  LayerSetting setting{
      .batch = batch_, .workers = config.workers, .seed = seed_, .tensor = next_tensor_++, .training = training_};
  if (config.precision.names_accumulator(spec.name))
    setting.accumulator = config.precision.format(spec.name, Role::kAccumulator);
  auto layer = make_layer<T>(spec, setting, other, *table_);
  if (!layer) return layer.error();
  for (Parameter<T>& parameter : (*layer)->parameters())
    if (Status status = build_parameter(config, spec, parameter); !status.ok()) return status;

  const Precision& precision = config.precision;
  const std::string previous_name = previous == kNoStage ? "input" : stages_[previous]->spec().name;
  auto a = quantizer(config, spec.name, Role::kActivations, batch_ * spec.out.size());
  auto e_dz = quantizer(config, spec.name, Role::kErrors, batch_ * spec.out.size());
  auto e_dx = quantizer(config, spec.name, Role::kErrors, batch_ * spec.in.size());
  for (const auto* made : {&a, &e_dz, &e_dx})
    if (!*made) return made->error();
  // With blocks, values that come to share one with others are rounded anew.
  const bool same_a = a->format() == precision.format(previous_name, Role::kActivations) && !a->has_blocks();

  auto stage = Stage<T>::create(
      {.spec = spec,
       .layer = std::move(*layer),
       .batch = batch_,
       .training = training_,
       .keeps_values = keeps_values(spec.kind) && same_a && spec.activation.kind == ops::ActivationKind::kNone,
       .a = std::move(*a),
       .e_dz = std::move(*e_dz),
       .e_dx = std::move(*e_dx),
       .kernels = &table_->template carrier<T>().elementwise});
  if (!stage) return stage.error();
  stages_.push_back(std::make_unique<Stage<T>>(std::move(*stage)));
  // The error of this layer's output comes from the next one, in the next one's format.
  if (previous != kNoStage) stages_[previous]->error_arrives_in(precision.format(spec.name, Role::kErrors));
  skips_.push_back(skip);
  skip_sums_.emplace_back();
  named_stages_.emplace_back(spec.name, stages_.size() - 1);

  // On the way back the last of those who add one output comes first.
  for (std::size_t later = skips_.size(); skip && later-- > 0;)
    if (skips_[later] && skips_[later]->from == skip->from) skips_[later]->is_first_back = later + 1 == skips_.size();
  return {};
}

template <class T>
Status EngineOf<T>::build_parameter(const EngineConfig& config, const LayerSpec& spec, Parameter<T>& parameter) {
  const std::size_t count = parameter.count();
  const auto make = [&](RoleQuantizer<T>& into, Role role) -> Status {
    auto made = quantizer(config, spec.name, role, count, parameter.channels);
    if (!made) return made.error();
    into = std::move(*made);
    return {};
  };
  const Role used = parameter.is_weights ? Role::kWeights : Role::kMaster;
  if (Status status = make(parameter.m, Role::kMaster); !status.ok()) return status;
  if (Status status = make(parameter.w, used); !status.ok()) return status;
  if (Status status = make(parameter.g, Role::kGradients); !status.ok()) return status;
  for (RoleQuantizer<T>& s : parameter.s)
    if (Status status = make(s, Role::kState); !status.ok()) return status;
  for (RoleQuantizer<T>* stored : {&parameter.m, &parameter.s[0], &parameter.s[1]}) stored->keep_block_scales(count);

  if (Status status = reserve(parameter.master, {count}); !status.ok()) return status;
  if (parameter.is_weights && !parameter.w.is_identity()) {
    if (Status status = reserve(parameter.rounded, {count}); !status.ok()) return status;
    if (parameter.w.has_blocks())
      parameter.weight_scales.resize(parameter.w.blocks(count));
    else if (parameter.w.range())
      parameter.weight_scales.resize(parameter.channels);
  }
  if (training_) {
    for (base::AlignedArray<T>* array :
         {&parameter.gradient, &parameter.next, &parameter.state[0], &parameter.state[1]})
      if (Status status = reserve(*array, {count}); !status.ok()) return status;
  }

  // The initial master copy, as a value of its format.
  const std::span<T> master = parameter.master.span();
  if (parameter.is_weights) {
    std::size_t fan_in = parameter.rows, fan_out = parameter.channels;
    if (parameter.shape.size() == 4)
      fan_out = parameter.shape[0] * parameter.shape[1] * parameter.channels / spec.groups;
    ops::initialize(initializer_for(spec.activation.kind), fan_in, fan_out, seed_, next_tensor_, master);
  } else if (parameter.name.ends_with(".gain")) {
    std::fill(master.begin(), master.end(), T{1});
  }
  ++next_tensor_;
  round_initially(parameter.m, master);
  return {};
}

template <class T>
void EngineOf<T>::round_initially(RoleQuantizer<T>& quantizer, std::span<T> values) const {
  const Pass pass{.step = kInitialStep};
  const auto alone = Team::create(1);
  alone->run([&](Worker& worker) { quantizer.whole(worker, values.data(), values.data(), values.size(), 0, pass); });
}

template <class T>
void EngineOf<T>::gather(Worker& worker, const Batch& batch, const Pass& pass) noexcept {
  assert(worker.count <= workers_ && batch.count <= batch_);
  const SampleSource& source = *batch.source;
  if (source.bytes != nullptr && byte_divisor_ != source.divisor) {
    worker.barrier();  // everybody has seen the old divisor
    if (worker.index == 0) {
      for (std::size_t value = 0; value < byte_values_.size(); ++value)
        byte_values_[value] = static_cast<T>(value) / static_cast<T>(source.divisor);
      byte_divisor_ = source.divisor;
    }
    worker.barrier();
  }
  const bool rounds = !input_->is_identity() || pass.collect;
  const bool in_pieces = input_->in_pieces(pass);
  const std::uint64_t offset = pass.first_sample * inputs_;
  const Range mine = worker.share(batch.count);
  for (std::size_t i = mine.begin; i < mine.end; ++i) {
    const std::size_t row = batch.row(i);
    T* const x = x_.data() + i * inputs_;
    if (source.bytes != nullptr) {
      const std::uint8_t* const bytes = source.bytes + row * inputs_;
      for (std::size_t j = 0; j < inputs_; ++j) x[j] = byte_values_[bytes[j]];
    } else {
      const float* const floats = source.floats + row * inputs_;
      const auto divisor = static_cast<T>(source.divisor);
      for (std::size_t j = 0; j < inputs_; ++j) x[j] = static_cast<T>(floats[j]) / divisor;
    }
    labels_[i] = source.labels != nullptr ? source.labels[row] : 0;
    if (rounds && in_pieces) input_->piece(x, x, inputs_, offset + i * inputs_, pass);
  }
  worker.barrier();
  if (rounds && !in_pieces) input_->whole(worker, x_.data(), x_.data(), batch.count * inputs_, offset, pass);
}

template <class T>
const T* EngineOf<T>::forward(Worker& worker, const Pass& pass) noexcept {
  const T* x = x_.data();
  for (const auto& stage : stages_) {
    stage->forward(worker, pass, x);
    x = stage->y();
  }
  return x;
}

template <class T>
void EngineOf<T>::backward(Worker& worker, const Pass& pass) noexcept {
  // The error of the last stage is in place; from here on stage i finds its dz in its own buffer.
  for (std::size_t i = stages_.size(); i-- > 0;) {
    Stage<T>& stage = *stages_[i];
    const T* const dz = stage.dy();
    if (skips_[i]) send_along_skip(worker, pass, *skips_[i], dz);
    if (i == 0) {
      stage.layer().backward(worker, pass, x_.data(), dz, nullptr, {});
      return;
    }
    Stage<T>& before = *stages_[i - 1];
    const std::size_t count = pass.batch * before.spec().out.size();
    RoleQuantizer<T>& e_dx = stage.e_dx();
    const bool rounds = !e_dx.is_identity() || pass.collect;
    const bool added_to = skip_sums_[i - 1].data() != nullptr;

    // While a piece of dx is in cache it becomes dz of the stage before, unless a whole tensor is waited for.
    if (e_dx.in_pieces(pass) && before.derivative_in_pieces(pass) && !added_to) {
      stage.layer().backward(worker, pass, before.y(), dz, before.dy(),
                             [&](T* piece, std::size_t length, std::size_t first) noexcept {
                               if (rounds) e_dx.piece(piece, piece, length, first, pass);
                               before.derivative_piece(piece, length, first, pass);
                             });
      continue;
    }
    stage.layer().backward(worker, pass, before.y(), dz, before.dy(), {});
    if (added_to) {
      const Range mine = worker.share(count);
      for (std::size_t j = mine.begin; j < mine.end; ++j) before.dy()[j] += skip_sums_[i - 1].data()[j];
      worker.barrier();
    }
    if (rounds) e_dx.whole(worker, before.dy(), before.dy(), count, 0, pass);
    before.derivative(worker, pass);
  }
}

template <class T>
void EngineOf<T>::send_along_skip(Worker& worker, const Pass& pass, const Skip& skip, const T* dz) noexcept {
  T* const sum = skip_sums_[skip.from].data();
  const Range mine = worker.share(pass.batch * stages_[skip.from]->spec().out.size());
  if (skip.is_first_back)
    std::copy(dz + mine.begin, dz + mine.end, sum + mine.begin);
  else
    for (std::size_t j = mine.begin; j < mine.end; ++j) sum[j] += dz[j];
  worker.barrier();
}

template <class T>
void EngineOf<T>::weights_changed(Worker& worker) noexcept {
  for (const auto& stage : stages_) stage->layer().weights_changed(worker);
}

template <class T>
void EngineOf<T>::train_step(Worker& worker, const StepOrder& order, StepOutcome& outcome) noexcept {
  const Pass pass{.batch = order.batch.count, .step = order.step, .training = true, .collect = order.collect};
  gather(worker, order.batch, pass);
  const T* const y = forward(worker, pass);

  Stage<T>& last = *stages_.back();
  loss_->run(worker, pass.batch, y, labels_.data(), last.dy(), sample_losses_.data());
  const double loss = ops::mean_in_fixed_order({sample_losses_.data(), pass.batch});
  if (!loss_error_->is_identity() || pass.collect)
    loss_error_->whole(worker, last.dy(), last.dy(), pass.batch * outputs_, 0, pass);
  last.derivative(worker, pass);
  backward(worker, pass);

  set_->round_gradients(worker, pass);
  const double norm = set_->gradient_norm();
  const bool updates = std::isfinite(loss) && std::isfinite(norm);  // every worker computes the same
  if (updates) {
    set_->update(worker, pass, order.learning_rate);
    weights_changed(worker);
  }
  if (worker.index == 0)
    outcome = {.loss = loss,
               .gradient_norm = norm,
               .updated = updates,
               .updates = updates ? set_->updates() : 0,
               .lost = updates ? set_->lost() : 0};
}

template <class T>
void EngineOf<T>::infer(Worker& worker, const Batch& batch, double* outputs, double* losses,
                        std::int32_t* predictions) noexcept {
  const Pass pass{.batch = batch.count, .step = kInferenceStep, .first_sample = batch.first};
  gather(worker, batch, pass);
  const T* const y = forward(worker, pass);
  if (losses != nullptr) loss_->run(worker, pass.batch, y, labels_.data(), nullptr, losses);
  const Range mine = worker.share(pass.batch);
  for (std::size_t i = mine.begin; i < mine.end; ++i) {
    const T* const row = y + i * outputs_;
    if (outputs != nullptr) std::copy_n(row, outputs_, outputs + i * outputs_);
    if (predictions != nullptr) predictions[i] = ops::argmax(std::span<const T>(row, outputs_));
  }
  worker.barrier();
}

template <class T>
void EngineOf<T>::draw_weights(Worker& worker, std::uint32_t step) noexcept {
  network::draw_weights<T>(worker, parameters_, {.step = step});
  weights_changed(worker);
}

template <class T>
std::size_t EngineOf<T>::memory_bytes() const noexcept {
  std::size_t bytes = sizeof(T) * x_.size();
  for (const auto& stage : stages_) bytes += stage->bytes();
  for (const auto& sum : skip_sums_) bytes += sizeof(T) * sum.size();
  for (const Parameter<T>* p : parameters_)
    bytes += sizeof(T) * (p->master.size() + p->gradient.size() + p->next.size() + p->rounded.size() +
                          p->state[0].size() + p->state[1].size());
  return bytes;
}

template <class T>
std::vector<RoleReport> EngineOf<T>::reports() const {
  std::vector<RoleReport> reports;
  const auto add = [&](const std::string& layer, std::string role, const RoleQuantizer<T>& quantizer) {
    if (quantizer.statistics().count != 0)
      reports.push_back({layer, std::move(role), to_string(quantizer.format()), quantizer.statistics()});
  };
  add("input", "a", *input_);
  for (const auto& stage : stages_) {
    const std::string& name = stage->spec().name;
    add(name, "a", stage->a());
    add(name, "e.dz", stage->e_dz());
    add(name, "e.dx", stage->e_dx());
    for (const Parameter<T>& parameter : stage->layer().parameters()) {
      add(parameter.name, "w", parameter.w);
      add(parameter.name, "g", parameter.g);
      add(parameter.name, "m", parameter.m);
      add(parameter.name, "s1", parameter.s[0]);
      add(parameter.name, "s2", parameter.s[1]);
    }
  }
  add("loss", "e", *loss_error_);
  return reports;
}

template <class T>
std::vector<std::string> EngineOf<T>::layer_names() const {
  std::vector<std::string> names;
  for (const auto& stage : stages_)
    if (!stage->layer().parameters().empty()) names.push_back(stage->spec().name);
  return names;
}

template <class T>
std::vector<double> EngineOf<T>::layer_gradient_norms() const {
  std::vector<double> norms;
  std::size_t parameter = 0;
  for (const auto& stage : stages_) {
    const std::size_t count = stage->layer().parameters().size();
    if (count == 0) continue;
    double squares = 0;
    for (std::size_t i = 0; i < count; ++i) squares += set_->squared_norm(parameter++);
    norms.push_back(std::sqrt(squares));
  }
  return norms;
}

template <class T>
double EngineOf<T>::parameter_bits() const noexcept {
  double bits = 0;
  for (const Parameter<T>* p : parameters_) {
    const RoleQuantizer<T>& stored = p->is_weights ? p->w : p->m;
    const Format& format = stored.format();
    // As a file keeps them: whole blocks, and the scale of nvfp4's tensor.
    bits += static_cast<double>(p->count()) * format.bits + 8 * static_cast<double>(stored.blocks(p->count())) +
            (format.family == Family::kNvfp4 ? 32 : 0);
  }
  return bits;
}

// Every tensor that a file may hold: visit(parameter or what is like one, role, its quantizer or null, its values).
template <class T>
template <class Visit>
void EngineOf<T>::visit_tensors(Visit&& visit) const {
  for (const auto& stage : stages_) {
    for (Parameter<T>& p : stage->layer().parameters()) {
      visit(p, std::string_view("m"), &p.m, p.master.span());
      if (p.rounded.data() != nullptr) visit(p, std::string_view("w"), &p.w, p.rounded.span());
      for (std::size_t s = 0; training_ && s < set_->state_count(); ++s)
        visit(p, std::string_view(s == 0 ? "s1" : "s2"), &p.s[s], p.state[s].span());
    }
    std::size_t number = 0;
    for (const std::span<T> running : stage->layer().running()) {
      Parameter<T> like;
      like.name = fmt::format("{}.running{}", stage->spec().name, ++number);
      like.shape = {running.size()};
      like.channels = running.size();
      visit(like, std::string_view("running"), nullptr, running);
    }
  }
}

template <class T>
std::vector<StoredTensor> EngineOf<T>::tensors() const {
  std::vector<StoredTensor> tensors;
  visit_tensors([&](const Parameter<T>& p, std::string_view role, const RoleQuantizer<T>* quantizer, std::span<T>) {
    StoredTensor tensor;
    tensor.name = p.name;
    tensor.role = role;
    tensor.format = quantizer == nullptr ? carrier_format<T>() : quantizer->format();
    tensor.shape = p.shape;
    tensor.channels = p.channels;
    tensor.is_weights = p.is_weights;
    if (tensor.role == "w")
      tensor.scales = p.weight_scales;
    else if (quantizer != nullptr && quantizer->has_blocks())
      tensor.scales.assign(quantizer->block_scales().begin(), quantizer->block_scales().end());
    else if (quantizer != nullptr && quantizer->range())
      tensor.scales = {quantizer->range()->scale()};
    tensors.push_back(std::move(tensor));
  });
  return tensors;
}

template <class T>
std::vector<kernels::Wide> EngineOf<T>::values(std::size_t index) const {
  std::vector<kernels::Wide> values;
  std::size_t at = 0;
  visit_tensors([&](const Parameter<T>&, std::string_view, const RoleQuantizer<T>*, std::span<T> held) {
    if (at++ == index) values.assign(held.begin(), held.end());
  });
  return values;
}

template <class T>
Status EngineOf<T>::set_values(std::size_t index, std::span<const kernels::Wide> values, bool initial,
                               std::span<const numbers::Scale> scales) {
  Status status = base::invalid("tensor {}: expected one of those there are", index);
  std::size_t at = 0;
  visit_tensors([&](Parameter<T>& p, std::string_view role, RoleQuantizer<T>* quantizer, std::span<T> held) {
    if (at++ != index) return;
    if (held.size() != values.size()) {
      status = base::invalid("{}: {} values, expected {}", p.name, values.size(), held.size());
      return;
    }
    std::transform(values.begin(), values.end(), held.begin(),
                   [](kernels::Wide value) { return static_cast<T>(value); });
    if (initial && quantizer != nullptr && role == "m") round_initially(*quantizer, held);
    if (!initial && role == "w" && scales.size() == p.weight_scales.size())
      p.weight_scales.assign(scales.begin(), scales.end());
    else if (!initial && quantizer != nullptr && quantizer->has_blocks())
      quantizer->keep_block_scales(held.size()).assign(scales.begin(), scales.end());
    status = {};
  });
  return status;
}

template <class T>
template <class Visit>
void EngineOf<T>::visit_ranges(Visit&& visit) const {
  const auto look = [&](RoleQuantizer<T>& quantizer) {
    if (quantizer.range()) visit(quantizer);
  };
  look(*input_);
  for (const auto& stage : stages_) {
    look(stage->a());
    look(stage->e_dz());
    look(stage->e_dx());
    for (Parameter<T>& p : stage->layer().parameters())
      for (RoleQuantizer<T>* quantizer : {&p.m, &p.g, &p.s[0], &p.s[1]}) look(*quantizer);
  }
  look(*loss_error_);
}

template <class T>
std::vector<double> EngineOf<T>::ranges() const {
  std::vector<double> ranges;
  visit_ranges([&](const RoleQuantizer<T>& quantizer) {
    const auto state = quantizer.range()->save();
    ranges.insert(ranges.end(), state.begin(), state.end());
  });
  return ranges;
}

template <class T>
Status EngineOf<T>::set_ranges(std::span<const double> ranges) {
  std::size_t at = 0;
  bool fits = true;
  visit_ranges([&](RoleQuantizer<T>& quantizer) {
    auto state = quantizer.range()->save();
    fits = fits && at + state.size() <= ranges.size();
    if (fits) {
      std::copy_n(ranges.begin() + static_cast<std::ptrdiff_t>(at), state.size(), state.begin());
      quantizer.range()->load(state);
      quantizer.range_changed();
    }
    at += state.size();
  });
  if (!fits || at != ranges.size()) return base::invalid("ranges: {} values, expected {}", ranges.size(), at);
  return {};
}

template class EngineOf<float>;
template class EngineOf<double>;
template class EngineOf<kernels::Wide>;

}  // namespace udnn::network
