// Formats whose values taper off or share a scale with their neighbours: posits, powers of two, bfp, MX, NVFP4. Each
// against its definition, computed here in another way, on every instruction set and in both carriers.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include <fmt/format.h>

#include "src/base/philox.h"
#include "src/numbers/block_scale.h"
#include "src/numbers/posit.h"
#include "src/numbers/quantizer.h"
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

constexpr Draw kDraw{.seed = 0xfedcba9876543210, .step = 9, .tensor = 77};
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class T>
bool same(T a, T b) {
  return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b);
}

template <class T>
std::size_t expect_same(const Format& f, const char* isa, const std::vector<T>& x, const std::vector<T>& got,
                        const std::vector<T>& expected) {
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!same(got[i], expected[i])) {
      ADD_FAILURE() << to_string(f) << " in " << (sizeof(T) == 4 ? "float" : "double") << " on " << isa << ", element "
                    << i << std::hexfloat << ": " << x[i] << " gives " << got[i] << ", expected " << expected[i];
      return 0;
    }
  return x.size();
}

/// Both signs of each value and of its neighbours, and what is no number.
template <class T>
std::vector<T> points_around(const std::vector<double>& values) {
  std::vector<T> points;
  const auto add = [&](T x) {
    points.push_back(x);
    points.push_back(-x);
  };
  for (const double value : values) {
    const auto x = static_cast<T>(value);
    if (!std::isfinite(x)) continue;
    add(x);
    add(std::nextafter(x, T{0}));
    add(std::nextafter(x, std::numeric_limits<T>::infinity()));
  }
  add(T{0});
  add(std::numeric_limits<T>::min());
  add(std::numeric_limits<T>::denorm_min());
  add(std::numeric_limits<T>::max());
  add(std::numeric_limits<T>::infinity());
  add(std::numeric_limits<T>::quiet_NaN());
  return points;
}

/// Rounds x as one run from element 1 on, on every instruction set.
template <class T>
std::size_t expect_rounds(const Format& f, const Scale& scale, const std::vector<T>& x,
                          const std::vector<T>& expected) {
  std::size_t cases = 0;
  for (const auto* table : machine::usable_carrier_tables()) {
    std::vector<T> got(x.size());
    quantizer<T>(f, *table).run(x.data(), got.data(), x.size(), 1, kDraw, scale, nullptr);
    cases += expect_same(f, table->isa, x, got, expected);
  }
  return cases;
}

// ---------------------------------------------------------------------------------------------------------- posits

/// The standard's formula, ((1 - 3 s) + f) 2^((1 - 2 s) (2^E r + e + s)), from the fields of the string as it stands.
double posit_by_formula(int bits, int exponent_bits, std::uint64_t code) {
  if (code == 0) return 0;
  if (code == std::uint64_t{1} << (bits - 1)) return kNan;
  const int s = static_cast<int>(code >> (bits - 1) & 1);
  int at = bits - 2;
  const auto bit = [&](int place) { return place < 0 ? 0 : static_cast<int>(code >> place & 1); };
  const int first = bit(at);
  int run = 0;
  for (; at >= 0 && bit(at) == first; --at) ++run;
  --at;  // the end of the run
  const int r = first == 0 ? -run : run - 1;
  int e = 0;
  for (int i = 0; i < exponent_bits; ++i) e = 2 * e + bit(at--);
  double f = 0;
  for (double weight = 0.5; at >= 0; weight /= 2) f += bit(at--) * weight;
  return std::ldexp((1 - 3 * s) + f, (1 - 2 * s) * ((r << exponent_bits) + e + s));
}

