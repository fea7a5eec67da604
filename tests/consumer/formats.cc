#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "udnn/quantize.h"

int main() {
  const std::vector<float> x = {0.5F, -1, 0.1F, 3, 0.3F, -2};  // [3 rows, 2 channels]

  const auto codec = udnn::Codec::create("int4:sr");
  if (!codec) return std::fprintf(stderr, "%s\n", codec.error().message().c_str()), 1;

  std::vector<udnn::Scale> scales(2);
  std::vector<std::uint64_t> codes(x.size());
  std::vector<std::byte> bytes(udnn::packed_bytes(codes.size(), codec->format().bits));
  udnn::TensorStatistics statistics;
  udnn::Status status = codec->find_scales(x, scales);
  if (status.ok()) status = codec->encode(x, codes, {.scales = scales, .seed = 7}, &statistics);
  if (status.ok()) status = udnn::pack_codes(codes, codec->format().bits, bytes);
  if (!status.ok()) return std::fprintf(stderr, "%s\n", status.message().c_str()), 1;

  std::printf("%zu numbers in %zu bytes, %.1f dB\n", x.size(), bytes.size(), statistics.sqnr_db());
}
