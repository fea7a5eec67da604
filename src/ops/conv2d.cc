#include "src/ops/conv2d.h"

#include <algorithm>
#include <initializer_list>
#include <utility>
#include <vector>

#include "src/base/ceil_div.h"
#include "src/base/refusal.h"

namespace udnn::ops {

namespace {

using base::invalid;

using base::ceil_div;

constexpr std::size_t kPiece =
    8192;  // elements of an output that are computed and finished at a time: with its source about an L2 half
constexpr std::size_t kChunks = 16;                      // of the batch, each with its own sum of dweights
constexpr std::size_t kMaxSums = std::size_t{1} << 20U;  // elements in all these sums, unless one alone has more
constexpr std::size_t kMaxTensor = std::size_t{1} << 48U;

bool fits(std::initializer_list<std::size_t> extents) noexcept {
  std::size_t product = 1;
  bool overflow = false;
  for (const std::size_t extent : extents) overflow |= __builtin_mul_overflow(product, extent, &product);
  return !overflow && product <= kMaxTensor;
}

Status validate(const Conv2dConfig& c) {
  const std::pair<const char*, std::size_t> positive[] = {
      {"height", c.height},
      {"width", c.width},
      {"in_channels", c.in_channels},
      {"out_channels", c.out_channels},
      {"kernel_height", c.kernel_height},
      {"kernel_width", c.kernel_width},
      {"stride", c.stride},
      {"dilation", c.dilation},
      {"groups", c.groups},
  };
  for (const auto& [name, value] : positive) {
    if (value == 0) return invalid("conv2d.{}: 0, expected at least 1", name);
    if (value > kMaxTensor) return invalid("conv2d.{}: {}, expected at most {}", name, value, kMaxTensor);
  }
  const std::pair<const char*, std::size_t> pads[] = {
      {"pad_top", c.pad_top}, {"pad_bottom", c.pad_bottom}, {"pad_left", c.pad_left}, {"pad_right", c.pad_right}};
  for (const auto& [name, value] : pads)
    if (value > kMaxTensor) return invalid("conv2d.{}: {}, expected at most {}", name, value, kMaxTensor);

  if (c.in_channels % c.groups != 0 || c.out_channels % c.groups != 0)
    return invalid("conv2d.groups: {}, expected a divisor of both {} input and {} output channels", c.groups,
                   c.in_channels, c.out_channels);
  if (!fits({c.kernel_height, c.dilation}) || !fits({c.kernel_width, c.dilation}) ||
      !fits({c.kernel_height, c.kernel_width, c.in_channels / c.groups, c.out_channels}))
    return invalid("conv2d.kernel: {} x {} for {} to {} channels, expected at most {} weights", c.kernel_height,
                   c.kernel_width, c.in_channels / c.groups, c.out_channels, kMaxTensor);
  const std::size_t rows = c.height + c.pad_top + c.pad_bottom, cols = c.width + c.pad_left + c.pad_right;
  const std::size_t window_rows = (c.kernel_height - 1) * c.dilation + 1;
  const std::size_t window_cols = (c.kernel_width - 1) * c.dilation + 1;
  if (window_rows > rows)
    return invalid(
        "conv2d.kernel_height: {}, which with dilation {} covers {} rows, expected at most the {} of the padded image",
        c.kernel_height, c.dilation, window_rows, rows);
  if (window_cols > cols)
    return invalid(
        "conv2d.kernel_width: {}, which with dilation {} covers {} columns, expected at most the {} of the padded "
        "image",
        c.kernel_width, c.dilation, window_cols, cols);
  if (!fits({rows + window_rows, cols + window_cols, std::max(c.in_channels, c.out_channels)}))
    return invalid("conv2d: padded image of {} x {} x {} elements, expected at most {}", rows, cols,
                   std::max(c.in_channels, c.out_channels), kMaxTensor);
  return {};
}

// A 1x1 convolution sees pixels, not rows: as many rows as make up a piece become one, so that tiles are high.
Conv2dConfig with_long_rows(Conv2dConfig c) noexcept {
  const bool pixelwise = c.kernel_height == 1 && c.kernel_width == 1 && c.stride == 1 && c.pad_top == 0 &&
                         c.pad_bottom == 0 && c.pad_left == 0 && c.pad_right == 0;
  if (!pixelwise) return c;
  const std::size_t row = c.width * std::max(c.in_channels, c.out_channels);
  std::size_t together = std::clamp<std::size_t>(kPiece / row, 1, c.height);
  while (c.height % together != 0) --together;
  c.height /= together;
  c.width *= together;
  return c;
}

bool is_depthwise(const Conv2dConfig& c) noexcept {
  return c.groups > 1 && c.groups == c.in_channels && c.groups == c.out_channels;
}

// Where the rows of an image lie in what the windows slide over: row i at first_row + i * spread, zeros everywhere
// else; so with columns. Positions below 0 or beyond the end are left out.
struct Strip {
  std::size_t rows, cols, channels;  // of the image
  std::size_t spread;
  std::ptrdiff_t first_row, first_col;
  std::size_t height, width;  // of what the windows slide over

