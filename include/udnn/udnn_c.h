// udnn/udnn_c.h: the number formats of uDNN for C, and for whatever calls C (Python's ctypes: tools/python).
//
//   udnn_error error;
//   udnn_codec* codec = NULL;
//   if (udnn_codec_create("fx2.6:sr", &codec, &error) != UDNN_OK) return puts(error.message), 1;
//   udnn_codec_quantize_f32(codec, x, q, count, NULL, NULL, &error);
//   udnn_codec_destroy(codec);
//
// What each function does, rounds to and refuses: udnn/quantize.h, whose words these are. Library: libudnn_c.so.
//
// Errors   A function that may fail returns udnn_status. `error`, where it is not NULL, gets the text, one line; after
//          success, an empty one. Nothing else is written then. Nothing is thrown, printed or kept in a global.
// Threads  A codec serves any number of threads at a time; only udnn_codec_destroy() must be alone with it.
// Memory   belongs to the caller, but for the codec itself. Pointers to no elements (count 0) may be NULL.
#ifndef UDNN_UDNN_C_H
#define UDNN_UDNN_C_H

// NOLINTBEGIN(modernize-*,readability-identifier-naming): these are C's own forms
#include <stddef.h>
#include <stdint.h>

#ifdef __GNUC__
#define UDNN_C_API __attribute__((visibility("default")))
#else
#define UDNN_C_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum udnn_status {
  UDNN_OK = 0,
  UDNN_INVALID_ARGUMENT = 1,  ///< it has no meaning
  UDNN_UNSUPPORTED = 2,       ///< it has one, but this version or this CPU lacks what it takes
  UDNN_OUT_OF_MEMORY = 3,
  UDNN_FAILED = 4,  ///< anything else; the text says what
} udnn_status;

/// Texts that are longer are cut off.
typedef struct udnn_error {
  char message[512];
} udnn_error;

/// "0.1.0"
UDNN_C_API const char* udnn_version(void);

/// What follows from the name of a format. For formats with a scale: of the codes, at scale 1.
typedef struct udnn_format_facts {
  char name[64];  ///< as uDNN prints it; parses back to the same format
  double storage_bits;
  double largest;
  double lowest;
  double smallest_normal;     ///< 0: none
  double smallest_subnormal;  ///< the least positive value, if not normal; 0: none
  double spacing_at_one;
  int32_t bits;  ///< of one code
  int32_t significant_bits;
  int32_t block;  ///< neighbours that share a scale; 0: none do
  // 0 or 1:
  int32_t has_infinity;
  int32_t has_nan;
  int32_t has_negative_zero;
  int32_t needs_scale;  ///< it comes from the values, or is given
  int32_t fits_double;  ///< 0: arrays of long double alone
  int32_t fits_float;   ///< 0: no arrays of float
} udnn_format_facts;

UDNN_C_API udnn_status udnn_format_describe(const char* format, udnn_format_facts* facts, udnn_error* error);

/// A format made ready.
typedef struct udnn_codec udnn_codec;

UDNN_C_API udnn_status udnn_codec_create(const char* format, udnn_codec** codec, udnn_error* error);

/// NULL is welcome.
UDNN_C_API void udnn_codec_destroy(udnn_codec* codec);

typedef struct udnn_scale {
  double unit;
  double threshold;
  double zero_point;
} udnn_scale;

typedef struct udnn_quantize_options {
  const udnn_scale* scales;  ///< [scale_count]; none: found from the values, one for the array
  size_t scale_count;        ///< more than one: one for each channel, the last index
  uint64_t seed;             ///< of stochastic rounding, as the three below
  uint64_t first_element;
  uint32_t step;
  uint32_t tensor;
} udnn_quantize_options;

typedef struct udnn_statistics {
  uint64_t count;
  uint64_t zeros_in;
  uint64_t zeros_out;
  uint64_t saturated;
  uint64_t non_finite;
  double max_abs;
  double error_sum;
  double error_squares;
  double value_squares;
  double sqnr_db;  ///< infinity where nothing was lost
} udnn_statistics;

/// x [count], scales [channels]; count a multiple of the channels.
UDNN_C_API udnn_status udnn_codec_find_scales_f32(const udnn_codec* codec, const float* x, size_t count,
                                                  udnn_scale* scales, size_t channels, udnn_error* error);
UDNN_C_API udnn_status udnn_codec_find_scales_f64(const udnn_codec* codec, const double* x, size_t count,
                                                  udnn_scale* scales, size_t channels, udnn_error* error);
UDNN_C_API udnn_status udnn_codec_find_scales_long(const udnn_codec* codec, const long double* x, size_t count,
                                                   udnn_scale* scales, size_t channels, udnn_error* error);

