// Tensor files: what comes back is what was written, the bytes are those of numpy, and malformed files are refused.
#include "src/data/tensor_file.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "tests/data_support.h"

namespace udnn::test {
namespace {

using base::NamedTensor;
using base::TensorType;

class TensorFile : public testing::Test {
 protected:
  std::string npz(const std::string& bytes) { return said(data::read_tensors(folder.write("a.npz", bytes)), folder); }
  std::string npz(const std::vector<ZipPart>& parts) { return npz(zip(parts)); }
  /// An array with this header inside an npz.
  std::string npy_header(const std::string& header, const std::string& elements = "") {
    return npz({{"x.npy", npy(header, elements)}});
  }
  static std::string safe(const std::string& header, const std::string& values) {
    return little(header.size(), 8) + header + values;
  }
  std::string safetensors(const std::string& bytes) {
    return said(data::read_tensors(folder.write("a.safetensors", bytes)), folder);
  }
  std::string safetensors(const std::string& header, const std::string& values) {
    return safetensors(safe(header, values));
  }
  std::string write(const std::vector<NamedTensor>& what) {
    return said(data::write_tensors(folder.file("a.npz"), what), folder);
  }

  TemporaryFolder folder;
  const std::vector<NamedTensor> tensors{
      {"fc1.weights", {2, 3}, {0.1, -0.0, 1e-320, 1e300, std::numeric_limits<double>::infinity(), 3}, TensorType::kF64},
      {"fc1.bias", {3}, {1, -2.5, 0x1p-149}, TensorType::kF32},
      {"one", {}, {7}, TensorType::kF32},
      {"none", {4, 0, 2}, {}, TensorType::kF32},
      {"gr\xc3\xb6\xc3\x9f"
       "e/2",
       {1},
       {-1},
       TensorType::kF32}};
};

TEST_F(TensorFile, GivesBackWhatWasWritten) {
  for (const char* name : {"a.npz", "a.safetensors"}) {
    SCOPED_TRACE(name);
    const std::string path = folder.file(name);
    ASSERT_TRUE(data::write_tensors(path, tensors).ok());
    const auto read = data::read_tensors(path);
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(*read, tensors);
    EXPECT_TRUE(std::signbit((*read)[0].values[1]));
    const std::string first = folder.read(name);
    ASSERT_TRUE(data::write_tensors(path, *read).ok());
    EXPECT_EQ(folder.read(name), first);
  }
  EXPECT_EQ(folder.names(), (Names{"a.npz", "a.safetensors"}));
}

TEST_F(TensorFile, WritesTheBytesOfNumpy) {
  ASSERT_EQ(write({{"b", {2}, {1, 2}, TensorType::kF32}}), "accepted");
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  header.resize(117, ' ');
  const std::string array = npy(header + "\n", little(0x3f800000, 4) + little(0x40000000, 4));
  std::string want = zip({{"b.npy", array}});
  // The test's zip knows no date; the program writes 1980-01-01.
  for (const std::size_t date : {std::size_t{12}, want.size() - 22 - 46 - 5 + 14})
    want.replace(date, 2, little(0x21, 2));
  EXPECT_EQ(folder.read("a.npz"), want);

  ASSERT_TRUE(data::write_tensors(folder.file("a.safetensors"), std::vector<NamedTensor>{{"b", {2}, {1, 2}}}).ok());
  EXPECT_EQ(folder.read("a.safetensors"), safe(R"({"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})"
                                               "  ",
                                               little(0x3f800000, 4) + little(0x40000000, 4)));
}

