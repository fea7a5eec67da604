// udnn/udnn_c.h on top of udnn/quantize.h. Of libudnn_c.so; the linker takes from libudnn.a what it asks for.
#include "udnn/udnn_c.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "src/base/c_boundary.h"
#include "src/base/refusal.h"
#include "udnn/quantize.h"

// A scale is the same plain data on both sides, so that arrays of them are passed on as they are.
static_assert(sizeof(udnn_scale) == sizeof(udnn::Scale) && offsetof(udnn_scale, unit) == offsetof(udnn::Scale, unit) &&
              offsetof(udnn_scale, threshold) == offsetof(udnn::Scale, threshold) &&
              offsetof(udnn_scale, zero_point) == offsetof(udnn::Scale, zero_point));

struct udnn_codec {  // NOLINT(readability-identifier-naming): named by the header
  udnn::Codec codec;
};

namespace {

using udnn::Status;
using udnn::base::copy_text;
using udnn::base::expect_object;
using udnn::base::guarded;

template <class T>
Status expect(const T* pointer, std::size_t count, const char* name) {
  return pointer != nullptr || count == 0 ? Status()
                                          : udnn::base::invalid("{}: NULL, expected {} of them", name, count);
}

/// The first of them that is not ok.
template <class... Rest>
Status first_of(Status status, Rest... rest) {
  if constexpr (sizeof...(rest) > 0) return status.ok() ? first_of(std::move(rest)...) : status;
  return status;
}

template <class To, class From>
std::span<To> scales_of(From* scales, std::size_t count) noexcept {
  return {reinterpret_cast<To*>(scales), count};
}

void copy(const udnn::TensorStatistics& from, udnn_statistics& to) noexcept {
  to = {.count = from.count,
        .zeros_in = from.zeros_in,
        .zeros_out = from.zeros_out,
        .saturated = from.saturated,
        .non_finite = from.non_finite,
        .max_abs = from.max_abs,
        .error_sum = from.error_sum,
        .error_squares = from.error_squares,
        .value_squares = from.value_squares,
        .sqnr_db = from.sqnr_db()};
}

template <class T>
udnn_status find_scales(const udnn_codec* codec, const T* x, std::size_t count, udnn_scale* scales,
                        std::size_t channels, udnn_error* error) noexcept {
  return guarded(error, [&] {
    Status status = first_of(expect_object(codec, "codec"), expect(x, count, "x"), expect(scales, channels, "scales"));
    if (!status.ok()) return status;
    return codec->codec.find_scales(std::span(x, count), scales_of<udnn::Scale>(scales, channels));
  });
}

/// run(codec, x, to, options, statistics): quantize or encode.
template <class T, class To, class Run>
udnn_status round(const udnn_codec* codec, const T* x, To* to, std::size_t count, const char* name,
                  const udnn_quantize_options* options, udnn_statistics* statistics, udnn_error* error,
                  Run run) noexcept {
  return guarded(error, [&] {
    const std::size_t scale_count = options != nullptr ? options->scale_count : 0;
    const udnn_scale* const scales = options != nullptr ? options->scales : nullptr;
    Status status = first_of(expect_object(codec, "codec"), expect(x, count, "x"), expect(to, count, name),
                             expect(scales, scale_count, "scales"));
    if (!status.ok()) return status;
    udnn::QuantizeOptions how;
    if (options != nullptr)
      how = {.scales = scales_of<const udnn::Scale>(scales, scale_count),
             .seed = options->seed,
             .step = options->step,
             .tensor = options->tensor,
             .first_element = options->first_element};
    udnn::TensorStatistics counted;
    status = run(codec->codec, std::span(x, count), std::span(to, count), how, statistics ? &counted : nullptr);
    if (status.ok() && statistics != nullptr) copy(counted, *statistics);
    return status;
  });
}

template <class T>
udnn_status quantize(const udnn_codec* codec, const T* x, T* q, std::size_t count, const udnn_quantize_options* options,
                     udnn_statistics* statistics, udnn_error* error) noexcept {
  return round(codec, x, q, count, "q", options, statistics, error,
               [](const udnn::Codec& with, auto from, auto to, const auto& how, auto* counted) {
                 return with.quantize(from, to, how, counted);
               });
}

template <class T>
udnn_status encode(const udnn_codec* codec, const T* x, std::uint64_t* codes, std::size_t count,
                   const udnn_quantize_options* options, udnn_statistics* statistics, udnn_error* error) noexcept {
  return round(codec, x, codes, count, "codes", options, statistics, error,
               [](const udnn::Codec& with, auto from, auto to, const auto& how, auto* counted) {
                 return with.encode(from, to, how, counted);
               });
}

template <class T>
udnn_status decode(const udnn_codec* codec, const std::uint64_t* codes, T* x, std::size_t count,
                   const udnn_scale* scales, std::size_t scale_count, udnn_error* error) noexcept {
  return guarded(error, [&] {
    Status status = first_of(expect_object(codec, "codec"), expect(codes, count, "codes"), expect(x, count, "x"),
                             expect(scales, scale_count, "scales"));
    if (!status.ok()) return status;
    return codec->codec.decode(std::span(codes, count), std::span(x, count),
                               scales_of<const udnn::Scale>(scales, scale_count));
  });
}

template <class T>
udnn_status encode_blocks(const udnn_codec* codec, const T* x, std::uint64_t* codes, std::size_t count,
                          std::uint8_t* block_scales, std::size_t block_count, const udnn_quantize_options* options,
                          udnn_statistics* statistics, udnn_error* error) noexcept {
  return round(codec, x, codes, count, "codes", options, statistics, error,
               [=](const udnn::Codec& with, auto from, auto to, const auto& how, auto* counted) {
                 Status status = expect(block_scales, block_count, "block_scales");
                 if (!status.ok()) return status;
                 return with.encode_blocks(from, to, std::span(block_scales, block_count), how, counted);
               });
}

template <class T>
udnn_status decode_blocks(const udnn_codec* codec, const std::uint64_t* codes, T* x, std::size_t count,
                          const std::uint8_t* block_scales, std::size_t block_count, const udnn_scale* tensor,
                          udnn_error* error) noexcept {
  return guarded(error, [&] {
    Status status = first_of(expect_object(codec, "codec"), expect(codes, count, "codes"), expect(x, count, "x"),
                             expect(block_scales, block_count, "block_scales"));
    if (!status.ok()) return status;
    return codec->codec.decode_blocks(std::span(codes, count), std::span(block_scales, block_count),
                                      std::span(x, count),
                                      tensor != nullptr ? scales_of<const udnn::Scale>(tensor, 1)[0] : udnn::Scale{});
  });
}

}  // namespace

