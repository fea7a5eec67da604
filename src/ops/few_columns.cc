#include "src/ops/few_columns.h"

#include <algorithm>
#include <cstring>

#include "src/base/ceil_div.h"

namespace udnn::ops {

namespace {

constexpr std::size_t kFinishedRows = 64;  // at a time: up to 8 KiB of C
constexpr std::size_t kLeastOfA = 16;
constexpr std::size_t kBytesOfA = 128U << 10U;  // transposed at a time, but for kLeastOfA rows, which there always are

/// Rows of A at most for which B is read as it lies: for more it takes less time to turn it first. The more columns the
/// longer that takes; a vector of 8 lanes is full enough to be no waste (5 x 10, 4 x 6 x 512, double 9 x 6 x 512;
/// Granite Rapids, avx512, 2026-12).
template <class T>
constexpr std::size_t rows_across(std::size_t n) noexcept {
  return n > 8 ? 6 : sizeof(T) == 8 ? 9 : 3;
}

template <class T>
std::size_t rows_of_a(std::size_t m, std::size_t k) noexcept {
  const std::size_t most = kBytesOfA / (few_packed_stride<T>(k) * sizeof(T)) / kLeastOfA * kLeastOfA;
  return std::min(std::clamp(most, kLeastOfA, kFinishedRows), m);
}

bool is_along(const Stored& b) noexcept { return b.row_stride == 1; }

/// Whether B is read as it is: packed before, stored as rows of k, or of use for too few rows.
template <class P>
bool reads_b(const ProductJob<P>& job, std::size_t rows) noexcept {
  return job.packed_b.data != nullptr || is_along(job.b) || rows <= rows_across<typename P::C>(job.n);
}

/// Everything but a, c, and b where it is not packed.
template <class P>
FewCall<typename P::C> call_of(const ProductJob<P>& job, std::size_t rows) noexcept {
  FewCall<typename P::C> call;
  const bool is_packed = job.packed_b.data != nullptr, along = is_packed || is_along(job.b) || !reads_b(job, rows);
  call.run = along ? job.few->along : job.few->across;
  call.args.rows = rows;
  call.args.cols = job.n;
  call.args.depth = job.k;
  call.args.a_row_stride = job.a.row_stride;
  call.args.a_k_stride = job.a.col_stride;
  call.args.b = job.packed_b.data;
  call.args.b_stride = is_packed || !reads_b(job, rows) ? few_packed_stride<typename P::B>(job.k)
                       : along                          ? static_cast<std::size_t>(job.b.col_stride)
                                                        : static_cast<std::size_t>(job.b.row_stride);
  call.args.bias = job.bias;
  call.args.c_stride = job.c_stride;
  call.args.accumulate = job.accumulate;
  return call;
}

}  // namespace

template <class T>
void pack_few(const kernels::FewKernel<T>& kernel, const Stored& b, std::size_t n, std::size_t k, T* to) noexcept {
  const std::size_t stride = few_packed_stride<T>(k);
  const auto* const from = static_cast<const T*>(b.data);
  if (is_along(b)) {
    for (std::size_t j = 0; j < n; ++j)
      std::memcpy(to + j * stride, from + static_cast<std::ptrdiff_t>(j) * b.col_stride, k * sizeof(T));
    return;
  }
  kernel.turn(k, n, from, static_cast<std::size_t>(b.row_stride), to, stride);
}

template <class P>
ScratchSize few_scratch_size(const ProductJob<P>& job) noexcept {
  using T = typename P::C;
  ScratchSize size;
  if (job.a.col_stride != 1) size.a = rows_of_a<T>(job.m, job.k) * few_packed_stride<T>(job.k);
  if (!reads_b(job, job.m)) size.b = few_packed_size<T>(job.n, job.k);
  return size;
}

template <class P>
FewCall<typename P::C> one_few_call(const ProductJob<P>& job) noexcept {
  FewCall<typename P::C> call = call_of(job, job.m);
  if (!reads_b(job, job.m) || (call.run == job.few->along && job.a.col_stride != 1)) return {};
  return call;
}

template <class P>
void multiply_few(Worker& worker, const ProductJob<P>& job, const ProductScratch<P>& scratch,
                  const Finish<typename P::C>& finish) noexcept {
  using T = typename P::C;
  if (job.m == 0) return;
  const Range mine = piece_of(worker, job.m, job.few->height, 1).rows;
  if (mine.size() == 0) return;
  FewCall<T> call = call_of(job, mine.size());
  auto& args = call.args;
  if (!reads_b(job, mine.size())) {
    pack_few(*job.few, job.b, job.n, job.k, scratch.b);
    args.b = scratch.b;
  } else if (args.b == nullptr) {
    args.b = static_cast<const T*>(job.b.data);
  }
  const bool packs_a = call.run == job.few->along && job.a.col_stride != 1;
  const std::size_t most = packs_a ? rows_of_a<T>(job.m, job.k) : finish ? kFinishedRows : mine.size();
  for (std::size_t row = mine.begin; row < mine.end; row += args.rows) {
    args.rows = std::min(most, mine.end - row);
    args.a = static_cast<const T*>(job.a.data) + static_cast<std::ptrdiff_t>(row) * job.a.row_stride;
    args.c = job.c + row * job.c_stride;
    if (packs_a) {
      const std::size_t stride = few_packed_stride<T>(job.k);
      job.few->turn(job.k, args.rows, args.a, static_cast<std::size_t>(job.a.col_stride), scratch.a, stride);
      args.a = scratch.a;
      args.a_row_stride = static_cast<std::ptrdiff_t>(stride);
    }
    call.run(args);
    if (finish) finish_rows(finish, args.c, job.c_stride, job.n, {row, row + args.rows}, {0, job.n});
  }
}

#define UDNN_INSTANTIATE(T)                                                                                   \
  template void pack_few(const kernels::FewKernel<T>&, const Stored&, std::size_t, std::size_t, T*) noexcept; \
  template ScratchSize few_scratch_size(const ProductJob<kernels::PlainProduct<T>>&) noexcept;                \
  template FewCall<T> one_few_call(const ProductJob<kernels::PlainProduct<T>>&) noexcept;                     \
  template void multiply_few(Worker&, const ProductJob<kernels::PlainProduct<T>>&,                            \
                             const ProductScratch<kernels::PlainProduct<T>>&, const Finish<T>&) noexcept
UDNN_INSTANTIATE(float);
UDNN_INSTANTIATE(double);
#undef UDNN_INSTANTIATE

}  // namespace udnn::ops
