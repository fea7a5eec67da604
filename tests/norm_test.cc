// Normalisation: its definition, its gradients against central differences, its determinism.
#include "src/ops/norm.h"

#include <cmath>

#include "tests/support.h"

namespace udnn::test {
namespace {

struct Shape {
  std::size_t rows, cols;
};

constexpr Shape kShapes[] = {{1, 3}, {2, 1}, {7, 17}, {64, 6}, {333, 5}, {2100, 33}};

// Rows of one op and what belongs to each column.
template <class T>
struct Operands {
  explicit Operands(Shape shape)
      : rows(shape.rows),
        cols(shape.cols),
        x(reals<T>(rows * cols, 1)),
        dy(reals<T>(rows * cols, 2)),
        gain(reals<T>(cols, 3)),
        bias(reals<T>(cols, 4)) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = x[i] * 2 + static_cast<T>(i % cols);  // means that are not 0
  }

  std::size_t rows, cols;
  std::vector<T> x, dy, gain, bias;
};

struct Moments {
  long double mean = 0, variance = 0;
};

// Of `count` elements, `step` apart.
template <class T>
Moments moments(const T* x, std::size_t count, std::size_t step) {
  Moments m;
  for (std::size_t i = 0; i < count; ++i) m.mean += x[i * step];
  m.mean /= static_cast<long double>(count);
  for (std::size_t i = 0; i < count; ++i) m.variance += (x[i * step] - m.mean) * (x[i * step] - m.mean);
  m.variance /= static_cast<long double>(count);
  return m;
}

constexpr double kEpsilon = 1e-3;

/// y by definition; along columns for batch norm, along rows for layer norm.
template <class T>
std::vector<long double> definition(const Operands<T>& o, const std::vector<T>& x, bool by_column) {
  std::vector<long double> y(x.size());
  for (std::size_t i = 0; i < o.rows; ++i)
    for (std::size_t j = 0; j < o.cols; ++j) {
      const Moments m = by_column ? moments(&x[j], o.rows, o.cols) : moments(&x[i * o.cols], o.cols, 1);
      y[i * o.cols + j] = (x[i * o.cols + j] - m.mean) / std::sqrt(m.variance + kEpsilon) * o.gain[j] + o.bias[j];
    }
  return y;
}

/// Like dx of a backward pass: central differences of sum dy * y. The step makes both of its errors less than 1e-7.
std::vector<double> numerical_dx(const Operands<double>& o, bool by_column) {
  constexpr double kStep = 1e-4;
  std::vector<double> dx(o.x.size());
  for (std::size_t i = 0; i < dx.size(); ++i) {
    const auto loss = [&](double step) {
      auto x = o.x;
      x[i] += step;
      const auto y = definition(o, x, by_column);
      long double sum = 0;
      for (std::size_t k = 0; k < y.size(); ++k) sum += y[k] * o.dy[k];
      return sum;
    };
    dx[i] = static_cast<double>((loss(kStep) - loss(-kStep)) / (2 * kStep));
  }
  return dx;
}

class Norm : public OnEveryIsa {
 protected:
  template <class T>
  struct BatchRun {
    std::vector<T> y, dx, dgain, dbias, running_mean, running_variance, saved;
  };

  template <class T>
  BatchRun<T> run_batch(const Operands<T>& o, int threads) const {
    const auto norm = ops::BatchNorm<T>::create({.channels = o.cols, .epsilon = kEpsilon, .momentum = 0.25}, isa());
    BatchRun<T> out{.y = std::vector<T>(o.x.size(), -9),
                    .dx = std::vector<T>(o.x.size(), -9),
                    .dgain = std::vector<T>(o.cols, -9),
                    .dbias = std::vector<T>(o.cols, -9),
                    .running_mean = std::vector<T>(o.cols, 1),
                    .running_variance = std::vector<T>(o.cols, 2),
                    .saved = std::vector<T>(norm->saved_size(), -9)};
    std::vector<T> mine(norm->scratch_per_worker() * static_cast<std::size_t>(threads)),
        shared(norm->shared_scratch(o.rows));
    Team::create(threads)->run([&](Worker& worker) {
      const ops::Scratch<T> scratch{mine.data() + norm->scratch_per_worker() * static_cast<std::size_t>(worker.index),
                                    shared.data()};
      norm->forward_training(worker, o.rows, o.x.data(), o.gain.data(), o.bias.data(), out.running_mean.data(),
                             out.running_variance.data(), out.saved.data(), out.y.data(), scratch, {});
      norm->backward(worker, o.rows, o.x.data(), out.saved.data(), o.gain.data(), o.dy.data(), out.dgain.data(),
                     out.dbias.data(), out.dx.data(), scratch, {});
    });
    return out;
  }

