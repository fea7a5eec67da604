// udnn/quantize.h: arrays, codes, packed bits, and every refusal.
#include "udnn/quantize.h"

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "src/base/sha256.h"
#include "src/numbers/block_scale.h"
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
      if (parsed && parsed->block == 0) names.push_back(name + rounding);
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

// ---------------------------------------------------------------------------------------------------------- blocks

std::vector<std::string> in_blocks() {
  std::vector<std::string> names;
  for (const char* name : {"bfp8/24", "bfp4/3", "bfp12/600", "bfp24/256", "mxfp8", "mxfp8e5m2", "mxfp6", "mxfp6e3m2",
                           "mxfp4", "mxfp4:even", "mxint8", "mxint8:fix=0.125", "nvfp4"})
    for (const char* rounding : {"", ":sr", ":rdn"}) names.push_back(std::string(name) + rounding);
  return names;
}

/// Of many magnitudes, with zeros of both signs and what is no number.
template <class T>
std::vector<T> values_in_blocks(std::size_t count) {
  auto x = reals<T>(count, 11);
  for (std::size_t i = 0; i < count; ++i) x[i] = std::ldexp(x[i], static_cast<int>(i / 50 % 20) - 10);
  const double specials[] = {0.0, -0.0, kInfinity, -kInfinity, kNan};
  for (std::size_t i = 7, s = 0; i < count; i += 31, ++s) x[i] = static_cast<T>(specials[s % std::size(specials)]);
  return x;
}

template <class T>
std::vector<std::uint8_t> block_scales_of(const Codec& c, const std::vector<T>& x, std::vector<std::uint64_t>& codes,
                                          const QuantizeOptions& options) {
  std::vector<std::uint8_t> bytes(c.blocks(x.size()));
  codes.resize(x.size());
  EXPECT_EQ(refusal(c.encode_blocks(x, codes, bytes, options)), "accepted");
  return bytes;
}

TYPED_TEST(CodecOf, RoundsBlocksAsAQuantizer) {
  for (const std::string& name : in_blocks()) {
    SCOPED_TRACE(name);
    const Codec c = codec(name);
    const auto quantizer = numbers::Quantizer<TypeParam>::create(c.format(), *kernels::all_kernel_tables().back());
    ASSERT_TRUE(quantizer);
    for (const std::size_t count : Sizes{1, 47, 2000}) {
      const auto x = values_in_blocks<TypeParam>(count);
      Scale tensor;
      ASSERT_EQ(refusal(c.find_scales(x, std::span(&tensor, 1))), "accepted");
      const std::uint64_t first = 3 * quantizer->block();
      std::vector<TypeParam> want(count), q(count);
      TensorStatistics want_statistics, statistics;
      quantizer->run_blocks(x.data(), want.data(), count, 1, first, {.seed = 5, .step = 6, .tensor = 7}, tensor,
                            nullptr, &want_statistics);
      const QuantizeOptions options{.seed = 5, .step = 6, .tensor = 7, .first_element = first};
      ASSERT_EQ(refusal(c.quantize(x, q, options, &statistics)), "accepted");
      ASSERT_EQ(bits_of(q), bits_of(want));
      ASSERT_EQ(statistics.count, count);
      ASSERT_EQ(statistics.zeros_out, want_statistics.zeros_out);
      ASSERT_EQ(statistics.saturated, want_statistics.saturated);
      ASSERT_EQ(statistics.non_finite, want_statistics.non_finite);
      ASSERT_EQ(statistics.error_squares, want_statistics.error_squares);
    }
  }
}

