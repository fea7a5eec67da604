// Data that come as a table or as a folder: CSV, pictures, npz; and the part of them that becomes the test.
#include <cmath>
#include <filesystem>

#include "src/data/csv.h"
#include "src/data/image_file.h"
#include "src/data/image_folder.h"
#include "src/data/npz.h"
#include "src/data/split.h"
#include "tests/data_support.h"

namespace udnn::test {
namespace {

using data::SampleShape;
namespace fs = std::filesystem;

class Csv : public testing::Test {
 protected:
  Result<data::Dataset> read(const std::string& text, const std::string& label = "") {
    return data::load_csv(folder.write("a.csv", text), "", label);
  }
  std::string refusal(const std::string& text, const std::string& label = "") {
    return said(read(text, label), folder);
  }

  TemporaryFolder folder;
};

TEST_F(Csv, ReadsNumbersAndTakesTheLastColumnForTheLabel) {
  const auto dataset = read("1,2.5,0\n-3e2, 4 ,2\n0.1,.5,1\n");
  ASSERT_TRUE(dataset) << dataset.error().message();
  EXPECT_EQ(dataset->train.shape, (SampleShape{1, 1, 2}));
  EXPECT_EQ(dataset->train.divisor, 1);
  EXPECT_EQ(floats_of(dataset->train), (std::vector<float>{1, 2.5F, -300, 4, 0.1F, 0.5F}));
  EXPECT_EQ(dataset->train.labels, (Labels{0, 2, 1}));
  EXPECT_EQ(dataset->classes, 3);
}

TEST_F(Csv, FindsAHeaderAndANamedColumn) {
  const auto dataset = read("\xef\xbb\xbfkind,\"a, b\",c\r\nx,1,2\r\n\r\n\"say \"\"x\"\"\",3,4", "kind");
  ASSERT_TRUE(dataset) << dataset.error().message();
  EXPECT_EQ(floats_of(dataset->train), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(dataset->class_names, (Names{"say \"x\"", "x"}));
  EXPECT_EQ(dataset->train.labels, (Labels{1, 0}));
}

TEST_F(Csv, OrdersClassesByValueOrByBytes) {
  EXPECT_EQ(read("1,10\n1,9\n1,-2\n1,9.0\n")->class_names, (Names{"-2", "9", "10"}));
  EXPECT_EQ(read("1,b\n1,10\n1,9\n")->class_names, (Names{"10", "9", "b"}));
}

TEST_F(Csv, SaysWhatIsWrong) {
  EXPECT_EQ(refusal(""), "a.csv: no line, expected at least one row");
  EXPECT_EQ(refusal("\n \n"), "a.csv: no line, expected at least one row");
  EXPECT_EQ(refusal("a,b,c\n"), "a.csv: only a header, expected at least one row");
  EXPECT_EQ(refusal("1\n"), "a.csv: line 1: 1 column, expected at least one number and a label");
  EXPECT_EQ(refusal("1,2,3\n4,5\n"), "a.csv: line 2: 2 columns, expected 3");
  EXPECT_EQ(refusal("1,2,3\n4,5,6,7\n"), "a.csv: line 2: 4 columns, expected 3");
  EXPECT_EQ(refusal("1,2,3\n4,n/a,6\n"), "a.csv: line 2: column 2: 'n/a', expected a number");
  EXPECT_EQ(refusal("1,2,3\n4,,6\n"), "a.csv: line 2: column 2: '', expected a number");
  EXPECT_EQ(refusal("1,2,3\n4,nan,6\n"), "a.csv: line 2: column 2: 'nan', expected a number");
  EXPECT_EQ(refusal("1,2,3\n4,-inf,6\n"), "a.csv: line 2: column 2: '-inf', expected a number");
  EXPECT_EQ(refusal("1,2,3\n4,1e39,6\n"), "a.csv: line 2: column 2: '1e39', expected a number");
  EXPECT_EQ(refusal("1,2,3\n4,1;5,6\n"), "a.csv: line 2: column 2: '1;5', expected a number");
  EXPECT_EQ(refusal("1,0.5\n"), "a.csv: line 1: label 0.5, expected an integer or a name");
  EXPECT_EQ(refusal("1,2\n1,\n"), "a.csv: line 2: the label is empty, expected an integer or a name");
  EXPECT_EQ(refusal("1,\"2\n"), "a.csv: line 1: column 2: a quote without an end");
  EXPECT_EQ(refusal("\"1\"2,3\n"), "a.csv: line 1: column 1: '2' after a quoted cell, expected a comma");
  EXPECT_EQ(refusal(std::string("1,2\n1\0,2\n", 9)), "a.csv: line 2: a zero byte, expected text");
  EXPECT_EQ(refusal("a,b\n1,2\n", "kind"), "a.csv: line 1: no column is named 'kind', expected it in the header");
  EXPECT_EQ(refusal("1,2\n3,4\n", "1"), "a.csv: line 1: no column is named '1', expected it in the header");
}

TEST_F(Csv, HoldsTheTestFileToTheTrainingFile) {
  const std::string train = folder.write("train.csv", "1,2,a\n3,4,b\n");
  const auto with = [&](const std::string& text) { return data::load_csv(train, folder.write("test.csv", text), ""); };
  const auto dataset = with("5,6,b\n");
  ASSERT_TRUE(dataset) << dataset.error().message();
  EXPECT_EQ(dataset->test.labels, (Labels{1}));
  EXPECT_EQ(said(with("5,6,a\n5,6,c\n"), folder), "test.csv: line 2: label c, expected one of the 2 of train.csv");
  EXPECT_EQ(said(with("5,a\n"), folder), "test.csv: 2 columns, expected 3 as in train.csv");
}

class Pictures : public testing::Test {
 protected:
  std::string put(const std::string& name, const std::string& bytes) {
    fs::create_directories(fs::path(folder.file(name)).parent_path());
    return folder.write(name, bytes);
  }
  std::string load() { return said(data::load_picture_folders(folder.path()), folder); }
  static std::string fixture(const char* name) { return (fs::path(UDNN_TEST_DATA) / name).string(); }

  TemporaryFolder folder;
};

TEST_F(Pictures, ReadGreyPngExactly) {
  const auto image = data::read_image(put("a.png", png(2, 3, "abcdef")));
  ASSERT_TRUE(image) << image.error().message();
  EXPECT_EQ(image->shape, (SampleShape{2, 3, 1}));
  EXPECT_EQ(std::string(image->values.begin(), image->values.end()), "abcdef");
}

TEST_F(Pictures, ReadColoursPixelByPixelAndCanBeAskedForGrey) {
  const auto image = data::read_image(fixture("colours.png"));
  ASSERT_TRUE(image) << image.error().message();
  EXPECT_EQ(image->shape, (SampleShape{2, 2, 3}));
  EXPECT_EQ(image->values, (std::vector<std::uint8_t>{255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30}));
  EXPECT_EQ(data::read_image(fixture("colours.png"), 1)->shape, (SampleShape{2, 2, 1}));
}

TEST_F(Pictures, ReadJpeg) {
  const auto image = data::read_image(fixture("bars.jpg"), 1);
  ASSERT_TRUE(image) << image.error().message();
  ASSERT_EQ(image->shape, (SampleShape{8, 8, 1}));
  // 40 to the left and 200 to the right, quantized at quality 90: steps of at most 5 in each coefficient that is not 0.
  for (std::size_t i = 0; i < 64; ++i) EXPECT_NEAR(image->values[i], i % 8 < 4 ? 40 : 200, 10) << i;
}

TEST_F(Pictures, SayWhatIsWrong) {
  const std::string whole = png(2, 3, "abcdef");
  const auto refusal = [&](const std::string& bytes) { return said(data::read_image(put("a.png", bytes)), folder); };
  EXPECT_EQ(refusal(""), "a.png: offset 0: no header of a PNG or JPEG picture, expected one");
  EXPECT_EQ(refusal("GIF89a"), "a.png: offset 0: no header of a PNG or JPEG picture, expected one");
  EXPECT_EQ(refusal(whole.substr(0, 45)), "a.png: outofdata, expected a whole PNG or JPEG picture");
  EXPECT_EQ(refusal(png(2, 3, "abcdef", 4)), "a.png: not enough pixels, expected a whole PNG or JPEG picture");
  EXPECT_EQ(refusal(png(1, 1, "a", 1U << 23U)),
            "a.png: 1 x 8388608 x 1 from 70 bytes, expected at most 143360 bytes of pixels");
}

TEST_F(Pictures, ClassesAreFoldersInOrderOfTheirNames) {
  put("train/dog/2.png", png(1, 2, "cd"));
  put("train/dog/10.PNG", png(1, 2, "ab"));
  put("train/cat/1.png", png(1, 2, "ef"));
  put("train/cat/notes.txt", "not a picture");
  put("train/.hidden/1.png", "");
  put("test/dog/1.png", png(1, 2, "gh"));
  EXPECT_TRUE(data::has_picture_folders(folder.path()));
  const auto dataset = data::load_picture_folders(folder.path());
  ASSERT_TRUE(dataset) << dataset.error().message();
  EXPECT_EQ(dataset->class_names, (Names{"cat", "dog"}));
  EXPECT_EQ(pixels_of(dataset->train), "efabcd");
  EXPECT_EQ(dataset->train.labels, (Labels{0, 1, 1}));
  EXPECT_EQ(dataset->test.labels, (Labels{1}));
  EXPECT_EQ(dataset->test.divisor, 255);
}

TEST_F(Pictures, InFoldersMustBeAlike) {
  EXPECT_FALSE(data::has_picture_folders(folder.path()));
  EXPECT_EQ(load(), ": no folder with pictures, expected one for each class");
  put("cat/1.png", png(1, 2, "ab"));
  put("dog/1.png", png(2, 1, "ab"));
  EXPECT_EQ(load(), "dog/1.png: 2 x 1 x 1, expected 1 x 2 x 1 as in cat/1.png");
  fs::remove(folder.file("dog/1.png"));
  EXPECT_EQ(load(), "dog: no picture, expected .png, .jpg or .jpeg files");
  put("train/cat/1.png", png(1, 2, "ab"));
  EXPECT_EQ(load(), ": test/ is not there, expected it beside train/");
  put("test/cow/1.png", png(1, 2, "ab"));
  EXPECT_EQ(load(), "test/cow: a class that the training part lacks, expected one of its 1");
}

class Npz : public testing::Test {
 protected:
  Result<data::Dataset> read(const std::vector<ZipPart>& parts) {
    return data::load_npz(folder.write("a.npz", zip(parts)));
  }
  std::string refusal(const std::vector<ZipPart>& parts) { return said(read(parts), folder); }

  TemporaryFolder folder;
  const ZipPart x{"x.npy", npy("|u1", "(2, 2, 1)", "abcd")};
  const ZipPart y{"y.npy", npy("<i8", "(2,)", little(1, 8) + little(0, 8))};
};

TEST_F(Npz, ReadsKerasArrays) {
  const auto dataset = read({deflated_part("x_test.npy", npy("|u1", "(1, 2, 3)", "uvwxyz")),
                             deflated_part("x_train.npy", npy("|u1", "(2, 2, 3)", "abcdefghijkl")),
                             {"y_train.npy", npy("|u1", "(2, 1)", text_of({4, 2}))},
                             {"y_test.npy", npy(">f4", "(1,)", big(0x40800000))},
                             {"unused.npy", "anything"}});
  ASSERT_TRUE(dataset) << dataset.error().message();
  EXPECT_EQ(dataset->train.shape, (SampleShape{2, 3, 1}));
  EXPECT_EQ(pixels_of(dataset->train), "abcdefghijkl");
  EXPECT_EQ(dataset->train.divisor, 255);
  EXPECT_EQ(dataset->train.labels, (Labels{4, 2}));
  EXPECT_EQ(dataset->test.labels, (Labels{4}));
  EXPECT_EQ(dataset->classes, 5);
}

TEST_F(Npz, ReadsOnePartOfFloats) {
  const auto dataset = read({{"x.npy", npy("<f8", "(2, 1)", little(0x3ff8000000000000, 8) + little(0, 8))}, y});
  ASSERT_TRUE(dataset) << dataset.error().message();
  EXPECT_EQ(dataset->train.shape, (SampleShape{1, 1, 1}));
  EXPECT_EQ(floats_of(dataset->train), (std::vector<float>{1.5F, 0}));
  EXPECT_EQ(dataset->train.divisor, 1);
  EXPECT_EQ(dataset->test.count, 0);
}

TEST_F(Npz, SaysWhatIsWrong) {
  EXPECT_EQ(refusal({x}), "a.npz: no array y, expected x_train, y_train, x_test and y_test, or x and y");
  EXPECT_EQ(refusal({{"x_train.npy", ""}}),
            "a.npz: no array y_train, expected x_train, y_train, x_test and y_test, or x and y");
  EXPECT_EQ(refusal({{"x.npy", npy("|u1", "(4,)", "abcd")}, y}),
            "a.npz: x: shape 4, expected samples x features, x height x width, or x height x width x channels");
  EXPECT_EQ(refusal({{"x.npy", npy("|u1", "(2, 0)", "")}, y}),
            "a.npz: x: shape 2 x 0, expected samples x features, x height x width, or x height x width x channels");
  EXPECT_EQ(refusal({x, {"y.npy", npy("|u1", "(1, 2)", "ab")}}),
            "a.npz: y: shape 1 x 2, expected one label for each sample");
  EXPECT_EQ(refusal({x, {"y.npy", npy("|u1", "(3,)", "abc")}}), "a.npz: y: 3 labels, expected 2, one for each sample");
  EXPECT_EQ(refusal({x, {"y.npy", npy("<i8", "(2,)", little(1, 8) + std::string(8, '\xff'))}}),
            "a.npz: y[1]: label -1, expected 0 to 65535");
  EXPECT_EQ(refusal({x, {"y.npy", npy("<f4", "(2,)", little(0x3f000000, 4) + little(0, 4))}}),
            "a.npz: y[0]: label 0.5, expected 0 to 65535");
  EXPECT_EQ(refusal({{"x.npy", npy("<f4", "(2, 1)", little(0, 4) + little(0x7fc00000, 4))}, y}),
            "a.npz: x: offset 74: nan, expected a finite float");
  EXPECT_EQ(refusal({{"x_train.npy", npy("|u1", "(1, 1)", "a")},
                     {"y_train.npy", npy("|u1", "(1,)", text_of({1}))},
                     {"x_test.npy", npy("|u1", "(1, 1)", "a")},
                     {"y_test.npy", npy("|u1", "(1,)", text_of({2}))}}),
            "a.npz: y_test[0]: label 2, expected 0 to 1");
  EXPECT_EQ(refusal({{"x_train.npy", npy("|u1", "(1, 1)", "a")},
                     {"y_train.npy", npy("|u1", "(1,)", text_of({1}))},
                     {"x_test.npy", npy("|u1", "(1, 2)", "ab")},
                     {"y_test.npy", npy("|u1", "(1,)", text_of({1}))}}),
            "a.npz: x_test is 1 x 1 x 2 of bytes, expected 1 x 1 x 1 of bytes as x_train");
}

TEST(Split, TakesTheSameShareOfEachClass) {
  Labels labels;
  for (std::uint32_t i = 0; i < 1000; ++i) labels.push_back(i / 100);  // grouped by class, as the worst files are
  const auto rows = data::test_rows(labels, 0.2, 0);
  ASSERT_EQ(rows.size(), 200);
  std::vector<int> of_class(10);
  for (const std::uint32_t row : rows) ++of_class[labels[row]];
  EXPECT_EQ(of_class, std::vector<int>(10, 20));
  EXPECT_EQ(rows[0], 4);
  EXPECT_EQ(rows[1], 9);
  EXPECT_EQ(data::test_rows(labels, 0.2, 1)[0], 3);
  EXPECT_EQ(data::test_rows(labels, 0.2, 5), rows);
}

TEST(Split, LeavesARowOnEitherSide) {
  EXPECT_EQ(data::test_rows(Labels{0, 0, 0}, 0.01, 0), (Labels{2}));
  EXPECT_EQ(data::test_rows(Labels{0, 1, 2}, 0.99999, 1).size(), 2);
}

TEST(Split, MovesRowsWithTheirLabels) {
  data::Dataset dataset;
  dataset.name = "rows";
  dataset.train = {{1, 1, 2}, 5, std::vector<float>{0, 1, 10, 11, 20, 21, 30, 31, 40, 41}, 1, {0, 0, 1, 0, 1}};
  ASSERT_TRUE(data::split(dataset, 0.5, 0).ok());
  // Class 0 is rows 0, 1, 3: the second leaves. Class 1 is rows 2, 4, shifted by one: the first leaves.
  EXPECT_EQ(floats_of(dataset.test), (std::vector<float>{10, 11, 20, 21}));
  EXPECT_EQ(dataset.test.labels, (Labels{0, 1}));
  EXPECT_EQ(floats_of(dataset.train), (std::vector<float>{0, 1, 30, 31, 40, 41}));
  EXPECT_EQ(dataset.train.labels, (Labels{0, 0, 1}));
  EXPECT_EQ(dataset.train.count, 3);
}

TEST(Split, SaysWhatIsWrong) {
  data::Dataset dataset;
  dataset.name = "rows";
  dataset.train = {{1, 1, 1}, 1, std::vector<float>{0}, 1, {0}};
  EXPECT_EQ(data::split(dataset, 0.5, 0).message(), "rows: 1 sample, expected at least 2 to split off a test part");
  EXPECT_EQ(data::split(dataset, 1, 0).message(), "rows: test fraction 1, expected above 0 and below 1");
  EXPECT_EQ(data::split(dataset, std::nan(""), 0).message(), "rows: test fraction nan, expected above 0 and below 1");
}

}  // namespace
}  // namespace udnn::test
