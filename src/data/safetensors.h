// src/data/safetensors.h: tensors behind a JSON header.
//
//   8 bytes    length of the header, little-endian, at most 16 MiB
//   header     {"fc1.weights":{"dtype":"F32","shape":[784,512],"data_offsets":[0,1605632]}, ...}, filled with blanks
//   data       little-endian; the tensors cover it exactly: no gap, no overlap, nothing behind
//
// "__metadata__", texts by name, may be there and is not kept. Source: https://github.com/huggingface/safetensors,
// "Format".
#pragma once

#include <span>
#include <string>
#include <vector>

#include "src/base/named_tensor.h"
#include "udnn/status.h"

namespace udnn::data {

/// In order of their data. `name` begins every refusal. Errors: kInvalidArgument, kOutOfMemory.
Result<std::vector<base::NamedTensor>> read_safetensors(std::span<const std::byte> bytes, const std::string& name);

/// What comes before the data of the tensors, which lie in the order given; a multiple of 8 bytes.
std::string safetensors_header(std::span<const base::NamedTensor> tensors);

}  // namespace udnn::data
