// Convolution and both ways back, against plain loops.
#include "src/ops/conv2d.h"

#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "tests/support.h"

namespace udnn::test {
namespace {

using ops::Conv2dConfig;

reference::Conv2d reference_of(const Conv2dConfig& c) {
  return {c.height,  c.width,      c.in_channels, c.out_channels, c.kernel_height, c.kernel_width, c.stride,
          c.pad_top, c.pad_bottom, c.pad_left,    c.pad_right,    c.dilation,      c.groups};
}

std::string describe(const Conv2dConfig& c, std::size_t batch) {
  return fmt::format("batch {}, {}x{}x{} to {}, kernel {}x{}, stride {}, pad {} {} {} {}, dilation {}, groups {}",
                     batch, c.height, c.width, c.in_channels, c.out_channels, c.kernel_height, c.kernel_width, c.stride,
                     c.pad_top, c.pad_bottom, c.pad_left, c.pad_right, c.dilation, c.groups);
}

// All that a convolution computes, with its operands.
template <class T>
struct Job {
  Job(const Conv2dConfig& config, std::size_t images, const kernels::KernelTable& table,
      std::vector<T> (*operands)(std::size_t, unsigned))
      : batch(images), shape(reference_of(config)), conv(std::move(*ops::Conv2d<T>::create(config, table))) {
    x = operands(batch * config.height * config.width * config.in_channels, 1);
    weights = operands(
        config.kernel_height * config.kernel_width * config.in_channels / config.groups * config.out_channels, 2);
    bias = operands(config.out_channels, 3);
    dz = operands(batch * conv.output_height() * conv.output_width() * config.out_channels, 4);
    y.assign(dz.size(), kPoison);
    dx.assign(x.size(), kPoison);
    dweights.assign(weights.size(), kPoison);
    dbias.assign(bias.size(), kPoison);
    backward_weights.assign(conv.backward_weights_size(), kPoison);
    shared.assign(conv.shared_scratch(batch), kPoison);
  }

  void run(int threads) {
    const std::size_t each = conv.scratch_per_worker();
    std::vector<T> scratch(each * static_cast<std::size_t>(threads), kPoison);
    Team::create(threads)->run([&](Worker& worker) {
      run(worker, {scratch.data() + each * static_cast<std::size_t>(worker.index), shared.data()});
    });
  }

  // Each op reads what all workers wrote in the one before: a missing barrier shows. Finishing negates.
  void run(Worker& worker, ops::Scratch<T> scratch) {
    const auto negate = [](T* piece, std::size_t count, std::size_t) {
      for (std::size_t i = 0; i < count; ++i) piece[i] = -piece[i];
    };
    conv.transpose_weights(worker, weights.data(), backward_weights.data());
    conv.forward(worker, batch, x.data(), weights.data(), bias.data(), y.data(), scratch, negate);
    conv.backward_weights(worker, batch, x.data(), dz.data(), dweights.data(), dbias.data(), scratch);
    conv.backward_data(worker, batch, dz.data(), backward_weights.data(), dx.data(), scratch, negate);
  }

  // Signs are those after `negate`.
  void expect(bool exact) const {
    expect_sums("y", reference::conv2d(shape, batch, x.data(), weights.data(), bias.data()), y, -1, exact,
                shape.kernel_height * shape.kernel_width * shape.in_channels);
    expect_sums("dx", reference::conv2d_backward_data(shape, batch, dz.data(), weights.data()), dx, -1, exact,
                shape.kernel_height * shape.kernel_width * shape.out_channels);
    const std::size_t pixels = batch * shape.output_height() * shape.output_width();
    expect_sums("dweights", reference::conv2d_backward_weights(shape, batch, x.data(), dz.data()), dweights, 1, exact,
                pixels);
    expect_sums("dbias", reference::column_sums(pixels, shape.out_channels, dz.data()), dbias, 1, exact, pixels);
  }

