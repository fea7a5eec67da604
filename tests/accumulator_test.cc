// Products and convolutions with a narrow accumulator: what is rounded in which order, and that no cut of the work
// shows.
#include "src/ops/accumulator.h"

#include <cmath>
#include <utility>

#include "src/ops/conv2d.h"
#include "src/ops/gemm.h"
#include "tests/accumulator_oracle.h"
#include "tests/support.h"

namespace udnn::test {
namespace {

using ops::Accumulator;
using ops::Conv2dConfig;

Format format_of(std::string_view text, int chunk = 0) {
  auto format = parse_format(text);
  EXPECT_TRUE(format) << format.error().message();
  format->chunk = chunk;
  return *format;
}

constexpr std::pair<const char*, int> kFormats[] = {
    {"f6.5", 0},     {"e4m3", 0},  {"fx4.4", 0},   {"fx8.8:wrap", 0}, {"f6.5", 5},           {"fx8.8:wrap", 7},
    {"f5.2:rtz", 0}, {"bf16", 64}, {"f6.5:sr", 0}, {"e5m2:sr8", 5},   {"fx4.8:sr16:wrap", 0}};

// Of every stochastic draw here.
constexpr std::uint64_t kSeed = 9;
constexpr std::uint32_t kTensor = 4;
constexpr ops::DrawPlace kPlace{.step = 6, .first_element = 1'000};

class NarrowAccumulator : public OnEveryIsa {};

template <class T>
void expect_gemm(const kernels::KernelTable& table, const Format& format, std::size_t m, std::size_t n, std::size_t k,
                 int threads) {
  SCOPED_TRACE(testing::Message() << to_string(format) << '/' << format.chunk << ", " << m << " x " << n << " x " << k);
  const auto a = reals<T>(m * k, 1), b = reals<T>(k * n, 2), bias = reals<T>(n, 3);
  std::vector<T> c(m * n, -7);
  const auto op = ops::Gemm<T>::create(table, *Accumulator<T>::create(format, table, kSeed, kTensor));
  Team::create(threads)->run([&](Worker& worker) {
    op->run(worker,
            {.m = m,
             .n = n,
             .k = k,
             .a = a.data(),
             .a_row_stride = 1,
             .a_k_stride = static_cast<std::ptrdiff_t>(m),
             .b = b.data(),
             .b_stride = n,
             .bias = bias.data(),
             .c = c.data(),
             .c_stride = n,
             .product = ops::Product::kBackwardData,
             .draws = kPlace},
            [](T* y, std::size_t count, std::size_t) {
              for (std::size_t i = 0; i < count; ++i) y[i] = -y[i];
            });
  });
  AccumulatorOracle<T> oracle(format);
  oracle.draw_from(kSeed, kPlace.step, kTensor, 1);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      std::vector<T> left, right;
      for (std::size_t p = 0; p < k; ++p) {
        left.push_back(a[p * m + i]);
        right.push_back(b[p * n + j]);
      }
      const std::uint64_t element = kPlace.first_element + i * n + j;
      ASSERT_EQ(-c[i * n + j], oracle.chain(oracle.rounded(bias[j], element), left, right, element))
          << "at [" << i << ", " << j << "]";
    }
}

TEST_P(NarrowAccumulator, IsRoundedInOrderOfKInAProduct) {
  for (const auto& [name, chunk] : kFormats) {
    expect_gemm<float>(isa(), format_of(name, chunk), 21, 10, 37, 2);
    expect_gemm<float>(isa(), format_of(name, chunk), 3, 84, 12, 1);
    expect_gemm<double>(isa(), format_of(name, chunk), 5, 3, 20, 3);
  }
  expect_gemm<float>(isa(), format_of("f6.5", 100), 2, 3, 1000, 1);  // more than a pass of the plain kernels
  expect_gemm<float>(isa(), format_of("f6.5"), 4, 5, 0, 1);
}

// All that a convolution computes with an accumulator, and the same in plain loops over what the windows slide over.
struct Job {
  Job(const Conv2dConfig& config, std::size_t images, const Format& accumulator, const kernels::KernelTable& table)
      : c(config),
        batch(images),
        format(accumulator),
        conv(std::move(
            *ops::Conv2d<float>::create(config, table, *Accumulator<float>::create(format, table, kSeed, kTensor)))) {
    x = reals<float>(batch * c.height * c.width * c.in_channels, 1);
    weights = reals<float>(c.kernel_height * c.kernel_width * c.in_channels / c.groups * c.out_channels, 2);
    bias = reals<float>(c.out_channels, 3);
    dz = reals<float>(batch * conv.output_height() * conv.output_width() * c.out_channels, 4);
    y.assign(dz.size(), kPoison);
    dx.assign(x.size(), kPoison);
    dweights.assign(weights.size(), kPoison);
    dbias.assign(bias.size(), kPoison);
    turned.assign(conv.backward_weights_size(), kPoison);
    shared.assign(conv.shared_scratch(batch), kPoison);
  }

