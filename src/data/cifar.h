// src/data/cifar.h: CIFAR-10 in its binary version.
//
//   data_batch_1.bin ... data_batch_5.bin   training, any number of them from 1 on without a gap
//   test_batch.bin
//   batches.meta.txt                        the names of the classes, one a line; may be absent
//
// A record is a label byte, 0 to 9, and 32 x 32 bytes each of red, green and blue. Here the three stand together: NHWC.
// Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, and the page of the data set.
#pragma once

#include <string>

#include "src/data/samples.h"
#include "udnn/status.h"

namespace udnn::data {

bool has_cifar_files(const std::string& folder);  ///< test_batch.bin, or data_batch_1.bin

/// Without fingerprint. Errors: kInvalidArgument (a missing batch, a gap, a file that is no whole number of records or
/// empty, a label out of range), kIoError, kOutOfMemory.
Result<Dataset> load_cifar(const std::string& folder);

}  // namespace udnn::data
