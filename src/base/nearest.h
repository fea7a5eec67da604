// src/base/nearest.h: what somebody probably meant to write.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace udnn::base {

/// The candidate that takes the fewest edits (a letter more, less or another, two neighbours swapped; the first of
/// equals), or nothing where even that one differs in more than a third of the word's letters, rounded up.
/// Time: letters of the word x letters of all candidates.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

/// ", did you mean 'conv'?", or ", expected one of conv, fc" where nothing is near; ", expected none" of none.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

/// The names in a table, to choose from.
template <class Row>
std::vector<std::string_view> names_of(std::span<const Row> rows) {
  std::vector<std::string_view> names;
  for (const Row& row : rows) names.push_back(row.name);
  return names;
}

}  // namespace udnn::base
