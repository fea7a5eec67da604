#include "src/numbers/posit.h"

#include <cmath>
#include <limits>

namespace udnn::numbers {

std::uint64_t posit_code(int bits, int exponent_bits, double value) noexcept {
  const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
  if (value == 0) return 0;
  if (std::isnan(value)) return std::uint64_t{1} << (bits - 1);
  const double magnitude = std::abs(value);
  const int e = std::ilogb(magnitude);
  const int k = e >> exponent_bits;  // rounds down
  // The run and its end, the exponent, 52 bits of fraction; then all that does not fit, which is zero.
  const int run = k >= 0 ? k + 1 : -k;
  std::uint64_t string = k >= 0 ? ((std::uint64_t{1} << run) - 1) << 1 : 1;
  int length = run + 1;
  for (int bit = exponent_bits - 1; bit >= 0; --bit, ++length)
    string = string << 1 | static_cast<std::uint64_t>(e >> bit & 1);
  double rest = std::ldexp(magnitude, -e) - 1;
  for (; length < bits - 1; ++length) {
    rest *= 2;
    string = string << 1 | (rest >= 1 ? 1U : 0U);
    if (rest >= 1) rest -= 1;
  }
  string >>= length - (bits - 1);
  return (value < 0 ? ~string + 1 : string) & mask;
}

double posit_value(int bits, int exponent_bits, std::uint64_t code) noexcept {
  const std::uint64_t mask = (std::uint64_t{1} << bits) - 1, sign = std::uint64_t{1} << (bits - 1);
  code &= mask;
  if (code == 0) return 0;
  if (code == sign) return std::numeric_limits<double>::quiet_NaN();
  const bool is_negative = (code & sign) != 0;
  const std::uint64_t string = is_negative ? (~code + 1) & mask : code;
  int at = bits - 2;  // the first bit of the run
  const auto next = [&] { return at >= 0 ? static_cast<int>(string >> at-- & 1) : (--at, 0); };  // zeros follow the end
  const int first = next();
  int run = 1;
  while (at >= 0 && static_cast<int>(string >> at & 1) == first) {
    ++run;
    --at;
  }
  next();  // the end of the run
  int e = 0;
  for (int bit = 0; bit < exponent_bits; ++bit) e = 2 * e + next();
  const int k = first == 1 ? run - 1 : -run;
  double magnitude = 1, weight = 0.5;
  while (at >= 0) {
    magnitude += next() * weight;
    weight /= 2;
  }
  magnitude = std::ldexp(magnitude, k * (1 << exponent_bits) + e);
  return is_negative ? -magnitude : magnitude;
}

}  // namespace udnn::numbers
