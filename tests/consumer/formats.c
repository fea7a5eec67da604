#include <stdio.h>

#include "udnn/udnn_c.h"

int main(void) {
  const float x[2] = {0.1F, 1e9F};
  float q[2];
  udnn_error error;
  udnn_codec* codec = NULL;
  if (udnn_codec_create("e4m3", &codec, &error) != UDNN_OK) return puts(error.message), 1;
  const udnn_status status = udnn_codec_quantize_f32(codec, x, q, 2, NULL, NULL, &error);
  udnn_codec_destroy(codec);
  if (status != UDNN_OK) return puts(error.message), 1;
  printf("%.9g %.9g with uDNN %s\n", (double)q[0], (double)q[1], udnn_version());
  return 0;
}
