// src/ops/block_product.h: the driver of units that multiply whole tiles.
//
//   for each group of panels of B           packed first where they were not before; they stay in L2
//     for each 32 rows of A                 packed first where they do not lie on lines of the cache
//       for each 2 KiB of their k           C stays in L2 meanwhile
//         for each panel                    kernels/gemm_blocks.h
//
// A lies there before, or is copied: half of the lines of rows of 784 bf16 cross two of the cache's, and a tile then
// takes twice as long to load.
#pragma once

#include "src/ops/product.h"

namespace udnn::ops {

/// Of a job with blocks.
template <class P>
ScratchSize scratch_size(const ProductJob<P>& job) noexcept;

/// As multiply() in product.h, of a job with blocks.
template <class P>
void multiply(Worker& worker, const kernels::PackKernels& kernels, const ProductJob<P>& job,
              const ProductScratch<P>& scratch, Finish<typename P::C> finish) noexcept;

}  // namespace udnn::ops