  bool is_the_image() const noexcept {
    return spread == 1 && first_row == 0 && first_col == 0 && height == rows && width == cols;
  }

  // Rows begin .. end - 1.
  template <class T>
  void fill(const T* image, std::size_t begin, std::size_t end, T* strip) const noexcept {
    const auto step = static_cast<std::ptrdiff_t>(spread);
    for (std::size_t row = begin; row < end; ++row, strip += width * channels) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(row) - first_row;
      if (at < 0 || at % step != 0 || at / step >= static_cast<std::ptrdiff_t>(rows)) {
        std::fill_n(strip, width * channels, T{0});
        continue;
      }
      fill_row(image + static_cast<std::size_t>(at / step) * cols * channels, strip);
    }
  }

 private:
  template <class T>
  void fill_row(const T* row, T* strip) const noexcept {
    // Columns skip .. end - 1 of the image are inside.
    const std::size_t skip = first_col < 0 ? ceil_div(static_cast<std::size_t>(-first_col), spread) : 0;
    if (spread != 1) {
      std::fill_n(strip, width * channels, T{0});
      for (std::size_t col = skip; col < cols; ++col) {
        const std::ptrdiff_t at = first_col + static_cast<std::ptrdiff_t>(col * spread);
        if (at >= static_cast<std::ptrdiff_t>(width)) break;
        std::copy_n(row + col * channels, channels, strip + static_cast<std::size_t>(at) * channels);
      }
      return;
    }
    const std::size_t left = first_col > 0 ? static_cast<std::size_t>(first_col) : 0;
    const std::size_t inside = left >= width || skip >= cols ? 0 : std::min(cols - skip, width - left);
    T* const end = std::fill_n(strip, std::min(left, width) * channels, T{0});
    T* const right = std::copy_n(row + skip * channels, inside * channels, end);
    std::fill(right, strip + width * channels, T{0});
  }
};

// A product whose rows of A are the windows of a strip: forward over x, backward over dz.
struct Sweep {
  Strip strip;
  std::size_t out_height, out_width, out_channels;  // of what is computed
  std::size_t stride, groups;
  std::size_t window_rows;              // of the strip, under one window
  std::size_t k_depth;                  // elements of a window that lie in one piece
  std::vector<std::ptrdiff_t> offsets;  // where these pieces begin

  std::size_t blocks() const noexcept {  // pieces of one image
    return ceil_div(out_height, std::clamp<std::size_t>(kPiece / (out_width * out_channels), 1, out_height));
  }
  Range block(std::size_t index) const noexcept { return part_of(out_height, blocks(), index); }
  std::size_t strip_rows(Range out_rows) const noexcept { return (out_rows.size() - 1) * stride + window_rows; }
  std::size_t scratch() const noexcept {
    return strip.is_the_image() ? 0 : strip_rows(block(0)) * strip.width * strip.channels;
  }
  std::size_t image_size() const noexcept { return strip.rows * strip.cols * strip.channels; }
  std::size_t out_size() const noexcept { return out_height * out_width * out_channels; }

