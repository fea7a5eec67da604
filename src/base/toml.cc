#include "src/base/toml.h"

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "src/base/file.h"
#include "src/base/refusal.h"

// Version 3.3 of the package asserts about text (`[=]` ends the process), and tells the compiler to rely on it where
// NDEBUG is set. Without either it goes on to its own error. This is its documented setting, and the last include, so
// that nothing else sees it.
#undef NDEBUG
#define TOML_ASSERT(expression) static_assert(true)
#include <toml++/toml.h>

namespace udnn::base {

namespace {

bool stands_before(const toml::source_region& a, const toml::source_region& b) noexcept { return a.begin < b.begin; }

class Reader {
 public:
  Reader(const std::string& name, std::size_t depth) : name_(name), deepest_(depth) {}

  Result<Value> value(const toml::node& node, std::size_t depth) const {
    if (const auto* flag = node.as_boolean()) return Value(flag->get());
    if (const auto* integer = node.as_integer()) return Value(integer->get());
    if (const auto* real = node.as_floating_point()) return Value(real->get());
    if (const auto* text = node.as_string()) return Value(text->get());
    if (depth > deepest_) return refuse(node, fmt::format("nested deeper, expected at most {} levels", deepest_));
    if (const auto* array = node.as_array()) return items(*array, depth);
    if (const auto* table = node.as_table()) return members(*table, depth);
    return refuse(node, "a date or a time, expected a number, a text, true, false, an array or a table");
  }

 private:
  Result<Value> items(const toml::array& array, std::size_t depth) const {
    Value made = Value::array();
    for (const toml::node& node : array) {
      auto item = value(node, depth + 1);
      if (!item) return item.error();
      made.push_back(std::move(*item));
    }
    return made;
  }

  // The package sorts by key; people sorted otherwise.
  Result<Value> members(const toml::table& table, std::size_t depth) const {
    std::vector<std::pair<const toml::key*, const toml::node*>> in_order;
    for (const auto& [key, node] : table) in_order.emplace_back(&key, &node);
    std::stable_sort(in_order.begin(), in_order.end(),
                     [](const auto& a, const auto& b) { return stands_before(a.first->source(), b.first->source()); });
    Value::Object made;
    for (const auto& [key, node] : in_order) {
      auto member = value(*node, depth + 1);
      if (!member) return member.error();
      made.emplace_back(std::string(key->str()), std::move(*member));
    }
    return Value::object(std::move(made));
  }

  Status refuse(const toml::node& node, std::string_view what) const {
    const toml::source_position at = node.source().begin;
    return invalid("{}: line {}, column {}: {}", name_, at.line, at.column, what);
  }

  const std::string& name_;
  std::size_t deepest_;
};

}  // namespace

Result<Value> parse_toml(std::string_view text, const std::string& name, const ParseLimits& limits) {
  if (text.size() > limits.bytes) return invalid("{}: {} bytes, expected at most {}", name, text.size(), limits.bytes);
  try {
    const toml::table table = toml::parse(text, name);
    return Reader(name, limits.depth).value(table, 1);
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    return invalid("{}: line {}, column {}: {}", name, at.line, at.column, error.description());
  } catch (const std::exception& error) {
    return invalid("{}: {}", name, error.what());
  }
}

Result<Value> read_toml(const std::string& path, const ParseLimits& limits) {
  const auto bytes = read_file(path, limits.bytes);
  if (!bytes) return bytes.error();
  return parse_toml({reinterpret_cast<const char*>(bytes->data()), bytes->size()}, path, limits);
}

}  // namespace udnn::base
