#include "src/network/model.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/base/byte_reader.h"
#include "src/base/byte_writer.h"
#include "src/base/ceil_div.h"
#include "src/base/container.h"
#include "src/base/json.h"
#include "src/base/one_line.h"
#include "src/base/refusal.h"
#include "src/machine/isa.h"
#include "src/numbers/block_scale.h"
#include "src/numbers/pack.h"
#include "udnn/team.h"

namespace udnn::network {

namespace {

constexpr std::int64_t kFormatVersion = 2;  // 1: units of blocks as doubles

std::vector<std::byte> bytes_of(std::span<const double> values) {
  base::ByteWriter writer;
  for (const double value : values) writer.little(value);
  return writer.take();
}

Result<std::vector<double>> doubles_of(std::span<const std::byte> bytes, const std::string& what) {
  base::ByteReader reader(bytes, what);
  std::vector<double> values;
  values.reserve(bytes.size() / 8);
  while (reader.remaining() > 0) {
    const auto value = reader.little<double>("a double");
    if (!value) return value.error();
    values.push_back(*value);
  }
  return values;
}

std::size_t count_of(const StoredTensor& tensor) {
  return std::accumulate(tensor.shape.begin(), tensor.shape.end(), std::size_t{1}, std::multiplies<>());
}

/// Blocks lie across the channels, see Parameter; the last may be shorter.
std::size_t blocks_of(const StoredTensor& tensor) {
  if (tensor.format.block == 0) return 0;
  return base::ceil_div(count_of(tensor) / tensor.channels, static_cast<std::size_t>(tensor.format.block)) *
         tensor.channels;
}

/// The scale of element i of a tensor.
numbers::Scale scale_of(const StoredTensor& tensor, std::size_t i) {
  if (tensor.scales.empty()) return {};
  if (tensor.format.block != 0) {
    const std::size_t row = i / tensor.channels / static_cast<std::size_t>(tensor.format.block);
    return tensor.scales[row * tensor.channels + i % tensor.channels];
  }
  return tensor.scales.size() == 1 ? tensor.scales[0] : tensor.scales[i % tensor.channels];
}

int code_bits(const Format& format) {
  return format.block != 0 ? format.bits : static_cast<int>(std::ceil(storage_bits(format)));
}

using kernels::Wide;

/// Calls work(coder, a value of its carrier) with the coder of a format, in double or where that is too narrow in Wide.
template <class Work>
Status with_coder(const Format& format, Work work) {
  const auto table = machine::chosen_kernel_table();
  if (!table) return table.error();
  const auto with = [&](auto zero) -> Status {
    const auto coder = numbers::Quantizer<decltype(zero)>::create(format, **table);
    if (!coder) return coder.error();
    work(*coder, zero);
    return {};
  };
  return fits_double_carrier(format) ? with(0.0) : with(Wide{0});
}

/// The scales of blocks, which come first: of nvfp4 that of the tensor, a float; then a byte for each block.
Status write_block_scales(const StoredTensor& tensor, base::ByteWriter& writer) {
  if (tensor.format.block == 0) return {};
  if (tensor.scales.size() != blocks_of(tensor))
    return base::invalid("{}: {} block scales, expected {}", tensor.name, tensor.scales.size(), blocks_of(tensor));
  double of_tensor = 1;
  if (tensor.format.family == Family::kNvfp4) {
    std::vector<double> units;
    for (const numbers::Scale& scale : tensor.scales) units.push_back(scale.unit);
    const auto found = numbers::nvfp4_tensor_of_units(units);
    if (!found) return base::invalid("{}: block scales that are no e4m3 times one float", tensor.name);
    of_tensor = *found;
    writer.little(static_cast<float>(of_tensor));
  }
  for (const numbers::Scale& scale : tensor.scales) {
    const auto code = numbers::block_scale_code(tensor.format, scale.unit, of_tensor);
    if (!code) return base::invalid("{}: block scale {}, expected a power of two", tensor.name, scale.unit);
    writer.little(*code);
  }
  return {};
}

/// The units of the blocks, which stand first.
Result<std::vector<double>> read_units(const StoredTensor& tensor, std::int64_t version, base::ByteReader& reader) {
  const std::size_t blocks = blocks_of(tensor);
  const bool has_tensor_scale = tensor.format.family == Family::kNvfp4 && version > 1;
  const std::size_t size = version == 1 ? 8 * blocks : blocks + (has_tensor_scale ? 4 : 0);
  if (reader.remaining() < size)
    return base::invalid("{}: {} bytes, expected at least {} (the scales of {} blocks)", reader.name(),
                         reader.remaining(), size, blocks);
  double of_tensor = 1;
  if (has_tensor_scale) {
    const auto scale = reader.little<float>("scale of the tensor");
    if (!scale) return scale.error();
    of_tensor = static_cast<double>(*scale);
    if (!(of_tensor > 0 && std::isfinite(of_tensor)))
      return base::invalid("{}: scale of the tensor {}, expected one above 0", reader.name(), of_tensor);
  }
  std::vector<double> units;
  while (units.size() < blocks) {
    if (version == 1) {
      const auto unit = reader.little<double>("block scale");
      if (!unit) return unit.error();
      if (!(*unit >= 0 && *unit <= 0x1p300))
        return base::invalid("{}: block scale {}, expected 0 to 2^300", reader.name(), *unit);
      units.push_back(*unit);
      continue;
    }
    const auto code = reader.little<std::uint8_t>("block scale");
    if (!code) return code.error();
    const auto scale = numbers::block_scale_value(tensor.format, *code);
    if (!scale || std::isnan(*scale))
      return base::invalid("{}: block scale {} is {:#x}, which no block has", reader.name(), units.size(), *code);
    units.push_back(numbers::unit_of_block_scale(tensor.format, *scale, of_tensor));
  }
  return units;
}

Result<std::vector<std::byte>> packed(const StoredTensor& tensor, std::span<const Wide> values) {
  std::vector<std::uint64_t> codes(values.size());
  const Status status = with_coder(tensor.format, [&](const auto& coder, auto zero) {
    for (std::size_t i = 0; i < values.size(); ++i)
      codes[i] = coder.encode(static_cast<decltype(zero)>(values[i]), scale_of(tensor, i));
  });
  if (!status.ok()) return status;
  base::ByteWriter writer;
  if (Status written = write_block_scales(tensor, writer); !written.ok()) return written;
  writer.bytes(numbers::pack(codes, code_bits(tensor.format)));
  return writer.take();
}

/// Reads the scales of blocks into `tensor`.
Result<std::vector<Wide>> unpacked(StoredTensor& tensor, std::span<const std::byte> bytes, std::int64_t version,
                                   const std::string& what) {
  const std::size_t count = count_of(tensor);
  base::ByteReader reader(bytes, what);
  if (tensor.format.block != 0) {
    const auto units = read_units(tensor, version, reader);
    if (!units) return units.error();
    tensor.scales.resize(units->size());
    std::transform(units->begin(), units->end(), tensor.scales.begin(),
                   [](double unit) { return numbers::Scale{.unit = unit}; });
  }
  const auto bits = static_cast<std::size_t>(code_bits(tensor.format));
  const auto packed_codes = bytes.subspan(reader.offset());
  if (packed_codes.size() != (count * bits + 7) / 8)
    return base::invalid("{}: {} bytes, expected {} ({} codes of {} bits)", what, packed_codes.size(),
                         (count * bits + 7) / 8, count, bits);
  const auto codes = numbers::unpack(packed_codes, static_cast<int>(bits), count);
  std::vector<Wide> values(count);
  const Status status = with_coder(tensor.format, [&](const auto& coder, auto) {
    for (std::size_t i = 0; i < count; ++i) values[i] = coder.decode(codes[i], scale_of(tensor, i));
  });
  if (!status.ok()) return status;
  return values;
}

/// Whether a file of this kind holds the tensor.
bool belongs(const StoredTensor& tensor, ModelKind kind, std::span<const StoredTensor> all) {
  if (kind == ModelKind::kCheckpoint) return tensor.role != "w";
  if (tensor.role == "running" || tensor.role == "w") return true;
  if (tensor.role != "m") return false;
  return std::none_of(all.begin(), all.end(),
                      [&](const StoredTensor& other) { return other.name == tensor.name && other.role == "w"; });
}

base::Value scales_value(std::span<const numbers::Scale> scales) {
  base::Value list = base::Value::array();
  for (const numbers::Scale& scale : scales) {
    base::Value three = base::Value::array();
    three.push_back(scale.unit);
    three.push_back(scale.threshold);
    three.push_back(scale.zero_point);
    list.push_back(std::move(three));
  }
  return list;
}

base::Value header_of(const Model& model, ModelKind kind, std::span<const StoredTensor> tensors) {
  const EngineConfig& config = model.config;
  base::Value header = base::Value::object();
  header.set("version", kFormatVersion);
  header.set("kind", kind == ModelKind::kCheckpoint ? "checkpoint" : "model");
  header.set("network", config.description.text());
  header.set("precision", config.precision.text());
  header.set("seed", fmt::format("{}", config.seed));  // as a text: 64 bits are more than a JSON number holds
  header.set("loss", std::string(ops::name_of(config.loss)));
  base::Value& optimizer = header.set("optimizer", base::Value::object());
  optimizer.set("name", std::string(ops::name_of(config.optimizer.kind)));
  optimizer.set("momentum", config.optimizer.momentum);
  optimizer.set("rho", config.optimizer.rho);
  optimizer.set("beta1", config.optimizer.beta1);
  optimizer.set("beta2", config.optimizer.beta2);
  optimizer.set("epsilon", config.optimizer.epsilon);
  optimizer.set("weight_decay", config.optimizer.weight_decay);
  optimizer.set("clip_norm", config.clip_norm);
  optimizer.set("max_column_norm", config.max_column_norm);
  base::Value& list = header.set("tensors", base::Value::array());
  for (const StoredTensor& tensor : tensors) {
    base::Value entry = base::Value::object();
    entry.set("name", tensor.name);
    entry.set("role", tensor.role);
    entry.set("format", to_string(tensor.format));
    base::Value& shape = entry.set("shape", base::Value::array());
    for (const std::size_t extent : tensor.shape) shape.push_back(static_cast<std::int64_t>(extent));
    entry.set("scales", tensor.format.block != 0 ? base::Value::array() : scales_value(tensor.scales));
    list.push_back(std::move(entry));
  }
  header.set("facts", model.facts);
  return header;
}

Status read_optimizer(const base::Field& header, EngineConfig& config) {
  const base::Field optimizer = header["optimizer"];
  const auto name = optimizer["name"].text();
  if (!name) return name.error();
  const auto kind = ops::parse_optimizer(*name);
  if (!kind) return base::invalid("{}: {}", optimizer["name"].place(), kind.error().message());
  config.optimizer.kind = *kind;
  for (const auto& [key, into] : {std::pair<const char*, double*>{"momentum", &config.optimizer.momentum},
                                  {"rho", &config.optimizer.rho},
                                  {"beta1", &config.optimizer.beta1},
                                  {"beta2", &config.optimizer.beta2},
                                  {"epsilon", &config.optimizer.epsilon},
                                  {"weight_decay", &config.optimizer.weight_decay},
                                  {"clip_norm", &config.clip_norm},
                                  {"max_column_norm", &config.max_column_norm}}) {
    const auto number = optimizer[key].number();
    if (!number) return number.error();
    *into = *number;
  }
  return {};
}

Result<EngineConfig> read_config(const base::Field& header) {
  const auto version = header["version"].integer();
  if (!version) return version.error();
  if (*version < 1) return header["version"].refuse(fmt::format("1 to {}", kFormatVersion));
  if (*version > kFormatVersion)
    return base::refusal(StatusCode::kUnsupported, "{}: {}, expected at most {} (written by a later uDNN)",
                         header["version"].place(), *version, kFormatVersion);
  const auto network = header["network"].text();
  if (!network) return network.error();
  const auto precision = header["precision"].text();
  if (!precision) return precision.error();
  const auto loss = header["loss"].text();
  if (!loss) return loss.error();
  const auto seed = header["seed"].digits();
  if (!seed) return seed.error();

  EngineConfig config;
  config.seed = *seed;
  auto description = parse_network(*network);
  if (!description) return base::invalid("{}: {}", header["network"].place(), description.error().message());
  config.description = std::move(*description);
  auto plan = Precision::parse(*precision);
  if (!plan) return base::invalid("{}: {}", header["precision"].place(), plan.error().message());
  config.precision = std::move(*plan);
  const auto kind = ops::parse_loss(*loss);
  if (!kind) return base::invalid("{}: {}", header["loss"].place(), kind.error().message());
  config.loss = *kind;
  if (Status status = read_optimizer(header, config); !status.ok()) return status;
  return config;
}

/// The scales of a tensor whose place in the file is `entry`; the rest of it must be what the network says.
Status read_tensor(const base::Field& entry, StoredTensor& tensor) {
  const auto name = entry["name"].text();
  if (!name) return name.error();
  const auto role = entry["role"].text();
  if (!role) return role.error();
  if (*name != tensor.name || *role != tensor.role)
    return base::invalid("{}: {} in role {}, expected {} in role {}", entry.place(), base::one_line(*name),
                         base::one_line(*role), tensor.name, tensor.role);
  const auto format = entry["format"].text();
  if (!format) return format.error();
  const auto parsed = parse_format(*format);
  if (!parsed) return base::invalid("{}: {}", entry["format"].place(), parsed.error().message());
  if (!(*parsed == tensor.format)) return entry["format"].refuse(to_string(tensor.format));
  const auto scales = entry["scales"].items();
  if (!scales) return scales.error();
  if (scales->size() > 1 && scales->size() != tensor.channels)
    return entry["scales"].refuse(fmt::format("none, one, or {} scales", tensor.channels));
  tensor.scales.clear();
  for (const base::Field& scale : *scales) {
    const auto unit = scale[0].number(), threshold = scale[1].number(), zero_point = scale[2].number();
    for (const auto* number : {&unit, &threshold, &zero_point})
      if (!*number) return number->error();
    tensor.scales.push_back({*unit, *threshold, *zero_point});
  }
  return {};
}

void draw_for_inference(Engine& engine) {
  const auto alone = Team::create(1);
  alone->run([&](Worker& worker) { engine.draw_weights(worker, kInferenceStep); });
}

}  // namespace

std::uint64_t parameter_bytes(const Engine& engine) {
  return static_cast<std::uint64_t>(std::ceil(engine.parameter_bits() / 8));
}

Status save_model(const std::string& path, const Model& model, ModelKind kind) {
  const std::vector<StoredTensor> all = model.engine->tensors();
  std::vector<StoredTensor> tensors;
  std::vector<std::vector<std::byte>> payloads;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!belongs(all[i], kind, all)) continue;
    auto payload = packed(all[i], model.engine->values(i));
    if (!payload) return payload.error();
    tensors.push_back(all[i]);
    payloads.push_back(std::move(*payload));
  }
  const std::string header = base::to_json(header_of(model, kind, tensors));
  const std::vector<std::byte> ranges = bytes_of(model.engine->ranges());
  std::vector<base::Section> sections = {{"header", std::as_bytes(std::span(header))}, {"ranges", ranges}};
  for (std::size_t i = 0; i < payloads.size(); ++i) sections.push_back({fmt::format("t{}", i), payloads[i]});
  return base::write_container(path, sections);
}