  // What the windows of these rows of the output slide over: the image itself, or a strip in scratch.
  template <class T>
  const T* source(const T* image, Range out_rows, T* scratch) const noexcept {
    const std::size_t first = out_rows.begin * stride;
    if (strip.is_the_image()) return image + first * strip.width * strip.channels;
    strip.fill(image, first, first + strip_rows(out_rows), scratch);
    return scratch;
  }
};

Sweep sweep(const Strip& strip, std::size_t out_height, std::size_t out_width, std::size_t out_channels,
            const Conv2dConfig& c, std::size_t stride) {
  Sweep made{.strip = strip,
             .out_height = out_height,
             .out_width = out_width,
             .out_channels = out_channels,
             .stride = stride,
             .groups = c.groups,
             .window_rows = (c.kernel_height - 1) * c.dilation + 1,
             .k_depth = 0,
             .offsets = {}};
  const bool in_one_piece = c.groups == 1 && c.dilation == 1;  // a row of the window
  made.k_depth = in_one_piece ? c.kernel_width * strip.channels : strip.channels / c.groups;
  for (std::size_t r = 0; r < c.kernel_height; ++r)
    for (std::size_t s = 0; s < (in_one_piece ? 1 : c.kernel_width); ++s)
      made.offsets.push_back(static_cast<std::ptrdiff_t>((r * strip.width + s) * c.dilation * strip.channels));
  return made;
}

}  // namespace

template <class T>
struct Conv2d<T>::Plan {
  Conv2dConfig config;  // as asked for
  Conv2dConfig c;       // as computed: with_long_rows()
  std::size_t output_height, output_width;
  const kernels::GemmKernel<T>* gemm;
  const kernels::DepthwiseKernels<T>* depthwise;  // null for all but depthwise convolutions
  const kernels::ElementwiseKernels<T>* elementwise;
  Accumulator<T> accumulator;
  Sweep forward, backward;
  std::vector<std::ptrdiff_t> row_offsets;  // in the strip of forward, of the rows of the output

  std::size_t all_taps() const noexcept { return c.kernel_height * c.kernel_width; }
  std::size_t group_inputs() const noexcept { return c.in_channels / c.groups; }
  std::size_t group_outputs() const noexcept { return c.out_channels / c.groups; }
  std::size_t weights() const noexcept { return all_taps() * group_inputs() * c.out_channels; }
  // Of the sums of one chunk of images: dweights, dbias, and the chunks of products that are not complete.
  std::size_t sums() const noexcept { return weights() + c.out_channels + (accumulator.chunk() > 1 ? weights() : 0); }

  std::size_t chunks(std::size_t batch) const noexcept {
    return std::min({batch, kChunks, std::max<std::size_t>(1, kMaxSums / weights())});
  }

  void run(const Sweep& sweep, Worker& worker, std::size_t batch, const T* x, const T* weights, const T* bias, T* y,
           T* scratch, Finish<T> finish, const kernels::AccumulatorDraw& draw) const noexcept;
  void run_block(const Sweep& sweep, const T* source, std::size_t rows, const T* weights, const T* bias, T* y,
                 const kernels::AccumulatorDraw& draw) const noexcept;
  void accumulate_block(const Sweep& sweep, const T* source, std::size_t rows, const T* weights, const T* bias, T* y,
                        kernels::AccumulatorDraw draw) const noexcept;
  kernels::DepthwiseArgs<T> depthwise_args(const Sweep& sweep, const T* source, std::size_t rows, std::size_t first_tap,
                                           std::size_t taps) const noexcept;
  void add_to_sums(std::size_t image_count, const T* x, const T* dz, T* sums, Range parts, T* scratch,
                   const kernels::AccumulatorDraw& draw) const noexcept;
  void add_block(const T* source, const T* dz, std::size_t rows, T* sums, std::size_t kernel_row, Range vectors,
                 bool accumulate) const noexcept;
  void accumulate_to_sums(const T* source, const T* dz, std::size_t rows, T* sums, std::size_t kernel_row,
                          Range vectors, bool accumulate, const ChainState<T>& state,
                          const kernels::AccumulatorDraw& draw) const noexcept;
  void add_sums(T* sums, const T* terms, Range elements, kernels::AccumulatorDraw draw) const noexcept;

