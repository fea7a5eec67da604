#include "src/data/image_file.h"

#include <algorithm>
#include <climits>
#include <memory>

#define STBI_NO_STDIO
#include <stb/stb_image.h>

#include "src/base/file.h"
#include "src/base/refusal.h"

namespace udnn::data {

namespace {

constexpr std::uint64_t kMostFileBytes = std::uint64_t{256} << 20U;
constexpr std::uint64_t kMostPixels = std::uint64_t{1} << 26U;
// PNG cannot exceed deflate's 1032; a progressive JPEG of one colour takes about a bit for a block of 64 pixels.
constexpr std::uint64_t kMostExpansion = 2048;
static_assert(kMostFileBytes <= INT_MAX);

struct FreePixels {
  void operator()(stbi_uc* pixels) const noexcept { stbi_image_free(pixels); }
};

}  // namespace

Result<Image> read_image(const std::string& path, std::size_t channels) {
  const auto bytes = base::read_file(path, kMostFileBytes);
  if (!bytes) return bytes.error();
  const auto* data = reinterpret_cast<const stbi_uc*>(bytes->data());
  const auto size = static_cast<int>(bytes->size());

  int width = 0, height = 0, found = 0;
  if (stbi_info_from_memory(data, size, &width, &height, &found) == 0 || width <= 0 || height <= 0)
    return base::invalid("{}: offset 0: no header of a PNG or JPEG picture, expected one", path);
  if (channels == 0) channels = found < 3 ? 1 : 3;
  const std::uint64_t pixels = static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height);
  if (pixels > kMostPixels || pixels * channels > kMostExpansion * bytes->size())
    return base::invalid("{}: {} x {} x {} from {} bytes, expected at most {} bytes of pixels", path, height, width,
                         channels, bytes->size(), std::min(kMostPixels * channels, kMostExpansion * bytes->size()));

  const std::unique_ptr<stbi_uc, FreePixels> decoded(
      stbi_load_from_memory(data, size, &width, &height, &found, static_cast<int>(channels)));
  if (decoded == nullptr)
    return base::invalid("{}: {}, expected a whole PNG or JPEG picture", path, stbi_failure_reason());
  const auto rows = static_cast<std::size_t>(height), columns = static_cast<std::size_t>(width);
  return Image{{rows, columns, channels}, {decoded.get(), decoded.get() + rows * columns * channels}};
}

}  // namespace udnn::data