  static void expect_sums(const char* what, const std::vector<reference::Sum>& want, const std::vector<T>& got,
                          int sign, bool exact, std::size_t terms) {
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      const long double bound = exact ? 0 : error_bound<T>(terms, want[i].magnitude);
      ASSERT_LE(std::abs(static_cast<T>(sign) * got[i] - want[i].value), bound)
          << what << "[" << i << "] is " << static_cast<T>(sign) * got[i];
    }
  }

  static constexpr T kPoison = -12345;
  std::size_t batch;
  reference::Conv2d shape;
  ops::Conv2d<T> conv;
  std::vector<T> x, weights, bias, dz, y, dx, dweights, dbias, backward_weights, shared;
};

// Shapes that mix everything; images small enough that every border matters.
std::vector<Conv2dConfig> generated_shapes() {
  std::mt19937 random(20161);
  const auto draw = [&](std::size_t low, std::size_t high) { return low + random() % (high - low + 1); };
  std::vector<Conv2dConfig> shapes;
  while (shapes.size() < 300) {
    Conv2dConfig c{.height = draw(1, 9),
                   .width = draw(1, 20),
                   .kernel_height = draw(1, 5),
                   .kernel_width = draw(1, 5),
                   .stride = draw(1, 3),
                   .pad_top = draw(0, 2),
                   .pad_bottom = draw(0, 2),
                   .pad_left = draw(0, 2),
                   .pad_right = draw(0, 2),
                   .dilation = draw(1, 2)};
    const std::size_t kind = draw(0, 3);
    c.groups = kind == 0 ? draw(2, 4) : 1;
    c.in_channels = c.groups * draw(1, kind == 0 ? 5 : 17);
    c.out_channels = c.groups * draw(1, kind == 0 ? 5 : 17);
    if (kind == 1) c.groups = c.out_channels = c.in_channels;  // depthwise
    if (ops::Conv2d<float>::create(c, *machine::usable_carrier_tables().back())) shapes.push_back(c);
  }
  return shapes;
}

class Conv2d : public OnEveryIsa {
 protected:
  template <class T>
  void expect_definition(std::vector<T> (*operands)(std::size_t, unsigned), bool exact) {
    std::size_t number = 0;
    for (const Conv2dConfig& config : generated_shapes()) {
      const std::size_t batch = number++ % 4;
      SCOPED_TRACE(describe(config, batch));
      Job<T> job(config, batch, isa(), operands);
      job.run(number % 10 == 0 ? 2 : 1);
      job.expect(exact);
      if (testing::Test::HasFatalFailure()) return;
    }
  }

