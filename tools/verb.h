// tools/verb.h: the verbs of `udnn`. What each of them promises:
//
//   exit code 0   it did what was asked
//   exit code 1   it could not: one line on stderr says where, what was found, what was expected; below it may stand
//                 what has no room in a line (a text and a caret under its fault, a list)
//   exit code 2   the command line itself is wrong: one line, and where to read on
//   128 + n       signal n (SIGINT: 130) asked it to stop; what could be saved has been
//
// add_<verb> registers a subcommand with its options; when it is the one chosen, its callback sets `action`, which
// main() then runs. Only main() prints errors and knows exit codes.
#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "udnn/status.h"

namespace udnn::tools {

using Action = std::function<Status()>;

void add_formats(CLI::App& app, Action& action);
void add_round(CLI::App& app, Action& action);
void add_data(CLI::App& app, Action& action);
void add_train(CLI::App& app, Action& action);
void add_eval(CLI::App& app, Action& action);
void add_run(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);
void add_export(CLI::App& app, Action& action);
void add_import(CLI::App& app, Action& action);

}  // namespace udnn::tools
