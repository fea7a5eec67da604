// Known answers of CRC-32C, and that pieces give what the whole gives.
#include "src/base/crc32c.h"

#include <cstddef>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace udnn::base {
namespace {

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(Crc32c, GivesTheAnswersOfItsStandard) {
  EXPECT_EQ(crc32c({}), 0U);
  EXPECT_EQ(crc32c(bytes("123456789")), 0xE3069283U);
  // RFC 3720, appendix B.4; the standard prints the bytes in the order of transmission.
  const std::vector<std::byte> zeros(32), ones(32, std::byte{0xFF});
  EXPECT_EQ(crc32c(zeros), 0x8A9136AAU);
  EXPECT_EQ(crc32c(ones), 0x62A8AB43U);
  std::vector<std::byte> rising, falling;
  for (int i = 0; i < 32; ++i) {
    rising.push_back(static_cast<std::byte>(i));
    falling.push_back(static_cast<std::byte>(31 - i));
  }
  EXPECT_EQ(crc32c(rising), 0x46DD794EU);
  EXPECT_EQ(crc32c(falling), 0x113FDB5CU);
}

TEST(Crc32c, OfPiecesIsThatOfTheWhole) {
  constexpr std::string_view kText = "Are we computing more than required? 0123456789";
  for (std::size_t first = 0; first <= kText.size(); ++first)
    EXPECT_EQ(crc32c(bytes(kText.substr(first)), crc32c(bytes(kText.substr(0, first)))), crc32c(bytes(kText)));
}

}  // namespace
}  // namespace udnn::base
