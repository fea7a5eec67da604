#include "src/data/elements.h"

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

namespace udnn::data {

namespace {

template <class Word>
Word load(const std::byte* bytes, bool big_endian) noexcept {
  Word word = 0;
  for (std::size_t i = 0; i < sizeof(Word); ++i) {
    const std::size_t place = big_endian ? sizeof(Word) - 1 - i : i;
    word = static_cast<Word>(word | static_cast<Word>(static_cast<Word>(bytes[i]) << (8 * place)));
  }
  return word;
}

double from_half(std::uint16_t word) noexcept {
  const auto exponent = static_cast<int>(word >> 10U & 31U);
  const auto mantissa = static_cast<int>(word & 1023U);
  double magnitude = 0;
  if (exponent == 31)
    magnitude = mantissa == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
  else if (exponent == 0)
    magnitude = std::ldexp(mantissa, -24);
  else
    magnitude = std::ldexp(mantissa + 1024, exponent - 25);
  return std::copysign(magnitude, (word & 0x8000U) != 0 ? -1.0 : 1.0);
}

/// One loop for each type: convert(word, value) says whether there is a value.
template <class Word, class Convert>
std::optional<std::size_t> decode_words(std::span<const std::byte> bytes, bool big_endian, std::span<double> values,
                                        Convert&& convert) noexcept {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!convert(load<Word>(bytes.data() + i * sizeof(Word), big_endian), values[i])) return i;
  return std::nullopt;
}

template <class Word>
std::optional<std::size_t> decode_integers(std::span<const std::byte> bytes, const ElementType& type,
                                           std::span<double> values) noexcept {
  constexpr std::uint64_t kExact = std::uint64_t{1} << 53U;
  if (type.kind == ElementKind::kUnsigned)
    return decode_words<Word>(bytes, type.big_endian, values, [](Word word, double& value) {
      value = static_cast<double>(word);
      return word <= kExact;
    });
  return decode_words<Word>(bytes, type.big_endian, values, [](Word word, double& value) {
    // NOLINTNEXTLINE(bugprone-signed-char-misuse): a byte is a number here, with its sign
    const auto integer = static_cast<std::int64_t>(static_cast<std::make_signed_t<Word>>(word));
    value = static_cast<double>(integer);
    return integer <= static_cast<std::int64_t>(kExact) && integer >= -static_cast<std::int64_t>(kExact);
  });
}

std::optional<std::size_t> decode_floats(std::span<const std::byte> bytes, const ElementType& type,
                                         std::span<double> values) noexcept {
  switch (type.bytes) {
    case 2:
      return decode_words<std::uint16_t>(bytes, type.big_endian, values, [](std::uint16_t word, double& value) {
        value = from_half(word);
        return true;
      });
    case 4:
      return decode_words<std::uint32_t>(bytes, type.big_endian, values, [](std::uint32_t word, double& value) {
        value = static_cast<double>(std::bit_cast<float>(word));
        return true;
      });
    default:
      return decode_words<std::uint64_t>(bytes, type.big_endian, values, [](std::uint64_t word, double& value) {
        value = std::bit_cast<double>(word);
        return true;
      });
  }
}

}  // namespace

bool fits_float(const ElementType& type) noexcept {
  const bool is_integer = type.kind == ElementKind::kUnsigned || type.kind == ElementKind::kSigned;
  return is_integer ? type.bytes <= 2 : type.bytes <= 4;
}

std::optional<std::size_t> decode(std::span<const std::byte> bytes, const ElementType& type,
                                  std::span<double> values) noexcept {
  switch (type.kind) {
    case ElementKind::kBool:
      return decode_words<std::uint8_t>(bytes, false, values, [](std::uint8_t word, double& value) {
        value = word;
        return word <= 1;
      });
    case ElementKind::kBrainFloat:
      return decode_words<std::uint16_t>(bytes, type.big_endian, values, [](std::uint16_t word, double& value) {
        value = static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(word) << 16U));
        return true;
      });
    case ElementKind::kFloat:
      return decode_floats(bytes, type, values);
    default:
      switch (type.bytes) {
        case 1:
          return decode_integers<std::uint8_t>(bytes, type, values);
        case 2:
          return decode_integers<std::uint16_t>(bytes, type, values);
        case 4:
          return decode_integers<std::uint32_t>(bytes, type, values);
        default:
          return decode_integers<std::uint64_t>(bytes, type, values);
      }
  }
}

}  // namespace udnn::data
