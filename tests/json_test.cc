// JSON out and in, and how a tree is asked.
#include "src/base/json.h"

#include <array>
#include <bit>
#include <clocale>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "src/base/nearest.h"

namespace udnn::base {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string refusal(std::string_view text, const ParseLimits& limits = {}) {
  const auto value = parse_json(text, "run.json", limits);
  return value ? "accepted" : value.error().message();
}

TEST(Json, WritesOneLineInTheOrderOfTheMembers) {
  Value record = Value::object({{"epochs", 10}, {"loss", 0.25}});
  record.set("data", "mnist");
  record.set("recall", Value::array({1.0, 0.5, {}}));
  record.set("done", true);
  record.set("epochs", 11);
  EXPECT_EQ(to_json(record), R"({"epochs":11,"loss":0.25,"data":"mnist","recall":[1.0,0.5,null],"done":true})");
  EXPECT_EQ(to_json(Value::object()), "{}");
  EXPECT_EQ(to_json(Value::array()), "[]");
}

TEST(Json, WritesTheShortestDoubleThatReadsBack) {
  EXPECT_EQ(to_json(0.1), "0.1");
  EXPECT_EQ(to_json(3.0), "3.0");  // it was a real, and stays one
  EXPECT_EQ(to_json(-0.0), "-0.0");
  EXPECT_EQ(to_json(1e300), "1e+300");
  EXPECT_EQ(to_json(5e-324), "5e-324");
  EXPECT_EQ(to_json(std::nan("")), "\"nan\"");
  EXPECT_EQ(to_json(kInfinity), "\"inf\"");
  EXPECT_EQ(to_json(-kInfinity), "\"-inf\"");
  const Value holes =
      Value::object({{"a", Value::array({1.5, std::nan(""), kInfinity})}, {"b", -kInfinity}, {"c", "nan"}});
  EXPECT_EQ(to_json(holes, NonFinite::kNull), R"({"a":[1.5,null,null],"b":null,"c":"nan"})");
  std::mt19937_64 random(1);
  for (int i = 0; i < 10000; ++i) {
    const std::uint64_t bits = random();
    const auto value = std::bit_cast<double>(bits);
    if (!std::isfinite(value)) continue;
    const auto back = parse_json(to_json(value), "f");
    ASSERT_TRUE(back && back->is_real()) << to_json(value);
    ASSERT_EQ(std::bit_cast<std::uint64_t>(*back->get<double>()), bits) << to_json(value);
  }
}

TEST(Json, HasNoLocale) {
  const char* const german = std::setlocale(LC_ALL, "de_DE.UTF-8");
  EXPECT_EQ(to_json(0.5), "0.5");
  const auto value = parse_json("0.5", "f");
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, Value(0.5)) << (german == nullptr ? "in the plain locale" : german);
  std::setlocale(LC_ALL, "C");
}

