// SHA-256 against the known answers of FIPS 180-4 and NIST, whole and in pieces.
#include "src/base/sha256.h"

#include <initializer_list>
#include <span>
#include <string>

#include <gtest/gtest.h>

namespace udnn::test {
namespace {

std::string digest(const std::string& text) { return base::sha256(std::as_bytes(std::span(text))); }

TEST(Sha256, GivesTheKnownAnswers) {
  EXPECT_EQ(digest(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnThePieces) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 7);
  // Every length around a block and around the room for the padding, cut at every place.
  for (const std::size_t length : std::initializer_list<std::size_t>{1, 55, 56, 63, 64, 65, 119, 120, 128, 300}) {
    const std::string part = text.substr(0, length);
    const std::string want = digest(part);
    for (std::size_t cut = 0; cut <= length; ++cut) {
      base::Sha256 sum;
      sum.update(std::as_bytes(std::span(part)).first(cut));
      sum.update(std::as_bytes(std::span(part)).subspan(cut));
      ASSERT_EQ(sum.finish(), want) << length << " bytes cut at " << cut;
    }
  }
}

}  // namespace
}  // namespace udnn::test
