// TOML as a tree, and what is refused.
#include "src/base/toml.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/temporary_folder.h"

namespace udnn::base {
namespace {

std::string refusal(std::string_view text, const ParseLimits& limits = {}) {
  const auto value = parse_toml(text, "run.toml", limits);
  return value ? "accepted" : value.error().message();
}

TEST(Toml, KeepsTheOrderOfTheText) {
  const auto tree = parse_toml(
      "zeta = 1\nalpha = 'two'\n[train]\nlr = 1e-3\nbatch = 64\ndeep.er = [1, 2.5, true]\n[[layer]]\nkind = "
      "\"conv\"\n[[layer]]\nb = 1\na = -2\n",
      "run.toml");
  ASSERT_TRUE(tree) << tree.error().message();
  EXPECT_EQ(to_json(*tree), R"({"zeta":1,"alpha":"two","train":{"lr":0.001,"batch":64,"deep":{"er":[1,2.5,true]}},)"
                            R"("layer":[{"kind":"conv"},{"b":1,"a":-2}]})");
}

TEST(Toml, HasNumbersThatJsonHasNot) {
  const auto tree = parse_toml("a = inf\nb = -inf\nc = nan\nd = 0xff\n", "run.toml");
  ASSERT_TRUE(tree);
  EXPECT_EQ(to_json(*tree), R"({"a":"inf","b":"-inf","c":"nan","d":255})");
}

TEST(Toml, SaysWhereItIsWrong) {
  EXPECT_EQ(refusal("a = 1\na = 2\n"),
            "run.toml: line 2, column 5: Error while parsing key-value pair: cannot redefine existing integer 'a'");
  EXPECT_EQ(refusal("a = \n"),
            "run.toml: line 1, column 5: Error while parsing key-value pair: expected value, saw '\\n'");
  EXPECT_EQ(
      refusal("a = 1\nwhen = 2024-01-01\n"),
      "run.toml: line 2, column 8: a date or a time, expected a number, a text, true, false, an array or a table");
  EXPECT_EQ(refusal("a = [1, [2, [3]]]\n", {.depth = 3}),
            "run.toml: line 1, column 13: nested deeper, expected at most 3 levels");
  EXPECT_EQ(refusal("a = 123456789012345678901\n"),
            "run.toml: line 1, column 26: Error while parsing decimal integer: '123456789012345678901' is not "
            "representable in 64 bits");
  EXPECT_EQ(refusal("a = \"\xFF\"\n"), "run.toml: line 1, column 5: Encountered invalid utf-8 sequence");
  EXPECT_EQ(refusal("a = 1\n", {.bytes = 5}), "run.toml: 6 bytes, expected at most 5");
  EXPECT_EQ(refusal("a = " + std::string(100000, '[')),
            "run.toml: line 1, column 261: Error while parsing value: exceeded maximum nested value depth of 256 "
            "(TOML_MAX_NESTED_VALUES)");
}

// Each of these is an assertion of the package, or undefined behaviour in it, unless toml.cc prevents it.
TEST(Toml, RefusesTextThatItsPackageTrustsNotToSee) {
  for (const std::string_view text : {"[=]", "[.a]", "[,]", "[#", "[[(", "[\x01]", "a = é", "é = 1", "a = 8\"é\""})
    EXPECT_TRUE(refusal(text).starts_with("run.toml: line 1, column ")) << refusal(text);
}

TEST(Toml, TakesLettersOfAllLanguages) {
  const auto tree = parse_toml(
      "\xEF\xBB\xBF# größe \"\n'größe' = \"é\\\"é\" # é\nb = 'é\\'\nc = \"\"\"\\u00e9\"\"\"\nd = \"\"\"x\"\"\"\"\n",
      "f");
  ASSERT_TRUE(tree) << tree.error().message();
  EXPECT_EQ(to_json(*tree), R"({"größe":"é\"é","b":"é\\","c":"é","d":"x\""})");
}

TEST(Toml, ReadsAFile) {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("run.toml", "a = 1\n");
  EXPECT_EQ(to_json(*read_toml(path)), R"({"a":1})");
  EXPECT_EQ(read_toml(path, {.bytes = 3}).error().message(), path + ": 6 bytes, expected at most 3");
  EXPECT_EQ(read_toml(folder.file("no")).error().message(),
            folder.file("no") + ": cannot be opened: No such file or directory");
}

}  // namespace
}  // namespace udnn::base
