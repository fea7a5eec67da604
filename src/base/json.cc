#include "src/base/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "src/base/one_line.h"
#include "src/base/refusal.h"

namespace udnn::base {

namespace {

// Length of the well-formed UTF-8 sequence at the beginning of `text` (RFC 3629: none longer than needed, no
// surrogates, nothing beyond U+10FFFF); 0 if there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() < length) return 0;
  const unsigned char least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < least || byte(1) > most) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
  return length;
}

void write(std::string_view text, std::string& out) {
  out += '"';
  while (!text.empty()) {
    const char c = text.front();
    std::size_t length = utf8_length(text);
    if (c == '"' || c == '\\')
      out.append({'\\', c});
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (length == 1 && (c < ' ' || c == '\x7F'))
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    else if (length == 0) {
      out += "\xEF\xBF\xBD";
      length = 1;
    } else
      out += text.substr(0, length);
    text.remove_prefix(length);
  }
  out += '"';
}

void write(double number, NonFinite non_finite, std::string& out) {
  if (!std::isfinite(number)) {
    out += non_finite == NonFinite::kNull ? "null"
           : std::isnan(number)           ? "\"nan\""
           : number > 0                   ? "\"inf\""
                                          : "\"-inf\"";
    return;
  }
  char digits[32];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), number).ptr;
  const std::string_view text(digits, static_cast<std::size_t>(end - digits));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

void write(const Value& value, NonFinite non_finite, std::string& out) {
  if (const auto* flag = value.get<bool>()) {
    out += *flag ? "true" : "false";
  } else if (const auto* integer = value.get<std::int64_t>()) {
    out += std::to_string(*integer);
  } else if (const auto* number = value.get<double>()) {
    write(*number, non_finite, out);
  } else if (const auto* text = value.get<std::string>()) {
    write(std::string_view(*text), out);
  } else if (value.is_array()) {
    out += '[';
    for (const Value& item : value.items()) {
      if (&item != value.items().data()) out += ',';
      write(item, non_finite, out);
    }
    out += ']';
  } else if (value.is_object()) {
    out += '{';
    for (const auto& member : value.members()) {
      if (&member != value.members().data()) out += ',';
      write(std::string_view(member.first), out);
      out += ':';
      write(member.second, non_finite, out);
    }
    out += '}';
  } else {
    out += "null";
  }
}

// Builds the tree from the parser's events, and stops it at the first thing that we do not accept.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(const std::string& name, std::size_t depth) : name_(name), deepest_(depth) {}

  bool null() override { return add({}); }
  bool boolean(bool flag) override { return add(flag); }
  bool number_integer(number_integer_t integer) override { return add(integer); }
  bool number_unsigned(number_unsigned_t integer) override {
    if (integer > INT64_MAX) return refuse_integer(std::to_string(integer));
    return add(static_cast<std::int64_t>(integer));
  }
  bool number_float(number_float_t real, const string_t& text) override {
    // The parser turns an integer that is too long for one into a double: digits would be lost without a word.
    if (text.find_first_of(".eE") == string_t::npos) return refuse_integer(text);
    return add(real);
  }
  bool string(string_t& text) override { return add(std::move(text)); }
  bool binary(binary_t& /*bytes*/) override { return refuse("binary data, expected text"); }

  bool start_object(std::size_t /*size*/) override { return open(false); }
  bool key(string_t& key) override {
    Open& object = open_.back();
    object.key = std::move(key);
    if (!object.keys.insert(object.key).second) return refuse("twice, expected each key once");
    return true;
  }
  bool end_object() override { return close(Value::object(std::move(open_.back().members))); }
  bool start_array(std::size_t /*size*/) override { return open(true); }
  bool end_array() override { return close(Value::array(std::move(open_.back().items))); }

  bool parse_error(std::size_t position, const std::string& token, const nlohmann::json::exception& error) override {
    constexpr int kNumberOverflow = 406;
    if (error.id == kNumberOverflow) return refuse(fmt::format("{}, expected a number that a double can hold", token));
    const std::size_t offset = position == 0 ? 0 : position - 1;  // the parser counts from 1
    status_ = invalid("{}: offset {}: no JSON at '{}'", name_, offset, end_of(token));
    return false;
  }

  const Status& status() const noexcept { return status_; }
  Value take() noexcept { return std::move(root_); }

 private:
  struct Open {
    bool is_array;
    Value::Array items;
    Value::Object members;
    std::string key;                       // of the member to come
    std::unordered_set<std::string> keys;  // so far: looking through the members would be quadratic
  };

  bool refuse(std::string_view what) {
    std::string path;
    for (const Open& level : open_) {
      if (level.is_array)
        fmt::format_to(std::back_inserter(path), "[{}]", level.items.size());
      else
        path.append(path.empty() ? "" : ".").append(one_line(level.key));
    }
    status_ = invalid("{}: {}{}{}", name_, path, path.empty() ? "" : ": ", what);
    return false;
  }

  bool refuse_integer(std::string_view digits) {
    return refuse(fmt::format("{}, expected an integer from -2^63 to 2^63 - 1", end_of(digits)));
  }

  // What the parser has read last, fit for one line.
  static std::string end_of(std::string_view token) {
    constexpr std::size_t kLongest = 24;
    std::string quoted;
    write(token.substr(token.size() - std::min(token.size(), kLongest)), quoted);
    return quoted.substr(1, quoted.size() - 2);
  }

  bool open(bool is_array) {
    if (open_.size() == deepest_) return refuse(fmt::format("nested deeper, expected at most {} levels", deepest_));
    open_.push_back({.is_array = is_array, .items = {}, .members = {}, .key = {}, .keys = {}});
    return true;
  }

  bool close(Value value) {
    open_.pop_back();
    return add(std::move(value));
  }

  bool add(Value value) {
    if (open_.empty())
      root_ = std::move(value);
    else if (open_.back().is_array)
      open_.back().items.push_back(std::move(value));
    else
      open_.back().members.emplace_back(std::move(open_.back().key), std::move(value));
    return true;
  }

  const std::string& name_;
  std::size_t deepest_;
  std::vector<Open> open_;
  Value root_;
  Status status_;
};

}  // namespace

std::string to_json(const Value& value, NonFinite non_finite) {
  std::string out;
  write(value, non_finite, out);
  return out;
}

Result<Value> parse_json(std::string_view text, const std::string& name, const ParseLimits& limits) {
  if (text.size() > limits.bytes) return invalid("{}: {} bytes, expected at most {}", name, text.size(), limits.bytes);
  Builder builder(name, limits.depth);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) return builder.status();
  return builder.take();
}

}  // namespace udnn::base
