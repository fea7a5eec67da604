// What people see: numbers, tables, pictures, progress.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "src/base/json.h"
#include "src/report/chart.h"
#include "src/report/human.h"
#include "src/report/progress.h"
#include "src/report/table.h"

namespace udnn::report {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Human, KeepsThreeDigits) {
  EXPECT_EQ(human(0), "0");
  EXPECT_EQ(human(999), "999");
  EXPECT_EQ(human(61706), "61.7 k");
  EXPECT_EQ(human(1e6), "1.00 M");
  EXPECT_EQ(human(-2.5e9), "-2.50 G");
  EXPECT_EQ(human(0.25), "0.250");
  EXPECT_EQ(human(12.345), "12.3");
  EXPECT_EQ(human(kNan), "nan");
  EXPECT_EQ(human(-kInfinity), "-inf");
  EXPECT_EQ(human_bytes(2300000), "2.30 MB");
  EXPECT_EQ(human_bytes(7), "7 B");
}

TEST(Human, KeepsFourDecimalsAsLongAsTheyMeanSomething) {
  EXPECT_EQ(four_decimals(0.69314718), "0.6931");
  EXPECT_EQ(four_decimals(-12.5), "-12.5000");
  EXPECT_EQ(four_decimals(999999), "999999.0000");
  EXPECT_EQ(four_decimals(1e6), "1.0000e+06");
  EXPECT_EQ(four_decimals(1.23456e30), "1.2346e+30");
  EXPECT_EQ(four_decimals(-kNan), "nan");
  EXPECT_EQ(four_decimals(-kInfinity), "-inf");
}

// Rounding may carry into the next digit or prefix.
TEST(Human, CarriesToTheNextPrefix) {
  EXPECT_EQ(human(999.6), "1.00 k");
  EXPECT_EQ(human(999499), "999 k");
  EXPECT_EQ(human(999500), "1.00 M");
  EXPECT_EQ(human(9.996), "10.0");
  EXPECT_EQ(human(99.96), "100");
  EXPECT_EQ(human(1e30), "1000000000000 E");
}

TEST(Human, SaysTimesInTheUnitThatFits) {
  EXPECT_EQ(human_seconds(0.85), "850 ms");
  EXPECT_EQ(human_seconds(12.34), "12.3 s");
  EXPECT_EQ(human_seconds(59.97), "1 min 00 s");
  EXPECT_EQ(human_seconds(245), "4 min 05 s");
  EXPECT_EQ(human_seconds(3599.7), "1 h 00 min");
  EXPECT_EQ(human_seconds(7620), "2 h 07 min");
  EXPECT_EQ(human_seconds(kNan), "-");
}

Table sample_table() {
  Table table({"precision", "accuracy", "größe"});
  table.add_row({"all=fp32", fixed(98.914, 2), count(1234)});
  table.add_row({"w=fx2.6:sr, a=\"x\"", fixed(kNan, 2), {"-", {}}});
  return table;
}

TEST(Table, AlignsColumnsByWhatPeopleSee) {
  EXPECT_EQ(sample_table().text(),
            "precision          accuracy  größe\n"
            "all=fp32              98.91   1234\n"
            "w=fx2.6:sr, a=\"x\"         -      -\n");
}

TEST(Table, CountsLettersNotBytes) {
  Table table({"ß", "x"});
  table.add_row({"äöü", "1"});
  table.add_row({"aou", "2"});
  EXPECT_EQ(table.text(), "ß    x\näöü  1\naou  2\n");
}

TEST(Table, LeavesNoBlanksAtTheEndOfALine) {
  Table table({"a", "b"});
  table.add_row({"x", ""});
  table.add_row({"", "long"});
  EXPECT_EQ(table.text(), "a  b\nx\n   long\n");
}

TEST(Table, SpeaksMarkdownCsvAndJson) {
  EXPECT_EQ(sample_table().markdown(),
            "| precision | accuracy | größe |\n|---|---:|---:|\n| all=fp32 | 98.91 | 1234 |\n"
            "| w=fx2.6:sr, a=\"x\" | - | - |\n");
  EXPECT_EQ(sample_table().csv(),
            "precision,accuracy,größe\nall=fp32,98.914,1234\n\"w=fx2.6:sr, a=\"\"x\"\"\",\"nan\",\n");
  EXPECT_EQ(base::to_json(sample_table().value()),
            R"([{"precision":"all=fp32","accuracy":98.914,"größe":1234},)"
            R"({"precision":"w=fx2.6:sr, a=\"x\"","accuracy":"nan","größe":null}])");
  Table table({"a|b"});
  table.add_row({"c|d"});
  EXPECT_EQ(table.markdown(), "| a\\|b |\n|---|\n| c\\|d |\n");
}

TEST(Sparkline, StretchesFromTheLeastToTheGreatest) {
  EXPECT_EQ(sparkline(std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7}), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(sparkline(std::vector<double>{5, 5}), "▁▁");
  EXPECT_EQ(sparkline(std::vector<double>{1, kNan, 2}), "▁ █");
  EXPECT_EQ(sparkline(std::vector<double>{0, 2, 9, 9, 4, 4}, 3), "▁█▄");  // means 1, 9, 4
  EXPECT_EQ(sparkline({}), "");
}

