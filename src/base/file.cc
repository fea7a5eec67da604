#include "src/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <system_error>

#include "src/base/checked.h"
#include "src/base/refusal.h"

namespace udnn::base {

namespace {

class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number() const noexcept { return number_; }

 private:
  int number_;  // O_NONBLOCK: a pipe without a writer is refused, not waited for
};

}  // namespace

Status io_error(const std::string& path, const char* action, int error) {
  return refusal(StatusCode::kIoError, "{}: {}: {}", path, action, std::generic_category().message(error));
}

Result<std::vector<std::byte>> read_file(const std::string& path, std::uint64_t cap) {
  const Descriptor file(path);
  if (file.number() < 0) return io_error(path, "cannot be opened");
  struct stat state = {};
  if (::fstat(file.number(), &state) != 0) return io_error(path, "cannot be read");
  if (!S_ISREG(state.st_mode)) return invalid("{}: not a file, expected a regular file", path);
  const auto size = narrow<std::size_t>(state.st_size);
  if (!size || *size > cap) return invalid("{}: {} bytes, expected at most {}", path, state.st_size, cap);

  std::vector<std::byte> bytes;
  try {
    bytes.resize(*size);
  } catch (const std::exception&) {  // bad_alloc, or length_error beyond half the address space
    return refusal(StatusCode::kOutOfMemory, "{}: out of memory: no room for {} bytes", path, *size);
  }
  // One read more than the size asks for, to see a file that has grown.
  constexpr std::size_t kMostAtOnce = std::size_t{1} << 30U;
  std::byte beyond{};
  for (std::size_t done = 0;;) {
    const bool at_end = done == *size;
    const ssize_t got = at_end ? ::read(file.number(), &beyond, 1)
                               : ::read(file.number(), bytes.data() + done, std::min(*size - done, kMostAtOnce));
    if (got < 0) {
      if (errno == EINTR) continue;
      return io_error(path, "cannot be read");
    }
    if (at_end != (got == 0)) return invalid("{}: changed its size while it was read, expected {} bytes", path, *size);
    if (at_end) return bytes;
    done += static_cast<std::size_t>(got);
  }
}

}  // namespace udnn::base
