#include "src/data/samples.h"

#include <array>
#include <bit>
#include <span>
#include <type_traits>

#include "src/base/sha256.h"

namespace udnn::data {

namespace {

template <class T>
void add_number(base::Sha256& sum, T value) {
  std::array<std::byte, sizeof(T)> bytes{};
  for (std::size_t i = 0; i < sizeof(T); ++i) bytes[i] = static_cast<std::byte>(value >> (8 * i) & 0xffU);
  sum.update(bytes);
}

template <class T>
void add_numbers(base::Sha256& sum, const std::vector<T>& values) {
  if constexpr (sizeof(T) == 1 || std::endian::native == std::endian::little)
    sum.update(std::as_bytes(std::span(values)));
  else
    for (const T value : values) add_number(sum, std::bit_cast<std::uint32_t>(value));
}

void add_samples(base::Sha256& sum, const Samples& samples) {
  for (const std::size_t size : {samples.shape.height, samples.shape.width, samples.shape.channels, samples.count})
    add_number<std::uint64_t>(sum, size);
  add_number(sum, static_cast<std::uint8_t>(samples.bytes() != nullptr ? 'b' : 'f'));
  add_number(sum, std::bit_cast<std::uint64_t>(samples.divisor));
  std::visit([&](const auto& values) { add_numbers(sum, values); }, samples.values);
  add_numbers(sum, samples.labels);
}

}  // namespace

std::string fingerprint_of(const Dataset& dataset) {
  base::Sha256 sum;
  add_samples(sum, dataset.train);
  add_samples(sum, dataset.test);
  return sum.finish();
}

}  // namespace udnn::data