Result<Model> load_model(const std::string& path, const LoadModelOptions& options) {
  const auto container = base::read_container(path);
  if (!container) return container.error();
  const auto header_bytes = container->section("header");
  if (!header_bytes) return header_bytes.error();
  const std::string place = container->place("header");
  const auto header =
      base::parse_json({reinterpret_cast<const char*>(header_bytes->data()), header_bytes->size()}, place);
  if (!header) return header.error();
  const base::Field root(*header, place);

  auto config = read_config(root);
  if (!config) return config.error();
  config->batch = options.batch;
  config->workers = options.workers;
  config->training = options.training;
  const std::int64_t version = *root["version"].integer();  // which read_config() has looked at
  const auto kind_text = root["kind"].text();
  if (!kind_text) return kind_text.error();
  if (*kind_text != "checkpoint" && *kind_text != "model") return root["kind"].refuse("checkpoint or model");
  const ModelKind kind = *kind_text == "checkpoint" ? ModelKind::kCheckpoint : ModelKind::kModel;
  if (options.training && kind == ModelKind::kModel)
    return base::invalid("{}: holds no master weights, expected a checkpoint to train from", path);

  auto engine = Engine::create(*config);
  if (!engine) return base::refusal(engine.error().code(), "{}: {}", path, engine.error().message());
  Model model{.config = std::move(*config),
              .engine = std::move(*engine),
              .facts = {},
              .has_master = kind == ModelKind::kCheckpoint};
  if (const base::Value* facts = header->find("facts")) model.facts = *facts;

  // An engine that does not train has no optimizer state: those tensors of the file are passed over.
  std::vector<StoredTensor> all = model.engine->tensors();
  const auto entries = root["tensors"].items();
  if (!entries) return entries.error();
  std::size_t at = 0;
  const auto pass_over_state = [&] {
    while (!options.training && at < entries->size()) {
      const auto role = (*entries)[at]["role"].text();
      if (!role || !role->starts_with("s")) break;
      ++at;
    }
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!belongs(all[i], kind, all)) continue;
    pass_over_state();
    if (at == entries->size())
      return base::invalid("{}: {} tensors, expected one more: {} in role {}", root["tensors"].place(), at, all[i].name,
                           all[i].role);
    if (Status status = read_tensor((*entries)[at], all[i]); !status.ok()) return status;
    const std::string section = fmt::format("t{}", at);
    const auto bytes = container->section(section);
    if (!bytes) return bytes.error();
    const auto values = unpacked(all[i], *bytes, version, container->place(section));
    if (!values) return values.error();
    if (Status status = model.engine->set_values(i, *values, false, all[i].scales); !status.ok())
      return base::invalid("{}: {}", container->place(section), status.message());
    ++at;
  }
  pass_over_state();
  if (at < entries->size())
    return base::invalid("{}: {} tensors, expected {}", root["tensors"].place(), entries->size(), at);

  const auto range_bytes = container->section("ranges");
  if (!range_bytes) return range_bytes.error();
  const auto ranges = doubles_of(*range_bytes, container->place("ranges"));
  if (!ranges) return ranges.error();
  if (Status status = model.engine->set_ranges(*ranges); !status.ok())
    return base::invalid("{}: {}", container->place("ranges"), status.message());
  if (model.has_master) draw_for_inference(*model.engine);
  return model;
}

