#include "src/data/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "src/base/checked.h"
#include "src/base/file.h"
#include "src/base/refusal.h"
#include "src/data/allocate.h"

namespace udnn::data {

namespace {

constexpr std::size_t kMostColumns = std::size_t{1} << 20U;
constexpr std::size_t kMostClasses = std::size_t{1} << 16U;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<double> number(std::string_view text) {
  text = trimmed(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

/// The lines of a file that are not blank, and the cells in each of them.
class Lines {
 public:
  Lines(std::string_view text, std::string name) : rest_(text), name_(std::move(name)) {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
  }

  std::size_t line() const noexcept { return line_; }

  /// False at the end of the file.
  bool next() {
    while (!rest_.empty()) {
      const std::size_t end = rest_.find('\n');
      current_ = rest_.substr(0, end);
      rest_ = end == std::string_view::npos ? "" : rest_.substr(end + 1);
      ++line_;
      if (current_.ends_with('\r')) current_.remove_suffix(1);
      if (!trimmed(current_).empty()) return true;
    }
    return false;
  }

  /// The cells of the line, unquoted. They live until the next call.
  Status cells(std::vector<std::string_view>& cells) {
    cells.clear();
    unquoted_.clear();
    unquoted_.reserve(current_.size());  // so that what is appended does not move
    if (current_.find('\0') != std::string_view::npos) return refuse("a zero byte, expected text");
    std::string_view rest = current_;
    for (;;) {
      if (cells.size() == kMostColumns) return refuse(fmt::format("more than {} columns", kMostColumns));
      const bool quoted = rest.starts_with('"');
      std::size_t end = 0;
      if (quoted) {
        const std::size_t begin = unquoted_.size();
        for (end = 1;; ++end) {
          if (end >= rest.size()) return refuse(fmt::format("column {}: a quote without an end", cells.size() + 1));
          if (rest[end] == '"' && rest.substr(end + 1).starts_with('"'))
            ++end;
          else if (rest[end] == '"')
            break;
          unquoted_ += rest[end];
        }
        ++end;
        if (end < rest.size() && rest[end] != ',')
          return refuse(
              fmt::format("column {}: '{}' after a quoted cell, expected a comma", cells.size() + 1, rest[end]));
        cells.push_back(std::string_view(unquoted_).substr(begin));
      } else {
        end = std::min(rest.find(','), rest.size());
        cells.push_back(rest.substr(0, end));
      }
      if (end == rest.size()) return {};
      rest.remove_prefix(end + 1);
    }
  }

  Status refuse(const std::string& what) const { return base::invalid("{}: line {}: {}", name_, line_, what); }

 private:
  std::string_view rest_;
  std::string_view current_;
  std::string unquoted_;
  std::string name_;
  std::size_t line_ = 0;
};

struct Label {
  std::string text;
  std::size_t line;                    ///< where it was first seen
  std::optional<std::int64_t> number;  ///< its value, where it is an integer; 1.0 is one
};

struct Table {
  std::string path;
  std::size_t columns = 0;  ///< without the label
  std::vector<float> values;
  std::vector<std::uint32_t> labels;  ///< indices of `distinct`
  std::vector<Label> distinct;
};

/// Gives each distinct label a number, in order of appearance.
class LabelIndex {
 public:
  Result<std::uint32_t> index_of(std::string_view text, const Lines& lines, Table& table) {
    std::optional<std::int64_t> integer;
    std::string name(trimmed(text));
    if (name.empty()) return lines.refuse("the label is empty, expected an integer or a name");
    if (const auto value = number(name)) {
      constexpr double kExact = 9007199254740992;  // 2^53
      if (*value != std::floor(*value) || std::abs(*value) > kExact)
        return lines.refuse(fmt::format("label {}, expected an integer or a name", name));
      integer = static_cast<std::int64_t>(*value);
      name = std::to_string(*integer);
    }
    const auto [at, is_new] = seen_.try_emplace(name, static_cast<std::uint32_t>(table.distinct.size()));
    if (is_new) {
      if (table.distinct.size() == kMostClasses)
        return lines.refuse(fmt::format("more than {} different labels, expected classes", kMostClasses));
      table.distinct.push_back({name, lines.line(), integer});
    }
    return at->second;
  }

 private:
  std::unordered_map<std::string, std::uint32_t> seen_;
};

/// Which column holds the label. Consumes the header of `cells`, where it is one.
struct Layout {
  std::size_t label_column;
  bool has_header;
};

Result<Layout> layout_of(const std::vector<std::string_view>& cells, const std::string& label, const Lines& lines) {
  const auto is_number = [](std::string_view cell) { return number(cell).has_value(); };
  if (label.empty()) {
    if (cells.size() < 2) return lines.refuse("1 column, expected at least one number and a label");
    return Layout{cells.size() - 1, !std::all_of(cells.begin(), cells.end() - 1, is_number)};
  }
  const auto found = std::find_if(cells.begin(), cells.end(), [&](auto cell) { return trimmed(cell) == label; });
  if (found == cells.end() || std::all_of(cells.begin(), cells.end(), is_number))
    return lines.refuse(fmt::format("no column is named '{}', expected it in the header", label));
  if (cells.size() < 2) return lines.refuse("1 column, expected at least one number and a label");
  return Layout{static_cast<std::size_t>(found - cells.begin()), true};
}

Result<Table> read_table(const std::string& path, const std::string& label) {
  const auto bytes = base::read_file(path);
  if (!bytes) return bytes.error();
  const std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  Lines lines(text, path);
  std::vector<std::string_view> cells;
  if (!lines.next()) return base::invalid("{}: no line, expected at least one row", path);
  if (Status status = lines.cells(cells); !status.ok()) return status;
  const auto layout = layout_of(cells, label, lines);
  if (!layout) return layout.error();

  Table table{.path = path, .columns = cells.size() - 1, .values = {}, .labels = {}, .distinct = {}};
  // A cell takes at least two bytes, a digit and a comma or a line's end, the last one of the file perhaps only one.
  const auto most_rows = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  const std::size_t room =
      std::min(base::checked_mul(most_rows, table.columns).value_or(SIZE_MAX), text.size() / 2 + 1);
  auto values = allocate<float>(room, path);
  if (!values) return values.error();
  table.values = std::move(*values);

  LabelIndex index;
  std::size_t filled = 0;
  if (!layout->has_header || lines.next()) do {
      if (Status status = lines.cells(cells); !status.ok()) return status;
      if (cells.size() != table.columns + 1)
        return lines.refuse(fmt::format("{} columns, expected {}", cells.size(), table.columns + 1));
      const auto label_of_row = index.index_of(cells[layout->label_column], lines, table);
      if (!label_of_row) return label_of_row.error();
      table.labels.push_back(*label_of_row);
      for (std::size_t column = 0; column < cells.size(); ++column) {
        if (column == layout->label_column) continue;
        const auto value = number(cells[column]);
        if (!value || std::abs(*value) > static_cast<double>(std::numeric_limits<float>::max()))
          return lines.refuse(fmt::format("column {}: '{}', expected a number", column + 1, cells[column]));
        table.values[filled++] = static_cast<float>(*value);
      }
    } while (lines.next());
  if (table.labels.empty()) return base::invalid("{}: only a header, expected at least one row", path);
  table.values.resize(filled);
  return table;
}

/// Labels by value if all of them are integers, else by their bytes.
std::vector<std::uint32_t> order_of(const std::vector<Label>& labels) {
  const bool integers = std::all_of(labels.begin(), labels.end(), [](const Label& l) { return l.number.has_value(); });
  std::vector<std::uint32_t> order(labels.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return integers ? labels[a].number < labels[b].number : labels[a].text < labels[b].text;
  });
  return order;
}

Samples samples_of(Table&& table, const std::vector<std::uint32_t>& class_of) {
  for (std::uint32_t& label : table.labels) label = class_of[label];
  return {{1, 1, table.columns}, table.labels.size(), std::move(table.values), 1, std::move(table.labels)};
}

}  // namespace

Result<Dataset> load_csv(const std::string& train_path, const std::string& test_path, const std::string& label) {
  auto train = read_table(train_path, label);
  if (!train) return train.error();
  Dataset dataset;
  dataset.classes = train->distinct.size();
  std::unordered_map<std::string, std::uint32_t> classes;
  std::vector<std::uint32_t> class_of(train->distinct.size());
  for (const std::uint32_t index : order_of(train->distinct)) {
    const std::string& name = train->distinct[index].text;
    class_of[index] = static_cast<std::uint32_t>(dataset.class_names.size());
    classes[name] = class_of[index];
    dataset.class_names.push_back(name);
  }
  if (!test_path.empty()) {
    auto test = read_table(test_path, label);
    if (!test) return test.error();
    if (test->columns != train->columns)
      return base::invalid("{}: {} columns, expected {} as in {}", test_path, test->columns + 1, train->columns + 1,
                           train_path);
    std::vector<std::uint32_t> test_class_of;
    for (const Label& found : test->distinct) {
      const auto known = classes.find(found.text);
      if (known == classes.end())
        return base::invalid("{}: line {}: label {}, expected one of the {} of {}", test_path, found.line, found.text,
                             classes.size(), train_path);
      test_class_of.push_back(known->second);
    }
    dataset.test = samples_of(std::move(*test), test_class_of);
  }
  dataset.train = samples_of(std::move(*train), class_of);
  return dataset;
}

}  // namespace udnn::data
