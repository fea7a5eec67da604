#include "src/base/temporary_folder.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "src/base/refusal.h"

namespace udnn::base {

Result<TemporaryFolder> TemporaryFolder::create(const std::string& parent) {
  const char* from_environment = std::getenv("TMPDIR");
  const bool has_environment = from_environment != nullptr && *from_environment != '\0';
  const std::string inside = !parent.empty() ? parent : has_environment ? from_environment : "/tmp";
  std::string path = inside + "/udnn.tmp.XXXXXX";
  if (mkdtemp(path.data()) == nullptr)
    return refusal(StatusCode::kIoError, "{}: cannot make a temporary folder in it: {}", inside, std::strerror(errno));
  return TemporaryFolder(std::move(path));
}

TemporaryFolder::TemporaryFolder(std::string path) noexcept : path_(std::move(path)) {}
TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
TemporaryFolder& TemporaryFolder::operator=(TemporaryFolder&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace udnn::base
