#include "src/data/npz.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "src/base/file.h"
#include "src/base/refusal.h"
#include "src/data/allocate.h"
#include "src/data/npy.h"
#include "src/data/zip.h"

namespace udnn::data {

namespace {

constexpr std::size_t kMostClasses = std::size_t{1} << 16U;

const ZipMember* find(const std::vector<ZipMember>& members, const std::string& array) {
  const auto found = std::find_if(members.begin(), members.end(), [&](auto& m) { return m.name == array + ".npy"; });
  return found == members.end() ? nullptr : &*found;
}

std::string place(const std::string& path, const std::string& array) { return fmt::format("{}: {}", path, array); }

/// Samples without labels.
Result<Samples> read_x(const ZipMember& member, const std::string& name) {
  auto stream = ByteStream::open(member.content, name);
  if (!stream) return stream.error();
  const auto header = read_npy_header(*stream);
  if (!header) return header.error();
  const std::vector<std::size_t>& shape = header->shape;
  const std::string text = fmt::format("{}", fmt::join(shape, " x "));
  if (shape.size() < 2 || shape.size() > 4 || header->count == 0)
    return base::invalid("{}: shape {}, expected samples x features, x height x width, or x height x width x channels",
                         name, shape.empty() ? "()" : text);
  Samples samples;
  samples.count = shape[0];
  if (shape.size() == 2)
    samples.shape = {1, 1, shape[1]};
  else
    samples.shape = {shape[1], shape[2], shape.size() == 4 ? shape[3] : 1};

  if (header->type.kind == ElementKind::kUnsigned && header->type.bytes == 1) {
    auto values = allocate<std::uint8_t>(header->count, name);
    if (!values) return values.error();
    if (Status s = stream->read(std::as_writable_bytes(std::span(*values)), "elements"); !s.ok()) return s;
    if (Status s = stream->expect_end(); !s.ok()) return s;
    samples.values = std::move(*values);
    samples.divisor = 255;
    return samples;
  }
  auto values = allocate<float>(header->count, name);
  if (!values) return values.error();
  if (Status s = read_finite_npy_values(*stream, *header, *values); !s.ok()) return s;
  samples.values = std::move(*values);
  return samples;
}

Result<std::vector<std::uint32_t>> read_y(const ZipMember& member, const std::string& name, std::size_t count,
                                          std::size_t classes) {
  auto stream = ByteStream::open(member.content, name);
  if (!stream) return stream.error();
  const auto header = read_npy_header(*stream);
  if (!header) return header.error();
  const std::vector<std::size_t>& shape = header->shape;
  if (shape.empty() || shape[0] != header->count || shape.size() > 2)
    return base::invalid("{}: shape {}, expected one label for each sample", name,
                         shape.empty() ? "()" : fmt::format("{}", fmt::join(shape, " x ")));
  if (header->count != count)
    return base::invalid("{}: {} labels, expected {}, one for each sample", name, header->count, count);
  auto values = allocate<double>(count, name);
  if (!values) return values.error();
  if (Status status = read_npy_values(*stream, *header, *values); !status.ok()) return status;
  std::vector<std::uint32_t> labels;
  labels.reserve(count);
  for (const double value : *values) {
    if (!(value >= 0 && value < static_cast<double>(classes)) || value != std::floor(value))
      return base::invalid("{}[{}]: label {}, expected 0 to {}", name, labels.size(), value, classes - 1);
    labels.push_back(static_cast<std::uint32_t>(value));
  }
  return labels;
}

}  // namespace

Result<Dataset> load_npz(const std::string& path) {
  const auto bytes = base::read_file(path);
  if (!bytes) return bytes.error();
  const auto members = read_zip(*bytes, path);
  if (!members) return members.error();

  const bool in_parts = find(*members, "x_train") != nullptr;
  Dataset dataset;
  struct Part {
    Samples& samples;
    std::string x, y;
  };
  std::vector<Part> parts;
  if (in_parts) {
    parts.push_back({dataset.train, "x_train", "y_train"});
    parts.push_back({dataset.test, "x_test", "y_test"});
  } else {
    parts.push_back({dataset.train, "x", "y"});
  }
  for (const auto& [samples, x, y] : parts)
    for (const std::string& array : {x, y})
      if (find(*members, array) == nullptr)
        return base::invalid("{}: no array {}, expected x_train, y_train, x_test and y_test, or x and y", path, array);

  std::size_t classes = kMostClasses;
  for (const auto& [samples, x, y] : parts) {
    auto read = read_x(*find(*members, x), place(path, x));
    if (!read) return read.error();
    auto labels = read_y(*find(*members, y), place(path, y), read->count, classes);
    if (!labels) return labels.error();
    if (&samples == &dataset.train) classes = *std::max_element(labels->begin(), labels->end()) + std::size_t{1};
    samples = std::move(*read);
    samples.labels = std::move(*labels);
  }
  const Samples &train = dataset.train, &test = dataset.test;
  const bool same_kind = train.shape == test.shape && train.values.index() == test.values.index();
  if (in_parts && !same_kind)
    return base::invalid("{}: x_test is {} x {} x {} of {}, expected {} x {} x {} of {} as x_train", path,
                         test.shape.height, test.shape.width, test.shape.channels,
                         test.bytes() != nullptr ? "bytes" : "floats", train.shape.height, train.shape.width,
                         train.shape.channels, train.bytes() != nullptr ? "bytes" : "floats");
  dataset.classes = classes;
  for (std::size_t label = 0; label < classes; ++label) dataset.class_names.push_back(std::to_string(label));
  return dataset;
}

}  // namespace udnn::data
