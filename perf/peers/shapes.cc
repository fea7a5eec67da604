#include "perf/peers/shapes.h"

#include <algorithm>
#include <charconv>

#include "src/base/refusal.h"

namespace udnn::peers {

namespace {

constexpr std::size_t kMostSide = 16384;
constexpr double kMostWork = 68719476736.0;  // 2^36 multiply-adds

/// The three products of a fully connected layer: y = x w, dx = dy w^T, dw = x^T dy.
void add_layer(std::vector<Shape>& shapes, std::size_t batch, std::size_t inputs, std::size_t outputs, bool first) {
  shapes.push_back({batch, outputs, inputs});
  if (!first) shapes.push_back({batch, inputs, outputs});
  shapes.push_back({inputs, outputs, batch});
}

std::vector<ShapeGroup> make_groups() {
  std::vector<Shape> squares, mlp, lenet;
  for (std::size_t side = 8; side <= 2048; side *= 2) squares.push_back({side, side, side});
  for (const std::size_t batch : {std::size_t{64}, std::size_t{128}}) {
    add_layer(mlp, batch, 784, 512, true);
    add_layer(mlp, batch, 512, 512, false);
    add_layer(mlp, batch, 512, 10, false);
  }
  // One image of each convolution, with pixels and with channels as rows; their gradients for weights and data.
  lenet = {{576, 6, 25}, {6, 576, 25}, {25, 6, 784}, {100, 16, 150}, {16, 64, 150}, {150, 16, 100}, {100, 150, 16}};
  for (const std::size_t batch : {std::size_t{64}, std::size_t{128}}) {
    add_layer(lenet, batch, 400, 120, false);
    add_layer(lenet, batch, 120, 84, false);
    add_layer(lenet, batch, 84, 10, false);
  }
  return {
      {"squares", "8^3 to 2048^3", squares},
      {"mlp", "784-512-512-10, batch 64 and 128: forward, data and weight gradients", mlp},
      {"lenet", "its convolutions image by image, 400-120-84-10 at batch 64 and 128", lenet},
      {"batch1", "one row", {{1, 512, 784}, {1, 512, 512}, {1, 10, 512}, {1, 120, 400}, {1, 1024, 1024}}},
      {"tall",
       "rows and columns far apart",
       {{256, 1024, 256}, {4096, 64, 64}, {64, 4096, 64}, {2048, 128, 256}, {64, 64, 4096}}},
      {"skinny", "few columns", {{128, 10, 512}, {512, 6, 64}, {1024, 10, 256}, {4096, 6, 25}, {8, 1024, 1024}}},
      {"odd",
       "sides that no tile divides",
       {{7, 13, 17}, {31, 33, 35}, {65, 127, 63}, {100, 100, 100}, {129, 257, 511}, {333, 333, 333}, {999, 1001, 997}}},
  };
}

void add_new(std::vector<Shape>& shapes, const Shape& shape) {
  if (std::find(shapes.begin(), shapes.end(), shape) == shapes.end()) shapes.push_back(shape);
}

Result<Shape> parse_shape(std::string_view word) {
  std::size_t sides[3] = {};
  const char* at = word.data();
  const char* const end = word.data() + word.size();
  for (std::size_t i = 0; i < 3; ++i) {
    if (i > 0 && (at == end || *at++ != 'x')) return base::invalid("");
    const auto [rest, error] = std::from_chars(at, end, sides[i]);
    if (error != std::errc() || sides[i] < 1 || sides[i] > kMostSide) return base::invalid("");
    at = rest;
  }
  const Shape shape = {sides[0], sides[1], sides[2]};
  if (at != end || shape.multiply_adds() > kMostWork) return base::invalid("");
  return shape;
}

}  // namespace

const std::vector<ShapeGroup>& all_shape_groups() {
  static const std::vector<ShapeGroup> groups = make_groups();
  return groups;
}

std::vector<Shape> all_shapes() {
  std::vector<Shape> shapes;
  for (const ShapeGroup& group : all_shape_groups())
    for (const Shape& shape : group.shapes) add_new(shapes, shape);
  return shapes;
}

Result<std::vector<Shape>> parse_shapes(const std::string& text) {
  std::vector<Shape> shapes;
  std::string_view names = text;
  while (true) {
    const std::size_t comma = names.find(',');
    const std::string_view word = names.substr(0, comma);
    const auto& groups = all_shape_groups();
    const auto group = std::find_if(groups.begin(), groups.end(),
                                    [word](const ShapeGroup& candidate) { return candidate.name == word; });
    if (group != groups.end()) {
      for (const Shape& shape : group->shapes) add_new(shapes, shape);
    } else {
      const auto shape = parse_shape(word);
      if (!shape)
        return base::invalid(
            "--shape: '{}', expected MxNxK of 1 to {} each and 2^36 multiply-adds at most, or one of the groups of "
            "--list",
            word, kMostSide);
      add_new(shapes, *shape);
    }
    if (comma == std::string_view::npos) return shapes;
    names.remove_prefix(comma + 1);
  }
}

bool is_large(const Shape& shape) noexcept { return std::min({shape.m, shape.n, shape.k}) >= 64; }

}  // namespace udnn::peers
