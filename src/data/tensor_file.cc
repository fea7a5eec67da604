#include "src/data/tensor_file.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "src/base/atomic_file.h"
#include "src/base/checked.h"
#include "src/base/file.h"
#include "src/base/refusal.h"
#include "src/data/allocate.h"
#include "src/data/npy.h"
#include "src/data/safetensors.h"
#include "src/data/zip.h"

namespace udnn::data {

namespace {

using base::NamedTensor;
using base::TensorType;

constexpr std::string_view kNpy = ".npy";

enum class FileKind { kNpz, kSafetensors };

Result<FileKind> kind_of(const std::string& path) {
  if (path.ends_with(".npz")) return FileKind::kNpz;
  if (path.ends_with(".safetensors")) return FileKind::kSafetensors;
  return base::invalid("{}: no kind of tensor file, expected a name in .npz or .safetensors", path);
}

Result<std::vector<NamedTensor>> read_npz(std::span<const std::byte> bytes, const std::string& path) {
  const auto members = read_zip(bytes, path);
  if (!members) return members.error();
  std::vector<NamedTensor> tensors;
  for (const ZipMember& member : *members) {
    if (!member.name.ends_with(kNpy) || member.name.size() == kNpy.size())
      return base::invalid("{}: a member {}, expected names in .npy", path, member.name);
    NamedTensor tensor{.name = member.name.substr(0, member.name.size() - kNpy.size()), .shape = {}, .values = {}};
    auto stream = ByteStream::open(member.content, fmt::format("{}: {}", path, tensor.name));
    if (!stream) return stream.error();
    const auto header = read_npy_header(*stream);
    if (!header) return header.error();
    auto values = allocate<double>(header->count, stream->name());
    if (!values) return values.error();
    if (Status status = read_npy_values(*stream, *header, *values); !status.ok()) return status;
    tensor.shape = header->shape;
    tensor.values = std::move(*values);
    tensor.type = fits_float(header->type) ? TensorType::kF32 : TensorType::kF64;
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

/// Whether a float holds it; every NaN and infinity does.
bool is_float(double value) {
  return !std::isfinite(value) || (std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max()) &&
                                   static_cast<double>(static_cast<float>(value)) == value);
}

/// UTF-8 without control characters, as every reader of these files can take it.
bool is_name(std::string_view name) {
  return !name.empty() && name != "__metadata__" &&
         std::none_of(name.begin(), name.end(), [](char letter) { return static_cast<unsigned char>(letter) < 32; });
}

Status check(const std::string& path, std::span<const NamedTensor> tensors) {
  std::vector<std::string_view> names;
  for (const NamedTensor& tensor : tensors) {
    names.push_back(tensor.name);
    if (!is_name(tensor.name))
      return base::invalid("{}: tensor {} is named '{}', expected a name", path, names.size() - 1, tensor.name);
    const auto count = base::checked_product(std::span<const std::size_t>(tensor.shape));
    if (!count || *count != tensor.values.size())
      return base::invalid("{}: {}: {} values, expected {}", path, tensor.name, tensor.values.size(),
                           tensor.shape.empty() ? "1" : fmt::format("{}", fmt::join(tensor.shape, " x ")));
    const auto wrong = tensor.type == TensorType::kF64
                           ? tensor.values.end()
                           : std::find_if_not(tensor.values.begin(), tensor.values.end(), is_float);
    if (wrong != tensor.values.end())
      return base::invalid("{}: {}[{}]: {}, expected a float", path, tensor.name, wrong - tensor.values.begin(),
                           *wrong);
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) return base::invalid("{}: two tensors are named {}, expected one", path, *twice);
  return {};
}

template <class Word, class Real>
void append(std::vector<std::byte>& bytes, Real value) {
  const auto word = std::bit_cast<Word>(value);
  for (std::size_t i = 0; i < sizeof(Word); ++i) bytes.push_back(static_cast<std::byte>(word >> (8 * i) & 0xffU));
}

std::vector<std::byte> elements_of(const NamedTensor& tensor) {
  std::vector<std::byte> bytes;
  bytes.reserve(tensor.values.size() * (tensor.type == TensorType::kF32 ? sizeof(float) : sizeof(double)));
  for (const double value : tensor.values)
    if (tensor.type == TensorType::kF32)
      append<std::uint32_t>(bytes, static_cast<float>(value));
    else
      append<std::uint64_t>(bytes, value);
  return bytes;
}

Status write_npz(const std::string& path, std::span<const NamedTensor> tensors) {
  ZipWriter zip;
  for (const NamedTensor& tensor : tensors) {
    const std::string header = npy_header(tensor.type, tensor.shape);
    const std::string member = fmt::format("{}{}", tensor.name, kNpy);
    Status status = zip.add(member, std::as_bytes(std::span(header)), elements_of(tensor));
    if (!status.ok()) return base::invalid("{}: {}", path, status.message());
  }
  return base::write_file(path, {std::move(zip).finish()});
}

// Doubles go first, so that all elements are aligned wherever the file is mapped.
Status write_safetensors(const std::string& path, std::span<const NamedTensor> tensors) {
  std::vector<NamedTensor> ordered(tensors.begin(), tensors.end());
  std::stable_partition(ordered.begin(), ordered.end(), [](auto& tensor) { return tensor.type == TensorType::kF64; });
  const std::string header = safetensors_header(ordered);
  auto file = base::AtomicFile::create(path);
  if (!file) return file.error();
  if (Status status = file->write(header); !status.ok()) return status;
  for (const NamedTensor& tensor : ordered)
    if (Status status = file->write(elements_of(tensor)); !status.ok()) return status;
  return file->commit();
}

}  // namespace

Result<std::vector<NamedTensor>> read_tensors(const std::string& path) {
  const auto kind = kind_of(path);
  if (!kind) return kind.error();
  const auto bytes = base::read_file(path);
  if (!bytes) return bytes.error();
  return *kind == FileKind::kNpz ? read_npz(*bytes, path) : read_safetensors(*bytes, path);
}

Status write_tensors(const std::string& path, std::span<const NamedTensor> tensors) {
  const auto kind = kind_of(path);
  if (!kind) return kind.error();
  if (Status status = check(path, tensors); !status.ok()) return status;
  return *kind == FileKind::kNpz ? write_npz(path, tensors) : write_safetensors(path, tensors);
}

}  // namespace udnn::data
