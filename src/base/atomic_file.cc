#include "src/base/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include "src/base/file.h"
#include "src/base/refusal.h"

namespace udnn::base {

namespace {

constexpr int kNoDescriptor = -1;

std::filesystem::path folder_of(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? std::filesystem::path(".") : folder;
}

// Removes it if nobody holds its lock: whoever wrote it is gone. Unlinked under the lock, so that a writer who comes
// between sees that its file has lost its name.
void remove_if_stale(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return;
  struct stat state = {};
  if (::flock(file, LOCK_EX | LOCK_NB) == 0 && ::fstat(file, &state) == 0 && state.st_nlink == 1)
    ::unlink(path.c_str());
  ::close(file);
}

// A sweep that fails leaves the files where they are: the save itself does not depend on it.
void remove_stale(const std::string& path) {
  const std::string prefix = std::filesystem::path(path).filename().string() + ".tmp.";
  std::error_code error;
  std::filesystem::directory_iterator entry(folder_of(path), error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix) || name.find_first_not_of("0123456789", prefix.size()) != std::string::npos) continue;
    remove_if_stale(entry->path().string());
  }
}

// Another process may sweep between open and flock: then the file has no name any more, and we take a new one.
// Returns -1 and errno where the file cannot be made.
int create_locked(const std::string& temporary) {
  constexpr int kAttempts = 16;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (file < 0) return file;
    // A file system without locks is not swept either.
    const bool held_by_sweep = ::flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    struct stat state = {};
    if (!held_by_sweep && ::fstat(file, &state) == 0 && state.st_nlink == 1) return file;
    ::close(file);
  }
  errno = EBUSY;
  return kNoDescriptor;
}

// Without it the new name may be lost with the power.
Status flush_folder(const std::string& path) {
  const int folder = ::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return io_error(path, "its folder cannot be flushed");
  const int error = ::fsync(folder) == 0 ? 0 : errno;
  ::close(folder);
  if (error == 0 || error == EINVAL) return {};  // EINVAL: a file system that has nothing to flush
  return io_error(path, "its folder cannot be flushed", error);
}

}  // namespace

Result<AtomicFile> AtomicFile::create(const std::string& path, std::uint64_t bytes) {
  struct stat old = {};
  std::optional<mode_t> mode;
  if (::lstat(path.c_str(), &old) == 0) {
    if (!S_ISREG(old.st_mode) && !S_ISLNK(old.st_mode))
      return invalid("{}: not a file, expected a regular file or none yet", path);
    if (S_ISREG(old.st_mode)) mode = old.st_mode & 0777U;
  } else if (errno != ENOENT) {
    return io_error(path, "cannot be written");
  }

  remove_stale(path);
  std::string temporary = fmt::format("{}.tmp.{}", path, ::getpid());
  const int descriptor = create_locked(temporary);
  if (descriptor < 0) return io_error(path, "cannot be written");

  AtomicFile file(path, std::move(temporary), descriptor);
  if (mode && ::fchmod(descriptor, *mode) != 0) return file.failed("cannot be written", errno);
  if (bytes > 0) {
    const int error = ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
    if (error != 0 && error != EOPNOTSUPP && error != EINVAL)  // the two: a file system that cannot promise room
      return file.failed("no room to write it", error);
  }
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      descriptor_(std::exchange(other.descriptor_, kNoDescriptor)) {}

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  if (this != &other) {
    abandon();
    path_ = std::move(other.path_);
    temporary_ = std::exchange(other.temporary_, {});
    descriptor_ = std::exchange(other.descriptor_, kNoDescriptor);
  }
  return *this;
}

AtomicFile::~AtomicFile() { abandon(); }

Status AtomicFile::write(std::span<const std::byte> bytes) {
  constexpr std::size_t kMostAtOnce = std::size_t{1} << 30U;
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), std::min(bytes.size(), kMostAtOnce));
    if (written < 0) {
      if (errno == EINTR) continue;
      return failed("cannot be written", errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Status AtomicFile::commit() {
  // What was reserved and not written is cut off.
  const off_t end = ::lseek(descriptor_, 0, SEEK_CUR);
  if (end < 0 || ::ftruncate(descriptor_, end) != 0) return failed("cannot be written", errno);
  // After a failed fsync the kernel may have dropped the pages: trying again would lie.
  if (::fsync(descriptor_) != 0) return failed("cannot be written", errno);
  // The copy holds the lock until the file has its name: nobody sweeps it away between close and rename.
  const int lock = ::dup(descriptor_);
  int error = ::close(std::exchange(descriptor_, kNoDescriptor)) == 0 ? 0 : errno;
  if (error == 0 && ::rename(temporary_.c_str(), path_.c_str()) != 0) error = errno;
  if (error == 0) temporary_.clear();
  Status status = error == 0 ? Status() : failed("cannot be written", error);
  if (lock >= 0) ::close(lock);
  return status.ok() ? flush_folder(path_) : status;
}

void AtomicFile::abandon() noexcept {
  // Unlinked before the lock is let go: a sweep never meets it.
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, kNoDescriptor));
}

Status AtomicFile::failed(const char* action, int error) {
  abandon();
  return io_error(path_, action, error);
}

Status write_file(const std::string& path, std::initializer_list<std::span<const std::byte>> pieces) {
  std::uint64_t bytes = 0;
  for (const auto piece : pieces) bytes += piece.size();
  auto file = AtomicFile::create(path, bytes);
  if (!file) return file.error();
  for (const auto piece : pieces)
    if (Status status = file->write(piece); !status.ok()) return status;
  return file->commit();
}

Status write_file(const std::string& path, std::string_view text) {
  return write_file(path, {std::as_bytes(std::span(text))});
}

}  // namespace udnn::base
