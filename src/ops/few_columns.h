// src/ops/few_columns.h: the driver of products of few columns.
//
//   for each block of rows of A             turned first where its k do not lie side by side
//     kernels/gemm_few.h                    along the columns of B, which are turned first where they do not lie as
//     rows
//                                           and enough rows of A come by, and stay in L2; else across them
//
// Workers share the rows alone.
#pragma once

#include "src/ops/product.h"

namespace udnn::ops {

template <class P>
inline constexpr bool kHasFew =
    std::is_same_v<P, kernels::PlainProduct<float>> || std::is_same_v<P, kernels::PlainProduct<double>>;

/// Whether products of that many columns are summed along k, which changes their bits. A function of n and k alone, so
/// that B can be packed without knowing m, and the same for every instruction set.
template <class T>
constexpr bool few_columns_pay(std::size_t n, std::size_t k) noexcept {
  // The least k for n = 1, 2, ... where 128 rows, B packed, take no longer (Granite Rapids, 2026-12, avx512); avx2 has
  // 0.8 of its speed at the worst (8 columns) and the double at the best.
  constexpr std::size_t kLeast[2][kernels::FewKernel<T>::kMaxCols] = {
      {16, 24, 32, 40, 56, 64, 80, 80, 112, 128, 160, 160, 384, 384, 512},      // float
      {16, 32, 48, 64, 64, 64, 256, 384, 80, 96, 128, 160, 192, 256, 512}};     // double: 8 lanes are full without this
  constexpr std::size_t kLongest = (std::size_t{1} << 20U) / (16 * sizeof(T));  // B stays in L2, and fits the scratch
  return n >= 1 && n <= kernels::FewKernel<T>::kMaxCols && k <= kLongest && k >= kLeast[sizeof(T) == 8 ? 1 : 0][n - 1];
}

/// B packed: [n, k], rows begin on a line of the cache.
template <class T>
constexpr std::size_t few_packed_stride(std::size_t k) noexcept {
  constexpr std::size_t kLine = 64 / sizeof(T);
  return (k + kLine - 1) / kLine * kLine;
}
template <class T>
constexpr std::size_t few_packed_size(std::size_t n, std::size_t k) noexcept {
  return n * few_packed_stride<T>(k);
}
template <class T>
void pack_few(const kernels::FewKernel<T>& kernel, const Stored& b, std::size_t n, std::size_t k, T* to) noexcept;

template <class P>
ScratchSize few_scratch_size(const ProductJob<P>& job) noexcept;

/// OneCall of job.few.
template <class T>
struct FewCall {
  void (*run)(const kernels::FewArgs<T>& args) noexcept = nullptr;  ///< null: something has to be packed
  kernels::FewArgs<T> args{};
};
template <class P>
FewCall<typename P::C> one_few_call(const ProductJob<P>& job) noexcept;

/// As multiply() in product.h, of a job with few.
template <class P>
void multiply_few(Worker& worker, const ProductJob<P>& job, const ProductScratch<P>& scratch,
                  const Finish<typename P::C>& finish) noexcept;

}  // namespace udnn::ops