  // Columns of one group in panels of equal vectors.
  struct Panels {
    std::size_t lanes, cols, vectors, count;

    Range part(std::size_t index) const noexcept { return part_of(vectors, count, index); }
    std::size_t first(Range part) const noexcept { return part.begin * lanes; }
    std::size_t width(Range part) const noexcept { return std::min(part.end * lanes, cols) - part.begin * lanes; }
  };
  Panels panels(std::size_t cols) const noexcept {
    const std::size_t vectors = ceil_div(cols, gemm->lanes);
    return {gemm->lanes, cols, vectors, ceil_div(vectors, gemm->vectors)};
  }
};

template <class T>
Result<Conv2d<T>> Conv2d<T>::create(const Conv2dConfig& config, const kernels::KernelTable& table,
                                    const Accumulator<T>& accumulator) {
  if (Status status = validate(config); !status.ok()) return status;
  const auto output = [](std::size_t padded, std::size_t kernel, const Conv2dConfig& c) {
    return (padded - ((kernel - 1) * c.dilation + 1)) / c.stride + 1;
  };
  const Conv2dConfig c = with_long_rows(config);
  const std::size_t rows = c.height + c.pad_top + c.pad_bottom, cols = c.width + c.pad_left + c.pad_right;
  const std::size_t out_rows = output(rows, c.kernel_height, c), out_cols = output(cols, c.kernel_width, c);
  const std::size_t above = (c.kernel_height - 1) * c.dilation, before = (c.kernel_width - 1) * c.dilation;

  const Strip padded_x{.rows = c.height,
                       .cols = c.width,
                       .channels = c.in_channels,
                       .spread = 1,
                       .first_row = static_cast<std::ptrdiff_t>(c.pad_top),
                       .first_col = static_cast<std::ptrdiff_t>(c.pad_left),
                       .height = rows,
                       .width = cols};
  // dx[iy] takes weights[r] * dz[oy] where oy * stride = iy + pad_top - r * dilation. With r turned to kernel - 1 - r
  // that is a window sliding by 1 over dz, whose row oy lies at oy * stride + (kernel - 1) * dilation - pad_top.
  const Strip spread_dz{.rows = out_rows,
                        .cols = out_cols,
                        .channels = c.out_channels,
                        .spread = c.stride,
                        .first_row = static_cast<std::ptrdiff_t>(above) - static_cast<std::ptrdiff_t>(c.pad_top),
                        .first_col = static_cast<std::ptrdiff_t>(before) - static_cast<std::ptrdiff_t>(c.pad_left),
                        .height = c.height + above,
                        .width = c.width + before};
  auto plan = std::make_unique<Plan>(
      Plan{.config = config,
           .c = c,
           .output_height = output(config.height + config.pad_top + config.pad_bottom, config.kernel_height, config),
           .output_width = output(config.width + config.pad_left + config.pad_right, config.kernel_width, config),
           .gemm = &table.carrier<T>().gemm,
           .depthwise = is_depthwise(c) ? &table.carrier<T>().depthwise : nullptr,
           .elementwise = &table.carrier<T>().elementwise,
           .accumulator = accumulator,
           .forward = sweep(padded_x, out_rows, out_cols, c.out_channels, c, c.stride),
           .backward = sweep(spread_dz, c.height, c.width, c.in_channels, c, 1),
           .row_offsets = {}});
  for (std::size_t row = 0; row < plan->forward.block(0).size(); ++row)
    plan->row_offsets.push_back(static_cast<std::ptrdiff_t>(row * c.stride * cols * c.in_channels));
  return Conv2d(std::unique_ptr<const Plan>(std::move(plan)));
}

template <class T>
std::size_t Conv2d<T>::output_height() const noexcept {
  return plan_->output_height;
}
template <class T>
std::size_t Conv2d<T>::output_width() const noexcept {
  return plan_->output_width;
}
template <class T>
std::size_t Conv2d<T>::backward_weights_size() const noexcept {
  return plan_->weights();
}
template <class T>
std::size_t Conv2d<T>::scratch_per_worker() const noexcept {
  return std::max(plan_->forward.scratch(), plan_->backward.scratch());
}
template <class T>
std::size_t Conv2d<T>::shared_scratch(std::size_t batch) const noexcept {
  return plan_->chunks(batch) * plan_->sums();
}

