// kernels/isa/shared_kernels.h: what the ISA files define for those above them, which add a multiplier and nothing
// else.
#pragma once

#include "kernels/kernel_table.h"

namespace udnn::kernels {

// avx2.cc
extern const CarrierKernels<float> kAvx2F32;
extern const CarrierKernels<double> kAvx2F64;
extern const ProductKernel<Fp16Product> kAvx2Fp16;
extern const ProductKernel<Bf16Product> kAvx2Bf16;
extern const ProductKernel<S16Product> kAvx2S16;
extern const BlockKernel<Bf16DotProduct> kAvx2Bf16Blocks;
extern const PackKernels kAvx2Pack;

// avx512.cc
extern const CarrierKernels<float> kAvx512F32;
extern const CarrierKernels<double> kAvx512F64;
extern const ProductKernel<Fp16Product> kAvx512Fp16;
extern const ProductKernel<Bf16Product> kAvx512Bf16;
extern const ProductKernel<S16Product> kAvx512S16;
extern const BlockKernel<Bf16DotProduct> kAvx512Bf16Blocks;
extern const PackKernels kAvx512Pack;

// avx512bf16.cc
extern const ProductKernel<Bf16DotProduct> kAvx512Bf16Dot;

// avx512vnni.cc
extern const ProductKernel<U8S8Product> kAvx512VnniU8S8;
extern const ProductKernel<S8S8Product> kAvx512VnniS8S8;

// neon.cc
extern const CarrierKernels<float> kNeonF32;
extern const CarrierKernels<double> kNeonF64;
extern const ProductKernel<Fp16Product> kNeonFp16;
extern const ProductKernel<Bf16Product> kNeonBf16;
extern const ProductKernel<S16Product> kNeonS16;
extern const PackKernels kNeonPack;

// neondot.cc
extern const ProductKernel<S8S8Product> kNeonDotS8S8;

}  // namespace udnn::kernels
