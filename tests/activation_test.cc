// Activations: definitions, derivatives, special values; and the array kernels they are made of.
#include "src/ops/activation.h"

#include <cmath>

#include "tests/support.h"

namespace udnn::test {
namespace {

using ops::ActivationKind;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The definitions, in long double.
long double definition(ActivationKind kind, long double p, long double z) {
  switch (kind) {
    case ActivationKind::kNone:
      return z;
    case ActivationKind::kRelu:
      return z > 0 ? z : 0;
    case ActivationKind::kLeaky:
      return z > 0 ? z : p * z;
    case ActivationKind::kElu:
      return z > 0 ? z : p * std::expm1(z);
    case ActivationKind::kGelu:
      return z * std::erfc(-z / std::sqrt(2.0L)) / 2;
    case ActivationKind::kSilu:
      return z / (1 + std::exp(-z));
    case ActivationKind::kSigmoid:
      return 1 / (1 + std::exp(-z));
    case ActivationKind::kTanh:
      return std::tanh(z);
    case ActivationKind::kSoftplus:
      return std::log1p(std::exp(z));
    case ActivationKind::kHardSigmoid:
      return std::min(std::max(p * z + 0.5L, 0.0L), 1.0L);
    case ActivationKind::kHardTanh:
      return std::min(std::max(z, -1.0L), 1.0L);
    case ActivationKind::kSign:
      return z >= 0 ? 1 : -1;
  }
  return NAN;
}

// How far a result may be away, in units in the last place of max(|y|, |z| * |slope|): the kernels are a few
// operations, each within 2 units, on functions that spread an error of z by their slope.
constexpr long double kUnits = 8;

class Activation : public OnEveryIsa {
 protected:
  template <class T>
  const kernels::ElementwiseKernels<T>& kernels() const {
    return isa().template carrier<T>().elementwise;
  }

  // In place, as networks do it.
  template <class T>
  std::vector<T> activated(ActivationKind kind, std::vector<T> z) const {
    ops::activate(kernels<T>(), kind, ops::info(kind).parameter, z.data(), z.data(), z.size());
    return z;
  }

  template <class T>
  std::vector<T> derivatives(ActivationKind kind, const std::vector<T>& z) const {
    const auto known = ops::derivative_from_output(kind) ? activated(kind, z) : z;
    std::vector<T> dz(z.size(), 1);
    ops::activation_backward(kernels<T>(), kind, ops::info(kind).parameter, known.data(), dz.data(), dz.data(),
                             z.size());
    return dz;
  }

