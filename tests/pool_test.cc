// Pooling and its ways back, against plain loops.
#include "src/ops/pool.h"

#include <cmath>

#include <fmt/format.h>

#include "tests/support.h"

namespace udnn::test {
namespace {

using ops::PoolConfig;

std::string describe(const PoolConfig& c) {
  return fmt::format("{}x{}x{}, kernel {}x{}, stride {}, pad {} {} {} {}", c.height, c.width, c.channels,
                     c.kernel_height, c.kernel_width, c.stride, c.pad_top, c.pad_bottom, c.pad_left, c.pad_right);
}

std::vector<PoolConfig> shapes() {
  return {
      {.height = 28, .width = 28, .channels = 6},
      {.height = 7, .width = 5, .channels = 1},
      {.height = 4, .width = 6, .channels = 37},
      {.height = 9,
       .width = 8,
       .channels = 16,
       .kernel_height = 3,
       .kernel_width = 3,
       .stride = 1,
       .pad_top = 1,
       .pad_bottom = 1,
       .pad_left = 1,
       .pad_right = 1},
      {.height = 9,
       .width = 8,
       .channels = 5,
       .kernel_height = 3,
       .kernel_width = 2,
       .stride = 3,
       .pad_bottom = 2,
       .pad_left = 1},
      {.height = 3,
       .width = 3,
       .channels = 4,
       .kernel_height = 2,
       .kernel_width = 3,
       .stride = 1,
       .pad_top = 1,
       .pad_left = 2,
       .pad_right = 2},
      {.height = 5, .width = 6, .channels = 3, .kernel_height = 5, .kernel_width = 6, .stride = 1},  // the whole image
      {.height = 16, .width = 16, .channels = 1, .kernel_height = 16, .kernel_width = 16, .stride = 1},  // 256 places
      {.height = 70, .width = 60, .channels = 9, .kernel_height = 1, .kernel_width = 1, .stride = 1},  // several pieces
      {.height = 2, .width = 2, .channels = 2, .kernel_height = 1, .kernel_width = 1, .stride = 5},
  };
}

// The places of each window inside the image, as indices into x, in order of (r, s); with their codes.
struct Window {
  std::vector<std::size_t> places, codes;
};

std::vector<Window> windows(const PoolConfig& c, std::size_t batch, std::size_t out_height, std::size_t out_width) {
  std::vector<Window> all;
  for (std::size_t b = 0; b < batch; ++b)
    for (std::size_t oy = 0; oy < out_height; ++oy)
      for (std::size_t ox = 0; ox < out_width; ++ox)
        for (std::size_t channel = 0; channel < c.channels; ++channel) {
          Window window;
          for (std::size_t r = 0; r < c.kernel_height; ++r)
            for (std::size_t s = 0; s < c.kernel_width; ++s) {
              const std::size_t y = oy * c.stride + r, x = ox * c.stride + s;
              if (y < c.pad_top || x < c.pad_left || y - c.pad_top >= c.height || x - c.pad_left >= c.width) continue;
              window.places.push_back(((b * c.height + y - c.pad_top) * c.width + x - c.pad_left) * c.channels +
                                      channel);
              window.codes.push_back(r * c.kernel_width + s);
            }
          all.push_back(std::move(window));
        }
  return all;
}

class Pool : public OnEveryIsa {
 protected:
  static constexpr std::size_t kBatch = 3;

  template <class T>
  void expect_maxima(const PoolConfig& c, const std::vector<T>& x) {
    SCOPED_TRACE(describe(c));
    const auto pool = ops::MaxPool2d<T>::create(c, isa());
    ASSERT_TRUE(pool) << pool.error().message();
    const auto want = windows(c, kBatch, pool->output_height(), pool->output_width());
    const auto dy = small_integers<T>(want.size(), 2);
    std::vector<T> y(want.size(), -99), dx(x.size(), -99);
    std::vector<std::uint8_t> argmax(want.size(), 99);
    const auto add = [](T* piece, std::size_t count, std::size_t) {
      for (std::size_t i = 0; i < count; ++i) piece[i] += 1000;
    };
    Team::create(2)->run([&](Worker& worker) {
      pool->forward(worker, kBatch, x.data(), y.data(), argmax.data(), add);
      pool->backward(worker, kBatch, dy.data(), argmax.data(), dx.data(), add);
    });

    std::vector<T> want_dx(x.size(), 1000);
    for (std::size_t i = 0; i < want.size(); ++i) {
      const std::size_t best = reference::first_maximum(want[i].places, x.data());
      const T largest = x[want[i].places[best]] + 1000;
      ASSERT_TRUE(y[i] == largest || (std::isnan(y[i]) && std::isnan(largest)))
          << "y[" << i << "] = " << y[i] << ", expected " << largest;
      ASSERT_EQ(argmax[i], want[i].codes[best]) << "argmax[" << i << "]";
      want_dx[want[i].places[best]] += dy[i];
    }
    ASSERT_EQ(dx, want_dx);
  }

