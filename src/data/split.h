// src/data/split.h: a test part for data that came without one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "src/data/samples.h"
#include "udnn/status.h"

namespace udnn::data {

/// The rows that become the test part, ascending. Within each class, of its rows in order of the file, row i is a test
/// row when
///
///   floor((i + u + 1) f) > floor((i + u) f),   f = test_fraction,   u = (class + seed) mod ceil(1 / f)
///
/// so every class gives the same share to within one row, rows that came in groups are spread, and nothing is drawn.
/// Both parts hold a row: where the rule gives all rows or none, the first (the last) one is excepted.
/// Requires 0 < test_fraction < 1 and at least two labels.
std::vector<std::uint32_t> test_rows(std::span<const std::uint32_t> labels, double test_fraction, std::uint64_t seed);

/// Moves the test rows of dataset.train into dataset.test. Errors: kInvalidArgument (a single row, a fraction out of
/// range), beginning with dataset.name; kOutOfMemory.
Status split(Dataset& dataset, double test_fraction, std::uint64_t seed);

/// Keeps the first `count` samples; fewer are all kept.
void truncate(Samples& samples, std::size_t count);

}  // namespace udnn::data
