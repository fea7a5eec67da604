#include "src/data/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "src/base/byte_reader.h"
#include "src/base/checked.h"

namespace udnn::data {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMostHeaderBytes = std::size_t{64} << 10U;
constexpr std::size_t kMostDimensions = 32;

/// Words of the header, with the offset in the file for refusals.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::uint64_t begin, const std::string& name)
      : text_(text), begin_(begin), name_(name) {}

  Result<NpyHeader> parse() {
    NpyHeader header;
    std::optional<bool> fortran;
    bool has_type = false, has_shape = false;
    if (!take('{')) return refuse("'{'");
    while (!take('}')) {
      const std::size_t key_at = at_;
      const auto key = quoted();
      if (!key) return refuse("a key in quotes");
      if (!take(':')) return refuse("':'");
      Status status;
      if (*key == "descr" && !std::exchange(has_type, true)) {
        status = parse_type(header.type);
      } else if (*key == "fortran_order" && !fortran) {
        fortran = take_word("True");
        if (!*fortran && !take_word("False")) status = refuse("True or False");
      } else if (*key == "shape" && !std::exchange(has_shape, true)) {
        status = parse_shape(header.shape);
      } else {
        return base::invalid("{}: offset {}: key '{}', expected descr, fortran_order and shape, each once", name_,
                             begin_ + key_at, *key);
      }
      if (!status.ok()) return status;
      if (!take(',') && peek() != '}') return refuse("',' or '}'");
    }
    if (peek() != '\0') return refuse("the end of the header");
    if (!has_type || !fortran || !has_shape)
      return base::invalid("{}: offset {}: a header without {}, expected descr, fortran_order and shape", name_, begin_,
                           !has_type ? "descr"
                           : fortran ? "shape"
                                     : "fortran_order");
    if (*fortran && header.shape.size() > 1)
      return base::invalid("{}: offset {}: fortran_order True, expected False (rows one after the other)", name_,
                           begin_);
    return header;
  }

 private:
  static bool is_blank(char letter) { return letter == ' ' || letter == '\n'; }

  /// The next letter that is no blank; '\0' at the end.
  char peek() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char letter) {
    const bool here = peek() == letter;
    if (here) ++at_;
    return here;
  }
  bool take_word(std::string_view word) {
    peek();
    const bool here = text_.substr(at_).starts_with(word);
    if (here) at_ += word.size();
    return here;
  }
  std::optional<std::string_view> quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') return std::nullopt;
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return inside;
  }

  Status parse_type(ElementType& type) {
    peek();
    const std::size_t type_at = at_;
    const auto text = quoted();
    if (!text) return refuse("a type in quotes, as '<f4'");
    struct Name {
      std::string_view text;
      ElementKind kind;
      std::size_t bytes;
    };
    constexpr std::array<Name, 12> kNames{{{"b1", ElementKind::kBool, 1},
                                           {"u1", ElementKind::kUnsigned, 1},
                                           {"u2", ElementKind::kUnsigned, 2},
                                           {"u4", ElementKind::kUnsigned, 4},
                                           {"u8", ElementKind::kUnsigned, 8},
                                           {"i1", ElementKind::kSigned, 1},
                                           {"i2", ElementKind::kSigned, 2},
                                           {"i4", ElementKind::kSigned, 4},
                                           {"i8", ElementKind::kSigned, 8},
                                           {"f2", ElementKind::kFloat, 2},
                                           {"f4", ElementKind::kFloat, 4},
                                           {"f8", ElementKind::kFloat, 8}}};
    const char order = text->empty() ? '\0' : text->front();
    const auto* found = std::find_if(kNames.begin(), kNames.end(), [&](const Name& candidate) {
      return text->size() == 3 && text->substr(1) == candidate.text &&
             (order == '<' || order == '>' || (order == '|' && candidate.bytes == 1));
    });
    if (found == kNames.end())
      return base::invalid("{}: offset {}: type '{}', expected bool, an integer or a float as '|u1', '<i8', '<f4'",
                           name_, begin_ + type_at, *text);
    type = {found->kind, found->bytes, order == '>'};
    return {};
  }

  Status parse_shape(std::vector<std::size_t>& shape) {
    if (!take('(')) return refuse("'('");
    while (!take(')')) {
      if (shape.size() == kMostDimensions) return refuse(fmt::format("at most {} dimensions", kMostDimensions));
      peek();
      std::size_t extent = 0;
      const std::string_view digits = text_.substr(at_, 19);
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), extent);
      if (error != std::errc()) return refuse("a number of at most 19 digits");
      at_ += static_cast<std::size_t>(end - digits.data());
      shape.push_back(extent);
      // (3) is a number in Python, (3,) a shape.
      if (!take(',') && (peek() != ')' || shape.size() == 1)) return refuse("','");
    }
    return {};
  }

  Status refuse(std::string_view expected) {
    const char found = peek();
    return base::invalid("{}: offset {}: {}, expected {}", name_, begin_ + at_,
                         found == '\0' ? "the end of the header" : fmt::format("'{}'", found), expected);
  }

  std::string_view text_;
  std::uint64_t begin_;
  const std::string& name_;
  std::size_t at_ = 0;
};

