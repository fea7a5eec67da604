// The data sets with a name: the embedded one, the table, how files come to their place, and load() from each kind of
// path.
#include "src/data/registry.h"

#include <fcntl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "src/base/sha256.h"
#include "src/data/digits.h"
#include "src/data/fetch.h"
#include "src/data/load.h"
#include "tests/data_support.h"

namespace udnn::test {
namespace {

namespace fs = std::filesystem;
using data::FileState;
using data::RegisteredFile;
using data::RegisteredSet;
using data::SampleShape;

TEST(Digits, AreThoseOfScikitLearn) {
  std::string csv;
  for (const auto& row : data::kDigitRows) {
    for (std::size_t i = 0; i < data::kDigitPixels; ++i) csv += std::to_string(row[i] - 'a') + ",";
    csv += std::string(1, row[data::kDigitPixels]) + "\n";
  }
  EXPECT_EQ(base::sha256(bytes_of(csv)), "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8");
}

TEST(Digits, EveryFifthRowIsATestRow) {
  const auto dataset = data::load("digits");
  ASSERT_TRUE(dataset) << dataset.error().message();
  EXPECT_EQ(dataset->train.count, 1437);
  EXPECT_EQ(dataset->test.count, 360);
  EXPECT_EQ(dataset->train.shape, (SampleShape{8, 8, 1}));
  EXPECT_EQ(dataset->train.divisor, 16);
  EXPECT_EQ(dataset->classes, 10);
  // The first rows show 0, 1, 2, ...: row 0 is to test, rows 1 to 4 to train.
  EXPECT_EQ(dataset->test.labels[0], 0);
  EXPECT_EQ(Labels(dataset->train.labels.begin(), dataset->train.labels.begin() + 4), (Labels{1, 2, 3, 4}));
  EXPECT_EQ(pixels_of(dataset->test).substr(0, 8), text_of({0, 0, 5, 13, 9, 1, 0, 0}));
}

TEST(Fingerprint, IsTheDigestOfShapesValuesAndLabels) {
  data::Dataset dataset;
  dataset.train = {{1, 2, 1}, 1, std::vector<std::uint8_t>{7, 8}, 255, {3}};
  dataset.test = {{1, 2, 1}, 1, std::vector<float>{1, -2}, 1, {4}};
  const std::string sizes = little(1, 8) + little(2, 8) + little(1, 8) + little(1, 8);
  EXPECT_EQ(data::fingerprint_of(dataset),
            base::sha256(bytes_of(sizes + "b" + little(0x406fe00000000000, 8) + text_of({7, 8}) + little(3, 4) + sizes +
                                  "f" + little(0x3ff0000000000000, 8) + little(0x3f800000, 4) + little(0xc0000000, 4) +
                                  little(4, 4))));
}

TEST(Registry, NamesEachSetOnceAndWhole) {
  std::set<std::string> names;
  for (const RegisteredSet& set : data::registered_sets()) {
    SCOPED_TRACE(set.name);
    EXPECT_TRUE(names.insert(set.name).second);
    EXPECT_EQ(data::find_set(set.name), &set);
    EXPECT_EQ(set.class_names.size(), set.classes);
    for (const RegisteredFile& file : set.files)
      EXPECT_TRUE(file.sha256 == nullptr || std::string_view(file.sha256).size() == 64);
  }
  EXPECT_EQ(names, (std::set<std::string>{"cifar10", "digits", "fashion", "mnist"}));
  EXPECT_EQ(data::find_set("imagenet"), nullptr);
}

/// A python program that serves `folder` on a port of its own choice, as long as the object lives.
class Server {
 public:
  explicit Server(const std::string& folder) {
    constexpr const char* kProgram =
        "import functools, http.server as h, sys\n"
        "class Q(h.SimpleHTTPRequestHandler):\n"
        "  def log_message(self, *a): pass\n"
        "s = h.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Q, directory=sys.argv[1]))\n"
        "print(s.server_port, flush=True)\n"
        "s.serve_forever()\n";
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) return;
    child_ = fork();
    if (child_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      execlp("python3", "python3", "-c", kProgram, folder.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
    close(ends[1]);
    char letter = 0;
    while (read(ends[0], &letter, 1) == 1 && letter != '\n') port_ += letter;
    close(ends[0]);
  }
  ~Server() {
    if (child_ <= 0) return;
    kill(child_, SIGTERM);
    waitpid(child_, nullptr, 0);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string url() const { return "http://127.0.0.1:" + port_; }

 private:
  pid_t child_ = -1;
  std::string port_;
};

class Fetch : public testing::Test {
 protected:
  std::string fetch(const data::FetchOptions& options) {
    log.clear();
    const Status status = data::fetch(set, options, [&](const std::string& line) {
      log.push_back(said({StatusCode::kIoError, line}, root));
    });
    return said(status, root);
  }
  void make_home() const { fs::create_directories(root.file("tiny")); }

  const std::string a = "the first file", b = std::string(1000, 'b');
  const std::string sum_a = base::sha256(bytes_of(a)), sum_b = base::sha256(bytes_of(b));
  const std::array<RegisteredFile, 2> files{{{"a", 14, sum_a.c_str()}, {"b", 1000, sum_b.c_str()}}};
  const RegisteredSet set{"tiny", "", data::SetKind::kIdx, {}, 1, 1, 1, {}, files, {}, ""};
  TemporaryFolder root, elsewhere;
  Names log;
};

TEST_F(Fetch, TakesFilesFromAFolderAndUnpacksThem) {
  elsewhere.write("a.gz", gzipped(a));
  elsewhere.write("b", b);
  EXPECT_EQ(fetch({.data_root = root.path(), .from = elsewhere.path(), .mirror = ""}), "accepted");
  EXPECT_EQ(log, (Names{"a: from " + elsewhere.path(), "b: from " + elsewhere.path()}));
  EXPECT_EQ(root.read("tiny/a"), a);
  EXPECT_EQ(root.read("tiny/b"), b);
  EXPECT_EQ(fetch({.data_root = root.path(), .from = "", .mirror = ""}), "accepted");
  EXPECT_EQ(log, (Names{"tiny: all files are in tiny"}));
}

TEST_F(Fetch, LeavesAloneWhatIsRightAndReplacesWhatIsWrong) {
  make_home();
  root.write("tiny/a", a);
  root.write("tiny/b", std::string(1000, 'x'));
  elsewhere.write("a", "another file.");
  elsewhere.write("b", b);
  const auto before = fs::last_write_time(root.file("tiny/a"));
  EXPECT_EQ(fetch({.data_root = root.path(), .from = elsewhere.path(), .mirror = ""}), "accepted");
  EXPECT_EQ(log, (Names{"tiny/b: sha256 " + base::sha256(bytes_of(std::string(1000, 'x'))) + ", expected " + sum_b,
                        "b: from " + elsewhere.path()}));
  EXPECT_EQ(fs::last_write_time(root.file("tiny/a")), before);
  EXPECT_EQ(root.read("tiny/b"), b);
}

TEST_F(Fetch, UnpacksWhatLiesInItsOwnFolders) {
  make_home();
  root.write("tiny/a.gz", gzipped(a));
  root.write("b", b);
  EXPECT_EQ(fetch({.data_root = root.path(), .from = "", .mirror = ""}), "accepted");
  EXPECT_EQ(root.read("tiny/a"), a);
  EXPECT_EQ(root.read("tiny/b"), b);
}

TEST_F(Fetch, RefusesOtherBytesAndLeavesNothingHalfFetched) {
  elsewhere.write("a", a.substr(1));
  elsewhere.write("a.gz", gzipped(a).substr(0, 20));
  elsewhere.write("b", b + "x");
  EXPECT_EQ(fetch({.data_root = root.path(), .from = elsewhere.path(), .mirror = ""}),
            "tiny: 2 of 2 files could not be had, expected them (or their .gz) in tiny:\n  a  14 bytes, sha256 " +
                sum_a + "\n  b  1000 bytes, sha256 " + sum_b);
  EXPECT_EQ(log, (Names{elsewhere.file("a") + ": 13 bytes, expected 14",
                        elsewhere.file("a.gz") + ": packed offset 20: the compressed data end here, expected more",
                        elsewhere.file("b") + ": more bytes, expected 1000"}));
  EXPECT_TRUE(fs::is_empty(root.file("tiny")));
}

TEST_F(Fetch, DownloadsFromAMirror) {
  elsewhere.write("a.gz", gzipped(a));
  elsewhere.write("b", b);
  const Server server(elsewhere.path());
  EXPECT_EQ(fetch({.data_root = root.path(), .from = "", .mirror = server.url()}), "accepted");
  EXPECT_EQ(log, (Names{"a: from mirror " + server.url(), "b: from mirror " + server.url()}));
  EXPECT_EQ(root.read("tiny/a"), a);
  EXPECT_EQ(root.read("tiny/b"), b);
}

TEST_F(Fetch, KeepsWhatAMirrorHasAndSaysWhatItLacks) {
  elsewhere.write("a", a);
  const Server server(elsewhere.path());
  EXPECT_EQ(
      fetch({.data_root = root.path(), .from = "", .mirror = server.url()}),
      "tiny: 1 of 2 files could not be had, expected them (or their .gz) in tiny:\n  b  1000 bytes, sha256 " + sum_b);
  EXPECT_EQ(log,
            (Names{"mirror " + server.url() + ": curl: exit code 22: curl: (22) The requested URL returned error: 404",
                   "a: from mirror " + server.url()}));
  EXPECT_EQ(root.read("tiny/a"), a);
  EXPECT_FALSE(fs::exists(root.file("tiny/b")));
}

TEST_F(Fetch, KnowsTheStateOfAFile) {
  EXPECT_EQ(data::state_of(files[0], root.path()), FileState::kMissing);
  root.write("a", a.substr(1) + "x");
  EXPECT_EQ(data::state_of(files[0], root.path()), FileState::kWrong);
  root.write("a.gz", gzipped(a));
  EXPECT_EQ(data::state_of(files[0], root.path()), FileState::kRight);
}

class Load : public testing::Test {
 protected:
  Result<data::Dataset> load(const std::string& what) {
    data::LoadOptions options;
    options.data_root = folder.path();
    options.limit = limit;
    return data::load(what, options);
  }
  std::string put(const std::string& name, const std::string& bytes) {
    fs::create_directories(fs::path(folder.file(name)).parent_path());
    return folder.write(name, bytes);
  }

  TemporaryFolder folder;
  std::optional<std::size_t> limit;
};

TEST_F(Load, KnowsEveryKindOfFolderAndFile) {
  put("fashion/train-images-idx3-ubyte", idx_images(2, 1, 1, "ab"));
  put("fashion/train-labels-idx1-ubyte", idx_labels(text_of({3, 4})));
  put("fashion/t10k-images-idx3-ubyte", idx_images(1, 1, 1, "c"));
  put("fashion/t10k-labels-idx1-ubyte.gz", gzipped(idx_labels(text_of({5}))));
  const auto fashion = load("fashion");
  ASSERT_TRUE(fashion) << fashion.error().message();
  EXPECT_EQ(fashion->name, "fashion");
  EXPECT_EQ(fashion->class_names[3], "dress");
  EXPECT_EQ(fashion->fingerprint, data::fingerprint_of(*fashion));
  const auto same = load(folder.file("fashion/"));
  ASSERT_TRUE(same) << same.error().message();
  EXPECT_EQ(same->class_names[3], "3");
  EXPECT_EQ(same->fingerprint, fashion->fingerprint);

  put("table/train.csv", "1,a\n2,b\n");
  put("table/test.csv", "3,b\n");
  EXPECT_EQ(load(folder.file("table"))->test.labels, (Labels{1}));
  put("pictures/cat/1.png", png(1, 1, "a"));
  put("pictures/cat/2.png", png(1, 1, "b"));
  EXPECT_EQ(load(folder.file("pictures"))->test.count, 1);
  put("data/rows.csv", "1,a\n2,b\n3,a\n4,b\n5,a\n");
  const auto rows = load(folder.file("data/rows.csv"));
  EXPECT_EQ(rows->name, "rows.csv");
  EXPECT_EQ(rows->train.count + rows->test.count, 5);
  put("a.npz", zip({{"x.npy", npy("|u1", "(2, 1)", "ab")}, {"y.npy", npy("|u1", "(2,)", text_of({0, 1}))}}));
  EXPECT_EQ(load(folder.file("a.npz"))->train.count, 1);
}

TEST_F(Load, KeepsTheFirstSamplesOfEachPart) {
  limit = 100;
  const auto all = data::load("digits");
  const auto some = load("digits");
  EXPECT_EQ(some->train.count, 100);
  EXPECT_EQ(some->train.labels.size(), 100);
  EXPECT_EQ(pixels_of(some->train), pixels_of(all->train).substr(0, 6400));
  EXPECT_EQ(some->test.count, 100);
  EXPECT_NE(some->fingerprint, all->fingerprint);
  limit = 0;
  EXPECT_EQ(said(load("digits"), folder), "digits: limit 0, expected at least 1 sample");
}

TEST_F(Load, SaysWhatItCannotFind) {
  EXPECT_EQ(said(load("mnist"), folder),
            "mnist: not there, expected train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, "
            "t10k-labels-idx1-ubyte in mnist; get it with: udnn data get mnist");
  EXPECT_EQ(said(load("mnits"), folder),
            "mnits: no data set of this name, no file and no folder, did you mean 'mnist'?");
  put("a.txt", "1,2\n");
  EXPECT_EQ(said(load(folder.file("a.txt")), folder),
            "a.txt: no kind of data file, expected a name in .csv or .npz, or a folder");
  fs::create_directory(folder.file("empty"));
  EXPECT_EQ(
      said(load(folder.file("empty")), folder),
      "empty: a folder without data, expected IDX files, CIFAR-10 batches, train.csv, or a folder of pictures for "
      "each class");
}

TEST_F(Load, LooksWhereTheEnvironmentSays) {
  setenv("UDNN_DATA", "/some/where", 1);
  EXPECT_EQ(data::LoadOptions::default_data_root(), "/some/where");
  unsetenv("UDNN_DATA");
  setenv("HOME", "/home/somebody", 1);
  EXPECT_EQ(data::LoadOptions::default_data_root(), "/home/somebody/.cache/udnn");
}

}  // namespace
}  // namespace udnn::test
