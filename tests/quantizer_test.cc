// Rounding, against its definition in integers (rounding_oracle.h) and against MPFR; on every instruction set, in both
// carriers.
//
// The points of a grid: every value, every midpoint, and the neighbours of both in the carrier. What stands between two
// of them rounds alike.
#include "src/numbers/quantizer.h"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <limits>
#include <vector>

#include <fmt/format.h>
#include <mpfr.h>

#include "src/base/philox.h"
#include "tests/cases.h"
#include "tests/numbers_support.h"
#include "tests/rounding_oracle.h"
#include "tests/support.h"

namespace udnn::test {
namespace {

using numbers::Draw;
using numbers::Quantizer;
using numbers::Scale;
using numbers::TensorStatistics;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr Draw kDraw{.seed = 0x123456789abcdef, .step = 3, .tensor = 5};

std::uint32_t word_of(std::uint64_t element) {
  return base::PhiloxStream(kDraw.seed, kDraw.step, base::Purpose::kRounding, kDraw.tensor).word(element);
}

/// Same value, same sign of zero, NaN with NaN.
template <class T>
bool same(T a, T b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b) && !std::signbit(a);
  return std::bit_cast<std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>(a) ==
         std::bit_cast<std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>(b);
}

/// Values in the carrier, both signs, around each of the magnitudes.
template <class T>
std::vector<T> around(std::vector<double> magnitudes) {
  std::sort(magnitudes.begin(), magnitudes.end());
  magnitudes.erase(std::unique(magnitudes.begin(), magnitudes.end()), magnitudes.end());
  std::vector<T> points;
  const auto add = [&](double magnitude) {
    if (!(magnitude <= static_cast<double>(std::numeric_limits<T>::max()))) return;
    const auto value = static_cast<T>(magnitude);
    for (const T x : {value, std::nextafter(value, T{0}), std::nextafter(value, std::numeric_limits<T>::infinity())}) {
      points.push_back(x);
      points.push_back(-x);
    }
  };
  for (std::size_t i = 0; i < magnitudes.size(); ++i) {
    add(magnitudes[i]);
    if (i + 1 < magnitudes.size()) {
      const double width = magnitudes[i + 1] - magnitudes[i];
      add(magnitudes[i] + width / 2);
      add(magnitudes[i] + width * 0.3);
      add(magnitudes[i] + width / 65536 * 40000);
    }
  }
  for (const T x : {T{0}, std::numeric_limits<T>::denorm_min(), std::numeric_limits<T>::min(),
                    std::numeric_limits<T>::max(), T{1e30F}, T{3.5}}) {
    points.push_back(x);
    points.push_back(-x);
  }
  points.push_back(std::numeric_limits<T>::infinity());
  points.push_back(-std::numeric_limits<T>::infinity());
  points.push_back(std::numeric_limits<T>::quiet_NaN());
  points.push_back(-std::numeric_limits<T>::quiet_NaN());
  return points;
}

/// All values of the format without sign, and the one that would follow the largest.
std::vector<double> magnitudes_of(const Format& f, const Scale& scale, const kernels::KernelTable& table) {
  const auto coder = quantizer<double>(f, table);
  std::vector<double> values;
  for (std::uint64_t code = 0; code < std::uint64_t{1} << f.bits; ++code) {
    const double value = std::abs(coder.decode(code, scale));
    if (std::isfinite(value)) values.push_back(value);
  }
  const double largest = *std::max_element(values.begin(), values.end());
  const FormatTraits t = traits(f);
  const bool is_float = f.family == Family::kFloat || f.family == Family::kOcpFloat;
  const double last = is_float ? std::ldexp(1.0, std::max(t.max_exponent, t.min_exponent) - f.mantissa_bits)
                               : scale.unit * std::ldexp(1.0, -f.fraction_bits);
  for (const double far : {largest + last, largest + 2 * last, largest + 300 * last, largest * 65})
    values.push_back(far);
  return values;
}

/// One format on one instruction set against its definition. Returns the number of values compared.
template <class T>
std::size_t compare(const Format& f, const Scale& scale, const std::vector<T>& x, const std::vector<T>& expected,
                    const kernels::KernelTable& table) {
  const auto q = quantizer<T>(f, table);
  std::vector<T> got(x.size());
  q.run(x.data(), got.data(), x.size(), 1, kDraw, scale, nullptr);
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!same(got[i], expected[i]) && !(q.is_identity() && std::isnan(got[i]) && std::isnan(expected[i]))) {
      ADD_FAILURE() << to_string(f) << " in " << (sizeof(T) == 4 ? "float" : "double") << " on " << table.isa
                    << ", unit " << scale.unit << ": " << x[i] << " gives " << got[i] << ", expected " << expected[i]
                    << std::hexfloat << " (" << x[i] << ": " << got[i] << ", " << expected[i] << "), word "
                    << word_of(1 + i);
      return 0;
    }
  return x.size();
}

