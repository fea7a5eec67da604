#include "perf/peers/library.h"

#include <filesystem>
#include <fstream>

#include <dlfcn.h>
#include <fmt/format.h>

namespace udnn::peers {

Result<Library> Library::open(const std::string& path, Symbols symbols) {
  if (!std::filesystem::exists(path))
    return Status(StatusCode::kUnsupported, fmt::format("{}: not there; tools/compare/make_peers.sh brings it", path));
  int flags = RTLD_NOW | RTLD_LOCAL;
#ifdef RTLD_DEEPBIND
  if (symbols == Symbols::kOwnFirst) flags |= RTLD_DEEPBIND;
#endif
  void* const handle = dlopen(path.c_str(), flags);
  if (handle == nullptr) return Status(StatusCode::kUnsupported, dlerror());
  return Library(handle, path);
}

void* Library::find_symbol(const char* name) const noexcept { return dlsym(handle_, name); }

Status Library::lacks(const char* name) const {
  return {StatusCode::kUnsupported, fmt::format("{}: has no function {}", path_, name)};
}

std::string package_of(const std::string& folder) {
  std::ifstream file(folder + "/VERSION");
  std::string line;
  return std::getline(file, line) ? line : "?";
}

}  // namespace udnn::peers
