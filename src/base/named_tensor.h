// src/base/named_tensor.h: a tensor on its way into a file or out of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace udnn::base {

/// How the values of a tensor are stored. Reading any type gives doubles; integers above 2^53 are refused, not rounded.
enum class TensorType : std::uint8_t { kF32, kF64 };

/// values is row-major (the last index runs fastest) and holds the product of shape; no shape at all is one value, a
/// zero in it is none. With kF32 every value must be a float exactly: whoever writes has rounded before.
struct NamedTensor {
  std::string name;
  std::vector<std::size_t> shape;
  std::vector<double> values;
  TensorType type = TensorType::kF32;  ///< to write; readers set kF64 where the file holds more than a float can

  bool operator==(const NamedTensor&) const = default;
};

}  // namespace udnn::base