TEST_F(TensorFile, ReadsEveryTypeOfNumpy) {
  const auto values = [&](const std::string& descr, const std::string& elements) {
    const auto read = data::read_tensors(folder.write("a.npz", zip({{"x.npy", npy(descr, "(2,)", elements)}})));
    return read ? (*read)[0].values : std::vector<double>{-99};
  };
  using Values = std::vector<double>;
  EXPECT_EQ(values("|b1", text_of({1, 0})), (Values{1, 0}));
  EXPECT_EQ(values("|u1", text_of({255, 1})), (Values{255, 1}));
  EXPECT_EQ(values("|i1", text_of({255, 1})), (Values{-1, 1}));
  EXPECT_EQ(values("<u2", text_of({255, 1, 0, 128})), (Values{511, 32768}));
  EXPECT_EQ(values(">i2", text_of({255, 1, 0, 128})), (Values{-255, 128}));
  EXPECT_EQ(values("<i4", little(0x80000000, 4) + little(5, 4)), (Values{-2147483648.0, 5}));
  EXPECT_EQ(values(">u4", big(0x80000000) + big(5)), (Values{2147483648.0, 5}));
  EXPECT_EQ(values("<i8", little(std::uint64_t{1} << 53U, 8) + little(~std::uint64_t{0}, 8)), (Values{0x1p53, -1}));
  EXPECT_EQ(values("<f2", little(0x3c01, 2) + little(0x8001, 2)), (Values{1 + 0x1p-10, -0x1p-24}));
  EXPECT_EQ(values("<f2", little(0x7bff, 2) + little(0xfc00, 2)), (Values{65504, -HUGE_VAL}));
  EXPECT_EQ(values(">f4", big(0x3f800000) + big(0x00000001)), (Values{1, 0x1p-149}));
  EXPECT_EQ(values("<f8", little(0x3fb999999999999a, 8) + little(1, 8)), (Values{0.1, 0x1p-1074}));
}

TEST_F(TensorFile, ReadsDeflatedMembersAndNumpysZip64Headers) {
  ZipPart wide{"w.npy", npy("<f4", "()", little(0x40400000, 4))};
  wide.wide_local = true;
  ZipPart streamed = deflated_part("s.npy", npy("|u1", "(1, 1)", "a"));
  streamed.flags = 8;
  streamed.descriptor = "PK\7\10" + little(crc32(streamed.content), 4) + little(streamed.stored.size(), 4) +
                        little(streamed.content.size(), 4);
  const auto read = data::read_tensors(folder.write("a.npz", zip({wide, streamed})));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(*read, (std::vector<NamedTensor>{{"w", {}, {3}}, {"s", {1, 1}, {97}}}));
}

TEST_F(TensorFile, ReadsHeadersThatPythonWouldAccept) {
  EXPECT_EQ(npy_header("{\"shape\":(1),\"descr\":'|u1','fortran_order':True}", "a"),
            "a.npz: x: offset 21: ')', expected ','");
  EXPECT_EQ(npy_header("{\"shape\":(1,),\"descr\":'|u1','fortran_order':True}", "a"), "accepted");
  EXPECT_EQ(npy_header(" { 'descr' : '<f4' , 'fortran_order' : False , 'shape' : ( 2 , 0 ) , } \n"), "accepted");
}

