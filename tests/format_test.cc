// Formats: names, errors, facts.
#include "udnn/format.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "src/numbers/format_hint.h"
#include "src/numbers/format_table.h"
#include "src/numbers/value_set.h"
#include "tests/numbers_support.h"
#include "tests/support.h"

namespace udnn::test {
namespace {

std::string refusal(std::string_view text) {
  const auto parsed = parse_format(text);
  return parsed ? "accepted" : parsed.error().message();
}

/// Every name of the table, with a few numbers where it takes some.
std::vector<std::string> names() {
  std::vector<std::string> list;
  for (const auto& row : numbers::family_table()) {
    const std::string prefix(row.prefix);
    switch (row.shape) {
      case numbers::Shape::kName:
        list.push_back(prefix);
        break;
      case numbers::Shape::kNumber:
        for (const int n : {row.low[0], row.low[0] + 3, row.high[0]}) list.push_back(prefix + std::to_string(n));
        break;
      case numbers::Shape::kTwoBySlash:
        for (const char* n : {"2/1", "8/16", "32/65536"}) list.push_back(prefix + n);
        break;
      case numbers::Shape::kTwoByDot:
        if (row.format.family == Family::kPosit)
          for (const char* n : {"2.0", "16.1", "32.4"}) list.push_back(prefix + n);
        else if (row.format.family == Family::kFloat)
          for (const char* n : {"1.0", "4.3", "11.51", "9.0"}) list.push_back(prefix + n);
        else
          for (const char* n : {"2.6", "-2.10", "10.-2", "1.0", "32.32", "512.-511"}) list.push_back(prefix + n);
        break;
    }
  }
  return list;
}

TEST(Format, PrintsWhatParsesBackToIt) {
  std::size_t cases = 0;
  for (const std::string& name : names()) {
    const Format plain = format(name);
    EXPECT_EQ(to_string(plain), name);
    for (const auto& first : numbers::modifier_table())
      for (const auto& second : numbers::modifier_table()) {
        if (!applies(first, plain) || !applies(second, plain) || first.kind == second.kind) continue;
        std::string text = name;
        for (const auto* modifier : {&first, &second}) {
          text += fmt::format(":{}", modifier->spelling);
          if (modifier->takes_value) text += "0.125";
        }
        const Format made = format(text);
        EXPECT_EQ(format(to_string(made)), made) << text << " printed " << to_string(made);
        EXPECT_EQ(to_string(format(to_string(made))), to_string(made));
        ++cases;
      }
  }
  EXPECT_GT(cases, 3000U);
  RecordProperty("cases", static_cast<int>(cases));
}

TEST(Format, PrintsUnderItsNameAndWithoutDefaults) {
  const std::pair<const char*, const char*> texts[] = {{"f11.52", "fp64"},
                                                       {"f8.23:rne:inf", "fp32"},
                                                       {"f5.10", "fp16"},
                                                       {"f8.7:sr32", "bf16:sr"},
                                                       {"f8.10", "tf32"},
                                                       {"f5.2:sat:sr7", "e5m2:sr7:sat"},
                                                       {"f4.3", "f4.3"},
                                                       {"fx2.6:sat", "fx2.6"},
                                                       {"fx-2.10:wrap:sr", "fx-2.10:sr:wrap"},
                                                       {"dfx8:max", "dfx8"},
                                                       {"dfx8:ovf=1e-4", "dfx8:ovf=0.0001"},
                                                       {"int8:fix=0.1", "int8:fix=0.1"},
                                                       {"mxfp8:floor", "mxfp8"},
                                                       {"mxfp8:max", "mxfp8:max"},
                                                       {"b1:unit", "b1:unit"},
                                                       {"po24:log", "po24:log"},
                                                       {"f4.3:ftz:rtz", "f4.3:rtz:ftz"}};
  for (const auto& [given, printed] : texts) EXPECT_EQ(to_string(format(given)), printed) << given;
}

TEST(Format, IsFp32WhenNobodySaysOtherwise) { EXPECT_EQ(Format{}, format("fp32")); }

TEST(Format, SaysWhatIsWrongAndWhere) {
  const std::pair<const char*, const char*> texts[] = {
      {"fx2.6:srr", "\"fx2.6:srr\": unknown modifier 'srr' at column 7, did you mean 'sr'?"},
      {"fx2.6:sr33", "\"fx2.6:sr33\": 33 random bits at column 9, expected 1 to 32, did you mean 'sr32'?"},
      {"fx2.6:sr0", "\"fx2.6:sr0\": 0 random bits at column 9, expected 1 to 32, did you mean 'sr1'?"},
      {"f12.3", "\"f12.3\": 12 is out of range at column 2, expected E of 1 to 11 in fE.M, did you mean 'f11.3'?"},
      {"f4.60:rtz", "\"f4.60:rtz\": 60 is out of range at column 4, expected M of 0 to 52 in fE.M"},
      {"f5.53", "\"f5.53\": 53 is out of range at column 4, expected M of 0 to 52 in fE.M, did you mean 'f5.52'?"},
      {"fx40.40", "\"fx40.40\": I+F is 80 at column 3, expected 1 to 64 in fxI.F"},
      {"fx2.-2", "\"fx2.-2\": I+F is 0 at column 3, expected 1 to 64 in fxI.F"},
      {"int1", "\"int1\": 1 is out of range at column 4, expected N of 2 to 16 in intN, did you mean 'int2'?"},
      {"int17", "\"int17\": 17 is out of range at column 4, expected N of 2 to 16 in intN, did you mean 'int16'?"},
      {"int32",
       "\"int32\": 32 is out of range at column 4, expected N of 2 to 16 in intN; whole numbers of 32 bits are fx32.0"},
      {"uint32",
       "\"uint32\": 32 is out of range at column 5, expected N of 2 to 16 in uintN; whole numbers of 32 bits are "
       "ufx32.0"},
      {"int99999999999", "\"int99999999999\": 99999999999 is out of range at column 4, expected N of 2 to 16 in intN"},
      {"fx-99999999999.0",
       "\"fx-99999999999.0\": -99999999999 is out of range at column 3, expected I of -512 to 512 in fxI.F"},
      {"posit33.2",
       "\"posit33.2\": 33 is out of range at column 6, expected N of 2 to 32 in positN.E, did you mean 'posit32.2'?"},
      {"posit8.9", "\"posit8.9\": 9 is out of range at column 8, expected E of 0 to 4 in positN.E"},
      {"dfx65", "\"dfx65\": 65 is out of range at column 4, expected N of 2 to 64 in dfxN, did you mean 'dfx64'?"},
      {"dfx1", "\"dfx1\": 1 is out of range at column 4, expected N of 2 to 64 in dfxN, did you mean 'dfx2'?"},
      {"bfp8/0",
       "\"bfp8/0\": 0 is out of range at column 6, expected B of 1 to 65536 in bfpN/B, did you mean 'bfp8/1'?"},
      {"fx2.6:ftz",
       "\"fx2.6:ftz\": modifier 'ftz' does not apply to fx2.6 at column 7, expected one of rne, rna, rtz, rup, rdn, "
       "odd, sr, sat, "
       "wrap"},
      {"e4m3:inf", "\"e4m3:inf\": modifier 'inf' does not apply to e4m3 at column 6, expected one of sat, nan"},
      {"f4.0:nan", "\"f4.0:nan\": modifier 'nan' does not apply to f4.0 at column 6, expected one of sat, inf"},
      {"e3m2:nan", "\"e3m2:nan\": modifier 'nan' does not apply to e3m2 at column 6, expected sat"},
      {"b1:sr",
       "\"b1:sr\": modifier 'sr' does not apply to b1 at column 4, as it has only its own rounding, expected unit"},
      {"po24:sat",
       "\"po24:sat\": modifier 'sat' does not apply to po24 at column 6, as it has only its own way to overflow, "
       "expected "
       "log"},
      {"posit16.1:rne",
       "\"posit16.1:rne\": modifier 'rne' does not apply to posit16.1 at column 11, as it has only its own rounding, "
       "expected no modifier"},
      {"posit16.1:x", "\"posit16.1:x\": unknown modifier 'x' at column 11, expected no modifier"},
      {"b1:max",
       "\"b1:max\": modifier 'max' does not apply to b1 at column 4, as it has no scale to choose, expected unit"},
      {"fx2.6:floor", "\"fx2.6:floor\": modifier 'floor' does not apply to fx2.6 at column 7, did you mean 'rdn'?"},
      {"mxfp8:floo", "\"mxfp8:floo\": unknown modifier 'floo' at column 7, did you mean 'floor'?"},
      {"fx2.6:SR", "\"fx2.6:SR\": unknown modifier 'SR' at column 7, did you mean 'sr'?"},
      {"fx2.6:stochastic", "\"fx2.6:stochastic\": unknown modifier 'stochastic' at column 7, did you mean 'sr'?"},
      {"fx2.6:rne:sr", "\"fx2.6:rne:sr\": 'sr' is a second rounding at column 11, expected at most one"},
      {"fx2.6:",
       "\"fx2.6:\": unknown modifier '' at column 7, expected one of rne, rna, rtz, rup, rdn, odd, sr, sat, wrap"},
      {"dfx8:ovf=2", "\"dfx8:ovf=2\": '2' is no value at column 10, expected a rate of 0 or more, below 1"},
      {"dfx8:pct=0", "\"dfx8:pct=0\": '0' is no value at column 10, expected a percentage above 0, at most 100"},
      {"dfx8:fix=0.3", "\"dfx8:fix=0.3\": '0.3' is no value at column 10, expected a power of two, as 0.125"},
      {"int8:fix=-1", "\"int8:fix=-1\": '-1' is no value at column 10, expected a scale above 0"},
      {"int8:fix=1e300",
       "\"int8:fix=1e300\": '1e300' is no value at column 10, expected a scale within 2^-900 to 2^900"},
      {"int8:fix=nan", "\"int8:fix=nan\": 'nan' is no value at column 10, expected a scale above 0"},
  };
  for (const auto& [text, message] : texts) EXPECT_EQ(refusal(text), message);
  for (const char* text : {"",       ":",     "f",      "f4",     "f4.",       "f.3",      "f4.3.2", "fx2.6 ",
                           " fx2.6", "fx2,6", "bfp8",   "bfp8/0", "f6.9/64",   "int8/4",   "dfx1",   "posit1.0",
                           "po21",   "mxfp9", "fx+2.6", "sr",     "e4m3:rne:", "f4.3::rtz"})
    EXPECT_NE(refusal(text), "accepted") << text;
}

/// What ends the message, which is the same up to there.
std::string hint_of(const std::string& text) {
  const std::string message = refusal(text), start = fmt::format("\"{0}\": unknown format '{0}' at column 1", text);
  return message.starts_with(start) ? message.substr(start.size()) : message;
}

TEST(FormatHint, NamesWhatWasMeant) {
  const std::pair<const char*, const char*> texts[] = {
      // a number or a separator that is not there
      {"posit16", ", expected positN.E, as in posit16.2"},
      {"posit64", ", expected N of 2 to 32 in positN.E"},
      {"posit", ", expected positN.E, as in posit16.2"},
      {"posit8,2", ", did you mean 'posit8.2'?"},
      {"bfp8", ", expected bfpN/B, as in bfp8/32"},
      {"bfp16", ", expected bfpN/B, as in bfp16/32"},
      {"bfp8x32", ", did you mean 'bfp8/32'?"},
      {"fx2", ", expected fxI.F, as in fx2.6"},
      {"fx12", ", expected fxI.F, as in fx12.4"},
      {"fx64", ", expected fxI.F, as in fx64.0"},
      {"fx-2", ", expected fxI.F, as in fx-2.10"},
      {"fx2,6", ", did you mean 'fx2.6'?"},
      {"f5", ", expected fE.M, as in f5.2"},
      {"f4.3.2", ", expected fE.M, as in f4.3"},
      {"int", ", expected N of 2 to 16 in intN, as in int8"},
      // digits carry the meaning
      {"mxfp5", ", expected one of mxfp8, mxfp6, mxfp4"},
      {"mxint4", ", did you mean 'mxint8'?"},
      {"mx", ", expected one of mxfp8, mxfp8e5m2, mxfp6, mxfp6e3m2, mxfp4, mxint8"},
      {"nvfp8", ", did you mean 'nvfp4'?"},
      {"nv", ", expected nvfp4"},
      {"fp31", ", expected one of fp64, fp32, fp16, or fE.M for another split"},
      {"b111", ", did you mean 'b1'?"},
      {"b2", ", did you mean 'b1'?"},
      {"t3", ", did you mean 't2'?"},
      {"e4m4", ", did you mean 'e4m3' or 'f4.4'?"},
      {"e5m10", ", did you mean 'fp16'?"},
      {"e8m7", ", did you mean 'bf16'?"},
      // the words of others
      {"fp4", ", did you mean 'e2m1', 'mxfp4' or 'nvfp4'?"},
      {"fp6", ", did you mean 'e2m3', 'e3m2' or 'mxfp6'?"},
      {"fp8", ", did you mean 'e4m3', 'e5m2' or 'mxfp8'?"},
      {"float32", ", did you mean 'fp32'?"},
      {"float", ", did you mean 'fp32'?"},
      {"float64", ", did you mean 'fp64'?"},
      {"double", ", did you mean 'fp64'?"},
      {"float16", ", did you mean 'fp16'?"},
      {"half", ", did you mean 'fp16'?"},
      {"bfloat16", ", did you mean 'bf16'?"},
      {"float8_e4m3fn", ", did you mean 'e4m3'?"},
      {"ternary", ", did you mean 't2'?"},
      {"binary", ", did you mean 'b1'?"},
      {"nf4", ", expected another of 4 bits: 'e2m1', 'mxfp4', 'nvfp4' or 'int4'"},
      {"fp128", ", expected at most 64 bits: 'fp64'"},
      {"e8m0", ", which is no format but the scale of 'mxfp8', 'mxfp6', 'mxfp4' or 'mxint8'"},
      {"Q8.8", ", did you mean 'fx8.8'? Its I counts the sign"},
      {"s8", ", did you mean 'int8'?"},
      {"u8", ", did you mean 'uint8'?"},
      {"i32", ", expected N of 2 to 16 in intN"},
      // letters
      {"INT8", ", did you mean 'int8'?"},
      {"FP16", ", did you mean 'fp16'?"},
      {"Posit16.1", ", did you mean 'posit16.1'?"},
      {"fx 2.6", ", did you mean 'fx2.6'?"},
      {"ffx2.6", ", did you mean 'fx2.6'?"},
      {"itn8", ", did you mean 'int8'?"},
      {"pozit16", ", expected positN.E, as in posit16.2"},
      {"mxpf8", ", did you mean 'mxfp8'?"},
      {"flaot32", ", did you mean 'fp32'?"},
      {"zebra",
       ", expected one of fE.M, fp64, fp32, fp16, bf16, tf32, e5m2, e4m3, e3m2, e2m3, e2m1, fxI.F, ufxI.F, dfxN, intN, "
       "uintN, bfpN/B, mxfp8, mxfp8e5m2, mxfp6, mxfp6e3m2, mxfp4, mxint8, nvfp4, positN.E, po2N, t2, b1"},
  };
  for (const auto& [text, hint] : texts) EXPECT_EQ(hint_of(text), hint) << text;
}

TEST(FormatHint, NamesNothingThatDoesNotParse) {
  std::vector<std::string> words;
  for (const numbers::OtherName& other : numbers::other_names()) {
    EXPECT_EQ(refusal(other.name).find("accepted"), std::string::npos) << other.name;
    words.emplace_back(other.name);
  }
  for (const std::string& name : names()) {
    for (std::size_t i = 0; i < name.size(); ++i) {
      words.push_back(name.substr(0, i));
      for (const char c : {'0', '1', '9', '.', '/', '-', 'x', 'e', 'M'}) {
        words.push_back(name.substr(0, i) + c + name.substr(i));
        words.push_back(name.substr(0, i) + c + name.substr(i + 1));
      }
    }
  }
  std::size_t named = 0;
  for (const std::string& word : words) {
    const std::string hint = hint_of(word);
    if (hint == "accepted" || hint.find("is a chunk") != std::string::npos) continue;
    for (std::size_t quote = hint.find('\''); quote != std::string::npos;) {
      const std::size_t end = hint.find('\'', quote + 1);
      EXPECT_EQ(refusal(hint.substr(quote + 1, end - quote - 1)), "accepted") << word << hint;
      quote = hint.find('\'', end + 1);
      ++named;
    }
    if (const std::size_t example = hint.find(", as in "); example != std::string::npos) {
      EXPECT_EQ(refusal(hint.substr(example + 8)), "accepted") << word << hint;
      ++named;
    }
  }
  EXPECT_GT(named, 1000U);
}

TEST(Format, PutsACaretUnderTheFault) {
  const std::string text = "fx2.6:srr";
  EXPECT_EQ(point_at_fault(text, parse_format(text).error()), "fx2.6:srr\n      ^");
  const std::string sly = "\": at column 3";
  EXPECT_EQ(point_at_fault(sly, parse_format(sly).error()), sly + "\n^");
}

TEST(FormatTraits, AreTheConstantsOfTheSpecification) {
  struct Facts {
    const char* name;
    double largest, normal, least;
  };
  const Facts rows[] = {{"e4m3", 448, 0x1p-6, 0x1p-9},
                        {"e5m2", 57344, 0x1p-14, 0x1p-16},
                        {"e3m2", 28, 0.25, 0.0625},
                        {"e2m3", 7.5, 1, 0.125},
                        {"e2m1", 6, 1, 0.5},
                        {"f4.3", 240, 0x1p-6, 0x1p-9},
                        {"fp16", 65504, 0x1p-14, 0x1p-24},
                        {"bf16", 255.0 / 128 * 0x1p127, 0x1p-126, 0x1p-133},
                        {"fp32", std::numeric_limits<float>::max(), 0x1p-126, 0x1p-149},
                        {"fp64", std::numeric_limits<double>::max(), 0x1p-1022, 0x1p-1074},
                        {"f1.3", 1.75, 0, 0.25},
                        {"f2.1", 3, 1, 0.5},
                        {"f3.0", 8, 0.25, 0}};
  for (const Facts& row : rows) {
    const FormatTraits t = traits(format(row.name));
    EXPECT_EQ(t.largest, row.largest) << row.name;
    EXPECT_EQ(t.lowest, -row.largest) << row.name;
    EXPECT_EQ(t.smallest_normal, row.normal) << row.name;
    EXPECT_EQ(t.smallest_subnormal, row.least) << row.name;
  }
  const FormatTraits gupta = traits(format("fx2.6"));
  EXPECT_EQ(gupta.lowest, -2);
  EXPECT_EQ(gupta.largest, 2 - 0x1p-6);
  EXPECT_EQ(gupta.spacing_at_one, 0x1p-6);
  EXPECT_EQ(gupta.significant_bits, 7);
  const FormatTraits narrow = traits(format("fx-2.10"));
  EXPECT_EQ(narrow.lowest, -0.125);
  EXPECT_EQ(narrow.largest, 0.125 - 0x1p-10);
  EXPECT_EQ(traits(format("ufx-1.3")).largest, 0.375);
  EXPECT_EQ(traits(format("fx5.-2")).largest, 12);
  EXPECT_EQ(traits(format("dfx8")).lowest, -127);
  EXPECT_EQ(traits(format("dfx8:wrap")).lowest, -128);
  EXPECT_EQ(traits(format("int8")).lowest, -128);
  EXPECT_EQ(traits(format("uint4")).largest, 15);
  EXPECT_TRUE(traits(format("e5m2")).has_infinity);
  EXPECT_FALSE(traits(format("e4m3")).has_infinity);
  EXPECT_TRUE(traits(format("e4m3")).has_nan);
  EXPECT_FALSE(traits(format("f4.0")).has_nan);
  for (const char* name : {"dfx8", "int4", "uint4:sr", "b1", "t2", "t2:unit", "dfx8:ovf=0.1"})
    EXPECT_TRUE(traits(format(name)).is_dynamic) << name;
  for (const char* name : {"fx2.6", "fp16", "b1:unit", "int8:fix=0.1", "dfx8:fix=0.5"})
    EXPECT_FALSE(traits(format(name)).is_dynamic) << name;
}

/// Every format of few bits, the degenerate ones too: no normal numbers, no positive ones, nothing but 0, no end
/// behind 1.
std::vector<std::string> small_formats() {
  std::vector<std::string> list{"e4m3", "e3m2",  "e2m3",  "e2m1",   "mxfp8", "mxfp8e5m2", "mxfp6",
                                "t2",   "mxfp4", "nvfp4", "mxint8", "b1",    "t2:unit",   "mxfp6e3m2"};
  for (int e = 1; e <= 11; ++e)
    for (int m = 0; m <= 4; ++m) list.push_back(fmt::format("f{}.{}", e, m));
  for (int n = 1; n <= 8; ++n)
    for (const int i : {-3, 0, 1, 2, n, n + 3})
      for (const char* prefix : {"fx", "ufx"}) list.push_back(fmt::format("{}{}.{}", prefix, i, n - i));
  for (int n = 2; n <= 12; ++n) {
    for (const char* text : {"dfx{}", "dfx{}:wrap", "int{}", "uint{}", "bfp{}/32"})
      list.push_back(fmt::format(fmt::runtime(text), n));
    for (int e = 0; e <= 4; ++e) list.push_back(fmt::format("posit{}.{}", n, e));
  }
  for (int n = 2; n <= 10; ++n)
    for (const char* text : {"po2{}", "po2{}:log"}) list.push_back(fmt::format(fmt::runtime(text), n));
  return list;
}

int significant_bits(double value) {
  if (value == 0) return 0;
  int bits = 1;
  double rest = std::ldexp(std::abs(value), -std::ilogb(value));
  for (; rest != std::floor(rest); rest *= 2) ++bits;
  return bits;
}

TEST(FormatTraits, AreWhatAllValuesOfASmallFormatSay) {
  for (const std::string& name : small_formats()) {
    SCOPED_TRACE(name);
    const FormatTraits t = traits(format(name));
    const auto set = numbers::ValueSet::of(format(name));
    ASSERT_TRUE(set.is_enumerated());
    const std::vector<double>& values = set.values();
    EXPECT_EQ(t.lowest, values.front());
    EXPECT_EQ(t.largest, values.back());
    EXPECT_FALSE(std::signbit(t.lowest) && t.lowest == 0);
    int widest = 0;
    for (const double value : values) widest = std::max(widest, significant_bits(value));
    EXPECT_EQ(t.significant_bits, widest);
    const double least = set.least_positive();
    EXPECT_EQ(t.smallest_subnormal == 0 ? t.smallest_normal : t.smallest_subnormal, least);
    if (t.smallest_normal > 0) {
      EXPECT_TRUE(set.contains(t.smallest_normal));
    }
    if (t.largest != 0) {
      EXPECT_EQ(t.max_exponent, std::ilogb(std::max(t.largest, -t.lowest)));
    }

    const Family family = format(name).family;
    if (t.largest == 1 && family == Family::kPosit) {
      EXPECT_EQ(t.spacing_at_one, 0);
    } else if (t.largest == 1 && family == Family::kPowerOfTwo) {
      EXPECT_EQ(t.spacing_at_one, 1) << "to 2, as if the window went on";
    } else if (values.size() == 1) {
      EXPECT_EQ(t.spacing_at_one, 0);
    } else {
      const auto next = std::upper_bound(values.begin(), values.end(), 1.0);
      const auto to = next == values.end() ? values.end() - 1 : next;
      EXPECT_EQ(t.spacing_at_one, *to - *(to - 1));
    }
  }
}

TEST(StorageBits, CountSharedScales) {
  const std::pair<const char*, double> rows[] = {{"fp64", 64},    {"tf32", 19},     {"e4m3", 8},      {"fx2.6", 8},
                                                 {"ufx-2.10", 8}, {"dfx10", 10},    {"int4", 4},      {"b1", 1},
                                                 {"t2", 2},       {"bfp8/16", 8.5}, {"mxfp8", 8.25},  {"mxfp6", 6.25},
                                                 {"mxfp4", 4.25}, {"nvfp4", 4.5},   {"posit16.2", 16}};
  for (const auto& [name, bits] : rows) EXPECT_EQ(storage_bits(format(name)), bits) << name;
}

TEST(FloatCarrier, HoldsWhatHasNoMoreBitsAndExponentsThanAFloat) {
  for (const char* name : {"fp32", "f8.22:sr", "bf16:sr", "e4m3", "fx2.6:sr", "fx12.12:sr", "fx13.12", "ufx12.12",
                           "dfx24:sr", "int16", "b1", "t2", "fx4.-2", "int8:fix=0.1", "fx-120.126", "po28"})
    EXPECT_TRUE(fits_float_carrier(format(name))) << name;
  for (const char* name :
       {"fp64", "f9.5", "f8.24", "f8.23:sr", "f5.23:rtz", "fx13.12:sr", "fx13.13", "ufx13.12", "dfx26", "po28:log",
        "po29", "fx-120.127", "fx130.-120", "int8:fix=1e-40", "dfx8:fix=1.7014118346046923e+38"})
    EXPECT_FALSE(fits_float_carrier(format(name))) << name;
}

TEST(DoubleCarrier, HoldsWhatHasAtMost53SignificantBits) {
  for (const char* name : {"fp64", "fx27.27", "ufx27.26", "dfx54", "posit32.2", "nvfp4"})
    EXPECT_TRUE(fits_double_carrier(format(name))) << name;
  for (const char* name : {"fx27.28", "ufx27.27", "dfx55", "fx1.63", "ufx64.0"})
    EXPECT_FALSE(fits_double_carrier(format(name))) << name;
}

}  // namespace
}  // namespace udnn::test
