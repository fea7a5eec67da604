#include "src/base/value.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "src/base/json.h"
#include "src/base/nearest.h"
#include "src/base/one_line.h"
#include "src/base/refusal.h"

namespace udnn::base {

Value Value::array(Array items) {
  Value made;
  made.held_ = std::move(items);
  return made;
}

Value Value::object(Object members) {
  Value made;
  made.held_ = std::move(members);
  return made;
}

std::span<const Value> Value::items() const noexcept {
  const auto* held = get<Array>();
  return held == nullptr ? std::span<const Value>() : *held;
}

std::span<const Value::Member> Value::members() const noexcept {
  const auto* held = get<Object>();
  return held == nullptr ? std::span<const Member>() : *held;
}

const Value* Value::find(std::string_view key) const noexcept {
  for (const auto& [name, value] : members())
    if (name == key) return &value;
  return nullptr;
}

Value& Value::set(std::string_view key, Value value) {
  if (is_null()) held_ = Object();
  assert(is_object());
  auto& object = *std::get_if<Object>(&held_);
  const auto found =
      std::find_if(object.begin(), object.end(), [&](const Member& member) { return member.first == key; });
  if (found != object.end()) {
    found->second = std::move(value);
    return found->second;
  }
  return object.emplace_back(std::string(key), std::move(value)).second;
}

Value& Value::push_back(Value item) {
  if (is_null()) held_ = Array();
  assert(is_array());
  return std::get_if<Array>(&held_)->emplace_back(std::move(item));
}

namespace {

// As it stands in the file, unless it is long.
std::string shown(const Value* value) {
  if (value == nullptr) return "missing";
  if (value->is_object()) return "an object";
  if (value->is_array()) return "an array";
  constexpr std::size_t kLongest = 60;
  std::string text = to_json(*value);
  if (text.size() > kLongest) {
    while ((static_cast<unsigned char>(text[kLongest]) & 0xC0U) == 0x80U) text.erase(kLongest - 1, 1);  // whole letters
    text.resize(kLongest);
    text += "...";
  }
  return text;
}

template <class T>
std::string range(T least, T most) {
  const bool bounded = most != std::numeric_limits<std::int64_t>::max();
  if (bounded) return fmt::format(" from {} to {}", least, most);
  return least != std::numeric_limits<std::int64_t>::min() ? fmt::format(", at least {}", least) : "";
}

}  // namespace

Field Field::operator[](std::string_view key) const {
  const Value* found = value_ == nullptr ? nullptr : value_->find(key);
  return {found, name_, path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key)};
}

Field Field::operator[](std::size_t index) const {
  const auto items = value_ == nullptr ? std::span<const Value>() : value_->items();
  return {index < items.size() ? &items[index] : nullptr, name_, fmt::format("{}[{}]", path_, index)};
}

std::string Field::place() const { return path_.empty() ? name_ : fmt::format("{}: {}", name_, one_line(path_)); }

Status Field::refuse(std::string_view expected) const {
  return invalid("{}: {}, expected {}", place(), shown(value_), expected);
}

Result<bool> Field::boolean() const {
  const bool* held = value_ == nullptr ? nullptr : value_->get<bool>();
  if (held == nullptr) return refuse("true or false");
  return *held;
}

Result<std::int64_t> Field::integer(std::int64_t least, std::int64_t most) const {
  const auto* held = value_ == nullptr ? nullptr : value_->get<std::int64_t>();
  if (held == nullptr || *held < least || *held > most) return refuse("an integer" + range(least, most));
  return *held;
}

Result<std::size_t> Field::size(std::size_t least, std::size_t most) const {
  constexpr std::size_t kLargest = std::numeric_limits<std::int64_t>::max();
  const auto held = integer(static_cast<std::int64_t>(std::min(least, kLargest)),
                            static_cast<std::int64_t>(std::min(most, kLargest)));
  if (!held) return held.error();
  return static_cast<std::size_t>(*held);
}

Result<std::uint64_t> Field::digits() const {
  const auto* held = value_ == nullptr ? nullptr : value_->get<std::string>();
  std::uint64_t number = 0;
  if (held != nullptr) {
    const auto [end, error] = std::from_chars(held->data(), held->data() + held->size(), number);
    if (error == std::errc() && end == held->data() + held->size()) return number;
  }
  return refuse("a text of decimal digits");
}

Result<double> Field::number() const {
  if (value_ != nullptr) {
    if (const auto* real = value_->get<double>()) return *real;
    if (const auto* integer = value_->get<std::int64_t>()) return static_cast<double>(*integer);
    if (const auto* word = value_->get<std::string>()) {
      constexpr double kInfinity = std::numeric_limits<double>::infinity();
      if (*word == "nan") return std::numeric_limits<double>::quiet_NaN();
      if (*word == "inf") return kInfinity;
      if (*word == "-inf") return -kInfinity;
    }
  }
  return refuse("a number");
}

Result<std::string> Field::text() const {
  const auto* held = value_ == nullptr ? nullptr : value_->get<std::string>();
  if (held == nullptr) return refuse("a text");
  return *held;
}

Result<std::vector<Field>> Field::items() const {
  if (value_ == nullptr || !value_->is_array()) return refuse("an array");
  std::vector<Field> fields;
  for (std::size_t i = 0; i < value_->items().size(); ++i) fields.push_back((*this)[i]);
  return fields;
}

Result<std::vector<std::pair<std::string, Field>>> Field::members() const {
  if (value_ == nullptr || !value_->is_object()) return refuse("an object");
  std::vector<std::pair<std::string, Field>> fields;
  for (const auto& [key, value] : value_->members())
    fields.emplace_back(key, Field(&value, name_, path_.empty() ? key : fmt::format("{}.{}", path_, key)));
  return fields;
}

Status Field::expect_only(std::span<const std::string_view> keys) const {
  if (value_ == nullptr || !value_->is_object()) return refuse("an object");
  for (const auto& [key, value] : value_->members())
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
      return invalid("{}: unknown key '{}'{}", place(), one_line(key), did_you_mean(key, keys));
  return {};
}

}  // namespace udnn::base
