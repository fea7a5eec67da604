#include "src/ops/gemm.h"

#include <algorithm>
#include <type_traits>

#include "src/base/ceil_div.h"
#include "src/ops/product.h"

namespace udnn::ops {

namespace {

using base::ceil_div;

constexpr std::size_t kAccumulatedRows = 16;  // in one piece of work: the kernel cuts them into 8 and 4

}  // namespace

template <class T>
Result<Gemm<T>> Gemm<T>::create(const kernels::KernelTable& table, const Accumulator<T>& accumulator) {
  return Gemm(table, accumulator);
}

template <class T>
void Gemm<T>::run(Worker& worker, const GemmOperands<T>& operands, Finish<T> finish) const noexcept {
  if constexpr (std::is_same_v<T, kernels::Wide>) {
    run_in_one_pass(worker, operands, finish);
  } else if (!accumulator_.is_carrier()) {
    run_in_one_pass(worker, operands, finish);
  } else {
    ProductJob<kernels::PlainProduct<T>> job;
    job.m = operands.m;
    job.n = operands.n;
    job.k = operands.k;
    job.a = {operands.a, operands.a_row_stride, operands.a_k_stride};
    job.b = {operands.b, static_cast<std::ptrdiff_t>(operands.b_stride), 1};
    job.bias = operands.accumulate ? nullptr : operands.bias;
    job.c = operands.c;
    job.c_stride = operands.c_stride;
    job.accumulate = operands.accumulate;
    multiply(worker, table_->pack, table_->carrier<T>().gemm, job, {}, finish);
  }
  worker.barrier();
}

// All of k at once, for whoever rounds a sum by rules of its own.
template <class T>
void Gemm<T>::run_in_one_pass(Worker& worker, const GemmOperands<T>& operands, Finish<T> finish) const noexcept {
  const auto& [m, n, k, a, a_row_stride, a_k_stride, b, b_stride, bias, c, c_stride, accumulate, product, draws] =
      operands;
  const kernels::GemmKernel<T>& kernel = table_->carrier<T>().gemm;
  const bool in_carrier = accumulator_.is_carrier();
  const Panels panels(n, kernel.lanes, kernel.vectors);
  const std::size_t height = in_carrier ? kernel.rows[0] : kAccumulatedRows;
  const std::size_t row_blocks = ceil_div(m, height);
  const Range mine = worker.share(row_blocks * panels.count);
  kernels::AccumulatorDraw draw = accumulator_.draw(product, draws);
  draw.element_stride = n;
  const std::uint64_t first_element = draw.element;
  for (std::size_t tile = mine.begin; tile < mine.end; ++tile) {
    const Range rows = part_of(m, row_blocks, tile % row_blocks);
    const Range vectors = panels.vectors(tile / row_blocks);
    const std::size_t column = vectors.begin * kernel.lanes;
    const std::size_t cols = std::min(vectors.end * kernel.lanes, n) - column;
    const std::size_t first = rows.begin * n + column;
    const std::ptrdiff_t no_offset = 0;
    T* const tile_c = c + rows.begin * c_stride + column;
    const kernels::GemmArgs<T> args{.k_depth = k,
                                    .k_outer = 1,
                                    .offsets = &no_offset,
                                    .a = a + static_cast<std::ptrdiff_t>(rows.begin) * a_row_stride,
                                    .a_row_stride = a_row_stride,
                                    .a_k_stride = a_k_stride,
                                    .b = b + column,
                                    .b_stride = b_stride,
                                    .bias = bias == nullptr || accumulate ? nullptr : bias + column,
                                    .c = tile_c,
                                    .c_stride = c_stride,
                                    .cols = cols,
                                    .accumulate = accumulate};
    draw.element = first_element + first;
    if (in_carrier)
      kernel.run[vectors.size() - 1][rows.size() - 1](args);
    else
      accumulator_.run(args, rows.size(), false, {}, draw);
    if (!finish) continue;
    if (cols == n && c_stride == n)
      finish(tile_c, rows.size() * n, first);
    else
      for (std::size_t i = 0; i < rows.size(); ++i) finish(tile_c + i * c_stride, cols, first + i * n);
  }
}

template <class T>
void column_sums(Worker& worker, const T* x, std::size_t rows, std::size_t cols, T* sums) noexcept {
  constexpr std::size_t kBlock = 32;  // columns: two cache lines of float
  const Range mine = worker.share(ceil_div(cols, kBlock));
  for (std::size_t block = mine.begin; block < mine.end; ++block) {
    const std::size_t column = block * kBlock, width = std::min(kBlock, cols - column);
    T chains[4][kBlock] = {};
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < width; ++j) chains[i % 4][j] += x[i * cols + column + j];
    for (std::size_t j = 0; j < width; ++j)
      sums[column + j] = (chains[0][j] + chains[1][j]) + (chains[2][j] + chains[3][j]);
  }
  worker.barrier();
}

template class Gemm<float>;
template class Gemm<double>;
template class Gemm<kernels::Wide>;
template void column_sums(Worker&, const float*, std::size_t, std::size_t, float*) noexcept;
template void column_sums(Worker&, const double*, std::size_t, std::size_t, double*) noexcept;
template void column_sums(Worker&, const kernels::Wide*, std::size_t, std::size_t, kernels::Wide*) noexcept;

}  // namespace udnn::ops
