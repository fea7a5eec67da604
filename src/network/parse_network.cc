// The two ways of writing a network, the built-in ones, and the help that explains them.
#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "src/base/nearest.h"
#include "src/base/one_line.h"
#include "src/base/refusal.h"
#include "src/base/toml.h"
#include "src/network/description.h"
#include "src/network/draft.h"

namespace udnn::network {

using base::invalid;

namespace {

constexpr std::size_t kMaxLineBytes = std::size_t{64} << 10U;
constexpr std::string_view kShapeRule = "a shape like 784 or 28x28x1";

bool contains(const std::vector<std::string_view>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

struct Token {
  std::string_view text;
  std::size_t column;  // from 1
};

std::vector<std::string_view> activation_names() {
  std::vector<std::string_view> names;
  for (const ops::ActivationInfo& activation : ops::all_activations())
    if (activation.kind != ops::ActivationKind::kNone) names.push_back(activation.name);
  return names;
}

class LineParser {
 public:
  explicit LineParser(std::string_view line) : line_(base::one_line(std::string(line))) {
    for (const std::string_view part : split(line_))
      tokens_.push_back({part, static_cast<std::size_t>(part.data() - line_.data()) + 1});
  }

  Result<NetworkDescription> run() {
    if (tokens_.empty()) return invalid("network: \"{}\": empty, expected an input like 28x28x1", line_);
    const auto input = parse_shape(tokens_[0].text);
    if (!input) return fail(tokens_[0], "input", fmt::format(", expected {}", kShapeRule));
    std::vector<Draft> drafts;
    for (next_ = 1; next_ < tokens_.size();) {
      if (tokens_[next_].text != "-") return fail(tokens_[next_], "", ", expected '-' before a layer");
      ++next_;
      Draft draft;
      if (Status status = layer(draft); !status.ok()) return status;
      drafts.push_back(std::move(draft));
    }
    return infer_shapes(*input, drafts);
  }

 private:
  bool at_end() const noexcept { return next_ == tokens_.size() || tokens_[next_].text == "-"; }

  /// network: "LINE": WHAT 'TEXT' at column N, EXPECTATION
  Status fail(const Token& token, std::string_view what, std::string_view expectation) const {
    return invalid("network: \"{}\": {}{}'{}' at column {}{}", line_, what, what.empty() ? "" : " ", token.text,
                   token.column, expectation);
  }

  Status fail_at_end(std::string_view expected) const {
    const std::size_t column = next_ < tokens_.size() ? tokens_[next_].column : line_.size() + 1;
    return invalid("network: \"{}\": nothing at column {}, expected {}", line_, column, expected);
  }

  Status layer(Draft& draft) {
    if (!at_end() && tokens_[next_].text.ends_with(':')) {
      const Token& token = tokens_[next_++];
      draft.name = token.text.substr(0, token.text.size() - 1);
      if (!is_name(draft.name)) return fail(token, "name", fmt::format(", expected {}", kNameRule));
    }
    if (at_end()) return fail_at_end("a layer");
    const Token& kind = tokens_[next_];
    draft.info = find_kind(kind.text);
    if (draft.info == nullptr) return fail(kind, "unknown layer", base::did_you_mean(kind.text, layer_words()));
    if (draft.info->kind == LayerKind::kActivation) {
      if (Status status = activation(draft); !status.ok()) return status;
    } else {
      ++next_;
    }
    for (const std::string_view argument : split(draft.info->arguments)) {
      if (at_end()) return fail_at_end(fmt::format("{} of '{}': {}", argument, kind.text, word(argument).expected));
      if (Status status = value(draft, word(argument)); !status.ok()) return status;
    }
    std::vector<std::string_view> given;
    while (!at_end())
      if (Status status = option(draft, given); !status.ok()) return status;
    return {};
  }

  Status option(Draft& draft, std::vector<std::string_view>& given) {
    const Token& token = tokens_[next_];
    const auto options = split(draft.info->options);
    const LayerKindInfo* const kind = find_kind(token.text);
    const bool is_activation = kind != nullptr && kind->kind == LayerKind::kActivation;
    const std::string_view name = is_activation ? "activation" : token.text;
    if (!contains(options, name) || (!is_activation && name == "activation"))
      return fail(token, "unknown option", option_hint(token.text, options));
    if (contains(given, name)) return fail(token, "option", " again, expected each once");
    given.push_back(name);
    if (is_activation) return activation(draft);
    ++next_;
    if (word(name).expected.empty()) {
      word(name).set(draft, {});
      return {};
    }
    if (at_end()) return fail_at_end(fmt::format("{}: {}", name, word(name).expected));
    return value(draft, word(name));
  }

  static std::string option_hint(std::string_view text, const std::vector<std::string_view>& options) {
    if (options.empty()) return ", expected '-' before the next layer";
    std::vector<std::string_view> known;
    for (const std::string_view option : options)
      if (option != "activation") known.push_back(option);
    if (contains(options, "activation"))
      for (const std::string_view name : activation_names()) known.push_back(name);
    return base::did_you_mean(text, known);
  }

  Status value(Draft& draft, const Word& word) {
    const Token& token = tokens_[next_++];
    if (word.set(draft, token.text)) return {};
    return fail(token, word.name, fmt::format(", expected {}", word.expected));
  }

  // A function, and its number if it takes one.
  Status activation(Draft& draft) {
    const Token& token = tokens_[next_++];
    std::string text(token.text);
    if (!at_end() && ops::find_activation(token.text)->takes_parameter && parse_real(tokens_[next_].text)) {
      const Token& parameter = tokens_[next_++];
      text.append(" ").append(parameter.text);
      if (!word("activation").set(draft, text))
        return fail(parameter, "parameter", ", expected a number of at least 0");
      return {};
    }
    word("activation").set(draft, text);
    return {};
  }

  std::string line_;
  std::vector<Token> tokens_;
  std::size_t next_ = 0;
};

// What stands for a word in TOML, as it would stand in the line.
Result<std::string> text_of(const base::Field& field, const Word& word) {
  if (const base::Value* const value = field.value()) {
    if (const auto* text = value->get<std::string>()) return *text;
    if (const auto* integer = value->get<std::int64_t>()) return std::to_string(*integer);
    if (const auto* real = value->get<double>()) return fmt::to_string(*real);
    if (value->is_array() && word.name == "pad") {
      std::string joined;
      for (std::size_t i = 0; i < value->items().size(); ++i) {
        const auto pad = field[i].integer();
        if (!pad) return pad.error();
        joined += (i == 0 ? "" : ",") + std::to_string(*pad);
      }
      return joined;
    }
  }
  return field.refuse(word.expected);
}

Status read_word(const base::Field& field, const Word& word, Draft& draft) {
  if (word.expected.empty()) {
    const auto flag = field.boolean();
    if (!flag) return flag.error();
    if (*flag) word.set(draft, {});
    return {};
  }
  const auto text = text_of(field, word);
  if (!text) return text.error();
  return word.set(draft, *text) ? Status() : field.refuse(word.expected);
}

// A misspelled function is refused with the one that looks most like it, as in the line.
Status know_activation(const base::Field& field) {
  const auto text = field.text();
  const auto words = text ? split(*text) : std::vector<std::string_view>();
  if (words.empty() || ops::find_activation(words[0]) != nullptr) return {};  // what else is wrong, read_word() says
  return invalid("{}: unknown activation '{}'{}", field.place(), base::one_line(std::string(words[0])),
                 base::did_you_mean(words[0], activation_names()));
}

Status read_layer(const base::Field& table, Draft& draft) {
  const auto kind = table["kind"].text();
  if (!kind) return table["kind"].refuse("a layer like \"fc\"");
  const auto words = split(*kind);
  draft.info = words.empty() ? nullptr : find_kind(words[0]);
  if (draft.info == nullptr)
    return invalid("{}: unknown layer '{}'{}", table["kind"].place(), base::one_line(*kind),
                   base::did_you_mean(*kind, layer_words()));
  if (draft.info->kind == LayerKind::kActivation) {
    if (!word("activation").set(draft, *kind)) return table["kind"].refuse(word("activation").expected);
  } else if (words.size() > 1) {
    return table["kind"].refuse("one word, and the rest as keys of their own");
  }

  const auto arguments = split(draft.info->arguments), options = split(draft.info->options);
  std::vector<std::string_view> keys = {"kind", "name"};
  keys.insert(keys.end(), arguments.begin(), arguments.end());
  keys.insert(keys.end(), options.begin(), options.end());
  if (Status status = table.expect_only(keys); !status.ok()) return status;
  if (table["name"].exists()) {
    auto name = table["name"].text();
    if (!name || !is_name(*name)) return table["name"].refuse(kNameRule);
    draft.name = std::move(*name);
  }
  for (const std::string_view argument : arguments)
    if (Status status = read_word(table[argument], word(argument), draft); !status.ok()) return status;
  for (const std::string_view option : options) {
    const base::Field field = table[option];
    if (!field.exists()) continue;
    if (option == "activation")
      if (Status status = know_activation(field); !status.ok()) return status;
    if (Status status = read_word(field, word(option), draft); !status.ok()) return status;
  }
  return {};
}

// Built-in networks: lines with holes for the input and the number of classes.
struct BuiltIn {
  std::string_view name;
  std::string_view meaning;
  std::string (*line)(const Shape& input, std::size_t classes);
};

std::string mlp(const Shape& input, std::size_t classes) {
  constexpr std::size_t kImage = 256;  // values: from here on 512 hidden units pay; the embedded digits have 64
  const std::size_t hidden = input.size() >= kImage ? 512 : 64;
  return fmt::format("{0} - fc {1} relu - fc {1} relu - fc {2}", input.size(), hidden, classes);
}

// LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, with relu and the largest instead of
// the mean. Small images keep their size in the second convolution too.
std::string lenet(const Shape& input, std::size_t classes) {
  constexpr std::size_t kRoomForBoth = 12;
  const bool small = std::min(input.height, input.width) < kRoomForBoth;
  return fmt::format(
      "{} - conv 6 5x5 pad 2 relu - maxpool 2 - conv 16 5x5{} relu - maxpool 2 - fc 120 relu - fc 84 relu - fc {}",
      input.text(), small ? " pad 2" : "", classes);
}

std::string cifarquick(const Shape& input, std::size_t classes) {
  return fmt::format(
      "{} - conv 32 5x5 pad 2 relu - maxpool 2 - conv 32 5x5 pad 2 relu - maxpool 2 - conv 64 5x5 pad 2 relu - maxpool "
      "2 "
      "- fc 64 relu - fc {}",
      input.text(), classes);
}

// Gupta et al., "Deep Learning with Limited Numerical Precision", 2015: one network for MNIST, one for CIFAR-10.
std::string convnet(const Shape& input, std::size_t classes) {
  if (input.channels == 1)
    return fmt::format("{} - conv 8 5x5 relu - maxpool 2 - conv 16 5x5 relu - maxpool 2 - fc 128 relu - fc {}",
                       input.text(), classes);
  return fmt::format(
      "{} - conv 64 5x5 pad 2 relu - maxpool 3 stride 2 - conv 64 5x5 pad 2 relu - maxpool 3 stride 2 "
      "- conv 64 5x5 pad 2 relu - maxpool 3 stride 2 - fc {}",
      input.text(), classes);
}

constexpr BuiltIn kBuiltIns[] = {
    {"mlp", "two hidden layers of 512 units, of 64 where the input has fewer than 256 values", mlp},
    {"lenet", "two convolutions and three fc layers", lenet},
    {"cifarquick", "three convolutions of 5x5 and two fc layers", cifarquick},
    {"convnet", "the two networks of Gupta et al. 2015: for one channel, and for more", convnet},
};

constexpr std::string_view kToCome[] = {"maxout", "bag"};

bool may_read(const Shape& network_input, const Shape& data) {
  const auto is_vector = [](const Shape& shape) { return shape.height == 1 && shape.width == 1; };
  if (is_vector(network_input) || is_vector(data)) return network_input.size() == data.size();
  return network_input == data;
}

Status expect_fit(const NetworkDescription& network, const Shape& input, std::size_t classes) {
  if (!may_read(network.input, input))
    return invalid("network: input {}, expected {} as the data have it", network.input.text(), input.text());
  if (const std::size_t outputs = network.output().size(); outputs != classes)
    return invalid("network: {} outputs, expected {}, one for each class", outputs, classes);
  return {};
}

}  // namespace

Result<NetworkDescription> parse_network(std::string_view line) {
  if (line.size() > kMaxLineBytes)
    return invalid("network: a line of {} bytes, expected at most {}", line.size(), kMaxLineBytes);
  return LineParser(line).run();
}

Result<NetworkDescription> network_from_value(const base::Field& table) {
  constexpr std::string_view kKeys[] = {"input", "layer"};
  if (Status status = table.expect_only(kKeys); !status.ok()) return status;
  const base::Field input_field = table["input"];
  std::optional<Shape> input;
  if (const base::Value* const value = input_field.value()) {
    if (const auto* text = value->get<std::string>()) input = parse_shape(*text);
    if (const auto* integer = value->get<std::int64_t>()) input = parse_shape(std::to_string(*integer));
  }
  if (!input) return input_field.refuse(kShapeRule);
  const auto layers = table["layer"].items();
  if (!layers) return table["layer"].refuse("tables, [[layer]] before each");
  std::vector<Draft> drafts;
  for (const base::Field& layer : *layers) {
    Draft draft;
    if (Status status = read_layer(layer, draft); !status.ok()) return status;
    drafts.push_back(std::move(draft));
  }
  return infer_shapes(*input, drafts);
}

namespace {

std::vector<std::string_view> built_in_names() {
  std::vector<std::string_view> names;
  for (const BuiltIn& built_in : kBuiltIns) names.push_back(built_in.name);
  return names;
}

}  // namespace

bool is_built_in_network(std::string_view name) noexcept {
  return std::any_of(std::begin(kBuiltIns), std::end(kBuiltIns),
                     [&](const BuiltIn& built_in) { return built_in.name == name; });
}

Result<NetworkDescription> find_network(const std::string& line_or_path) {
  const std::string& what = line_or_path;
  if (std::find(std::begin(kToCome), std::end(kToCome), what) != std::end(kToCome))
    return base::refusal(StatusCode::kUnsupported, "network: '{}' is known and comes later, expected one of {}", what,
                         fmt::join(built_in_names(), ", "));
  if (is_built_in_network(what))
    return invalid("network: '{}' is made for data, expected a line or a .toml file where there are none", what);
  if (is_name(what)) return invalid("network: unknown name '{}'{}", what, base::did_you_mean(what, built_in_names()));
  if (!what.ends_with(".toml")) return parse_network(what);
  const auto tree = base::read_toml(what);
  if (!tree) return tree.error();
  return network_from_value(base::Field(*tree, what));
}

Result<NetworkDescription> find_network(const std::string& name_or_line_or_path, Shape input, std::size_t classes) {
  const std::string& what = name_or_line_or_path;
  for (const BuiltIn& built_in : kBuiltIns) {
    if (built_in.name != what) continue;
    auto made = parse_network(built_in.line(input, classes));
    if (!made) return invalid("{} for an input of {}: {}", what, input.text(), made.error().message());
    return made;
  }
  auto network = find_network(what);
  if (!network) return network;
  if (Status status = expect_fit(*network, input, classes); !status.ok()) return status;
  return network;
}

// "28x28x1 - conv 6 5x5 pad 2 relu - fc 10", as its test says.
constexpr std::string_view kTomlExample = R"(  input = "28x28x1"
  [[layer]]
  kind = "conv"
  channels = 6
  kernel = "5x5"
  pad = 2
  activation = "relu"
  [[layer]]
  kind = "fc"
  units = 10
)";

std::string network_help() {
  std::string help =
      "A network is a built-in name, a .toml file, or a line: an input, then layers, with ' - ' between them.\n\n"
      "  28x28x1 - conv 6 5x5 pad 2 relu - maxpool 2 - fc 120 relu - fc 10\n\n"
      "In a .toml file each word is a key, and a layer a table of its own:\n\n";
  help.append(kTomlExample).append("\nBuilt-in:\n");
  const auto append = [&]<class... Args>(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(help), format, std::forward<Args>(args)...);
  };
  for (const BuiltIn& built_in : kBuiltIns) append("  {:<12}{}\n", built_in.name, built_in.meaning);
  help += "\nLayers (NAME: before one names it):\n";
  for (const LayerKindInfo& kind : layer_kinds()) {
    if (kind.word.empty()) continue;
    std::string form(kind.word);
    for (const std::string_view argument : split(kind.arguments)) {
      form += ' ';
      for (const char c : argument) form += static_cast<char>(c - 'a' + 'A');
    }
    append("  {:<24}{}\n", form, kind.meaning);
    if (!kind.options.empty()) append("  {:<24}  with {}\n", "", kind.options);
  }
  help += "\nWhat follows a word:\n";
  for (const Word& entry : all_words())
    append("  {:<12}{}\n", entry.name, entry.expected.empty() ? "nothing" : entry.expected);
  help += "\nActivations, as an option or as a layer; [P] is a number that may follow:\n ";
  for (const ops::ActivationInfo& activation : ops::all_activations())
    if (activation.kind != ops::ActivationKind::kNone)
      append(" {}{}", activation.name, activation.takes_parameter ? " [P]" : "");
  return help + '\n';
}

}  // namespace udnn::network
