#include "udnn/precision.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/base/nearest.h"
#include "src/base/refusal.h"
#include "src/numbers/format_table.h"

namespace udnn {

namespace {

using numbers::FormatFault;

constexpr std::array<std::string_view, kRoles + 1> kRoleNames{"w", "a", "e", "g", "m", "s", "acc", "all"};
constexpr std::size_t kAll = kRoles;

/// * any letters, ? any one. Goes back to the last star alone, so that no pattern takes more than product-of-lengths
/// steps.
bool matches(std::string_view glob, std::string_view name) noexcept {
  std::size_t g = 0, n = 0;
  std::size_t star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = n;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == name[n])) {
      ++g;
      ++n;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', g) == std::string_view::npos;
}

/// A part of a text that remembers where it stands.
struct Part {
  std::string_view text;
  std::size_t offset;
};

Part trimmed(Part part) noexcept {
  constexpr std::string_view kBlanks = " \t\n\r";
  const std::size_t begin = part.text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {{}, part.offset};
  const std::size_t end = part.text.find_last_not_of(kBlanks) + 1;
  return {part.text.substr(begin, end - begin), part.offset + begin};
}

}  // namespace

std::string_view to_string(Role role) noexcept { return kRoleNames[static_cast<std::size_t>(role)]; }

Result<Precision> Precision::parse(std::string_view text) {
  Precision precision;
  if (trimmed({text, 0}).text.empty()) return precision;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const Part item = trimmed({text.substr(begin, end - begin), begin});
    begin = end + 1;
    const std::size_t equals = item.text.find('=');
    if (equals == std::string_view::npos)
      return numbers::fault_in(text, {item.offset, fmt::format("'{}' assigns no format", item.text),
                                      ", expected [layer.]role=format, as in w=fx2.6:sr"});
    const Part place = trimmed({item.text.substr(0, equals), item.offset});
    const Part spelled = trimmed({item.text.substr(equals + 1), item.offset + equals + 1});

    Item made;
    const std::size_t dot = place.text.rfind('.');
    const std::size_t role_at = dot == std::string_view::npos ? 0 : dot + 1;
    const std::string_view role = place.text.substr(role_at);
    if (dot != std::string_view::npos) made.glob = place.text.substr(0, dot);
    if (dot == 0)
      return numbers::fault_in(text, {place.offset, "no layer before '.'", ", expected its name, as in conv1.w=int4"});
    const auto known = std::find(kRoleNames.begin(), kRoleNames.end(), role);
    if (known == kRoleNames.end())
      return numbers::fault_in(text, {place.offset + role_at, fmt::format("unknown role '{}'", role),
                                      fmt::format(", expected one of {}", fmt::join(kRoleNames, ", "))});
    const auto index = static_cast<std::size_t>(known - kRoleNames.begin());
    made.is_all = index == kAll;
    if (!made.is_all) made.role = static_cast<Role>(index);

    FormatFault fault;
    if (!numbers::parse_format_within(spelled.text, made.role == Role::kAccumulator, made.format, fault)) {
      fault.offset += spelled.offset;
      return numbers::fault_in(text, fault);
    }
    precision.items_.push_back(std::move(made));
  }
  return precision;
}

const Precision::Item* Precision::find(std::string_view layer, Role role) const noexcept {
  const Item* found = nullptr;
  for (const Item& item : items_) {
    if (item.is_all ? role == Role::kAccumulator : item.role != role) continue;
    if (item.glob.empty() || matches(item.glob, layer)) found = &item;
  }
  return found;
}

const Format& Precision::format(std::string_view layer, Role role) const noexcept {
  static constexpr Format kDefault{};
  const Item* const item = find(layer, role);
  return item == nullptr ? kDefault : item->format;
}

bool Precision::names_accumulator(std::string_view layer) const noexcept {
  return find(layer, Role::kAccumulator) != nullptr;
}

std::string Precision::text() const {
  std::vector<std::string> items;
  for (const Item& item : items_)
    items.push_back(fmt::format("{}{}{}={}", item.glob, item.glob.empty() ? "" : ".",
                                item.is_all ? kRoleNames[kAll] : to_string(item.role), to_string(item.format)));
  return fmt::format("{}", fmt::join(items, ", "));
}

Status Precision::covers(std::span<const std::string> layers) const {
  for (const Item& item : items_) {
    const auto fits = [&](const std::string& layer) { return matches(item.glob, layer); };
    if (item.glob.empty() || std::any_of(layers.begin(), layers.end(), fits)) continue;
    const std::vector<std::string_view> names(layers.begin(), layers.end());
    const std::string_view near = base::nearest(item.glob, names);
    return base::invalid("\"{}\": no layer is called '{}'{}{}", text(), item.glob,
                         near.empty() ? std::string() : fmt::format(", did you mean '{}'?", near),
                         fmt::format("{} {}", near.empty() ? ", there are" : " There are", fmt::join(layers, ", ")));
  }
  return {};
}

}  // namespace udnn
