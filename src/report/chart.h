// src/report/chart.h: small pictures made of characters.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "src/report/table.h"

namespace udnn::report {

/// Eight heights of block from the least to the greatest value; all equal: the lowest. What is not finite leaves a
/// blank. At most `width` characters: neighbours are averaged.
std::string sparkline(std::span<const double> values, std::size_t width = 60);

/// Eight heights of block from 0 to the greatest value; 0 leaves a blank. No value is negative.
std::string bars(std::span<const double> values);

/// counts [classes, classes]: row = what it is, column = what was said. A row for each class with its name (its number
/// where names end), the counts, and the share on the diagonal in percent; a zero off the diagonal is a dot.
Table confusion_table(std::span<const std::uint64_t> counts, std::size_t classes, std::span<const std::string> names);

}  // namespace udnn::report
