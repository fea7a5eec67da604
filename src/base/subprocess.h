// src/base/subprocess.h: other people's programs, run without a shell.
#pragma once

#include <string>
#include <vector>

#include "udnn/status.h"

namespace udnn::base {

/// Runs arguments[0] (found in PATH) with these arguments in `folder`, and waits. Its stdin is empty, its stdout and
/// stderr are dropped except for the last line of stderr. Nothing is expanded or split: an argument arrives as it is.
/// Errors: kUnsupported (no such program), kIoError (it could not be started, exit code other than 0, killed by a
/// signal), as "curl: exit code 22: curl: (22) The requested URL returned error: 404". Threads: forks and executes at
/// once, so it may be called while others run.
Status run_program(const std::vector<std::string>& arguments, const std::string& folder);

/// Whether PATH holds an executable file of this name.
bool has_program(const std::string& name);

}  // namespace udnn::base
