// tools/number_option.h: options that are numbers. The parser's own conversion takes -1 for 2^64 - 1, 010 for 8 and inf
// for a rate; here a word is a number as people write it, and in range, or the refusal names option, word and range:
//
//   --epochs: -1, expected a whole number from 0 to 1000000000
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

namespace udnn::tools {

/// The whole of `word`, and nothing beside it.
template <class Number>
bool read_number(std::string_view word, Number& number) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc() && end == word.data() + word.size();
}

template <class Number, class IsRight>
CLI::Option* add_number(CLI::App& verb, const std::string& name, Number& into, const std::string& what,
                        const std::string& expected, IsRight is_right) {
  const auto read = [&into, name, expected, is_right](const CLI::results_t& words) {
    Number number = {};
    if (!read_number(words.back(), number) || !is_right(number))
      throw CLI::ValidationError(name, fmt::format("{}, expected {}", words.back(), expected));
    into = number;
    return true;
  };
  return verb.add_option(name, read, what)->default_str(fmt::format("{}", into));
}

/// `into` holds the default and outlives the verb. Both ends belong to the range.
template <std::integral T>
CLI::Option* add_whole(CLI::App& verb, const std::string& name, T& into, T least, T most, const std::string& what) {
  return add_number(verb, name, into, what, fmt::format("a whole number from {} to {}", least, most),
                    [least, most](T number) { return least <= number && number <= most; })
      ->type_name("INT");
}

enum class Reals {
  kPositive,     ///< above 0
  kNotNegative,  ///< 0 or more
  kShare,        ///< 0 or more, and below 1
  kInnerShare,   ///< above 0, and below 1
};

/// Always a finite one.
inline CLI::Option* add_real(CLI::App& verb, const std::string& name, double& into, Reals range,
                             const std::string& what) {
  const bool with_zero = range == Reals::kNotNegative || range == Reals::kShare;
  const bool below_one = range == Reals::kShare || range == Reals::kInnerShare;
  return add_number(verb, name, into, what,
                    fmt::format("a finite number{}{}", with_zero ? " of 0 or more" : " above 0",
                                below_one ? ", and below 1" : ""),
                    [with_zero, below_one](double number) {
                      return std::isfinite(number) && (number > 0 || (with_zero && number == 0)) &&
                             !(below_one && number >= 1);
                    })
      ->type_name("FLOAT");
}

/// How often something may happen: more than anybody waits for, and far from where a count of steps would wrap.
inline constexpr std::size_t kMostTimes = 1'000'000'000;

inline constexpr std::size_t kMostBatch = std::size_t{1} << 20U;

}  // namespace udnn::tools
