// udnn/gemm_c.h: matrix products of uDNN for C, and for whatever calls C. Library: libudnn_c.so.
//
//   udnn_gemm_config config = {.type = UDNN_GEMM_U8S8, .m = 64, .n = 512, .k = 784, .activation = NULL};
//   udnn_gemm* gemm = NULL;
//   if (udnn_gemm_create(&config, weights, &gemm, &error) != UDNN_OK) return puts(error.message), 1;
//   udnn_gemm_run(gemm, x, NULL, y, bias);
//   udnn_gemm_destroy(gemm);
//
// What it computes, in what order, and what it refuses: udnn/gemm.h, whose words these are. Errors, memory: udnn_c.h.
// Threads  One run at a time for each udnn_gemm; several may run at the same time.
#ifndef UDNN_GEMM_C_H
#define UDNN_GEMM_C_H

#include "udnn/udnn_c.h"

// NOLINTBEGIN(modernize-*,readability-identifier-naming): these are C's own forms
#ifdef __cplusplus
extern "C" {
#endif

typedef enum udnn_gemm_type {
  UDNN_GEMM_F64 = 0,   ///< double x double -> double
  UDNN_GEMM_F32 = 1,   ///< float x float -> float
  UDNN_GEMM_F16 = 2,   ///< IEEE binary16 x binary16 -> float
  UDNN_GEMM_BF16 = 3,  ///< upper halves of floats -> float
  UDNN_GEMM_U8S8 = 4,  ///< uint8_t x int8_t -> int32_t
  UDNN_GEMM_S8S8 = 5,  ///< int8_t x int8_t -> int32_t
} udnn_gemm_type;

/// In which order bf16 is added: Bf16Order in udnn/gemm.h.
typedef enum udnn_bf16_order {
  UDNN_BF16_FASTEST = 0,
  UDNN_BF16_PAIRS = 1,
  UDNN_BF16_TILES = 2,
} udnn_bf16_order;

/// c [m, n] = f(start + bias + a [m, k] * b [k, n]),   start = c where it accumulates, else 0
typedef struct udnn_gemm_config {
  udnn_gemm_type type;
  size_t m;
  size_t n;
  size_t k;
  int32_t a_is_transposed;  ///< 0 or 1: a [k, m]
  int32_t b_is_transposed;  ///< 0 or 1: b [n, k]
  size_t a_stride;          ///< elements from one row to the next; 0: no gap
  size_t b_stride;
  size_t c_stride;
  int32_t accumulate;           ///< 0 or 1
  const char* activation;       ///< f, as networks name it ("relu"); NULL: none. Integers have none
  double activation_parameter;  ///< 0: the default
  int32_t threads;              ///< at most; 0: one for each core of this process
  udnn_bf16_order bf16_order;   ///< of no meaning for other types
} udnn_gemm_config;

/// A product of fixed sizes made ready.
typedef struct udnn_gemm udnn_gemm;

/// packed_b: where it is not NULL, b, of which a copy is packed now, for all runs.
UDNN_C_API udnn_status udnn_gemm_create(const udnn_gemm_config* config, const void* packed_b, udnn_gemm** gemm,
                                        udnn_error* error);

/// NULL is welcome.
UDNN_C_API void udnn_gemm_destroy(udnn_gemm* gemm);

/// b: not looked at where it was packed. bias: [n] of the type of c, or NULL. Nothing may be NULL but these. Allocates
/// nothing.
UDNN_C_API void udnn_gemm_run(const udnn_gemm* gemm, const void* a, const void* b, void* c, const void* bias);

/// What runs, for people: "avx512vnni u8s8 6x64". It lives as long as the udnn_gemm.
UDNN_C_API const char* udnn_gemm_kernel(const udnn_gemm* gemm);

#ifdef __cplusplus
}
#endif
// NOLINTEND(modernize-*,readability-identifier-naming)

#endif