  template <class T>
  void expect_means(const PoolConfig& c) {
    SCOPED_TRACE(describe(c));
    const auto pool = ops::AvgPool2d<T>::create(c, isa());
    ASSERT_TRUE(pool) << pool.error().message();
    const auto want = windows(c, kBatch, pool->output_height(), pool->output_width());
    const auto x = small_integers<T>(kBatch * c.height * c.width * c.channels, 1),
               dy = small_integers<T>(want.size(), 2);
    std::vector<T> y(want.size(), -99), dx(x.size(), -99);
    Team::create(2)->run([&](Worker& worker) {
      pool->forward(worker, kBatch, x.data(), y.data(), {});
      pool->backward(worker, kBatch, dy.data(), dx.data(), {});
    });
    std::vector<T> want_dx(x.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      const T count = static_cast<T>(want[i].places.size());
      T sum = 0;
      for (const std::size_t place : want[i].places) {
        sum += x[place];
        want_dx[place] += dy[i] / count;
      }
      ASSERT_EQ(y[i], sum / count) << "y[" << i << "]";
    }
    ASSERT_EQ(dx, want_dx);  // added in the same order: the same bits
  }
};

TEST_P(Pool, MaximumIsExact) {
  for (const PoolConfig& c : shapes()) {
    // Small integers are full of ties.
    const std::size_t size = kBatch * c.height * c.width * c.channels;
    expect_maxima<float>(c, small_integers<float>(size, 1));
    expect_maxima<double>(c, small_integers<double>(size, 1));
  }
}

TEST_P(Pool, MaximumIsNanWhereTheWindowHoldsOne) {
  for (const PoolConfig& c : shapes()) {
    auto x = small_integers<float>(kBatch * c.height * c.width * c.channels, 1);
    for (std::size_t i = 0; i < x.size(); i += 7) x[i] = NAN;
    expect_maxima<float>(c, x);
  }
}

TEST_P(Pool, MaximumOfZerosIsPositive) {
  const PoolConfig c{.height = 2, .width = 2, .channels = 1};
  const auto pool = ops::MaxPool2d<float>::create(c, isa());
  ASSERT_TRUE(pool);
  for (const std::vector<float>& x :
       {std::vector<float>{-0.0F, 0, -1, -0.0F}, std::vector<float>{-1, -0.0F, -0.0F, -2}}) {
    float y = -1;
    Team::create(1)->run([&](Worker& worker) { pool->forward(worker, 1, x.data(), &y, nullptr, {}); });
    EXPECT_EQ(y, 0);
    EXPECT_FALSE(std::signbit(y));
  }
}

TEST_P(Pool, MeanIsExact) {
  for (const PoolConfig& c : shapes()) {
    expect_means<float>(c);
    expect_means<double>(c);
  }
}

TEST_P(Pool, GivesTheSameBytesForAnyNumberOfWorkersAndAllocatesNothing) {
  const PoolConfig c = shapes()[3];
  const auto max = ops::MaxPool2d<float>::create(c, isa());
  const auto avg = ops::AvgPool2d<float>::create(c, isa());
  ASSERT_TRUE(max && avg);
  const std::size_t size = c.height * c.width * c.channels;  // y is as large as x
  const auto x = reals<float>(5 * size, 1);
  std::vector<std::uint8_t> argmax(5 * size);
  const auto run = [&](Worker& worker, float* out) {
    max->forward(worker, 5, x.data(), out, argmax.data(), {});
    max->backward(worker, 5, out, argmax.data(), out + 5 * size, {});
    avg->forward(worker, 5, out + 5 * size, out + 10 * size, {});
    avg->backward(worker, 5, out + 10 * size, out + 15 * size, {});
  };
  expect_same_bytes_for_any_team(std::vector<float>(20 * size), run);
  std::vector<float> out(20 * size);
  EXPECT_EQ(allocations_during([&](Worker& worker) { run(worker, out.data()); }), 0U);
}

TEST_P(Pool, StaysInsideItsOperands) {
  for (const PoolConfig& c : shapes())
    for (const auto edge : {Edge::kEnd, Edge::kBegin}) {
      const auto pool = ops::MaxPool2d<float>::create(c, isa());
      ASSERT_TRUE(pool);
      const std::size_t outputs = pool->output_height() * pool->output_width() * c.channels;
      Guarded<float> x(small_integers<float>(c.height * c.width * c.channels, 1), edge),
          y(std::vector<float>(outputs), edge);
      Guarded<std::uint8_t> argmax(std::vector<std::uint8_t>(outputs), edge);
      Team::create(1)->run([&](Worker& worker) {
        pool->forward(worker, 1, x.data(), y.data(), argmax.data(), {});
        pool->backward(worker, 1, y.data(), argmax.data(), x.data(), {});
      });
    }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Pool, testing::ValuesIn(machine::usable_carrier_tables()), isa_name);

TEST(PoolConfig, SaysWhichFieldIsWrongAndWhatWasExpected) {
  const auto& table = *machine::usable_carrier_tables().front();
  const auto max = [&](const PoolConfig& c) {
    const auto pool = ops::MaxPool2d<float>::create(c, table);
    return pool ? "accepted" : pool.error().message();
  };
  const auto avg = [&](const PoolConfig& c) {
    const auto pool = ops::AvgPool2d<float>::create(c, table);
    return pool ? "accepted" : pool.error().message();
  };
  constexpr std::size_t kHuge = std::size_t{1} << 40U;
  EXPECT_EQ(max({}), "maxpool.height: 0, expected at least 1");
  EXPECT_EQ(avg({.height = 4}), "avgpool.width: 0, expected at least 1");
  EXPECT_EQ(avg({.height = 4, .width = 4}), "avgpool.channels: 0, expected at least 1");
  EXPECT_EQ(max({.height = 4, .width = 4, .channels = 1, .kernel_height = 0}),
            "maxpool.kernel_height: 0, expected at least 1");
  EXPECT_EQ(max({.height = 4, .width = 4, .channels = 1, .kernel_width = 0}),
            "maxpool.kernel_width: 0, expected at least 1");
  EXPECT_EQ(max({.height = 4, .width = 4, .channels = 1, .stride = 0}), "maxpool.stride: 0, expected at least 1");
  EXPECT_EQ(max({.height = kHuge, .width = 4, .channels = 1}),
            "maxpool.height: 1099511627776, expected at most 2147483648");
  EXPECT_EQ(avg({.height = 1U << 31U, .width = 1U << 31U, .channels = 64}),
            "avgpool: image of 2147483648 x 2147483648 x 64 elements, expected fewer than 2^64");
  EXPECT_EQ(max({.height = 4, .width = 4, .channels = 1, .pad_top = 2}),
            "maxpool.pad_top: 2, expected less than the kernel_height of 2, or a window would hold nothing");
  EXPECT_EQ(avg({.height = 4, .width = 4, .channels = 1, .kernel_width = 3, .pad_right = 3}),
            "avgpool.pad_right: 3, expected less than the kernel_width of 3, or a window would hold nothing");
  EXPECT_EQ(max({.height = 1, .width = 4, .channels = 1}),
            "maxpool.kernel_height: 2, expected at most the 1 rows of the padded image");
  EXPECT_EQ(max({.height = 4, .width = 1, .channels = 1}),
            "maxpool.kernel_width: 2, expected at most the 1 columns of the padded image");
  EXPECT_EQ(max({.height = 40, .width = 40, .channels = 1, .kernel_height = 17, .kernel_width = 16}),
            "maxpool.kernel: 17 x 16, expected at most 256 places in a window");
  EXPECT_EQ(avg({.height = 40, .width = 40, .channels = 1, .kernel_height = 40, .kernel_width = 40}), "accepted");
}

}  // namespace
}  // namespace udnn::test
