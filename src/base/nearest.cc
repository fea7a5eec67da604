#include "src/base/nearest.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include <fmt/format.h>

namespace udnn::base {

namespace {

// Optimal string alignment: Levenshtein's distance, and two swapped neighbours count once.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr std::size_t kLongestWord = 64;  // nobody means a longer one, and the time grows with it
  if (word.size() > kLongestWord) return {};
  std::string_view best;
  std::size_t fewest = (word.size() + 2) / 3 + 1;
  for (const std::string_view candidate : candidates)
    if (const std::size_t needed = edits(word, candidate); needed < fewest) {
      fewest = needed;
      best = candidate;
    }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  if (const std::string_view guess = nearest(word, candidates); !guess.empty())
    return fmt::format(", did you mean '{}'?", guess);
  if (candidates.empty()) return ", expected none";
  return fmt::format(", expected one of {}", fmt::join(candidates, ", "));
}

}  // namespace udnn::base