TEST_F(TensorFile, RefusesMalformedArrays) {
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }";
  EXPECT_EQ(npz({{"x.npy", "\x93NUMPX" + text_of({1, 0, 0, 0})}}),
            "a.npz: x: offset 0: no magic of an npy array, expected \\x93NUMPY");
  EXPECT_EQ(npz({{"x.npy", "\x93NUM"}}), "a.npz: x: offset 0: 4 bytes left, expected 8 (magic of an npy array)");
  EXPECT_EQ(npz({{"x.npy", "\x93NUMPY" + text_of({4, 0, 0, 0})}}),
            "a.npz: x: offset 6: version 4.0, expected 1.0, 2.0 or 3.0");
  EXPECT_EQ(npz({{"x.npy", "\x93NUMPY" + text_of({2, 0}) + little(65537, 4)}}),
            "a.npz: x: offset 8: a header of 65537 bytes, expected at most 65536");
  EXPECT_EQ(npz({{"x.npy", "\x93NUMPY" + text_of({1, 0}) + little(9, 2) + "{"}}),
            "a.npz: x: offset 10: 1 byte left, expected 9 (header)");
  EXPECT_EQ(npy_header(good, "abc"), "a.npz: x: offset 67: 3 bytes left, expected 4 (shape 1 of 4 bytes each)");
  EXPECT_EQ(npy_header(good, "abcde"), "a.npz: x: offset 67: 5 bytes left, expected 4 (shape 1 of 4 bytes each)");
  EXPECT_EQ(npy_header(good + std::string(1, '\0'), "abcd"), "a.npz: x: offset 67: a zero byte, expected text");
  EXPECT_EQ(npy_header(good + "x", "abcd"), "a.npz: x: offset 67: 'x', expected the end of the header");
  EXPECT_EQ(npy_header("[]"), "a.npz: x: offset 10: '[', expected '{'");
  EXPECT_EQ(npy_header("{'descr': '<f4'"), "a.npz: x: offset 25: the end of the header, expected ',' or '}'");
  EXPECT_EQ(npy_header("{'descr: 1}"), "a.npz: x: offset 11: ''', expected a key in quotes");
  EXPECT_EQ(npy_header("{'descr' '<f4'}"), "a.npz: x: offset 19: ''', expected ':'");
  EXPECT_EQ(npy_header("{'descr': '<f4', 'fortran_order': False}"),
            "a.npz: x: offset 10: a header without shape, expected descr, fortran_order and shape");
  EXPECT_EQ(npy_header("{'shape': (), 'descr': '<f4'}"),
            "a.npz: x: offset 10: a header without fortran_order, expected descr, fortran_order and shape");
  EXPECT_EQ(npy_header("{'descr': '<f4', 'descr': '<f4'}"),
            "a.npz: x: offset 27: key 'descr', expected descr, fortran_order and shape, each once");
  EXPECT_EQ(npy_header("{'order': 1}"),
            "a.npz: x: offset 11: key 'order', expected descr, fortran_order and shape, each once");
  EXPECT_EQ(npy_header("{'descr': '|O'}"),
            "a.npz: x: offset 20: type '|O', expected bool, an integer or a float as '|u1', '<i8', '<f4'");
  EXPECT_EQ(npy_header("{'descr': '|f4'}"),
            "a.npz: x: offset 20: type '|f4', expected bool, an integer or a float as '|u1', '<i8', '<f4'");
  EXPECT_EQ(npy_header("{'descr': [('a', '<f4')]}"), "a.npz: x: offset 20: '[', expected a type in quotes, as '<f4'");
  EXPECT_EQ(npy_header("{'fortran_order': __import__('os')}"), "a.npz: x: offset 28: '_', expected True or False");
  EXPECT_EQ(npy_header("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }", "abcd"),
            "a.npz: x: offset 10: fortran_order True, expected False (rows one after the other)");
  EXPECT_EQ(npy_header("{'shape': (-1,)}"), "a.npz: x: offset 21: '-', expected a number of at most 19 digits");
  EXPECT_EQ(npy_header("{'shape': (1,,)}"), "a.npz: x: offset 23: ',', expected a number of at most 19 digits");
  EXPECT_EQ(npy_header("{'shape': (12345678901234567890,)}"), "a.npz: x: offset 40: '0', expected ','");
  EXPECT_EQ(npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}"),
            "a.npz: x: offset 10: shape 4294967296 x 4294967296, expected fewer than 2^64 bytes");
  std::string many = "1,";
  for (int i = 0; i < 32; ++i) many += "1,";
  EXPECT_EQ(npy_header("{'shape': (" + many + ")}"), "a.npz: x: offset 85: '1', expected at most 32 dimensions");
  EXPECT_EQ(npz({{"x.npy", npy("|b1", "(2,)", text_of({1, 2}))}}),
            "a.npz: x: offset 69: a bool that is neither, expected 0 or 1");
  EXPECT_EQ(npz({{"x.npy", npy("<u8", "(1,)", little((std::uint64_t{1} << 53U) + 1, 8))}}),
            "a.npz: x: offset 68: a large integer, expected at most 2^53");
}