Status copy_parameters(const Engine& from, Engine& to) {
  const auto from_tensors = from.tensors();
  const auto to_tensors = to.tensors();
  for (std::size_t i = 0; i < to_tensors.size(); ++i) {
    if (to_tensors[i].role != "m" && to_tensors[i].role != "running") continue;
    const auto found = std::find_if(from_tensors.begin(), from_tensors.end(), [&](const StoredTensor& tensor) {
      return tensor.name == to_tensors[i].name && tensor.role == to_tensors[i].role &&
             tensor.shape == to_tensors[i].shape;
    });
    if (found == from_tensors.end())
      return base::invalid("{}: not in the other network, expected one of the same layers", to_tensors[i].name);
    if (Status status = to.set_values(i, from.values(static_cast<std::size_t>(found - from_tensors.begin())), true, {});
        !status.ok())
      return status;
  }
  return {};
}

namespace {

/// conv [kh, kw, ic, oc] <-> [oc, ic, kh, kw]; fc [inputs, outputs] <-> [outputs, inputs]. `to_torch` says which way;
/// shape and values are changed.
void transpose(std::vector<std::size_t>& shape, std::vector<double>& values, bool to_torch) {
  if (shape.size() < 2) return;
  const bool is_conv = shape.size() == 4;
  const std::vector<std::size_t> order = !is_conv   ? std::vector<std::size_t>{1, 0}
                                         : to_torch ? std::vector<std::size_t>{3, 2, 0, 1}
                                                    : std::vector<std::size_t>{2, 3, 1, 0};
  std::vector<std::size_t> strides(shape.size(), 1), new_shape, new_strides;
  for (std::size_t d = shape.size() - 1; d-- > 0;) strides[d] = strides[d + 1] * shape[d + 1];
  for (const std::size_t d : order) {
    new_shape.push_back(shape[d]);
    new_strides.push_back(strides[d]);
  }
  std::vector<double> moved(values.size());
  std::vector<std::size_t> index(shape.size());
  for (double& value : moved) {
    value = values[std::inner_product(index.begin(), index.end(), new_strides.begin(), std::size_t{0})];
    for (std::size_t d = index.size(); d-- > 0;) {
      if (++index[d] < new_shape[d]) break;
      index[d] = 0;
    }
  }
  shape = std::move(new_shape);
  values = std::move(moved);
}

std::string exported_name(const StoredTensor& tensor, TensorLayout layout) {
  if (layout == TensorLayout::kTorch && tensor.name.ends_with(".weights"))
    return tensor.name.substr(0, tensor.name.size() - 1);
  return tensor.name;
}

}  // namespace