  template <class T>
  void expect_definitions() {
    std::vector<T> z;
    for (int i = -4000; i <= 4000; ++i) z.push_back(static_cast<T>(i) / 400);
    for (const T large : {15.0F, 17.0F, 30.0F, 60.0F, 80.0F}) z.insert(z.end(), {large, -large});
    for (const T small : {1e-3F, 1e-6F, 1e-20F}) z.insert(z.end(), {small, -small});
    for (const auto& [name, parameter, kind, takes_parameter, from_output] : ops::all_activations()) {
      SCOPED_TRACE(std::string(name));
      const auto y = activated(kind, z);
      for (std::size_t i = 0; i < z.size(); ++i) {
        const T p = static_cast<T>(parameter);
        const long double want = definition(kind, p, z[i]);
        const long double step = 1e-6L * std::max(1.0L, std::abs(static_cast<long double>(z[i])));
        const long double slope = (definition(kind, p, z[i] + step) - definition(kind, p, z[i] - step)) / (2 * step);
        const long double unit = std::numeric_limits<T>::epsilon() * (std::abs(want) + std::abs(z[i] * slope));
        // Below the smallest normal number exp() may round to zero.
        ASSERT_LE(std::abs(y[i] - want), kUnits * unit + 100 * std::numeric_limits<T>::min())
            << "at " << z[i] << ": " << y[i] << ", expected " << want;
      }
    }
  }
};

TEST_P(Activation, IsWhatItsDefinitionSaysInFloat) { expect_definitions<float>(); }
TEST_P(Activation, IsWhatItsDefinitionSaysInDouble) { expect_definitions<double>(); }

// Central differences of the definition; step and bound: error h^2 / 6 * |f'''| + rounding 2 u / h, both below 1e-9.
TEST_P(Activation, HasTheDerivativeOfItsDefinition) {
  constexpr long double kStep = 1e-5L;
  std::vector<double> z;
  for (int i = -3999; i <= 3999; i += 2) z.push_back(i / 500.0);  // never near a kink
  for (const auto& [name, parameter, kind, takes_parameter, from_output] : ops::all_activations()) {
    SCOPED_TRACE(std::string(name));
    const auto dz = derivatives(kind, z);
    for (std::size_t i = 0; i < z.size(); ++i) {
      const long double slope =
          kind == ActivationKind::kSign  // straight-through
              ? (std::abs(z[i]) <= 1 ? 1 : 0)
              : (definition(kind, parameter, z[i] + kStep) - definition(kind, parameter, z[i] - kStep)) / (2 * kStep);
      ASSERT_LE(std::abs(dz[i] - slope), 1e-9L) << "at " << z[i] << ": " << dz[i] << ", expected " << slope;
    }
  }
}

TEST_P(Activation, MultipliesTheErrorByTheDerivative) {
  const auto z = reals<double>(37, 1), dy = reals<double>(37, 2);
  for (const auto& activation : ops::all_activations()) {
    const auto known = activation.derivative_from_output ? activated(activation.kind, z) : z;
    const auto slope = derivatives(activation.kind, z);
    std::vector<double> dz(z.size());
    ops::activation_backward(kernels<double>(), activation.kind, activation.parameter, known.data(), dy.data(),
                             dz.data(), z.size());
    for (std::size_t i = 0; i < z.size(); ++i)
      EXPECT_NEAR(dz[i], dy[i] * slope[i], 1e-15) << activation.name << " at " << z[i];
  }
}

TEST_P(Activation, PassesNanAndKnowsItsLimits) {
  const float inf = std::numeric_limits<float>::infinity();
  const struct {
    ActivationKind kind;
    float at_minus_infinity, at_minus_zero, at_infinity;
  } limits[] = {
      {ActivationKind::kNone, -inf, -0.0F, inf},
      {ActivationKind::kRelu, 0, 0, inf},
      {ActivationKind::kLeaky, -inf, -0.0F, inf},
      {ActivationKind::kElu, -1, -0.0F, inf},
      {ActivationKind::kSigmoid, 0, 0.5F, 1},
      {ActivationKind::kTanh, -1, -0.0F, 1},
      {ActivationKind::kSoftplus, 0, std::log(2.0F), inf},
      {ActivationKind::kHardSigmoid, 0, 0.5F, 1},
      {ActivationKind::kHardTanh, -1, -0.0F, 1},
      {ActivationKind::kSign, -1, 1, 1},
  };
  for (const auto& [kind, low, zero, high] : limits) {
    const auto y = activated<float>(kind, {-inf, -0.0F, inf, 0});
    EXPECT_EQ(y[0], low) << ops::info(kind).name;
    EXPECT_NEAR(y[1], zero, 1e-7F) << ops::info(kind).name;
    EXPECT_EQ(y[2], high) << ops::info(kind).name;
  }
  EXPECT_FALSE(std::signbit(activated<float>(ActivationKind::kRelu, {-0.0F})[0]));
  for (const auto& activation : ops::all_activations())
    for (const std::size_t count : Sizes{1, 33})
      for (const float y : activated(activation.kind, std::vector<float>(count, NAN)))
        EXPECT_TRUE(std::isnan(y)) << activation.name << " gives " << y;
}

// An element's value depends neither on its place in a vector nor on how an array is cut.
TEST_P(Activation, GivesEachElementTheSameBitsInAnyPiece) {
  const auto z = reals<float>(100, 1);
  for (const auto& activation : ops::all_activations()) {
    const auto whole = activated(activation.kind, z);
    for (const std::size_t cut : Sizes{1, 3, 7, 8, 15, 16, 31}) {
      auto first =
          activated(activation.kind, std::vector<float>(z.begin(), z.begin() + static_cast<std::ptrdiff_t>(cut)));
      const auto rest =
          activated(activation.kind, std::vector<float>(z.begin() + static_cast<std::ptrdiff_t>(cut), z.end()));
      first.insert(first.end(), rest.begin(), rest.end());
      ASSERT_EQ(first, whole) << activation.name << " cut at " << cut;
    }
  }
}

// The array kernels of one carrier, on guarded operands of every length around the vectors.
template <class T>
class Arrays {
 public:
  Arrays(const kernels::ElementwiseKernels<T>& kernels, std::size_t count, Edge edge)
      : k_(kernels),
        count_(count),
        x_values_(small_integers<T>(count, 1)),
        y_values_(small_integers<T>(count, 2)),
        x_(x_values_, edge),
        y_(y_values_, edge) {}

