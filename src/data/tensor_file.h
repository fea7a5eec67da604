// src/data/tensor_file.h: named tensors in the files of others.
//
//   .npz           a zip of .npy; written stored, in the order given, with numpy's own headers
//   .safetensors   8 bytes length, JSON header, data; https://github.com/huggingface/safetensors
//
// Equal tensors give equal bytes: no time, no host, no path in the file. What is written reads back to the same
// tensors.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "src/base/named_tensor.h"
#include "udnn/status.h"

namespace udnn::data {

/// All tensors of the file, in the order of its data (in .safetensors doubles are written first). Reads bool, int and
/// uint of 8 to 64 bits, float of 16, 32 and 64 bits, and in safetensors BF16; .npz members stored or deflated. Errors:
/// kInvalidArgument (another ending, a malformed file: file, offset, found, expected; an integer beyond 2^53),
/// kIoError, kOutOfMemory.
Result<std::vector<base::NamedTensor>> read_tensors(const std::string& path);

/// Errors: kInvalidArgument (another ending, a name twice or empty, values that do not fill the shape, a kF32 value
/// that is no float), kIoError. The file appears whole under its name or not at all.
Status write_tensors(const std::string& path, std::span<const base::NamedTensor> tensors);

}  // namespace udnn::data
