// IDX files and CIFAR-10 batches: what they hold, and every way in which they can be wrong.
#include "src/data/idx.h"

#include <filesystem>

#include "src/data/cifar.h"
#include "tests/data_support.h"

namespace udnn::test {
namespace {

using data::SampleShape;

constexpr std::string_view kPixels = "abcdefghijkl";  // two images of 2 x 3

class Idx : public testing::Test {
 protected:
  std::string images(const std::string& text) {
    return said(data::read_idx_images(folder.write("images", text)), folder);
  }
  std::string labels(const std::string& text) {
    return said(data::read_idx_labels(folder.write("labels", text), 3, 10), folder);
  }

  TemporaryFolder folder;
};

TEST_F(Idx, ReadsImagesRowByRow) {
  const auto samples = data::read_idx_images(folder.write("images", idx_images(2, 2, 3, kPixels)));
  ASSERT_TRUE(samples) << samples.error().message();
  EXPECT_EQ(samples->shape, (SampleShape{2, 3, 1}));
  EXPECT_EQ(samples->count, 2);
  EXPECT_EQ(samples->divisor, 255);
  EXPECT_EQ(pixels_of(*samples), kPixels);
}

TEST_F(Idx, ReadsGzipWhateverTheNameSays) {
  const auto plain = data::read_idx_images(folder.write("images", gzipped(idx_images(2, 2, 3, kPixels))));
  ASSERT_TRUE(plain) << plain.error().message();
  EXPECT_EQ(pixels_of(*plain), kPixels);
  const auto labels = data::read_idx_labels(folder.write("labels", gzipped(idx_labels(text_of({0, 9, 4})))), 3, 10);
  ASSERT_TRUE(labels) << labels.error().message();
  EXPECT_EQ(*labels, (Labels{0, 9, 4}));
}

TEST_F(Idx, SaysWhatIsWrongWithImages) {
  EXPECT_EQ(images(""), "images: offset 0: 0 bytes left, expected 16 (header)");
  EXPECT_EQ(images(big(2051) + big(1)), "images: offset 0: 8 bytes left, expected 16 (header)");
  EXPECT_EQ(images(big(2049) + big(1) + big(2) + big(3) + "abcdef"),
            "images: offset 0: magic number 2049, expected 2051 (images: bytes in three dimensions)");
  EXPECT_EQ(images(idx_images(0, 2, 3, "")), "images: offset 4: size 0, expected at least 1");
  EXPECT_EQ(images(idx_images(1, 0, 3, "")), "images: offset 8: size 0, expected at least 1");
  EXPECT_EQ(images(idx_images(1, 2, 0, "")), "images: offset 12: size 0, expected at least 1");
  EXPECT_EQ(images(idx_images(2, 2, 3, "abcdefghijk")), "images: offset 16: 11 bytes left, expected 12 (pixels)");
  EXPECT_EQ(images(idx_images(2, 2, 3, "abcdefghijklm")), "images: offset 16: 13 bytes left, expected 12 (pixels)");
  // 2^96: the product has to be seen to overflow before anything is allocated.
  EXPECT_EQ(images(idx_images(0xffffffff, 0xffffffff, 0xffffffff, "abc")),
            "images: offset 4: 4294967295 x 4294967295 x 4294967295 pixels, expected fewer than 2^64");
  EXPECT_EQ(images(idx_images(0xffffffff, 0x10000, 1, "abc")),
            "images: offset 16: 3 bytes left, expected 281474976645120 (pixels)");
}

TEST_F(Idx, SaysWhatIsWrongWithGzip) {
  const std::string whole = gzipped(idx_images(2, 2, 3, kPixels));
  EXPECT_EQ(images(whole.substr(0, 20)), "images: packed offset 20: the compressed data end here, expected more");
  EXPECT_EQ(images(whole.substr(0, whole.size() - 1)),
            "images: packed offset 50: the compressed data end here, expected more");
  EXPECT_EQ(images(whole + "xy"), "images: packed offset 51: 2 bytes after the compressed data, expected the end");
  std::string wrong_sum = whole;
  wrong_sum[wrong_sum.size() - 8] = static_cast<char>(wrong_sum[wrong_sum.size() - 8] ^ 1);
  EXPECT_EQ(images(wrong_sum),
            "images: packed offset 47: incorrect data check, expected compressed data without a fault");
  std::string wrong_kind = whole;
  wrong_kind[10] = 7;
  EXPECT_EQ(images(wrong_kind),
            "images: packed offset 11: invalid block type, expected compressed data without a fault");
  EXPECT_EQ(images(gzipped(idx_images(2, 2, 3, "abcdefghijk"))),
            "images: offset 16: 11 bytes left, expected 12 (pixels)");
  EXPECT_EQ(images(gzipped(idx_images(2, 2, 3, "abcdefghijklm"))), "images: offset 28: more bytes, expected the end");
  EXPECT_EQ(images(gzipped_zeros()),
            "images: offset 0: magic number 0, expected 2051 (images: bytes in three dimensions)");
}

TEST_F(Idx, AllocatesNothingThatGzipCannotHold) {
  // 39 bytes cannot become more than 39 x 1032, and the header takes 16 of those.
  EXPECT_EQ(images(gzipped(idx_images(1U << 30U, 1, 1, ""))),
            "images: offset 16: at most 40232 bytes left, expected 1073741824 (pixels)");
}

TEST_F(Idx, SaysWhatIsWrongWithLabels) {
  EXPECT_EQ(labels(idx_labels(text_of({11, 1, 2}))), "labels: offset 8: label 11, expected 0 to 9");
  EXPECT_EQ(labels(idx_labels(text_of({0, 1, 10}))), "labels: offset 10: label 10, expected 0 to 9");
  EXPECT_EQ(labels(idx_labels(text_of({0, 1}))), "labels: offset 4: 2 labels, expected 3, one for each image");
  EXPECT_EQ(labels(idx_labels("")), "labels: offset 4: size 0, expected at least 1");
  EXPECT_EQ(labels(big(2049) + big(3) + text_of({0, 1})), "labels: offset 8: 2 bytes left, expected 3 (labels)");
  EXPECT_EQ(labels(big(2051) + big(3) + text_of({0, 1, 2})),
            "labels: offset 0: magic number 2051, expected 2049 (labels: bytes in one dimension)");
}

TEST_F(Idx, SaysThatAFileIsNotThereOrNoFile) {
  EXPECT_EQ(said(data::read_idx_images(folder.file("none")), folder),
            "none: cannot be opened: No such file or directory");
  EXPECT_EQ(said(data::read_idx_images(folder.path()), folder), ": not a regular file");
}

TEST_F(Idx, FindsItsFilesUnderTheirUsualNames) {
  EXPECT_FALSE(data::find_idx_files(folder.path())->has_value());
  folder.write("train-images-idx3-ubyte", idx_images(2, 2, 3, kPixels));
  folder.write("train-labels.idx1-ubyte", idx_labels(text_of({3, 4})));
  folder.write("t10k-images-idx3-ubyte.gz", gzipped(idx_images(1, 2, 3, "uvwxyz")));
  EXPECT_EQ(said(data::find_idx_files(folder.path()), folder),
            ": t10k-labels-idx1-ubyte is not there, expected it (or its .gz) beside the other IDX files");
  folder.write("t10k-labels-idx1-ubyte", idx_labels(text_of({5})));
  const auto files = data::find_idx_files(folder.path());
  ASSERT_TRUE(files && *files);
  const auto dataset = data::load_idx(**files);
  ASSERT_TRUE(dataset) << dataset.error().message();
  EXPECT_EQ(dataset->classes, 10);
  EXPECT_EQ(dataset->train.labels, (Labels{3, 4}));
  EXPECT_EQ(dataset->test.labels, (Labels{5}));
  EXPECT_EQ(pixels_of(dataset->test), "uvwxyz");

  folder.write("t10k-images-idx3-ubyte.gz", gzipped(idx_images(1, 3, 2, "uvwxyz")));
  EXPECT_EQ(said(data::load_idx(**files), folder),
            "t10k-images-idx3-ubyte.gz: offset 8: images of 3 x 2, expected 2 x 3 as in train-images-idx3-ubyte");
}

class Cifar : public testing::Test {
 protected:
  /// A record whose red, green and blue begin with these three.
  static std::string record(int label, const std::string& colours) {
    std::string text(3073, '\0');
    text[0] = static_cast<char>(label);
    for (std::size_t colour = 0; colour < 3; ++colour) text[1 + 1024 * colour] = colours[colour];
    return text;
  }
  std::string load() { return said(data::load_cifar(folder.path()), folder); }

