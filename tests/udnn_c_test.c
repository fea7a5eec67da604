// udnn/udnn_c.h and udnn/gemm_c.h as a C11 program meets them. Prints what is wrong, and where; exit code 0: nothing.
#include "udnn/udnn_c.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "udnn/gemm_c.h"

static int failures = 0;

static void expect(int holds, const char* what, int line) {
  if (holds) return;
  printf("udnn_c_test.c:%d: expected %s\n", line, what);
  ++failures;
}
#define EXPECT(condition) expect((condition) != 0, #condition, __LINE__)

static void expect_error(udnn_status got, udnn_status want, const udnn_error* error, const char* text, int line) {
  if (got == want && strcmp(error->message, text) == 0) return;
  printf("udnn_c_test.c:%d: status %d, expected %d\n  said     %s\n  expected %s\n", line, (int)got, (int)want,
         error->message, text);
  ++failures;
}
#define EXPECT_ERROR(call, status, text) expect_error((call), (status), &error, (text), __LINE__)
#define EXPECT_OK(call) expect_error((call), UDNN_OK, &error, "", __LINE__)

static udnn_codec* codec_of(const char* format) {
  udnn_error error;
  udnn_codec* codec = NULL;
  EXPECT_OK(udnn_codec_create(format, &codec, &error));
  return codec;
}

static void describes_formats(void) {
  udnn_error error;
  udnn_format_facts facts;
  EXPECT_OK(udnn_format_describe("f5.10:rne", &facts, &error));
  EXPECT(strcmp(facts.name, "fp16") == 0);
  EXPECT(facts.bits == 16 && facts.storage_bits == 16 && facts.significant_bits == 11 && facts.block == 0);
  EXPECT(facts.largest == 65504 && facts.lowest == -65504);
  EXPECT(facts.smallest_normal == 0x1p-14 && facts.smallest_subnormal == 0x1p-24 && facts.spacing_at_one == 0x1p-10);
  EXPECT(facts.has_infinity == 1 && facts.has_nan == 1 && facts.has_negative_zero == 1);
  EXPECT(facts.needs_scale == 0 && facts.fits_double == 1 && facts.fits_float == 1);

  EXPECT_OK(udnn_format_describe("mxfp4", &facts, &error));
  EXPECT(facts.block == 32 && facts.storage_bits == 4.25 && facts.needs_scale == 1);
  EXPECT_OK(udnn_format_describe("fx4.28", &facts, &error));
  EXPECT(facts.fits_double == 1 && facts.fits_float == 0 && facts.has_infinity == 0);

  EXPECT_ERROR(udnn_format_describe("fp31", &facts, &error), UDNN_INVALID_ARGUMENT,
               "\"fp31\": unknown format 'fp31' at column 1, expected one of fp64, fp32, fp16, or fE.M for another "
               "split");
  EXPECT(strcmp(facts.name, "fx4.28") == 0);  // as it was
  EXPECT_ERROR(udnn_format_describe(NULL, &facts, &error), UDNN_INVALID_ARGUMENT, "format: NULL");
  EXPECT(udnn_format_describe("fp31", &facts, NULL) == UDNN_INVALID_ARGUMENT);

  char endless[2000];
  memset(endless, 'x', sizeof endless - 1);
  endless[sizeof endless - 1] = '\0';
  EXPECT(udnn_format_describe(endless, &facts, &error) == UDNN_INVALID_ARGUMENT);
  EXPECT(strlen(error.message) == sizeof error.message - 1);
}

static void refuses_what_it_cannot_make(void) {
  udnn_error error;
  udnn_codec* codec = NULL;
  EXPECT_ERROR(udnn_codec_create("f4.3:wrap", &codec, &error), UDNN_INVALID_ARGUMENT,
               "\"f4.3:wrap\": modifier 'wrap' does not apply to f4.3 at column 6, expected one of sat, inf, nan");
  EXPECT(codec == NULL);
  EXPECT_ERROR(udnn_codec_create("e4m3", NULL, &error), UDNN_INVALID_ARGUMENT, "codec: NULL");
  udnn_codec_destroy(NULL);
}