const char* udnn_version() { return UDNN_VERSION; }

udnn_status udnn_format_describe(const char* format, udnn_format_facts* facts, udnn_error* error) {
  return guarded(error, [&] {
    if (Status status = first_of(expect_object(format, "format"), expect_object(facts, "facts")); !status.ok())
      return status;
    const auto parsed = udnn::parse_format(format);
    if (!parsed) return parsed.error();
    const udnn::FormatTraits t = udnn::traits(*parsed);
    udnn_format_facts made = {.name = {},
                              .storage_bits = udnn::storage_bits(*parsed),
                              .largest = t.largest,
                              .lowest = t.lowest,
                              .smallest_normal = t.smallest_normal,
                              .smallest_subnormal = t.smallest_subnormal,
                              .spacing_at_one = t.spacing_at_one,
                              .bits = parsed->bits,
                              .significant_bits = t.significant_bits,
                              .block = parsed->block,
                              .has_infinity = t.has_infinity,
                              .has_nan = t.has_nan,
                              .has_negative_zero = t.has_negative_zero,
                              .needs_scale = t.is_dynamic,
                              .fits_double = udnn::fits_double_carrier(*parsed),
                              .fits_float = udnn::fits_float_carrier(*parsed)};
    copy_text(udnn::to_string(*parsed), made.name);
    *facts = made;
    return Status();
  });
}

udnn_status udnn_codec_create(const char* format, udnn_codec** codec, udnn_error* error) {
  return guarded(error, [&] {
    if (Status status = first_of(expect_object(format, "format"), expect_object(codec, "codec")); !status.ok())
      return status;
    auto made = udnn::Codec::create(std::string_view(format));
    if (!made) return made.error();
    *codec = new udnn_codec{std::move(*made)};
    return Status();
  });
}

void udnn_codec_destroy(udnn_codec* codec) { delete codec; }

udnn_status udnn_codec_find_scales_f32(const udnn_codec* codec, const float* x, size_t count, udnn_scale* scales,
                                       size_t channels, udnn_error* error) {
  return find_scales(codec, x, count, scales, channels, error);
}

udnn_status udnn_codec_find_scales_f64(const udnn_codec* codec, const double* x, size_t count, udnn_scale* scales,
                                       size_t channels, udnn_error* error) {
  return find_scales(codec, x, count, scales, channels, error);
}

udnn_status udnn_codec_find_scales_long(const udnn_codec* codec, const long double* x, size_t count, udnn_scale* scales,
                                        size_t channels, udnn_error* error) {
  return find_scales(codec, x, count, scales, channels, error);
}

udnn_status udnn_codec_quantize_f32(const udnn_codec* codec, const float* x, float* q, size_t count,
                                    const udnn_quantize_options* options, udnn_statistics* statistics,
                                    udnn_error* error) {
  return quantize(codec, x, q, count, options, statistics, error);
}

udnn_status udnn_codec_quantize_f64(const udnn_codec* codec, const double* x, double* q, size_t count,
                                    const udnn_quantize_options* options, udnn_statistics* statistics,
                                    udnn_error* error) {
  return quantize(codec, x, q, count, options, statistics, error);
}