TEST(Json, EscapesWhatATextMayHold) {
  EXPECT_EQ(to_json("a\"b\\c\n\t\x01\x7F"), R"("a\"b\\c\n\t\u0001\u007f")");
  EXPECT_EQ(to_json("größe ☺ 😀"), "\"größe ☺ 😀\"");
  // No UTF-8: a stray byte, one too long, a surrogate, beyond the last code point, cut off.
  EXPECT_EQ(to_json("\xFFx"), "\"\xEF\xBF\xBDx\"");
  EXPECT_EQ(to_json("\xC0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(to_json("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(to_json("\xF4\x90\x80\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(to_json("\xE2\x98"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST(Json, ReadsBackWhatItWrites) {
  const Value value = Value::object({{"a", Value::array({1, -2, 0.5, "t\n\"", true, false, {}})},
                                     {"", Value::object({{"z", 1}, {"b", Value::array()}})},
                                     {"least", std::numeric_limits<std::int64_t>::min()},
                                     {"most", std::numeric_limits<std::int64_t>::max()}});
  const auto back = parse_json(to_json(value), "f");
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(*back, value);
}

TEST(Json, SaysWhatItRefuses) {
  EXPECT_EQ(refusal(R"({"train": {"epochs": 1, "epochs": 2}})"),
            "run.json: train.epochs: twice, expected each key once");
  EXPECT_EQ(refusal(R"({"a": [1, {"b": 18446744073709551615}]})"),
            "run.json: a[1].b: 18446744073709551615, expected an integer from -2^63 to 2^63 - 1");
  EXPECT_EQ(refusal("123456789012345678901234567890"),
            "run.json: 789012345678901234567890, expected an integer from -2^63 to 2^63 - 1");
  EXPECT_EQ(refusal(R"({"lr": 1e999})"), "run.json: lr: 1e999, expected a number that a double can hold");
  EXPECT_EQ(refusal("[1, 2"), "run.json: offset 5: no JSON at '2'");
  EXPECT_EQ(refusal(""), "run.json: offset 0: no JSON at ''");
  EXPECT_EQ(refusal("[1] 2"), "run.json: offset 4: no JSON at '2'");
  EXPECT_EQ(refusal("[NaN]"), "run.json: offset 1: no JSON at '[N'");
  EXPECT_EQ(refusal("// c\n1"), "run.json: offset 0: no JSON at '/'");
  EXPECT_EQ(refusal("\"\xFF\""), "run.json: offset 1: no JSON at '\\\"\xEF\xBF\xBD'");
  EXPECT_EQ(refusal("[[[1]]]", {.depth = 2}), "run.json: [0][0]: nested deeper, expected at most 2 levels");
  EXPECT_EQ(refusal("[[1]]", {.depth = 2}), "accepted");
  EXPECT_EQ(refusal("[1]", {.bytes = 2}), "run.json: 3 bytes, expected at most 2");
}

TEST(Json, TakesTimeInProportionToManyKeys) {
  std::string text = "{";
  for (int i = 0; i < 200000; ++i) text += fmt::format("\"{}\":0,", i);
  text.back() = '}';
  const auto value = parse_json(text, "f");  // 2 * 10^10 comparisons, if each key looked through those before it
  ASSERT_TRUE(value);
  EXPECT_EQ(value->members().size(), 200000U);
}

TEST(Json, AThousandBracketsAreRefusedNotFollowed) {
  EXPECT_EQ(refusal(std::string(1000000, '[')),
            "run.json: [0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: nested deeper, expected at most 16 levels");
}

class Asked : public testing::Test {
 protected:
  Value tree_ = *parse_json(R"({"train": {"epochs": "ten", "lr": 0.5, "batch": 64, "log": false, "loss": "-inf"},
                                "layers": [{"kind": "conv"}, 7], "long": ")" +
                                std::string(100, 'x') + "\"}",
                            "run.json");
  Field root_{tree_, "run.json"};
};

TEST_F(Asked, GivesWhatIsThere) {
  EXPECT_EQ(*root_["train"]["batch"].integer(1, 64), 64);
  EXPECT_EQ(*root_["train"]["batch"].size(64), 64U);
  EXPECT_EQ(*root_["train"]["batch"].number(), 64.0);
  EXPECT_EQ(*root_["train"]["lr"].number(), 0.5);
  EXPECT_EQ(*root_["train"]["loss"].number(), -kInfinity);
  EXPECT_FALSE(*root_["train"]["log"].boolean());
  EXPECT_EQ(*root_["layers"][0]["kind"].text(), "conv");
  EXPECT_EQ(root_["layers"].items()->size(), 2U);
  EXPECT_EQ(*(*root_["layers"].items())[1].integer(), 7);
  EXPECT_EQ(root_["train"].members()->front().first, "epochs");
  EXPECT_FALSE(root_["train"]["seed"].exists());
}

TEST_F(Asked, SaysTheWholePathAndWhatItFound) {
  const Field train = root_["train"];
  EXPECT_EQ(train["epochs"].integer().error().message(), "run.json: train.epochs: \"ten\", expected an integer");
  EXPECT_EQ(train["batch"].integer(1, 32).error().message(),
            "run.json: train.batch: 64, expected an integer from 1 to 32");
  EXPECT_EQ(train["batch"].integer(65).error().message(),
            "run.json: train.batch: 64, expected an integer, at least 65");
  EXPECT_EQ(train["lr"].size(1).error().message(), "run.json: train.lr: 0.5, expected an integer, at least 1");
  EXPECT_EQ(train["seed"].size().error().message(), "run.json: train.seed: missing, expected an integer, at least 0");
  EXPECT_EQ(train["log"].number().error().message(), "run.json: train.log: false, expected a number");
  EXPECT_EQ(train["lr"].boolean().error().message(), "run.json: train.lr: 0.5, expected true or false");
  EXPECT_EQ(train["lr"].items().error().message(), "run.json: train.lr: 0.5, expected an array");
  EXPECT_EQ(train.text().error().message(), "run.json: train: an object, expected a text");
  EXPECT_EQ(root_["layers"].members().error().message(), "run.json: layers: an array, expected an object");
  EXPECT_EQ(root_["layers"][0]["size"].text().error().message(), "run.json: layers[0].size: missing, expected a text");
  EXPECT_EQ(root_["layers"][2].text().error().message(), "run.json: layers[2]: missing, expected a text");
  EXPECT_EQ(root_.text().error().message(), "run.json: an object, expected a text");
  EXPECT_EQ(root_["long"].integer().error().message(),
            "run.json: long: \"" + std::string(59, 'x') + "..., expected an integer");
}

TEST_F(Asked, RefusesUnknownKeysWithTheNearestOne) {
  constexpr std::array<std::string_view, 5> kKeys = {"epoch", "lr", "batch", "log", "loss"};
  EXPECT_EQ(root_["train"].expect_only(kKeys).message(),
            "run.json: train: unknown key 'epochs', did you mean 'epoch'?");
  EXPECT_EQ(root_.expect_only(kKeys).message(),
            "run.json: unknown key 'train', expected one of epoch, lr, batch, log, loss");
  EXPECT_EQ(root_["layers"].expect_only(kKeys).message(), "run.json: layers: an array, expected an object");
}

TEST(Json, KeepsAMessageOnOneLine) {
  EXPECT_EQ(refusal(R"({"a\nb": {"c": 1, "c": 2}})"), "run.json: a b.c: twice, expected each key once");
  const auto tree = parse_json(R"({"a\nb": {"\u0007": 1}})", "run.json");
  ASSERT_TRUE(tree);
  const Field field = Field(*tree, "run.json")["a\nb"];
  EXPECT_EQ(field.text().error().message(), "run.json: a b: an object, expected a text");
  EXPECT_EQ(field.expect_only({}).message(), "run.json: a b: unknown key '?', expected none");
}

TEST(Nearest, CountsEditsAndSwaps) {
  constexpr std::array<std::string_view, 4> kWords = {"conv", "maxpool", "avgpool", "fc"};
  EXPECT_EQ(nearest("cnv", kWords), "conv");
  EXPECT_EQ(nearest("ocnv", kWords), "conv");
  EXPECT_EQ(nearest("maxpol", kWords), "maxpool");
  EXPECT_EQ(nearest("pool", kWords), "");  // three edits from two words
  EXPECT_EQ(nearest("cf", kWords), "fc");
  EXPECT_EQ(nearest("", kWords), "");
  EXPECT_EQ(nearest(std::string(100000, 'x'), kWords), "");
  EXPECT_EQ(did_you_mean("zebra", kWords), ", expected one of conv, maxpool, avgpool, fc");
}

}  // namespace
}  // namespace udnn::base
