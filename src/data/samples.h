// src/data/samples.h: a data set as the trainer sees it.
//
//   sample i    values[i * shape.size() ...], NHWC: rows, then columns, then channels
//   x[i, j]     value / divisor: 255 takes the bytes of an image to 0 .. 1, 16 those of `digits`
//   label i     below classes
//
// Bytes stay bytes: MNIST is 55 MB here and would be 220 MB as floats. A data set is a value without any reference to
// the file it came from; any number of threads may read it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace udnn::data {

/// Height, width and channels of one sample; a row of a table is 1 x 1 x its columns.
struct SampleShape {
  std::size_t height = 1;
  std::size_t width = 1;
  std::size_t channels = 1;

  std::size_t size() const noexcept { return height * width * channels; }  ///< readers have checked that it fits
  bool operator==(const SampleShape&) const = default;
};

struct Samples {
  SampleShape shape;
  std::size_t count = 0;
  std::variant<std::vector<std::uint8_t>, std::vector<float>> values;  ///< [count, height, width, channels]
  double divisor = 1;                                                  ///< the network sees value / divisor
  std::vector<std::uint32_t> labels;                                   ///< [count]

  /// The bytes, or null where the values are floats; and the other way round.
  const std::uint8_t* bytes() const noexcept {
    const auto* held = std::get_if<std::vector<std::uint8_t>>(&values);
    return held == nullptr ? nullptr : held->data();
  }
  const float* floats() const noexcept {
    const auto* held = std::get_if<std::vector<float>>(&values);
    return held == nullptr ? nullptr : held->data();
  }
};

struct Dataset {
  std::string name;  ///< the registered name, or the last part of the path
  Samples train;     ///< both splits hold at least one sample, of one shape, one type and one divisor
  Samples test;
  std::vector<std::string> class_names;  ///< [classes]
  std::size_t classes = 0;
  std::string fingerprint;  ///< 64 hexadecimal digits; see fingerprint_of()
};

/// SHA-256 over what training depends on: for train, then test: height, width, channels, count (64-bit little-endian),
/// 'b' or 'f', divisor (a double's bits, little-endian), the values, the labels (32-bit little-endian).
/// Neither names nor paths nor the kind of file show in it.
std::string fingerprint_of(const Dataset& dataset);

}  // namespace udnn::data
