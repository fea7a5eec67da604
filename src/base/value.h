// src/base/value.h: one tree for JSON and TOML, and a way to ask it that says where it was wrong.
//
//   Value record = Value::object({{"epochs", 10}, {"loss", 0.25}});
//   record.set("data", "mnist");
//   to_json(record)                              {"epochs":10,"loss":0.25,"data":"mnist"}
//
//   const Field root(tree, "run.toml");
//   root["train"]["epochs"].integer(1, 1000)     Result; or:  run.toml: train.epochs: "ten", expected an integer ...
//
// A Value is a value: copies are deep, members keep the order in which they were set. A Field borrows the Value.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "udnn/status.h"

namespace udnn::base {

class Value {
 public:
  using Array = std::vector<Value>;
  using Member = std::pair<std::string, Value>;
  using Object = std::vector<Member>;

  Value() = default;  ///< null
  Value(bool flag) : held_(flag) {}
  template <std::integral T>
  Value(T integer) : held_(static_cast<std::int64_t>(integer)) {}  ///< below 2^63
  Value(double number) : held_(number) {}
  Value(std::string text) : held_(std::move(text)) {}
  Value(std::string_view text) : held_(std::string(text)) {}
  Value(const char* text) : held_(std::string(text)) {}
  static Value array(Array items = {});
  static Value object(Object members = {});  ///< of keys that differ

  bool is_null() const noexcept { return holds<std::monostate>(); }
  bool is_boolean() const noexcept { return holds<bool>(); }
  bool is_integer() const noexcept { return holds<std::int64_t>(); }
  bool is_real() const noexcept { return holds<double>(); }
  bool is_text() const noexcept { return holds<std::string>(); }
  bool is_array() const noexcept { return holds<Array>(); }
  bool is_object() const noexcept { return holds<Object>(); }

  /// What it holds, or null.
  template <class T>
  const T* get() const noexcept {
    return std::get_if<T>(&held_);
  }

  /// The items of an array, the members of an object; else none.
  std::span<const Value> items() const noexcept;
  std::span<const Member> members() const noexcept;

  /// The member of an object, or null. Time: the number of members.
  const Value* find(std::string_view key) const noexcept;

  /// For building. null becomes an object (an array); otherwise it must be one. set() replaces in place.
  Value& set(std::string_view key, Value value);
  Value& push_back(Value item);

  bool operator==(const Value&) const = default;

 private:
  template <class T>
  bool holds() const noexcept {
    return std::holds_alternative<T>(held_);
  }

  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> held_;
};

/// A place in a tree, known by its path. One that is not there can be asked as well: it is `missing`.
class Field {
 public:
  /// The whole tree, which must outlive it; `name` begins every refusal: the file.
  Field(const Value& root, std::string name) : value_(&root), name_(std::move(name)) {}

  Field operator[](std::string_view key) const;
  Field operator[](std::size_t index) const;

  bool exists() const noexcept { return value_ != nullptr; }
  const Value* value() const noexcept { return value_; }  ///< null: missing

  /// "run.toml: layer[2].kernel"
  std::string place() const;

  /// kInvalidArgument where there is something else, nothing, or something out of range (both ends belong to it).
  Result<bool> boolean() const;
  Result<std::int64_t> integer(std::int64_t least = INT64_MIN, std::int64_t most = INT64_MAX) const;
  Result<std::size_t> size(std::size_t least = 0, std::size_t most = INT64_MAX) const;
  Result<std::uint64_t> digits() const;  ///< of a text of decimal digits: 64 bits are more than an integer here holds
  Result<double> number() const;         ///< an integer too, and the texts "nan", "inf", "-inf" of to_json()
  Result<std::string> text() const;
  Result<std::vector<Field>> items() const;  ///< of an array
  Result<std::vector<std::pair<std::string, Field>>> members() const;

  /// An object without any other key. An unknown one is refused with the known one that looks most like it.
  Status expect_only(std::span<const std::string_view> keys) const;

  /// "PLACE: FOUND, expected EXPECTED"
  Status refuse(std::string_view expected) const;

 private:
  Field(const Value* value, std::string name, std::string path)
      : value_(value), name_(std::move(name)), path_(std::move(path)) {}

  const Value* value_;
  std::string name_;
  std::string path_;
};

}  // namespace udnn::base
