// Optimizers: their definitions in plain loops, bit for bit, on every instruction set; PyTorch's own numbers; what
// holds for any cut into calls; what they refuse.
#include "src/ops/optimizer.h"

#include <cmath>
#include <cstring>

#include "tests/support.h"

namespace udnn::test {
namespace {

using ops::OptimizerConfig;
using ops::OptimizerKind;

// Values in (-1, 1) that are not short: sums and products of them are rounded.
template <class T>
struct Tensors {
  explicit Tensors(std::size_t count)
      : gradient(reals<T>(count, 1)), weights(reals<T>(count, 2)), first(reals<T>(count, 3)), second(count) {
    const auto root = reals<T>(count, 4);
    for (std::size_t i = 0; i < count; ++i) second[i] = root[i] * root[i];
  }

  std::vector<T> gradient, weights, first, second, next;
};

// The definition. `first` is the only state of the optimizers that have one; of squares, it holds squares.
template <class T>
void define(const OptimizerConfig& config, std::uint64_t t, double learning_rate, double gradient_scale,
            Tensors<T>& tensors) {
  const auto of = [](double value) { return static_cast<T>(value); };
  const T lr = of(learning_rate), epsilon = of(config.epsilon);
  double product1 = 1, product2 = 1;
  for (std::uint64_t i = 0; i < t; ++i) {
    product1 *= config.beta1;
    product2 *= config.beta2;
  }
  const T correction1 = of(1 / (1 - product1)), correction2 = of(1 / (1 - product2));
  tensors.next.resize(tensors.weights.size());
  for (std::size_t i = 0; i < tensors.weights.size(); ++i) {
    const T w = tensors.weights[i];
    const T decay = config.kind == OptimizerKind::kAdamw ? T{0} : of(config.weight_decay);
    const T g = of(gradient_scale) * tensors.gradient[i] + decay * w;
    T& v = tensors.first[i];
    T& r = config.kind >= OptimizerKind::kAdam ? tensors.second[i] : tensors.first[i];
    T& next = tensors.next[i];
    switch (config.kind) {
      case OptimizerKind::kSgd:
        next = w - lr * g;
        break;
      case OptimizerKind::kMomentum:
        v = of(config.momentum) * v + g;
        next = w - lr * v;
        break;
      case OptimizerKind::kNesterov:
        v = of(config.momentum) * v + g;
        next = w - lr * (g + of(config.momentum) * v);
        break;
      case OptimizerKind::kAdagrad:
        r = r + g * g;
        next = w - lr * g / (std::sqrt(r) + epsilon);
        break;
      case OptimizerKind::kRmsprop:
        r = of(config.rho) * r + of(1 - config.rho) * (g * g);
        next = w - lr * g / (std::sqrt(r) + epsilon);
        break;
      case OptimizerKind::kAdam:
      case OptimizerKind::kAdamw: {
        v = of(config.beta1) * v + of(1 - config.beta1) * g;
        r = of(config.beta2) * r + of(1 - config.beta2) * (g * g);
        const T start = config.kind == OptimizerKind::kAdamw ? of(1 - learning_rate * config.weight_decay) * w : w;
        next = start - lr * (v * correction1) / (std::sqrt(r * correction2) + epsilon);
        break;
      }
    }
  }
}

bool has_squares_first(OptimizerKind kind) {
  return kind == OptimizerKind::kAdagrad || kind == OptimizerKind::kRmsprop;
}

template <class T>
bool same_bits(const T* got, const std::vector<T>& want) {
  return want.empty() || std::memcmp(got, want.data(), want.size() * sizeof(T)) == 0;
}

template <class T>
void expect_definition(const kernels::KernelTable& table, OptimizerKind kind, std::size_t count, Edge edge) {
  const OptimizerConfig config{.kind = kind, .rho = 0.8, .weight_decay = 0.03};
  constexpr std::uint64_t kStep = 2;  // few enough for powers by squaring to be powers by multiplying
  const auto optimizer = ops::Optimizer<T>::create(config, table);
  ASSERT_TRUE(optimizer);
  Tensors<T> want(count);
  if (has_squares_first(kind)) want.first = want.second;
  Guarded<T> gradient(want.gradient, edge), weights(want.weights, edge), first(want.first, edge),
      second(want.second, edge), next(std::vector<T>(count, T{99}), edge);
  define(config, kStep + 1, 0.01, 0.75, want);

  T* const state[] = {first.data(), second.data()};
  optimizer->update(count, gradient.data(), weights.data(), state, next.data(), optimizer->rates(kStep, 0.01, 0.75));
  EXPECT_TRUE(same_bits(next.data(), want.next));
  EXPECT_TRUE(same_bits(first.data(), want.first));
  EXPECT_TRUE(same_bits(second.data(), want.second));
  EXPECT_TRUE(same_bits(gradient.data(), want.gradient));
  EXPECT_TRUE(same_bits(weights.data(), want.weights));
}

class OptimizerOnEveryIsa : public OnEveryIsa {};

TEST_P(OptimizerOnEveryIsa, IsItsDefinitionBitForBit) {
  for (const auto& [kind, name, what, states] : ops::all_optimizers())
    for (const std::size_t count : {0U, 1U, 2U, 3U, 4U, 7U, 8U, 9U, 15U, 16U, 17U, 31U, 33U, 100U})
      for (const Edge edge : {Edge::kBegin, Edge::kEnd}) {
        SCOPED_TRACE(std::string(name) + ", " + std::to_string(count) + " elements");
        expect_definition<float>(isa(), kind, count, edge);
        expect_definition<double>(isa(), kind, count, edge);
      }
}

TEST_P(OptimizerOnEveryIsa, GivesTheSameBitsForAnyCutIntoCallsAndInPlace) {
  constexpr std::size_t kCount = 1000;
  for (const auto& info : ops::all_optimizers()) {
    SCOPED_TRACE(std::string(info.name));
    const auto optimizer = ops::Optimizer<float>::create({.kind = info.kind, .weight_decay = 0.1}, isa());
    const auto rates = optimizer->rates(10, 0.1, 0.5);
    Tensors<float> whole(kCount);
    whole.first = whole.second;
    Tensors<float> cut = whole;
    whole.next.resize(kCount);
    float* const state[] = {whole.first.data(), whole.second.data()};
    optimizer->update(kCount, whole.gradient.data(), whole.weights.data(), state, whole.next.data(), rates);
    for (std::size_t begin = 0, size = 1; begin < kCount; begin += size, size = size * 3 % 61 + 1) {
      size = std::min(size, kCount - begin);
      float* const part[] = {cut.first.data() + begin, cut.second.data() + begin};
      float* const weights = cut.weights.data() + begin;
      optimizer->update(size, cut.gradient.data() + begin, weights, part, weights, rates);
    }
    EXPECT_TRUE(same_bits(cut.weights.data(), whole.next));
    EXPECT_TRUE(same_bits(cut.first.data(), whole.first));
    EXPECT_TRUE(same_bits(cut.second.data(), whole.second));
  }
}

INSTANTIATE_TEST_SUITE_P(, OptimizerOnEveryIsa, testing::ValuesIn(machine::usable_carrier_tables()), isa_name);

// Five steps down sum_i curvature_i (w_i - goal_i)^2 / 2 from (2, 1, -1.5), as PyTorch 2.15 takes them in float64 with
// lr 0.1, weight_decay 0.01, momentum 0.9, alpha 0.9 (our rho), eps 1e-8.
TEST(Optimizer, TakesTheStepsOfPyTorch) {
  struct Case {
    OptimizerKind kind;
    double want[3];
  };
  constexpr Case kCases[] = {
      {OptimizerKind::kSgd, {0x1.60f7d641a7d37p+0, -0x1.afdb5459adc07p-1, -0x1.eaf23b25e43a3p-1}},
      {OptimizerKind::kMomentum, {0x1.c2323b100dc82p-2, -0x1.39b52a1a55a9fp+1, -0x1.76d77d7ab8802p-4}},
      {OptimizerKind::kNesterov, {0x1.5031d8eb078e1p-2, -0x1.52ddfd8f93619p+0, 0x1.cb29e512d65c3p-3}},
      {OptimizerKind::kAdagrad, {0x1.b0b43922373fbp+0, 0x1.5fa0ec8352118p-1, -0x1.2e6590e274c94p+0}},
      {OptimizerKind::kRmsprop, {0x1.184cf802a578cp+0, 0x1.922d586cd39fcp-5, -0x1.eded48679a666p-2}},
      {OptimizerKind::kAdam, {0x1.811c4dabce75ep+0, 0x1.01840d08d8bc6p-1, -0x1.004ac1952b0f9p+0}},
      {OptimizerKind::kAdamw, {0x1.7ed86f9df3d34p+0, 0x1.fef907dc7a450p-2, -0x1.fd41321b4e907p-1}},
  };
  ASSERT_EQ(std::size(kCases), ops::all_optimizers().size());
  constexpr double kCurvature[] = {1, 4, 0.25}, kGoal[] = {0.5, -1, 3};
  for (const Case& c : kCases) {
    const auto optimizer = ops::Optimizer<double>::create({.kind = c.kind, .weight_decay = 0.01});
    ASSERT_TRUE(optimizer);
    double w[] = {2, 1, -1.5}, gradient[3], first[3] = {}, second[3] = {};
    double* const state[] = {first, second};
    for (std::uint64_t step = 0; step < 5; ++step) {
      for (std::size_t i = 0; i < 3; ++i) gradient[i] = kCurvature[i] * (w[i] - kGoal[i]);
      optimizer->update(3, gradient, w, state, w, optimizer->rates(step, 0.1));
    }
    // Both round some 20 times a step to 2^-53 of numbers below 8, and no step enlarges an error by more than a half.
    for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(w[i], c.want[i], 0x1p-42) << ops::name_of(c.kind) << " " << i;
  }
}

TEST(Optimizer, FindsTheBottomOfAQuadratic) {
  for (const auto& info : ops::all_optimizers()) {
    const auto optimizer = ops::Optimizer<float>::create({.kind = info.kind});
    std::vector<float> w = reals<float>(50, 5), gradient(50), first(50), second(50);
    float* const state[] = {first.data(), second.data()};
    for (std::uint64_t step = 0; step < 2000; ++step) {
      for (std::size_t i = 0; i < w.size(); ++i) gradient[i] = (1 + static_cast<float>(i) / 50) * (w[i] - 0.25F);
      // Adaptive steps have the size of the rate, however small the gradient: let it fall.
      optimizer->update(50, gradient.data(), w.data(), state, w.data(),
                        optimizer->rates(step, 0.1 / (1 + 0.01 * static_cast<double>(step))));
    }
    for (const float value : w) EXPECT_NEAR(value, 0.25F, 0.01F) << info.name;
  }
}

TEST(Optimizer, KeepsAsManyTensorsAsItsTableSays) {
  for (const auto& info : ops::all_optimizers())
    EXPECT_EQ(ops::Optimizer<float>::create({.kind = info.kind})->state_count(), info.states) << info.name;
  // Without state, nobody asks for it.
  const auto sgd = ops::Optimizer<double>::create({});
  const double gradient = 2, w = 1;
  double next = 0;
  sgd->update(1, &gradient, &w, nullptr, &next, sgd->rates(0, 0.25));
  EXPECT_EQ(next, 0.5);
}

TEST(Optimizer, CorrectsTheBiasOfTheFirstSteps) {
  const auto adam = ops::Optimizer<double>::create({.kind = OptimizerKind::kAdam, .beta1 = 0.5, .beta2 = 0.75});
  const auto first = adam->rates(0, 0.125, 0.5);
  EXPECT_EQ(first.learning_rate, 0.125);
  EXPECT_EQ(first.gradient_scale, 0.5);
  EXPECT_EQ(first.correction1, 2);
  EXPECT_EQ(first.correction2, 4);
  EXPECT_EQ(adam->rates(1, 1).correction1, 1 / 0.75);
  EXPECT_EQ(adam->rates(1, 1).correction2, 1 / (1 - 0.5625));
  EXPECT_EQ(adam->rates(100'000'000, 1).correction2, 1);
}

TEST(Optimizer, AllocatesNothing) {
  for (const auto& info : ops::all_optimizers()) {
    const auto optimizer = ops::Optimizer<float>::create({.kind = info.kind});
    Tensors<float> t(100), columns(100);
    float* const state[] = {t.first.data(), t.second.data()};
    EXPECT_EQ(allocations_during([&](Worker& worker) {
                if (worker.index == 0)
                  optimizer->update(100, t.gradient.data(), t.weights.data(), state, t.weights.data(),
                                    optimizer->rates(3, 0.1, ops::clip_scale(2, 1)));
                ops::limit_column_norms(columns.weights.data(), 10, 10, worker.share(10), 1e-3);
              }),
              0U)
        << info.name;
  }
}

TEST(ClipScale, BringsTheNormDownToTheLimit) {
  EXPECT_EQ(ops::clip_scale(0, 1), 1);
  EXPECT_EQ(ops::clip_scale(1, 1), 1);
  EXPECT_EQ(ops::clip_scale(4, 1), 0.25);
  EXPECT_EQ(ops::clip_scale(4, 3), 0.75);
}

TEST(LimitColumnNorms, ScalesTheLongColumnsAndLeavesTheOthers) {
  // Columns: norm 5, 13, 0, 1.  3-4-5 and 5-12-13.
  std::vector<double> w = {3, 5,  0, 1,  //
                           4, 12, 0, 0};
  ops::limit_column_norms(w.data(), 2, 4, {0, 4}, 5.0);
  EXPECT_EQ(w, (std::vector<double>{3, 5 * (5.0 / 13), 0, 1,  //
                                    4, 12 * (5.0 / 13), 0, 0}));
}

TEST(LimitColumnNorms, TouchesItsColumnsAlone) {
  const std::vector<float> start = small_integers<float>(1050, 3);
  std::vector<float> w = start;
  ops::limit_column_norms(w.data(), 7, 150, {30, 130}, 2.0);
  std::size_t changed = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const std::size_t column = i % 150;
    const bool has_changed = w[i] != start[i];
    EXPECT_FALSE(has_changed && (column < 30 || column >= 130)) << "column " << column;
    changed += has_changed ? 1U : 0U;
  }
  EXPECT_GT(changed, 500U);
  for (std::size_t j = 30; j < 130; ++j) {
    double squares = 0;
    for (std::size_t i = 0; i < 7; ++i) squares += static_cast<double>(w[i * 150 + j]) * w[i * 150 + j];
    // The scale and the product are rounded to float: 2 roundings of 2^-24, and as much again for the second order.
    EXPECT_LE(std::sqrt(squares), 2 * (1 + 0x1p-22)) << "column " << j;
  }
}

TEST(LimitColumnNorms, GivesTheSameBytesForAnyNumberOfWorkers) {
  expect_same_bytes_for_any_team(reals<float>(21'312, 7), [](Worker& worker, float* w) {
    ops::limit_column_norms(w, 64, 333, worker.share(333), 4.5);
  });
}

TEST(LimitColumnNorms, LeavesColumnsAloneThatAreNotFinite) {
  std::vector<float> w = {NAN, INFINITY, 8, 3, 3, 6};
  ops::limit_column_norms(w.data(), 2, 3, {0, 3}, 5.0);
  EXPECT_TRUE(std::isnan(w[0]));
  EXPECT_EQ(w[1], INFINITY);
  EXPECT_EQ(w[3], 3);
  EXPECT_EQ(w[4], 3);
  EXPECT_EQ(w[2], 4);
  EXPECT_EQ(w[5], 3);
}

TEST(Optimizer, IsReadAsItIsWritten) {
  for (const auto& info : ops::all_optimizers()) {
    EXPECT_EQ(ops::name_of(info.kind), info.name);
    EXPECT_EQ(*ops::parse_optimizer(info.name), info.kind);
  }
  EXPECT_EQ(ops::parse_optimizer("adan").error().message(), "optimizer: 'adan', did you mean 'adam'?");
  EXPECT_EQ(ops::parse_optimizer("lion").error().message(),
            "optimizer: 'lion', expected one of sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw");
}

TEST(Optimizer, SaysWhichFieldIsWrongAndWhatWasExpected) {
  const auto refusal = [](const OptimizerConfig& config) {
    const auto made = ops::Optimizer<float>::create(config);
    return made ? "accepted" : made.error().message();
  };
  EXPECT_EQ(refusal({.momentum = 1}), "optimizer.momentum: 1, expected at least 0 and less than 1");
  EXPECT_EQ(refusal({.rho = -0.1}), "optimizer.rho: -0.1, expected at least 0 and less than 1");
  EXPECT_EQ(refusal({.beta1 = NAN}), "optimizer.beta1: nan, expected at least 0 and less than 1");
  EXPECT_EQ(refusal({.beta2 = 1.5}), "optimizer.beta2: 1.5, expected at least 0 and less than 1");
  EXPECT_EQ(refusal({.epsilon = 0}), "optimizer.epsilon: 0, expected a finite number above 0 in float");
  EXPECT_EQ(refusal({.epsilon = 1e-60}), "optimizer.epsilon: 1e-60, expected a finite number above 0 in float");
  EXPECT_EQ(refusal({.epsilon = INFINITY}), "optimizer.epsilon: inf, expected a finite number above 0 in float");
  EXPECT_EQ(refusal({.weight_decay = -1}),
            "optimizer.weight_decay: -1, expected a finite number of at least 0 in float");
  EXPECT_EQ(refusal({.weight_decay = 1e39}),
            "optimizer.weight_decay: 1e+39, expected a finite number of at least 0 in float");
  EXPECT_EQ(refusal({.momentum = 0, .rho = 0, .beta1 = 0, .beta2 = 0}), "accepted");
  EXPECT_EQ(ops::Optimizer<double>::create({.epsilon = 1e-60}).has_value(), true);

  const ForcedIsa forced("mmx");
  EXPECT_EQ(refusal({}).rfind("UDNN_ISA: unknown level 'mmx'", 0), 0U);
}

}  // namespace
}  // namespace udnn::test