  template <class T>
  void expect_exact(const Conv2dConfig& config, std::size_t batch) {
    SCOPED_TRACE(describe(config, batch));
    Job<T> job(config, batch, isa(), small_integers<T>);
    job.run(2);
    job.expect(true);
  }
};

TEST_P(Conv2d, IsExactOnSmallIntegersInFloat) { expect_definition<float>(small_integers<float>, true); }
TEST_P(Conv2d, IsExactOnSmallIntegersInDouble) { expect_definition<double>(small_integers<double>, true); }
TEST_P(Conv2d, IsExactOnSmallIntegersInTheWideCarrier) {
  expect_definition<kernels::Wide>(small_integers<kernels::Wide>, true);
}
TEST_P(Conv2d, StaysInsideTheErrorBound) { expect_definition<float>(reals<float>, false); }

// Images of several pieces, more images than chunks, several panels of columns, and pixels that are rows of one
// product.
TEST_P(Conv2d, IsExactWhereTheWorkIsCut) {
  expect_exact<float>({.height = 40,
                       .width = 33,
                       .in_channels = 3,
                       .out_channels = 20,
                       .kernel_height = 3,
                       .kernel_width = 3,
                       .pad_top = 1,
                       .pad_bottom = 1,
                       .pad_left = 1,
                       .pad_right = 1},
                      2);
  expect_exact<float>(
      {.height = 5, .width = 4, .in_channels = 2, .out_channels = 3, .kernel_height = 2, .kernel_width = 2}, 37);
  expect_exact<float>(
      {.height = 3, .width = 4, .in_channels = 5, .out_channels = 131, .kernel_height = 2, .kernel_width = 3}, 2);
  expect_exact<double>({.height = 48, .width = 10, .in_channels = 20, .out_channels = 24}, 2);
}

TEST_P(Conv2d, TakesPaddingThatIsWiderThanTheKernel) {
  expect_exact<float>({.height = 2,
                       .width = 3,
                       .in_channels = 2,
                       .out_channels = 3,
                       .kernel_height = 2,
                       .kernel_width = 1,
                       .stride = 2,
                       .pad_top = 5,
                       .pad_bottom = 3,
                       .pad_left = 4,
                       .pad_right = 6},
                      2);
}

TEST_P(Conv2d, GivesTheSameBytesForAnyNumberOfWorkers) {
  for (const std::size_t batch : Sizes{1, 3, 37}) {
    const Conv2dConfig config{.height = 14,
                              .width = 14,
                              .in_channels = 3,
                              .out_channels = 5,
                              .kernel_height = 3,
                              .kernel_width = 3,
                              .pad_top = 1,
                              .pad_bottom = 1,
                              .pad_left = 1,
                              .pad_right = 1};
    Job<float> one(config, batch, isa(), reals<float>);
    one.run(1);
    for (const int threads : {2, 3, 7}) {
      Job<float> many(config, batch, isa(), reals<float>);
      many.run(threads);
      const auto expect_same = [threads](const char* what, const std::vector<float>& got,
                                         const std::vector<float>& want) {
        EXPECT_EQ(std::memcmp(got.data(), want.data(), want.size() * sizeof(float)), 0)
            << what << " with " << threads << " threads";
      };
      expect_same("y", many.y, one.y);
      expect_same("dx", many.dx, one.dx);
      expect_same("dweights", many.dweights, one.dweights);
      expect_same("dbias", many.dbias, one.dbias);
    }
  }
}

TEST_P(Conv2d, AllocatesNothingWhileItRuns) {
  Job<float> job({.height = 9,
                  .width = 9,
                  .in_channels = 3,
                  .out_channels = 5,
                  .kernel_height = 3,
                  .kernel_width = 3,
                  .pad_left = 1},
                 4, isa(), reals<float>);
  const std::size_t each = job.conv.scratch_per_worker();
  std::vector<float> scratch(2 * each);
  EXPECT_EQ(allocations_during([&](Worker& worker) {
              job.run(worker, {scratch.data() + each * static_cast<std::size_t>(worker.index), job.shared.data()});
            }),
            0U);
}

// Scratch is as large as it says, and no operand is read or written beyond its end.
TEST_P(Conv2d, StaysInsideItsOperands) {
  for (const std::size_t stride : Sizes{1, 2})
    for (const auto edge : {Edge::kEnd, Edge::kBegin}) {
      const Conv2dConfig config{.height = 6,
                                .width = 7,
                                .in_channels = 3,
                                .out_channels = 5,
                                .kernel_height = 3,
                                .kernel_width = 2,
                                .stride = stride,
                                .pad_top = stride - 1,
                                .pad_right = stride - 1};
      Job<float> job(config, 3, isa(), small_integers<float>);
      Guarded<float> x(job.x, edge), weights(job.weights, edge), bias(job.bias, edge), dz(job.dz, edge), y(job.y, edge),
          dx(job.dx, edge);
      Guarded<float> dweights(job.dweights, edge), dbias(job.dbias, edge), backward_weights(job.backward_weights, edge),
          shared(job.shared, edge);
      Guarded<float> mine(std::vector<float>(job.conv.scratch_per_worker()), edge);
      Team::create(1)->run([&](Worker& worker) {
        const ops::Scratch<float> scratch{mine.data(), shared.data()};
        job.conv.transpose_weights(worker, weights.data(), backward_weights.data());
        job.conv.forward(worker, 3, x.data(), weights.data(), bias.data(), y.data(), scratch, {});
        job.conv.backward_weights(worker, 3, x.data(), dz.data(), dweights.data(), dbias.data(), scratch);
        job.conv.backward_data(worker, 3, dz.data(), backward_weights.data(), dx.data(), scratch, {});
      });
      const auto want = reference::conv2d(job.shape, 3, job.x.data(), job.weights.data(), job.bias.data());
      for (std::size_t i = 0; i < want.size(); ++i) ASSERT_EQ(y.data()[i], want[i].value) << "y[" << i << "]";
    }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Conv2d, testing::ValuesIn(machine::usable_carrier_tables()), isa_name);

std::string refusal(const Conv2dConfig& config) {
  const auto conv = ops::Conv2d<float>::create(config, *machine::usable_carrier_tables().front());
  return conv ? "accepted" : conv.error().message();
}

TEST(Conv2dConfig, SaysWhichFieldIsWrongAndWhatWasExpected) {
  const Conv2dConfig good{
      .height = 5, .width = 5, .in_channels = 4, .out_channels = 6, .kernel_height = 3, .kernel_width = 3};
  EXPECT_EQ(refusal(good), "accepted");
  const auto with = [&](std::size_t Conv2dConfig::*field, std::size_t value) {
    Conv2dConfig config = good;
    config.*field = value;
    return refusal(config);
  };
  EXPECT_EQ(refusal({}), "conv2d.height: 0, expected at least 1");
  EXPECT_EQ(with(&Conv2dConfig::width, 0), "conv2d.width: 0, expected at least 1");
  EXPECT_EQ(with(&Conv2dConfig::in_channels, 0), "conv2d.in_channels: 0, expected at least 1");
  EXPECT_EQ(with(&Conv2dConfig::out_channels, 0), "conv2d.out_channels: 0, expected at least 1");
  EXPECT_EQ(with(&Conv2dConfig::kernel_height, 0), "conv2d.kernel_height: 0, expected at least 1");
  EXPECT_EQ(with(&Conv2dConfig::kernel_width, 0), "conv2d.kernel_width: 0, expected at least 1");
  EXPECT_EQ(with(&Conv2dConfig::stride, 0), "conv2d.stride: 0, expected at least 1");
  EXPECT_EQ(with(&Conv2dConfig::dilation, 0), "conv2d.dilation: 0, expected at least 1");
  EXPECT_EQ(with(&Conv2dConfig::groups, 0), "conv2d.groups: 0, expected at least 1");
  EXPECT_EQ(with(&Conv2dConfig::groups, 3),
            "conv2d.groups: 3, expected a divisor of both 4 input and 6 output channels");
  EXPECT_EQ(with(&Conv2dConfig::kernel_height, 6),
            "conv2d.kernel_height: 6, which with dilation 1 covers 6 rows, expected at most the 5 of the padded image");
  EXPECT_EQ(with(&Conv2dConfig::dilation, 3),
            "conv2d.kernel_height: 3, which with dilation 3 covers 7 rows, expected at most the 5 of the padded image");
  EXPECT_EQ(
      with(&Conv2dConfig::kernel_width, 7),
      "conv2d.kernel_width: 7, which with dilation 1 covers 7 columns, expected at most the 5 of the padded image");
}

TEST(Conv2dConfig, RefusesSizesThatOverflow) {
  constexpr std::size_t kHuge = std::size_t{1} << 40U;
  EXPECT_EQ(refusal({.height = std::size_t{1} << 60U, .width = 1, .in_channels = 1, .out_channels = 1}),
            "conv2d.height: 1152921504606846976, expected at most 281474976710656");
  EXPECT_EQ(refusal({.height = 1, .width = 1, .in_channels = 1, .out_channels = 1, .pad_left = std::size_t{1} << 60U}),
            "conv2d.pad_left: 1152921504606846976, expected at most 281474976710656");
  EXPECT_EQ(refusal({.height = kHuge, .width = kHuge, .in_channels = 1, .out_channels = 1}),
            "conv2d: padded image of 1099511627776 x 1099511627776 x 1 elements, expected at most 281474976710656");
  EXPECT_EQ(
      refusal({.height = 1, .width = 1, .in_channels = kHuge, .out_channels = kHuge}),
      "conv2d.kernel: 1 x 1 for 1099511627776 to 1099511627776 channels, expected at most 281474976710656 weights");
}

}  // namespace
}  // namespace udnn::test