udnn_status udnn_codec_quantize_long(const udnn_codec* codec, const long double* x, long double* q, size_t count,
                                     const udnn_quantize_options* options, udnn_statistics* statistics,
                                     udnn_error* error) {
  return quantize(codec, x, q, count, options, statistics, error);
}

udnn_status udnn_codec_encode_f32(const udnn_codec* codec, const float* x, uint64_t* codes, size_t count,
                                  const udnn_quantize_options* options, udnn_statistics* statistics,
                                  udnn_error* error) {
  return encode(codec, x, codes, count, options, statistics, error);
}

udnn_status udnn_codec_encode_f64(const udnn_codec* codec, const double* x, uint64_t* codes, size_t count,
                                  const udnn_quantize_options* options, udnn_statistics* statistics,
                                  udnn_error* error) {
  return encode(codec, x, codes, count, options, statistics, error);
}

udnn_status udnn_codec_encode_long(const udnn_codec* codec, const long double* x, uint64_t* codes, size_t count,
                                   const udnn_quantize_options* options, udnn_statistics* statistics,
                                   udnn_error* error) {
  return encode(codec, x, codes, count, options, statistics, error);
}

udnn_status udnn_codec_decode_f32(const udnn_codec* codec, const uint64_t* codes, float* x, size_t count,
                                  const udnn_scale* scales, size_t scale_count, udnn_error* error) {
  return decode(codec, codes, x, count, scales, scale_count, error);
}

udnn_status udnn_codec_decode_f64(const udnn_codec* codec, const uint64_t* codes, double* x, size_t count,
                                  const udnn_scale* scales, size_t scale_count, udnn_error* error) {
  return decode(codec, codes, x, count, scales, scale_count, error);
}

udnn_status udnn_codec_decode_long(const udnn_codec* codec, const uint64_t* codes, long double* x, size_t count,
                                   const udnn_scale* scales, size_t scale_count, udnn_error* error) {
  return decode(codec, codes, x, count, scales, scale_count, error);
}

size_t udnn_codec_blocks(const udnn_codec* codec, size_t count) {
  return codec != nullptr ? codec->codec.blocks(count) : 0;
}

udnn_status udnn_codec_encode_blocks_f32(const udnn_codec* codec, const float* x, uint64_t* codes, size_t count,
                                         uint8_t* block_scales, size_t block_count,
                                         const udnn_quantize_options* options, udnn_statistics* statistics,
                                         udnn_error* error) {
  return encode_blocks(codec, x, codes, count, block_scales, block_count, options, statistics, error);
}

udnn_status udnn_codec_encode_blocks_f64(const udnn_codec* codec, const double* x, uint64_t* codes, size_t count,
                                         uint8_t* block_scales, size_t block_count,
                                         const udnn_quantize_options* options, udnn_statistics* statistics,
                                         udnn_error* error) {
  return encode_blocks(codec, x, codes, count, block_scales, block_count, options, statistics, error);
}

udnn_status udnn_codec_decode_blocks_f32(const udnn_codec* codec, const uint64_t* codes, float* x, size_t count,
                                         const uint8_t* block_scales, size_t block_count, const udnn_scale* tensor,
                                         udnn_error* error) {
  return decode_blocks(codec, codes, x, count, block_scales, block_count, tensor, error);
}

udnn_status udnn_codec_decode_blocks_f64(const udnn_codec* codec, const uint64_t* codes, double* x, size_t count,
                                         const uint8_t* block_scales, size_t block_count, const udnn_scale* tensor,
                                         udnn_error* error) {
  return decode_blocks(codec, codes, x, count, block_scales, block_count, tensor, error);
}

size_t udnn_packed_bytes(size_t count, int bits) { return bits < 1 || bits > 64 ? 0 : udnn::packed_bytes(count, bits); }

udnn_status udnn_pack_codes(const uint64_t* codes, size_t count, int bits, uint8_t* bytes, size_t byte_count,
                            udnn_error* error) {
  return guarded(error, [&] {
    Status status = first_of(expect(codes, count, "codes"), expect(bytes, byte_count, "bytes"));
    if (!status.ok()) return status;
    return udnn::pack_codes(std::span(codes, count), bits, std::as_writable_bytes(std::span(bytes, byte_count)));
  });
}

udnn_status udnn_unpack_codes(const uint8_t* bytes, size_t byte_count, int bits, uint64_t* codes, size_t count,
                              udnn_error* error) {
  return guarded(error, [&] {
    Status status = first_of(expect(bytes, byte_count, "bytes"), expect(codes, count, "codes"));
    if (!status.ok()) return status;
    return udnn::unpack_codes(std::as_bytes(std::span(bytes, byte_count)), bits, std::span(codes, count));
  });
}
