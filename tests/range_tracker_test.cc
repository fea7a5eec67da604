// Scales: of weights from their values, of other tensors over time.
#include "src/numbers/range_tracker.h"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/numbers_support.h"
#include "tests/support.h"

namespace udnn::test {
namespace {

using numbers::RangeObservation;
using numbers::RangeTracker;
using numbers::Scale;

template <class T>
RangeTracker<T> tracker(std::string_view text) {
  auto made = RangeTracker<T>::create(format(text), *machine::usable_carrier_tables().front());
  if (!made) throw std::runtime_error(made.error().message());
  return *made;
}

template <class T>
void see(RangeTracker<T>& range, const std::vector<T>& values) {
  RangeObservation observation = range.observation();
  range.observe(values.data(), values.size(), observation);
  range.update(observation);
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(RangeTracker, TakesTheLeastPowerOfTwoThatHoldsTheMaximum) {
  auto range = tracker<double>("dfx8");
  EXPECT_FALSE(range.primed());
  EXPECT_EQ(range.scale().unit, 1);
  see(range, {0.0, 0.0});
  EXPECT_FALSE(range.primed());
  see(range, {0.5, -127.0, kNan, kInfinity});
  EXPECT_TRUE(range.primed());
  EXPECT_EQ(range.scale().unit, 1);
  see(range, {127.001});  // grows at once
  EXPECT_EQ(range.scale().unit, 2);
  double running = 127.001;
  int steps = 0;
  for (; range.scale().unit == 2; ++steps) {  // shrinks by a tenth of the difference
    see(range, {60.0});
    running = std::max(60.0, 0.9 * running + 0.1 * 60.0);
    ASSERT_LT(steps, 100);
  }
  EXPECT_EQ(steps, 1);
  EXPECT_EQ(range.scale().unit, 1);
  while (range.scale().unit == 1 && steps < 100) {
    see(range, {60.0});
    running = std::max(60.0, 0.9 * running + 0.1 * 60.0);
    ++steps;
  }
  EXPECT_EQ(range.scale().unit, 0.5);
  EXPECT_LE(running, 63.5);
}

TEST(RangeTracker, LooksPastTheLargestByPercentileAndByError) {
  std::vector<double> values(1000);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = (i % 2 == 0 ? 1.0 : -1.0) * static_cast<double>(i + 1) / 1000;
  values[998] = 1e6;  // two outliers
  values[999] = -1e6;
  auto all = tracker<double>("int8:pct=100");
  see(all, values);
  EXPECT_EQ(all.scale().unit, 1e6 / 127);
  for (const char* text : {"int8:pct=99.8", "int8:ovf=0.002", "int8:pct=99"}) {
    auto most = tracker<double>(text);
    see(most, values);
    EXPECT_EQ(most.scale().unit, 1.0 / 127) << text;  // 0.998 and 0.99 lie in the bin that ends at 1
  }
  auto half = tracker<double>("uint8:pct=50");
  see(half, values);
  EXPECT_EQ(half.scale().unit, (0.5625 + 0.5625) / 255);  // 0.5 itself opens the bin 0.5 .. 0.5625
  auto fixed = tracker<double>("dfx8:pct=99");
  see(fixed, values);
  EXPECT_EQ(fixed.scale().unit, 0x1p-6);
}

TEST(RangeTracker, MseIsTheLeastOfItsCandidates) {
  // Half of the values fill 0 .. 1, one is 3: at 3 bits it is worth clipping, at 12 bits it is not.
  std::vector<double> values(1001);
  for (std::size_t i = 0; i < 1000; ++i) values[i] = static_cast<double>(i) / 1000;
  values[1000] = 3;
  const auto range_at = [&](const char* text, double codes) {
    auto range = tracker<double>(text);
    see(range, values);
    return range.scale().unit * codes;
  };
  EXPECT_LT(range_at("int3:mse", 3), 1.5);
  EXPECT_DOUBLE_EQ(range_at("int12:mse", 2047), 3);
  // The true error of the chosen scale is no worse than that of the largest.
  const auto error_at = [&](const char* text) {
    auto range = tracker<double>(text);
    see(range, values);
    const auto q = numbers::Quantizer<double>::create(format(text), *machine::usable_carrier_tables().front());
    numbers::TensorStatistics statistics;
    std::vector<double> rounded(values.size());
    q->run(values.data(), rounded.data(), values.size(), 0, {}, range.scale(), &statistics);
    return statistics.error_squares;
  };
  EXPECT_LT(error_at("int3:mse"), 0.5 * error_at("int3"));
  EXPECT_LT(error_at("dfx4:mse"), 0.9 * error_at("dfx4"));
}

TEST(WeightScales, FollowTheSameRulesForEachChannel) {
  // Column 0: 1 .. 100 and an outlier; column 1: the same times 1/4.
  std::vector<float> w;
  for (int i = 1; i <= 100; ++i) {
    const float value = i == 100 ? 1e4F : static_cast<float>(i);
    w.push_back(value);
    w.push_back(-value / 4);
  }
  Scale scales[2];
  numbers::weight_scales(format("int8:pct=95"), w.data(), 100, 2, scales);
  EXPECT_EQ(scales[0].unit, static_cast<double>(static_cast<float>(96.0 / 127)));  // 95 lies in 88 .. 96
  EXPECT_EQ(scales[1].unit, static_cast<double>(static_cast<float>(24.0 / 127)));
  numbers::weight_scales(format("dfx8:pct=95"), w.data(), 100, 2, scales);
  EXPECT_EQ(scales[0].unit, 1);
  EXPECT_EQ(scales[1].unit, 1);
}

TEST(RangeTracker, StaysWithinTheCarrier) {
  auto small = tracker<float>("dfx8");
  see(small, {std::numeric_limits<float>::denorm_min()});
  EXPECT_EQ(small.scale().unit, 0x1p-126);
  auto large = tracker<float>("dfx8");
  see(large, {std::numeric_limits<float>::max()});
  EXPECT_EQ(large.scale().unit, 0x1p118);
  const auto quantizer = numbers::Quantizer<float>::create(format("int16"), *machine::usable_carrier_tables().front());
  for (const float extreme : {std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::max()}) {
    auto integers = tracker<float>("int16");
    see(integers, {extreme});
    EXPECT_TRUE(quantizer->accepts(integers.scale()).ok()) << quantizer->accepts(integers.scale()).message();
  }
}

TEST(RangeTracker, ScalesIntegersByTheirLargestCode) {
  auto range = tracker<double>("int8");
  see(range, {1.0, -0.5});
  EXPECT_EQ(range.scale(), (Scale{.unit = 1.0 / 127}));
  auto narrow = tracker<float>("int8");
  see(narrow, {1.0F, -0.5F});
  EXPECT_EQ(narrow.scale().unit, static_cast<double>(static_cast<float>(1.0 / 127)));
  auto asymmetric = tracker<double>("uint8");
  see(asymmetric, {3.0, -1.0});
  EXPECT_EQ(asymmetric.scale(), (Scale{.unit = 4.0 / 255, .zero_point = 64}));
  auto positive = tracker<double>("uint8");
  see(positive, {3.0, 1.0});
  EXPECT_EQ(positive.scale(), (Scale{.unit = 3.0 / 255, .zero_point = 0}));
}

TEST(RangeTracker, AveragesMeansForTwoAndThreeValues) {
  auto binary = tracker<double>("b1");
  see(binary, {1.0, -3.0});
  EXPECT_EQ(binary.scale().unit, 2);
  see(binary, {4.0, -4.0});
  EXPECT_EQ(binary.scale().unit, 0.9 * 2 + 0.1 * 4);

  auto ternary = tracker<double>("t2");
  see(ternary, {1.0, -3.0});
  EXPECT_EQ(ternary.scale().threshold, 0.7 * 2);
  EXPECT_EQ(ternary.scale().unit, 2);
  see(ternary, {1.0, -3.0});
  EXPECT_EQ(ternary.scale().unit, 0.9 * 2 + 0.1 * 3);  // -3 alone is above 1.4
  auto unit = tracker<double>("t2:unit");
  see(unit, {1.0, -3.0});
  EXPECT_EQ(unit.scale(), (Scale{.unit = 1, .threshold = 0.7 * 2}));
}

TEST(RangeTracker, GrowsAtOnce) {
  auto range = tracker<double>("dfx8");
  see(range, {127.0});
  see(range, {4 * 127.0});
  EXPECT_EQ(range.scale().unit, 4);
}

TEST(RangeTracker, ShrinksWhereTheRateIsJustMet) {
  auto range = tracker<double>("dfx4:ovf=0");
  see(range, {7.0});
  for (int look = 0; look < RangeTracker<double>::kLooks; ++look) {
    EXPECT_EQ(range.scale().unit, 1);
    see(range, {1.0});
  }
  EXPECT_EQ(range.scale().unit, 0.5);
}

// The controller against its four lines, for many batches of changing size.
TEST(RangeTracker, FollowsTheControllerOfOverflowRates) {
  constexpr double kRate = 0.36;  // near the fraction one step below, where half a code decides
  auto range = tracker<double>("dfx6:ovf=0.36");
  int s = 0;
  std::uint64_t over = 0, over_below = 0, count = 0;
  std::vector<int> visited;
  for (int batch = 0; batch <= 1500; ++batch) {
    std::vector<double> values;
    for (const float v : reals<float>(64, static_cast<unsigned>(batch)))
      values.push_back(static_cast<double>(v) * (batch < 700 ? 3 : 40));
    if (batch == 0) {
      double max = 0;
      for (const double v : values) max = std::max(max, std::abs(v));
      while (31 * std::ldexp(1.0, s) < max) ++s;
      while (31 * std::ldexp(1.0, s - 1) >= max) --s;
    } else {
      const auto overflows = [&](int at) {
        std::uint64_t n = 0;
        for (const double v : values) n += std::abs(std::nearbyint(std::ldexp(v, -at))) >= 31 ? 1 : 0;
        return n;
      };
      over += overflows(s);
      over_below += overflows(s - 1);
      count += values.size();
      if (batch % 100 == 0) {
        const double limit = kRate * static_cast<double>(count);
        if (static_cast<double>(over) > limit)
          s += 1;
        else if (static_cast<double>(over_below) <= limit)
          s -= 1;
        over = over_below = count = 0;
        visited.push_back(s);
      }
    }
    see(range, values);
    ASSERT_EQ(range.scale().unit, std::ldexp(1.0, s)) << "batch " << batch;
  }
  EXPECT_GT(*std::max_element(visited.begin(), visited.end()), visited.front());
}

TEST(RangeTracker, GoesOnFromWhatItSaved) {
  for (const char* name : {"dfx8", "dfx8:ovf=0.01", "int8", "uint8", "b1", "t2", "t2:unit"}) {
    auto one = tracker<float>(name), whole = tracker<float>(name);
    for (unsigned batch = 0; batch < 350; ++batch) {
      if (batch % 70 == 30 || batch == 0) {
        auto restored = tracker<float>(name);
        restored.load(one.save());
        EXPECT_EQ(restored.scale(), one.scale()) << name;
        EXPECT_EQ(restored.primed(), one.primed());
        one = restored;
      }
      const auto values = reals<float>(100, batch);
      see(one, values);
      see(whole, values);
      ASSERT_EQ(one.scale(), whole.scale()) << name << " batch " << batch;
      ASSERT_EQ(one.save(), whole.save());
    }
  }
}

TEST(RangeTracker, ObservesTheSameOnEveryInstructionSetAndInChunks) {
  std::vector<RangeObservation> seen;
  for (const auto* table : machine::usable_carrier_tables()) {
    const auto range = *RangeTracker<float>::create(format("dfx6:ovf=0.01"), *table);
    RangeObservation observation;
    for (std::size_t begin = 0; begin < 1000; begin += 100) {
      auto values = reals<float>(100, static_cast<unsigned>(begin));
      for (float& v : values) v *= 40;
      values[3] = std::numeric_limits<float>::quiet_NaN();
      range.observe(values.data(), begin % 200 == 0 ? 100 : 93, observation);
    }
    seen.push_back(observation);
    EXPECT_EQ(observation.count, 955U);
    EXPECT_GT(observation.above[1], observation.above[0]);
  }
  for (const RangeObservation& other : seen) {
    EXPECT_EQ(other.magnitude, seen.front().magnitude);
    EXPECT_EQ(other.min, seen.front().min);
    EXPECT_EQ(other.max, seen.front().max);
    EXPECT_EQ(other.above[0], seen.front().above[0]);
  }
}

TEST(RangeTracker, RefusesAFormatWithoutAScaleOfItsOwn) {
  const auto made = RangeTracker<float>::create(format("fx2.6"), *machine::usable_carrier_tables().front());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message(), "fx2.6: its scale is known, there is no range to follow");
}

TEST(WeightScales, AreThoseOfTheirValues) {
  const std::vector<float> w{
      1.0F, -0.5F, 0.0F, -2.0F, 0.25F, 0.0F, 3.0F, 0.75F, std::numeric_limits<float>::quiet_NaN()};  // [3, 3]
  Scale scales[3];
  const auto narrow = [](double value) { return static_cast<double>(static_cast<float>(value)); };

  numbers::weight_scales(format("dfx4"), w.data(), 3, 3, scales);
  for (const Scale& scale : scales) EXPECT_EQ(scale, (Scale{.unit = 0.5}));  // 7 * 0.5 >= 3
  numbers::weight_scales(format("dfx4:ovf=0.3"), w.data(), 3, 3, scales);
  EXPECT_EQ(scales[0].unit, 0.25);  // at 1/4 two of nine round to 7 or more, at 1/8 three: 1, -2, 3

  numbers::weight_scales(format("int4"), w.data(), 3, 3, scales);
  EXPECT_EQ(scales[0], (Scale{.unit = narrow(3.0 / 7)}));
  EXPECT_EQ(scales[1], (Scale{.unit = narrow(0.75 / 7)}));
  EXPECT_EQ(scales[2], Scale{});
  numbers::weight_scales(format("uint4"), w.data(), 3, 3, scales);
  EXPECT_EQ(scales[0], (Scale{.unit = narrow(5.0 / 15), .zero_point = 6}));

  numbers::weight_scales(format("b1"), w.data(), 3, 3, scales);
  EXPECT_EQ(scales[0], (Scale{.unit = 2}));
  EXPECT_EQ(scales[1], (Scale{.unit = 0.5}));
  EXPECT_EQ(scales[2], (Scale{.unit = 0}));
  numbers::weight_scales(format("t2"), w.data(), 3, 3, scales);
  EXPECT_EQ(scales[0], (Scale{.unit = 2.5, .threshold = 0.7 * 2}));
  EXPECT_EQ(scales[1], (Scale{.unit = narrow(0.625), .threshold = 0.7 * 0.5}));
  numbers::weight_scales(format("t2:unit"), w.data(), 3, 3, scales);
  EXPECT_EQ(scales[0], (Scale{.unit = 1, .threshold = 0.7 * 2}));
  numbers::weight_scales(format("b1:unit"), w.data(), 3, 3, scales);
  EXPECT_EQ(scales[0], (Scale{.unit = 1}));
}

}  // namespace
}  // namespace udnn::test
