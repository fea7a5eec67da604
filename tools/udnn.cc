// udnn: the command line; verb.h says what every verb promises.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "src/base/nearest.h"

#include "tools/interrupt.h"
#include "tools/verb.h"

namespace udnn::tools {
namespace {

Status flush_output() {
  if (std::fflush(stdout) == 0) return {};
  return {StatusCode::kIoError, fmt::format("standard output: {}", std::strerror(errno))};
}

std::string hint_for(std::string_view word, const std::vector<std::string>& known) {
  return base::did_you_mean(word, std::vector<std::string_view>(known.begin(), known.end()));
}

/// A verb or an option that is not there, or nothing. The parser alone would complain of the words after it.
std::string unknown_word(const CLI::App& app, std::span<char* const> words) {
  const CLI::App* verb = &app;
  std::size_t at = 0;
  while (at < words.size() && words[at][0] != '-' && !verb->get_subcommands({}).empty()) {
    std::vector<std::string> names;
    const CLI::App* found = nullptr;
    for (const CLI::App* sub : verb->get_subcommands({})) {
      names.push_back(sub->get_name());
      if (names.back() == words[at]) found = sub;
    }
    if (found == nullptr) return fmt::format("unknown verb '{}'{}", words[at], hint_for(words[at], names));
    verb = found;
    ++at;
  }
  std::vector<std::string> names;
  for (const CLI::Option* option : verb->get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  for (; at < words.size(); ++at) {
    const std::string_view word = words[at];
    const std::string_view name = word.substr(0, word.find('='));
    if (name == "--" || !name.starts_with("--")) continue;
    if (std::find(names.begin(), names.end(), name) == names.end())
      return fmt::format("unknown option '{}'{}", name, hint_for(name, names));
  }
  return {};
}

/// "udnn data show --help", as far as there is such a verb.
std::string help_of(const CLI::App& app) {
  std::string text = "udnn";
  for (const CLI::App* verb = &app; !verb->get_subcommands().empty();) {
    verb = verb->get_subcommands().back();
    text += " " + verb->get_name();
  }
  return text + " --help";
}

int run(int argc, char** argv) {
  CLI::App app("Trains and runs neural networks in any precision from 1 to 64 bits", "udnn");
  app.require_subcommand(1);
  app.footer(
      "Example: udnn train lenet mnist --precision \"w=fx2.6:sr, a=fx4.4\"    Each verb explains itself: udnn train "
      "--help");
  Action action;
  add_train(app, action);
  add_eval(app, action);
  add_run(app, action);
  add_inspect(app, action);
  add_formats(app, action);
  add_round(app, action);
  add_data(app, action);
  add_export(app, action);
  add_import(app, action);

  app.set_version_flag("--version", std::string("udnn ") + UDNN_VERSION);
  const std::span<char* const> words(argv + 1, static_cast<std::size_t>(std::max(argc - 1, 0)));
  if (const std::string unknown = unknown_word(app, words); !unknown.empty()) {
    fmt::print(stderr, "udnn: {}\n", unknown);
    return 2;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "udnn: {} (see {})\n", error.what(), help_of(app));
    return 2;
  }

  Status status = action();
  if (Status flushed = flush_output(); status.ok()) status = flushed;
  if (status.ok()) return 0;
  fmt::print(stderr, "udnn: {}\n", status.message());
  return status.code() == StatusCode::kInterrupted ? 128 + caught_interrupt() : 1;
}

}  // namespace
}  // namespace udnn::tools

int main(int argc, char** argv) try {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of the write, with a message
  return udnn::tools::run(argc, argv);
} catch (const std::exception& error) {  // of a package, or out of memory; uDNN itself returns Status
  std::fprintf(stderr, "udnn: %s\n", error.what());
  return 1;
}
