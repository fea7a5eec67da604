// A file appears whole or not at all, and nothing else is left in its folder.
#include "src/base/atomic_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "src/base/file.h"
#include "tests/temporary_folder.h"

namespace udnn::base {
namespace {

using test::TemporaryFolder;
using Names = std::vector<std::string>;

// Runs `body` in a process of its own and gives its exit code, or minus the signal that ended it.
int in_child(auto&& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int state = 0;
  waitpid(child, &state, 0);
  return WIFEXITED(state) ? WEXITSTATUS(state) : -WTERMSIG(state);
}

TEST(AtomicFile, ReplacesTheFileOnCommitAndNotBefore) {
  const TemporaryFolder folder;
  folder.write("model", "old");
  auto file = AtomicFile::create(folder.file("model"), 100);  // more room than is used in the end
  ASSERT_TRUE(file) << file.error().message();
  ASSERT_TRUE(file->write("ne").ok());
  ASSERT_TRUE(file->write("w").ok());
  EXPECT_EQ(folder.read("model"), "old");
  ASSERT_TRUE(file->commit().ok());
  EXPECT_EQ(folder.read("model"), "new");
  EXPECT_EQ(folder.names(), Names{"model"});
}

TEST(AtomicFile, LeavesNothingWithoutCommit) {
  const TemporaryFolder folder;
  {
    auto file = AtomicFile::create(folder.file("model"));
    ASSERT_TRUE(file && file->write("half").ok());
    EXPECT_EQ(folder.names(), Names{fmt::format("model.tmp.{}", getpid())});
    auto moved = std::move(*file);
  }
  EXPECT_EQ(folder.names(), Names{});
}

TEST(AtomicFile, KeepsPermissionsOfTheOldFile) {
  const TemporaryFolder folder;
  chmod(folder.write("model", "old").c_str(), 0640);
  ASSERT_TRUE(write_file(folder.file("model"), "new").ok());
  struct stat state = {};
  ASSERT_EQ(stat(folder.file("model").c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 0777U, 0640U);
}

TEST(AtomicFile, SaysWhatCannotBeWritten) {
  const TemporaryFolder folder;
  EXPECT_EQ(write_file(folder.file("no/model"), "x").message(),
            folder.file("no/model") + ": cannot be written: No such file or directory");
  EXPECT_EQ(write_file(folder.path(), "x").message(),
            folder.path() + ": not a file, expected a regular file or none yet");
  EXPECT_EQ(write_file("/dev/full", "x").message(), "/dev/full: not a file, expected a regular file or none yet");
  EXPECT_EQ(write_file(folder.write("file", "") + "/model", "x").message(),
            folder.file("file/model") + ": cannot be written: Not a directory");
}

// A limit on the size of files fails reservation like a full disk, but reaches the process as an error code.
TEST(AtomicFile, WithoutRoomTheOldFileStaysAndNoOtherIsLeft) {
  const TemporaryFolder folder;
  folder.write("model", "old");
  const std::string text(10000, 'x');
  std::string message = folder.file("message");
  const int code = in_child([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    const Status reserved = write_file(folder.file("model"), text);
    auto unannounced = AtomicFile::create(folder.file("model"));
    const Status written = unannounced ? unannounced->write(text) : unannounced.error();
    folder.write("message", reserved.message() + "\n" + written.message());
    return 0;
  });
  ASSERT_EQ(code, 0);
  EXPECT_EQ(folder.read("message"), folder.file("model") + ": no room to write it: File too large\n" +
                                        folder.file("model") + ": cannot be written: File too large");
  EXPECT_EQ(folder.read("model"), "old");
  EXPECT_EQ(folder.names(), (Names{"message", "model"}));
}

TEST(AtomicFile, RemovesWhatKilledProcessesLeft) {
  const TemporaryFolder folder;
  const int killed = in_child([&] {
    auto file = AtomicFile::create(folder.file("model"));
    if (!file || !file->write("half").ok()) return 1;
    raise(SIGKILL);
    return 0;
  });
  ASSERT_EQ(killed, -SIGKILL);
  folder.write("model.tmp.note", "somebody's");  // no name that a save gives
  folder.write("other.tmp.1", "another file's");
  ASSERT_EQ(folder.names().size(), 3U);
  ASSERT_TRUE(write_file(folder.file("model"), "new").ok());
  EXPECT_EQ(folder.names(), (Names{"model", "model.tmp.note", "other.tmp.1"}));
}

TEST(AtomicFile, DoesNotSweepAwayWhatAnotherProcessIsWriting) {
  const TemporaryFolder folder;
  auto mine = AtomicFile::create(folder.file("model"));
  ASSERT_TRUE(mine && mine->write("mine").ok());
  ASSERT_EQ(in_child([&] { return write_file(folder.file("model"), "theirs").ok() ? 0 : 1; }), 0);
  EXPECT_EQ(folder.read("model"), "theirs");
  ASSERT_TRUE(mine->commit().ok());
  EXPECT_EQ(folder.read("model"), "mine");
}

TEST(AtomicFile, RefusesASecondWriterInTheSameProcess) {
  const TemporaryFolder folder;
  auto first = AtomicFile::create(folder.file("model"));
  ASSERT_TRUE(first);
  const auto second = AtomicFile::create(folder.file("model"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message(), folder.file("model") + ": cannot be written: File exists");
  EXPECT_TRUE(first->write("first").ok() && first->commit().ok());
  EXPECT_EQ(folder.read("model"), "first");
}

// At some hundred moments of some hundred saves: the file is always one of the two contents.
TEST(AtomicFile, SurvivesBeingKilledAtAnyMoment) {
  const TemporaryFolder folder;
  const std::string a(5000, 'a'), b(7000, 'b');
  ASSERT_TRUE(write_file(folder.file("model"), a).ok());
  int killed = 0;
  for (useconds_t wait = 0; wait < 100; ++wait) {
    const pid_t child = fork();
    if (child == 0)
      for (bool which = false;; which = !which)
        if (!write_file(folder.file("model"), which ? a : b).ok()) _exit(1);
    usleep(wait * 20);
    kill(child, SIGKILL);
    int state = 0;
    waitpid(child, &state, 0);
    killed += WIFSIGNALED(state) ? 1 : 0;
    const std::string found = folder.read("model");
    ASSERT_TRUE(found == a || found == b) << found.size() << " bytes after " << wait;
  }
  EXPECT_EQ(killed, 100);
  ASSERT_TRUE(write_file(folder.file("model"), a).ok());
  EXPECT_EQ(folder.names(), Names{"model"});
}

TEST(ReadFile, GivesAllBytesOrSaysWhyNot) {
  const TemporaryFolder folder;
  const auto bytes = read_file(folder.write("five", "12345"));
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->size(), 5U);
  EXPECT_EQ(bytes->back(), std::byte{'5'});
  EXPECT_EQ(read_file(folder.write("none", ""))->size(), 0U);
  EXPECT_EQ(read_file(folder.file("five"), 5)->size(), 5U);
  EXPECT_EQ(read_file(folder.file("five"), 4).error().message(), folder.file("five") + ": 5 bytes, expected at most 4");
  EXPECT_EQ(read_file(folder.file("six")).error().message(),
            folder.file("six") + ": cannot be opened: No such file or directory");
  EXPECT_EQ(read_file(folder.path()).error().message(), folder.path() + ": not a file, expected a regular file");
  EXPECT_EQ(read_file("/dev/zero").error().message(), "/dev/zero: not a file, expected a regular file");
}

TEST(ReadFile, RefusesAFileThatHoldsMoreThanItSays) {
  const auto bytes = read_file("/proc/self/status");  // regular, and its size is 0
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().message(), "/proc/self/status: changed its size while it was read, expected 0 bytes");
}

TEST(ReadFile, IsOutOfMemoryWithoutReadingAFileThatNoMemoryHolds) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer ends the process where no memory is left";
#endif
  const TemporaryFolder folder;
  const std::string path = folder.write("sparse", "");
  constexpr off_t kSize = off_t{1} << 43U;  // 8 TiB of holes
  if (truncate(path.c_str(), kSize) != 0) GTEST_SKIP() << "this file system has no files of 8 TiB";
  const int code = in_child([&] {
#ifndef __SANITIZE_ADDRESS__  // which reserves far more for itself, and refuses 8 TiB by itself
    const rlimit limit = {std::size_t{1} << 36U, std::size_t{1} << 36U};
    setrlimit(RLIMIT_AS, &limit);
#endif
    const auto bytes = read_file(path);
    return !bytes && bytes.error().code() == StatusCode::kOutOfMemory ? 0 : 1;
  });
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace udnn::base