TEST_F(TensorFile, RefusesMalformedArchives) {
  const std::string array = npy("|u1", "(1,)", "a");
  const ZipPart part{"x.npy", array};
  const std::string good = zip({part});
  const std::size_t directory = good.size() - 22 - 46 - 5, end = good.size() - 22;
  const auto changed = [&](std::size_t at, const std::string& bytes) {
    return npz(std::string(good).replace(at, bytes.size(), bytes));
  };
  ASSERT_EQ(npz(good), "accepted");
  EXPECT_EQ(npz(""), "a.npz: offset 0: 0 bytes, expected a zip archive of at least 22");
  EXPECT_EQ(npz(good + "x"), "a.npz: offset 156: no end of a zip directory, expected PK\\5\\6");
  EXPECT_EQ(npz("x" + good), "a.npz: offset 156: a directory of 51 bytes at 104, expected it to end here");
  EXPECT_EQ(changed(end + 20, "\1"), "a.npz: offset 155: several disks or a comment, expected one archive without");
  EXPECT_EQ(changed(end + 8, "\xff\xff\xff\xff"),
            "a.npz: offset 155: a zip64 archive, expected fewer than 65535 members and 4 GiB");
  EXPECT_EQ(changed(end + 8, "\2"), "a.npz: offset 155: several disks or a comment, expected one archive without");
  EXPECT_EQ(changed(end + 8, little(2, 2) + little(2, 2)),
            "a.npz: offset 155: 2 members in a directory of 51 bytes, expected at least 46 bytes for each");
  EXPECT_EQ(changed(end + 8, little(0, 2) + little(0, 2)),
            "a.npz: offset 104: the directory ends, expected it to end at 155");
  EXPECT_EQ(changed(directory, "PK\3"), "a.npz: offset 104: no entry of a zip directory, expected PK\\1\\2");
  EXPECT_EQ(changed(directory + 8, "\1"), "a.npz: offset 104: x.npy is encrypted, expected it open");
  EXPECT_EQ(changed(directory + 10, "\14"), "a.npz: offset 104: x.npy: method 12, expected 0 (stored) or 8 (deflated)");
  EXPECT_EQ(changed(directory + 20, std::string(4, '\xff')),
            "a.npz: offset 104: x.npy: zip64 or another disk, expected fewer than 4 GiB");
  EXPECT_EQ(changed(directory + 46, std::string(1, '\0')),
            "a.npz: offset 104: a name that is empty or holds a zero byte, expected text");
  EXPECT_EQ(changed(directory + 42, "\1"),
            "a.npz: offset 0: x.npy begins at 1, expected here: members touch and do not overlap");
  EXPECT_EQ(changed(0, "PX"), "a.npz: offset 0: no member of a zip archive, expected PK\\3\\4");
  EXPECT_EQ(changed(30, "y"),
            "a.npz: offset 0: x.npy: the header of the member differs from the directory, expected the same");
  EXPECT_EQ(changed(18, "\1"),
            "a.npz: offset 0: x.npy: the header of the member differs from the directory, expected the same");
  EXPECT_EQ(changed(35 + 20, "x"), "a.npz: x: offset 20: 'x', expected a type in quotes, as '<f4'");
  EXPECT_EQ(npz({part, part}), "a.npz: offset 208: x.npy comes twice, expected each name once");
  EXPECT_EQ(npz({{"x.txt", array}}), "a.npz: a member x.txt, expected names in .npy");
  EXPECT_EQ(npz({{".npy", array}}), "a.npz: a member .npy, expected names in .npy");

  ZipPart lies = part;
  lies.content = npy("|u1", "(1,)", "b");
  EXPECT_EQ(npz({lies}), fmt::format("a.npz: x: CRC-32 {:08x}, expected {:08x}", crc32(array), crc32(lies.content)));
  ZipPart bomb = deflated_part("x.npy", array);
  bomb.content.resize(1032 * bomb.stored.size() + 1);
  EXPECT_EQ(npz({bomb}), "a.npz: x: 76369 bytes from 74 stored ones, expected at most 76368");
  const std::string two = npy("|u1", "(2,)", "ab");
  ZipPart shorter = deflated_part("x.npy", two.substr(0, two.size() - 1));
  shorter.content = two;
  EXPECT_EQ(npz({shorter}), "a.npz: x: offset 68: 1 byte left, expected 2 (elements)");
  ZipPart longer = deflated_part("x.npy", array + "x");
  longer.content = array;
  EXPECT_EQ(npz({longer}), "a.npz: x: offset 69: more bytes, expected the end");
  ZipPart damaged = deflated_part("x.npy", array);
  damaged.stored[0] = 7;
  EXPECT_EQ(npz({damaged}), "a.npz: x: packed offset 1: invalid block type, expected compressed data without a fault");
  ZipPart streamed = part;
  streamed.flags = 8;
  streamed.descriptor = "PK\7\10" + little(crc32(array), 4) + little(array.size(), 4) + little(array.size() + 1, 4);
  EXPECT_EQ(npz({streamed}), "a.npz: offset 104: x.npy: the descriptor differs from the directory, expected the same");
  std::string gap = good;
  gap.insert(directory, "gap");
  gap.replace(gap.size() - 6, 4, little(directory + 3, 4));
  EXPECT_EQ(npz(gap), "a.npz: offset 104: 3 bytes left, expected the end");
}

