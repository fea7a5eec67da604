// The precision of a network: which item wins, and what is wrong with the others.
#include "udnn/precision.h"

#include "tests/support.h"

namespace udnn::test {
namespace {

Precision precision(std::string_view text) {
  const auto parsed = Precision::parse(text);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message());
  return parsed ? *parsed : Precision{};
}

std::string refusal(std::string_view text) {
  const auto parsed = Precision::parse(text);
  return parsed ? "accepted" : parsed.error().message();
}

TEST(Precision, IsFp32WhereNothingIsSaid) {
  for (const char* text : {"", "  "}) {
    const Precision plan = precision(text);
    for (int role = 0; role < kRoles; ++role)
      EXPECT_EQ(to_string(plan.format("conv1", static_cast<Role>(role))), "fp32");
    EXPECT_FALSE(plan.names_accumulator("conv1"));
    EXPECT_EQ(plan.text(), "");
  }
}

TEST(Precision, LetsLaterItemsOverrideEarlierOnes) {
  const Precision plan = precision("all=fp32, w=fx2.6:sr, a=fx4.4, conv1.w=int4, acc=f6.9/64");
  EXPECT_EQ(to_string(plan.format("fc1", Role::kWeights)), "fx2.6:sr");
  EXPECT_EQ(to_string(plan.format("conv1", Role::kWeights)), "int4");
  EXPECT_EQ(to_string(plan.format("conv1", Role::kActivations)), "fx4.4");
  EXPECT_EQ(to_string(plan.format("conv1", Role::kErrors)), "fp32");
  EXPECT_TRUE(plan.names_accumulator("conv1"));
  EXPECT_EQ(plan.format("conv1", Role::kAccumulator).chunk, 64);
  EXPECT_EQ(to_string(precision("conv1.w=int4, w=fp16").format("conv1", Role::kWeights)), "fp16");
}

TEST(Precision, TakesAllForEveryRoleButTheAccumulator) {
  const Precision plan = precision("all=e5m2");
  for (const Role role :
       {Role::kWeights, Role::kActivations, Role::kErrors, Role::kGradients, Role::kMaster, Role::kState})
    EXPECT_EQ(to_string(plan.format("x", role)), "e5m2") << to_string(role);
  EXPECT_FALSE(plan.names_accumulator("x"));
  EXPECT_EQ(to_string(plan.format("x", Role::kAccumulator)), "fp32");
}

TEST(Precision, MatchesWholeNamesOfLayers) {
  const Precision plan = precision("conv*.w=int8, fc?.w=int4, *2.a=bf16, a*b*c.w=e4m3, block.1.w=tf32");
  const auto weights = [&](std::string_view layer) { return to_string(plan.format(layer, Role::kWeights)); };
  EXPECT_EQ(weights("conv"), "int8");
  EXPECT_EQ(weights("conv12"), "int8");
  EXPECT_EQ(weights("aconv"), "fp32");
  EXPECT_EQ(weights("fc1"), "int4");
  EXPECT_EQ(weights("fc"), "fp32");
  EXPECT_EQ(weights("fc12"), "fp32");
  EXPECT_EQ(weights("abc"), "e4m3");
  EXPECT_EQ(weights("aXbbYcc"), "e4m3");
  EXPECT_EQ(weights("abcd"), "fp32");
  EXPECT_EQ(weights("block.1"), "tf32");
  EXPECT_EQ(to_string(plan.format("conv2", Role::kActivations)), "bf16");
}

TEST(Precision, PrintsWhatParsesBackToIt) {
  const std::string text = "all=fp32, w=fx2.6:sr, conv*.w=int4, acc=f6.9/64, fc1.acc=bfp8/16/32, s=dfx8:ovf=0.01";
  EXPECT_EQ(precision(text).text(), text);
  EXPECT_EQ(precision(" w = f8.7:rne ,a=fx4.4").text(), "w=bf16, a=fx4.4");
  EXPECT_EQ(precision("acc=bfp8/16").text(), "acc=bfp8/16");
  EXPECT_EQ(precision("acc=bfp8/16").format("x", Role::kAccumulator).chunk, 0);
  EXPECT_EQ(precision("acc=fp32/1").text(), "acc=fp32");
}

TEST(Precision, SaysWhatIsWrongAndWhere) {
  const std::pair<const char*, const char*> texts[] = {
      {"w=fx2.6:srr", "\"w=fx2.6:srr\": unknown modifier 'srr' at column 9, did you mean 'sr'?"},
      {"all=fp32, a=fp17",
       "\"all=fp32, a=fp17\": unknown format 'fp17' at column 13, expected one of fp64, fp32, fp16, or fE.M for "
       "another split"},
      {"x=fp32", "\"x=fp32\": unknown role 'x' at column 1, expected one of w, a, e, g, m, s, acc, all"},
      {"conv1.b=fp32", "\"conv1.b=fp32\": unknown role 'b' at column 7, expected one of w, a, e, g, m, s, acc, all"},
      {"fp32", "\"fp32\": 'fp32' assigns no format at column 1, expected [layer.]role=format, as in w=fx2.6:sr"},
      {"w=fp32,", "\"w=fp32,\": '' assigns no format at column 8, expected [layer.]role=format, as in w=fx2.6:sr"},
      {".w=fp32", "\".w=fp32\": no layer before '.' at column 1, expected its name, as in conv1.w=int4"},
      {"acc=f6.9/0", "\"acc=f6.9/0\": '0' is no chunk at column 10, expected 1 to 1048576 products"},
      {"w=f6.9/64", "\"w=f6.9/64\": '/64' is a chunk at column 7, expected it after an acc format alone"},
  };
  for (const auto& [text, message] : texts) EXPECT_EQ(refusal(text), message);
  EXPECT_NE(refusal("all=f6.9/64"), "accepted");
  EXPECT_EQ(point_at_fault("w=fx2.6:srr", Precision::parse("w=fx2.6:srr").error()), "w=fx2.6:srr\n        ^");
}

TEST(Precision, RefusesAGlobThatMatchesNoLayer) {
  const std::vector<std::string> layers{"conv1", "conv2", "fc1"};
  EXPECT_TRUE(precision("w=int4, conv*.w=int8, fc1.a=fp16").covers(layers).ok());
  EXPECT_EQ(precision("conv3.w=int8").covers(layers).message(),
            "\"conv3.w=int8\": no layer is called 'conv3', did you mean 'conv1'? There are conv1, conv2, fc1");
  EXPECT_EQ(precision("w=int8, pool*.a=int8").covers(layers).message(),
            "\"w=int8, pool*.a=int8\": no layer is called 'pool*', there are conv1, conv2, fc1");
}

}  // namespace
}  // namespace udnn::test
