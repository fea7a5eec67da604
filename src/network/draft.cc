#include "src/network/draft.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "src/base/checked.h"
#include "src/base/nearest.h"
#include "src/base/refusal.h"

namespace udnn::network {

using base::invalid;

namespace {

constexpr std::size_t kMaxExtent = std::size_t{1} << 24U;    // of one dimension, stride, pad...
constexpr std::size_t kMaxElements = std::size_t{1} << 31U;  // of one tensor: indices stay far from overflow
constexpr std::size_t kMaxLayers = 1000;  // and all counts of a network below 2^62 x 1000 are checked
constexpr std::size_t kMaxWindow = 256;   // a byte says where in it the largest value was

std::optional<std::size_t> parse_integer(std::string_view text, std::size_t least) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > kMaxExtent) return {};
  return value;
}

bool set_integer(std::string_view text, std::size_t least, auto& target) {
  const auto value = parse_integer(text, least);
  if (value) target = *value;
  return value.has_value();
}

bool set_kernel(Draft& draft, std::string_view text) {
  const std::size_t x = text.find('x');
  const auto height = parse_integer(text.substr(0, x), 1);
  const auto width = x == std::string_view::npos ? height : parse_integer(text.substr(x + 1), 1);
  if (!height || !width) return false;
  draft.kernel = {*height, *width};
  return true;
}