TEST_F(TensorFile, ReadsEveryTypeOfSafetensors) {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"h":{"dtype":"BF16","shape":[2],"data_offsets":[2,6]},)"
      R"("f":{"shape":[],"dtype":"F16","data_offsets":[0,2]},"e":{"dtype":"F64","shape":[0],"data_offsets":[2,2]},)"
      R"("i":{"dtype":"I64","shape":[1,1],"data_offsets":[6,14]},"b":{"dtype":"BOOL","shape":[1],"data_offsets":[14,15]}}  )";
  const std::string values =
      little(0x3e00, 2) + little(0x3f80, 2) + little(0xc040, 2) + little(~std::uint64_t{6}, 8) + "\1";
  const auto read = data::read_tensors(folder.write("a.safetensors", safe(header, values)));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(*read, (std::vector<NamedTensor>{{"f", {}, {1.5}},
                                             {"e", {0}, {}, TensorType::kF64},
                                             {"h", {2}, {1, -3}},
                                             {"i", {1, 1}, {-7}, TensorType::kF64},
                                             {"b", {1}, {1}}}));
}

TEST_F(TensorFile, RefusesMalformedSafetensors) {
  const auto entry = [](const std::string& text) { return "{\"x\":{" + text + "}}"; };
  EXPECT_EQ(safetensors("abc"), "a.safetensors: offset 0: 3 bytes left, expected 8 (length of the header)");
  EXPECT_EQ(safetensors(little(~std::uint64_t{0}, 8)),
            "a.safetensors: offset 0: a header of 18446744073709551615 bytes, expected at most 16777216");
  EXPECT_EQ(safetensors(little(9, 8) + "{}"), "a.safetensors: offset 8: 2 bytes left, expected 9 (header)");
  EXPECT_EQ(safetensors("  {}", ""), "a.safetensors: offset 8: no JSON object, expected the header");
  EXPECT_EQ(safetensors("{}", "x"), "a.safetensors: offset 10: 1 byte left, expected the end");
  EXPECT_EQ(safetensors(entry(R"("dtype":"F8","shape":[1],"data_offsets":[0,1])"), "a"),
            "a.safetensors: x.dtype: \"F8\", expected BOOL, U8 to U64, I8 to I64, F16, BF16, F32 or F64");
  EXPECT_EQ(safetensors(entry(R"("dtype":"U8","shape":[2],"data_offsets":[0,1])"), "a"),
            "a.safetensors: x.data_offsets: 0 to 1, expected 2 of 1 bytes each");
  EXPECT_EQ(safetensors(entry(R"("dtype":"U8","shape":[1],"data_offsets":[1,0])"), "a"),
            "a.safetensors: x.data_offsets: 1 to 0, expected 1 of 1 bytes each");
  EXPECT_EQ(safetensors(entry(R"("dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0])"), ""),
            "a.safetensors: x.data_offsets: 0 to 0, expected 4294967296 x 4294967296 of 8 bytes each");
  EXPECT_EQ(safetensors(entry(R"("dtype":"U8","shape":[1],"data_offsets":[0])"), "a"),
            "a.safetensors: x.data_offsets: an array, expected begin and end");
  EXPECT_EQ(safetensors(entry(R"("dtype":"U8","shape":[-1],"data_offsets":[0,1])"), "a"),
            "a.safetensors: x.shape[0]: -1, expected an integer, at least 0");
  EXPECT_EQ(safetensors(entry(R"("dtype":"U8","shape":[1],"data_offsets":[0,1],"extra":1)"), "a"),
            "a.safetensors: x: unknown key 'extra', expected one of dtype, shape, data_offsets");
  EXPECT_EQ(safetensors(entry(R"("dtype":"U8","shape":[1])"), "a"),
            "a.safetensors: x.data_offsets: missing, expected an array");
  EXPECT_EQ(safetensors(entry(R"("dtype":"U8","shape":[1],"data_offsets":[1,2])"), "ab"),
            "a.safetensors: offset 61: x begins at 1 of the data, expected 0: tensors touch and do not overlap");
  EXPECT_EQ(safetensors(entry(R"("dtype":"U8","shape":[2],"data_offsets":[0,2])"), "a"),
            "a.safetensors: offset 61: 1 byte left, expected 2 (x)");
  EXPECT_EQ(safetensors(entry(R"("dtype":"BOOL","shape":[1],"data_offsets":[0,1])"), "\2"),
            "a.safetensors: offset 63: x: a bool that is neither, expected 0 or 1");
  EXPECT_EQ(
      safetensors(
          R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"y":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
          "a"),
      "a.safetensors: offset 114: y begins at 0 of the data, expected 1: tensors touch and do not overlap");
  EXPECT_EQ(
      safetensors(
          R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"x":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
          "ab"),
      "a.safetensors: x: twice, expected each key once");
  EXPECT_EQ(safetensors(R"({"__metadata__":{"a":1}})", ""), "a.safetensors: __metadata__.a: 1, expected a text");
}

