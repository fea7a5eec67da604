// Schedules: their rates, exact where the numbers are short; their text; what they refuse.
#include "src/training/schedule.h"

#include <cmath>
#include <numbers>
#include <utility>

#include <fmt/format.h>

#include "tests/support.h"

namespace udnn::test {
namespace {

using training::Schedule;

Schedule schedule(const std::string& text) {
  const auto made = Schedule::parse(text);
  EXPECT_TRUE(made) << made.error().message();
  return made ? *made : Schedule();
}

/// The rates of the whole run.
std::vector<double> rates(const std::string& text, double base_rate, std::uint64_t steps, std::uint64_t per_epoch) {
  const Schedule made = schedule(text);
  std::vector<double> all(steps);
  for (std::uint64_t step = 0; step < steps; ++step) all[step] = made.rate(base_rate, step, steps, per_epoch);
  return all;
}

std::string refusal(std::string_view text) {
  const auto made = Schedule::parse(text);
  if (made) return "accepted";
  EXPECT_EQ(made.error().code(), StatusCode::kInvalidArgument);
  return made.error().message();
}

constexpr const char* kEvery[] = {"constant", "step 0.5 2", "exponential 0.75", "cosine", "linear"};

TEST(Schedule, IsExactOnShortNumbers) {
  using Rates = std::vector<double>;
  EXPECT_EQ(rates("constant", 0.1, 3, 2), (Rates{0.1, 0.1, 0.1}));
  EXPECT_EQ(rates("linear", 2, 8, 3), (Rates{2, 1.75, 1.5, 1.25, 1, 0.75, 0.5, 0.25}));
  EXPECT_EQ(rates("exponential 0.5", 8, 7, 3), (Rates{8, 8, 8, 4, 4, 4, 2}));
  EXPECT_EQ(rates("step 0.25 2", 16, 10, 2), (Rates{16, 16, 16, 16, 4, 4, 4, 4, 1, 1}));
  EXPECT_EQ(rates("step 0.25 1", 16, 5, 2), rates("exponential 0.25", 16, 5, 2));
  EXPECT_EQ(rates("exponential 1", 0.3, 4, 1), rates("constant", 0.3, 4, 1));
  const Rates cosine = rates("cosine", 4, 6, 1);
  EXPECT_EQ(cosine[0], 4);
  EXPECT_EQ(cosine[3], 2);
}

TEST(Schedule, IsConstantUnlessToldOtherwise) {
  EXPECT_EQ(Schedule().text(), "constant");
  EXPECT_EQ(Schedule(), schedule("constant"));
  EXPECT_EQ(Schedule().rate(0.3, 999, 1000, 10), 0.3);
}

TEST(Schedule, IsItsDefinition) {
  constexpr std::uint64_t kSteps = 1000, kPerEpoch = 30;
  constexpr long double kU = 0x1p-53L;
  const auto cosine = rates("cosine", 0.3, kSteps, kPerEpoch), linear = rates("linear", 0.3, kSteps, kPerEpoch);
  const auto exponential = rates("exponential 0.9", 0.3, kSteps, kPerEpoch);
  const auto step = rates("step 0.9 4", 0.3, kSteps, kPerEpoch);
  for (std::uint64_t i = 0; i < kSteps; ++i) {
    const long double t = static_cast<long double>(i) / kSteps, base_rate = 0.3, factor = 0.9;
    // t is within u, which the cosine takes times pi, and is itself within 2 u; 1 + cos rounds by u; half of that times
    // 0.3, and the product by 0.3 u: below 2 u.
    ASSERT_LE(std::abs(cosine[i] - base_rate * (1 + std::cos(std::numbers::pi_v<long double> * t)) / 2), 2 * kU) << i;
    // t, 1 - t and the product: three roundings, each of at most 0.3 u in the rate.
    ASSERT_LE(std::abs(linear[i] - base_rate * (1 - t)), kU) << i;
    // x^n has n - 1 roundings and the product one; one more for the second order.
    const std::uint64_t epoch = i / kPerEpoch, stair = epoch / 4;
    const long double power = base_rate * std::pow(factor, static_cast<long double>(epoch));
    ASSERT_LE(std::abs(exponential[i] - power), static_cast<long double>(epoch + 1) * kU * power) << i;
    const long double slower = base_rate * std::pow(factor, static_cast<long double>(stair));
    ASSERT_LE(std::abs(step[i] - slower), static_cast<long double>(stair + 1) * kU * slower) << i;
  }
}

TEST(Schedule, NeverRisesAndNeverReachesZero) {
  for (const char* text : kEvery) {
    const auto all = rates(text, 0.1, 997, 100);
    EXPECT_EQ(all[0], 0.1) << text;
    for (std::size_t i = 1; i < all.size(); ++i) ASSERT_LE(all[i], all[i - 1]) << text << ", step " << i;
    EXPECT_GT(all.back(), 0) << text;
  }
}

TEST(Schedule, WarmsUpInEqualStepsAndThenBegins) {
  using Rates = std::vector<double>;
  EXPECT_EQ(rates("constant warmup 4", 2, 6, 3), (Rates{0.5, 1, 1.5, 2, 2, 2}));
  // Cosine and linear spread over what the warm-up leaves.
  EXPECT_EQ(rates("linear warmup 4", 2, 8, 3), (Rates{0.5, 1, 1.5, 2, 2, 1.5, 1, 0.5}));
  const Rates cosine = rates("cosine warmup 2", 4, 10, 3), alone = rates("cosine", 4, 8, 3);
  EXPECT_EQ(cosine[0], 2);
  EXPECT_EQ(cosine[1], 4);
  EXPECT_EQ(Rates(cosine.begin() + 2, cosine.end()), alone);
  // Epochs count from the first step of the run.
  EXPECT_EQ(rates("exponential 0.5 warmup 2", 8, 6, 2), (Rates{4, 8, 4, 4, 2, 2}));
  EXPECT_EQ(rates("step 0.5 2 warmup 1", 8, 6, 1), (Rates{8, 8, 4, 4, 2, 2}));
}

TEST(Schedule, CutsOffAWarmUpThatOutlastsTheRun) {
  for (const char* text : kEvery) {
    EXPECT_EQ(rates(std::string(text) + " warmup 4", 2, 4, 1), (std::vector<double>{0.5, 1, 1.5, 2})) << text;
    EXPECT_EQ(rates(std::string(text) + " warmup 8", 2, 3, 1), (std::vector<double>{0.25, 0.5, 0.75})) << text;
  }
}

TEST(Schedule, RunsForASingleStep) {
  for (const char* text : kEvery) EXPECT_EQ(rates(text, 0.1, 1, 1), std::vector<double>{0.1}) << text;
}

TEST(Schedule, IsReadAsItIsWritten) {
  for (const std::string text :
       {"constant", "cosine", "linear", "step 0.5 2", "step 1 18446744073709551615", "exponential 0.1",
        "exponential 0.30000000000000004", "exponential 1e-300", "exponential 0.9 warmup 7", "constant warmup 1",
        "step 0.1 30 warmup 18446744073709551615", "cosine warmup 500", "linear warmup 500"}) {
    EXPECT_EQ(schedule(text).text(), text);
    EXPECT_EQ(schedule(schedule(text).text()), schedule(text));
  }
  EXPECT_EQ(schedule("  step   0.50  02   warmup 003 ").text(), "step 0.5 2 warmup 3");
}

TEST(Schedule, DiffersWhereItsTextDoes) {
  const std::vector<Schedule> all = {schedule("constant"),        schedule("cosine"),           schedule("linear"),
                                     schedule("exponential 0.5"), schedule("exponential 0.25"), schedule("step 0.5 1"),
                                     schedule("step 0.5 2"),      schedule("cosine warmup 2")};
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = 0; j < all.size(); ++j) EXPECT_EQ(all[i] == all[j], i == j) << i << ", " << j;
}

TEST(Schedule, NamesThoseThereAre) {
  const auto unknown = [](const std::string& name) {
    return "schedule: '" + name + "', expected one of constant, step, exponential, cosine, linear";
  };
  EXPECT_EQ(refusal(""), unknown(""));
  EXPECT_EQ(refusal("   "), unknown(""));
  EXPECT_EQ(refusal("warmup 5"), unknown("warmup"));
  for (const std::string near : {"cosin", "Cosine", "cosine,"})
    EXPECT_EQ(refusal(near), "schedule: '" + near + "', did you mean 'cosine'?");
}

TEST(Schedule, SaysWhichWordIsWrongAndWhatWasExpected) {
  for (const char* factor : {"0", "-0.5", "1.5", "nan", "inf", "x", "0.5x", "1e-999", "0x1p-1", "+0.5"})
    for (const auto& text : {fmt::format("step {} 3", factor), fmt::format("exponential {}", factor)})
      EXPECT_EQ(refusal(text),
                fmt::format("schedule: \"{}\": FACTOR '{}', expected a number above 0 and at most 1", text, factor));
  EXPECT_EQ(refusal("step"), "schedule: \"step\": FACTOR '', expected a number above 0 and at most 1");

  for (const char* count : {"", "0", "-1", "2.5", "x", "3x", "18446744073709551616"})
    for (const auto& [name, text] :
         {std::pair{"EPOCHS", fmt::format("step 0.5 {}", count)}, {"warmup", fmt::format("cosine warmup {}", count)}})
      EXPECT_EQ(refusal(text),
                fmt::format("schedule: \"{}\": {} '{}', expected a whole number of at least 1", text, name, count));

  EXPECT_EQ(refusal("cosine 3"), "schedule: \"cosine 3\": '3', expected 'warmup' or nothing more");
  EXPECT_EQ(refusal("exponential 0.5 2"), "schedule: \"exponential 0.5 2\": '2', expected 'warmup' or nothing more");
  EXPECT_EQ(refusal("linear warmup 5 6"), "schedule: \"linear warmup 5 6\": '6', expected nothing more");
}

}  // namespace
}  // namespace udnn::test