bool set_pad(Draft& draft, std::string_view text) {
  draft.pad_same = text == "same";
  if (draft.pad_same) return true;
  if (text.find(',') == std::string_view::npos) {
    const auto all = parse_integer(text, 0);
    if (all) draft.pad.fill(*all);
    return all.has_value();
  }
  for (std::size_t i = 0; i < draft.pad.size(); ++i) {
    const std::size_t comma = text.find(',');
    if ((comma == std::string_view::npos) != (i + 1 == draft.pad.size())) return false;
    if (!set_integer(text.substr(0, comma), 0, draft.pad[i])) return false;
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return true;
}

bool set_rate(Draft& draft, std::string_view text) {
  const auto rate = parse_real(text);
  if (!rate || !(*rate >= 0 && *rate < 1)) return false;
  draft.rate = *rate;
  return true;
}

bool set_activation(Draft& draft, std::string_view text) {
  const auto parts = split(text);
  if (parts.empty() || parts.size() > 2) return false;
  const ops::ActivationInfo* const found = ops::find_activation(parts[0]);
  if (found == nullptr || found->kind == ops::ActivationKind::kNone) return false;
  const auto parameter = parts.size() == 2 ? parse_real(parts[1]) : found->parameter;
  if (!parameter || (parts.size() == 2 && !found->takes_parameter)) return false;
  if (!ops::check_parameter(found->kind, *parameter).ok()) return false;
  draft.activation = {.kind = found->kind, .parameter = *parameter};
  return true;
}

constexpr std::string_view kCount = "an integer from 1 to 16777216";

constexpr Word kWords[] = {
    {"units", kCount, [](Draft& draft, std::string_view text) { return set_integer(text, 1, draft.units); }},
    {"channels", kCount, [](Draft& draft, std::string_view text) { return set_integer(text, 1, draft.units); }},
    {"kernel", "a size like 5x5", set_kernel},
    {"rate", "a number of at least 0 and less than 1", set_rate},
    {"from", "the name of a layer, or input",
     [](Draft& draft, std::string_view text) {
       draft.from = text;
       return text == "input" || is_name(text);
     }},
    {"stride", kCount, [](Draft& draft, std::string_view text) { return set_integer(text, 1, draft.stride); }},
    {"pad", "an integer from 0 to 16777216, or top,bottom,left,right, or same", set_pad},
    {"dilation", kCount, [](Draft& draft, std::string_view text) { return set_integer(text, 1, draft.dilation); }},
    {"groups", kCount, [](Draft& draft, std::string_view text) { return set_integer(text, 1, draft.groups); }},
    {"depthwise", "", [](Draft& draft, std::string_view /*text*/) { return draft.depthwise = true; }},
    {"nobias", "", [](Draft& draft, std::string_view /*text*/) { return !(draft.bias = false); }},
    {"activation", "a function like relu or leaky 0.1", set_activation},
};

std::string pad_text(const LayerSpec& spec) {
  const bool equal = spec.pad_top == spec.pad_bottom && spec.pad_top == spec.pad_left && spec.pad_top == spec.pad_right;
  if (equal) return std::to_string(spec.pad_top);
  return fmt::format("{},{},{},{}", spec.pad_top, spec.pad_bottom, spec.pad_left, spec.pad_right);
}

std::string activation_text(const Activation& activation) {
  const ops::ActivationInfo& info = ops::info(activation.kind);
  if (!info.takes_parameter || activation.parameter == info.parameter) return std::string(info.name);
  return fmt::format("{} {}", info.name, activation.parameter);
}

// Names that nobody chose count the layers of a kind; a function counts under its own name.
class DefaultNames {
 public:
  std::string next(const LayerKindInfo& kind, const Activation& activation) {
    const std::string_view word = kind.kind == LayerKind::kActivation ? ops::info(activation.kind).name : kind.word;
    return fmt::format("{}{}", word, ++counts_[word]);
  }

 private:
  std::map<std::string_view, std::size_t> counts_;
};

// Before and after, as TensorFlow's SAME: the window may hang over at the end by one more.
std::array<std::size_t, 2> same_pad(std::size_t size, std::size_t window, std::size_t stride) {
  const std::size_t steps = (size + stride - 1) / stride - 1;
  const std::size_t covered = steps * stride + window;  // at most 2^24 + 2^48
  const std::size_t total = covered > size ? covered - size : 0;
  return {total / 2, total - total / 2};
}

Status infer_window(const Draft& draft, LayerSpec& spec) {
  spec.kernel_height = draft.kernel[0];
  spec.kernel_width = draft.kernel[1];
  spec.dilation = draft.dilation;
  const bool is_pool = spec.kind != LayerKind::kConv;
  if (is_pool && !draft.stride && spec.kernel_height != spec.kernel_width)
    return invalid("{}: kernel {}x{} without a stride, expected one", spec.name, spec.kernel_height, spec.kernel_width);
  spec.stride = draft.stride.value_or(is_pool ? spec.kernel_height : 1);
  if (spec.kind == LayerKind::kMaxPool && spec.kernel_height * spec.kernel_width > kMaxWindow)
    return invalid("{}: kernel {}x{}, expected at most {} places in it", spec.name, spec.kernel_height,
                   spec.kernel_width, kMaxWindow);

  const std::size_t window_height = spec.dilation * (spec.kernel_height - 1) + 1;  // factors up to 2^24
  const std::size_t window_width = spec.dilation * (spec.kernel_width - 1) + 1;
  auto pad = draft.pad;
  if (draft.pad_same) {
    const auto rows = same_pad(spec.in.height, window_height, spec.stride);
    const auto columns = same_pad(spec.in.width, window_width, spec.stride);
    pad = {rows[0], rows[1], columns[0], columns[1]};
  }
  spec.pad_top = pad[0];
  spec.pad_bottom = pad[1];
  spec.pad_left = pad[2];
  spec.pad_right = pad[3];
  if (is_pool && (std::max(pad[0], pad[1]) >= spec.kernel_height || std::max(pad[2], pad[3]) >= spec.kernel_width))
    return invalid("{}: pad {} with kernel {}x{}, expected less than the kernel, or a window would hold nothing",
                   spec.name, pad_text(spec), spec.kernel_height, spec.kernel_width);

  const std::size_t height = spec.in.height + pad[0] + pad[1], width = spec.in.width + pad[2] + pad[3];
  if (window_height > height || window_width > width)
    return invalid("{}: kernel {}x{}{} on {}x{}x{} with pad {}, expected at most {}x{}", spec.name, spec.kernel_height,
                   spec.kernel_width, spec.dilation == 1 ? "" : fmt::format(" with dilation {}", spec.dilation),
                   spec.in.height, spec.in.width, spec.in.channels, pad_text(spec), (height - 1) / spec.dilation + 1,
                   (width - 1) / spec.dilation + 1);
  spec.out = {.height = (height - window_height) / spec.stride + 1,
              .width = (width - window_width) / spec.stride + 1,
              .channels = spec.in.channels};
  return {};
}

Status infer_conv(const Draft& draft, LayerSpec& spec) {
  if (Status status = infer_window(draft, spec); !status.ok()) return status;
  spec.out.channels = draft.units;
  if (draft.depthwise && draft.groups)
    return invalid("{}: both depthwise and groups {}, expected one of them", spec.name, *draft.groups);
  spec.groups = draft.depthwise ? spec.in.channels : draft.groups.value_or(1);
  if (spec.in.channels % spec.groups != 0 || spec.units % spec.groups != 0)
    return invalid("{}: {} groups, expected a divisor of both {} input and {} output channels", spec.name, spec.groups,
                   spec.in.channels, spec.units);
  return {};
}

Status infer_add(const Shape& input, const std::vector<LayerSpec>& before, LayerSpec& spec) {
  std::optional<Shape> other;
  std::vector<std::string_view> names = {"input"};
  if (spec.from == "input") other = input;
  for (const LayerSpec& layer : before) {
    names.push_back(layer.name);
    if (layer.name == spec.from) other = layer.out;
  }
  if (!other)
    return invalid("{}: no layer '{}' before it{}", spec.name, spec.from, base::did_you_mean(spec.from, names));
  if (*other != spec.in)
    return invalid("{}: {} of '{}' on {}, expected equal shapes", spec.name, other->text(), spec.from, spec.in.text());
  return {};
}

Status check_size(const LayerSpec& spec, const char* what, std::initializer_list<std::size_t> extents) {
  const auto size = base::checked_product(std::span<const std::size_t>(extents.begin(), extents.size()));
  if (size && *size <= kMaxElements) return {};
  return invalid("{}: {} {}, expected at most {} values", spec.name, what, fmt::join(extents, " x "), kMaxElements);
}

// What kernels and buffers can index.
Status check_sizes(const LayerSpec& spec) {
  if (Status status = check_size(spec, "output", {spec.out.height, spec.out.width, spec.out.channels}); !status.ok())
    return status;
  if (spec.kind == LayerKind::kFc) return check_size(spec, "weights", {spec.in.size(), spec.units});
  if (spec.kind != LayerKind::kConv) return {};
  const std::size_t height = spec.in.height + spec.pad_top + spec.pad_bottom;
  const std::size_t width = spec.in.width + spec.pad_left + spec.pad_right;
  if (Status status = check_size(spec, "padded input", {height, width, spec.in.channels}); !status.ok()) return status;
  return check_size(spec, "weights",
                    {spec.kernel_height, spec.kernel_width, spec.in.channels / spec.groups, spec.units});
}

Status infer(const Draft& draft, const Shape& input, const std::vector<LayerSpec>& before, LayerSpec& spec) {
  spec.out = spec.in;
  switch (spec.kind) {
    case LayerKind::kFc:
      spec.out = {.channels = spec.units};
      break;
    case LayerKind::kConv:
      if (Status status = infer_conv(draft, spec); !status.ok()) return status;
      break;
    case LayerKind::kMaxPool:
    case LayerKind::kAvgPool:
      if (Status status = infer_window(draft, spec); !status.ok()) return status;
      break;
    case LayerKind::kGlobalPool:
      spec.kernel_height = spec.in.height;
      spec.kernel_width = spec.in.width;
      spec.out = {.channels = spec.in.channels};
      break;
    case LayerKind::kFlatten:
      spec.out = {.channels = spec.in.size()};
      break;
    case LayerKind::kAdd:
      if (Status status = infer_add(input, before, spec); !status.ok()) return status;
      break;
    case LayerKind::kDropout:
    case LayerKind::kBatchNorm:
    case LayerKind::kLayerNorm:
    case LayerKind::kActivation:
      break;
  }
  return check_sizes(spec);
}

void append_option(std::string& text, const LayerSpec& spec, std::string_view option) {
  const auto append = [&](const auto& value) { fmt::format_to(std::back_inserter(text), " {} {}", option, value); };
  const bool is_pool = spec.kind != LayerKind::kConv;
  if (option == "stride") {
    const bool is_default =
        is_pool ? spec.kernel_height == spec.kernel_width && spec.stride == spec.kernel_height : spec.stride == 1;
    if (!is_default) append(spec.stride);
  } else if (option == "pad") {
    if (const std::string pad = pad_text(spec); pad != "0") append(pad);
  } else if (option == "dilation") {
    if (spec.dilation != 1) append(spec.dilation);
  } else if (option == "groups") {
    if (spec.groups != 1 && spec.groups != spec.in.channels) append(spec.groups);
  } else if (option == "depthwise") {
    if (spec.groups != 1 && spec.groups == spec.in.channels) text += " depthwise";
  } else if (option == "nobias") {
    if (!spec.bias) text += " nobias";
  } else if (option == "activation") {
    if (spec.activation.kind != ops::ActivationKind::kNone) text += ' ' + activation_text(spec.activation);
  }
}

void append_argument(std::string& text, const LayerSpec& spec, std::string_view argument) {
  text += ' ';
  if (argument == "kernel")
    fmt::format_to(std::back_inserter(text), "{}x{}", spec.kernel_height, spec.kernel_width);
  else if (argument == "rate")
    text += fmt::to_string(spec.rate);
  else if (argument == "from")
    text += spec.from;
  else
    text += std::to_string(spec.units);
}

}  // namespace