template <class T>
void Conv2d<T>::Plan::run(const Sweep& sweep, Worker& worker, std::size_t batch, const T* x, const T* weights,
                          const T* bias, T* y, T* scratch, Finish<T> finish,
                          const kernels::AccumulatorDraw& draw) const noexcept {
  const std::size_t blocks = sweep.blocks(), row_size = sweep.out_width * sweep.out_channels;
  const Range mine = worker.share(batch * blocks);
  for (std::size_t i = mine.begin; i < mine.end; ++i) {
    const std::size_t image = i / blocks;
    const Range rows = sweep.block(i % blocks);
    const std::size_t first = image * sweep.out_size() + rows.begin * row_size;
    kernels::AccumulatorDraw here = draw;
    here.element += first;
    run_block(sweep, sweep.source(x + image * sweep.image_size(), rows, scratch), rows.size(), weights, bias, y + first,
              here);
    if (finish) finish(y + first, rows.size() * row_size, first);
  }
  worker.barrier();
}

// `rows` rows of the output, y its first; source is what their windows slide over.
template <class T>
void Conv2d<T>::Plan::run_block(const Sweep& sweep, const T* source, std::size_t rows, const T* weights, const T* bias,
                                T* y, const kernels::AccumulatorDraw& draw) const noexcept {
  if (!accumulator.is_carrier()) return accumulate_block(sweep, source, rows, weights, bias, y, draw);
  if (depthwise != nullptr)
    return depthwise->forward(depthwise_args(sweep, source, rows, 0, sweep.offsets.size()), weights, bias, y);
  const std::size_t pixel = sweep.stride * sweep.strip.channels, group_cols = sweep.out_channels / sweep.groups;
  const Panels all = panels(group_cols);
  for (std::size_t g = 0; g < sweep.groups; ++g)
    for (std::size_t p = 0; p < all.count; ++p) {
      const Range part = all.part(p);
      const std::size_t column = g * group_cols + all.first(part);
      const std::size_t tiles = ceil_div(sweep.out_width, gemm->rows[part.size() - 1]);
      kernels::GemmArgs<T> args{.k_depth = sweep.k_depth,
                                .k_outer = sweep.offsets.size(),
                                .offsets = sweep.offsets.data(),
                                .a = nullptr,
                                .a_row_stride = static_cast<std::ptrdiff_t>(pixel),
                                .a_k_stride = 1,
                                .b = weights + column,
                                .b_stride = sweep.out_channels,
                                .bias = bias == nullptr ? nullptr : bias + column,
                                .c = nullptr,
                                .c_stride = sweep.out_channels,
                                .cols = all.width(part),
                                .accumulate = false};
      for (std::size_t row = 0; row < rows; ++row)
        for (std::size_t tile = 0; tile < tiles; ++tile) {
          const Range pixels = part_of(sweep.out_width, tiles, tile);
          args.a = source + row * sweep.stride * sweep.strip.width * sweep.strip.channels + pixels.begin * pixel +
                   g * (sweep.strip.channels / sweep.groups);
          args.c = y + (row * sweep.out_width + pixels.begin) * sweep.out_channels + column;
          gemm->run[part.size() - 1][pixels.size() - 1](args);
        }
    }
}

