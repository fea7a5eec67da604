// src/data/npz.h: a data set in a file of numpy arrays.
//
//   x_train y_train x_test y_test    as Keras' files, or
//   x y                              which the caller splits
//
//   x   [n, features], [n, height, width] or [n, height, width, channels]
//   y   [n] or [n, 1]: integers (floats too, where they are integers), 0 to classes - 1, classes = the largest of
//       y_train, or y, and one
//
// uint8 stays bytes, divisor 255; bool, other integers and floats become floats, divisor 1, rounded once. Other arrays
// in the file are not looked at.
#pragma once

#include <string>

#include "src/data/samples.h"
#include "udnn/status.h"

namespace udnn::data {

/// Without fingerprint; dataset.test is empty where the file holds x and y.
/// Errors: kInvalidArgument (the arrays, their shapes, a value or label out of range; zip.h, npy.h), kIoError,
/// kOutOfMemory.
Result<Dataset> load_npz(const std::string& path);

}  // namespace udnn::data
