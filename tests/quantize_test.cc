// udnn/quantize.h: arrays, codes, packed bits, and every refusal.
#include "udnn/quantize.h"

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "src/base/sha256.h"
#include "src/numbers/format_table.h"
#include "src/numbers/quantizer.h"
#include "tests/support.h"

namespace udnn::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Codec codec(std::string_view format) {
  auto made = Codec::create(format);
  if (!made) throw std::runtime_error(made.error().message());
  return std::move(*made);
}

std::string refusal(const Status& status) { return status.ok() ? "accepted" : status.message(); }

/// A format of every family that computes and has no blocks, in a few roundings; new ones come by themselves.
std::vector<std::string> computing() {
  std::vector<std::string> names;
  for (const auto& row : numbers::family_table()) {
    std::string name(row.prefix);
    if (row.shape == numbers::Shape::kNumber) name += "8";
    if (row.shape == numbers::Shape::kTwoByDot) name += row.format.family == Family::kPosit ? "8.1" : "4.3";
    if (row.shape == numbers::Shape::kTwoBySlash) continue;
    for (const char* rounding : {"", ":sr", ":rdn"}) {
      const auto parsed = parse_format(name + rounding);
      if (parsed && parsed->block == 0 && computes(*parsed)) names.push_back(name + rounding);
    }
  }
  return names;
}

template <class T>
std::vector<std::uint64_t> bits_of(const std::vector<T>& values) {
  std::vector<std::uint64_t> bits;
  bits.reserve(values.size());
  for (const T value : values) bits.push_back(std::bit_cast<std::uint64_t>(static_cast<double>(value)));
  return bits;
}

template <class T>
bool fits(const Codec& codec) {
  return sizeof(T) == sizeof(double) ||
         numbers::Quantizer<float>::create(codec.format(), *kernels::all_kernel_tables().back());
}

template <class T>
class CodecOf : public testing::Test {};
using Carriers = testing::Types<float, double>;
TYPED_TEST_SUITE(CodecOf, Carriers);

TYPED_TEST(CodecOf, RoundsAsAQuantizerWithTheScaleOfTheValues) {
  const auto names = computing();
  EXPECT_GT(names.size(), 30U);
  const auto x = reals<TypeParam>(1000, 3);
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const Codec c = codec(name);
    if (!fits<TypeParam>(c)) continue;
    const auto quantizer = numbers::Quantizer<TypeParam>::create(c.format(), *kernels::all_kernel_tables().back());
    for (const std::size_t channels : Sizes{1, 4}) {
      std::vector<Scale> want_scales(channels), scales(channels);
      numbers::weight_scales(c.format(), x.data(), x.size() / channels, channels, want_scales.data());
      ASSERT_EQ(refusal(c.find_scales(x, scales)), "accepted");
      ASSERT_EQ(scales, want_scales);
      std::vector<TypeParam> want(x.size()), q(x.size());
      TensorStatistics want_statistics, statistics;
      quantizer->run_channels(x.data(), want.data(), x.size() / channels, channels, 8,
                              {.seed = 5, .step = 6, .tensor = 7}, scales.data(), &want_statistics);
      const QuantizeOptions options{.scales = channels == 1 ? std::span<const Scale>() : scales,
                                    .seed = 5,
                                    .step = 6,
                                    .tensor = 7,
                                    .first_element = 8 * channels};
      ASSERT_EQ(refusal(c.quantize(x, q, options, &statistics)), "accepted");
      ASSERT_EQ(bits_of(q), bits_of(want)) << channels;
      ASSERT_EQ(statistics.count, x.size());
      ASSERT_EQ(statistics.zeros_out, want_statistics.zeros_out);
      ASSERT_EQ(statistics.saturated, want_statistics.saturated);
      ASSERT_EQ(statistics.error_squares, want_statistics.error_squares);
      auto in_place = x;
      ASSERT_EQ(refusal(c.quantize(in_place, in_place, options)), "accepted");
      ASSERT_EQ(bits_of(in_place), bits_of(want)) << channels;
    }
  }
}