// The same with an accumulator of its own format. A depthwise convolution is one product of all channels, each column
// with an A of its own.
template <class T>
void Conv2d<T>::Plan::accumulate_block(const Sweep& sweep, const T* source, std::size_t rows, const T* weights,
                                       const T* bias, T* y, kernels::AccumulatorDraw draw) const noexcept {
  const std::size_t groups = depthwise != nullptr ? 1 : sweep.groups, group_cols = sweep.out_channels / groups;
  const std::uint64_t first_element = draw.element;
  draw.element_stride = sweep.out_channels;
  for (std::size_t g = 0; g < groups; ++g)
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t at = row * sweep.out_width * sweep.out_channels + g * group_cols;
      draw.element = first_element + at;
      accumulator.run({.k_depth = sweep.k_depth,
                       .k_outer = sweep.offsets.size(),
                       .offsets = sweep.offsets.data(),
                       .a = source + row * sweep.stride * sweep.strip.width * sweep.strip.channels +
                            g * (sweep.strip.channels / groups),
                       .a_row_stride = static_cast<std::ptrdiff_t>(sweep.stride * sweep.strip.channels),
                       .a_k_stride = 1,
                       .b = weights + g * group_cols,
                       .b_stride = sweep.out_channels,
                       .bias = bias == nullptr ? nullptr : bias + g * group_cols,
                       .c = y + at,
                       .c_stride = sweep.out_channels,
                       .cols = group_cols,
                       .accumulate = false},
                      sweep.out_width, depthwise != nullptr, {}, draw);
    }
}

template <class T>
kernels::DepthwiseArgs<T> Conv2d<T>::Plan::depthwise_args(const Sweep& sweep, const T* source, std::size_t rows,
                                                          std::size_t first_tap, std::size_t taps) const noexcept {
  return {.rows = rows,
          .pixels = sweep.out_width,
          .channels = sweep.out_channels,
          .taps = taps,
          .offsets = sweep.offsets.data() + first_tap,
          .x = source,
          .row_stride = sweep.stride * sweep.strip.width * sweep.strip.channels,
          .pixel_stride = sweep.stride * sweep.strip.channels};
}

template <class T>
void Conv2d<T>::forward(Worker& worker, std::size_t batch, const T* x, const T* weights, const T* bias, T* y,
                        Scratch<T> scratch, Finish<T> finish, const DrawPlace& draws) const noexcept {
  plan_->run(plan_->forward, worker, batch, x, weights, bias, y, scratch.mine, finish,
             plan_->accumulator.draw(Product::kForward, draws));
}

template <class T>
void Conv2d<T>::transpose_weights(Worker& worker, const T* weights, T* backward_weights) const noexcept {
  const Plan& plan = *plan_;
  const std::size_t inputs = plan.group_inputs(), outputs = plan.group_outputs(), taps = plan.all_taps();
  const Range mine = worker.share(taps * outputs);  // rows of the result
  for (std::size_t row = mine.begin; row < mine.end; ++row) {
    const std::size_t j = row % outputs;
    const T* const from = weights + (taps - 1 - row / outputs) * inputs * plan.c.out_channels + j;
    T* const to = backward_weights + row * plan.c.in_channels;
    for (std::size_t g = 0; g < plan.c.groups; ++g)
      for (std::size_t i = 0; i < inputs; ++i) to[g * inputs + i] = from[i * plan.c.out_channels + g * outputs];
  }
  worker.barrier();
}

template <class T>
void Conv2d<T>::backward_data(Worker& worker, std::size_t batch, const T* dz, const T* backward_weights, T* dx,
                              Scratch<T> scratch, Finish<T> finish, const DrawPlace& draws) const noexcept {
  plan_->run(plan_->backward, worker, batch, dz, backward_weights, nullptr, dx, scratch.mine, finish,
             plan_->accumulator.draw(Product::kBackwardData, draws));
}

// The rows of the window with all panels of output channels, in one order, are the parts of dweights.
template <class T>
void Conv2d<T>::Plan::add_to_sums(std::size_t image_count, const T* x, const T* dz, T* sums, Range parts, T* scratch,
                                  const kernels::AccumulatorDraw& draw) const noexcept {
  const Panels all = panels(group_outputs());
  const std::size_t blocks = forward.blocks(), all_blocks = image_count * blocks;
  ChainState<T> state{.products = 0, .ends = false, .partial = sums + weights() + c.out_channels};
  for (std::size_t i = 0; i < all_blocks; ++i) {
    const Range rows = forward.block(i % blocks);
    const T* const source = forward.source(x + i / blocks * forward.image_size(), rows, scratch);
    const T* const block_dz = dz + i / blocks * forward.out_size() + rows.begin * forward.out_width * c.out_channels;
    state.ends = i + 1 == all_blocks;
    for (std::size_t part = parts.begin; part < parts.end; ++part) {
      const Range vectors = all.part(part % all.count);
      if (accumulator.is_carrier())
        add_block(source, block_dz, rows.size(), sums, part / all.count, vectors, i != 0);
      else
        accumulate_to_sums(source, block_dz, rows.size(), sums, part / all.count, vectors, i != 0, state, draw);
    }
    state.products += rows.size() * forward.out_width;
  }
}