  template <class T>
  BatchRun<T> run_layer(const Operands<T>& o, int threads) const {
    const auto norm = ops::LayerNorm<T>::create({.features = o.cols, .epsilon = kEpsilon}, isa());
    BatchRun<T> out{.y = std::vector<T>(o.x.size(), -9),
                    .dx = std::vector<T>(o.x.size(), -9),
                    .dgain = std::vector<T>(o.cols, -9),
                    .dbias = std::vector<T>(o.cols, -9),
                    .running_mean = {},
                    .running_variance = {},
                    .saved = std::vector<T>(norm->saved_size(o.rows), -9)};
    std::vector<T> shared(norm->shared_scratch(o.rows));
    Team::create(threads)->run([&](Worker& worker) {
      norm->forward(worker, o.rows, o.x.data(), o.gain.data(), o.bias.data(), out.saved.data(), out.y.data(), {});
      norm->backward(worker, o.rows, o.x.data(), out.saved.data(), o.gain.data(), o.dy.data(), out.dgain.data(),
                     out.dbias.data(), out.dx.data(), {nullptr, shared.data()}, {});
    });
    return out;
  }

  // y and the sums within 8 roundings for each term of a sum, of numbers that are at most about `size`.
  template <class T>
  static void expect_definition(const Operands<T>& o, const BatchRun<T>& run, bool by_column) {
    SCOPED_TRACE(testing::Message() << o.rows << " x " << o.cols << ", " << sizeof(T) * 8 << " bits");
    const long double unit = 8 * std::numeric_limits<T>::epsilon();
    const auto want = definition(o, o.x, by_column);
    // An error of the mean is divided by the deviation, at least sqrt(epsilon).
    const auto terms = static_cast<long double>(by_column ? o.rows : o.cols),
               size = static_cast<long double>(o.cols + 2);
    for (std::size_t i = 0; i < want.size(); ++i)
      ASSERT_LE(std::abs(run.y[i] - want[i]), unit * std::sqrt(terms) * size / std::sqrt(kEpsilon))
          << "y[" << i << "] = " << run.y[i];
    for (std::size_t j = 0; j < o.cols; ++j) {
      long double dbias = 0, dgain = 0;
      for (std::size_t i = 0; i < o.rows; ++i) {
        const Moments m = by_column ? moments(&o.x[j], o.rows, o.cols) : moments(&o.x[i * o.cols], o.cols, 1);
        dbias += o.dy[i * o.cols + j];
        dgain += o.dy[i * o.cols + j] * (o.x[i * o.cols + j] - m.mean) / std::sqrt(m.variance + kEpsilon);
      }
      const auto rows = static_cast<long double>(o.rows);
      ASSERT_LE(std::abs(run.dbias[j] - dbias), unit * rows) << "dbias[" << j << "]";
      ASSERT_LE(std::abs(run.dgain[j] - dgain), unit * rows * size / std::sqrt(kEpsilon)) << "dgain[" << j << "]";
    }
  }
};

TEST_P(Norm, OfTheBatchIsWhatItsDefinitionSays) {
  for (const Shape shape : kShapes) {
    if (shape.rows > 400) continue;  // the definition is quadratic
    expect_definition(Operands<float>(shape), run_batch(Operands<float>(shape), 2), true);
    expect_definition(Operands<double>(shape), run_batch(Operands<double>(shape), 2), true);
  }
}

TEST_P(Norm, OfTheLayerIsWhatItsDefinitionSays) {
  for (const Shape shape : kShapes) {
    if (shape.rows > 400) continue;
    expect_definition(Operands<float>(shape), run_layer(Operands<float>(shape), 2), false);
    expect_definition(Operands<double>(shape), run_layer(Operands<double>(shape), 2), false);
  }
}

TEST_P(Norm, HasTheGradientOfItsDefinition) {
  const Operands<double> o({9, 5});
  const auto batch = run_batch(o, 2), layer = run_layer(o, 2);
  const auto batch_dx = numerical_dx(o, true), layer_dx = numerical_dx(o, false);
  for (std::size_t i = 0; i < o.x.size(); ++i) {
    EXPECT_NEAR(batch.dx[i], batch_dx[i], 1e-6) << "batch norm, dx[" << i << "]";
    EXPECT_NEAR(layer.dx[i], layer_dx[i], 1e-6) << "layer norm, dx[" << i << "]";
  }
}

TEST_P(Norm, KeepsRunningStatisticsAndInfersWithThem) {
  const Operands<double> o({333, 5});
  const auto run = run_batch(o, 2);
  const auto norm = ops::BatchNorm<double>::create({.channels = o.cols, .epsilon = kEpsilon}, isa());
  std::vector<double> y(o.x.size()), mine(2 * norm->scratch_per_worker());
  Team::create(2)->run([&](Worker& worker) {
    norm->forward_inference(
        worker, o.rows, o.x.data(), o.gain.data(), o.bias.data(), run.running_mean.data(), run.running_variance.data(),
        y.data(), {mine.data() + norm->scratch_per_worker() * static_cast<std::size_t>(worker.index), nullptr}, {});
  });
  for (std::size_t j = 0; j < o.cols; ++j) {
    const Moments m = moments(&o.x[j], o.rows, o.cols);
    EXPECT_NEAR(run.running_mean[j], 1 + 0.25 * (static_cast<double>(m.mean) - 1), 1e-12);
    EXPECT_NEAR(run.running_variance[j], 2 + 0.25 * (static_cast<double>(m.variance) * 333 / 332 - 2), 1e-12);
    for (std::size_t i = 0; i < o.rows; ++i)
      ASSERT_NEAR(
          y[i * o.cols + j],
          (o.x[i * o.cols + j] - run.running_mean[j]) / std::sqrt(run.running_variance[j] + kEpsilon) * o.gain[j] +
              o.bias[j],
          1e-12);
  }
}

TEST_P(Norm, GivesTheSameBytesForAnyNumberOfWorkers) {
  for (const Shape shape : kShapes) {
    const Operands<float> o(shape);
    const auto batch = run_batch(o, 1), layer = run_layer(o, 1);
    for (const int threads : {2, 3, 7}) {
      const auto many = run_batch(o, threads), many_layers = run_layer(o, threads);
      EXPECT_EQ(many.y, batch.y) << threads << " threads";
      EXPECT_EQ(many.dx, batch.dx) << threads << " threads";
      EXPECT_EQ(many.dgain, batch.dgain) << threads << " threads";
      EXPECT_EQ(many.dbias, batch.dbias) << threads << " threads";
      EXPECT_EQ(many.running_mean, batch.running_mean) << threads << " threads";
      EXPECT_EQ(many.running_variance, batch.running_variance) << threads << " threads";
      EXPECT_EQ(many_layers.y, layer.y) << threads << " threads";
      EXPECT_EQ(many_layers.dx, layer.dx) << threads << " threads";
      EXPECT_EQ(many_layers.dgain, layer.dgain) << threads << " threads";
      EXPECT_EQ(many_layers.dbias, layer.dbias) << threads << " threads";
    }
  }
}

TEST_P(Norm, FinishesEachElementOnceAndAllocatesNothing) {
  const Operands<float> o({2100, 33});
  const auto norm = ops::BatchNorm<float>::create({.channels = o.cols}, isa());
  std::vector<float> y(o.x.size()), mine(2 * norm->scratch_per_worker()), shared(norm->shared_scratch(o.rows)),
      saved(norm->saved_size());
  std::vector<float> mean(o.cols), variance(o.cols), dx(o.x.size()), dgain(o.cols), dbias(o.cols);
  std::vector<std::uint8_t> seen(o.x.size());
  const auto see = [&](float* piece, std::size_t count, std::size_t first) {
    if (piece != y.data() + first && piece != dx.data() + first) return;
    for (std::size_t i = first; i < first + count; ++i) ++seen[i];
  };
  EXPECT_EQ(allocations_during([&](Worker& worker) {
              const ops::Scratch<float> scratch{
                  mine.data() + norm->scratch_per_worker() * static_cast<std::size_t>(worker.index), shared.data()};
              norm->forward_training(worker, o.rows, o.x.data(), o.gain.data(), o.bias.data(), mean.data(),
                                     variance.data(), saved.data(), y.data(), scratch, see);
              norm->backward(worker, o.rows, o.x.data(), saved.data(), o.gain.data(), o.dy.data(), dgain.data(),
                             dbias.data(), dx.data(), scratch, see);
            }),
            0U);
  EXPECT_EQ(seen, std::vector<std::uint8_t>(o.x.size(), 2));
}

// The column kernels on guarded operands, around every vector.
template <class T>
void expect_columns(const kernels::ElementwiseKernels<T>& k, Edge edge) {
  for (const std::size_t rows : Sizes{0, 1, 2, 3, 4, 5, 9})
    for (std::size_t cols = 1; cols <= 35; ++cols) {
      SCOPED_TRACE(testing::Message() << rows << " x " << cols);
      const auto x_values = small_integers<T>(rows * cols, 1), dy_values = small_integers<T>(rows * cols, 2);
      Guarded<T> x(x_values, edge), dy(dy_values, edge), center(small_integers<T>(cols, 3), edge),
          a(small_integers<T>(cols, 4), edge);
      Guarded<T> b(small_integers<T>(cols, 5), edge), f(small_integers<T>(cols, 6), edge), out(dy_values, edge);
      std::vector<T> sums(cols), squares(cols), products(cols);
      k.column_sums(rows, cols, x.data(), sums.data());
      k.column_squares(rows, cols, x.data(), center.data(), squares.data());
      k.column_products(rows, cols, x.data(), center.data(), dy.data(), products.data());
      for (std::size_t j = 0; j < cols; ++j) {
        T sum = 0, square = 0, product = 0;
        for (std::size_t at = j; at < rows * cols; at += cols) {
          sum += x_values[at];
          square += (x_values[at] - center.data()[j]) * (x_values[at] - center.data()[j]);
          product += (x_values[at] - center.data()[j]) * dy_values[at];
        }
        ASSERT_EQ(sums[j], sum);
        ASSERT_EQ(squares[j], square);
        ASSERT_EQ(products[j], product);
      }
      k.normalize(rows, cols, x.data(), center.data(), a.data(), b.data(), out.data());
      for (std::size_t at = 0; at < rows * cols; ++at) {
        const std::size_t j = at % cols;
        ASSERT_EQ(out.data()[at], (x_values[at] - center.data()[j]) * a.data()[j] + b.data()[j]) << "at " << at;
      }
      k.normalize_backward(rows, cols, x.data(), center.data(), dy.data(), a.data(), b.data(), f.data(), out.data());
      for (std::size_t at = 0; at < rows * cols; ++at) {
        const std::size_t j = at % cols;
        ASSERT_EQ(out.data()[at],
                  (dy_values[at] - a.data()[j] - (x_values[at] - center.data()[j]) * b.data()[j]) * f.data()[j])
            << "at " << at;
      }
    }
}

TEST_P(Norm, ColumnKernelsAreExactAndStayInsideTheirOperands) {
  for (const auto edge : {Edge::kEnd, Edge::kBegin}) {
    expect_columns(isa().f32.elementwise, edge);
    expect_columns(isa().f64.elementwise, edge);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Norm, testing::ValuesIn(machine::usable_carrier_tables()), isa_name);

TEST(NormConfig, SaysWhichFieldIsWrongAndWhatWasExpected) {
  const auto& table = *machine::usable_carrier_tables().front();
  const auto batch = [&](const ops::BatchNormConfig& config) {
    const auto norm = ops::BatchNorm<float>::create(config, table);
    return norm ? "accepted" : norm.error().message();
  };
  const auto layer = [&](const ops::LayerNormConfig& config) {
    const auto norm = ops::LayerNorm<float>::create(config, table);
    return norm ? "accepted" : norm.error().message();
  };
  EXPECT_EQ(batch({}), "batchnorm.channels: 0, expected 1 to 1099511627776");
  EXPECT_EQ(batch({.channels = 3, .epsilon = 0}), "batchnorm.epsilon: 0, expected a finite number above 0");
  EXPECT_EQ(batch({.channels = 3, .momentum = 1.5}), "batchnorm.momentum: 1.5, expected 0 to 1");
  EXPECT_EQ(batch({.channels = 3, .momentum = NAN}), "batchnorm.momentum: nan, expected 0 to 1");
  EXPECT_EQ(layer({}), "layernorm.features: 0, expected 1 to 1099511627776");
  EXPECT_EQ(layer({.features = 3, .epsilon = INFINITY}), "layernorm.epsilon: inf, expected a finite number above 0");
}

}  // namespace
}  // namespace udnn::test
