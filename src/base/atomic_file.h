// src/base/atomic_file.h: a file that appears whole under its name, or not at all.
//
//   1  PATH.tmp.PID is created in the same folder and locked; those that killed processes left there are removed
//   2  room for the announced size is reserved, so that a full disk is known before anything is written
//   3  everything is written; interrupted and short writes go on
//   4  fsync and close, both checked
//   5  rename over PATH, then fsync of the folder
//
// Whatever fails: the temporary file is removed, what was under PATH before is untouched, and the message holds the
// path and the system's words. A process that is killed leaves the old file, and a temporary one that the next save
// removes: its lock died with the process. Between threads and processes that save to one path at once, the last rename
// wins. Protocol: T. Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014, section 2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "udnn/status.h"

namespace udnn::base {

class AtomicFile {
 public:
  /// `bytes` may be 0 where the size is not known. An existing file keeps its permissions. PATH must be free or a
  /// regular file (not a device, not a folder); a link is replaced, not followed.
  /// Errors: kIoError, kInvalidArgument (nothing is there to be replaced by a file).
  static Result<AtomicFile> create(const std::string& path, std::uint64_t bytes = 0);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) noexcept;
  ~AtomicFile();  ///< without commit(): the temporary file is removed

  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view text) { return write(std::as_bytes(std::span(text))); }

  /// Makes the file appear. Once, after the last write that succeeded.
  Status commit();

 private:
  AtomicFile(std::string path, std::string temporary, int descriptor) noexcept
      : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {}

  void abandon() noexcept;
  Status failed(const char* action, int error);  ///< says so, and abandons

  std::string path_;
  std::string temporary_;  // empty: nothing to remove
  int descriptor_ = -1;
};

/// The pieces, one after the other.
Status write_file(const std::string& path, std::initializer_list<std::span<const std::byte>> pieces);
Status write_file(const std::string& path, std::string_view text);

}  // namespace udnn::base
