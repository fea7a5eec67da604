// src/data/idx.h: the files in which MNIST came, plain or gzip.
//
//   images   2051, count, rows, columns    four 32-bit big-endian numbers, then count x rows x columns bytes
//   labels   2049, count                   two of them, then count bytes
//
// Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", "File formats".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/data/samples.h"
#include "udnn/status.h"

namespace udnn::data {

/// How many classes files under these names have: MNIST and all that took its place.
constexpr std::size_t kIdxClasses = 10;

/// Images without labels: shape rows x columns x 1, divisor 255.
/// Errors: kInvalidArgument (another magic number, no image, no pixel, more or fewer bytes than the header says,
/// damaged gzip data), kIoError, kOutOfMemory.
Result<Samples> read_idx_images(const std::string& path);

/// Exactly `count` labels, each below `classes`. Errors as above:
///   train-labels-idx1-ubyte: offset 8: label 11, expected 0 to 9
Result<std::vector<std::uint32_t>> read_idx_labels(const std::string& path, std::size_t count, std::size_t classes);

/// Where in `folder` each of the four files lies: train images and labels, test images and labels; as NAME or NAME.gz,
/// with
/// `-idx3-` or `.idx3-` in the name.
struct IdxFiles {
  std::string train_images, train_labels, test_images, test_labels;
};

/// nullopt where none of the four is there. Errors: kInvalidArgument (some are, but not all).
Result<std::optional<IdxFiles>> find_idx_files(const std::string& folder);

/// Without fingerprint. Errors: as above, and test images of another size.
Result<Dataset> load_idx(const IdxFiles& files);

}  // namespace udnn::data