std::vector<Format> variants(Format f) {
  std::vector<Format> list;
  std::vector<Overflow> modes{Overflow::kSaturate};
  const FormatTraits t = traits(f);
  if (t.has_infinity) modes.push_back(Overflow::kInfinity);
  if (t.has_nan) modes.push_back(Overflow::kNan);
  if (f.family != Family::kFloat && f.family != Family::kOcpFloat) modes.push_back(Overflow::kWrap);
  for (int mode = 0; mode < kRoundings; ++mode)
    for (const Overflow overflow : modes) {
      f.rounding = static_cast<Rounding>(mode);
      f.random_bits = f.rounding == Rounding::kStochastic ? 32 : 0;
      f.overflow = overflow;
      list.push_back(f);
      if (f.rounding == Rounding::kStochastic && overflow == Overflow::kSaturate)
        for (const int bits : {1, 8, 24}) {
          f.random_bits = bits;
          list.push_back(f);
        }
      if (t.has_negative_zero && f.rounding == Rounding::kUp) {
        f.flushes_subnormals = true;
        list.push_back(f);
        f.flushes_subnormals = false;
      }
    }
  return list;
}

template <class T>
std::size_t prove(const Format& f, const Scale& scale, const std::vector<double>& magnitudes) {
  const auto tables = machine::usable_carrier_tables();
  const std::vector<T> x = around<T>(magnitudes);
  std::vector<T> expected(x.size());
  std::vector<std::uint32_t> words(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) words[i] = word_of(1 + i);
  std::size_t cases = 0;
  for (const Format& variant : variants(f)) {
    if (sizeof(T) == 4 && !fits_float_carrier(variant)) continue;
    for (std::size_t i = 0; i < x.size(); ++i)
      expected[i] = static_cast<T>(round_by_definition<T>(static_cast<double>(x[i]), variant, scale, words[i]));
    for (const auto* table : tables) cases += compare<T>(variant, scale, x, expected, *table);
    if (testing::Test::HasFailure()) return cases;
  }
  return cases;
}

/// Both carriers, every mode, every point.
std::size_t prove(const Format& f, const Scale& scale = {}) {
  const auto magnitudes = magnitudes_of(f, scale, *machine::usable_carrier_tables().back());
  std::size_t cases = prove<double>(f, scale, magnitudes);
  if (fits_float_carrier(f)) cases += prove<float>(f, scale, magnitudes);
  return cases;
}

TEST(Quantizer, RoundsEveryFloatOfAtMostTwelveBitsByDefinition) {
  std::size_t cases = 0;
  for (int e = 1; e <= 11; ++e)
    for (int m = 0; 1 + e + m <= (kThoroughness == 1 ? 12 : 8) && !HasFailure(); ++m)
      cases += prove(format(fmt::format("f{}.{}", e, m)));
  for (const char* name : {"e4m3", "e3m2", "e2m3", "e2m1"}) cases += prove(format(name));
  expect_cases(cases, kThoroughness == 1 ? 40'000'000U : 1'500'000U);
}

