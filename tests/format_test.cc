// Formats: names, errors, facts.
#include "udnn/format.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "src/numbers/format_table.h"
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
      {"fp31", "\"fp31\": unknown format 'fp31' at column 1, did you mean 'fp32'?"},
      {"f12.3", "\"f12.3\": 12 is out of range at column 2, expected 1 to 11, did you mean 'f11.3'?"},
      {"f4.60:rtz", "\"f4.60:rtz\": 60 is out of range at column 4, expected 0 to 52, did you mean 'f4.52'?"},
      {"fx40.40", "\"fx40.40\": I+F is 80 at column 3, expected 1 to 64, did you mean 'fx40.24'?"},
      {"fx2.-2", "\"fx2.-2\": I+F is 0 at column 3, expected 1 to 64, did you mean 'fx2.-1'?"},
      {"int1", "\"int1\": 1 is out of range at column 4, expected 2 to 16, did you mean 'int2'?"},
      {"int99999999999",
       "\"int99999999999\": unknown format 'int99999999999' at column 1, expected one of fE.M, fp64, fp32, fp16, bf16, "
       "tf32, e5m2, e4m3, e3m2, e2m3, e2m1, fxI.F, ufxI.F, dfxN, intN, uintN, bfpN/B, mxfp8, mxfp8e5m2, mxfp6, "
       "mxfp6e3m2, "
       "mxfp4, mxint8, nvfp4, positN.E, po2N, t2, b1"},
      {"ffx2.6", "\"ffx2.6\": unknown format 'ffx2.6' at column 1, did you mean 'fx2.6'?"},
      {"FP16", "\"FP16\": unknown format 'FP16' at column 1, did you mean 'fp16'?"},
      {"posit16", "\"posit16\": unknown format 'posit16' at column 1, did you mean 'posit16.2'?"},
      {"bfp8", "\"bfp8\": unknown format 'bfp8' at column 1, did you mean 'bfp8/32'?"},
      {"fx2", "\"fx2\": unknown format 'fx2' at column 1, did you mean 'fx2.6'?"},
      {"fx2,6", "\"fx2,6\": unknown format 'fx2,6' at column 1, did you mean 'fx2.6'?"},
      {"f5", "\"f5\": unknown format 'f5' at column 1, did you mean 'f5.2'?"},
      {"float32", "\"float32\": unknown format 'float32' at column 1, did you mean 'fp32'?"},
      {"bfloat16", "\"bfloat16\": unknown format 'bfloat16' at column 1, did you mean 'bf16'?"},
      {"half", "\"half\": unknown format 'half' at column 1, did you mean 'fp16'?"},
      {"double", "\"double\": unknown format 'double' at column 1, did you mean 'fp64'?"},
      {"fp8", "\"fp8\": unknown format 'fp8' at column 1, did you mean 'e4m3' or 'e5m2'?"},
      {"fp4", "\"fp4\": unknown format 'fp4' at column 1, did you mean 'e2m1' or 'mxfp4'?"},
      {"E4M3", "\"E4M3\": unknown format 'E4M3' at column 1, did you mean 'e4m3'?"},
      {"float8_e4m3fn", "\"float8_e4m3fn\": unknown format 'float8_e4m3fn' at column 1, did you mean 'e4m3'?"},
      {"ternary", "\"ternary\": unknown format 'ternary' at column 1, did you mean 't2'?"},
      {"b111", "\"b111\": unknown format 'b111' at column 1, did you mean 'b1'?"},
      {"mxfp5",
       "\"mxfp5\": unknown format 'mxfp5' at column 1, expected one of mxfp8, mxfp8e5m2, mxfp6, mxfp6e3m2, mxfp4, "
       "mxint8"},
      {"posit16.1:rne",
       "\"posit16.1:rne\": modifier 'rne' does not apply to posit16.1 at column 11, expected none: posit16.1 rounds in "
       "its own way"},
      {"fx2.6:ftz",
       "\"fx2.6:ftz\": modifier 'ftz' does not apply to fx2.6 at column 7, expected one of rne, rna, rtz, rup, rdn, "
       "odd, sr, sat, "
       "wrap"},
      {"e4m3:inf",
       "\"e4m3:inf\": modifier 'inf' does not apply to e4m3 at column 6, expected one of rne, rna, rtz, rup, rdn, odd, "
       "sr, sat, "
       "nan, ftz"},
      {"f4.0:nan",
       "\"f4.0:nan\": modifier 'nan' does not apply to f4.0 at column 6, expected one of rne, rna, rtz, rup, rdn, odd, "
       "sr, sat, "
       "inf, ftz"},
      {"b1:sr", "\"b1:sr\": modifier 'sr' does not apply to b1 at column 4, expected one of unit"},
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

TEST(StorageBits, CountSharedScales) {
  const std::pair<const char*, double> rows[] = {{"fp64", 64},    {"tf32", 19},     {"e4m3", 8},      {"fx2.6", 8},
                                                 {"ufx-2.10", 8}, {"dfx10", 10},    {"int4", 4},      {"b1", 1},
                                                 {"t2", 2},       {"bfp8/16", 8.5}, {"mxfp8", 8.25},  {"mxfp6", 6.25},
                                                 {"mxfp4", 4.25}, {"nvfp4", 4.5},   {"posit16.2", 16}};
  for (const auto& [name, bits] : rows) EXPECT_EQ(storage_bits(format(name)), bits) << name;
}

TEST(FloatCarrier, HoldsWhatHasNoMoreBitsAndExponentsThanAFloat) {
  for (const char* name : {"fp32", "f8.22:sr", "bf16:sr", "e4m3", "fx2.6:sr", "fx12.12:sr", "fx13.12", "ufx12.12",
                           "dfx24:sr", "int16", "b1", "t2", "fx4.-2", "int8:fix=0.1", "fx-120.126"})
    EXPECT_TRUE(fits_float_carrier(format(name))) << name;
  for (const char* name : {"fp64", "f9.5", "f8.24", "f8.23:sr", "f5.23:rtz", "fx13.12:sr", "fx13.13", "ufx13.12",
                           "dfx26", "fx-120.127", "fx130.-120", "int8:fix=1e-40", "dfx8:fix=1.7014118346046923e+38"})
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
