#include "src/report/chart.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <fmt/format.h>

namespace udnn::report {

namespace {

constexpr const char* kBlocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

/// height: 0 to 1.
const char* block(double height) noexcept {
  return kBlocks[std::min<std::size_t>(std::size(kBlocks) - 1, static_cast<std::size_t>(height * std::size(kBlocks)))];
}

}  // namespace

std::string sparkline(std::span<const double> values, std::size_t width) {
  const std::size_t places = std::min(width, values.size());
  std::vector<double> means(places, std::numeric_limits<double>::quiet_NaN());
  double least = std::numeric_limits<double>::infinity(), greatest = -least;
  for (std::size_t place = 0; place < places; ++place) {
    const std::size_t begin = place * values.size() / places, end = (place + 1) * values.size() / places;
    double sum = 0;
    std::size_t count = 0;
    for (const double value : values.subspan(begin, end - begin))
      if (std::isfinite(value)) {
        sum += value;
        ++count;
      }
    if (count == 0) continue;
    means[place] = sum / static_cast<double>(count);
    least = std::min(least, means[place]);
    greatest = std::max(greatest, means[place]);
  }
  std::string line;
  for (const double mean : means) {
    if (std::isnan(mean)) {
      line += ' ';
      continue;
    }
    const double height = greatest > least ? (mean - least) / (greatest - least) : 0;
    line += block(height);
  }
  return line;
}

std::string bars(std::span<const double> values) {
  double greatest = 0;
  for (const double value : values) greatest = std::max(greatest, value);
  std::string line;
  for (const double value : values) line += value > 0 ? block(value / greatest) : " ";
  return line;
}

Table confusion_table(std::span<const std::uint64_t> counts, std::size_t classes, std::span<const std::string> names) {
  assert(counts.size() == classes * classes);
  const auto name = [&](std::size_t index) { return index < names.size() ? names[index] : std::to_string(index); };
  std::vector<std::string> columns = {"is \\ said"};
  for (std::size_t said = 0; said < classes; ++said) columns.push_back(name(said));
  columns.emplace_back("%");

  Table table(std::move(columns));
  for (std::size_t is = 0; is < classes; ++is) {
    const auto row = counts.subspan(is * classes, classes);
    std::vector<Cell> cells = {name(is)};
    std::uint64_t sum = 0;
    for (std::size_t said = 0; said < classes; ++said) {
      sum += row[said];
      const bool dot = row[said] == 0 && said != is;
      cells.emplace_back(dot ? "." : std::to_string(row[said]), base::Value(row[said]));
    }
    cells.push_back(fixed(100 * static_cast<double>(row[is]) / static_cast<double>(sum), 1));  // 0 / 0: NaN, shown as -
    table.add_row(std::move(cells));
  }
  return table;
}

}  // namespace udnn::report
