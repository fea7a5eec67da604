#include "src/data/cifar.h"

#include <array>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "src/base/file.h"
#include "src/base/refusal.h"
#include "src/data/allocate.h"
#include "src/data/byte_stream.h"

namespace udnn::data {

namespace {

constexpr std::size_t kSide = 32;
constexpr std::size_t kPixels = kSide * kSide;
constexpr std::size_t kColours = 3;
constexpr std::size_t kRecordBytes = 1 + kPixels * kColours;
constexpr std::size_t kClasses = 10;
constexpr std::array<const char*, kClasses> kNames{"airplane", "automobile", "bird",  "cat",  "deer",
                                                   "dog",      "frog",       "horse", "ship", "truck"};

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

/// Appends the records of all files. Their sizes are known, so that room is made once.
Status read_batches(const std::vector<std::string>& paths, Samples& samples) {
  std::vector<ByteStream> streams;
  std::size_t records = 0;
  for (const std::string& path : paths) {
    auto stream = ByteStream::open(path);
    if (!stream) return stream.error();
    const std::uint64_t bytes = stream->at_most();
    if (!stream->knows_size()) return base::invalid("{}: gzip data, expected it unpacked", path);
    if (bytes == 0 || bytes % kRecordBytes != 0)
      return base::invalid("{}: {} bytes, expected a multiple of {} (a label, 32 x 32 red, green, blue)", path, bytes,
                           kRecordBytes);
    records += bytes / kRecordBytes;
    streams.push_back(std::move(*stream));
  }
  auto values = allocate<std::uint8_t>(records * kPixels * kColours, paths.front());
  if (!values) return values.error();
  samples = {{kSide, kSide, kColours}, records, {}, 255, {}};
  samples.labels.reserve(records);

  std::array<std::uint8_t, kRecordBytes> record{};
  auto to = values->begin();
  for (ByteStream& stream : streams) {
    for (std::uint64_t left = stream.at_most() / kRecordBytes; left > 0; --left) {
      const std::uint64_t begin = stream.offset();
      if (Status status = stream.read(std::as_writable_bytes(std::span(record)), "record"); !status.ok()) return status;
      if (record[0] >= kClasses)
        return base::invalid("{}: offset {}: label {}, expected 0 to 9", stream.name(), begin, record[0]);
      samples.labels.push_back(record[0]);
      for (std::size_t pixel = 0; pixel < kPixels; ++pixel)
        for (std::size_t colour = 0; colour < kColours; ++colour) *to++ = record[1 + colour * kPixels + pixel];
    }
    if (Status status = stream.expect_end(); !status.ok()) return status;
  }
  samples.values = std::move(*values);
  return {};
}

/// The lines of batches.meta.txt that are not empty: one for each class.
Result<std::vector<std::string>> read_names(const std::string& path) {
  constexpr std::uint64_t kMostBytes = 4096;
  const auto bytes = base::read_file(path, kMostBytes);
  if (!bytes) return bytes.error();
  std::vector<std::string> names(1);
  for (const std::byte byte : *bytes) {
    const char letter = static_cast<char>(byte);
    if (letter == '\n' && !names.back().empty())
      names.emplace_back();
    else if (letter != '\n' && letter != '\r')
      names.back() += letter;
  }
  if (names.back().empty()) names.pop_back();
  if (names.size() != kClasses)
    return base::invalid("{}: {} names, expected {}, one for each class", path, names.size(), kClasses);
  return names;
}

}  // namespace

bool has_cifar_files(const std::string& folder) {
  return exists(folder + "/test_batch.bin") || exists(folder + "/data_batch_1.bin");
}

Result<Dataset> load_cifar(const std::string& folder) {
  constexpr int kMostBatches = 5;
  std::vector<std::string> batches;
  for (int batch = 1; batch <= kMostBatches; ++batch) {
    const std::string path = fmt::format("{}/data_batch_{}.bin", folder, batch);
    if (!exists(path)) continue;
    if (batches.size() + 1 != static_cast<std::size_t>(batch))
      return base::invalid("{}: data_batch_{}.bin is not there, expected it before data_batch_{}.bin", folder,
                           batches.size() + 1, batch);
    batches.push_back(path);
  }
  if (batches.empty()) return base::invalid("{}: data_batch_1.bin is not there, expected it", folder);
  if (!exists(folder + "/test_batch.bin"))
    return base::invalid("{}: test_batch.bin is not there, expected it beside data_batch_1.bin", folder);

  Dataset dataset;
  dataset.classes = kClasses;
  dataset.class_names.assign(kNames.begin(), kNames.end());
  if (const std::string path = folder + "/batches.meta.txt"; exists(path)) {
    auto names = read_names(path);
    if (!names) return names.error();
    dataset.class_names = std::move(*names);
  }
  if (Status status = read_batches(batches, dataset.train); !status.ok()) return status;
  if (Status status = read_batches({folder + "/test_batch.bin"}, dataset.test); !status.ok()) return status;
  return dataset;
}

}  // namespace udnn::data
