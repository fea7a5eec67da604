// Dropout: its definition, word by word; its way back; what it refuses.
#include "src/ops/dropout.h"

#include <cmath>

#include "src/base/philox.h"
#include "tests/support.h"

namespace udnn::test {
namespace {

constexpr std::uint64_t kSeed = 42;
constexpr std::uint32_t kStep = 3, kTensor = 7;
constexpr std::size_t kCount = 10'001;  // three pieces

ops::Dropout<float> dropout(double rate) {
  return *ops::Dropout<float>::create({.rate = rate, .seed = kSeed, .tensor = kTensor});
}

TEST(Dropout, KeepsTheElementsWhoseWordsSaySo) {
  const auto x = reals<float>(kCount, 1);
  const base::PhiloxStream words(kSeed, kStep, base::Purpose::kDropout, kTensor);
  for (const double rate : {0.0, 0.25, 0.9}) {
    std::vector<float> y(kCount);
    Team::create(2)->run(
        [&](Worker& worker) { dropout(rate).forward(worker, kCount, kStep, true, x.data(), y.data(), {}); });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < kCount; ++i) {
      const bool keeps = words.word(i) >= rate * 0x1p32;
      ASSERT_EQ(y[i], keeps ? x[i] / static_cast<float>(1 - rate) : 0.0F) << "at " << i;
      kept += keeps ? 1U : 0U;
    }
    // Binomial: six standard deviations.
    const double share = static_cast<double>(kept) / kCount;
    EXPECT_NEAR(share, 1 - rate, 6 * std::sqrt(rate * (1 - rate) / kCount)) << "rate " << rate;
  }
}

TEST(Dropout, DrawsTheSameWordsOnTheWayBack) {
  const std::vector<float> ones(kCount, 1);
  std::vector<float> y(kCount), dx(kCount);
  Team::create(2)->run([&](Worker& worker) {
    dropout(0.5).forward(worker, kCount, kStep, true, ones.data(), y.data(), {});
    dropout(0.5).backward(worker, kCount, kStep, ones.data(), dx.data(), {});
  });
  EXPECT_EQ(y, dx);
}

TEST(Dropout, DrawsAnewInEachStep) {
  const std::vector<float> ones(kCount, 1);
  std::vector<float> y(kCount), later(kCount);
  Team::create(1)->run([&](Worker& worker) {
    dropout(0.5).forward(worker, kCount, kStep, true, ones.data(), y.data(), {});
    dropout(0.5).forward(worker, kCount, kStep + 1, true, ones.data(), later.data(), {});
  });
  EXPECT_NE(y, later);
}

TEST(Dropout, ChangesNothingInInference) {
  const auto x = reals<float>(kCount, 1);
  std::vector<float> y(kCount);
  Team::create(2)->run(
      [&](Worker& worker) { dropout(0.5).forward(worker, kCount, kStep, false, x.data(), y.data(), {}); });
  EXPECT_EQ(y, x);
}

TEST(Dropout, GivesTheSameBytesForAnyNumberOfWorkersAndAllocatesNothing) {
  const auto x = reals<float>(kCount, 1);
  const auto op = dropout(0.5);
  const auto negate = [](float* piece, std::size_t count, std::size_t) {
    for (std::size_t i = 0; i < count; ++i) piece[i] = -piece[i];
  };
  const auto run = [&](Worker& worker, float* y) {
    op.forward(worker, kCount, kStep, true, x.data(), y, negate);
    op.backward(worker, kCount, kStep, y, y + kCount, negate);
  };
  expect_same_bytes_for_any_team(std::vector<float>(2 * kCount), run);
  std::vector<float> y(2 * kCount);
  EXPECT_EQ(allocations_during([&](Worker& worker) { run(worker, y.data()); }), 0U);
}

TEST(Dropout, SaysWhichFieldIsWrongAndWhatWasExpected) {
  const auto refusal = [](const ops::DropoutConfig& config) {
    const auto made = ops::Dropout<double>::create(config);
    return made ? "accepted" : made.error().message();
  };
  EXPECT_EQ(refusal({.rate = 1}), "dropout.rate: 1, expected at least 0 and less than 1");
  EXPECT_EQ(refusal({.rate = -0.5}), "dropout.rate: -0.5, expected at least 0 and less than 1");
  EXPECT_EQ(refusal({.rate = NAN}), "dropout.rate: nan, expected at least 0 and less than 1");
  EXPECT_EQ(refusal({.tensor = 1U << 24U}), "dropout.tensor: 16777216, expected less than 16777216");
  EXPECT_EQ(refusal({}), "accepted");
}

}  // namespace
}  // namespace udnn::test
