// Metrics: a matrix small enough to count by hand, the corners where a figure would be 0 / 0, many samples counted one
// by one, and the mean of values that come one by one.
#include "src/training/metrics.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <span>

#include "tests/support.h"

namespace udnn::test {
namespace {

using training::ConfusionMatrix;
using training::OrderedMean;

struct Sample {
  std::uint32_t label;
  std::int32_t prediction;
};

ConfusionMatrix matrix_of(std::size_t classes, const std::vector<Sample>& samples) {
  ConfusionMatrix matrix(classes);
  for (const auto& [label, prediction] : samples) matrix.add(label, prediction);
  return matrix;
}

std::vector<Sample> some_samples(std::size_t count, int classes) {
  std::mt19937 random(1);
  std::uniform_int_distribution<int> label(0, classes - 1), prediction(-1, classes - 1), coin(0, 1);
  std::vector<Sample> samples(count);
  for (Sample& sample : samples) {
    const int truth = label(random), guess = prediction(random);
    sample = {static_cast<std::uint32_t>(truth), coin(random) == 0 ? truth : guess};
  }
  return samples;
}

//                     taken for 0  1  2   none
//   samples of 0                3  1  0      0
//              1                1  4  1      2
//              2                0  1  3      0
ConfusionMatrix counted_by_hand() {
  constexpr int kCounts[3][4] = {{3, 1, 0, 0}, {1, 4, 1, 2}, {0, 1, 3, 0}};
  ConfusionMatrix matrix(3);
  for (std::uint32_t label = 0; label < 3; ++label)
    for (std::int32_t column = 0; column < 4; ++column)
      for (int i = 0; i < kCounts[label][column]; ++i) matrix.add(label, column == 3 ? -1 : column);
  return matrix;
}

TEST(ConfusionMatrix, GivesTheFiguresCountedByHand) {
  const ConfusionMatrix matrix = counted_by_hand();
  EXPECT_EQ(matrix.classes(), 3U);
  EXPECT_EQ(matrix.total(), 16U);
  EXPECT_EQ(matrix.without_prediction(), 2U);
  EXPECT_EQ(matrix.count(1, 0), 1U);
  EXPECT_EQ(matrix.count(0, 2), 0U);
  EXPECT_EQ(matrix.count(1, 3), 2U);  // the column of those without a prediction

  EXPECT_EQ(matrix.accuracy(), 10 / 16.0);
  EXPECT_EQ(matrix.recall(0), 3 / 4.0);
  EXPECT_EQ(matrix.recall(1), 4 / 8.0);
  EXPECT_EQ(matrix.recall(2), 3 / 4.0);
  EXPECT_EQ(matrix.precision(0), 3 / 4.0);
  EXPECT_EQ(matrix.precision(1), 4 / 6.0);  // the two without a prediction were taken for nothing
  EXPECT_EQ(matrix.precision(2), 3 / 4.0);
  EXPECT_EQ(matrix.f1(0), 6 / 8.0);
  EXPECT_EQ(matrix.f1(1), 8 / 14.0);
  EXPECT_EQ(matrix.f1(2), 6 / 8.0);
  EXPECT_EQ(matrix.macro_recall(), 2 / 3.0);
  EXPECT_DOUBLE_EQ(matrix.macro_precision(), 13 / 18.0);  // (3/4 + 2/3 + 3/4) / 3
  EXPECT_DOUBLE_EQ(matrix.macro_f1(), 29 / 42.0);         // (3/4 + 4/7 + 3/4) / 3
  // chance = (4 * 4 + 8 * 6 + 4 * 4) / 16^2 = 5/16, and (10/16 - 5/16) / (11/16)
  EXPECT_EQ(matrix.kappa(), 5 / 11.0);
}

TEST(ConfusionMatrix, IsAllOnesWhereEverythingIsRight) {
  const auto matrix = matrix_of(3, {{0, 0}, {1, 1}, {1, 1}, {2, 2}});
  EXPECT_EQ(matrix.accuracy(), 1);
  EXPECT_EQ(matrix.kappa(), 1);
  EXPECT_EQ(matrix.macro_recall(), 1);
  EXPECT_EQ(matrix.macro_precision(), 1);
  EXPECT_EQ(matrix.macro_f1(), 1);
}

TEST(ConfusionMatrix, IsAllZerosWhereNothingWasPredicted) {
  const auto matrix = matrix_of(2, {{0, -1}, {1, -1}, {1, -1}});
  EXPECT_EQ(matrix.total(), 3U);
  EXPECT_EQ(matrix.without_prediction(), 3U);
  for (const double figure :
       {matrix.accuracy(), matrix.kappa(), matrix.macro_recall(), matrix.macro_precision(), matrix.macro_f1()})
    EXPECT_EQ(figure, 0);
}

TEST(ConfusionMatrix, IsAllZerosWhileItIsEmpty) {
  for (const std::size_t classes : Sizes{0, 1, 3}) {
    const ConfusionMatrix matrix(classes);
    for (const double figure :
         {matrix.accuracy(), matrix.kappa(), matrix.macro_recall(), matrix.macro_precision(), matrix.macro_f1()})
      EXPECT_EQ(figure, 0) << classes << " classes";
  }
}

TEST(ConfusionMatrix, CountsAnAbsentClassAsZeroInTheMacroFigures) {
  // No sample of class 2, and nothing taken for it.
  const auto matrix = matrix_of(3, {{0, 0}, {1, 1}});
  EXPECT_EQ(matrix.recall(2), 0);
  EXPECT_EQ(matrix.precision(2), 0);
  EXPECT_EQ(matrix.f1(2), 0);
  EXPECT_EQ(matrix.macro_recall(), 2 / 3.0);
  EXPECT_EQ(matrix.macro_precision(), 2 / 3.0);
  EXPECT_EQ(matrix.macro_f1(), 2 / 3.0);
  EXPECT_EQ(matrix.accuracy(), 1);
  EXPECT_EQ(matrix.kappa(), 1);
  // Taken for it all the same: recall is 0 / 0, precision a true zero.
  const auto taken = matrix_of(3, {{0, 2}, {1, 1}});
  EXPECT_EQ(taken.recall(2), 0);
  EXPECT_EQ(taken.precision(2), 0);
  EXPECT_EQ(taken.precision(0), 0);
}

TEST(ConfusionMatrix, KnowsWhatChanceAloneWouldReach) {
  EXPECT_EQ(matrix_of(2, {{1, 1}, {1, 1}, {1, 1}}).kappa(), 1);           // chance is 1
  EXPECT_EQ(matrix_of(2, {{0, 0}, {0, 0}, {1, 0}, {1, 0}}).kappa(), 0);   // always the same answer
  EXPECT_EQ(matrix_of(2, {{0, 0}, {0, 1}, {1, 0}, {1, 1}}).kappa(), 0);   // a coin
  EXPECT_EQ(matrix_of(2, {{0, 1}, {0, 1}, {1, 0}, {1, 0}}).kappa(), -1);  // always the other
}

TEST(ConfusionMatrix, AgreesWithCountingTheSamplesOneByOne) {
  constexpr int kClasses = 7;
  const auto samples = some_samples(1000, kClasses);
  const auto matrix = matrix_of(kClasses, samples);
  const auto how_many = [&](auto condition) { return std::count_if(samples.begin(), samples.end(), condition); };
  const auto right = how_many([](Sample s) { return s.prediction == static_cast<std::int32_t>(s.label); });
  EXPECT_EQ(matrix.accuracy(), static_cast<double>(right) / 1000);
  EXPECT_EQ(matrix.without_prediction(),
            static_cast<std::uint64_t>(how_many([](Sample s) { return s.prediction < 0; })));

  std::ptrdiff_t chance = 0;  // times 1000^2
  for (int c = 0; c < kClasses; ++c) {
    const auto of = how_many([c](Sample s) { return static_cast<int>(s.label) == c; });
    const auto taken = how_many([c](Sample s) { return s.prediction == c; });
    const auto both = how_many([c](Sample s) { return static_cast<int>(s.label) == c && s.prediction == c; });
    const auto index = static_cast<std::size_t>(c);
    EXPECT_EQ(matrix.recall(index), static_cast<double>(both) / static_cast<double>(of));
    EXPECT_EQ(matrix.precision(index), static_cast<double>(both) / static_cast<double>(taken));
    const double p = matrix.precision(index), r = matrix.recall(index);
    EXPECT_DOUBLE_EQ(matrix.f1(index), 2 * p * r / (p + r));
    chance += of * taken;
  }
  const long double want =
      static_cast<long double>(right * 1000 - chance) / static_cast<long double>(1'000'000 - chance);
  // Each term of chance has 3 roundings, their sum 7; accuracy 1, the differences and the quotient 3: 14 of 2^-53 of at
  // most 1, divided by 1 - chance > 1/2.
  ASSERT_LT(chance, 500'000);
  EXPECT_LE(std::abs(matrix.kappa() - want), 28 * 0x1p-53L);
}

TEST(ConfusionMatrix, IsTheSumOfItsParts) {
  const auto samples = some_samples(200, 4);
  ConfusionMatrix merged(4), other(4);
  for (std::size_t i = 0; i < samples.size(); ++i)
    (i % 3 == 0 ? merged : other).add(samples[i].label, samples[i].prediction);
  merged.merge(other);
  const auto whole = matrix_of(4, samples);
  for (std::size_t label = 0; label < 4; ++label)
    for (std::size_t column = 0; column <= 4; ++column)
      EXPECT_EQ(merged.count(label, column), whole.count(label, column));
}

double mean_of(std::span<const double> values) {
  OrderedMean mean;
  for (const double value : values) mean.add(value);
  EXPECT_EQ(mean.count(), values.size());
  return mean.mean();
}

// The definition: neighbours in pairs, the sums of neighbours in pairs, and so on; who is left without a partner waits
// aside for the next who is.
double sum_of(std::vector<double> values) {
  double aside = 0;
  while (!values.empty()) {
    if (values.size() % 2 == 1) {
      aside += values.back();
      values.pop_back();
    }
    for (std::size_t i = 0; i < values.size() / 2; ++i) values[i] = values[2 * i] + values[2 * i + 1];
    values.resize(values.size() / 2);
  }
  return aside;
}

TEST(OrderedMean, AddsEveryValueOnce) {
  for (const std::size_t count : Sizes{1, 2, 3, 63, 64, 65, 1000, 4097}) {
    std::vector<double> values(count);
    std::iota(values.begin(), values.end(), 1.0);
    EXPECT_EQ(mean_of(values), (static_cast<double>(count) + 1) / 2) << count;
  }
}

TEST(OrderedMean, IsSummedInPairsBitForBit) {
  const auto values = reals<double>(777, 1);
  for (std::size_t count = 1; count <= values.size(); ++count) {
    const auto some = std::span(values).first(count);
    ASSERT_EQ(mean_of(some), sum_of({some.begin(), some.end()}) / static_cast<double>(count)) << count;
  }
}

TEST(OrderedMean, LosesLittleOfManyValues) {
  // A million values are 20 levels: no value meets more than 20 additions in its tree and 20 of trees; the quotient
  // rounds once more (Higham, section 4.2).
  EXPECT_NEAR(mean_of(std::vector<double>(1'000'000, 0.1)), 0.1, 0.1 * 41 * 0x1p-53);
}

TEST(OrderedMean, IsNotANumberWithoutValuesOrWithOneThatIsNot) {
  EXPECT_TRUE(std::isnan(OrderedMean().mean()));
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  for (const auto& values : std::vector<std::vector<double>>{{kNan}, {1, kNan, 2}, {1, 2, 3, 4, kNan}})
    EXPECT_TRUE(std::isnan(mean_of(values)));
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(mean_of(std::vector{1.0, kInfinity}), kInfinity);
}

TEST(Bops, AreTheProductsOfTheBitsOfEachMultiplication) {
  EXPECT_EQ(training::bops(1, 32, 32), 1024);
  EXPECT_EQ(training::bops(1000, 1, 4), 4000);
  EXPECT_EQ(training::bops(16, 2.5, 8), 320);  // a mean over layers need not be whole
  EXPECT_EQ(training::bops(0, 8, 8), 0);
}

}  // namespace
}  // namespace udnn::test