  TemporaryFolder folder;
};

TEST_F(Cifar, PutsTheColoursOfAPixelTogether) {
  folder.write("data_batch_1.bin", record(3, "rgb") + record(9, "RGB"));
  folder.write("data_batch_2.bin", record(0, "xyz"));
  folder.write("test_batch.bin", record(7, "uvw"));
  const auto dataset = data::load_cifar(folder.path());
  ASSERT_TRUE(dataset) << dataset.error().message();
  EXPECT_EQ(dataset->train.shape, (SampleShape{32, 32, 3}));
  EXPECT_EQ(dataset->train.labels, (Labels{3, 9, 0}));
  EXPECT_EQ(dataset->test.labels, (Labels{7}));
  EXPECT_EQ(dataset->class_names[7], "horse");
  const std::string pixels = pixels_of(dataset->train);
  ASSERT_EQ(pixels.size(), 3 * 3072);
  EXPECT_EQ(pixels.substr(0, 4), std::string("rgb\0", 4));
  EXPECT_EQ(pixels.substr(3072, 3), "RGB");
  EXPECT_EQ(pixels.substr(6144, 3), "xyz");
}

TEST_F(Cifar, SaysWhatIsWrong) {
  folder.write("test_batch.bin", record(7, "uvw"));
  EXPECT_EQ(load(), ": data_batch_1.bin is not there, expected it");
  folder.write("data_batch_1.bin", record(3, "rgb") + "x");
  EXPECT_EQ(load(), "data_batch_1.bin: 3074 bytes, expected a multiple of 3073 (a label, 32 x 32 red, green, blue)");
  folder.write("data_batch_1.bin", "");
  EXPECT_EQ(load(), "data_batch_1.bin: 0 bytes, expected a multiple of 3073 (a label, 32 x 32 red, green, blue)");
  folder.write("data_batch_1.bin", record(3, "rgb") + record(10, "rgb"));
  EXPECT_EQ(load(), "data_batch_1.bin: offset 3073: label 10, expected 0 to 9");
  folder.write("data_batch_1.bin", gzipped(record(3, "rgb")));
  EXPECT_EQ(load(), "data_batch_1.bin: gzip data, expected it unpacked");
  folder.write("data_batch_1.bin", record(3, "rgb"));
  folder.write("data_batch_3.bin", record(3, "rgb"));
  EXPECT_EQ(load(), ": data_batch_2.bin is not there, expected it before data_batch_3.bin");
  folder.write("data_batch_2.bin", record(3, "rgb"));
  folder.write("batches.meta.txt", "airplane\nautomobile\n\n");
  EXPECT_EQ(load(), "batches.meta.txt: 2 names, expected 10, one for each class");
  folder.write("batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  EXPECT_EQ(load(), "accepted");
  std::filesystem::remove(folder.file("test_batch.bin"));
  EXPECT_EQ(load(), ": test_batch.bin is not there, expected it beside data_batch_1.bin");
}

}  // namespace
}  // namespace udnn::test