  void expect_all() {
    for (const auto& activation : ops::all_activations()) {
      Guarded<T> out(y_values_, Edge::kEnd);
      ops::activate(k_, activation.kind, activation.parameter, x_.data(), out.data(), count_);
      ops::activation_backward(k_, activation.kind, activation.parameter, x_.data(), y_.data(), out.data(), count_);
    }
    T sum = 0, squares = 0, products = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      sum += x_values_[i];
      squares += (x_values_[i] - 3) * (x_values_[i] - 3);
      products += (x_values_[i] - 3) * y_values_[i];
    }
    EXPECT_EQ(k_.sum(count_, x_.data()), sum);
    EXPECT_EQ(k_.sum_squares(count_, 3, x_.data()), squares);
    EXPECT_EQ(k_.dot(count_, 3, x_.data(), y_.data()), products);
    k_.add(count_, x_.data(), y_.data());
    k_.scale(count_, 5, y_.data());
    k_.add_scaled(count_, 7, x_.data(), y_.data());
    for (std::size_t i = 0; i < count_; ++i)
      ASSERT_EQ(y_.data()[i], (x_values_[i] + y_values_[i]) * 5 + 7 * x_values_[i]) << "at " << i;
    EXPECT_TRUE(k_.all_finite(count_, x_.data()));
    for (std::size_t i = 0; i < count_; ++i)
      for (const T odd : {std::numeric_limits<T>::infinity(), std::numeric_limits<T>::quiet_NaN()}) {
        x_.data()[i] = odd;
        EXPECT_FALSE(k_.all_finite(count_, x_.data())) << odd << " at " << i;
        x_.data()[i] = x_values_[i];
      }
  }

 private:
  const kernels::ElementwiseKernels<T>& k_;
  std::size_t count_;
  std::vector<T> x_values_, y_values_;
  Guarded<T> x_, y_;
};

TEST_P(Activation, ArrayKernelsAreExactAndStayInsideTheirOperands) {
  for (std::size_t count = 0; count <= 67; ++count)
    for (const auto edge : {Edge::kEnd, Edge::kBegin}) {
      SCOPED_TRACE(testing::Message() << count << " elements");
      Arrays<float>(kernels<float>(), count, edge).expect_all();
      Arrays<double>(kernels<double>(), count, edge).expect_all();
    }
}

// The order of a sum is fixed: lane i mod 16, then halves. Here it is in plain loops.
TEST_P(Activation, SumsHaveTheSameOrderOnEveryInstructionSet) {
  for (const std::size_t count : Sizes{1, 15, 16, 17, 100, 1001}) {
    const auto x = reals<float>(count, 1);
    float lanes[16] = {};
    for (std::size_t i = 0; i < count; ++i) lanes[i % 16] += x[i];
    for (std::size_t half = 8; half > 0; half /= 2)
      for (std::size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
    EXPECT_EQ(kernels<float>().sum(count, x.data()), lanes[0]) << count << " elements";
  }
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, Activation, testing::ValuesIn(machine::usable_carrier_tables()), isa_name);

TEST(Activations, AreFoundByName) {
  for (const auto& activation : ops::all_activations()) {
    const auto* found = ops::find_activation(activation.name);
    ASSERT_NE(found, nullptr) << activation.name;
    EXPECT_EQ(found->kind, activation.kind);
    EXPECT_EQ(ops::info(activation.kind).name, activation.name);
  }
  EXPECT_EQ(ops::find_activation("relu6"), nullptr);
  EXPECT_EQ(ops::all_activations().size(), 12U);
}

TEST(Activations, SayWhichParameterIsWrong) {
  EXPECT_EQ(ops::check_parameter(ActivationKind::kLeaky, -0.1).message(),
            "leaky: parameter -0.1, expected a finite number of at least 0");
  EXPECT_EQ(ops::check_parameter(ActivationKind::kElu, kInfinity).message(),
            "elu: parameter inf, expected a finite number of at least 0");
  EXPECT_EQ(ops::check_parameter(ActivationKind::kHardSigmoid, NAN).message(),
            "hard_sigmoid: parameter nan, expected a finite number of at least 0");
  EXPECT_TRUE(ops::check_parameter(ActivationKind::kLeaky, 0).ok());
  EXPECT_TRUE(ops::check_parameter(ActivationKind::kRelu, -1).ok());
}

}  // namespace
}  // namespace udnn::test
