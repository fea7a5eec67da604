// src/network/description.h: what a network is, before it has numbers.
//
// One line, or a TOML file with the same words, give the same object; text() writes the line back.
//
//   28x28x1 - conv 6 5x5 pad 2 relu - maxpool 2 - conv 16 5x5 relu - maxpool 2 - fc 120 relu - fc 84 relu - fc 10
//
//   network := input ('-' layer)*
//   input   := N | HxW | HxWxC                     N values, or an image, its channels last
//   layer   := [NAME ':'] kind word*               kinds and their words: layer_kinds(); `udnn train --help` prints
//   them
//
// Without a name a layer is called after its kind and its place among those: conv1, conv2, fc1, relu1. A convolution's
// output, o = floor((i + pads - dilation (k - 1) - 1) / stride) + 1; pools the same without dilation. fc reads an image
// in the order of memory (row, column, channel).
//
// Values; any thread may read them. Everything here is for set-up: it allocates as it likes.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/value.h"
#include "src/ops/activation.h"
#include "udnn/status.h"

namespace udnn::network {

enum class LayerKind {
  kFc,
  kConv,
  kMaxPool,
  kAvgPool,
  kGlobalPool,
  kFlatten,
  kDropout,
  kBatchNorm,
  kLayerNorm,
  kAdd,
  kActivation,
};

/// One sample: height, width, channels last. A vector is 1 x 1 x n.
struct Shape {
  std::size_t height = 1;
  std::size_t width = 1;
  std::size_t channels = 1;

  std::size_t size() const noexcept { return height * width * channels; }  ///< the parser has checked that it fits
  std::string text() const;                                                ///< "28x28x1"; a vector "784"
  bool operator==(const Shape&) const = default;
};

struct Activation {
  ops::ActivationKind kind = ops::ActivationKind::kNone;
  double parameter = 0;  ///< that of its kind; 0 where it has none

  bool operator==(const Activation&) const = default;
};

/// One layer with all its sizes known. What a kind has no use for keeps its default.
struct LayerSpec {
  LayerKind kind = LayerKind::kFc;
  std::string name;  ///< each once in a network: a letter, then letters, digits and _
  Shape in;
  Shape out;
  std::size_t units = 0;          ///< outputs of fc, output channels of conv
  std::size_t kernel_height = 1;  ///< conv and pools; a global pool covers the image
  std::size_t kernel_width = 1;
  std::size_t stride = 1;
  std::size_t pad_top = 0;
  std::size_t pad_bottom = 0;
  std::size_t pad_left = 0;
  std::size_t pad_right = 0;
  std::size_t dilation = 1;
  std::size_t groups = 1;
  bool bias = true;       ///< fc and conv; norms have theirs always
  double rate = 0;        ///< dropout: the share that is dropped, 0 <= rate < 1
  std::string from;       ///< add: the layer whose output is added, or "input"
  Activation activation;  ///< after the layer; of kActivation, what it is

  std::size_t macs() const noexcept;        ///< forward, one sample; fc and conv, else 0
  std::size_t parameters() const noexcept;  ///< weights and biases, gains and shifts

  bool operator==(const LayerSpec&) const = default;
};

struct NetworkDescription {
  Shape input;
  std::vector<LayerSpec> layers;

  Shape output() const noexcept { return layers.empty() ? input : layers.back().out; }
  std::size_t macs() const noexcept;
  std::size_t parameters() const noexcept;
  std::string text() const;  ///< the line; it parses back to the same object

  bool operator==(const NetworkDescription&) const = default;
};

/// A kind of layer, as it is written: `conv CHANNELS KERNEL`, then options in any order.
struct LayerKindInfo {
  LayerKind kind;
  std::string_view word;       ///< "conv"; empty for kActivation, which is written as the name of its function
  std::string_view arguments;  ///< "channels kernel": what follows, in this order; in TOML they are keys
  std::string_view options;    ///< "stride pad dilation groups depthwise nobias activation"
  std::string_view meaning;    ///< for the help
};

/// One row for each kind, in order of the enumeration. The parser, text(), the help and the tests read it.
std::span<const LayerKindInfo> layer_kinds() noexcept;

/// The grammar for people: kinds, options, activations, built-in names.
std::string network_help();

/// Errors: kInvalidArgument. Text that is wrong is shown with its column and the nearest spelling; shapes that do not
/// fit name the layer:
///   network: "28x28x1 - cnv 6 5x5": unknown layer 'cnv' at column 11, did you mean 'conv'?
///   conv2: kernel 7x7 on 5x5x16 with pad 0, expected at most 5x5
Result<NetworkDescription> parse_network(std::string_view line);

/// From `input = "28x28x1"` and [[layer]] tables: kind = "conv", channels = 6, kernel = "5x5", pad = 2,
/// activation = "relu", name = "c1". The words of the line are the keys; other keys are refused.
Result<NetworkDescription> network_from_value(const base::Field& table);

/// What the command line calls NET: a built-in name (mlp, lenet, cifarquick, convnet), made for `input` and `classes`;
/// a path that ends in .toml; or a line. The last two must start with `input` and end with `classes` outputs. Errors:
/// those above; kUnsupported for networks that are known and come later (maxout, bag).
Result<NetworkDescription> find_network(const std::string& name_or_line_or_path, Shape input, std::size_t classes);

/// The same where no data say what it reads: a line or a path, and no built-in name.
Result<NetworkDescription> find_network(const std::string& line_or_path);

bool is_built_in_network(std::string_view name) noexcept;

}  // namespace udnn::network