TEST(Bars, StandOnZero) {
  EXPECT_EQ(bars(std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7, 8}), " ▂▃▄▅▆▇██");
  EXPECT_EQ(bars(std::vector<double>{5, 5}), "██");
  EXPECT_EQ(bars(std::vector<double>{0, 0.01, 100}), " ▁█");
  EXPECT_EQ(bars(std::vector<double>{0, 0}), "  ");
  EXPECT_EQ(bars({}), "");
}

TEST(ConfusionTable, ShowsCountsAndTheShareOnTheDiagonal) {
  const std::vector<std::uint64_t> counts = {8, 0, 2, 1, 9, 0, 0, 0, 0};
  const std::vector<std::string> names = {"cat", "dog"};
  EXPECT_EQ(confusion_table(counts, 3, names).text(),
            "is \\ said  cat  dog  2     %\n"
            "cat          8    .  2  80.0\n"
            "dog          1    9  .  90.0\n"
            "2            .    .  0     -\n");
}

class Progress : public testing::Test {
 protected:
  ProgressConfig config(ProgressStyle style) {
    return {.file = file_, .style = style, .unit = "images", .columns = 100, .seconds = [this] { return now_; }};
  }
  std::string written() {
    std::fflush(file_);
    return {buffer_, size_};
  }
  ~Progress() override {
    std::fclose(file_);
    std::free(buffer_);
  }

  char* buffer_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* file_ = open_memstream(&buffer_, &size_);
  double now_ = 100;
};

TEST_F(Progress, RedrawsOneLineAtMostTenTimesASecond) {
  ProgressBar bar(config(ProgressStyle::kTerminal));
  bar.start("epoch 2/5", 60000);
  for (int step = 1; step <= 100; ++step) {
    now_ = 100 + step * 0.01;
    bar.update(static_cast<std::uint64_t>(step) * 300, 30000, "loss 0.0812");
  }
  const std::string text = written();
  const auto lines = std::count(text.begin(), text.end(), '\r');
  EXPECT_LE(lines, 10);
  EXPECT_GE(lines, 9);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const std::string last = text.substr(text.rfind('\r'));
  EXPECT_EQ(last.substr(0, 60), "\repoch 2/5 [=========>          ]  49 %  loss 0.0812  30.0 k");
  bar.finish();
  EXPECT_TRUE(written().ends_with("\r\x1b[K"));
}

TEST_F(Progress, DrawsTheWholeLine) {
  ProgressBar bar(config(ProgressStyle::kTerminal));
  bar.start("größe", 60000);
  now_ = 101;
  bar.update(15000, 15000, "loss 0.5");
  EXPECT_EQ(written(), "\rgröße [=====>              ]  25 %  loss 0.5  15.0 k images/s  0:03 left\x1b[K");
}

TEST_F(Progress, CutsALineThatWouldWrap) {
  auto narrow = config(ProgressStyle::kTerminal);
  narrow.columns = 6;
  ProgressBar bar(std::move(narrow));
  bar.start("ööööööööö", 10);
  now_ = 101;
  bar.update(1, 0);
  EXPECT_EQ(written(),
            "\röööö"
            "ö\x1b[K");
}

TEST_F(Progress, WritesPlainLinesElsewhere) {
  ProgressBar bar(config(ProgressStyle::kLines));
  bar.start("epoch 1/5", 1000);
  for (int step = 1; step <= 10; ++step) {
    now_ = 100 + step;
    bar.update(static_cast<std::uint64_t>(step) * 100, 100, "loss 0.5");
  }
  bar.finish();
  bar.finish();
  EXPECT_EQ(written(),
            "epoch 1/5: 50 %, loss 0.5, 100 images/s, 0:05 left\n"
            "epoch 1/5: 100 %, loss 0.5, 100 images/s\n");
}

TEST_F(Progress, PrintsAStretchThatWasShorterThanALine) {
  ProgressBar bar(config(ProgressStyle::kLines));
  bar.start("reading", 0);
  now_ = 101;
  bar.update(250, 250);
  bar.start("next", 10);
  EXPECT_EQ(written(), "reading: 250, 250 images/s\n");
}

// Half was there before it began, and one of the two seconds went into something else.
TEST_F(Progress, SaysTheRateThatItIsGiven) {
  ProgressBar bar(config(ProgressStyle::kLines));
  bar.start("epoch 2/5", 1000);
  now_ = 106;
  bar.update(600, 100);
  EXPECT_EQ(written(), "epoch 2/5: 60 %, 100 images/s, 0:04 left\n");
}

TEST_F(Progress, QuietWritesNothing) {
  {
    ProgressBar bar(config(ProgressStyle::kQuiet));
    bar.start("epoch", 10);
    now_ = 200;
    bar.update(5, 5, "note");
    bar.finish();
  }
  EXPECT_EQ(written(), "");
}

TEST_F(Progress, ClearsItsLineWhenItGoes) {
  {
    ProgressBar bar(config(ProgressStyle::kTerminal));
    bar.start("epoch", 10);
    now_ = 200;
    bar.update(5, 5);
  }
  EXPECT_TRUE(written().ends_with("\x1b[K\r\x1b[K"));
}

TEST_F(Progress, AFileIsNoTerminal) {
  std::FILE* const file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(style_for(file), ProgressStyle::kLines);
  std::fclose(file);
}

}  // namespace
}  // namespace udnn::report
