// src/base/file.h: a whole file in memory.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "udnn/status.h"

namespace udnn::base {

/// All bytes of the regular file `path` (links are followed). Its size is known and compared with `cap` before anything
/// is allocated; a file that changes its size meanwhile is refused.
/// Errors: kIoError, kInvalidArgument (no regular file, longer than `cap`), kOutOfMemory:
///   model.udnn: cannot be opened: No such file or directory
///   model.udnn: 5000000 bytes, expected at most 1000000
Result<std::vector<std::byte>> read_file(const std::string& path, std::uint64_t cap = UINT64_MAX);

/// "PATH: ACTION: No space left on device", kIoError. `error` is an errno.
Status io_error(const std::string& path, const char* action, int error = errno);

}  // namespace udnn::base