std::vector<base::NamedTensor> export_tensors(const Engine& engine, TensorLayout layout, std::size_t* rounded) {
  const auto all = engine.tensors();
  std::vector<base::NamedTensor> exported;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!belongs(all[i], ModelKind::kModel, all)) continue;
    const std::vector<Wide> values = engine.values(i);
    base::NamedTensor tensor{.name = exported_name(all[i], layout), .shape = all[i].shape, .values = {}};
    tensor.values.assign(values.begin(), values.end());
    if (rounded != nullptr)
      *rounded += static_cast<std::size_t>(std::count_if(values.begin(), values.end(), [](Wide v) {
        return !std::isnan(v) && static_cast<Wide>(static_cast<double>(v)) != v;
      }));
    const bool fits_float = std::all_of(tensor.values.begin(), tensor.values.end(), [](double value) {
      return std::isnan(value) || static_cast<double>(static_cast<float>(value)) == value;
    });
    tensor.type = fits_float ? base::TensorType::kF32 : base::TensorType::kF64;
    if (layout == TensorLayout::kTorch) transpose(tensor.shape, tensor.values, true);
    exported.push_back(std::move(tensor));
  }
  return exported;
}

Status import_tensors(Engine& engine, std::span<const base::NamedTensor> tensors, TensorLayout layout) {
  const auto all = engine.tensors();
  std::vector<bool> used(tensors.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].role != "m" && all[i].role != "running") continue;
    const std::string name = exported_name(all[i], layout);
    const auto found = std::find_if(tensors.begin(), tensors.end(),
                                    [&](const base::NamedTensor& tensor) { return tensor.name == name; });
    if (found == tensors.end()) return base::invalid("tensor '{}' is missing", name);
    used[static_cast<std::size_t>(found - tensors.begin())] = true;
    std::vector<std::size_t> shape = found->shape;
    std::vector<double> values = found->values;
    if (layout == TensorLayout::kTorch) transpose(shape, values, false);
    if (shape != all[i].shape)
      return base::invalid("tensor '{}': shape {}, expected {}{}", name, fmt::join(shape, "x"),
                           fmt::join(all[i].shape, "x"), layout == TensorLayout::kTorch ? " (in our order)" : "");
    if (Status status = engine.set_values(i, std::vector<Wide>(values.begin(), values.end()), true, {}); !status.ok())
      return status;
  }
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (!used[i]) return base::invalid("tensor '{}': no parameter of the network has this name", tensors[i].name);
  draw_for_inference(engine);
  return {};
}

}  // namespace udnn::network
