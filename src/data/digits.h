// src/data/digits.h: the data set that is always there, because it is part of the program.
//
// 1797 pictures of handwritten digits, 8 x 8 x 1, values 0 to 16 (pixels set in a 4 x 4 block of the scan). Row i of
// scikit-learn's digits.csv is a test row when i mod 5 = 0: 1437 to train, 360 to test.
// Source and licence: digits_values.cc.
#pragma once

#include <cstddef>

#include "src/data/samples.h"

namespace udnn::data {

constexpr std::size_t kDigitCount = 1797;
constexpr std::size_t kDigitPixels = 64;

/// 64 letters, 'a' + value, then the label's digit and a zero byte.
extern const char kDigitRows[kDigitCount][kDigitPixels + 2];

Dataset digits();

}  // namespace udnn::data
