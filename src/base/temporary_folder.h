// src/base/temporary_folder.h: a place for files that nobody will miss.
#pragma once

#include <string>

#include "udnn/status.h"

namespace udnn::base {

/// A folder of its own name that only this user may enter; it goes, with all that is in it, when the object does.
class TemporaryFolder {
 public:
  /// Inside `parent` (empty: $TMPDIR, else /tmp). Errors: kIoError.
  static Result<TemporaryFolder> create(const std::string& parent = {});

  const std::string& path() const noexcept { return path_; }

  TemporaryFolder(TemporaryFolder&& other) noexcept;
  TemporaryFolder& operator=(TemporaryFolder&& other) noexcept;
  ~TemporaryFolder();

 private:
  explicit TemporaryFolder(std::string path) noexcept;

  std::string path_;
};

}  // namespace udnn::base
