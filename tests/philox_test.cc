// Philox: known answers, the layout of counters, and what is drawn from its words.
#include "src/base/philox.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "tests/support.h"

namespace udnn::test {
namespace {

using base::philox4x32;
using base::PhiloxStream;
using base::Purpose;
using Words = std::array<std::uint32_t, 4>;

constexpr std::uint32_t kOnes = 0xffffffff;

TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  EXPECT_EQ(philox4x32({2499, 0, 0, 0}, {20111115, 0})[3],
            1955073260U);  // the 10,000th value of C++26's std::philox4x32
}

TEST(PhiloxStream, PutsElementStepPurposeAndTensorIntoTheCounter) {
  const std::uint64_t seed = 0x0123456789abcdef, element = 0x123456789b;
  const PhiloxStream stream(seed, 77, Purpose::kDropout, 0xabcdef);
  const std::uint64_t block = element / 4;
  const Words words =
      philox4x32({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), 77, 0x03abcdef},
                 {0x89abcdef, 0x01234567});
  EXPECT_EQ(stream.word(element), words[element % 4]);
  EXPECT_EQ(stream.uniform(element), words[element % 4] / 4294967296.0);
  EXPECT_EQ(PhiloxStream(0, 0, Purpose::kRounding, 0).word(2), 0xbc57ac4cU);
}

TEST(PhiloxStream, DrawsNormalsByBoxAndMuller) {
  const PhiloxStream stream(5, 0, Purpose::kInitialisation, 3);
  constexpr std::uint64_t kCount = 100000;
  constexpr double kTwoPi = 6.283185307179586476925;
  double sum = 0, squares = 0, fourths = 0, worst = 0;
  for (std::uint64_t element = 0; element < kCount; ++element) {
    const double value = stream.normal(element);
    const std::uint64_t even = element / 2 * 2;
    const double radius = std::sqrt(-2 * std::log((stream.word(even) + 0.5) / 4294967296.0));
    const double angle = kTwoPi * stream.uniform(even + 1);
    worst = std::max(worst, std::abs(value - radius * (element == even ? std::cos(angle) : std::sin(angle))));
    sum += value;
    squares += value * value;
    fourths += value * value * value * value;
  }
  EXPECT_LT(worst, 1e-14);  // a few roundings of values below 7, ours and libm's
  // Five standard deviations of each mean: 1, sqrt(2) and sqrt(96) / sqrt(count).
  const double five = 5 / std::sqrt(static_cast<double>(kCount));
  EXPECT_NEAR(sum / kCount, 0, five);
  EXPECT_NEAR(squares / kCount, 1, five * std::sqrt(2));
  EXPECT_NEAR(fourths / kCount, 3, five * std::sqrt(96));
}

TEST(PhiloxStream, StaysBelowTheLargestNormal) {
  const PhiloxStream stream(1, 2, Purpose::kInitialisation, 4);
  double largest = 0;
  for (std::uint64_t element = 0; element < 200000; ++element)
    largest = std::max(largest, std::abs(stream.normal(element)));
  EXPECT_GT(largest, 4);
  EXPECT_LT(largest, 6.7);
}

TEST(Shuffle, IsFisherAndYatesFromTheEnd) {
  std::vector<std::uint32_t> expected(100);
  std::iota(expected.begin(), expected.end(), 0U);
  std::vector<std::uint32_t> values = expected;
  const PhiloxStream words(9, 4, Purpose::kShuffling, 0);
  for (std::uint64_t i = 99; i >= 1; --i) std::swap(expected[i], expected[words.word(i) * (i + 1) / 4294967296]);
  base::shuffle(values, 9, 4);
  EXPECT_EQ(values, expected);

  std::vector<std::uint32_t> other(100);
  std::iota(other.begin(), other.end(), 0U);
  base::shuffle(other, 9, 5);
  EXPECT_NE(values, other);
  std::sort(other.begin(), other.end());
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(other[i], i);
  base::shuffle(std::span(other).first(1), 1, 1);
  base::shuffle({}, 1, 1);
}

class PhiloxKernel : public OnEveryIsa {};

TEST_P(PhiloxKernel, DrawsTheWordsOfTheStream) {
  const kernels::PhiloxKey key{{0x89abcdef, 0x01234567}, 12, 0x00000007};
  const PhiloxStream stream(0x0123456789abcdef, 12, Purpose::kRounding, 7);
  for (const std::uint64_t first :
       {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{0xfffffffb}, std::uint64_t{0x3fffffffffffff00}})
    for (const std::size_t blocks : Sizes{1, 2, 3, 15, 16, 17, 65, 255}) {
      std::vector<std::uint32_t> words(4 * (blocks + 15));
      isa().f32.quantize.philox(key, first, blocks, words.data());
      for (std::size_t i = 0; i < 4 * blocks; ++i)
        ASSERT_EQ(words[i], stream.word(4 * first + i)) << "block " << first << " + " << i / 4 << ", word " << i % 4;
    }
}

// The known answers of Random123 (its file kat_vectors), in every lane: the block stands at each place of a long run.
TEST_P(PhiloxKernel, GivesTheKnownAnswersInEveryLane) {
  struct Known {
    Words counter;
    std::array<std::uint32_t, 2> key;
    Words words;
  };
  const Known known[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
  constexpr std::size_t kBlocks = 130;
  for (const auto& [counter, key, expected] : known)
    for (std::size_t place = 0; place < kBlocks; ++place) {
      const std::uint64_t block = std::uint64_t{counter[1]} << 32U | counter[0];
      std::vector<std::uint32_t> words(4 * (kBlocks + 15));
      isa().f32.quantize.philox({{key[0], key[1]}, counter[2], counter[3]}, block - place, kBlocks, words.data());
      for (std::size_t w = 0; w < 4; ++w) ASSERT_EQ(words[4 * place + w], expected[w]) << "place " << place;
    }
}

INSTANTIATE_TEST_SUITE_P(, PhiloxKernel, testing::ValuesIn(machine::usable_carrier_tables()), isa_name);

}  // namespace
}  // namespace udnn::test
