// src/report/table.h: rows and columns, for a terminal, a document or a program.
//
//   precision         accuracy  kappa
//   all=fp32             98.91  0.988
//   all=fx4.12:sr        98.85  0.987
//
// It knows nothing of what its cells mean: a cell is text and the Value that programs get.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/value.h"

namespace udnn::report {

struct Cell {
  std::string text;   ///< for people
  base::Value value;  ///< for programs: numbers stay numbers

  Cell(std::string what) : text(what), value(std::move(what)) {}
  Cell(std::string_view what) : Cell(std::string(what)) {}
  Cell(const char* what) : Cell(std::string(what)) {}
  Cell(std::string shown, base::Value meant) : text(std::move(shown)), value(std::move(meant)) {}
};

/// A number with `decimals` digits after the point for people, and all of them for programs. NaN shows as "-".
Cell fixed(double value, int decimals);
Cell count(std::uint64_t value);

class Table {
 public:
  explicit Table(std::vector<std::string> columns) : columns_(std::move(columns)) {}

  /// As many cells as there are columns.
  void add_row(std::vector<Cell> cells);

  std::size_t rows() const noexcept { return rows_.size(); }

  /// Columns two blanks apart, a column of numbers to the right; width counts code points. No blanks at the end of a
  /// line.
  std::string text() const;
  std::string markdown() const;
  std::string csv() const;    ///< RFC 4180 with \n
  base::Value value() const;  ///< an array of one object for each row

 private:
  bool is_numeric(std::size_t column) const noexcept;

  std::vector<std::string> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace udnn::report