TYPED_TEST(CodecOf, DecodesItsCodesToTheRoundedValues) {
  for (const std::string& name : computing()) {
    SCOPED_TRACE(name);
    const Codec c = codec(name);
    if (!fits<TypeParam>(c)) continue;
    for (const std::size_t channels : Sizes{1, 3, 256, 300}) {
      auto x = reals<TypeParam>(1800 / channels * channels, 4);
      x[1] = static_cast<TypeParam>(kInfinity);
      x[2] = TypeParam{-0.0};
      std::vector<Scale> scales(channels);
      ASSERT_EQ(refusal(c.find_scales(x, scales)), "accepted");
      const QuantizeOptions options{.scales = scales, .seed = 9, .first_element = 5 * channels};
      std::vector<TypeParam> q(x.size()), decoded(x.size());
      std::vector<std::uint64_t> codes(x.size());
      TensorStatistics statistics;
      ASSERT_EQ(refusal(c.quantize(x, q, options)), "accepted");
      ASSERT_EQ(refusal(c.encode(x, codes, options, &statistics)), "accepted");
      ASSERT_EQ(statistics.count, x.size());
      ASSERT_EQ(statistics.non_finite, 1U);
      std::vector<std::byte> bytes(packed_bytes(codes.size(), c.format().bits));
      ASSERT_EQ(refusal(pack_codes(codes, c.format().bits, bytes)), "accepted");
      std::vector<std::uint64_t> unpacked(x.size());
      ASSERT_EQ(refusal(unpack_codes(bytes, c.format().bits, unpacked)), "accepted");
      ASSERT_EQ(unpacked, codes);
      ASSERT_EQ(refusal(c.decode(codes, decoded, scales)), "accepted");
      for (std::size_t i = 0; i < q.size(); ++i) {
        if (std::isnan(q[i]) && std::isnan(decoded[i])) continue;
        ASSERT_EQ(decoded[i], q[i]) << channels << " channels, element " << i;
      }
    }
  }
}

