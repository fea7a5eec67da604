// Losses: exact on small numbers; their definitions in long double; slopes against differences; what is not a number;
// what holds for any team; sums and maxima that go with them.
#include "src/ops/loss.h"

#include <cmath>
#include <cstring>
#include <numeric>

#include "tests/support.h"

namespace udnn::test {
namespace {

using ops::LossKind;

template <class T>
struct Outcome {
  std::vector<T> dz;
  std::vector<double> losses;
};

template <class T>
Outcome<T> run(LossKind kind, std::size_t classes, const std::vector<T>& z, const std::vector<std::uint32_t>& labels) {
  Outcome<T> outcome{std::vector<T>(z.size()), std::vector<double>(labels.size())};
  const auto loss = ops::Loss<T>::create({.kind = kind, .classes = classes});
  Team::create(2)->run([&](Worker& worker) {
    loss->run(worker, labels.size(), z.data(), labels.data(), outcome.dz.data(), outcome.losses.data());
  });
  return outcome;
}

std::vector<std::uint32_t> some_labels(std::size_t batch, std::size_t classes) {
  std::vector<std::uint32_t> labels(batch);
  for (std::size_t i = 0; i < batch; ++i) labels[i] = static_cast<std::uint32_t>(i * 7 % classes);
  return labels;
}

// The definition: the loss of one sample, and its derivative for output j.
long double define(LossKind kind, std::size_t classes, const double* z, std::uint32_t label) {
  const auto c = static_cast<long double>(classes);
  long double sum = 0;
  switch (kind) {
    case LossKind::kSoftmaxCrossEntropy:
      for (std::size_t j = 0; j < classes; ++j) sum += std::exp(static_cast<long double>(z[j]) - z[label]);
      return std::log(sum);
    case LossKind::kMse:
      for (std::size_t j = 0; j < classes; ++j) sum += std::pow(z[j] - (j == label ? 1.0L : 0.0L), 2.0L);
      return sum / c;
    case LossKind::kSquaredHinge:
      for (std::size_t j = 0; j < classes; ++j)
        sum += std::pow(std::max(0.0L, 1 - (j == label ? 1 : -1) * static_cast<long double>(z[j])), 2.0L);
      return sum / c;
    case LossKind::kBinaryCrossEntropy:
      for (std::size_t j = 0; j < classes; ++j)
        sum += std::log1p(std::exp((j == label ? -1 : 1) * static_cast<long double>(z[j])));
      return sum / c;
  }
  return NAN;
}

long double define_slope(LossKind kind, std::size_t classes, const double* z, std::uint32_t label, std::size_t j) {
  const auto c = static_cast<long double>(classes);
  const long double target = j == label ? 1 : 0, sign = j == label ? 1 : -1, value = z[j];
  long double sum = 0;
  switch (kind) {
    case LossKind::kSoftmaxCrossEntropy:
      for (std::size_t other = 0; other < classes; ++other) sum += std::exp(static_cast<long double>(z[other]) - value);
      return 1 / sum - target;
    case LossKind::kMse:
      return 2 * (value - target) / c;
    case LossKind::kSquaredHinge:
      return -2 * sign * std::max(0.0L, 1 - sign * value) / c;
    case LossKind::kBinaryCrossEntropy:
      return (1 / (1 + std::exp(-value)) - target) / c;
  }
  return NAN;
}

TEST(Loss, IsExactOnSmallIntegers) {
  // Two samples of four classes: everything below is a short binary fraction.
  const std::vector<double> z = {2, -1, 0, 3, 1, 1, -2, 0};
  const std::vector<std::uint32_t> labels = {0, 2};

  const auto mse = run(LossKind::kMse, 4, z, labels);
  EXPECT_EQ(mse.losses, (std::vector<double>{(1 + 1 + 0 + 9) / 4.0, (1 + 1 + 9 + 0) / 4.0}));
  EXPECT_EQ(mse.dz, (std::vector<double>{0.25, -0.25, 0, 0.75, 0.25, 0.25, -0.75, 0}));

  const auto hinge = run(LossKind::kSquaredHinge, 4, z, labels);
  EXPECT_EQ(hinge.losses, (std::vector<double>{(0 + 0 + 1 + 16) / 4.0, (4 + 4 + 9 + 1) / 4.0}));
  EXPECT_EQ(hinge.dz, (std::vector<double>{0, 0, 0.25, 1, 0.5, 0.5, -0.75, 0.25}));
}

TEST(Loss, IsExactWhereAllOutputsAreEqual) {
  const std::vector<float> z(8, 3);
  const auto softmax = run<float>(LossKind::kSoftmaxCrossEntropy, 4, z, {1, 3});
  EXPECT_EQ(softmax.dz, (std::vector<float>{0.125, -0.375, 0.125, 0.125, 0.125, 0.125, 0.125, -0.375}));
  EXPECT_DOUBLE_EQ(softmax.losses[0], std::log(4.0));
  EXPECT_EQ(softmax.losses[0], softmax.losses[1]);

  const auto bce = run<float>(LossKind::kBinaryCrossEntropy, 4, std::vector<float>(8), {1, 3});
  EXPECT_EQ(bce.dz, (std::vector<float>{0.0625, -0.0625, 0.0625, 0.0625, 0.0625, 0.0625, 0.0625, -0.0625}));
  EXPECT_DOUBLE_EQ(bce.losses[0], std::log(2.0));
}

template <class T>
void expect_definition(LossKind kind, std::size_t classes, T reach) {
  constexpr std::size_t kBatch = 13;
  std::vector<T> z = reals<T>(kBatch * classes, static_cast<unsigned>(classes));
  for (T& value : z) value *= reach;
  const std::vector<double> exact(z.begin(), z.end());
  const auto labels = some_labels(kBatch, classes);
  const auto got = run(kind, classes, z, labels);
  // In double, each term has at most 8 roundings (exponential and logarithm count as 3), and their sum classes more.
  // A loss or slope that cancels is as exact as what it is the difference of: outputs below reach, numbers below 1.
  const long double u = 0x1p-53L * static_cast<long double>(classes + 10);
  for (std::size_t i = 0; i < kBatch; ++i) {
    const double* const row = exact.data() + i * classes;
    const long double want = define(kind, classes, row, labels[i]);
    EXPECT_LE(std::abs(got.losses[i] - want), u * (want + 2 * reach)) << "sample " << i;
    for (std::size_t j = 0; j < classes; ++j) {
      const long double slope = define_slope(kind, classes, row, labels[i], j) / kBatch;
      const long double bound = error_bound<T>(0, std::abs(slope)) + u * (1 + std::abs(slope)) / kBatch;
      EXPECT_LE(std::abs(got.dz[i * classes + j] - slope), bound) << "sample " << i << ", class " << j;
    }
  }
}

TEST(Loss, IsItsDefinition) {
  for (const auto& info : ops::all_losses())
    for (const std::size_t classes : {1U, 2U, 3U, 10U, 100U}) {
      SCOPED_TRACE(std::string(info.name) + ", " + std::to_string(classes) + " classes");
      expect_definition<double>(info.kind, classes, 1);
      expect_definition<double>(info.kind, classes, 30);
      expect_definition<float>(info.kind, classes, 5);
    }
}

TEST(Loss, SlopesAsItsDifferencesSay) {
  constexpr std::size_t kBatch = 5, kClasses = 6;
  constexpr double kStep = 1e-6;
  const auto labels = some_labels(kBatch, kClasses);
  for (const auto& info : ops::all_losses()) {
    std::vector<double> z = reals<double>(kBatch * kClasses, 9);
    for (double& value : z) value *= 0.9;  // nothing near 1 and -1, where the hinge bends
    const auto got = run(info.kind, kClasses, z, labels);
    const auto mean = [&] { return ops::mean_in_fixed_order(run(info.kind, kClasses, z, labels).losses); };
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double at = z[i];
      z[i] = at + kStep;
      const double above = mean();
      z[i] = at - kStep;
      const double below = mean();
      z[i] = at;
      // Second order: kStep^2; rounding: 2^-52 of a mean below 4, divided by the step.
      EXPECT_NEAR((above - below) / (2 * kStep), got.dz[i], 1e-9) << info.name << " " << i;
    }
  }
}

TEST(Loss, DoesNotOverflow) {
  const auto softmax = run<float>(LossKind::kSoftmaxCrossEntropy, 3, {3e38F, -3e38F, 0, 1000, 999, -5}, {0, 1});
  EXPECT_EQ(softmax.losses[0], 0);
  EXPECT_EQ(softmax.dz[0], 0);
  EXPECT_DOUBLE_EQ(softmax.losses[1], 1 + std::log1p(std::exp(-1.0)));
  const auto bce = run<double>(LossKind::kBinaryCrossEntropy, 2, {1e300, -1e300, -1e300, 1e300}, {0, 0});
  EXPECT_EQ(bce.losses, (std::vector<double>{0, 1e300}));
  EXPECT_EQ(bce.dz, (std::vector<double>{0, 0, -0.25, 0.25}));
}

TEST(Loss, KeepsTheFaintestDoubts) {
  // e^-40 is far below the rounding of 1, and still the loss of a class that is nearly certain.
  const auto bce = run<double>(LossKind::kBinaryCrossEntropy, 1, {40}, {0});
  EXPECT_NEAR(bce.losses[0] / std::exp(-40.0), 1, 4e-16);
  EXPECT_NEAR(run<double>(LossKind::kSoftmaxCrossEntropy, 2, {0, 700}, {1}).dz[0] / std::exp(-700.0), 1, 4e-16);
}

TEST(Loss, IsNotANumberOnlyWhereAnOutputMakesItSo) {
  constexpr auto kSoftmax = LossKind::kSoftmaxCrossEntropy;
  const double infinity = INFINITY;
  const auto is_nan = [](const Outcome<double>& outcome) {
    return std::isnan(outcome.losses[0]) && !std::signbit(outcome.losses[0]);
  };
  for (const auto& info : ops::all_losses())
    for (const std::uint32_t label : {0U, 1U})
      EXPECT_TRUE(is_nan(run<double>(info.kind, 2, {NAN, 1}, {label}))) << info.name;
  for (const auto& z : {std::vector{infinity, 1.0}, std::vector{-infinity, -infinity}}) {
    const auto outcome = run(kSoftmax, 2, z, {1});
    EXPECT_TRUE(is_nan(outcome));
    for (const double slope : outcome.dz) EXPECT_TRUE(std::isnan(slope) && !std::signbit(slope));
  }
  const auto excluded = run<double>(kSoftmax, 3, {-infinity, 2, 2}, {1});
  EXPECT_DOUBLE_EQ(excluded.losses[0], std::log(2.0));
  EXPECT_EQ(excluded.dz, (std::vector<double>{0, -0.5, 0.5}));
  EXPECT_EQ(run<double>(kSoftmax, 2, {-infinity, 2}, {0}).losses[0], infinity);
}

TEST(Loss, DoesNotSeeTheOtherSamples) {
  const auto z = reals<float>(90, 11);
  const auto labels = some_labels(9, 10);
  for (const auto& info : ops::all_losses()) {
    const auto all = run(info.kind, 10, z, labels);
    for (std::size_t i = 0; i < 9; ++i) {
      const auto row = z.begin() + static_cast<std::ptrdiff_t>(i * 10);
      EXPECT_EQ(run(info.kind, 10, std::vector<float>(row, row + 10), {labels[i]}).losses[0], all.losses[i]);
    }
  }
}

TEST(Loss, GivesTheSameBytesForAnyNumberOfWorkersInPlaceAndAllocatesNothing) {
  constexpr std::size_t kBatch = 37, kClasses = 10;
  const auto z = reals<float>(kBatch * kClasses, 12);
  const auto labels = some_labels(kBatch, kClasses);
  for (const auto& info : ops::all_losses()) {
    const auto loss = ops::Loss<float>::create({.kind = info.kind, .classes = kClasses});
    std::vector<double> losses(kBatch);
    // Twice, the second time of what the first has left: without its barrier, samples would be read before they are
    // written wherever the shares differ.
    const auto twice = [&](Worker& worker, float* in_place) {
      loss->run(worker, kBatch, in_place, labels.data(), in_place, losses.data());
      loss->run(worker, kBatch - 1, in_place + kClasses, labels.data(), in_place + kClasses, losses.data());
    };
    expect_same_bytes_for_any_team(z, twice);
    std::vector<float> again = z;
    EXPECT_EQ(allocations_during([&](Worker& worker) { twice(worker, again.data()); }), 0U);
    const auto apart = run(info.kind, kClasses, z, labels);
    std::vector<float> same = z;
    Team::create(1)->run(
        [&](Worker& worker) { loss->run(worker, kBatch, same.data(), labels.data(), same.data(), losses.data()); });
    EXPECT_EQ(same, apart.dz);
    EXPECT_EQ(losses, apart.losses);
  }
}

TEST(Loss, ComesAloneWhereNobodyAsksForSlopes) {
  const auto z = reals<double>(12, 13);
  const std::vector<std::uint32_t> labels = {2, 0, 1, 1};
  for (const auto& info : ops::all_losses()) {
    std::vector<double> losses(4);
    const auto loss = ops::Loss<double>::create({.kind = info.kind, .classes = 3});
    Team::create(1)->run(
        [&](Worker& worker) { loss->run(worker, 4, z.data(), labels.data(), nullptr, losses.data()); });
    EXPECT_EQ(losses, run(info.kind, 3, z, labels).losses) << info.name;
  }
}

TEST(MeanInFixedOrder, AddsEveryValueOnce) {
  for (const std::size_t count : {1U, 2U, 63U, 64U, 65U, 127U, 1000U, 4097U}) {
    std::vector<double> values(count);
    std::iota(values.begin(), values.end(), 1.0);
    EXPECT_EQ(ops::mean_in_fixed_order(values), (static_cast<double>(count) + 1) / 2) << count;
  }
  EXPECT_TRUE(std::isnan(ops::mean_in_fixed_order({})));
}

TEST(MeanInFixedOrder, LosesLittleOfManyValues) {
  // A million values are 20 levels: no value meets more than 40 additions (Higham, section 4.2), and a division.
  const std::vector<double> values(1'000'000, 0.1);
  EXPECT_NEAR(ops::mean_in_fixed_order(values), 0.1, 0.1 * 41 * 0x1p-53);
}

TEST(Argmax, IsTheFirstOfTheLargestAndNothingBesideNan) {
  const auto argmax = [](const std::vector<float>& values) { return ops::argmax<float>(values); };
  EXPECT_EQ(argmax({5}), 0);
  EXPECT_EQ(argmax({1, 3, 2}), 1);
  EXPECT_EQ(argmax({1, 3, 3}), 1);
  EXPECT_EQ(argmax({-INFINITY, -INFINITY}), 0);
  EXPECT_EQ(argmax({-0.0F, 0.0F}), 0);
  EXPECT_EQ(argmax({1, INFINITY}), 1);
  EXPECT_EQ(argmax({NAN, 1, 2}), -1);
  EXPECT_EQ(argmax({1, 2, NAN}), -1);
  EXPECT_EQ(ops::argmax<double>(std::vector<double>{0.5, 0.25, 0.75}), 2);
}

TEST(Loss, IsReadAsItIsWritten) {
  for (const auto& info : ops::all_losses()) {
    EXPECT_EQ(ops::name_of(info.kind), info.name);
    EXPECT_EQ(*ops::parse_loss(info.name), info.kind);
  }
  EXPECT_EQ(ops::parse_loss("mae").error().message(), "loss: 'mae', did you mean 'mse'?");
  EXPECT_EQ(ops::parse_loss("nll").error().message(), "loss: 'nll', expected one of softmax, mse, hinge, bce");
  EXPECT_EQ(ops::Loss<float>::create({}).error().message(), "loss.classes: 0, expected at least 1");
}

}  // namespace
}  // namespace udnn::test