static void rounds_arrays(void) {
  udnn_error error;
  udnn_codec* const e4m3 = codec_of("e4m3");
  const float x[] = {0.0F, 0x1p-20F, 500.0F, -1.0F, 0.1F, INFINITY, NAN};
  enum { kCount = sizeof x / sizeof x[0] };
  float q[kCount];
  double wide[kCount];
  udnn_statistics statistics;
  EXPECT_OK(udnn_codec_quantize_f32(e4m3, x, q, kCount, NULL, &statistics, &error));
  EXPECT(q[0] == 0 && q[1] == 0 && q[2] == 448 && q[3] == -1 && q[4] == 0.1015625F && q[5] == 448 && isnan(q[6]));
  EXPECT(statistics.count == kCount && statistics.zeros_in == 1 && statistics.zeros_out == 1);
  EXPECT(statistics.saturated == 1 && statistics.non_finite == 2 && statistics.max_abs == 500);
  EXPECT(fabs(statistics.sqnr_db - 10 * log10(statistics.value_squares / statistics.error_squares)) < 1e-12);
  for (int i = 0; i < kCount; ++i) wide[i] = (double)x[i];
  EXPECT_OK(udnn_codec_quantize_f64(e4m3, wide, wide, kCount, NULL, NULL, &error));  // in place
  for (int i = 0; i < kCount - 1; ++i) EXPECT(wide[i] == (double)q[i]);

  EXPECT_OK(udnn_codec_quantize_f32(e4m3, NULL, NULL, 0, NULL, NULL, &error));
  EXPECT_ERROR(udnn_codec_quantize_f32(e4m3, NULL, q, 3, NULL, NULL, &error), UDNN_INVALID_ARGUMENT,
               "x: NULL, expected 3 of them");
  EXPECT_ERROR(udnn_codec_quantize_f32(e4m3, x, NULL, 3, NULL, NULL, &error), UDNN_INVALID_ARGUMENT,
               "q: NULL, expected 3 of them");
  EXPECT_ERROR(udnn_codec_quantize_f32(NULL, x, q, 3, NULL, NULL, &error), UDNN_INVALID_ARGUMENT, "codec: NULL");
  udnn_codec_destroy(e4m3);
}

static void rounds_long_doubles(void) {
  udnn_error error;
  udnn_codec* const codec = codec_of("fx8.56");
  const double narrow = 1;
  double q = 0;
  EXPECT_ERROR(udnn_codec_quantize_f64(codec, &narrow, &q, 1, NULL, NULL, &error), UDNN_UNSUPPORTED,
               "fx8.56: 63 significant bits, expected at most 53 in the double carrier");
  const long double x[] = {1 + 0x1p-56L, 1 + 0x1p-57L, 200, -0x1p-57L};
  enum { kCount = sizeof x / sizeof x[0] };
  long double rounded[kCount], again[kCount];
  uint64_t codes[kCount];
  udnn_statistics statistics;
  EXPECT_OK(udnn_codec_quantize_long(codec, x, rounded, kCount, NULL, &statistics, &error));
  EXPECT(rounded[0] == x[0] && rounded[1] == 1 && rounded[2] == 128 - 0x1p-56L && rounded[3] == 0);
  EXPECT(statistics.saturated == 1 && statistics.zeros_out == 1);
  EXPECT_OK(udnn_codec_encode_long(codec, x, codes, kCount, NULL, NULL, &error));
  EXPECT(codes[0] == (UINT64_C(1) << 56) + 1 && codes[2] == UINT64_MAX >> 1 && codes[3] == 0);
  EXPECT_OK(udnn_codec_decode_long(codec, codes, again, kCount, NULL, 0, &error));
  for (int i = 0; i < kCount; ++i) EXPECT(again[i] == rounded[i]);
  udnn_codec_destroy(codec);

  udnn_codec* const dynamic = codec_of("dfx64");
  udnn_scale scale;
  EXPECT_OK(udnn_codec_find_scales_long(dynamic, x, kCount, &scale, 1, &error));
  EXPECT(scale.unit == 0x1p-55);  // 200 below 2^63 times that
  udnn_codec_destroy(dynamic);
}

