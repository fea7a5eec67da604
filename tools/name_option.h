// tools/name_option.h: options that are one of a few names. Another word is refused, with the name that was probably
// meant:
//
//   --opt: 'adm', did you mean 'adam'?
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include "src/base/nearest.h"

namespace udnn::tools {

/// `into` holds the default and outlives the verb. The help says the names, and `what` after them.
inline CLI::Option* add_name(CLI::App& verb, const std::string& option, std::string& into,
                             std::vector<std::string_view> names, std::string_view what = {}) {
  const std::string help = fmt::format("{}{}{}", fmt::join(names, ", "), what.empty() ? "" : ". ", what);
  const auto refuse = [names = std::move(names)](const std::string& word) {
    if (std::find(names.begin(), names.end(), word) != names.end()) return std::string();
    return fmt::format("'{}'{}", word, base::did_you_mean(word, names));
  };
  return verb.add_option(option, into, help)->check(refuse)->capture_default_str();
}

}  // namespace udnn::tools
