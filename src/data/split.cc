#include "src/data/split.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "src/data/allocate.h"

namespace udnn::data {

std::vector<std::uint32_t> test_rows(std::span<const std::uint32_t> labels, double test_fraction, std::uint64_t seed) {
  const auto period = static_cast<std::uint64_t>(std::ceil(1 / test_fraction));
  const auto share = [&](std::uint64_t rows) { return std::floor(static_cast<double>(rows) * test_fraction); };
  std::vector<std::uint64_t> seen(*std::max_element(labels.begin(), labels.end()) + std::size_t{1});
  std::vector<std::uint32_t> rows;
  for (std::uint32_t row = 0; row < labels.size(); ++row) {
    const std::uint64_t i = seen[labels[row]]++ + (labels[row] + seed % period) % period;
    if (share(i + 1) > share(i)) rows.push_back(row);
  }
  if (rows.empty()) rows.push_back(static_cast<std::uint32_t>(labels.size() - 1));
  if (rows.size() == labels.size()) rows.erase(rows.begin());
  return rows;
}

Status split(Dataset& dataset, double test_fraction, std::uint64_t seed) {
  Samples& train = dataset.train;
  if (!(test_fraction > 0 && test_fraction < 1))
    return base::invalid("{}: test fraction {}, expected above 0 and below 1", dataset.name, test_fraction);
  if (train.count < 2)
    return base::invalid("{}: {} sample, expected at least 2 to split off a test part", dataset.name, train.count);

  const std::vector<std::uint32_t> rows = test_rows(train.labels, test_fraction, seed);
  Samples& test = dataset.test;
  test = {train.shape, rows.size(), {}, train.divisor, {}};
  const std::size_t size = train.shape.size();
  return std::visit(
      [&]<class T>(std::vector<T>& values) -> Status {
        auto taken = allocate<T>(rows.size() * size, dataset.name);
        if (!taken) return taken.error();
        // Training rows move up over the rows that leave: no second copy of the data.
        auto keep = values.begin();
        auto leave = taken->begin();
        std::size_t kept = 0, next = 0;
        for (std::size_t row = 0; row < train.count; ++row) {
          const auto from = values.begin() + static_cast<std::ptrdiff_t>(row * size);
          const bool leaves = next < rows.size() && rows[next] == row;
          auto& to = leaves ? leave : keep;
          to = std::copy(from, from + static_cast<std::ptrdiff_t>(size), to);
          if (leaves) {
            test.labels.push_back(train.labels[row]);
            ++next;
          } else {
            train.labels[kept++] = train.labels[row];
          }
        }
        test.values = std::move(*taken);
        truncate(train, kept);
        return {};
      },
      train.values);
}

void truncate(Samples& samples, std::size_t count) {
  if (count >= samples.count) return;
  samples.count = count;
  samples.labels.resize(count);
  std::visit([&](auto& values) { values.resize(count * samples.shape.size()); }, samples.values);
}

}  // namespace udnn::data
