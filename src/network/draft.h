// src/network/draft.h: a layer as somebody wrote it, before its sizes are known.
//
//   line or TOML --words--> Draft --shapes--> LayerSpec
//
// Both ways of writing end in set_word(), so that they cannot come to mean different things.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/network/description.h"
#include "udnn/status.h"

namespace udnn::network {

struct Draft {
  const LayerKindInfo* info = nullptr;
  std::string name;  ///< empty: after its kind and place
  std::size_t units = 0;
  std::array<std::size_t, 2> kernel = {1, 1};
  std::optional<std::size_t> stride;
  std::array<std::size_t, 4> pad = {};  ///< top, bottom, left, right
  bool pad_same = false;                ///< as much as keeps ceil(size / stride)
  std::size_t dilation = 1;
  std::optional<std::size_t> groups;
  bool depthwise = false;
  bool bias = true;
  double rate = 0;
  std::string from;
  Activation activation;
};

/// An argument or an option of a layer.
struct Word {
  std::string_view name;
  std::string_view expected;                         ///< what must follow; empty: nothing follows
  bool (*set)(Draft& draft, std::string_view text);  ///< false: `text` is not what was expected
};

std::span<const Word> all_words() noexcept;
const Word& word(std::string_view name) noexcept;  ///< one that is there

std::vector<std::string_view> split(std::string_view text, char separator = ' ');  ///< without empty parts

/// "28x28x1", "28x28" or "784".
std::optional<Shape> parse_shape(std::string_view text);

std::optional<double> parse_real(std::string_view text);

/// A letter, then letters, digits and _; not `input`.
bool is_name(std::string_view text) noexcept;
inline constexpr std::string_view kNameRule = "a letter, then letters, digits and _, but not 'input'";

/// The words that may begin a layer: kinds and activations.
std::vector<std::string_view> layer_words();

/// Null if none is written so. kActivation for the name of a function.
const LayerKindInfo* find_kind(std::string_view text) noexcept;

/// The shapes, one layer after the other. Errors: kInvalidArgument, naming the layer.
Result<NetworkDescription> infer_shapes(const Shape& input, const std::vector<Draft>& drafts);

}  // namespace udnn::network