TEST(Posit, StringsHaveTheValuesOfTheStandardsFormula) {
  std::size_t cases = 0;
  for (int bits = 2; bits <= 16; ++bits)
    for (int e = 0; e <= 4; ++e)
      for (std::uint64_t code = 0; code < std::uint64_t{1} << bits; ++code, ++cases) {
        const double value = numbers::posit_value(bits, e, code);
        ASSERT_TRUE(same(value, posit_by_formula(bits, e, code))) << bits << "." << e << " " << code << ": " << value;
        ASSERT_EQ(numbers::posit_code(bits, e, value), code) << bits << "." << e;
      }
  expect_cases(cases, 655'340U);
  EXPECT_EQ(cases, 655'340U);
  // Values of the standard's posit8: 3.5 = 0 10 01 110; and the ends.
  EXPECT_EQ(numbers::posit_value(8, 2, 0b01001110), 3.5);
  EXPECT_EQ(numbers::posit_value(8, 2, 0b01111111), 0x1p24);
  EXPECT_EQ(numbers::posit_value(32, 2, 1), 0x1p-120);
}

/// To nearest even on the string of a posit without end, cut after bits - 1 bits; in integers.
double posit_by_definition(int bits, int exponent_bits, double x) {
  if (x == 0) return 0;
  if (!std::isfinite(x)) return kNan;
  const double largest = std::ldexp(1.0, (bits - 2) << exponent_bits);
  const double magnitude = std::clamp(std::abs(x), 1 / largest, largest);
  int e = 0;
  const auto mantissa = static_cast<std::uint64_t>(std::ldexp(std::frexp(magnitude, &e), 53));
  e -= 1;
  const int k = e >> exponent_bits, run = k >= 0 ? k + 2 : 1 - k;
  Wide string = k >= 0 ? (Wide{1} << run) - 2 : 1;
  string = string << exponent_bits | static_cast<Wide>(e & ((1 << exponent_bits) - 1));
  string = string << 52 | (mantissa & 0xfffffffffffffU);
  const int cut = run + exponent_bits + 52 - (bits - 1);
  auto kept = static_cast<std::uint64_t>(string >> cut);
  const Wide rest = string & ((Wide{1} << cut) - 1), half = Wide{1} << (cut - 1);
  if (rest > half || (rest == half && kept % 2 == 1)) ++kept;
  kept = std::clamp<std::uint64_t>(kept, 1, (std::uint64_t{1} << (bits - 1)) - 1);
  return std::copysign(posit_by_formula(bits, exponent_bits, kept), x);
}

template <class T>
std::size_t prove_posit(int bits, int exponent_bits, const std::vector<double>& values) {
  const Format f = format(fmt::format("posit{}.{}", bits, exponent_bits));
  const std::vector<T> x = points_around<T>(values);
  std::vector<T> expected(x.size());
  std::transform(x.begin(), x.end(), expected.begin(), [&](T value) {
    return static_cast<T>(posit_by_definition(bits, exponent_bits, static_cast<double>(value)));
  });
  return expect_rounds<T>(f, {}, x, expected);
}

TEST(Posit, RoundsToTheNearestString) {
  std::size_t cases = 0;
  for (int bits = 2; bits <= (kThoroughness == 1 ? 16 : 9); ++bits)
    for (int e = 0; e <= 4; ++e) {
      std::vector<double> values;  // every posit, and every border: the posits of one bit more
      for (std::uint64_t code = 1; code < std::uint64_t{1} << bits; ++code)
        values.push_back(posit_by_formula(bits + 1, e, code));
      cases += prove_posit<double>(bits, e, values);
      if (fits_float_carrier(format(fmt::format("posit{}.{}", bits, e)))) cases += prove_posit<float>(bits, e, values);
      if (HasFailure()) return;
    }
  expect_cases(cases, (kThoroughness == 1 ? 7'000'000U : 33'000U) * machine::usable_carrier_tables().size());
}

TEST(Posit, RoundsWideStringsToTheNearest) {
  std::size_t cases = 0;
  std::mt19937_64 random(5);
  for (int bits = 17; bits <= 32; ++bits)
    for (int e = 0; e <= 4; ++e) {
      std::vector<double> values;
      const int largest = (bits - 2) << e;
      for (int i = 0; i < 10'000 / kThoroughness; ++i) {
        const std::uint64_t code = random() % ((std::uint64_t{1} << bits) - 1) + 1;
        values.push_back(posit_by_formula(bits + 1, e, code));
        values.push_back(std::ldexp(1 + std::ldexp(static_cast<double>(random() >> 12), -52),
                                    static_cast<int>(random() % static_cast<unsigned>(2 * largest + 8)) - largest - 4));
      }
      cases += prove_posit<double>(bits, e, values);
      if (HasFailure()) return;
    }
  expect_cases(cases, 9'000'000U / kThoroughness * machine::usable_carrier_tables().size());
}

TEST(Posit, HasOneNaRAndNoInfinity) {
  const auto table = machine::usable_carrier_tables().back();
  const auto q = quantizer<double>(format("posit16.1"), *table);
  for (const double x : {kInfinity, -kInfinity, kNan}) {
    double got = 0;
    q.run(&x, &got, 1, 0, kDraw, {}, nullptr);
    EXPECT_TRUE(std::isnan(got));
    EXPECT_EQ(q.encode(got, {}), 0x8000U);
  }
}

// --------------------------------------------------------------------------------------------------- powers of two

/// The nearest of the window by search over all of it.
template <class T>
T power_by_definition(const Format& f, double top, T given) {
  const int codes = 1 << (f.bits - 1), window = f.is_log ? codes : codes - 1;
  const int least = std::max(std::ilogb(top) - window + 1, std::numeric_limits<T>::min_exponent - 1);
  const double x = std::isnan(given) ? 0 : static_cast<double>(given), magnitude = std::min(std::abs(x), top);
  int e = least;
  const auto is_above_border = [&](int exponent) {  // between 2^exponent and its double
    if (!f.is_log) return magnitude >= std::ldexp(1.5, exponent);
    const Binary m(magnitude);  // m^2 > 2 * 4^exponent
    if (m.mantissa == 0) return false;
    const auto square = static_cast<Wide>(m.mantissa) * m.mantissa;
    const int place = 2 * m.exponent - (2 * exponent + 1);
    if (place >= 0) return true;
    return -place < 127 && square > Wide{1} << -place;
  };
  while (e < std::ilogb(top) && is_above_border(e)) ++e;
  if (!f.is_log && magnitude < std::ldexp(0.5, least)) return T{0};
  return static_cast<T>(x < 0 ? -std::ldexp(1.0, e) : std::ldexp(1.0, e));
}

template <class T>
std::size_t prove_power(const Format& f, double top) {
  std::vector<double> values;
  const int e = std::ilogb(top);
  for (int i = e - (1 << (f.bits - 1)) - 3; i <= e + 3; ++i)
    for (const double m : {1.0, std::sqrt(2.0), 1.5, 1.25}) values.push_back(std::ldexp(m, i));
  const std::vector<T> x = points_around<T>(values);
  std::vector<T> expected(x.size());
  std::transform(x.begin(), x.end(), expected.begin(), [&](T value) { return power_by_definition<T>(f, top, value); });
  return expect_rounds<T>(f, {.unit = top}, x, expected);
}

TEST(PowerOfTwo, IsTheNearestOfItsWindow) {
  std::size_t cases = 0;
  for (int bits = 2; bits <= 9; ++bits)
    for (const char* how : {"", ":log"})
      for (const double top : {1.0, 0x1p-20, 0x1p90}) {
        const Format f = format(fmt::format("po2{}{}", bits, how));
        cases += prove_power<double>(f, top);
        if (fits_float_carrier(f)) cases += prove_power<float>(f, top);
      }
  expect_cases(cases, 100'000U);
}

TEST(PowerOfTwo, CodesComeBack) {
  const auto table = machine::usable_carrier_tables().back();
  for (const char* name : {"po22", "po25", "po25:log", "po28"}) {
    const Format f = format(name);
    const auto q = quantizer<double>(f, *table);
    for (std::uint64_t code = 0; code < std::uint64_t{1} << f.bits; ++code) {
      const double value = q.decode(code, {.unit = 4});
      EXPECT_EQ(q.encode(value, {.unit = 4}), value == 0 ? 0 : code) << name;
    }
    EXPECT_EQ(q.decode((std::uint64_t{1} << (f.bits - 1)) - 1, {.unit = 4}), 4) << name;
  }
}

// ---------------------------------------------------------------------------------------------------------- blocks

/// What the format's element is by itself.
struct Element {
  int mantissa_bits, min_exponent;
  double largest;
  bool has_nan;
};

Element element_of(const Format& f) {
  const std::string name = to_string(f).substr(0, to_string(f).find(':'));
  if (name == "mxfp8") return {3, -6, 448, true};
  if (name == "mxfp8e5m2") return {2, -14, 57344, true};
  if (name == "mxfp6") return {3, 0, 7.5, false};
  if (name == "mxfp6e3m2") return {2, -2, 28, false};
  return {1, 0, 6, false};  // mxfp4, nvfp4
}

template <class T>
double scaled_float_by_definition(const Format& f, double x, double unit, std::uint32_t word) {
  const Element element = element_of(f);
  if (std::isnan(x)) return element.has_nan ? kNan : 0.0;
  const double magnitude = std::abs(x), limit = element.largest * unit;
  if (magnitude >= limit) return std::copysign(limit, x);
  int e = element.min_exponent;
  while (magnitude >= std::ldexp(unit, e + 1)) ++e;
  const double step = std::ldexp(unit, e - element.mantissa_bits);
  double steps = static_cast<double>(rounded_steps(x, step, f, word));
  const double nearest = std::nearbyint(magnitude / step);
  if (static_cast<double>(static_cast<T>(nearest * step)) == magnitude) steps = nearest;  // the carrier's own value
  return std::copysign(std::min(steps * step, limit), x);
}

/// The unit of a block by the words of the specification, with exact comparisons of powers of two.
double unit_by_definition(const Format& f, double largest, double tensor) {
  if (f.scale_rule == ScaleRule::kFixed) return f.scale_value;
  if (f.family == Family::kNvfp4) {
    const double wanted = largest / (6 * tensor);
    double best = 0;  // by search: the last e4m3 not above, the first not below, or the nearest, of two the even code
    std::uint64_t best_code = 0;
    const auto coder = quantizer<double>(format("e4m3"), *machine::usable_carrier_tables().back());
    for (std::uint64_t code = 0; code < 127; ++code) {
      const double value = coder.decode(code, {});
      if (f.scale_rule == ScaleRule::kFloor) {
        if (value <= wanted) best = value;
        continue;
      }
      if (f.scale_rule == ScaleRule::kCeil) {
        if (best < wanted) best = value;
        continue;
      }
      const double distance = std::abs(value - wanted), least = std::abs(best - wanted);
      if (distance < least || (distance == least && code % 2 == 0 && best_code % 2 == 1)) {
        best = value;
        best_code = code;
      }
    }
    return best * tensor;
  }
  const bool is_integer = f.exponent_bits == 0;
  double top = std::ldexp(1.0, f.bits - 1) - 1;
  int emax = 0;
  if (f.family == Family::kMx && !is_integer) {
    top = element_of(f).largest;
    emax = std::ilogb(top);
  } else if (f.family == Family::kMx) {
    top /= 64;
  }
  int s = -127;
  const auto fits = [&](int power) {
    switch (f.scale_rule) {
      case ScaleRule::kFloor:
        return std::ldexp(2.0, power + emax) > largest;
      case ScaleRule::kCeil:
        return std::ldexp(1.0, power + emax) >= largest;
      case ScaleRule::kEven: {
        const int m = is_integer ? 6 : element_of(f).mantissa_bits;
        // Rounded up to 2^(e+1) from (2 - 2^-(m+1)) 2^e on; that tie goes to the even one, which is above.
        return largest < std::ldexp(2 - std::ldexp(1.0, -m - 1), power + emax);
      }
      default:
        return std::ldexp(top, power) >= largest;
    }
  };
  while (s < 127 && !fits(s)) ++s;
  return std::ldexp(1.0, s - (f.family == Family::kMx && is_integer ? 6 : 0));
}

/// The unit under a rule that looks at all finite values of the block, by looking at every unit there is.
double unit_by_rule(const Format& f, const std::vector<double>& values) {
  const bool has_codes = f.exponent_bits == 0;
  const int fraction_bits = has_codes && f.family == Family::kMx ? 6 : 0, least = -127 - fraction_bits,
            most = 127 - fraction_bits;
  const double top = has_codes ? std::ldexp(1.0, f.bits - 1) - 1 : element_of(f).largest;
  std::vector<double> sorted;
  for (const double value : values) sorted.push_back(std::abs(value));
  std::sort(sorted.begin(), sorted.end());
  if (sorted.empty() || sorted.back() == 0) return std::ldexp(1.0, least);
  const auto fitting = [&](double magnitude) {
    int s = least;
    while (s < most && std::ldexp(top, s) < magnitude) ++s;
    return s;
  };
  if (f.scale_rule != ScaleRule::kLeastSquares) {
    const double share = f.scale_rule == ScaleRule::kPercentile ? f.scale_value / 100 : 1 - f.scale_value;
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return std::ldexp(1.0, fitting(sorted[rank - 1]));
  }
  Format nearest = f;
  nearest.rounding = Rounding::kNearestEven;
  const std::int64_t half = std::int64_t{1} << (f.bits - 1);
  const int first = fitting(sorted.back());
  double best = 0, least_error = kInfinity;
  for (int s = first; s >= std::max(first - f.bits, least); --s) {
    const double unit = std::ldexp(1.0, s);
    double error = 0;
    for (const double value : values) {
      const double q = has_codes ? round_code<double>(value, nearest, unit, -half, half - 1, 0)
                                 : scaled_float_by_definition<double>(nearest, value, unit, 0);
      error += (q - value) * (q - value);
    }
    if (error >= least_error) continue;
    least_error = error;
    best = unit;
  }
  return best;
}

/// x [length, inner] by definition; scales too, where asked for.
template <class T>
std::vector<T> blocks_by_definition(const Format& f, const std::vector<T>& x, std::size_t inner, double tensor,
                                    std::vector<Scale>* scales) {
  const std::size_t length = x.size() / inner, block = static_cast<std::size_t>(f.block);
  const base::PhiloxStream words(kDraw.seed, kDraw.step, base::Purpose::kRounding, kDraw.tensor);
  std::vector<T> q(x.size());
  if (scales != nullptr) scales->assign((length + block - 1) / block * inner, {});
  for (std::size_t begin = 0; begin < length; begin += block)
    for (std::size_t j = 0; j < inner; ++j) {
      double largest = 0;
      std::vector<double> finite;
      const std::size_t end = std::min(begin + block, length);
      for (std::size_t i = begin; i < end; ++i)
        if (const auto value = static_cast<double>(x[i * inner + j]); std::isfinite(value)) {
          largest = std::max(largest, std::abs(value));
          finite.push_back(value);
        }
      const bool is_by_rule = f.scale_rule == ScaleRule::kOverflowRate || f.scale_rule == ScaleRule::kPercentile ||
                              f.scale_rule == ScaleRule::kLeastSquares;
      const double unit = is_by_rule ? unit_by_rule(f, finite) : unit_by_definition(f, largest, tensor);
      if (scales != nullptr) (*scales)[begin / block * inner + j].unit = unit;
      for (std::size_t i = begin; i < end; ++i) {
        const std::size_t at = i * inner + j;
        const auto given = static_cast<double>(x[at]);
        const std::uint32_t word = words.word(at);
        const std::int64_t half = std::int64_t{1} << (f.bits - 1);
        q[at] = static_cast<T>(f.exponent_bits > 0 ? scaled_float_by_definition<T>(f, given, unit, word)
                                                   : round_code<T>(given, f, unit, -half, half - 1, word));
      }
    }
  return q;
}

/// Blocks of all kinds: of one magnitude, over many binades, with ties, with zeros, with what is no number.
template <class T>
std::vector<T> values_for_blocks(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<T> x(count);
  int exponent = 0, spread = 1;
  for (std::size_t i = 0; i < count; ++i) {
    if (i % 16 == 0) {
      exponent = static_cast<int>(random() % 60) - 30;
      spread = 1 << random() % 5;
    }
    const double mantissa = random() % 2 == 0 ? 1 + static_cast<double>(random() % 64) / 64
                                              : 1 + std::ldexp(static_cast<double>(random() >> 12), -52);
    double value = std::ldexp(mantissa, exponent - static_cast<int>(random() % static_cast<unsigned>(spread)));
    if (random() % 50 == 0) value = 0;
    if (random() % 400 == 0) value = random() % 2 == 0 ? kInfinity : kNan;
    x[i] = static_cast<T>(random() % 2 == 0 ? value : -value);
  }
  return x;
}

template <class T>
std::size_t prove_blocks(const Format& f, std::size_t length, std::size_t inner, std::uint64_t seed) {
  const std::vector<T> x = values_for_blocks<T>(length * inner, seed);
  const double tensor = f.family == Family::kNvfp4 ? numbers::nvfp4_tensor_scale(0x1.23p28) : 1;
  std::vector<Scale> scales;
  const std::vector<T> expected = blocks_by_definition<T>(f, x, inner, tensor, &scales);
  std::size_t cases = 0;
  for (const auto* table : machine::usable_carrier_tables()) {
    const auto q = quantizer<T>(f, *table);
    std::vector<T> got(x.size());
    q.run_blocks(x.data(), got.data(), length, inner, 0, kDraw, {.unit = tensor}, nullptr, nullptr);
    cases += expect_same(f, table->isa, x, got, expected);
    std::vector<Scale> found(scales.size());
    q.block_scales(x.data(), length, inner, {.unit = tensor}, found.data());
    EXPECT_TRUE(found == scales) << to_string(f) << " on " << table->isa;
    std::fill(got.begin(), got.end(), T{7});
    TensorStatistics statistics;
    q.run_blocks(x.data(), got.data(), length, inner, 0, kDraw, {.unit = tensor}, found.data(), &statistics);
    cases += expect_same(f, table->isa, x, got, expected);
    EXPECT_EQ(statistics.count, x.size());
    // Every value has a code.
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(got[i])) continue;
      const Scale& scale = found[i / inner / q.block() * inner + i % inner];
      const std::uint64_t code = q.encode(got[i], scale);
      EXPECT_LT(code, std::uint64_t{1} << f.bits);
      if (!(scale.unit > 0)) continue;
      if (q.decode(code, scale) != got[i]) {
        ADD_FAILURE() << to_string(f) << ": " << got[i] << " comes back as " << q.decode(code, scale);
        break;
      }
    }
    if (testing::Test::HasFailure()) return 0;
  }
  return cases;
}

std::vector<std::string> block_formats() {
  std::vector<std::string> names = {"nvfp4", "nvfp4:floor", "nvfp4:ceil"};
  for (const char* bits : {"2", "4", "8", "12", "16", "24"})
    for (const char* block : {"1", "3", "16", "32", "600"}) names.push_back(fmt::format("bfp{}/{}", bits, block));
  for (const char* name : {"mxfp8", "mxfp8e5m2", "mxfp6", "mxfp6e3m2", "mxfp4", "mxint8"})
    for (const char* rule : {"", ":ceil", ":rceil", ":even", ":max", ":fix=0.25"})
      names.push_back(std::string(name) + rule);
  for (const char* name :
       {"bfp4/3", "bfp8/32", "bfp4/600", "mxfp8", "mxfp8e5m2", "mxfp6", "mxfp6e3m2", "mxfp4", "mxint8"})
    for (const char* rule : {":pct=90", ":ovf=0.05", ":mse"}) names.push_back(std::string(name) + rule);
  return names;
}

TEST(Blocks, RoundByDefinitionInEveryMode) {
  std::size_t cases = 0;
  for (const std::string& name : block_formats())
    for (const char* mode : {"", ":rna", ":rtz", ":rup", ":rdn", ":odd", ":sr", ":sr5"}) {
      const Format f = format(name + mode);
      struct Shape {
        std::size_t length, inner;
      };
      for (const Shape shape : {Shape{5000 / kThoroughness, 1}, Shape{100, 7}, Shape{33, 300 / kThoroughness}}) {
        cases += prove_blocks<double>(f, shape.length, shape.inner, 3);
        if (fits_float_carrier(f)) cases += prove_blocks<float>(f, shape.length, shape.inner, 4);
        if (HasFailure()) return;
      }
    }
  expect_cases(cases, 45'000'000U / kThoroughness * machine::usable_carrier_tables().size());
}

TEST(Blocks, RunTakesThemOneAfterTheOther) {
  for (const char* name : {"mxfp4", "bfp8/24", "mxint8:sr"}) {
    const Format f = format(name);
    const auto x = values_for_blocks<float>(1000, 8);
    for (const auto* table : machine::usable_carrier_tables()) {
      const auto q = quantizer<float>(f, *table);
      std::vector<float> one(x.size()), other(x.size());
      q.run_blocks(x.data(), one.data(), x.size(), 1, 0, kDraw, {}, nullptr, nullptr);
      const std::size_t cut = 4 * q.block();
      q.run(x.data(), other.data(), cut, 0, kDraw, {}, nullptr);
      q.run(x.data() + cut, other.data() + cut, x.size() - cut, cut, kDraw, {}, nullptr);
      expect_same(f, table->isa, x, other, one);
    }
  }
}

TEST(Blocks, TheLargestMaySaturateUnderFloorAndNotUnderRceil) {
  const auto* table = machine::usable_carrier_tables().back();
  std::vector<double> x(32, 0.0), q(32);
  x[5] = 1.9375;  // 7.75 quarters: e2m1 ends at 6
  quantizer<double>(format("mxfp4"), *table).run(x.data(), q.data(), 32, 0, kDraw, {}, nullptr);
  EXPECT_EQ(q[5], 1.5);
  quantizer<double>(format("mxfp4:rceil"), *table).run(x.data(), q.data(), 32, 0, kDraw, {}, nullptr);
  EXPECT_EQ(q[5], 2.0);
  quantizer<double>(format("mxfp4:even"), *table).run(x.data(), q.data(), 32, 0, kDraw, {}, nullptr);
  EXPECT_EQ(q[5], 2.0);
}

TEST(Blocks, OfNvfp4HaveAScaleThatIsRoundedAsTheNameSays) {
  const auto* table = machine::usable_carrier_tables().back();
  std::vector<double> x(16, 0.0), q(16);
  x[3] = 6.5;  // 6 * 1.0833: between the scales 1 and 1.125
  const auto rounded = [&](const char* name) {
    quantizer<double>(format(name), *table).run(x.data(), q.data(), 16, 0, kDraw, {.unit = 1}, nullptr);
    return q[3];
  };
  EXPECT_EQ(rounded("nvfp4:floor"), 6);
  EXPECT_EQ(rounded("nvfp4:ceil"), 6.75);
  EXPECT_EQ(rounded("nvfp4"), 6.75);
  EXPECT_EQ(rounded("nvfp4:even"), 6.75);
  x[3] = 6.25;
  EXPECT_EQ(rounded("nvfp4:ceil"), 6.75);
  EXPECT_EQ(rounded("nvfp4"), 6);
  EXPECT_EQ(format("nvfp4:even"), format("nvfp4"));
  x[3] = 0x1p-20;  // less than any scale: only ceil has one for it
  EXPECT_EQ(rounded("nvfp4"), 0);
  EXPECT_EQ(rounded("nvfp4:floor"), 0);
  x[3] = 0x1p-11;
  EXPECT_EQ(rounded("nvfp4"), 0);
  EXPECT_EQ(rounded("nvfp4:ceil"), 0);  // a quarter of 2^-9: a tie with 0
  x[3] = 0x1.8p-11;
  EXPECT_EQ(rounded("nvfp4"), 0);
  EXPECT_EQ(rounded("nvfp4:ceil"), 0x1p-10);
}

TEST(Blocks, ByAPercentileOneInAHundredMayStandOutside) {
  const auto* table = machine::usable_carrier_tables().back();
  std::vector<double> x(100, 3.0), q(100);
  x[42] = 1000;
  quantizer<double>(format("bfp4/100:pct=99"), *table).run(x.data(), q.data(), 100, 0, kDraw, {}, nullptr);
  EXPECT_EQ(q[0], 3);
  EXPECT_EQ(q[42], 3.5);  // seven halves
  quantizer<double>(format("bfp4/100:ovf=0.01"), *table).run(x.data(), q.data(), 100, 0, kDraw, {}, nullptr);
  EXPECT_EQ(q[42], 3.5);
  x[43] = 1000;
  quantizer<double>(format("bfp4/100:pct=99"), *table).run(x.data(), q.data(), 100, 0, kDraw, {}, nullptr);
  EXPECT_EQ(q[0], 0);  // of 256
  EXPECT_EQ(q[42], 1024);
}

TEST(Blocks, ByTheLeastErrorAreNoWorseThanByTheLargest) {
  const auto* table = machine::usable_carrier_tables().back();
  const auto x = values_for_blocks<double>(6400, 12);
  std::vector<double> q(x.size());
  for (const char* name : {"bfp4/32", "mxfp4", "mxfp6", "mxfp8", "mxint8"}) {
    const auto error = [&](const char* rule) {
      TensorStatistics statistics;
      quantizer<double>(format(std::string(name) + rule), *table)
          .run(x.data(), q.data(), x.size(), 0, kDraw, {}, &statistics);
      return statistics.error_squares;
    };
    EXPECT_LE(error(":mse"), error(":max")) << name;
    if (std::string_view(name) == "bfp4/32" || std::string_view(name) == "mxfp4") {
      EXPECT_LT(error(":mse"), error(":max")) << name;
    }
  }
}

TEST(Blocks, ByTheLeastErrorGoDownNoFurtherThanAnElementHasBits) {
  const auto* table = machine::usable_carrier_tables().back();
  // 7 alone asks for the unit 1. Four powers of two below, the others are exact: 16,383 / 256 is more than (7 -
  // 7/16)^2.
  std::vector<double> x(16384, 0.0625), q(16384);
  x[9] = 7;
  quantizer<double>(format("bfp4/16384:mse"), *table).run(x.data(), q.data(), x.size(), 0, kDraw, {}, nullptr);
  EXPECT_EQ(q[0], 0.0625);
  EXPECT_EQ(q[9], 0.4375);
  // Five below they would be: 65,535 / 1024 is more than (7 - 7/32)^2.
  x.assign(65536, 0.03125);
  x[9] = 7;
  q.resize(x.size());
  quantizer<double>(format("bfp4/65536:mse"), *table).run(x.data(), q.data(), x.size(), 0, kDraw, {}, nullptr);
  EXPECT_EQ(q[0], 0);
  EXPECT_EQ(q[9], 7);
}

TEST(Blocks, OfZerosAreZeros) {
  const auto* table = machine::usable_carrier_tables().back();
  const std::vector<double> x(64, -0.0);
  for (const char* name : {"mxfp4", "mxfp8", "nvfp4", "mxint8", "bfp4/16", "mxfp4:mse", "bfp4/16:pct=50"}) {
    std::vector<double> q(64, 3.0);
    quantizer<double>(format(name), *table).run(x.data(), q.data(), 64, 0, kDraw, {}, nullptr);
    for (const double value : q) EXPECT_EQ(value, 0.0) << name;
  }
}

}  // namespace
}  // namespace udnn::test