TYPED_TEST(CodecOf, DecodesItsBlocksToTheRoundedValues) {
  const auto e4m3 = numbers::Quantizer<double>::create(*parse_format("e4m3"), *kernels::all_kernel_tables().back());
  for (const std::string& name : in_blocks()) {
    SCOPED_TRACE(name);
    const Codec c = codec(name);
    const auto quantizer = numbers::Quantizer<TypeParam>::create(c.format(), *kernels::all_kernel_tables().back());
    for (const std::size_t count : Sizes{1, 47, 2000}) {
      const auto x = values_in_blocks<TypeParam>(count);
      Scale tensor;
      ASSERT_EQ(refusal(c.find_scales(x, std::span(&tensor, 1))), "accepted");
      const QuantizeOptions options{.scales = std::span(&tensor, 1), .seed = 9};
      std::vector<TypeParam> q(count), decoded(count);
      ASSERT_EQ(refusal(c.quantize(x, q, options)), "accepted");
      std::vector<std::uint64_t> codes(count), unpacked(count);
      std::vector<std::uint8_t> block_scales(c.blocks(count));
      ASSERT_EQ(block_scales.size(), (count + quantizer->block() - 1) / quantizer->block());
      TensorStatistics statistics;
      ASSERT_EQ(refusal(c.encode_blocks(x, codes, block_scales, options, &statistics)), "accepted");
      ASSERT_EQ(statistics.count, count);
      std::vector<std::byte> bytes(packed_bytes(count, c.format().bits));
      ASSERT_EQ(refusal(pack_codes(codes, c.format().bits, bytes)), "accepted");
      ASSERT_EQ(refusal(unpack_codes(bytes, c.format().bits, unpacked)), "accepted");
      ASSERT_EQ(unpacked, codes);
      ASSERT_EQ(refusal(c.decode_blocks(codes, block_scales, decoded, tensor)), "accepted");
      for (std::size_t i = 0; i < count; ++i) {
        if (std::isnan(q[i]) && std::isnan(decoded[i])) continue;
        ASSERT_EQ(decoded[i], q[i]) << "element " << i << " of " << count;
      }
      // The bytes are what the standards say.
      std::vector<Scale> scales(block_scales.size());
      quantizer->block_scales(x.data(), count, 1, tensor, scales.data());
      const double codes_in_scale = name.starts_with("mxint8") ? 64 : 1;
      for (std::size_t b = 0; b < scales.size(); ++b)
        ASSERT_EQ(scales[b].unit, name.starts_with("nvfp4") ? e4m3->decode(block_scales[b], {}) * tensor.unit
                                                            : std::exp2(block_scales[b] - 127) / codes_in_scale)
            << b;
    }
  }
}

TEST(Codec, HasTheCodesOfTheStandardsInBlocks) {
  struct Case {
    const char* format;
    std::vector<double> x;
    std::vector<std::uint64_t> codes;
    std::vector<std::uint8_t> block_scales;
    Scale tensor = {};
  };
  const Case cases[] = {{"mxfp4", {1, -6, 0.5, -0.0, 3.9}, {0x2, 0xf, 0x1, 0x8, 0x6}, {127}},
                        {"mxfp8", {448, 1, -0x1p-9}, {0x7e, 0x38, 0x81}, {127}},
                        {"mxfp8e5m2", {2, 0.25}, {0x78, 0x6c}, {113}},  // 2 = 2^15 2^-14
                        {"mxint8", {1.5, -1, 0x1p-6}, {96, 192, 1}, {127}},
                        {"mxint8:fix=0.125", {1, -16}, {8, 128}, {130}},  // 64 codes are 8
                        {"bfp4/2", {3, -2, 0, 100}, {6, 0xc, 0, 6}, {126, 131}},
                        {"bfp4/2", {0, 0}, {0, 0}, {0}},
                        {"nvfp4", {6, -3, 0.5}, {0x7, 0xd, 0x1}, {0x38}},
                        {"nvfp4", {12, 0x1p-8}, {0x7, 0x0}, {0x40}},
                        {"nvfp4", {12, 6}, {0x7, 0x5}, {0x48}, {.unit = 0.5}}};
  for (const Case& known : cases) {
    SCOPED_TRACE(known.format);
    std::vector<std::uint64_t> codes;
    EXPECT_EQ(
        block_scales_of(codec(known.format), known.x, codes,
                        {.scales = std::span(&known.tensor,
                                             known.tensor == Scale{} && !codec(known.format).needs_scale() ? 0 : 1)}),
        known.block_scales);
    EXPECT_EQ(codes, known.codes);
  }
}