std::span<const Word> all_words() noexcept { return kWords; }

const Word& word(std::string_view name) noexcept {
  return *std::find_if(std::begin(kWords), std::end(kWords) - 1, [&](const Word& entry) { return entry.name == name; });
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::optional<Shape> parse_shape(std::string_view text) {
  std::array<std::size_t, 3> extents = {1, 1, 1};
  std::size_t count = 0;
  for (bool more = true; more; ++count) {
    const std::size_t x = text.find('x');
    more = x != std::string_view::npos;
    if (count == extents.size() || !set_integer(text.substr(0, x), 1, extents[count])) return {};
    text.remove_prefix(more ? x + 1 : text.size());
  }
  const auto size = base::checked_product<std::size_t>(extents);
  if (!size || *size > kMaxElements) return {};
  if (count == 1) return Shape{.channels = extents[0]};
  return Shape{.height = extents[0], .width = extents[1], .channels = extents[2]};
}

std::optional<double> parse_real(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

bool is_name(std::string_view text) noexcept {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !text.empty() && is_letter(text[0]) && text != "input" && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
  });
}

std::vector<std::string_view> layer_words() {
  std::vector<std::string_view> words;
  for (const LayerKindInfo& kind : layer_kinds())
    if (!kind.word.empty()) words.push_back(kind.word);
  for (const ops::ActivationInfo& activation : ops::all_activations())
    if (activation.kind != ops::ActivationKind::kNone) words.push_back(activation.name);
  return words;
}

