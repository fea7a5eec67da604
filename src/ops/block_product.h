// src/ops/block_product.h: the driver of units that multiply whole tiles; part of multiply() in product.h.
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

template <class P>
ScratchSize block_scratch_size(const ProductJob<P>& job, const Panels& panels) noexcept;

/// One worker's rows and panels of job.blocks.
template <class P>
void multiply_blocks(const kernels::PackKernels& kernels, const ProductJob<P>& job, const ProductScratch<P>& scratch,
                     const Finish<typename P::C>& finish, const Panels& panels, Range rows, Range part) noexcept;

}  // namespace udnn::ops
