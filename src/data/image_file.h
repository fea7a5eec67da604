// src/data/image_file.h: one PNG or JPEG file. The door to stb_image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "src/data/samples.h"
#include "udnn/status.h"

namespace udnn::data {

struct Image {
  SampleShape shape;
  std::vector<std::uint8_t> values;  ///< [height, width, channels], 0 to 255
};

/// Grey pictures have one channel, colour ones three, alpha is dropped, 16 bits become 8; with `channels` 1 or 3 the
/// picture is converted. The size in the header is checked before anything is decoded: at most 2^26 pixels, and no more
/// than 2048 bytes of pixels for each byte of the file. Errors: kInvalidArgument (neither PNG nor JPEG, damaged, too
/// large), kIoError, kOutOfMemory. Any thread may call it.
Result<Image> read_image(const std::string& path, std::size_t channels = 0);

}  // namespace udnn::data