  void run(int threads) {
    const std::size_t each = conv.scratch_per_worker();
    std::vector<float> mine(each * static_cast<std::size_t>(threads), kPoison);
    Guarded<float> guarded(shared, Edge::kEnd);
    Team::create(threads)->run([&](Worker& worker) {
      const ops::Scratch<float> scratch{mine.data() + each * static_cast<std::size_t>(worker.index), guarded.data()};
      conv.transpose_weights(worker, weights.data(), turned.data());
      conv.forward(worker, batch, x.data(), weights.data(), bias.data(), y.data(), scratch, {}, kPlace);
      conv.backward_weights(worker, batch, x.data(), dz.data(), dweights.data(), dbias.data(), scratch, kPlace);
      conv.backward_data(worker, batch, dz.data(), turned.data(), dx.data(), scratch, {}, kPlace);
    });
  }

  std::size_t group_inputs() const { return c.in_channels / c.groups; }
  std::size_t group_outputs() const { return c.out_channels / c.groups; }
  float weight(std::size_t r, std::size_t s, std::size_t i, std::size_t o) const {
    return weights[((r * c.kernel_width + s) * group_inputs() + i) * c.out_channels + o];
  }
  // x at a row and column of the padded image.
  float padded(std::size_t image, std::size_t row, std::size_t col, std::size_t channel) const {
    if (row < c.pad_top || col < c.pad_left || row - c.pad_top >= c.height || col - c.pad_left >= c.width) return 0;
    return x[((image * c.height + row - c.pad_top) * c.width + col - c.pad_left) * c.in_channels + channel];
  }
  // dz where output row * stride = row, or 0 between and outside.
  float spread(std::size_t image, std::ptrdiff_t row, std::ptrdiff_t col, std::size_t channel) const {
    const auto stride = static_cast<std::ptrdiff_t>(c.stride);
    if (row < 0 || col < 0 || row % stride != 0 || col % stride != 0) return 0;
    const auto oy = static_cast<std::size_t>(row / stride), ox = static_cast<std::size_t>(col / stride);
    if (oy >= conv.output_height() || ox >= conv.output_width()) return 0;
    return dz[((image * conv.output_height() + oy) * conv.output_width() + ox) * c.out_channels + channel];
  }

  void expect() {
    AccumulatorOracle<float> oracle(format);
    expect_forward(oracle);
    expect_backward_data(oracle);
    expect_backward_weights(oracle);
    const auto sums = reference::column_sums(dz.size() / c.out_channels, c.out_channels, dz.data());
    for (std::size_t o = 0; o < sums.size(); ++o)
      ASSERT_NEAR(dbias[o], static_cast<double>(sums[o].value), 1e-4) << "dbias stays in the carrier";
  }

