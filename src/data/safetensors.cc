#include "src/data/safetensors.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "src/base/byte_reader.h"
#include "src/base/checked.h"
#include "src/base/json.h"
#include "src/base/value.h"
#include "src/data/allocate.h"
#include "src/data/elements.h"

namespace udnn::data {

namespace {

constexpr std::size_t kMostHeaderBytes = std::size_t{16} << 20U;
constexpr std::size_t kMostDimensions = 32;
constexpr std::size_t kAlignment = 8;
constexpr std::array<std::string_view, 3> kKeys{"dtype", "shape", "data_offsets"};

struct TypeName {
  std::string_view text;
  ElementType type;
};
constexpr std::array<TypeName, 13> kTypes{{{"BOOL", {ElementKind::kBool, 1, false}},
                                           {"U8", {ElementKind::kUnsigned, 1, false}},
                                           {"U16", {ElementKind::kUnsigned, 2, false}},
                                           {"U32", {ElementKind::kUnsigned, 4, false}},
                                           {"U64", {ElementKind::kUnsigned, 8, false}},
                                           {"I8", {ElementKind::kSigned, 1, false}},
                                           {"I16", {ElementKind::kSigned, 2, false}},
                                           {"I32", {ElementKind::kSigned, 4, false}},
                                           {"I64", {ElementKind::kSigned, 8, false}},
                                           {"F16", {ElementKind::kFloat, 2, false}},
                                           {"BF16", {ElementKind::kBrainFloat, 2, false}},
                                           {"F32", {ElementKind::kFloat, 4, false}},
                                           {"F64", {ElementKind::kFloat, 8, false}}}};

struct Entry {
  std::string name;
  ElementType type;
  std::vector<std::size_t> shape;
  std::size_t count = 0, begin = 0, end = 0;
};

/// The numbers of an array.
Result<std::vector<std::size_t>> sizes(const base::Field& field) {
  const auto items = field.items();
  if (!items) return items.error();
  std::vector<std::size_t> numbers;
  for (const base::Field& item : *items) {
    const auto number = item.size();
    if (!number) return number.error();
    numbers.push_back(*number);
  }
  return numbers;
}

Result<Entry> read_entry(const std::string& name, const base::Field& field) {
  if (Status status = field.expect_only(kKeys); !status.ok()) return status;
  const auto dtype = field["dtype"].text();
  if (!dtype) return dtype.error();
  const auto* type =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& known) { return known.text == *dtype; });
  if (type == kTypes.end()) return field["dtype"].refuse("BOOL, U8 to U64, I8 to I64, F16, BF16, F32 or F64");
  auto shape = sizes(field["shape"]);
  if (!shape) return shape.error();
  const auto offsets = sizes(field["data_offsets"]);
  if (!offsets) return offsets.error();
  if (offsets->size() != 2) return field["data_offsets"].refuse("begin and end");
  if (shape->size() > kMostDimensions)
    return field["shape"].refuse(fmt::format("at most {} dimensions", kMostDimensions));

  const auto count = base::checked_product(std::span<const std::size_t>(*shape));
  const auto bytes = count ? base::checked_mul(*count, type->type.bytes) : std::nullopt;
  const std::size_t begin = offsets->front(), end = offsets->back();
  if (!bytes || end < begin || end - begin != *bytes)
    return base::invalid("{}: {} to {}, expected {} of {} bytes each", field["data_offsets"].place(), begin, end,
                         shape->empty() ? "1" : fmt::format("{}", fmt::join(*shape, " x ")), type->type.bytes);
  return Entry{name, type->type, std::move(*shape), *count, begin, end};
}

/// Metadata are texts, and not ours.
Status check_metadata(const base::Field& field) {
  const auto members = field.members();
  if (!members) return members.error();
  for (const auto& [key, value] : *members)
    if (const auto text = value.text(); !text) return text.error();
  return {};
}

Result<base::NamedTensor> read_tensor(base::ByteReader& reader, const Entry& entry) {
  const std::size_t at = reader.offset();
  const auto bytes = reader.bytes(entry.end - entry.begin, entry.name);
  if (!bytes) return bytes.error();
  auto values = allocate<double>(entry.count, fmt::format("{}: {}", reader.name(), entry.name));
  if (!values) return values.error();
  if (const auto wrong = decode(*bytes, entry.type, *values)) {
    const bool is_bool = entry.type.kind == ElementKind::kBool;
    return reader.refuse(at + *wrong * entry.type.bytes, "{}: {}, expected {}", entry.name,
                         is_bool ? "a bool that is neither" : "a large integer", is_bool ? "0 or 1" : "at most 2^53");
  }
  return base::NamedTensor{entry.name, entry.shape, std::move(*values),
                           fits_float(entry.type) ? base::TensorType::kF32 : base::TensorType::kF64};
}

}  // namespace

Result<std::vector<base::NamedTensor>> read_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  base::ByteReader reader(bytes, name);
  const auto length = reader.little<std::uint64_t>("length of the header");
  if (!length) return length.error();
  if (*length > kMostHeaderBytes)
    return reader.refuse(0, "a header of {} bytes, expected at most {}", *length, kMostHeaderBytes);
  const auto text = reader.text(*length, "header");
  if (!text) return text.error();
  if (!text->starts_with('{')) return reader.refuse(8, "no JSON object, expected the header");
  const auto header = base::parse_json(*text, name, {.bytes = kMostHeaderBytes, .depth = 4});
  if (!header) return header.error();

  const auto members = base::Field(*header, name).members();
  if (!members) return members.error();
  std::vector<Entry> entries;
  for (const auto& [key, field] : *members) {
    if (key == "__metadata__") {
      if (Status status = check_metadata(field); !status.ok()) return status;
      continue;
    }
    auto entry = read_entry(key, field);
    if (!entry) return entry.error();
    entries.push_back(std::move(*entry));
  }
  // Empty tensors lie between their neighbours: they come before what begins where they end.
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });

  std::vector<base::NamedTensor> tensors;
  const std::size_t data_begin = reader.offset();
  for (const Entry& entry : entries) {
    if (const std::size_t here = reader.offset() - data_begin; entry.begin != here)
      return reader.refuse(reader.offset(),
                           "{} begins at {} of the data, expected {}: tensors touch and do not overlap", entry.name,
                           entry.begin, here);
    auto tensor = read_tensor(reader, entry);
    if (!tensor) return tensor.error();
    tensors.push_back(std::move(*tensor));
  }
  if (Status status = reader.expect_end(); !status.ok()) return status;
  return tensors;
}

std::string safetensors_header(std::span<const base::NamedTensor> tensors) {
  base::Value header = base::Value::object();
  std::size_t offset = 0;
  for (const base::NamedTensor& tensor : tensors) {
    const bool is_float = tensor.type == base::TensorType::kF32;
    const std::size_t end = offset + tensor.values.size() * (is_float ? sizeof(float) : sizeof(double));
    base::Value shape = base::Value::array();
    for (const std::size_t extent : tensor.shape) shape.push_back(extent);
    header.set(tensor.name, base::Value::object({{"dtype", is_float ? "F32" : "F64"},
                                                 {"shape", std::move(shape)},
                                                 {"data_offsets", base::Value::array({offset, end})}}));
    offset = end;
  }
  std::string text = base::to_json(header);
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  std::string length;
  for (std::size_t i = 0; i < 8; ++i) length += static_cast<char>(text.size() >> (8 * i) & 0xffU);
  return length + text;
}

}  // namespace udnn::data