// One row of the window, one panel of output channels: sums[r, s, i, o] += sum over the pixels of x * dz. Rows of A are
// the elements of that row of the window, k goes over the pixels.
template <class T>
void Conv2d<T>::Plan::add_block(const T* source, const T* dz, std::size_t rows, T* sums, std::size_t kernel_row,
                                Range vectors, bool accumulate) const noexcept {
  const std::size_t pieces = forward.offsets.size() / c.kernel_height, height = forward.k_depth;
  if (depthwise != nullptr)
    return depthwise->backward_weights(depthwise_args(forward, source, rows, kernel_row * pieces, pieces), dz,
                                       sums + kernel_row * pieces * c.out_channels, accumulate);
  const std::size_t tiles = ceil_div(height, gemm->rows[vectors.size() - 1]);
  const Panels all = panels(group_outputs());
  kernels::GemmArgs<T> args{.k_depth = forward.out_width,
                            .k_outer = rows,
                            .offsets = row_offsets.data(),
                            .a = nullptr,
                            .a_row_stride = 1,
                            .a_k_stride = static_cast<std::ptrdiff_t>(c.stride * c.in_channels),
                            .b = nullptr,
                            .b_stride = c.out_channels,
                            .bias = nullptr,
                            .c = nullptr,
                            .c_stride = c.out_channels,
                            .cols = all.width(vectors),
                            .accumulate = accumulate};
  for (std::size_t g = 0; g < c.groups; ++g)
    for (std::size_t piece = kernel_row * pieces; piece < (kernel_row + 1) * pieces; ++piece)
      for (std::size_t tile = 0; tile < tiles; ++tile) {
        const Range elements = part_of(height, tiles, tile);
        const std::size_t column = g * group_outputs() + all.first(vectors);
        args.a = source + forward.offsets[piece] + g * group_inputs() + elements.begin;
        args.b = dz + column;
        args.c = sums + (piece * height + elements.begin) * c.out_channels + column;
        gemm->run[vectors.size() - 1][elements.size() - 1](args);
      }
}

// The same with an accumulator of its own format.
template <class T>
void Conv2d<T>::Plan::accumulate_to_sums(const T* source, const T* dz, std::size_t rows, T* sums,
                                         std::size_t kernel_row, Range vectors, bool accumulate,
                                         const ChainState<T>& state,
                                         const kernels::AccumulatorDraw& draw) const noexcept {
  const std::size_t pieces = forward.offsets.size() / c.kernel_height, first = kernel_row * pieces;
  const Panels all = panels(group_outputs());
  const auto product = [&](std::size_t piece, std::size_t height, std::size_t stride, std::size_t in, std::size_t out,
                           std::size_t cols) {
    const std::size_t at = piece * forward.k_depth * c.out_channels + out;
    ChainState<T> here = state;
    here.partial += at;
    kernels::AccumulatorDraw draw_here = draw;
    draw_here.element += at;
    draw_here.element_stride = c.out_channels;
    accumulator.run({.k_depth = forward.out_width,
                     .k_outer = rows,
                     .offsets = row_offsets.data(),
                     .a = source + forward.offsets[piece] + in,
                     .a_row_stride = static_cast<std::ptrdiff_t>(stride),
                     .a_k_stride = static_cast<std::ptrdiff_t>(c.stride * c.in_channels),
                     .b = dz + out,
                     .b_stride = c.out_channels,
                     .bias = nullptr,
                     .c = sums + at,
                     .c_stride = c.out_channels,
                     .cols = cols,
                     .accumulate = accumulate},
                    height, depthwise != nullptr, here, draw_here);
  };
  // Depthwise, the pieces of a row of the window are its columns, side by side, and one product has them all.
  if (depthwise != nullptr) return product(first, pieces, c.dilation * c.in_channels, 0, 0, c.out_channels);
  for (std::size_t g = 0; g < c.groups; ++g)
    for (std::size_t piece = first; piece < first + pieces; ++piece)
      product(piece, forward.k_depth, 1, g * group_inputs(), g * group_outputs() + all.first(vectors),
              all.width(vectors));
}