TYPED_TEST(CodecOf, GivesTheBitsOfTheWholeFromItsPieces) {
  const auto x = reals<TypeParam>(1000, 5);
  for (const char* name : {"fx2.6:sr", "f4.3:sr", "int8:sr"}) {
    const Codec c = codec(name);
    const Scale scale{.unit = c.needs_scale() ? 0.01 : 1};
    std::vector<TypeParam> whole(x.size()), pieces(x.size());
    ASSERT_TRUE(c.quantize(x, whole, {.scales = std::span(&scale, 1), .seed = 2}).ok());
    std::vector<std::thread> threads;
    for (std::size_t begin = 0; begin < x.size(); begin += 237)
      threads.emplace_back([&, begin] {
        const std::size_t size = std::min<std::size_t>(237, x.size() - begin);
        const QuantizeOptions options{.scales = std::span(&scale, 1), .seed = 2, .first_element = begin};
        EXPECT_TRUE(
            c.quantize(std::span(x).subspan(begin, size), std::span(pieces).subspan(begin, size), options).ok());
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(bits_of(pieces), bits_of(whole)) << name;
  }
}

TYPED_TEST(CodecOf, AllocatesNothing) {
  const auto x = reals<TypeParam>(1024, 6);
  std::vector<TypeParam> q(x.size());
  std::vector<std::uint64_t> codes(x.size());
  for (const char* name : {"e4m3", "int8:sr", "b1", "t2", "dfx8"}) {
    const Codec c = codec(name);
    std::vector<Scale> scales(c.format().family == Family::kOcpFloat ? 1 : 256);
    const QuantizeOptions options{.scales = scales};
    TensorStatistics statistics;
    const std::size_t before = allocations();
    const bool all = c.find_scales(x, scales).ok() && c.quantize(x, q, options, &statistics).ok() &&
                     c.quantize(x, q).ok() && c.encode(x, codes, options).ok() && c.decode(codes, q, scales).ok();
    EXPECT_EQ(allocations(), before) << name;
    EXPECT_TRUE(all) << name;
  }
}

TEST(Codec, RoundsToKnownValuesAndCodes) {
  struct Case {
    const char* format;
    double x, q;
    std::uint64_t code;
    Scale scale = {};
  };
  const Case cases[] = {{"e4m3", 0.1, 0.1015625, 0x1d},
                        {"e4m3", 1e9, 448, 0x7e},
                        {"e4m3:nan", 1e9, kNan, 0x7f},
                        {"f4.3", 1e9, kInfinity, 0x78},
                        {"f4.3", -0.0, -0.0, 0x80},
                        {"e5m2", -1.3, -1.25, 0xbd},
                        {"fp16", 1 + 0x1p-11, 1, 0x3c00},
                        {"fp16:rup", 1 + 0x1p-11, 1 + 0x1p-10, 0x3c01},
                        {"fp64", 0.1, 0.1, 0x3fb999999999999a},
                        {"fx2.6", -0.3, -0.296875, 0xed},
                        {"fx2.6:wrap", 2, -2, 0x80},
                        {"ufx2.6", -1, 0, 0},
                        {"dfx4", 0.6, 0.5, 0x1, {.unit = 0.5}},
                        {"dfx4", -9, -3.5, 0x9, {.unit = 0.5}},
                        {"int4", -0.68, -0.7, 0x9, {.unit = 0.1}},
                        {"int4", -5, -0.8, 0x8, {.unit = 0.1}},
                        {"int4:fix=0.25", 0.3, 0.25, 0x1, {.unit = 0.25}},
                        {"uint8", 0.5, 0.5, 0x85, {.unit = 0.1, .zero_point = 128}},
                        {"b1", -0.2, -3, 0x1, {.unit = 3}},
                        {"b1:unit", 0, 1, 0x0},
                        {"t2", -0.6, -2, 0x3, {.unit = 2, .threshold = 0.5}},
                        {"t2", 0.4, 0, 0x0, {.unit = 2, .threshold = 0.5}}};
  for (const Case& known : cases) {
    SCOPED_TRACE(known.format);
    const Codec c = codec(known.format);
    const QuantizeOptions options{.scales = std::span(&known.scale, 1)};
    double q = 0;
    std::uint64_t code = 0;
    ASSERT_EQ(refusal(c.quantize(std::span(&known.x, 1), std::span(&q, 1), options)), "accepted");
    ASSERT_EQ(refusal(c.encode(std::span(&known.x, 1), std::span(&code, 1), options)), "accepted");
    if (std::isnan(known.q))
      EXPECT_TRUE(std::isnan(q));
    else
      EXPECT_DOUBLE_EQ(q, known.q);
    EXPECT_EQ(std::signbit(q), std::signbit(known.q));
    EXPECT_EQ(code, known.code);
  }
}

TEST(Codec, CountsWhatRoundingDid) {
  const std::vector<double> x{0, 0x1p-20, 500, -1, 0.1, kInfinity, kNan};
  std::vector<double> q(x.size());
  TensorStatistics statistics;
  ASSERT_TRUE(codec("e4m3").quantize(x, q, {}, &statistics).ok());
  EXPECT_EQ(statistics.count, 7U);
  EXPECT_EQ(statistics.zeros_in, 1U);
  EXPECT_EQ(statistics.zeros_out, 1U);
  EXPECT_EQ(statistics.saturated, 1U);
  EXPECT_EQ(statistics.non_finite, 2U);
  EXPECT_EQ(statistics.max_abs, 500);
  EXPECT_DOUBLE_EQ(statistics.error_squares, 0x1p-40 + 52.0 * 52 + 0.0015625 * 0.0015625);
  EXPECT_NEAR(statistics.sqnr_db(), 10 * std::log10((0x1p-40 + 250000 + 1 + 0.01) / statistics.error_squares), 1e-9);
}

TEST(Codec, IsTheSameOnEveryIsa) {
  const auto x = reals<float>(777, 8);
  for (const std::string& name : computing()) {
    if (!fits<float>(codec(name))) continue;
    std::vector<std::uint64_t> want;
    for (const kernels::KernelTable* table : machine::usable_kernel_tables()) {
      const ForcedIsa forced(table->isa);
      std::vector<float> q(x.size());
      ASSERT_TRUE(codec(name).quantize(x, q).ok());
      if (want.empty()) want = bits_of(q);
      ASSERT_EQ(bits_of(q), want) << name << " " << table->isa;
    }
  }
}

// The codes that ml_dtypes 0.6.0 gives every finite fp16 (e4m3: up to 464, above which it gives NaN), as 16-bit words:
// tools/compare/quantize.py --only golden.
TEST(Codec, GivesTheCodesOfMlDtypes) {
  struct {
    const char* format;
    double most;
    const char* sha256;
  } const goldens[] = {
      {"e5m2", 65504, "140f1a708bbf49870b39444c3796f1e484de3e8f04ec6ec44e24493bebc896b3"},
      {"e4m3:nan", 464, "6cf088c34b2db7f1cbff2948342c80c4b52c44e2c1f97dd731303c581365b1f5"},
      {"f4.3", 65504, "47403d01f5cd7761fffde3a7dd288e916cbe64c88bdc1b15e5f81777ebf43447"},
      {"f3.4", 65504, "878a1f686eb4be413c3c8f796791f09e0e39d6bffa66c45de2ccc9c426b5357f"},
      {"bf16", 65504, "5383e21f937f13ac48261e5e4e48544159c06beb7f756cbc8fed614e2cabf3a7"},
  };
  std::vector<std::uint64_t> halves(std::size_t{1} << 16U);
  for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = i;
  std::vector<float> all(halves.size());
  ASSERT_TRUE(codec("fp16").decode(halves, all).ok());
  for (const auto& golden : goldens) {
    std::vector<float> x;
    for (const float value : all)
      if (std::abs(value) <= golden.most) x.push_back(value);
    std::vector<std::uint64_t> codes(x.size());
    ASSERT_TRUE(codec(golden.format).encode(x, codes).ok());
    std::vector<std::byte> bytes;
    for (const std::uint64_t code : codes)
      for (const unsigned shift : {0U, 8U}) bytes.push_back(static_cast<std::byte>(code >> shift & 0xff));
    EXPECT_EQ(base::sha256(bytes), golden.sha256) << golden.format << ", " << x.size() << " codes";
  }
}

TEST(Codec, SaysWhatIsWrong) {
  const auto creates = [](std::string_view format) {
    const auto made = Codec::create(format);
    return made ? "accepted" : made.error().message();
  };
  EXPECT_EQ(creates("fx2.6:srr"), "\"fx2.6:srr\": unknown modifier 'srr' at column 7, did you mean 'sr'?");
  EXPECT_EQ(creates("mxfp8"), "mxfp8: neighbours share a scale, which udnn/quantize.h does not round yet");
  EXPECT_EQ(creates("fx32.32"),
            "fx32.32: 63 significant bits need the wide carrier, which this version lacks; expected at most 53");

  std::vector<float> x(6), q(6), five(5);
  std::vector<double> y(6);
  std::vector<std::uint64_t> codes(6);
  std::vector<Scale> scales(4);
  const auto quantizes = [&](std::string_view format, const QuantizeOptions& options) {
    std::fill(q.begin(), q.end(), 99.0F);
    const Status status = codec(format).quantize(x, q, options);
    EXPECT_EQ(q, std::vector<float>(6, 99.0F)) << format;
    return refusal(status);
  };
  EXPECT_EQ(refusal(codec("e4m3").quantize(x, five)), "e4m3: room for 5 values, expected 6");
  EXPECT_EQ(refusal(codec("e4m3").encode(five, codes)), "e4m3: room for 6 codes, expected 5");
  EXPECT_EQ(refusal(codec("e4m3").decode(codes, five)), "e4m3: room for 5 values, expected 6");
  EXPECT_EQ(quantizes("fx4.28", {}), "fx4.28: does not fit the float carrier, expected double");
  EXPECT_EQ(refusal(codec("fx4.28").find_scales(x, scales)), "fx4.28: does not fit the float carrier, expected double");
  EXPECT_EQ(refusal(codec("fx4.28").quantize(y, y)), "accepted");
  EXPECT_EQ(quantizes("int8", {.scales = scales}),
            "int8: 6 values, expected a multiple of the 4 scales, one for each channel");
  EXPECT_EQ(refusal(codec("int8").find_scales(x, scales)),
            "int8: 6 values, expected a multiple of the 4 scales, one for each channel");
  EXPECT_EQ(refusal(codec("int8").find_scales(x, {})), "int8: room for 0 scales, expected one for each channel");
  EXPECT_EQ(quantizes("int8", {.tensor = 1U << 24U}), "int8: tensor 16777216, expected 0 to 16777215");
  scales.resize(3);
  EXPECT_EQ(quantizes("int8", {.scales = scales, .first_element = 4}),
            "int8: first element 4, expected a multiple of the 3 scales, one for each channel");
  scales[2].unit = 2;
  EXPECT_EQ(quantizes("dfx8", {.scales = scales}), "dfx8: scales that differ, expected one for the tensor");
  EXPECT_EQ(quantizes("e4m3", {.scales = scales}), "e4m3: scale 2, expected 1, as it takes none from outside");
  EXPECT_EQ(quantizes("int8:fix=0.5", {.scales = scales}),
            "int8:fix=0.5: scale 1, expected 0.5, as it takes none from outside");
  EXPECT_EQ(quantizes("t2:unit", {.scales = scales}), "t2:unit: scale 2, expected 1");
  scales = {{.unit = 0.3}};
  EXPECT_EQ(quantizes("dfx8", {.scales = scales}), "dfx8: scale 0.3, expected a power of two");
  scales = {{.unit = -1}};
  EXPECT_EQ(quantizes("b1", {.scales = scales}), "b1: scale -1, expected a finite value of 0 or more");
  scales = {{.unit = 1, .zero_point = 300}};
  EXPECT_EQ(quantizes("uint8", {.scales = scales}), "uint8: zero point 300, expected a whole number of 0 to 255");
  EXPECT_EQ(refusal(codec("int8").encode(x, codes)), "int8: no scale, expected one, which its codes are decoded with");
  codes[3] = 256;
  q.assign(6, 99);
  EXPECT_EQ(refusal(codec("e4m3").decode(codes, q)), "e4m3: code 3 is 0x100, which no value has");
  EXPECT_EQ(q, std::vector<float>(6, 99));
  codes[3] = 2;
  EXPECT_EQ(refusal(codec("t2").decode(codes, q)), "t2: code 3 is 0x2, which no value has");
}

TEST(PackCodes, TouchesNoByteBesideItsOwn) {
  for (const int bits : {1, 3, 7, 8, 13, 31, 63, 64})
    for (const std::size_t count : Sizes{0, 1, 2, 5, 8, 13, 64, 65}) {
      std::vector<std::uint64_t> codes(count, ~std::uint64_t{0});
      const std::size_t size = packed_bytes(count, bits);
      for (const Edge edge : {Edge::kBegin, Edge::kEnd}) {
        Guarded<std::byte> bytes(std::vector<std::byte>(size, std::byte{0x55}), edge);
        ASSERT_TRUE(pack_codes(codes, bits, std::span(bytes.data(), size)).ok());
        Guarded<std::uint64_t> back(std::vector<std::uint64_t>(count, 0x55), edge);
        ASSERT_TRUE(unpack_codes(std::span(bytes.data(), size), bits, std::span(back.data(), count)).ok());
        const std::uint64_t ones = ~std::uint64_t{0} >> static_cast<unsigned>(64 - bits);
        for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(back.data()[i], ones) << bits << " bits, code " << i;
        const std::size_t used = count * static_cast<std::size_t>(bits) % 8;
        const auto last = size == 0 || used == 0 ? 0U : std::to_integer<unsigned>(bytes.data()[size - 1]) >> used;
        ASSERT_EQ(last, 0U) << "zeros fill the last byte";
      }
    }
}

TEST(PackCodes, SaysWhatIsWrong) {
  const std::vector<std::uint64_t> codes(9);
  std::vector<std::byte> bytes(4);
  std::vector<std::uint64_t> back(9);
  EXPECT_EQ(refusal(pack_codes(codes, 0, bytes)), "0 bits, expected 1 to 64");
  EXPECT_EQ(refusal(unpack_codes(bytes, 65, back)), "65 bits, expected 1 to 64");
  EXPECT_EQ(refusal(pack_codes(codes, 4, bytes)), "4 bytes, expected 5 for 9 codes of 4 bits");
  EXPECT_EQ(refusal(unpack_codes(bytes, 4, back)), "4 bytes, expected 5 for 9 codes of 4 bits");
}

}  // namespace
}  // namespace udnn::test
