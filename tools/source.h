// tools/source.h: from a data set to what the network reads. The data room and the network do not know one another; the
// tools know both.
#pragma once

#include "src/data/samples.h"
#include "src/network/batch.h"
#include "src/network/description.h"

namespace udnn::tools {

/// Borrows the values and labels of `samples`.
inline network::SampleSource source_of(const data::Samples& samples) {
  return {.bytes = samples.bytes(),
          .floats = samples.floats(),
          .divisor = samples.divisor,
          .size = samples.shape.size(),
          .count = samples.count,
          .labels = samples.labels.data()};
}

inline network::Shape shape_of(const data::SampleShape& shape) {
  return {.height = shape.height, .width = shape.width, .channels = shape.channels};
}

}  // namespace udnn::tools