static void draws_from_the_seed(void) {
  udnn_error error;
  udnn_codec* const codec = codec_of("fx2.6:sr");
  enum { kCount = 4000 };
  static double x[kCount], first[kCount], again[kCount], other[kCount], part[kCount];
  double sum = 0;
  int differ = 0;
  for (int i = 0; i < kCount; ++i) x[i] = 0.3;
  udnn_quantize_options options = {.seed = 7};
  EXPECT_OK(udnn_codec_quantize_f64(codec, x, first, kCount, &options, NULL, &error));
  EXPECT_OK(udnn_codec_quantize_f64(codec, x, again, kCount, &options, NULL, &error));
  options.first_element = 1001;
  EXPECT_OK(udnn_codec_quantize_f64(codec, x, part, kCount - 1001, &options, NULL, &error));
  options.first_element = 0;
  options.step = 1;
  EXPECT_OK(udnn_codec_quantize_f64(codec, x, other, kCount, &options, NULL, &error));
  for (int i = 0; i < kCount; ++i) {
    sum += first[i];
    differ += first[i] != other[i];
  }
  EXPECT(memcmp(first, again, sizeof first) == 0);
  EXPECT(memcmp(first + 1001, part, (kCount - 1001) * sizeof(double)) == 0);
  EXPECT(differ > 100);
  // 0.3 = 19.2 / 64: up with probability 0.2. Five standard deviations of the mean: 5 sqrt(0.16 / 4000) / 64 < 0.0005.
  EXPECT(fabs(sum / kCount - 0.3) < 0.0005);
  options.tensor = 1U << 24U;
  EXPECT_ERROR(udnn_codec_quantize_f64(codec, x, other, kCount, &options, NULL, &error), UDNN_INVALID_ARGUMENT,
               "fx2.6:sr: tensor 16777216, expected 0 to 16777215");
  udnn_codec_destroy(codec);
}

static void encodes_and_packs(void) {
  udnn_error error;
  udnn_codec* const int4 = codec_of("int4");
  const float x[6] = {0.7F, -14, 0.35F, 3, -0.1F, 2};  // two channels: the largest are 0.7 and 14
  udnn_scale scales[2];
  uint64_t codes[6], unpacked[6];
  uint8_t bytes[3];
  float decoded[6], q[6];
  EXPECT_OK(udnn_codec_find_scales_f32(int4, x, 6, scales, 2, &error));
  EXPECT(scales[0].unit == (double)(float)((double)0.7F / 7) && scales[1].unit == 2);
  const udnn_quantize_options options = {.scales = scales, .scale_count = 2};
  EXPECT_OK(udnn_codec_encode_f32(int4, x, codes, 6, &options, NULL, &error));
  EXPECT(codes[0] == 7 && codes[1] == 9 && codes[3] == 2 && codes[4] == 15 && codes[5] == 1);
  EXPECT(udnn_packed_bytes(6, 4) == 3 && udnn_packed_bytes(6, 0) == 0 && udnn_packed_bytes(6, 65) == 0);
  EXPECT_OK(udnn_pack_codes(codes, 6, 4, bytes, 3, &error));
  EXPECT(bytes[0] == 0x97 && bytes[2] == 0x1f);
  EXPECT_OK(udnn_unpack_codes(bytes, 3, 4, unpacked, 6, &error));
  EXPECT(memcmp(codes, unpacked, sizeof codes) == 0);
  EXPECT_OK(udnn_codec_decode_f32(int4, unpacked, decoded, 6, scales, 2, &error));
  EXPECT_OK(udnn_codec_quantize_f32(int4, x, q, 6, &options, NULL, &error));
  EXPECT(memcmp(decoded, q, sizeof q) == 0);

  EXPECT_ERROR(udnn_codec_encode_f32(int4, x, codes, 6, NULL, NULL, &error), UDNN_INVALID_ARGUMENT,
               "int4: no scale, expected one, which its codes are decoded with");
  EXPECT_ERROR(udnn_pack_codes(codes, 6, 4, bytes, 2, &error), UDNN_INVALID_ARGUMENT,
               "2 bytes, expected 3 for 6 codes of 4 bits");
  EXPECT_ERROR(udnn_unpack_codes(bytes, 3, 65, unpacked, 6, &error), UDNN_INVALID_ARGUMENT,
               "65 bits, expected 1 to 64");
  unpacked[2] = 16;
  EXPECT_ERROR(udnn_codec_decode_f32(int4, unpacked, decoded, 6, scales, 2, &error), UDNN_INVALID_ARGUMENT,
               "int4: code 2 is 0x10, which no value has");
  udnn_codec_destroy(int4);

  udnn_codec* const fp64 = codec_of("fp64");
  const double wide[2] = {0.1, -INFINITY};
  uint64_t bits[2];
  double back[2];
  udnn_scale own;
  EXPECT_OK(udnn_codec_find_scales_f64(fp64, wide, 2, &own, 1, &error));
  EXPECT(own.unit == 1);
  EXPECT_OK(udnn_codec_encode_f64(fp64, wide, bits, 2, NULL, NULL, &error));
  EXPECT(bits[0] == UINT64_C(0x3fb999999999999a) && bits[1] == UINT64_C(0xfff0000000000000));
  EXPECT_OK(udnn_codec_decode_f64(fp64, bits, back, 2, NULL, 0, &error));
  EXPECT(memcmp(back, wide, sizeof wide) == 0);
  EXPECT_ERROR(udnn_codec_quantize_f32(fp64, x, q, 6, NULL, NULL, &error), UDNN_INVALID_ARGUMENT,
               "fp64: does not fit the float carrier, expected double");
  udnn_codec_destroy(fp64);
}

