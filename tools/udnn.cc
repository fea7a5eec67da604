// udnn: the command line; verb.h says what every verb promises.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

#include <fmt/format.h>

#include "tools/interrupt.h"
#include "tools/verb.h"

namespace udnn::tools {
namespace {

Status flush_output() {
  if (std::fflush(stdout) == 0) return {};
  return {StatusCode::kIoError, fmt::format("standard output: {}", std::strerror(errno))};
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

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "udnn: {} (see udnn --help)\n", error.what());
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
