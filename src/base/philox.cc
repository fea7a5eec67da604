#include "src/base/philox.h"

#include <bit>
#include <cmath>
#include <utility>

namespace udnn::base {

namespace {

constexpr std::uint32_t low(std::uint64_t value) noexcept { return static_cast<std::uint32_t>(value); }
constexpr std::uint32_t high(std::uint64_t value) noexcept { return static_cast<std::uint32_t>(value >> 32); }

constexpr double kLn2High = 0x1.62e42fefap-1,
                 kLn2Low = 0x1.cf79abc9e3b3ap-40;  // their sum is ln 2; times 32 the first is exact

/// Natural logarithm of x in (0, 1]. With x = m 2^e, m in [sqrt(1/2), sqrt(2)) and t = (m - 1) / (m + 1), |t| < 0.1716:
/// ln m = 2 (t + t^3/3 + t^5/5 + ...); ten terms leave 2 t^21/21 < 2^-55.
double logarithm(double x) noexcept {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  auto exponent = static_cast<int>(bits >> 52) - 1023;
  auto m = std::bit_cast<double>((bits & 0xfffffffffffffU) | 0x3ff0000000000000U);
  if (m > 0x1.6a09e667f3bcdp+0) {
    m /= 2;
    ++exponent;
  }
  const double t = (m - 1) / (m + 1), t2 = t * t;
  double series = 0;
  for (int odd = 19; odd >= 3; odd -= 2) series = (series + 1.0 / odd) * t2;
  return exponent * kLn2High + (exponent * kLn2Low + 2 * (t + t * series));
}

/// sin and cos of 2 pi turn, turn a multiple of 2^-32 in [0, 1). The eighth of the turn that is left after taking out
/// quarters is exact; Taylor's polynomials of |y| <= pi/4 leave y^17/17! and y^18/18! < 2^-53.
std::pair<double, double> sine_and_cosine(double turn) noexcept {
  const auto quarter = static_cast<int>(std::floor(turn * 4 + 0.5));
  const double y = (turn - quarter * 0.25) * 0x1.921fb54442d18p+2, y2 = y * y;
  double sine = 0, cosine = 0;
  for (int n = 16; n >= 2; n -= 2) {
    sine = -(sine + 1) * (y2 / (n * (n + 1)));
    cosine = -(cosine + 1) * (y2 / (n * (n - 1)));
  }
  sine = y * (1 + sine);
  cosine = 1 + cosine;
  switch (quarter % 4) {
    case 0:
      return {sine, cosine};
    case 1:
      return {cosine, -sine};
    case 2:
      return {-sine, -cosine};
    default:
      return {-cosine, sine};
  }
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) noexcept {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {high(product1) ^ counter[1] ^ key[0], low(product1), high(product0) ^ counter[3] ^ key[1],
               low(product0)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

PhiloxStream::PhiloxStream(std::uint64_t seed, std::uint32_t step, Purpose purpose, std::uint32_t tensor) noexcept
    : key_{low(seed), high(seed)},
      step_(step),
      purpose_and_tensor_(static_cast<std::uint32_t>(purpose) << 24U | (tensor & 0xffffffU)) {}

std::uint32_t PhiloxStream::word(std::uint64_t element) const noexcept {
  const std::uint64_t block = element / 4;
  return philox4x32({low(block), high(block), step_, purpose_and_tensor_}, key_)[element % 4];
}

double PhiloxStream::uniform(std::uint64_t element) const noexcept { return word(element) * 0x1p-32; }

double PhiloxStream::normal(std::uint64_t element) const noexcept {
  const std::uint64_t block = element / 4;
  const auto words = philox4x32({low(block), high(block), step_, purpose_and_tensor_}, key_);
  const std::size_t pair = element % 4 / 2 * 2;
  const double radius = std::sqrt(-2 * logarithm((words[pair] + 0.5) * 0x1p-32));
  const auto [sine, cosine] = sine_and_cosine(words[pair + 1] * 0x1p-32);
  return radius * (element % 2 == 0 ? cosine : sine);
}

void shuffle(std::span<std::uint32_t> values, std::uint64_t seed, std::uint32_t epoch) noexcept {
  const PhiloxStream words(seed, epoch, Purpose::kShuffling, 0);
  for (std::uint64_t i = values.size(); i-- > 1;) std::swap(values[i], values[(words.word(i) * (i + 1)) >> 32]);
}

}  // namespace udnn::base