static void encodes_blocks(void) {
  udnn_error error;
  udnn_codec* const mx = codec_of("mxfp4");
  enum { kCount = 40 };
  float x[kCount], q[kCount], decoded[kCount];
  double wide[kCount], wide_decoded[kCount];
  uint64_t codes[kCount], wide_codes[kCount];
  uint8_t block_scales[2], bytes[kCount / 2];
  udnn_statistics statistics;
  for (int i = 0; i < kCount; ++i) wide[i] = x[i] = i < 32 ? (float)(i % 7) - 3 : 100;
  EXPECT(udnn_codec_blocks(mx, kCount) == 2 && udnn_codec_blocks(mx, 0) == 0 && udnn_codec_blocks(NULL, 9) == 0);
  EXPECT_OK(udnn_codec_quantize_f32(mx, x, q, kCount, NULL, NULL, &error));
  EXPECT_OK(udnn_codec_encode_blocks_f32(mx, x, codes, kCount, block_scales, 2, NULL, &statistics, &error));
  EXPECT(block_scales[0] == 126 && block_scales[1] == 131 && statistics.count == kCount);  // 3 = 6 / 2, 96 = 6 * 16
  EXPECT(codes[0] == 0xf && codes[3] == 0 && codes[4] == 4 && codes[32] == 7);
  EXPECT_OK(udnn_pack_codes(codes, kCount, 4, bytes, sizeof bytes, &error));
  EXPECT_OK(udnn_codec_decode_blocks_f32(mx, codes, decoded, kCount, block_scales, 2, NULL, &error));
  EXPECT(memcmp(decoded, q, sizeof q) == 0);
  EXPECT_OK(udnn_codec_encode_blocks_f64(mx, wide, wide_codes, kCount, block_scales, 2, NULL, NULL, &error));
  EXPECT(memcmp(codes, wide_codes, sizeof codes) == 0);
  EXPECT_OK(udnn_codec_decode_blocks_f64(mx, codes, wide_decoded, kCount, block_scales, 2, NULL, &error));
  for (int i = 0; i < kCount; ++i) EXPECT(wide_decoded[i] == (double)decoded[i]);
  EXPECT_ERROR(udnn_codec_encode_blocks_f32(mx, x, codes, kCount, NULL, 2, NULL, NULL, &error), UDNN_INVALID_ARGUMENT,
               "block_scales: NULL, expected 2 of them");
  EXPECT_ERROR(udnn_codec_decode_blocks_f32(mx, codes, x, kCount, block_scales, 1, NULL, &error), UDNN_INVALID_ARGUMENT,
               "mxfp4: 1 block scales, expected 2");
  EXPECT_ERROR(udnn_codec_encode_f32(mx, x, codes, kCount, NULL, NULL, &error), UDNN_INVALID_ARGUMENT,
               "mxfp4: its neighbours share a scale, expected encode_blocks()");
  udnn_codec_destroy(mx);

  udnn_codec* const nv = codec_of("nvfp4");
  const float two[2] = {24, 3};
  const udnn_scale tensor = {.unit = 2};
  const udnn_quantize_options options = {.scales = &tensor, .scale_count = 1};
  EXPECT_OK(udnn_codec_encode_blocks_f32(nv, two, codes, 2, block_scales, 1, &options, NULL, &error));
  EXPECT(block_scales[0] == 0x40 && codes[0] == 7 && codes[1] == 2);  // 24 = 6 * 2 * 2; 3 = 0.75 * 4, even: 1
  EXPECT_OK(udnn_codec_decode_blocks_f32(nv, codes, decoded, 2, block_scales, 1, &tensor, &error));
  EXPECT(decoded[0] == 24 && decoded[1] == 4);
  udnn_codec_destroy(nv);
}

