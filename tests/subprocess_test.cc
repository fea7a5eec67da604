// Other programs: what they get, what they say, and how their failures read.
#include "src/base/subprocess.h"

#include <filesystem>

#include "src/base/temporary_folder.h"
#include "tests/temporary_folder.h"

namespace udnn::test {
namespace {

using base::run_program;

std::string failure(const std::vector<std::string>& arguments, const std::string& folder = "/") {
  const Status status = run_program(arguments, folder);
  return status.ok() ? "done" : status.message();
}

TEST(Subprocess, RunsInItsFolderWithArgumentsAsTheyAre) {
  const TemporaryFolder folder;
  ASSERT_EQ(failure({"cp", "--", "/dev/null", "a b; $(c) *"}, folder.path()), "done");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"a b; $(c) *"});
}

TEST(Subprocess, SaysHowAProgramFailed) {
  EXPECT_EQ(failure({"false"}), "false: exit code 1");
  EXPECT_EQ(failure({"sh", "-c", "echo first >&2; echo shown; printf 'the last line\\n\\n' >&2; exit 3"}),
            "sh: exit code 3: the last line");
  EXPECT_EQ(failure({"sh", "-c", "kill -9 $$"}), "sh: ended by signal 9");
  EXPECT_EQ(failure({"no-such-program"}), "no-such-program: not installed");
  EXPECT_EQ(failure({"true"}, "/no/such/folder"),
            "true: cannot be started in /no/such/folder: No such file or directory");
  // More than a pipe holds: it is read while the program runs.
  EXPECT_EQ(failure({"sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x >&2; echo >&2; echo end >&2; exit 1"}),
            "sh: exit code 1: end");
}

TEST(Subprocess, GivesAnEmptyStdin) { EXPECT_EQ(failure({"sh", "-c", "test /dev/fd/0 -ef /dev/null"}), "done"); }

TEST(Subprocess, KnowsWhatIsInstalled) {
  EXPECT_TRUE(base::has_program("sh"));
  EXPECT_FALSE(base::has_program("no-such-program"));
}

TEST(TemporaryFolder, GoesWithAllThatIsInIt) {
  const TemporaryFolder parent;
  std::string path;
  {
    auto first = base::TemporaryFolder::create(parent.path());
    ASSERT_TRUE(first) << first.error().message();
    path = first->path();
    std::filesystem::create_directories(path + "/a/b");
    const base::TemporaryFolder moved = std::move(*first);
    EXPECT_EQ(moved.path(), path);
    EXPECT_TRUE(std::filesystem::exists(path + "/a/b"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(base::TemporaryFolder::create("/no/such").error().message(),
            "/no/such: cannot make a temporary folder in it: No such file or directory");
}

}  // namespace
}  // namespace udnn::test
