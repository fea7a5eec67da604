#include "src/numbers/pack.h"

#include <bit>
#include <cassert>
#include <cstring>

#include "src/base/bits.h"
#include "src/base/refusal.h"
#include "udnn/quantize.h"

namespace udnn {

namespace {

constexpr std::size_t kWord = sizeof(std::uint64_t);

Status fits(std::size_t count, int bits, std::size_t bytes) {
  if (bits < 1 || bits > 64) return base::invalid("{} bits, expected 1 to 64", bits);
  if (bytes == packed_bytes(count, bits)) return {};
  return base::invalid("{} bytes, expected {} for {} codes of {} bits", bytes, packed_bytes(count, bits), count, bits);
}

/// The first `size` bytes, at most eight, as little endian.
std::uint64_t load(const std::byte* bytes, std::size_t size) noexcept {
  std::uint64_t word = 0;
  if constexpr (std::endian::native == std::endian::little)
    std::memcpy(&word, bytes, size);
  else
    for (std::size_t i = 0; i < size; ++i) word |= std::to_integer<std::uint64_t>(bytes[i]) << 8 * i;
  return word;
}

void store(std::uint64_t word, std::byte* bytes, std::size_t size) noexcept {
  if constexpr (std::endian::native == std::endian::little)
    std::memcpy(bytes, &word, size);
  else
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(word >> 8 * i);
}

}  // namespace

Status pack_codes(std::span<const std::uint64_t> codes, int bits, std::span<std::byte> bytes) {
  if (Status status = fits(codes.size(), bits, bytes.size()); !status.ok()) return status;
  std::uint64_t word = 0;  // bits that fill no word yet
  int held = 0;
  std::byte* to = bytes.data();
  for (std::uint64_t code : codes) {
    code &= base::low_bits(bits);
    word |= code << static_cast<unsigned>(held);
    held += bits;
    if (held < 64) continue;
    store(word, to, kWord);
    to += kWord;
    held -= 64;
    word = held == 0 ? 0 : code >> static_cast<unsigned>(bits - held);
  }
  if (held > 0) store(word, to, (static_cast<std::size_t>(held) + 7) / 8);
  return {};
}

Status unpack_codes(std::span<const std::byte> bytes, int bits, std::span<std::uint64_t> codes) {
  if (Status status = fits(codes.size(), bits, bytes.size()); !status.ok()) return status;
  const std::byte *from = bytes.data(), *const end = from + bytes.size();
  std::uint64_t word = 0;
  int held = 0;
  for (std::uint64_t& code : codes) {
    code = word;
    if (held < bits) {
      const std::size_t size =
          static_cast<std::size_t>(end - from) < kWord ? static_cast<std::size_t>(end - from) : kWord;
      const std::uint64_t next = load(from, size);
      from += size;
      code |= next << static_cast<unsigned>(held);
      const int taken = bits - held;  // of the next word
      word = taken == 64 ? 0 : next >> static_cast<unsigned>(taken);
      held = static_cast<int>(8 * size) - taken;
    } else {
      word = bits == 64 ? 0 : word >> static_cast<unsigned>(bits);
      held -= bits;
    }
    code &= base::low_bits(bits);
  }
  return {};
}

namespace numbers {

std::vector<std::byte> pack(std::span<const std::uint64_t> codes, int bits) {
  std::vector<std::byte> bytes(packed_bytes(codes.size(), bits));
  [[maybe_unused]] const Status status = pack_codes(codes, bits, bytes);
  assert(status.ok());
  return bytes;
}

std::vector<std::uint64_t> unpack(std::span<const std::byte> bytes, int bits, std::size_t count) {
  std::vector<std::uint64_t> codes(count);
  [[maybe_unused]] const Status status = unpack_codes(bytes.first(packed_bytes(count, bits)), bits, codes);
  assert(status.ok());
  return codes;
}

}  // namespace numbers

}  // namespace udnn