TEST_F(TensorFile, RefusesToWriteWhatItCouldNotReadBack) {
  EXPECT_EQ(write({{"x", {2}, {1}}}), "a.npz: x: 1 values, expected 2");
  EXPECT_EQ(write({{"x", {}, {}}}), "a.npz: x: 0 values, expected 1");
  EXPECT_EQ(write({{"x", {std::size_t{1} << 33U, std::size_t{1} << 31U}, {}}}),
            "a.npz: x: 0 values, expected 8589934592 x 2147483648");
  EXPECT_EQ(write({{"x", {1}, {0.1}}}), "a.npz: x[0]: 0.1, expected a float");
  EXPECT_EQ(write({{"x", {1}, {1e39}}}), "a.npz: x[0]: 1e+39, expected a float");
  EXPECT_EQ(write({{"", {1}, {1}}}), "a.npz: tensor 0 is named '', expected a name");
  EXPECT_EQ(write({{"x", {1}, {1}}, {"y", {1}, {1}}, {"x", {1}, {1}}}), "a.npz: two tensors are named x, expected one");
  EXPECT_EQ(said(data::write_tensors("weights.h5", {}), folder),
            "weights.h5: no kind of tensor file, expected a name in .npz or .safetensors");
  EXPECT_EQ(said(data::read_tensors("weights.h5"), folder),
            "weights.h5: no kind of tensor file, expected a name in .npz or .safetensors");
  EXPECT_EQ(folder.names(), Names{});
}

}  // namespace
}  // namespace udnn::test