static void multiplies_matrices(void) {
  udnn_error error;
  udnn_gemm* gemm = NULL;
  enum { kM = 3, kN = 2, kK = 5 };
  uint8_t a[kM * kK];
  int8_t b[kK * kN];
  int32_t c[kM * kN], bias[kN] = {1000, -1000};
  for (int i = 0; i < kM * kK; ++i) a[i] = (uint8_t)(255 - i);
  for (int i = 0; i < kK * kN; ++i) b[i] = (int8_t)(i % 2 == 0 ? -128 + i : 127 - i);
  const udnn_gemm_config config = {.type = UDNN_GEMM_U8S8, .m = kM, .n = kN, .k = kK, .threads = 1};
  for (int packed = 0; packed <= 1; ++packed) {
    EXPECT_OK(udnn_gemm_create(&config, packed ? b : NULL, &gemm, &error));
    EXPECT(strstr(udnn_gemm_kernel(gemm), " u8s8") != NULL);
    udnn_gemm_run(gemm, a, packed ? NULL : b, c, bias);
    for (int i = 0; i < kM; ++i)
      for (int j = 0; j < kN; ++j) {
        int32_t want = bias[j];
        for (int k = 0; k < kK; ++k) want += a[i * kK + k] * b[k * kN + j];
        EXPECT(c[i * kN + j] == want);
      }
    udnn_gemm_destroy(gemm);
  }

  const double x[2] = {3, -4}, y[2] = {0.5, 2};
  double z[1] = {100};
  const udnn_gemm_config dot = {.type = UDNN_GEMM_F64, .m = 1, .n = 1, .k = 2, .accumulate = 1, .threads = 1};
  EXPECT_OK(udnn_gemm_create(&dot, NULL, &gemm, &error));
  udnn_gemm_run(gemm, x, y, z, NULL);
  EXPECT(z[0] == 93.5);
  udnn_gemm_destroy(gemm);
  udnn_gemm_destroy(NULL);

  udnn_gemm_config wrong = dot;
  wrong.type = (udnn_gemm_type)6;
  EXPECT_ERROR(udnn_gemm_create(&wrong, NULL, &gemm, &error), UDNN_INVALID_ARGUMENT, "gemm.type: 6, expected 0 to 5");
  wrong = dot;
  wrong.accumulate = 2;
  EXPECT_ERROR(udnn_gemm_create(&wrong, NULL, &gemm, &error), UDNN_INVALID_ARGUMENT,
               "gemm.accumulate: 2, expected 0 or 1");
  wrong = dot;
  wrong.a_stride = 1;
  EXPECT_ERROR(udnn_gemm_create(&wrong, NULL, &gemm, &error), UDNN_INVALID_ARGUMENT,
               "gemm.a_stride: 1, expected 0 or at least 2, the elements of a row");
  EXPECT_ERROR(udnn_gemm_create(NULL, NULL, &gemm, &error), UDNN_INVALID_ARGUMENT, "config: NULL");
}

int main(void) {
  EXPECT(strcmp(udnn_version(), UDNN_EXPECTED_VERSION) == 0);
  describes_formats();
  refuses_what_it_cannot_make();
  rounds_arrays();
  rounds_long_doubles();
  draws_from_the_seed();
  encodes_and_packs();
  encodes_blocks();
  multiplies_matrices();
  if (failures == 0) printf("udnn_c_test: all as expected\n");
  return failures != 0;
}
