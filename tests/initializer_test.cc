// Initialisation: the draws it takes, word by word; ranges and moments within bounds that follow from them.
#include "src/ops/initializer.h"

#include <cmath>

#include "src/base/philox.h"
#include "tests/support.h"

namespace udnn::test {
namespace {

using ops::InitializerKind;

constexpr std::uint64_t kSeed = 20;
constexpr std::uint32_t kTensor = 3;
constexpr std::size_t kCount = 100'001, kFanIn = 300, kFanOut = 100;

std::vector<double> weights(InitializerKind kind, std::uint64_t seed = kSeed, std::uint32_t tensor = kTensor) {
  std::vector<double> made(kCount);
  ops::initialize<double>(kind, kFanIn, kFanOut, seed, tensor, made);
  return made;
}

struct Case {
  InitializerKind kind;
  bool is_uniform;
  double variance;
};
constexpr Case kCases[] = {
    {InitializerKind::kGlorotUniform, true, 2.0 / (kFanIn + kFanOut)},
    {InitializerKind::kGlorotNormal, false, 2.0 / (kFanIn + kFanOut)},
    {InitializerKind::kHeUniform, true, 2.0 / kFanIn},
    {InitializerKind::kHeNormal, false, 2.0 / kFanIn},
};

TEST(Initializer, TakesTheDrawsOfItsElements) {
  const base::PhiloxStream draws(kSeed, 0, base::Purpose::kInitialisation, kTensor);
  for (const Case& c : kCases) {
    const auto made = weights(c.kind);
    for (std::size_t i = 0; i < kCount; i += 7) {
      const double want = c.is_uniform ? std::sqrt(3 * c.variance) * (2 * draws.uniform(i) - 1)
                                       : std::sqrt(c.variance) * draws.normal(i);
      ASSERT_DOUBLE_EQ(made[i], want) << i;
    }
  }
}

TEST(Initializer, HasTheMeanAndTheVarianceOfItsName) {
  for (const Case& c : kCases) {
    const auto made = weights(c.kind);
    double sum = 0, squares = 0, largest = 0;
    for (const double w : made) {
      sum += w;
      squares += w * w;
      largest = std::max(largest, std::abs(w));
    }
    // Six standard deviations: of the mean sigma / sqrt n, of the mean square sigma^2 sqrt((kurtosis - 1) / n), the
    // kurtosis being 9/5 of a uniform and 3 of a normal distribution.
    const double n = kCount, kurtosis = c.is_uniform ? 1.8 : 3;
    EXPECT_NEAR(sum / n, 0, 6 * std::sqrt(c.variance / n));
    EXPECT_NEAR(squares / n, c.variance, 6 * c.variance * std::sqrt((kurtosis - 1) / n));
    if (!c.is_uniform) continue;
    EXPECT_LE(largest, std::sqrt(3 * c.variance));
    EXPECT_GT(largest, 0.999 * std::sqrt(3 * c.variance));  // fails for one seed in e^100
  }
}

TEST(Initializer, DrawsOtherWeightsForAnotherTensorOrSeed) {
  const auto here = weights(InitializerKind::kHeUniform);
  EXPECT_NE(here, weights(InitializerKind::kHeUniform, kSeed, kTensor + 1));
  EXPECT_NE(here, weights(InitializerKind::kHeUniform, kSeed + 1));
  EXPECT_EQ(here, weights(InitializerKind::kHeUniform));
}

TEST(Initializer, DrawsTheSameWeightsHoweverManyFollow) {
  for (const Case& c : kCases) {
    const auto all = weights(c.kind);
    for (std::size_t count = 0; count < 10; ++count) {
      std::vector<double> few(count);
      ops::initialize<double>(c.kind, kFanIn, kFanOut, kSeed, kTensor, few);
      EXPECT_TRUE(std::equal(few.begin(), few.end(), all.begin())) << count;
    }
  }
}

TEST(Initializer, GivesFloatTheRoundedDouble) {
  for (const Case& c : kCases) {
    const auto wide = weights(c.kind);
    std::vector<float> narrow(kCount);
    ops::initialize<float>(c.kind, kFanIn, kFanOut, kSeed, kTensor, narrow);
    for (std::size_t i = 0; i < kCount; ++i) ASSERT_EQ(narrow[i], static_cast<float>(wide[i])) << i;
  }
}

}  // namespace
}  // namespace udnn::test
