// tests/data_support.h: files of foreign formats, made byte by byte, whole or damaged.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "src/data/samples.h"
#include "tests/temporary_folder.h"
#include "udnn/status.h"

namespace udnn::test {

inline std::string big(std::uint32_t value) {
  return {static_cast<char>(value >> 24U), static_cast<char>(value >> 16U), static_cast<char>(value >> 8U),
          static_cast<char>(value)};
}

inline std::string little(std::uint64_t value, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(i < 8 ? value >> (8 * i) & 0xffU : 0);
  return text;
}

inline std::string text_of(std::initializer_list<int> bytes) {
  std::string text;
  for (const int byte : bytes) text += static_cast<char>(byte);
  return text;
}

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

/// CRC-32 of zip, gzip and PNG, bit by bit: it shares no code with what it checks.
inline std::uint32_t crc32(std::string_view text) {
  std::uint32_t crc = 0xffffffffU;
  for (const char letter : text) {
    crc ^= static_cast<unsigned char>(letter);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0xedb88320U : 0U);
  }
  return ~crc;
}

/// A deflate stream of one block that is not compressed; at most 65535 bytes.
inline std::string deflated(std::string_view text) {
  return text_of({1}) + little(text.size(), 2) + little(~text.size(), 2) + std::string(text);
}

inline std::string gzipped(std::string_view text) {
  return text_of({0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}) + deflated(text) + little(crc32(text), 4) +
         little(text.size(), 4);
}

/// 1024 zeros as gzip makes 29 bytes of them.
inline std::string gzipped_zeros() {
  return text_of({0x1f, 0x8b, 8,    0,    0, 0, 0,    0,    2,    3,    0x63, 0x60, 0x18, 5, 0xa3,
                  0x60, 0x14, 0x8c, 0x54, 0, 0, 0x2e, 0xaf, 0xb5, 0xef, 0,    4,    0,    0});
}

inline std::string idx_images(std::uint32_t count, std::uint32_t rows, std::uint32_t columns, std::string_view pixels) {
  return big(2051) + big(count) + big(rows) + big(columns) + std::string(pixels);
}
inline std::string idx_labels(std::string_view labels) {
  return big(2049) + big(static_cast<std::uint32_t>(labels.size())) + std::string(labels);
}

/// An array with this header, version 1.0.
inline std::string npy(std::string_view header, std::string_view elements) {
  return std::string("\x93NUMPY") + text_of({1, 0}) + little(header.size(), 2) + std::string(header) +
         std::string(elements);
}
inline std::string npy(std::string_view descr, std::string_view shape, std::string_view elements) {
  return npy("{'descr': '" + std::string(descr) + "', 'fortran_order': False, 'shape': " + std::string(shape) + ", }\n",
             elements);
}

/// What a member of a zip says of itself; `stored` is what lies there. A test spoils one of these.
struct ZipPart {
  std::string name;
  std::string stored;
  std::string content = stored;  ///< unpacked
  unsigned method = 0;
  unsigned flags = 0;
  std::string local_extra = {};
  bool wide_local = false;  ///< sizes of the local header in local_extra, as numpy writes them
  std::string descriptor = {};
};

inline ZipPart deflated_part(const std::string& name, const std::string& content) {
  return {.name = name, .stored = deflated(content), .content = content, .method = 8};
}

inline std::string zip(const std::vector<ZipPart>& parts) {
  std::string members, directory;
  for (const ZipPart& part : parts) {
    const std::string crc = little(crc32(part.content), 4);
    const std::string sizes = little(part.stored.size(), 4) + little(part.content.size(), 4);
    const std::string words = little(part.flags, 2) + little(part.method, 2) + little(0, 4);
    const std::string name_size = little(part.name.size(), 2);
    for (const std::string& field : {std::string("PK\1\2"), little(20, 2), little(20, 2), words, crc, sizes, name_size,
                                     little(0, 12), little(members.size(), 4), part.name})
      directory += field;
    const std::string extra =
        part.wide_local ? little(1, 2) + little(16, 2) + little(part.content.size(), 8) + little(part.stored.size(), 8)
                        : part.local_extra;
    const bool unsaid = !part.descriptor.empty();
    const std::string said = part.wide_local ? crc + std::string(8, '\xff') : unsaid ? little(0, 12) : crc + sizes;
    for (const std::string& field : {std::string("PK\3\4"), little(20, 2), words, said, name_size,
                                     little(extra.size(), 2), part.name, extra, part.stored, part.descriptor})
      members += field;
  }
  return members + directory + "PK\5\6" + little(0, 4) + little(parts.size(), 2) + little(parts.size(), 2) +
         little(directory.size(), 4) + little(members.size(), 4) + little(0, 2);
}

/// A grey picture, not compressed; `declared_width` may lie.
inline std::string png(std::uint32_t height, std::uint32_t width, std::string_view pixels,
                       std::uint32_t declared_width) {
  std::string rows;
  for (std::size_t row = 0; row < height; ++row) rows.append(1, 0).append(pixels.substr(row * width, width));
  std::uint32_t a = 1, b = 0;  // Adler-32
  for (const char letter : rows) a = (a + static_cast<unsigned char>(letter)) % 65521, b = (b + a) % 65521;
  const auto chunk = [](const std::string& kind, const std::string& content) {
    return big(static_cast<std::uint32_t>(content.size())) + kind + content + big(crc32(kind + content));
  };
  return std::string("\x89PNG\r\n\x1a\n") +
         chunk("IHDR", big(declared_width) + big(height) + text_of({8, 0, 0, 0, 0})) +
         chunk("IDAT", text_of({0x78, 1}) + deflated(rows) + big(b << 16U | a)) + chunk("IEND", "");
}
inline std::string png(std::uint32_t height, std::uint32_t width, std::string_view pixels) {
  return png(height, width, pixels, width);
}

/// The message of a refusal, without the folder of the test in it; "accepted" where there is none.
inline std::string said(const Status& status, const TemporaryFolder& folder) {
  std::string message = status.ok() ? "accepted" : status.message();
  for (std::size_t at = message.find(folder.path()); at != std::string::npos; at = message.find(folder.path()))
    message.erase(at, folder.path().size() + (message.substr(at + folder.path().size()).starts_with('/') ? 1 : 0));
  return message;
}
template <class T>
std::string said(const Result<T>& result, const TemporaryFolder& folder) {
  return result ? "accepted" : said(result.error(), folder);
}

inline std::string pixels_of(const data::Samples& samples) {
  const auto* held = std::get_if<std::vector<std::uint8_t>>(&samples.values);
  return held == nullptr ? "floats" : std::string(held->begin(), held->end());
}
inline std::vector<float> floats_of(const data::Samples& samples) {
  const auto* held = std::get_if<std::vector<float>>(&samples.values);
  return held == nullptr ? std::vector<float>() : *held;
}

using Labels = std::vector<std::uint32_t>;
using Names = std::vector<std::string>;

}  // namespace udnn::test
