#include "src/data/idx.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#include "src/base/byte_reader.h"
#include "src/base/checked.h"
#include "src/data/allocate.h"
#include "src/data/byte_stream.h"

namespace udnn::data {

namespace {

constexpr std::uint32_t kImagesMagic = 2051;
constexpr std::uint32_t kLabelsMagic = 2049;

/// The numbers of a header: magic, then sizes[...]. Moves `stream` behind them.
template <std::size_t kSizes>
Result<std::array<std::size_t, kSizes>> read_header(ByteStream& stream, std::uint32_t magic, const char* what) {
  std::array<std::byte, 4 * (1 + kSizes)> bytes{};
  if (Status status = stream.read(bytes, "header"); !status.ok()) return status;
  base::ByteReader reader(bytes, stream.name());
  const auto found = reader.big<std::uint32_t>("magic number");
  if (!found) return found.error();
  if (*found != magic) return reader.refuse(0, "magic number {}, expected {} ({})", *found, magic, what);
  std::array<std::size_t, kSizes> sizes{};
  for (std::size_t& size : sizes) {
    const auto read = reader.big<std::uint32_t>("size");
    if (!read) return read.error();
    size = *read;
    if (size == 0) return reader.refuse(reader.offset() - 4, "size 0, expected at least 1");
  }
  return sizes;
}

/// The rest of the file: exactly `bytes` of them.
Result<std::vector<std::uint8_t>> read_rest(ByteStream& stream, std::size_t bytes, const char* field) {
  if (stream.knows_size() ? bytes != stream.at_most() : bytes > stream.at_most())
    return base::invalid("{}: offset {}: {}{} bytes left, expected {} ({})", stream.name(), stream.offset(),
                         stream.knows_size() ? "" : "at most ", stream.at_most(), bytes, field);
  auto values = allocate<std::uint8_t>(bytes, stream.name());
  if (!values) return values;
  if (Status status = stream.read(std::as_writable_bytes(std::span(*values)), field); !status.ok()) return status;
  if (Status status = stream.expect_end(); !status.ok()) return status;
  return values;
}

/// FOLDER/NAME or FOLDER/NAME.gz, in one of the two spellings of the name; empty where there is none.
std::string find_file(const std::string& folder, const std::string& stem, const std::string& dimensions) {
  std::error_code ignored;
  for (const char* separator : {"-", "."})
    for (const char* ending : {"", ".gz"}) {
      std::string path = fmt::format("{}/{}{}{}-ubyte{}", folder, stem, separator, dimensions, ending);
      if (std::filesystem::exists(path, ignored)) return path;
    }
  return {};
}

}  // namespace

Result<Samples> read_idx_images(const std::string& path) {
  auto stream = ByteStream::open(path);
  if (!stream) return stream.error();
  const auto sizes = read_header<3>(*stream, kImagesMagic, "images: bytes in three dimensions");
  if (!sizes) return sizes.error();
  const auto [count, rows, columns] = *sizes;
  const auto bytes = base::checked_product(std::span<const std::size_t>(*sizes));
  if (!bytes)
    return base::invalid("{}: offset 4: {} x {} x {} pixels, expected fewer than 2^64", path, count, rows, columns);

  auto values = read_rest(*stream, *bytes, "pixels");
  if (!values) return values.error();
  return Samples{{rows, columns, 1}, count, std::move(*values), 255, {}};
}

Result<std::vector<std::uint32_t>> read_idx_labels(const std::string& path, std::size_t count, std::size_t classes) {
  auto stream = ByteStream::open(path);
  if (!stream) return stream.error();
  const auto sizes = read_header<1>(*stream, kLabelsMagic, "labels: bytes in one dimension");
  if (!sizes) return sizes.error();
  const auto bytes = read_rest(*stream, sizes->front(), "labels");
  if (!bytes) return bytes.error();
  if (sizes->front() != count)
    return base::invalid("{}: offset 4: {} labels, expected {}, one for each image", path, sizes->front(), count);

  const auto wrong = std::find_if(bytes->begin(), bytes->end(), [&](std::uint8_t label) { return label >= classes; });
  if (wrong != bytes->end())
    return base::invalid("{}: offset {}: label {}, expected 0 to {}", path, 8 + (wrong - bytes->begin()), *wrong,
                         classes - 1);
  return std::vector<std::uint32_t>(bytes->begin(), bytes->end());
}

Result<std::optional<IdxFiles>> find_idx_files(const std::string& folder) {
  IdxFiles files;
  struct Wanted {
    std::string& path;
    const char* stem;
    const char* dimensions;
  };
  const std::array<Wanted, 4> wanted{{{files.train_images, "train-images", "idx3"},
                                      {files.train_labels, "train-labels", "idx1"},
                                      {files.test_images, "t10k-images", "idx3"},
                                      {files.test_labels, "t10k-labels", "idx1"}}};
  for (const auto& [path, stem, dimensions] : wanted) path = find_file(folder, stem, dimensions);
  if (std::all_of(wanted.begin(), wanted.end(), [](const Wanted& file) { return file.path.empty(); }))
    return std::optional<IdxFiles>();
  for (const auto& [path, stem, dimensions] : wanted)
    if (path.empty())
      return base::invalid("{}: {}-{}-ubyte is not there, expected it (or its .gz) beside the other IDX files", folder,
                           stem, dimensions);
  return std::optional(files);
}

Result<Dataset> load_idx(const IdxFiles& files) {
  Dataset dataset;
  dataset.classes = kIdxClasses;
  for (std::size_t label = 0; label < kIdxClasses; ++label) dataset.class_names.push_back(std::to_string(label));
  struct Part {
    Samples& samples;
    const std::string& images;
    const std::string& labels;
  };
  const std::array<Part, 2> parts{
      {{dataset.train, files.train_images, files.train_labels}, {dataset.test, files.test_images, files.test_labels}}};
  for (const auto& [samples, images_path, labels_path] : parts) {
    auto images = read_idx_images(images_path);
    if (!images) return images.error();
    auto labels = read_idx_labels(labels_path, images->count, kIdxClasses);
    if (!labels) return labels.error();
    samples = std::move(*images);
    samples.labels = std::move(*labels);
  }
  const auto& [train, test] = std::pair(dataset.train.shape, dataset.test.shape);
  if (train != test)
    return base::invalid("{}: offset 8: images of {} x {}, expected {} x {} as in {}", files.test_images, test.height,
                         test.width, train.height, train.width, files.train_images);
  return dataset;
}

}  // namespace udnn::data