/// x, q [count]; may be the same array. options: NULL for seed 1 and the scale of the values. statistics: NULL for
/// none, else overwritten.
UDNN_C_API udnn_status udnn_codec_quantize_f32(const udnn_codec* codec, const float* x, float* q, size_t count,
                                               const udnn_quantize_options* options, udnn_statistics* statistics,
                                               udnn_error* error);
UDNN_C_API udnn_status udnn_codec_quantize_f64(const udnn_codec* codec, const double* x, double* q, size_t count,
                                               const udnn_quantize_options* options, udnn_statistics* statistics,
                                               udnn_error* error);
UDNN_C_API udnn_status udnn_codec_quantize_long(const udnn_codec* codec, const long double* x, long double* q,
                                                size_t count, const udnn_quantize_options* options,
                                                udnn_statistics* statistics, udnn_error* error);

/// x, codes [count].
UDNN_C_API udnn_status udnn_codec_encode_f32(const udnn_codec* codec, const float* x, uint64_t* codes, size_t count,
                                             const udnn_quantize_options* options, udnn_statistics* statistics,
                                             udnn_error* error);
UDNN_C_API udnn_status udnn_codec_encode_f64(const udnn_codec* codec, const double* x, uint64_t* codes, size_t count,
                                             const udnn_quantize_options* options, udnn_statistics* statistics,
                                             udnn_error* error);
UDNN_C_API udnn_status udnn_codec_encode_long(const udnn_codec* codec, const long double* x, uint64_t* codes,
                                              size_t count, const udnn_quantize_options* options,
                                              udnn_statistics* statistics, udnn_error* error);

/// codes, x [count], scales [scale_count]; none: all 1.
UDNN_C_API udnn_status udnn_codec_decode_f32(const udnn_codec* codec, const uint64_t* codes, float* x, size_t count,
                                             const udnn_scale* scales, size_t scale_count, udnn_error* error);
UDNN_C_API udnn_status udnn_codec_decode_f64(const udnn_codec* codec, const uint64_t* codes, double* x, size_t count,
                                             const udnn_scale* scales, size_t scale_count, udnn_error* error);
UDNN_C_API udnn_status udnn_codec_decode_long(const udnn_codec* codec, const uint64_t* codes, long double* x,
                                              size_t count, const udnn_scale* scales, size_t scale_count,
                                              udnn_error* error);

// Formats in blocks (bfp, mx, nvfp4) have a scale for each block, one byte, beside the codes. They follow one another
// in the order of the array; the last may be shorter.

/// How many blocks `count` values have; 0 for formats without blocks, and for NULL.
UDNN_C_API size_t udnn_codec_blocks(const udnn_codec* codec, size_t count);

/// x, codes [count], block_scales [block_count], block_count = udnn_codec_blocks(codec, count).
UDNN_C_API udnn_status udnn_codec_encode_blocks_f32(const udnn_codec* codec, const float* x, uint64_t* codes,
                                                    size_t count, uint8_t* block_scales, size_t block_count,
                                                    const udnn_quantize_options* options, udnn_statistics* statistics,
                                                    udnn_error* error);
UDNN_C_API udnn_status udnn_codec_encode_blocks_f64(const udnn_codec* codec, const double* x, uint64_t* codes,
                                                    size_t count, uint8_t* block_scales, size_t block_count,
                                                    const udnn_quantize_options* options, udnn_statistics* statistics,
                                                    udnn_error* error);

/// tensor: the scale of nvfp4; NULL for 1.
UDNN_C_API udnn_status udnn_codec_decode_blocks_f32(const udnn_codec* codec, const uint64_t* codes, float* x,
                                                    size_t count, const uint8_t* block_scales, size_t block_count,
                                                    const udnn_scale* tensor, udnn_error* error);
UDNN_C_API udnn_status udnn_codec_decode_blocks_f64(const udnn_codec* codec, const uint64_t* codes, double* x,
                                                    size_t count, const uint8_t* block_scales, size_t block_count,
                                                    const udnn_scale* tensor, udnn_error* error);

/// Bytes of `count` codes without gaps; 0 where bits is not 1 .. 64.
UDNN_C_API size_t udnn_packed_bytes(size_t count, int bits);

/// codes [count], bytes [udnn_packed_bytes(count, bits)]; little endian.
UDNN_C_API udnn_status udnn_pack_codes(const uint64_t* codes, size_t count, int bits, uint8_t* bytes, size_t byte_count,
                                       udnn_error* error);
UDNN_C_API udnn_status udnn_unpack_codes(const uint8_t* bytes, size_t byte_count, int bits, uint64_t* codes,
                                         size_t count, udnn_error* error);

#ifdef __cplusplus
}
#endif
// NOLINTEND(modernize-*,readability-identifier-naming)

#endif
