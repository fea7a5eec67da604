#include "src/base/subprocess.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "src/base/refusal.h"

namespace udnn::base {

namespace {

/// What the child writes into its pipe when it cannot become the program; no program prints a zero byte first.
constexpr char kNotStarted = '\0';

// Between fork and exec only what is safe in a signal handler: another thread may have held any lock.
[[noreturn]] void become(char* const* arguments, const char* folder, int errors) noexcept {
  const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  const bool ready = nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 && dup2(nothing, STDOUT_FILENO) >= 0 &&
                     dup2(errors, STDERR_FILENO) >= 0 && chdir(folder) == 0;
  if (ready) execvp(arguments[0], arguments);
  const int why = errno;
  std::array<char, 1 + sizeof(int)> message{kNotStarted};
  std::memcpy(message.data() + 1, &why, sizeof why);
  [[maybe_unused]] const ssize_t written = write(errors, message.data(), message.size());
  _exit(127);
}

/// The end of what comes from `pipe` until it is closed; at most kKept bytes.
std::string read_tail(int pipe) {
  constexpr std::size_t kKept = 4096;
  std::string tail;
  std::array<char, kKept> piece;  // NOLINT(cppcoreguidelines-pro-type-member-init): read() fills it
  for (;;) {
    const ssize_t got = read(pipe, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return tail;
    tail.append(piece.data(), static_cast<std::size_t>(got));
    // The first byte tells whether the program started; it stays.
    if (tail.size() > 2 * kKept) tail.erase(1, tail.size() - kKept);
  }
}

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  const std::size_t begin = text.find_last_of("\r\n");
  return std::string(begin == std::string_view::npos ? text : text.substr(begin + 1));
}

}  // namespace

Status run_program(const std::vector<std::string>& arguments, const std::string& folder) {
  const std::string& name = arguments.front();
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    return refusal(StatusCode::kIoError, "{}: cannot make a pipe: {}", name, std::strerror(errno));
  const pid_t child = fork();
  if (child == 0) become(argv.data(), folder.c_str(), ends[1]);
  close(ends[1]);
  if (child < 0) {
    const int why = errno;
    close(ends[0]);
    return refusal(StatusCode::kIoError, "{}: cannot start a process: {}", name, std::strerror(why));
  }

  const std::string errors = read_tail(ends[0]);
  close(ends[0]);
  int state = 0;
  while (waitpid(child, &state, 0) < 0)
    if (errno != EINTR) return refusal(StatusCode::kIoError, "{}: cannot wait for it: {}", name, std::strerror(errno));

  if (errors.size() == 1 + sizeof(int) && errors.front() == kNotStarted) {
    int why = 0;
    std::memcpy(&why, errors.data() + 1, sizeof why);
    if (why == ENOENT && !has_program(name)) return refusal(StatusCode::kUnsupported, "{}: not installed", name);
    return refusal(StatusCode::kIoError, "{}: cannot be started in {}: {}", name, folder, std::strerror(why));
  }
  const std::string said = last_line(errors);
  const char* separator = said.empty() ? "" : ": ";
  if (WIFSIGNALED(state))
    return refusal(StatusCode::kIoError, "{}: ended by signal {}{}{}", name, WTERMSIG(state), separator, said);
  if (WEXITSTATUS(state) != 0)
    return refusal(StatusCode::kIoError, "{}: exit code {}{}{}", name, WEXITSTATUS(state), separator, said);
  return {};
}

bool has_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::string_view folder = rest.substr(0, colon);
    rest = colon == std::string_view::npos ? "" : rest.substr(colon + 1);
    if (!folder.empty() && access(fmt::format("{}/{}", folder, name).c_str(), X_OK) == 0) return true;
  }
  return false;
}

}  // namespace udnn::base