/// Length of the header; moves `stream` to its first byte.
Result<std::size_t> read_prefix(ByteStream& stream) {
  std::array<std::byte, 12> bytes{};
  const auto first = std::span(bytes).first(kMagic.size() + 2);
  if (Status status = stream.read(first, "magic of an npy array"); !status.ok()) return status;
  if (!std::equal(kMagic.begin(), kMagic.end(), reinterpret_cast<const char*>(bytes.data())))
    return base::invalid("{}: offset 0: no magic of an npy array, expected \\x93NUMPY", stream.name());
  const auto major = std::to_integer<unsigned>(bytes[6]), minor = std::to_integer<unsigned>(bytes[7]);
  if (major < 1 || major > 3 || minor != 0)
    return base::invalid("{}: offset 6: version {}.{}, expected 1.0, 2.0 or 3.0", stream.name(), major, minor);
  const auto size = std::span(bytes).subspan(first.size(), major == 1 ? 2 : 4);
  if (Status status = stream.read(size, "length of the header"); !status.ok()) return status;
  std::size_t length = 0;
  for (std::size_t i = 0; i < size.size(); ++i) length |= std::to_integer<std::size_t>(size[i]) << (8 * i);
  if (length > kMostHeaderBytes)
    return base::invalid("{}: offset 8: a header of {} bytes, expected at most {}", stream.name(), length,
                         kMostHeaderBytes);
  return length;
}

/// Decodes piece by piece: use(values of the piece, index of its first) may refuse.
template <class Use>
Status read_pieces(ByteStream& stream, const NpyHeader& header, Use&& use) {
  constexpr std::size_t kPiece = 4096;
  std::vector<std::byte> bytes(std::min(kPiece, header.count) * header.type.bytes);
  std::array<double, kPiece> values{};
  for (std::size_t first = 0; first < header.count; first += kPiece) {
    const std::size_t count = std::min(kPiece, header.count - first);
    const std::uint64_t begin = stream.offset();
    const std::span piece(bytes.data(), count * header.type.bytes);
    if (Status status = stream.read(piece, "elements"); !status.ok()) return status;
    if (const auto wrong = decode(piece, header.type, std::span(values).first(count)))
      return base::invalid("{}: offset {}: {}, expected {}", stream.name(), begin + *wrong * header.type.bytes,
                           header.type.kind == ElementKind::kBool ? "a bool that is neither" : "a large integer",
                           header.type.kind == ElementKind::kBool ? "0 or 1" : "at most 2^53");
    for (std::size_t i = 0; i < count; ++i)
      if (!use(values[i], first + i))
        return base::invalid("{}: offset {}: {}, expected a finite float", stream.name(), begin + i * header.type.bytes,
                             values[i]);
  }
  return stream.expect_end();
}

}  // namespace

Result<NpyHeader> read_npy_header(ByteStream& stream) {
  const auto length = read_prefix(stream);
  if (!length) return length.error();
  std::string text(*length, '\0');
  const std::uint64_t begin = stream.offset();
  if (Status status = stream.read(std::as_writable_bytes(std::span(text)), "header"); !status.ok()) return status;
  if (const std::size_t zero = text.find('\0'); zero != std::string::npos)
    return base::invalid("{}: offset {}: a zero byte, expected text", stream.name(), begin + zero);
  auto header = HeaderParser(text, begin, stream.name()).parse();
  if (!header) return header;

  const auto count = base::checked_product(std::span<const std::size_t>(header->shape));
  const auto bytes = count ? base::checked_mul(*count, header->type.bytes) : std::nullopt;
  const std::string shape = fmt::format("{}", fmt::join(header->shape, " x "));
  if (!bytes)
    return base::invalid("{}: offset {}: shape {}, expected fewer than 2^64 bytes", stream.name(), begin, shape);
  if (stream.knows_size() ? *bytes != stream.at_most() : *bytes > stream.at_most())
    return base::invalid("{}: offset {}: {}{} bytes left, expected {} (shape {} of {} bytes each)", stream.name(),
                         stream.offset(), stream.knows_size() ? "" : "at most ", stream.at_most(), *bytes,
                         header->shape.empty() ? "()" : shape, header->type.bytes);
  header->count = *count;
  return header;
}

Status read_npy_values(ByteStream& stream, const NpyHeader& header, std::span<double> values) {
  return read_pieces(stream, header, [&](double value, std::size_t index) {
    values[index] = value;
    return true;
  });
}

Status read_finite_npy_values(ByteStream& stream, const NpyHeader& header, std::span<float> values) {
  return read_pieces(stream, header, [&](double value, std::size_t index) {
    values[index] = static_cast<float>(value);
    return std::isfinite(values[index]);
  });
}

std::string npy_header(base::TensorType type, std::span<const std::size_t> shape) {
  constexpr std::size_t kAlignment = 64;
  std::string extents = fmt::format("{}{}", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                                 type == base::TensorType::kF32 ? "<f4" : "<f8", extents);
  const std::size_t before = kMagic.size() + 4;
  const std::size_t total = (before + text.size() + 1 + kAlignment - 1) / kAlignment * kAlignment;
  text.resize(total - before - 1, ' ');
  text += '\n';
  std::string bytes(kMagic);
  bytes += {'\1', '\0', static_cast<char>(text.size() & 0xffU), static_cast<char>(text.size() >> 8U)};
  return bytes + text;
}

}  // namespace udnn::data