TEST(Codec, KeepsEveryScaleThatABlockMayHave) {
  for (const char* name : {"bfp8/4", "mxint8", "mxfp6"}) {
    const Format f = codec(name).format();
    for (int byte = 0; byte < 255; ++byte) {
      const auto value = numbers::block_scale_value(f, static_cast<std::uint8_t>(byte));
      ASSERT_TRUE(value);
      ASSERT_EQ(*value, std::exp2(byte - 127));
      ASSERT_EQ(numbers::block_scale_code(f, numbers::unit_of_block_scale(f, *value, 1), 1), byte) << name;
    }
    EXPECT_TRUE(std::isnan(*numbers::block_scale_value(f, 255)));
    for (const double unit : {0.0, -1.0, 0.75, 0x1p-200, 0x1p200, kInfinity, kNan})
      EXPECT_FALSE(numbers::block_scale_code(f, unit, 1)) << name << " " << unit;
  }
  const Format f = codec("nvfp4").format();
  const double tensor = 0x1.234566p-9;
  for (int byte = 0; byte < 127; ++byte) {
    const auto value = numbers::block_scale_value(f, static_cast<std::uint8_t>(byte));
    ASSERT_TRUE(value);
    ASSERT_EQ(numbers::block_scale_code(f, *value * tensor, tensor), byte);
    EXPECT_FALSE(numbers::block_scale_code(f, std::nextafter(*value * tensor, 9.0), tensor));
    // Together with a few others it tells the scale of the tensor, or one that does as well.
    const double units[] = {*value * tensor, 0x1.8p-8 * tensor, 13 * tensor, 0};
    const auto found = numbers::nvfp4_tensor_of_units(units);
    ASSERT_TRUE(found);
    for (const double unit : units) {
      const auto code = numbers::block_scale_code(f, unit, *found);
      ASSERT_TRUE(code);
      ASSERT_EQ(*numbers::block_scale_value(f, *code) * *found, unit);
    }
  }
  EXPECT_TRUE(std::isnan(*numbers::block_scale_value(f, 127)));
  EXPECT_FALSE(numbers::block_scale_value(f, 0x80));
  EXPECT_EQ(numbers::nvfp4_tensor_of_units({}), 1);
  EXPECT_EQ(numbers::nvfp4_tensor_of_units(std::vector<double>{1, 1 + 0x1p-20}), std::nullopt);
}

