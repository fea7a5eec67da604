// src/data/npy.h: one array as numpy writes it.
//
//   "\x93NUMPY", major, minor, length of the header (2 bytes, from version 2 on 4; little-endian), header, elements
//   header: {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }
//
// The header is read by a grammar, never evaluated: these three keys, each once, in any order; '...' or "..." without
// escapes; numbers of at most 19 digits; blanks between words and behind, at most one comma too many; at most 64 KiB
// and 32 dimensions. Objects, structures, texts, dates and complex numbers are refused, and so is Fortran order beyond
// one dimension. Source: numpy.lib.format, versions 1.0 to 3.0.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "src/base/named_tensor.h"
#include "src/data/byte_stream.h"
#include "src/data/elements.h"
#include "udnn/status.h"

namespace udnn::data {

struct NpyHeader {
  ElementType type;
  std::vector<std::size_t> shape;
  std::size_t count = 1;  ///< product of shape; count x type.bytes is what the stream can still give
};

Result<NpyHeader> read_npy_header(ByteStream& stream);

/// All elements, and the end of the stream. Requires values.size() = header.count. Doubles become floats by rounding
/// once; `finite` refuses what is not, and what a float cannot hold. Errors: kInvalidArgument, with the offset of the
/// element; kIoError.
Status read_npy_values(ByteStream& stream, const NpyHeader& header, std::span<double> values);
Status read_finite_npy_values(ByteStream& stream, const NpyHeader& header, std::span<float> values);

/// The bytes before the elements (little-endian, C order), filled to a multiple of 64 as numpy does.
std::string npy_header(base::TensorType type, std::span<const std::size_t> shape);

}  // namespace udnn::data
