// src/data/load.h: from a name or a path to a data set in memory.
//
//   mnist fashion digits cifar10     a registered name: $UDNN_DATA/NAME, then where its package installs it
//   FOLDER                           IDX files under their usual names, plain or .gz
//                                    CIFAR-10 batches (data_batch_*.bin, test_batch.bin)
//                                    train.csv, or train.csv and test.csv
//                                    train/CLASS/*.png and test/CLASS/*.png, or CLASS/*.png (also .jpg, .jpeg)
//   FILE.csv  FILE.npz               x_train y_train x_test y_test, or x y, inside an npz
//
// A folder is taken for the first of these kinds that fits. Data without a test part of their own are split (see
// split.h); data with one keep it, and test_fraction is not used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "src/data/samples.h"
#include "udnn/status.h"

namespace udnn::data {

struct LoadOptions {
  std::string data_root = default_data_root();
  double test_fraction = 0.2;             ///< above 0, below 1; of data that come without a test part
  std::uint64_t seed = 0;                 ///< which rows those are
  std::string csv_label = {};             ///< name of the column of labels; empty: the last one
  std::optional<std::size_t> limit = {};  ///< at most so many samples of each part, the first ones; at least 1

  static std::string default_data_root();  ///< $UDNN_DATA, else $HOME/.cache/udnn
};

/// Errors: kInvalidArgument (an unknown name, a path of no known kind, a file that is not what its name says: one line
/// with file, offset, what was found, what was expected), kIoError, kOutOfMemory. Memory: the data set itself and at
/// most one file of it. Floats that are not finite are refused.
Result<Dataset> load(const std::string& name_or_path, const LoadOptions& options = {});

}  // namespace udnn::data
