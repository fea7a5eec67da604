#include "src/numbers/pack.h"

#include <algorithm>
#include <cassert>

namespace udnn::numbers {

std::vector<std::byte> pack(std::span<const std::uint64_t> codes, int bits) {
  assert(bits >= 1 && bits <= 64);
  std::vector<std::byte> bytes((codes.size() * static_cast<std::size_t>(bits) + 7) / 8);
  std::size_t position = 0;
  for (std::uint64_t code : codes)
    for (int left = bits; left > 0;) {
      const auto offset = static_cast<int>(position % 8);
      const int taken = std::min(left, 8 - offset);
      const auto part = static_cast<unsigned>(code & ((1U << static_cast<unsigned>(taken)) - 1U));
      bytes[position / 8] |= static_cast<std::byte>(part << static_cast<unsigned>(offset));
      code >>= static_cast<unsigned>(taken);
      left -= taken;
      position += static_cast<std::size_t>(taken);
    }
  return bytes;
}

std::vector<std::uint64_t> unpack(std::span<const std::byte> bytes, int bits, std::size_t count) {
  assert(bits >= 1 && bits <= 64);
  assert(bytes.size() >= (count * static_cast<std::size_t>(bits) + 7) / 8);
  std::vector<std::uint64_t> codes(count);
  std::size_t position = 0;
  for (std::uint64_t& code : codes)
    for (int done = 0; done < bits;) {
      const auto offset = static_cast<int>(position % 8);
      const int taken = std::min(bits - done, 8 - offset);
      const auto part = (std::to_integer<unsigned>(bytes[position / 8]) >> static_cast<unsigned>(offset)) &
                        ((1U << static_cast<unsigned>(taken)) - 1U);
      code |= std::uint64_t{part} << static_cast<unsigned>(done);
      done += taken;
      position += static_cast<std::size_t>(taken);
    }
  return codes;
}

}  // namespace udnn::numbers
