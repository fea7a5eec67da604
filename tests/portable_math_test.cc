// Exponential, logarithm, power and cosine: at most so many units in the last place from the truth, everywhere.
// The oracle is the C library's long double, whose own error is below a thousandth of a double's unit.
#include "src/base/portable_math.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include <gtest/gtest.h>

namespace udnn::test {
namespace {

// Units in the last place of `want` between the two.
long double ulps(double got, long double want) {
  const auto nearest = static_cast<double>(want);
  if (std::isnan(got) || std::isnan(nearest)) return std::isnan(got) == std::isnan(nearest) ? 0 : INFINITY;
  if (std::isinf(nearest) || std::isinf(got)) return got == nearest ? 0 : INFINITY;
  const double spacing = std::max(std::ldexp(1.0, std::ilogb(nearest == 0 ? 0x1p-1022 : nearest) - 52), 0x1p-1074);
  return std::abs(static_cast<long double>(got) - want) / spacing;
}

template <class Function, class Oracle>
void expect_within(long double limit, double from, double to, Function function, Oracle oracle) {
  constexpr int kPoints = 200'000;
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> point(from, to);
  long double worst = 0;
  double where = 0;
  for (int i = 0; i < kPoints; ++i) {
    const double x = i == 0 ? from : i == 1 ? to : point(random);
    const long double distance = ulps(function(x), oracle(static_cast<long double>(x)));
    if (distance <= worst) continue;
    worst = distance;
    where = x;
  }
  EXPECT_LE(worst, limit) << "at " << where << ", in [" << from << ", " << to << "]";
}

TEST(PortableMath, HasAnExponentialWithinOneUnit) {
  const auto oracle = [](long double x) { return std::exp(x); };
  for (const auto& [from, to] : {std::pair{-1.0, 1.0}, {-40.0, 40.0}, {-708.0, 709.7}})
    expect_within(1.0L, from, to, base::exponential, oracle);
  expect_within(1.0L, -745.2, -708.0, base::exponential, oracle);  // subnormal
  EXPECT_EQ(base::exponential(0), 1);
  EXPECT_EQ(base::exponential(-0.0), 1);
}

TEST(PortableMath, HasAnExponentialThatEndsWhereDoubleEnds) {
  constexpr double kLast = 0x1.62e42fefa39efp9;  // before infinity
  EXPECT_LE(ulps(base::exponential(kLast), std::exp(static_cast<long double>(kLast))), 1.0L);
  EXPECT_EQ(base::exponential(std::nextafter(kLast, 710)), INFINITY);
  EXPECT_EQ(base::exponential(709.79), INFINITY);
  EXPECT_EQ(base::exponential(1e300), INFINITY);
  EXPECT_EQ(base::exponential(INFINITY), INFINITY);
  EXPECT_EQ(base::exponential(-745), 0x1p-1074);
  EXPECT_EQ(base::exponential(-745.2), 0);
  EXPECT_EQ(base::exponential(-INFINITY), 0);
  EXPECT_TRUE(std::isnan(base::exponential(NAN)));
}

TEST(PortableMath, HasALogarithmWithinOneUnit) {
  const auto oracle = [](long double x) { return std::log(x); };
  for (const auto& [from, to] : {std::pair{0.7, 1.42}, {0.999, 1.001}, {1.0, 1000.0}, {1e-3, 1.0}, {1.0, 1e300}})
    expect_within(1.0L, from, to, base::logarithm, oracle);
  expect_within(1.0L, 0x1p-1074, 0x1p-1022, base::logarithm, oracle);  // subnormal
  EXPECT_EQ(base::logarithm(1), 0);
  EXPECT_EQ(base::logarithm(2), 0x1.62e42fefa39efp-1);
  EXPECT_EQ(base::logarithm(0), -INFINITY);
  EXPECT_EQ(base::logarithm(INFINITY), INFINITY);
  EXPECT_TRUE(std::isnan(base::logarithm(-1)));
  EXPECT_TRUE(std::isnan(base::logarithm(NAN)));
}

TEST(PortableMath, KeepsTheLogarithmOfNearlyOne) {
  const auto oracle = [](long double x) { return std::log1p(x); };
  for (const auto& [from, to] : {std::pair{0.0, 1.0}, {0.0, 1e-5}, {0x1p-53, 0x1p-52}, {0.0, 1e-200}, {1.0, 1e20}})
    expect_within(3.0L, from, to, base::logarithm_of_one_plus, oracle);
  EXPECT_EQ(base::logarithm_of_one_plus(INFINITY), INFINITY);
  EXPECT_TRUE(std::isnan(base::logarithm_of_one_plus(NAN)));
}

TEST(PortableMath, HasPowersThatAreExactWhereTheyFit) {
  EXPECT_EQ(base::power(3, 0), 1);
  EXPECT_EQ(base::power(0, 0), 1);
  EXPECT_EQ(base::power(0, 7), 0);
  for (std::uint64_t n = 0; n <= 33; ++n) {
    double want = 1;  // 3^33 < 2^53
    for (std::uint64_t i = 0; i < n; ++i) want *= 3;
    EXPECT_EQ(base::power(3, n), want) << n;
  }
  EXPECT_EQ(base::power(0.5, 1022), 0x1p-1022);
  EXPECT_EQ(base::power(0.999, ~std::uint64_t{0}), 0);
}

TEST(PortableMath, HasPowersWithinTheErrorOfAllTheirMultiplications) {
  for (const double x : {0.9, 0.99, 0.999})
    for (std::uint64_t n = 1; n < 5000; n += 7) {
      const long double want = std::pow(static_cast<long double>(x), static_cast<long double>(n));
      // One more for the second order, and for the oracle.
      EXPECT_LE(std::abs(base::power(x, n) - want), static_cast<long double>(n) * 0x1p-53L * want) << x << "^" << n;
    }
}

TEST(PortableMath, HasACosineThatIsExactAtTheCorners) {
  EXPECT_EQ(base::cosine_of_half_turns(0), 1);
  EXPECT_EQ(base::cosine_of_half_turns(0.5), 0);
  EXPECT_EQ(base::cosine_of_half_turns(1), -1);
  constexpr long double kPi = 3.14159265358979323846264338327950288L;
  long double worst = 0;
  for (int i = 0; i <= 100'000; ++i) {
    const double t = i / 100'000.0;
    worst = std::max(worst, std::abs(base::cosine_of_half_turns(t) - std::cos(kPi * t)));
    EXPECT_EQ(base::cosine_of_half_turns(1 - t), -base::cosine_of_half_turns(1 - (1 - t))) << t;
  }
  EXPECT_LE(worst, 0x1p-52L);
}

// What the compiler computes is what the machine computes, at any level of optimisation.
TEST(PortableMath, GivesTheSameBitsInTheCompilerAndInTheMachine) {
  constexpr double kExponential = base::exponential(-3.7), kLogarithm = base::logarithm(5.3);
  constexpr double kPower = base::power(0.97, 77), kCosine = base::cosine_of_half_turns(0.3);
  volatile double x = -3.7;
  EXPECT_EQ(base::exponential(x), kExponential);
  x = 5.3;
  EXPECT_EQ(base::logarithm(x), kLogarithm);
  x = 0.97;
  EXPECT_EQ(base::power(x, 77), kPower);
  x = 0.3;
  EXPECT_EQ(base::cosine_of_half_turns(x), kCosine);
}

}  // namespace
}  // namespace udnn::test
