// perf/peers/shapes.h: the products worth comparing.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "perf/peers/product.h"

namespace udnn::peers {

struct ShapeGroup {
  std::string_view name;
  std::string_view what;
  std::vector<Shape> shapes;
};

const std::vector<ShapeGroup>& all_shape_groups();

/// Every shape once, in the order of the groups.
std::vector<Shape> all_shapes();

/// "squares,64x512x784": names of groups and shapes of 1 to 16384 on each side and at most 2^36 multiply-adds.
/// Errors: kInvalidArgument.
Result<std::vector<Shape>> parse_shapes(const std::string& text);

/// Rows fall into two kinds, each with a mean of its own.
bool is_large(const Shape& shape) noexcept;  ///< all dimensions >= 64

}  // namespace udnn::peers
