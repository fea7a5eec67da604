#include "src/ops/pool.h"

#include <algorithm>
#include <utility>

#include "src/base/ceil_div.h"
#include "src/base/refusal.h"

namespace udnn::ops {

namespace {

using base::invalid;

using base::ceil_div;

constexpr std::size_t kPiece = 8192;    // elements of y in one piece
constexpr std::size_t kMaxCodes = 256;  // places of a window that a byte can name
constexpr std::size_t kMaxExtent = std::size_t{1} << 31U;

Result<PoolShape> shape_of(const char* op, const PoolConfig& c) {
  const std::pair<const char*, std::size_t> positive[] = {{"height", c.height},
                                                          {"width", c.width},
                                                          {"channels", c.channels},
                                                          {"kernel_height", c.kernel_height},
                                                          {"kernel_width", c.kernel_width},
                                                          {"stride", c.stride}};
  for (const auto& [name, value] : positive) {
    if (value == 0) return invalid("{}.{}: 0, expected at least 1", op, name);
    if (value > kMaxExtent) return invalid("{}.{}: {}, expected at most {}", op, name, value, kMaxExtent);
  }
  std::size_t size = 0;
  if (__builtin_mul_overflow(c.height * c.width, c.channels, &size))
    return invalid("{}: image of {} x {} x {} elements, expected fewer than 2^64", op, c.height, c.width, c.channels);

  const struct {
    const char* name;
    std::size_t pad;
    const char* kernel;
    std::size_t kernel_size;
  } pads[] = {{"pad_top", c.pad_top, "kernel_height", c.kernel_height},
              {"pad_bottom", c.pad_bottom, "kernel_height", c.kernel_height},
              {"pad_left", c.pad_left, "kernel_width", c.kernel_width},
              {"pad_right", c.pad_right, "kernel_width", c.kernel_width}};
  for (const auto& [name, pad, kernel, kernel_size] : pads)
    if (pad >= kernel_size)
      return invalid("{}.{}: {}, expected less than the {} of {}, or a window would hold nothing", op, name, pad,
                     kernel, kernel_size);
  const std::size_t rows = c.height + c.pad_top + c.pad_bottom, cols = c.width + c.pad_left + c.pad_right;
  if (c.kernel_height > rows)
    return invalid("{}.kernel_height: {}, expected at most the {} rows of the padded image", op, c.kernel_height, rows);
  if (c.kernel_width > cols)
    return invalid("{}.kernel_width: {}, expected at most the {} columns of the padded image", op, c.kernel_width,
                   cols);
  return PoolShape{c, (rows - c.kernel_height) / c.stride + 1, (cols - c.kernel_width) / c.stride + 1};
}

// The part of a window that lies inside, along one direction: places skip .. end - 1 of it, from `first` on in the
// image.
struct Inside {
  std::size_t first, skip, count;
};

Inside inside(std::size_t out, std::size_t stride, std::size_t kernel, std::size_t pad, std::size_t extent) noexcept {
  const std::size_t begin = out * stride;  // of the padded image
  const std::size_t skip = begin < pad ? pad - begin : 0;
  const std::size_t first = begin + skip - pad;
  return {first, skip, std::min(kernel - skip, extent - first)};
}

Inside rows_of(const PoolShape& s, std::size_t oy) noexcept {
  return inside(oy, s.config.stride, s.config.kernel_height, s.config.pad_top, s.config.height);
}
Inside cols_of(const PoolShape& s, std::size_t ox) noexcept {
  return inside(ox, s.config.stride, s.config.kernel_width, s.config.pad_left, s.config.width);
}

// visit(image, rows of its output) for each piece of this worker.
template <class Visit>
void for_each_piece(const Worker& worker, const PoolShape& s, std::size_t batch, Visit visit) noexcept {
  const std::size_t row = s.output_width * s.config.channels;
  const std::size_t blocks = ceil_div(s.output_height, std::clamp<std::size_t>(kPiece / row, 1, s.output_height));
  const Range mine = worker.share(batch * blocks);
  for (std::size_t i = mine.begin; i < mine.end; ++i) visit(i / blocks, part_of(s.output_height, blocks, i % blocks));
}

}  // namespace

template <class T>
Result<MaxPool2d<T>> MaxPool2d<T>::create(const PoolConfig& config, const kernels::KernelTable& table) {
  auto shape = shape_of("maxpool", config);
  if (!shape) return shape.error();
  if (config.kernel_height > kMaxCodes || config.kernel_width > kMaxCodes / config.kernel_height)
    return invalid("maxpool.kernel: {} x {}, expected at most {} places in a window", config.kernel_height,
                   config.kernel_width, kMaxCodes);
  return MaxPool2d(*shape, table.carrier<T>().elementwise);
}

template <class T>
void MaxPool2d<T>::forward(Worker& worker, std::size_t batch, const T* x, T* y, std::uint8_t* argmax,
                           Finish<T> finish) const noexcept {
  const PoolConfig& c = shape_.config;
  for_each_piece(worker, shape_, batch, [&](std::size_t image, Range out_rows) {
    const T* const image_x = x + image * shape_.image_size();
    for (std::size_t oy = out_rows.begin; oy < out_rows.end; ++oy) {
      const Inside rows = rows_of(shape_, oy);
      for (std::size_t ox = 0; ox < shape_.output_width;) {
        const Inside cols = cols_of(shape_, ox);
        std::size_t end = ox + 1;  // neighbours with a whole window go together
        while (cols.count == c.kernel_width && end < shape_.output_width &&
               cols_of(shape_, end).count == c.kernel_width)
          ++end;
        const std::size_t at = image * shape_.output_size() + (oy * shape_.output_width + ox) * c.channels;
        kernels_->max_window({.pixels = end - ox,
                              .channels = c.channels,
                              .rows = rows.count,
                              .cols = cols.count,
                              .x = image_x + (rows.first * c.width + cols.first) * c.channels,
                              .pixel_stride = c.stride * c.channels,
                              .row_stride = c.width * c.channels,
                              .y = y + at,
                              .codes = argmax == nullptr ? nullptr : argmax + at,
                              .first_code = rows.skip * c.kernel_width + cols.skip,
                              .code_stride = c.kernel_width});
        ox = end;
      }
    }
    const std::size_t row = shape_.output_width * c.channels;
    const std::size_t first = image * shape_.output_size() + out_rows.begin * row;
    if (finish) finish(y + first, out_rows.size() * row, first);
  });
  worker.barrier();
}

template <class T>
void MaxPool2d<T>::backward(Worker& worker, std::size_t batch, const T* dy, const std::uint8_t* argmax, T* dx,
                            Finish<T> finish) const noexcept {
  const PoolConfig& c = shape_.config;
  std::size_t place[kMaxCodes];  // of each code, from the corner of the window
  for (std::size_t code = 0; code < c.kernel_height * c.kernel_width; ++code)
    place[code] = (code / c.kernel_width * c.width + code % c.kernel_width) * c.channels;

  const Range mine = worker.share(batch);
  for (std::size_t image = mine.begin; image < mine.end; ++image) {
    const std::size_t first = image * shape_.image_size();
    std::fill_n(dx + first, shape_.image_size(), T{0});
    std::size_t at = image * shape_.output_size();
    for (std::size_t oy = 0; oy < shape_.output_height; ++oy)
      for (std::size_t ox = 0; ox < shape_.output_width; ++ox) {
        // The corner may lie outside the image, but no code leads there: unsigned numbers wrap, and wrap back.
        const std::size_t corner =
            first + ((oy * c.stride - c.pad_top) * c.width + (ox * c.stride - c.pad_left)) * c.channels;
        for (std::size_t channel = 0; channel < c.channels; ++channel, ++at)
          dx[corner + place[argmax[at]] + channel] += dy[at];
      }
    if (finish) finish(dx + first, shape_.image_size(), first);
  }
  worker.barrier();
}

template <class T>
Result<AvgPool2d<T>> AvgPool2d<T>::create(const PoolConfig& config, const kernels::KernelTable& table) {
  auto shape = shape_of("avgpool", config);
  if (!shape) return shape.error();
  return AvgPool2d(*shape, table.carrier<T>().elementwise);
}

template <class T>
void AvgPool2d<T>::forward(Worker& worker, std::size_t batch, const T* x, T* y, Finish<T> finish) const noexcept {
  const PoolConfig& c = shape_.config;
  for_each_piece(worker, shape_, batch, [&](std::size_t image, Range out_rows) {
    for (std::size_t oy = out_rows.begin; oy < out_rows.end; ++oy)
      for (std::size_t ox = 0; ox < shape_.output_width; ++ox) {
        const Inside rows = rows_of(shape_, oy), cols = cols_of(shape_, ox);
        T* const to = y + image * shape_.output_size() + (oy * shape_.output_width + ox) * c.channels;
        std::fill_n(to, c.channels, T{0});
        for (std::size_t r = 0; r < rows.count; ++r)
          for (std::size_t s = 0; s < cols.count; ++s)
            kernels_->add(c.channels,
                          x + image * shape_.image_size() + ((rows.first + r) * c.width + cols.first + s) * c.channels,
                          to);
        for (std::size_t i = 0; i < c.channels; ++i) to[i] /= static_cast<T>(rows.count * cols.count);
      }
    const std::size_t row = shape_.output_width * c.channels;
    const std::size_t first = image * shape_.output_size() + out_rows.begin * row;
    if (finish) finish(y + first, out_rows.size() * row, first);
  });
  worker.barrier();
}

template <class T>
void AvgPool2d<T>::backward(Worker& worker, std::size_t batch, const T* dy, T* dx, Finish<T> finish) const noexcept {
  const PoolConfig& c = shape_.config;
  const Range mine = worker.share(batch);
  for (std::size_t image = mine.begin; image < mine.end; ++image) {
    const std::size_t first = image * shape_.image_size();
    std::fill_n(dx + first, shape_.image_size(), T{0});
    for (std::size_t oy = 0; oy < shape_.output_height; ++oy)
      for (std::size_t ox = 0; ox < shape_.output_width; ++ox) {
        const Inside rows = rows_of(shape_, oy), cols = cols_of(shape_, ox);
        const T* const from = dy + image * shape_.output_size() + (oy * shape_.output_width + ox) * c.channels;
        const T count = static_cast<T>(rows.count * cols.count);
        for (std::size_t r = 0; r < rows.count; ++r)
          for (std::size_t s = 0; s < cols.count; ++s) {
            T* const to = dx + first + ((rows.first + r) * c.width + cols.first + s) * c.channels;
            for (std::size_t i = 0; i < c.channels; ++i) to[i] += from[i] / count;
          }
      }
    if (finish) finish(dx + first, shape_.image_size(), first);
  }
  worker.barrier();
}

template class MaxPool2d<float>;
template class MaxPool2d<double>;
template class MaxPool2d<kernels::Wide>;
template class AvgPool2d<float>;
template class AvgPool2d<double>;
template class AvgPool2d<kernels::Wide>;

}  // namespace udnn::ops