const LayerKindInfo* find_kind(std::string_view text) noexcept {
  const ops::ActivationInfo* const activation = ops::find_activation(text);
  const bool is_activation = activation != nullptr && activation->kind != ops::ActivationKind::kNone;
  for (const LayerKindInfo& kind : layer_kinds())
    if (kind.word.empty() ? is_activation : kind.word == text) return &kind;
  return nullptr;
}

Result<NetworkDescription> infer_shapes(const Shape& input, const std::vector<Draft>& drafts) {
  if (drafts.empty()) return invalid("network: no layers, expected at least one");
  if (drafts.size() > kMaxLayers) return invalid("network: {} layers, expected at most {}", drafts.size(), kMaxLayers);
  NetworkDescription description{.input = input, .layers = {}};
  DefaultNames default_names;
  std::set<std::string> names;
  std::size_t macs = 0;
  for (const Draft& draft : drafts) {
    LayerSpec spec;
    spec.kind = draft.info->kind;
    const std::string default_name = default_names.next(*draft.info, draft.activation);
    spec.name = draft.name.empty() ? default_name : draft.name;
    spec.in = description.output();
    spec.units = draft.units;
    spec.bias = draft.bias;
    spec.rate = draft.rate;
    spec.from = draft.from;
    spec.activation = draft.activation;
    if (!names.insert(spec.name).second) return invalid("{}: two layers of that name, expected one", spec.name);
    if (Status status = infer(draft, input, description.layers, spec); !status.ok()) return status;
    const auto sum = base::checked_add(macs, spec.macs());
    if (!sum) return invalid("{}: more than 2^64 multiplications up to here, expected fewer", spec.name);
    macs = *sum;
    description.layers.push_back(std::move(spec));
  }
  return description;
}

std::string NetworkDescription::text() const {
  std::string text = input.text();
  DefaultNames default_names;
  for (const LayerSpec& spec : layers) {
    const LayerKindInfo& info = layer_kinds()[static_cast<std::size_t>(spec.kind)];
    text += " - ";
    if (default_names.next(info, spec.activation) != spec.name) text += spec.name + ": ";
    if (spec.kind == LayerKind::kActivation)
      text += activation_text(spec.activation);
    else
      text += info.word;
    for (const std::string_view argument : split(info.arguments)) append_argument(text, spec, argument);
    for (const std::string_view option : split(info.options)) append_option(text, spec, option);
  }
  return text;
}

}  // namespace udnn::network
