#include "src/report/table.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>

#include <fmt/format.h>

#include "src/base/json.h"

namespace udnn::report {

namespace {

// Code points: bytes that do not continue one.
std::size_t width_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

void append_padded(std::string& line, std::string_view text, std::size_t width, bool to_the_right) {
  const std::string blanks(width - std::min(width, width_of(text)), ' ');
  line.append(to_the_right ? blanks : "").append(text).append(to_the_right ? "" : blanks);
}

void end_line(std::string& text) {
  text.erase(text.find_last_not_of(' ') + 1);
  text += '\n';
}

std::string csv_text(const base::Value& value) {
  if (value.is_null()) return {};
  const auto* text = value.get<std::string>();
  if (text == nullptr) return base::to_json(value);
  if (text->find_first_of(",\"\r\n") == std::string::npos) return *text;
  std::string quoted = "\"";
  for (const char c : *text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

std::string markdown_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

}  // namespace

Cell fixed(double value, int decimals) {
  return {std::isnan(value) ? "-" : fmt::format("{:.{}f}", value, decimals), base::Value(value)};
}

Cell count(std::uint64_t value) { return {std::to_string(value), base::Value(value)}; }

void Table::add_row(std::vector<Cell> cells) {
  assert(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

bool Table::is_numeric(std::size_t column) const noexcept {
  return std::any_of(rows_.begin(), rows_.end(), [&](const auto& row) {
    const base::Value& value = row[column].value;
    return value.is_integer() || value.is_real();
  });
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    widths.push_back(width_of(columns_[column]));
    for (const auto& row : rows_) widths.back() = std::max(widths.back(), width_of(row[column].text));
  }
  std::string text;
  const auto append_line = [&](auto&& text_of) {
    std::string line;
    for (std::size_t column = 0; column < columns_.size(); ++column) {
      if (column > 0) line += "  ";
      append_padded(line, text_of(column), widths[column], is_numeric(column));
    }
    end_line(line);
    text += line;
  };
  append_line([&](std::size_t column) -> std::string_view { return columns_[column]; });
  for (const auto& row : rows_) append_line([&](std::size_t column) -> std::string_view { return row[column].text; });
  return text;
}

std::string Table::markdown() const {
  std::string text = "|", rule = "|";
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    text += ' ' + markdown_text(columns_[column]) + " |";
    rule += is_numeric(column) ? "---:|" : "---|";
  }
  text += '\n' + rule + '\n';
  for (const auto& row : rows_) {
    text += '|';
    for (const Cell& cell : row) text += ' ' + markdown_text(cell.text) + " |";
    text += '\n';
  }
  return text;
}

std::string Table::csv() const {
  std::string text;
  const auto append_line = [&](auto&& value_of) {
    for (std::size_t column = 0; column < columns_.size(); ++column) {
      if (column > 0) text += ',';
      text += csv_text(value_of(column));
    }
    text += '\n';
  };
  append_line([&](std::size_t column) { return base::Value(columns_[column]); });
  for (const auto& row : rows_) append_line([&](std::size_t column) { return row[column].value; });
  return text;
}

base::Value Table::value() const {
  base::Value made = base::Value::array();
  for (const auto& row : rows_) {
    base::Value object = base::Value::object();
    for (std::size_t column = 0; column < columns_.size(); ++column) object.set(columns_[column], row[column].value);
    made.push_back(std::move(object));
  }
  return made;
}

}  // namespace udnn::report