  void expect_forward(AccumulatorOracle<float>& oracle) {
    oracle.draw_from(kSeed, kPlace.step, kTensor, 0);
    std::size_t at = 0;
    for (std::size_t b = 0; b < batch; ++b)
      for (std::size_t oy = 0; oy < conv.output_height(); ++oy)
        for (std::size_t ox = 0; ox < conv.output_width(); ++ox)
          for (std::size_t o = 0; o < c.out_channels; ++o, ++at) {
            std::vector<float> left, right;
            for (std::size_t r = 0; r < c.kernel_height; ++r)
              for (std::size_t s = 0; s < c.kernel_width; ++s)
                for (std::size_t i = 0; i < group_inputs(); ++i) {
                  left.push_back(padded(b, oy * c.stride + r * c.dilation, ox * c.stride + s * c.dilation,
                                        o / group_outputs() * group_inputs() + i));
                  right.push_back(weight(r, s, i, o));
                }
            const std::uint64_t element = kPlace.first_element + at;
            ASSERT_EQ(y[at], oracle.chain(oracle.rounded(bias[o], element), left, right, element)) << "y[" << at << "]";
          }
  }

  void expect_backward_data(AccumulatorOracle<float>& oracle) {
    oracle.draw_from(kSeed, kPlace.step, kTensor, 1);
    std::size_t at = 0;
    for (std::size_t b = 0; b < batch; ++b)
      for (std::size_t iy = 0; iy < c.height; ++iy)
        for (std::size_t ix = 0; ix < c.width; ++ix)
          for (std::size_t channel = 0; channel < c.in_channels; ++channel, ++at) {
            const std::size_t g = channel / group_inputs();
            std::vector<float> left, right;
            for (std::size_t r = c.kernel_height; r-- > 0;)  // the window is turned: its last row comes first
              for (std::size_t s = c.kernel_width; s-- > 0;)
                for (std::size_t j = 0; j < group_outputs(); ++j) {
                  const auto row =
                      static_cast<std::ptrdiff_t>(iy + c.pad_top) - static_cast<std::ptrdiff_t>(r * c.dilation);
                  const auto col =
                      static_cast<std::ptrdiff_t>(ix + c.pad_left) - static_cast<std::ptrdiff_t>(s * c.dilation);
                  left.push_back(spread(b, row, col, g * group_outputs() + j));
                  right.push_back(weight(r, s, channel % group_inputs(), g * group_outputs() + j));
                }
            ASSERT_EQ(dx[at], oracle.chain(0, left, right, kPlace.first_element + at)) << "dx[" << at << "]";
          }
  }

  void expect_backward_weights(AccumulatorOracle<float>& oracle) {
    const std::size_t chunks = std::min<std::size_t>(batch, 16);
    for (std::size_t w = 0; w < weights.size(); ++w) {
      const std::size_t o = w % c.out_channels, i = w / c.out_channels % group_inputs();
      const std::size_t tap = w / c.out_channels / group_inputs(), r = tap / c.kernel_width, s = tap % c.kernel_width;
      std::vector<float> sums;
      for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
        const Range images = part_of(batch, chunks, chunk);
        std::vector<float> left, right;
        for (std::size_t b = images.begin; b < images.end; ++b)
          for (std::size_t oy = 0; oy < conv.output_height(); ++oy)
            for (std::size_t ox = 0; ox < conv.output_width(); ++ox) {
              left.push_back(padded(b, oy * c.stride + r * c.dilation, ox * c.stride + s * c.dilation,
                                    o / group_outputs() * group_inputs() + i));
              right.push_back(dz[((b * conv.output_height() + oy) * conv.output_width() + ox) * c.out_channels + o]);
            }
        oracle.draw_from(kSeed, kPlace.step, kTensor, 2);
        sums.push_back(oracle.chain(0, left, right, kPlace.first_element + chunk * weights.size() + w));
      }
      oracle.draw_from(kSeed, kPlace.step, kTensor, 3);
      for (std::size_t step = 1; step < chunks; step *= 2)
        for (std::size_t chunk = 0; chunk + step < chunks; chunk += 2 * step)
          sums[chunk] =
              oracle.sum(sums[chunk], sums[chunk + step], kPlace.first_element + (chunk + step) * weights.size() + w);
      ASSERT_EQ(dweights[w], sums.empty() ? 0 : sums[0]) << "dweights[" << w << "]";
    }
  }