TEST(Quantizer, RoundsEveryFixedPointOfAtMostTenBitsByDefinition) {
  std::size_t cases = 0;
  for (int bits = 1; bits <= (kThoroughness == 1 ? 10 : 6); ++bits)
    for (const int i : {-20, 0, 3, bits + 5})
      for (const char* family : {"fx", "ufx"}) {
        if (HasFailure()) return;
        cases += prove(format(fmt::format("{}{}.{}", family, i, bits - i)));
      }
  expect_cases(cases, kThoroughness == 1 ? 8'000'000U : 600'000U);
}

TEST(Quantizer, RoundsScaledIntegersByDefinition) {
  std::size_t cases = 0;
  for (int bits = 2; bits <= (kThoroughness == 1 ? 9 : 5); ++bits)
    for (const double unit : {1.0, 0x1p-20, 0.1, 0.7, 123.456}) {
      if (HasFailure()) return;
      // A unit that both carriers hold: else the definition is that of one of them.
      const auto used = static_cast<double>(static_cast<float>(unit));
      cases += prove(format(fmt::format("int{}", bits)), {.unit = used});
      for (const double zero_point : {0.0, 1.0, std::ldexp(1.0, bits - 1)})
        cases += prove(format(fmt::format("uint{}", bits)), {.unit = used, .zero_point = zero_point});
      cases += prove<double>(format(fmt::format("int{}", bits)), {.unit = unit},
                             {0.5 * unit, unit, 1.5 * unit, 2.5 * unit, 3 * unit, 17 * unit});
      if (std::ldexp(0.5, std::ilogb(unit) + 1) == unit)
        cases += prove(format(fmt::format("dfx{}", bits)), {.unit = unit});
    }
  expect_cases(cases, kThoroughness == 1 ? 10'000'000U : 1'000'000U);
}

TEST(Quantizer, RoundsWideFormatsByDefinition) {
  // Points near powers of two and near the ends, where a grid of many bits can still go wrong.
  std::size_t cases = 0;
  for (const char* name : {"fp16", "bf16", "tf32", "fp32", "f8.22", "f7.23", "f5.22", "f8.0", "f8.1", "f10.52", "f11.0",
                           "f11.1", "f11.51", "f9.5", "f1.20", "f1.52", "f11.19", "f11.20", "f11.21"}) {
    const Format f = format(name);
    const FormatTraits t = traits(f);
    std::vector<double> magnitudes{t.largest, t.smallest_normal, t.smallest_subnormal};
    for (int e = t.min_exponent - f.mantissa_bits - 3; e <= t.max_exponent;
         e += std::max(1, (t.max_exponent - t.min_exponent) / 40)) {
      const double step = std::ldexp(1.0, std::max(e, t.min_exponent) - f.mantissa_bits), power = std::ldexp(1.0, e);
      for (const double k : {0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.5}) magnitudes.push_back(power + k * step);
      magnitudes.push_back(power * 1.7182818);
    }
    cases += prove<double>(f, {}, magnitudes);
    if (fits_float_carrier(f)) cases += prove<float>(f, {}, magnitudes);
  }
  for (const char* name : {"fx2.22", "fx12.12", "ufx12.12", "fx27.27", "ufx27.26", "fx1.52", "fx512.-511", "fx-500.510",
                           "fx40.-20", "fx20.-4"}) {
    const Format f = format(name);
    const double step = std::ldexp(1.0, -f.fraction_bits), largest = traits(f).largest;
    std::vector<double> magnitudes;
    for (const double k : {0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.5, 1000.5, 1001.5, 4000.25})
      for (const double from : {0.0, largest, largest / 2, largest / 3})
        magnitudes.insert(magnitudes.end(), {from + k * step, std::abs(from - k * step)});
    cases += prove<double>(f, {}, magnitudes);
    if (fits_float_carrier(f)) cases += prove<float>(f, {}, magnitudes);
  }
  expect_cases(cases, 1'000'000U);
}

// The oracle and MPFR, in the modes that both know.
TEST(Quantizer, AgreesWithMpfr) {
  const auto& table = *machine::usable_carrier_tables().front();
  const std::pair<Rounding, mpfr_rnd_t> modes[] = {{Rounding::kNearestEven, MPFR_RNDN},
                                                   {Rounding::kTowardZero, MPFR_RNDZ},
                                                   {Rounding::kUp, MPFR_RNDU},
                                                   {Rounding::kDown, MPFR_RNDD}};
  const mpfr_exp_t emin = mpfr_get_emin(), emax = mpfr_get_emax();
  std::size_t cases = 0;
  for (const char* name : {"f2.3", "f4.3", "e5m2", "f3.1", "f4.0", "fp16", "bf16"}) {
    Format f = format(name);
    const FormatTraits t = traits(f);
    std::vector<double> magnitudes;
    for (int i = 0; i < 400; ++i) {
      const double power = std::ldexp(
          1.0, t.min_exponent - f.mantissa_bits - 2 + i % (t.max_exponent - t.min_exponent + f.mantissa_bits + 3));
      magnitudes.push_back(power * (1 + i / 400.0));
      magnitudes.push_back(power * (1 + std::ldexp(i % 32, -f.mantissa_bits - 1)));
    }
    const auto x = around<double>(magnitudes);
    for (const auto& [rounding, mpfr_mode] : modes) {
      f.rounding = rounding;
      std::vector<double> got(x.size());
      quantizer<double>(f, table).run(x.data(), got.data(), x.size(), 0, kDraw, {}, nullptr);
      mpfr_t value;
      mpfr_init2(value, f.mantissa_bits + 1);
      // MPFR's significands are below 1: its exponents are one larger.
      mpfr_set_emin(t.min_exponent - f.mantissa_bits + 1);
      mpfr_set_emax(t.max_exponent + 1);
      for (std::size_t i = 0; i < x.size(); ++i) {
        int ternary = mpfr_set_d(value, x[i], mpfr_mode);
        ternary = mpfr_check_range(value, ternary, mpfr_mode);
        mpfr_subnormalize(value, ternary, mpfr_mode);
        double expected = mpfr_get_d(value, MPFR_RNDN);
        if (std::isnan(x[i]) && !t.has_nan) expected = 0;
        if (std::isinf(x[i])) expected = overflowed(f, t.largest, x[i]);  // "as overflow"; MPFR keeps it
        ASSERT_TRUE(same(got[i], expected))
            << to_string(f) << ": " << std::hexfloat << x[i] << " gives " << got[i] << ", MPFR " << expected;
        ++cases;
      }
      mpfr_clear(value);
      mpfr_set_emin(emin);
      mpfr_set_emax(emax);
    }
  }
  expect_cases(cases, 100'000U);
}

// All floats, in strides: what the points above leave out.
TEST(Quantizer, RoundsAStrideOfAllFloatsByDefinition) {
  constexpr std::uint64_t kStride = std::uint64_t{10007} * kThoroughness;
  std::vector<float> x;
  for (std::uint64_t bits = 0; bits < std::uint64_t{1} << 32; bits += kStride)
    x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  std::vector<float> expected(x.size());
  std::vector<std::uint32_t> words(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) words[i] = word_of(1 + i);
  std::size_t cases = 0;
  for (const char* name :
       {"fp16", "bf16", "e4m3", "e5m2", "bf16:sr", "e5m2:sr", "fx2.6:sr", "fx4.12:sr16", "e4m3:rna", "bf16:odd"}) {
    const Format f = format(name);
    for (std::size_t i = 0; i < x.size(); ++i)
      expected[i] = static_cast<float>(round_by_definition<float>(static_cast<double>(x[i]), f, {}, words[i]));
    for (const auto* table : machine::usable_carrier_tables()) cases += compare<float>(f, {}, x, expected, *table);
  }
  expect_cases(cases, 4'000'000U / kThoroughness);
}

TEST(Quantizer, GivesTheExamplesOfTheSpecification) {
  const auto& table = *machine::usable_carrier_tables().front();
  const auto round = [&](const char* name, double x) {
    double q = 0;
    quantizer<double>(format(name), table).run(&x, &q, 1, 0, kDraw, {}, nullptr);
    return q;
  };
  EXPECT_EQ(round("e4m3:nan", 464), 448);
  EXPECT_TRUE(std::isnan(round("e4m3:nan", 464.0000001)));
  EXPECT_EQ(round("e4m3", 1e9), 448);
  EXPECT_EQ(round("f4.3", 247.99), 240);
  EXPECT_EQ(round("f4.3", 248), kInfinity);
  EXPECT_EQ(round("f4.3:rtz", kInfinity), 240);
  EXPECT_EQ(round("f4.3:rup", -kInfinity), -240);
  EXPECT_EQ(round("f4.3:rup", kInfinity), kInfinity);
  EXPECT_EQ(round("f4.3:sat", kInfinity), 240);
  EXPECT_EQ(round("fx-2.10", 1), 0.125 - 0x1p-10);
  EXPECT_EQ(round("fx-2.10", -1), -0.125);
  EXPECT_EQ(round("fx2.6:wrap", 2), -2);
  EXPECT_EQ(round("fx2.6", kNan), 0);
  EXPECT_TRUE(std::signbit(round("e4m3:rup", -1e-9)));
  EXPECT_FALSE(std::signbit(round("fx2.6", -0.0)));
  EXPECT_EQ(round("fp16:ftz", 0x1p-15), 0);
  EXPECT_EQ(round("fp16:ftz", 0x1.ffffp-15), 0x1p-14);  // rounds to the smallest normal, and stays
  // Once, from the value given: by way of float these would be ties.
  EXPECT_EQ(round("bf16", 1 + 0x1p-8 + 0x1p-40), 1 + 0x1p-7);
  EXPECT_EQ(round("fp16", 1 + 0x1p-11 - 0x1p-40), 1);
}

TEST(Quantizer, LeavesTheCarrierAlone) {
  const auto& table = *machine::usable_carrier_tables().front();
  for (const char* name : {"fp32", "f8.23:rna", "fp32:odd", "fp32:sr"})
    EXPECT_TRUE(quantizer<float>(format(name), table).is_identity()) << name;
  EXPECT_TRUE(quantizer<double>(format("fp64"), table).is_identity());
  EXPECT_FALSE(quantizer<double>(format("fp32"), table).is_identity());
  for (const char* name : {"fp32:ftz", "fp32:sat", "fp32:nan", "fp32:rtz", "f8.22"})
    EXPECT_FALSE(quantizer<float>(format(name), table).is_identity()) << name;

  const auto x = around<float>({1.0, 0x1p-126, 3e38, 0.1});
  std::vector<float> q(x.size());
  quantizer<float>(format("fp32"), table).run(x.data(), q.data(), x.size(), 0, kDraw, {}, nullptr);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_TRUE(std::isnan(x[i]) ? std::isnan(q[i]) : same(q[i], x[i]));
}

TEST(Quantizer, EncodesAndDecodesEveryCode) {
  const auto& table = *machine::usable_carrier_tables().front();
  std::size_t cases = 0;
  const std::pair<const char*, Scale> rows[] = {{"fp16", {}},
                                                {"bf16", {}},
                                                {"f1.3", {}},
                                                {"f3.0", {}},
                                                {"e4m3", {}},
                                                {"e5m2", {}},
                                                {"fx2.6", {}},
                                                {"ufx-2.10", {}},
                                                {"fx5.-2", {}},
                                                {"dfx8:wrap", {.unit = 0.25}},
                                                {"int4", {.unit = 0.1}},
                                                {"int16", {.unit = 0.3}},
                                                {"uint8", {.unit = 0.1, .zero_point = 100}},
                                                {"int8:fix=0.1", {}},
                                                {"b1", {.unit = 0.3}}};
  for (const auto& [name, scale] : rows) {
    const Format f = format(name);
    const auto coder = quantizer<double>(f, table);
    for (std::uint64_t code = 0; code < std::uint64_t{1} << f.bits; ++code) {
      const double value = coder.decode(code, scale);
      double again = 0;
      coder.run(&value, &again, 1, 0, kDraw, scale, nullptr);
      const bool kept_infinity = !std::isinf(value) || std::isinf(again);
      ASSERT_TRUE(kept_infinity && same(again, std::isnan(value) ? kNan : value))
          << name << " code " << code << ": " << value << " rounds to " << again;
      ASSERT_TRUE(std::isnan(value) || coder.encode(value, scale) == code) << name << ": " << value;
      ++cases;
    }
  }
  expect_cases(cases, 190'000U);
  const auto few = quantizer<float>(format("t2"), table);
  for (const auto& [code, value] : {std::pair{0U, 0.0F}, {1U, 0.5F}, {3U, -0.5F}}) {
    EXPECT_EQ(few.decode(code, {.unit = 0.5}), value);
    EXPECT_EQ(few.encode(value, {.unit = 0.5}), code);
  }
  const auto wide = quantizer<double>(format("fp64"), table);
  for (const double value : {0.1, -0x1p-1074, DBL_MAX, 1.0, -0.0, kInfinity}) {
    EXPECT_EQ(wide.encode(value, {}), std::bit_cast<std::uint64_t>(value));
    EXPECT_TRUE(same(wide.decode(std::bit_cast<std::uint64_t>(value), {}), value));
  }
  EXPECT_EQ(quantizer<float>(format("e5m2"), table).encode(std::numeric_limits<float>::quiet_NaN(), {}), 0x7eU);
  EXPECT_EQ(quantizer<float>(format("e4m3"), table).encode(std::numeric_limits<float>::quiet_NaN(), {}), 0x7fU);
}

TEST(Quantizer, IsIdempotentAndMonotone) {
  const base::PhiloxStream words(8, 0, base::Purpose::kRounding, 0);
  std::vector<float> x;
  for (std::uint64_t i = 0; i < 20000; ++i) x.push_back(std::bit_cast<float>(words.word(i)));
  for (std::uint64_t i = 0; i < 20000; ++i) x.push_back(static_cast<float>(words.normal(i)));
  std::erase_if(x, [](float v) { return std::isnan(v); });
  std::sort(x.begin(), x.end());
  const Scale scale{.unit = static_cast<double>(0.013F), .threshold = 0.4};
  for (const auto* table : machine::usable_carrier_tables())
    for (const char* name : {"e4m3", "e5m2", "bf16", "f3.0", "fx2.6", "ufx2.6", "fx4.-1", "int8", "uint8", "b1", "t2"})
      for (Format f : variants(format(name))) {
        if (f.overflow == Overflow::kWrap || f.overflow == Overflow::kNan) continue;
        if (f.family == Family::kBinary || f.family == Family::kTernary) f = format(name);
        const auto q = quantizer<float>(f, *table);
        std::vector<float> once(x.size()), twice(x.size());
        q.run(x.data(), once.data(), x.size(), 0, kDraw, scale, nullptr);
        q.run(once.data(), twice.data(), x.size(), 77, kDraw, scale, nullptr);
        const bool is_ternary = f.family == Family::kTernary;  // whose unit may lie below the threshold
        for (std::size_t i = 0; i < x.size(); ++i) {
          const bool inward = std::isinf(once[i]) && !std::isinf(twice[i]);
          ASSERT_TRUE(is_ternary || inward || same(once[i], twice[i]))
              << to_string(f) << ": " << x[i] << ", " << once[i] << ", " << twice[i];
          ASSERT_TRUE(i == 0 || f.rounding == Rounding::kStochastic || once[i - 1] <= once[i])
              << to_string(f) << ": " << x[i];
        }
      }
}

// For every place between two values that K bits can tell apart, all 2^K words: as many go up as the place says.
TEST(Quantizer, HasTheExactExpectationInStochasticRounding) {
  for (const auto* table : machine::usable_carrier_tables())
    for (int bits = 1; bits <= (kThoroughness == 1 ? 10 : 6); ++bits) {
      const std::uint32_t count = 1U << bits;
      std::vector<std::uint32_t> words(count + 16);
      for (std::uint32_t w = 0; w < count; ++w)
        words[w] = w << (32 - bits) | (0x9e3779b9U * w >> bits);  // lower bits must not count
      const std::uint32_t mask = ~0U << (32 - bits);
      std::vector<float> x(count), q(count);
      std::vector<double> wide_x(count), wide_q(count);
      for (std::uint32_t place = 0; place < count; ++place)
        for (const float sign : {1.0F, -1.0F}) {
          std::fill(x.begin(), x.end(), sign * (3 + static_cast<float>(place) / static_cast<float>(count)));
          std::copy(x.begin(), x.end(), wide_x.begin());
          const auto& f32 = table->f32.quantize;
          f32.fixed[6]({1, 1, -128, 127, 256, mask}, {x.data(), q.data(), count, words.data()});
          EXPECT_EQ(std::count(q.begin(), q.end(), sign * 4), place);
          EXPECT_EQ(std::count(q.begin(), q.end(), sign * 3), count - place);
          table->f64.quantize.fixed[6]({1, 1, -128, 127, 256, mask},
                                       {wide_x.data(), wide_q.data(), count, words.data()});
          EXPECT_EQ(std::count(wide_q.begin(), wide_q.end(), sign * 4), place);

          // 2 .. 4 with one stored bit: the same places, between the floats 3 and 4.
          const kernels::FloatGrid<float> narrow{1, 0.25F, 16, 12, {12, 12}, 0, 0, mask},
              wide{1, FLT_MIN, 16, FLT_MAX, {12, 12}, 0, 0, mask};
          f32.narrow_float[6](narrow, {x.data(), q.data(), count, words.data()});
          EXPECT_EQ(std::count(q.begin(), q.end(), sign * 4), place);
          f32.wide_float[6](wide, {x.data(), q.data(), count, words.data()});
          EXPECT_EQ(std::count(q.begin(), q.end(), sign * 4), place);

          std::vector<double> unit(count, 1), low(count, -128), high(count, 127);
          f32.integer[6]({unit.data(), low.data(), high.data(), nullptr, 0, mask},
                         {x.data(), q.data(), count, words.data()});
          EXPECT_EQ(std::count(q.begin(), q.end(), sign * 4), place);
          if (HasFailure()) return;
        }
    }
}

TEST(Quantizer, DecidesStochasticRoundingAtTheExactWord) {
  // 3 + p 2^-21 with 32 random bits: up exactly when word >= 2^32 - p 2^11.
  const base::PhiloxStream places(4, 0, base::Purpose::kRounding, 0);
  for (const auto* table : machine::usable_carrier_tables())
    for (std::uint64_t i = 0; i < 2000; ++i) {
      const std::uint32_t place = places.word(i) >> 11 | 1;
      const std::uint32_t border = 0U - (place << 11);
      std::vector<std::uint32_t> words(20);
      words[0] = border;
      words[1] = border - 1;
      const float x[2] = {3 + static_cast<float>(place) * 0x1p-21F, 3 + static_cast<float>(place) * 0x1p-21F};
      ASSERT_LT(x[0], 4);
      float q[2];
      table->f32.quantize.fixed[6]({1, 1, -128, 127, 256, ~0U}, {x, q, 2, words.data()});
      EXPECT_EQ(q[0], 4);
      EXPECT_EQ(q[1], 3);
    }
}

TEST(Quantizer, DecidesStochasticRoundingAtTheLastOfThirtyTwoBits) {
  // p 2^-32: up exactly when word >= 2^32 - p, odd p included.
  const base::PhiloxStream places(4, 1, base::Purpose::kRounding, 0);
  for (const auto* table : machine::usable_carrier_tables())
    for (std::uint64_t i = 0; i < 2000; ++i) {
      const std::uint32_t place = places.word(i) >> 8;
      std::vector<std::uint32_t> words(20);
      words[0] = 0U - place;
      words[1] = 0U - place - 1;
      const float x = static_cast<float>(place) * 0x1p-32F;
      const float pair[2] = {x, x};
      const double wide_pair[2] = {x, x};
      float q[2];
      double wide_q[2];
      table->f32.quantize.fixed[6]({1, 1, -128, 127, 256, ~0U}, {pair, q, 2, words.data()});
      table->f64.quantize.fixed[6]({1, 1, -128, 127, 256, ~0U}, {wide_pair, wide_q, 2, words.data()});
      ASSERT_TRUE(q[0] == 1 && q[1] == 0 && wide_q[0] == 1 && wide_q[1] == 0) << table->isa << ", " << place;
    }
}

// c 2^32 and t u differ by 1 where t = +-1 / u modulo 2^32: too little for a product in double, which has to be exact.
TEST(Quantizer, DecidesStochasticRoundingToARealUnitExactly) {
  const base::PhiloxStream units(4, 2, base::Purpose::kRounding, 0);
  for (const auto* table : machine::usable_carrier_tables())
    for (std::uint64_t i = 0; i < 500; ++i) {
      const std::uint32_t unit = units.word(i) >> 8 | 0x800001;
      std::uint32_t inverse = unit;  // Newton's iteration doubles the bits that are right, from 3
      for (int step = 0; step < 4; ++step) inverse *= 2 - unit * inverse;
      for (const bool above : {false, true}) {
        const std::uint32_t t = above ? 0U - inverse : inverse;  // t unit = c 2^32 - 1, or + 1
        const std::uint64_t product = std::uint64_t{t} * unit;
        const auto c = static_cast<float>((product + (above ? 1 : 0)) >> 32U);
        std::vector<std::uint32_t> words(20);
        words[0] = 0U - t;
        const double u = unit, low = -128, high = 127;
        float q = 0;
        table->f32.quantize.integer[6]({&u, &low, &high, nullptr, 0, ~0U}, {&c, &q, 1, words.data()});
        ASSERT_EQ(q, above ? static_cast<float>(unit) : 0.0F) << table->isa << ", unit " << unit;
      }
    }
}

TEST(Quantizer, DrawsForTheElementAndNotForThePiece) {
  const base::PhiloxStream reals_of(2, 0, base::Purpose::kRounding, 0);
  std::vector<float> x(3000);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(reals_of.normal(i));
  for (const char* name : {"fx2.6:sr", "e5m2:sr", "bf16:sr", "int4:sr"}) {
    std::vector<std::vector<float>> results;
    for (const auto* table : machine::usable_carrier_tables())
      for (const std::size_t piece : Sizes{3000, 1000, 64, 37, 1}) {
        const auto q = quantizer<float>(format(name), *table);
        std::vector<float> whole = x;
        for (std::size_t begin = 0; begin < x.size(); begin += piece) {
          const std::size_t count = std::min(piece, x.size() - begin);
          q.run(whole.data() + begin, whole.data() + begin, count, 1001 + begin, kDraw, {.unit = 0.25},
                nullptr);  // in place
        }
        results.push_back(whole);
      }
    for (const auto& result : results) EXPECT_EQ(result, results.front()) << name;
    std::vector<float> other(x.size());
    const auto q = quantizer<float>(format(name), *machine::usable_carrier_tables().front());
    for (const Draw draw : {Draw{kDraw.seed + 1, 3, 5}, Draw{kDraw.seed, 4, 5}, Draw{kDraw.seed, 3, 6}}) {
      q.run(x.data(), other.data(), x.size(), 1001, draw, {.unit = 0.25}, nullptr);
      EXPECT_NE(other, results.front()) << name;
    }
  }
}

TEST(Quantizer, TakesOneScaleForEachChannel) {
  const base::PhiloxStream reals_of(3, 0, base::Purpose::kRounding, 0);
  for (const auto* table : machine::usable_carrier_tables())
    for (const char* name : {"int4", "int4:sr", "uint4:rdn", "b1", "t2", "dfx8"})
      for (const std::size_t channels : Sizes{1, 3, 10, 120, 255, 256, 257, 600}) {
        constexpr std::size_t kRows = 5, kFirstRow = 7;
        const auto q = quantizer<float>(format(name), *table);
        std::vector<float> x(kRows * channels), got(x.size());
        std::vector<Scale> scales(channels);
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(reals_of.normal(i));
        for (std::size_t c = 0; c < channels; ++c)
          scales[c] = {.unit = 0.1 + 0.01 * static_cast<double>(c),
                       .threshold = 0.01 * static_cast<double>(c),
                       .zero_point = q.format().family == Family::kUnsignedInt ? 3.0 : 0.0};
        if (q.format().family == Family::kDynamicFixed) std::fill(scales.begin(), scales.end(), Scale{.unit = 0.25});
        TensorStatistics counted;
        q.run_channels(x.data(), got.data(), kRows, channels, kFirstRow, kDraw, scales.data(), &counted);
        std::vector<float> plain(x.size());
        q.run_channels(x.data(), plain.data(), kRows, channels, kFirstRow, kDraw, scales.data(), nullptr);
        EXPECT_EQ(plain, got);
        EXPECT_EQ(counted.count, x.size());
        for (std::size_t i = 0; i < x.size(); ++i) {
          float alone = 0;
          q.run(&x[i], &alone, 1, kFirstRow * channels + i, kDraw, scales[i % channels], nullptr);
          ASSERT_TRUE(same(got[i], alone)) << name << ", " << channels << " channels, element " << i;
        }
      }
}

TEST(Quantizer, CountsWhatItDoes) {
  const base::PhiloxStream reals_of(6, 0, base::Purpose::kRounding, 0);
  std::vector<TensorStatistics> all;
  for (const auto* table : machine::usable_carrier_tables())
    for (const std::size_t count : Sizes{1, 7, 8, 9, 255, 256, 257, 1000}) {
      std::vector<float> x(count), got(count), plain(count);
      for (std::size_t i = 0; i < count; ++i)
        x[i] = static_cast<float>(reals_of.normal(i)) * (i % 5 == 0 ? 1e-3F : 1.5F);
      if (count > 8) {
        x[1] = 0;
        x[3] = std::numeric_limits<float>::quiet_NaN();
        x[4] = -std::numeric_limits<float>::infinity();
        x[5] = 100;
        x[6] = -0.0F;
      }
      const auto q = quantizer<float>(format("fx2.6"), *table);
      TensorStatistics s;
      q.run(x.data(), got.data(), count, 0, kDraw, {}, &s);
      q.run(x.data(), plain.data(), count, 0, kDraw, {}, nullptr);
      EXPECT_EQ(got, plain);

      TensorStatistics e;
      double magnitude = 0;
      for (std::size_t i = 0; i < count; ++i) {
        e.count += 1;
        e.zeros_in += x[i] == 0 ? 1 : 0;
        e.zeros_out += x[i] != 0 && !std::isnan(x[i]) && got[i] == 0 ? 1 : 0;
        if (!std::isfinite(x[i])) {
          e.non_finite += 1;
          continue;
        }
        e.saturated += x[i] > 2 - 0x1p-6 || x[i] < -2 ? 1 : 0;
        e.max_abs = std::max(e.max_abs, static_cast<double>(std::abs(x[i])));
        const double error = static_cast<double>(got[i]) - static_cast<double>(x[i]);
        e.error_sum += error;
        e.error_squares += error * error;
        e.value_squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
        magnitude += std::abs(error);
      }
      EXPECT_EQ(s.count, e.count);
      EXPECT_EQ(s.zeros_in, e.zeros_in);
      EXPECT_EQ(s.zeros_out, e.zeros_out);
      EXPECT_EQ(s.saturated, e.saturated);
      EXPECT_EQ(s.non_finite, e.non_finite);
      EXPECT_EQ(s.max_abs, e.max_abs);
      // Two orders of the same sum differ by at most 2 (n - 1) u sum |term| (Higham, section 4.2), a square's own
      // rounding included in the + 1.
      const double u = DBL_EPSILON / 2 * 2 * static_cast<double>(count + 1);
      EXPECT_LE(std::abs(s.error_sum - e.error_sum), u * magnitude);
      EXPECT_LE(std::abs(s.error_squares - e.error_squares), u * e.error_squares);
      EXPECT_LE(std::abs(s.value_squares - e.value_squares), u * e.value_squares);
      if (count == 1000) {
        EXPECT_EQ(s.sqnr_db(), 10 * std::log10(s.value_squares / s.error_squares));
        all.push_back(s);
      }
    }
  for (const TensorStatistics& s : all) {  // the same bits on every instruction set
    EXPECT_EQ(s.error_sum, all.front().error_sum);
    EXPECT_EQ(s.error_squares, all.front().error_squares);
    EXPECT_EQ(s.value_squares, all.front().value_squares);
  }
  TensorStatistics both = all.front();
  both.merge(all.front());
  EXPECT_EQ(both.count, 2000U);
  EXPECT_EQ(both.saturated, 2 * all.front().saturated);
  EXPECT_EQ(both.value_squares, 2 * all.front().value_squares);
}

TEST(Quantizer, StaysInsideItsArrays) {
  for (const auto* table : machine::usable_carrier_tables())
    for (const char* name : {"fx2.6", "fx2.6:sr", "fx2.6:wrap", "e5m2", "bf16:sr", "int4", "b1", "t2"})
      for (std::size_t count = 1; count <= 40; ++count)
        for (const auto edge : {Edge::kBegin, Edge::kEnd}) {
          Guarded<float> x(reals<float>(count, 1), edge), q(std::vector<float>(count), edge);
          TensorStatistics statistics;
          const auto rounds = quantizer<float>(format(name), *table);
          rounds.run(x.data(), q.data(), count, 3, kDraw, {}, nullptr);
          rounds.run(x.data(), q.data(), count, 3, kDraw, {}, &statistics);
        }
}

TEST(Quantizer, SaysWhatItDoesNotComputeYet) {
  const auto& table = *machine::usable_carrier_tables().front();
  const auto message = [&](const char* name) {
    const auto made = Quantizer<double>::create(format(name), table);
    return made ? "accepted" : made.error().message();
  };
  EXPECT_EQ(message("fx32.32"), "fx32.32: 63 significant bits, expected at most 53 in the double carrier");
  const auto narrow = Quantizer<float>::create(format("fp64"), table);
  ASSERT_FALSE(narrow);
  EXPECT_EQ(narrow.error().message(), "fp64: does not fit the float carrier, expected double");
}

TEST(Quantizer, RefusesAScaleThatItCannotUse) {
  const auto& table = *machine::usable_carrier_tables().front();
  const auto message = [&](const char* name, const Scale& scale) {
    return quantizer<float>(format(name), table).accepts(scale).message();
  };
  EXPECT_EQ(message("dfx8", {.unit = 0.25}), "");
  EXPECT_EQ(message("dfx8", {.unit = 0.3}), "dfx8: scale 0.3, expected a power of two");
  EXPECT_EQ(message("int8", {.unit = 0}), "int8: scale 0, expected 1.1754943508222875e-38 to 3.32306998946229e+35");
  EXPECT_EQ(message("int8", {.unit = kNan}),
            "int8: scale nan, expected 1.1754943508222875e-38 to 3.32306998946229e+35");
  EXPECT_EQ(message("uint4", {.unit = 1, .zero_point = 16}),
            "uint4: zero point 16, expected a whole number of 0 to 15");
  EXPECT_EQ(message("int4", {.unit = 1, .zero_point = 1}), "int4: zero point 1, expected a whole number of 0 to 0");
  EXPECT_EQ(message("b1", {.unit = -1}), "b1: scale -1, expected a finite value of 0 or more");
  EXPECT_EQ(message("t2", {.unit = 1, .threshold = kNan}), "t2: threshold nan, expected 0 or more");
  EXPECT_EQ(message("fx2.6", {.unit = -5}), "");
}

}  // namespace
}  // namespace udnn::test