// sums += terms, where dweights ends and dbias begins. draw: of the first term of all.
template <class T>
void Conv2d<T>::Plan::add_sums(T* sums, const T* terms, Range elements, kernels::AccumulatorDraw draw) const noexcept {
  const std::size_t rounded =
      accumulator.is_carrier() ? elements.begin : std::clamp(weights(), elements.begin, elements.end);
  draw.element += elements.begin;
  if (rounded > elements.begin)
    accumulator.add(rounded - elements.begin, terms + elements.begin, sums + elements.begin, draw);
  elementwise->add(elements.end - rounded, terms + rounded, sums + rounded);
}

template <class T>
void Conv2d<T>::backward_weights(Worker& worker, std::size_t batch, const T* x, const T* dz, T* dweights, T* dbias,
                                 Scratch<T> scratch, const DrawPlace& draws) const noexcept {
  const Plan& plan = *plan_;
  const std::size_t chunks = plan.chunks(batch), outputs = plan.c.out_channels, size = plan.sums();
  const std::size_t parts = plan.c.kernel_height * plan.panels(plan.group_outputs()).count;
  const std::size_t shares = chunks < kChunks ? parts : 1;  // of one chunk: few chunks alone would leave workers idle

  const Range mine = worker.share(chunks * shares);
  kernels::AccumulatorDraw draw = plan.accumulator.draw(Product::kBackwardWeights, draws);
  for (std::size_t i = mine.begin; i < mine.end; ++i) {
    const Range images = part_of(batch, chunks, i / shares);
    T* const sums = scratch.shared + i / shares * size;
    const T* const chunk_dz = dz + images.begin * plan.forward.out_size();
    draw.element = draws.first_element + i / shares * plan.weights();
    plan.add_to_sums(images.size(), x + images.begin * plan.forward.image_size(), chunk_dz, sums,
                     part_of(parts, shares, i % shares), scratch.mine, draw);
    if (dbias != nullptr && i % shares == 0)
      plan.elementwise->column_sums(images.size() * plan.forward.out_size() / outputs, outputs, chunk_dz,
                                    sums + plan.weights());
  }
  worker.barrier();

  // ((0 + 1) + (2 + 3)) + ...: each element by one worker.
  const Range elements = worker.share(plan.weights() + (dbias != nullptr ? outputs : 0));
  draw = plan.accumulator.draw(Product::kSums, draws);
  for (std::size_t step = 1; step < chunks; step *= 2)
    for (std::size_t chunk = 0; chunk + step < chunks; chunk += 2 * step) {
      draw.element = draws.first_element + (chunk + step) * plan.weights();
      plan.add_sums(scratch.shared + chunk * size, scratch.shared + (chunk + step) * size, elements, draw);
    }
  for (std::size_t e = elements.begin; e < elements.end; ++e) {
    const T sum = chunks == 0 ? T{0} : scratch.shared[e];
    if (e < plan.weights())
      dweights[e] = sum;
    else
      dbias[e - plan.weights()] = sum;
  }
  worker.barrier();
}

template <class T>
Conv2d<T>::Conv2d(std::unique_ptr<const Plan> plan) noexcept : plan_(std::move(plan)) {}
template <class T>
Conv2d<T>::Conv2d(Conv2d&&) noexcept = default;
template <class T>
Conv2d<T>& Conv2d<T>::operator=(Conv2d&&) noexcept = default;
template <class T>
Conv2d<T>::~Conv2d() = default;

template class Conv2d<float>;
template class Conv2d<double>;
template class Conv2d<kernels::Wide>;

}  // namespace udnn::ops