TYPED_TEST(CodecOf, GivesTheBitsOfTheWholeFromPiecesOfWholeBlocks) {
  for (const char* name : {"mxfp4:sr", "bfp8/24:sr", "bfp4/600:sr", "nvfp4:sr"}) {
    SCOPED_TRACE(name);
    const Codec c = codec(name);
    const auto block = static_cast<std::size_t>(c.format().block);
    const auto x = values_in_blocks<TypeParam>(5000);
    Scale tensor;
    ASSERT_TRUE(c.find_scales(x, std::span(&tensor, 1)).ok());
    std::vector<TypeParam> whole(x.size()), pieces(x.size());
    std::vector<std::uint64_t> whole_codes, codes(x.size());
    std::vector<std::uint8_t> block_scales(c.blocks(x.size()));
    const QuantizeOptions all{.scales = std::span(&tensor, 1), .seed = 2};
    ASSERT_TRUE(c.quantize(x, whole, all).ok());
    const auto whole_scales = block_scales_of(c, x, whole_codes, all);
    std::vector<std::thread> threads;
    for (std::size_t begin = 0; begin < x.size(); begin += 2 * block)
      threads.emplace_back([&, begin] {
        const std::size_t size = std::min(2 * block, x.size() - begin);
        QuantizeOptions options = all;
        options.first_element = begin;
        const auto from = std::span(x).subspan(begin, size);
        EXPECT_TRUE(c.quantize(from, std::span(pieces).subspan(begin, size), options).ok());
        EXPECT_TRUE(c.encode_blocks(from, std::span(codes).subspan(begin, size),
                                    std::span(block_scales).subspan(begin / block, c.blocks(size)), options)
                        .ok());
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(bits_of(pieces), bits_of(whole));
    EXPECT_EQ(codes, whole_codes);
    EXPECT_EQ(block_scales, whole_scales);
  }
}

TEST(Codec, AllocatesNothingForBlocks) {
  const Codec c = codec("mxfp8:sr");
  const auto x = reals<float>(3000, 3);
  std::vector<float> q(x.size());
  std::vector<std::uint64_t> codes(x.size());
  std::vector<std::uint8_t> block_scales(c.blocks(x.size()));
  const std::size_t before = allocations();
  const bool is_done = c.quantize(x, q).ok() && c.encode_blocks(x, codes, block_scales).ok() &&
                       c.decode_blocks(codes, block_scales, q).ok();
  EXPECT_EQ(allocations(), before);
  EXPECT_TRUE(is_done);
}

TEST(Codec, HasACodeForWhatRoundsBeyondFloat) {
  const Codec c = codec("bfp8/2");
  const std::vector<float> x{std::numeric_limits<float>::max(), -1};
  std::vector<std::uint64_t> codes;
  const auto block_scales = block_scales_of(c, x, codes, {});
  EXPECT_EQ(codes, (std::vector<std::uint64_t>{64, 0}));
  EXPECT_EQ(block_scales, (std::vector<std::uint8_t>{127 + 122}));
  std::vector<double> wide(2);
  ASSERT_TRUE(c.decode_blocks(codes, block_scales, wide).ok());
  EXPECT_EQ(wide[0], 0x1p128);
  std::vector<float> narrow(2);
  ASSERT_TRUE(c.decode_blocks(codes, block_scales, narrow).ok());
  EXPECT_EQ(narrow[0], std::numeric_limits<float>::infinity());
}

TEST(Codec, ABlockScaleThatIsNanMakesNanOfItsBlock) {
  for (const auto& [name, nan] : {std::pair{"mxfp4", 0xff}, {"mxint8", 0xff}, {"nvfp4", 0x7f}}) {
    const Codec c = codec(name);
    const auto block = static_cast<std::size_t>(c.format().block);
    const std::vector<std::uint64_t> codes(2 * block + 1, 1);
    const std::vector<std::uint8_t> block_scales{0x38, static_cast<std::uint8_t>(nan), 0x38};
    std::vector<float> x(codes.size());
    ASSERT_EQ(refusal(c.decode_blocks(codes, block_scales, x)), "accepted");
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(std::isnan(x[i]), i / block == 1) << name << " " << i;
  }
}

TEST(Codec, SaysWhatIsWrongWithBlocks) {
  std::vector<float> x(40), q(40);
  std::vector<std::uint64_t> codes(40);
  std::vector<std::uint8_t> two(2), three(3);
  std::vector<Scale> scales(2);
  const Codec mx = codec("mxfp4"), nv = codec("nvfp4"), e4m3 = codec("e4m3");
  EXPECT_EQ(e4m3.blocks(40), 0U);
  EXPECT_EQ(mx.blocks(40), 2U);
  EXPECT_FALSE(mx.needs_scale());
  EXPECT_TRUE(nv.needs_scale());
  EXPECT_EQ(refusal(mx.encode(x, codes)), "mxfp4: its neighbours share a scale, expected encode_blocks()");
  EXPECT_EQ(refusal(mx.decode(codes, x)), "mxfp4: its neighbours share a scale, expected decode_blocks()");
  EXPECT_EQ(refusal(e4m3.encode_blocks(x, codes, {})), "e4m3: its neighbours share no scale, expected encode()");
  EXPECT_EQ(refusal(e4m3.decode_blocks(codes, {}, x)), "e4m3: its neighbours share no scale, expected decode()");
  EXPECT_EQ(refusal(mx.encode_blocks(x, codes, three)), "mxfp4: room for 3 block scales, expected 2");
  EXPECT_EQ(refusal(mx.decode_blocks(codes, three, x)), "mxfp4: 3 block scales, expected 2");
  EXPECT_EQ(refusal(mx.quantize(x, q, {.first_element = 16})),
            "mxfp4: first element 16, expected a multiple of the 32 in a block");
  EXPECT_EQ(refusal(mx.quantize(x, q, {.scales = scales})),
            "mxfp4: 2 scales, expected one for the tensor at most: its blocks find their own");
  EXPECT_EQ(refusal(nv.encode_blocks(x, codes, three)),
            "nvfp4: no scale, expected one, which its codes are decoded with");
  EXPECT_EQ(refusal(nv.decode_blocks(codes, three, x, {.unit = 0})),
            "nvfp4: scale 0, expected 1.1754943508222875e-38 to 5.316911983139664e+36");
  EXPECT_EQ(refusal(mx.decode_blocks(codes, two, x, {.unit = 2})),
            "mxfp4: scale 2, expected 1, as it takes none from outside");
  three[1] = 0xb8;
  EXPECT_EQ(refusal(nv.decode_blocks(codes, three, x)), "nvfp4: block scale 1 is 0xb8, which no block has");
  EXPECT_EQ(refusal(codec("bfp4/32:fix=0.5").decode_blocks(codes, two, x)),
            "bfp4/32:fix=0.5: block scale 0 is 0x0, which no block has");
  codes[5] = 16;
  EXPECT_EQ(refusal(mx.decode_blocks(codes, two, x)), "mxfp4: code 5 is 0x10, which no value has");
  const auto made = Codec::create("mxfp8:fix=6.223015277861142e-61");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message(),
            "mxfp8:fix=6.223015277861142e-61: scale 6.223015277861142e-61, which a block cannot keep: beyond E8M0, "
            "2^-127 to 2^127");
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
  std::vector<std::string> names = computing();
  for (const std::string& name : in_blocks()) names.push_back(name);
  for (const std::string& name : names) {
    if (!fits<float>(codec(name))) continue;
    std::vector<std::uint64_t> want;
    for (const kernels::KernelTable* table : machine::usable_carrier_tables()) {
      const ForcedIsa forced(table->isa);
      std::vector<float> q(x.size());
      ASSERT_TRUE(codec(name).quantize(x, q).ok());
      if (want.empty()) want = bits_of(q);
      ASSERT_EQ(bits_of(q), want) << name << " " << table->isa;
    }
  }
}

// All 64 bits go through codes and packing; a double would lose eleven of them.
TEST(Codec, TakesLongDoublesWhereADoubleIsTooNarrow) {
  for (const char* name : {"fx8.56", "ufx1.63:sr", "dfx64"}) {
    SCOPED_TRACE(name);
    const Codec c = codec(name);
    const auto x = reals<long double>(999, 3);
    std::vector<long double> q(x.size()), decoded(x.size());
    std::vector<std::uint64_t> codes(x.size()), unpacked(x.size());
    Scale scale;
    ASSERT_EQ(refusal(c.find_scales(x, std::span(&scale, 1))), "accepted");
    const QuantizeOptions options{.scales = std::span(&scale, 1), .seed = 4};
    TensorStatistics statistics;
    ASSERT_EQ(refusal(c.quantize(x, q, options, &statistics)), "accepted");
    EXPECT_EQ(statistics.count, x.size());
    ASSERT_EQ(refusal(c.encode(x, codes, options)), "accepted");
    std::vector<std::byte> bytes(packed_bytes(codes.size(), 64));
    ASSERT_TRUE(pack_codes(codes, 64, bytes).ok());
    ASSERT_TRUE(unpack_codes(bytes, 64, unpacked).ok());
    ASSERT_EQ(refusal(c.decode(unpacked, decoded, options.scales)), "accepted");
    EXPECT_EQ(decoded, q);
    std::size_t wider = 0;
    for (const long double value : q) wider += static_cast<double>(value) != value ? 1 : 0;
    EXPECT_GT(wider, 300U);
  }
  std::vector<double> narrow(3);
  std::vector<long double> wide(3);
  EXPECT_EQ(refusal(codec("fx8.56").quantize(narrow, narrow)),
            "fx8.56: 63 significant bits, expected at most 53 in the double carrier");
  EXPECT_EQ(refusal(codec("int8").quantize(wide, wide)),
            "int8: does not compute in the wide carrier, that of formats of more than 53 significant bits, where only "
            "fE.M, e4m3 and its like, fx, ufx, dfx, t2 and b1 do");
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