  static constexpr float kPoison = -12345;
  Conv2dConfig c;
  std::size_t batch;
  Format format;
  ops::Conv2d<float> conv;
  std::vector<float> x, weights, bias, dz, y, dx, dweights, dbias, turned, shared;
};

// Borders, strides, dilations, groups, depthwise; images of several pieces (the last but one), more images than chunks.
const std::pair<Conv2dConfig, std::size_t> kConvolutions[] = {
    {{.height = 7,
      .width = 6,
      .in_channels = 3,
      .out_channels = 5,
      .kernel_height = 3,
      .kernel_width = 2,
      .pad_top = 1,
      .pad_left = 1},
     3},
    {{.height = 6,
      .width = 7,
      .in_channels = 2,
      .out_channels = 19,
      .kernel_height = 3,
      .kernel_width = 3,
      .stride = 2,
      .pad_right = 1},
     2},
    {{.height = 7,
      .width = 7,
      .in_channels = 4,
      .out_channels = 6,
      .kernel_height = 2,
      .kernel_width = 3,
      .pad_top = 1,
      .dilation = 2,
      .groups = 2},
     2},
    {{.height = 6,
      .width = 6,
      .in_channels = 5,
      .out_channels = 5,
      .kernel_height = 3,
      .kernel_width = 3,
      .pad_left = 1,
      .dilation = 2,
      .groups = 5},
     3},
    {{.height = 5,
      .width = 5,
      .in_channels = 18,
      .out_channels = 18,
      .kernel_height = 3,
      .kernel_width = 2,
      .stride = 2,
      .groups = 18},
     2},
    {{.height = 4, .width = 3, .in_channels = 6, .out_channels = 4}, 2},
    {{.height = 66, .width = 64, .in_channels = 1, .out_channels = 3, .kernel_height = 3, .kernel_width = 1}, 1},
    {{.height = 3, .width = 3, .in_channels = 2, .out_channels = 2, .kernel_height = 2, .kernel_width = 2}, 37},
};

TEST_P(NarrowAccumulator, IsRoundedInOrderOfTheWindowInAConvolution) {
  for (const auto& [config, batch] : kConvolutions)
    for (const auto& [name, chunk] : kFormats) {
      SCOPED_TRACE(testing::Message() << name << '/' << chunk << ", image of " << config.height << " x " << config.width
                                      << ", groups " << config.groups);
      Job job(config, batch, format_of(name, chunk), isa());
      job.run(2);
      job.expect();
      if (HasFatalFailure()) return;
    }
}

TEST_P(NarrowAccumulator, GivesTheSameBytesForAnyNumberOfWorkers) {
  for (const auto& [config, batch] : kConvolutions)
    for (const auto& [name, chunk] : kFormats) {
      Job one(config, batch, format_of(name, chunk), isa());
      one.run(1);
      for (const int threads : {2, 3, 7}) {
        Job many(config, batch, format_of(name, chunk), isa());
        many.run(threads);
        ASSERT_EQ(many.y, one.y) << threads;
        ASSERT_EQ(many.dx, one.dx) << threads;
        ASSERT_EQ(many.dweights, one.dweights) << threads;
        ASSERT_EQ(many.dbias, one.dbias) << threads;
      }
    }
}

TEST_P(NarrowAccumulator, AllocatesNothingWhileItRuns) {
  Job job(kConvolutions[0].first, 4, format_of("f6.5", 5), isa());
  const std::size_t each = job.conv.scratch_per_worker();
  std::vector<float> scratch(2 * each);
  EXPECT_EQ(allocations_during([&](Worker& worker) {
              const ops::Scratch<float> own{scratch.data() + each * static_cast<std::size_t>(worker.index),
                                            job.shared.data()};
              job.conv.transpose_weights(worker, job.weights.data(), job.turned.data());
              job.conv.forward(worker, 4, job.x.data(), job.weights.data(), job.bias.data(), job.y.data(), own, {});
              job.conv.backward_weights(worker, 4, job.x.data(), job.dz.data(), job.dweights.data(), job.dbias.data(),
                                        own);
              job.conv.backward_data(worker, 4, job.dz.data(), job.turned.data(), job.dx.data(), own, {});
            }),
            0U);
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, NarrowAccumulator, testing::ValuesIn(machine::usable_carrier_tables()), isa_name);

}  // namespace
}  // namespace udnn::test
