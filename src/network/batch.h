// src/network/batch.h: samples that somebody else owns, and the ones among them that make a batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace udnn::network {

/// `count` samples of `size` values each, one after the other; exactly one of `bytes` and `floats` is set.
/// The network sees value / divisor, computed in its carrier: 255 takes bytes to [0, 1].
struct SampleSource {
  const std::uint8_t* bytes = nullptr;
  const float* floats = nullptr;
  double divisor = 1;
  std::size_t size = 0;
  std::size_t count = 0;
  const std::uint32_t* labels = nullptr;  ///< [count], each below the number of classes; null: only outputs are wanted
};

/// The samples rows[0], rows[1], ... of a source; or, where `rows` is empty, the `count` samples from `first` on.
struct Batch {
  const SampleSource* source = nullptr;
  std::span<const std::uint32_t> rows = {};
  std::size_t first = 0;
  std::size_t count = 0;

  std::size_t row(std::size_t i) const noexcept { return rows.empty() ? first + i : rows[i]; }
};

}  // namespace udnn::network
