#include "src/ops/gemm.h"
#include "src/base/ceil_div.h"

#include <algorithm>
#include <cassert>
#include <type_traits>

namespace udnn::ops {

namespace {

using base::ceil_div;

constexpr std::size_t kKc =
    384;  // rows of b in one pass: 64 columns x 384 x 4 bytes = 96 KiB, which stay in L2 while the rows of a pass by
constexpr std::size_t kAccumulatedRows = 16;  // in one piece of work: the kernel cuts them into 8 and 4

}  // namespace

template <class T>
Result<Gemm<T>> Gemm<T>::create(const kernels::KernelTable& table, const Accumulator<T>& accumulator) {
  return Gemm(table.carrier<T>().gemm, accumulator);
}

template <class T>
void Gemm<T>::run(Worker& worker, const GemmOperands<T>& operands, Finish<T> finish) const noexcept {
  const auto& [m, n, k, a, a_row_stride, a_k_stride, b, b_stride, bias, c, c_stride, accumulate] = operands;
  assert(!finish || c_stride == n);

  // Columns in panels of equal vectors, 8 vectors = 4 + 4 and not 4 + 3 + 1 of another width; rows in blocks as high as
  // the panel allows. Tiles are numbered down the rows, then along the panels: a worker keeps one panel of b for many
  // rows.
  const std::size_t all_vectors = ceil_div(n, kernel_->lanes), panels = ceil_div(all_vectors, kernel_->vectors);
  const auto highest = [&] { return kernel_->rows[ceil_div(all_vectors, panels) - 1]; };
  const std::size_t row_blocks =
      panels == 0 ? 0 : ceil_div(m, accumulator_.is_carrier() ? highest() : kAccumulatedRows);
  const Range mine = worker.share(row_blocks * panels);

  for (std::size_t panel = 0; panel < panels; ++panel) {
    const std::size_t first_tile = panel * row_blocks;
    const std::size_t begin = std::max(mine.begin, first_tile), end = std::min(mine.end, first_tile + row_blocks);
    if (begin >= end) continue;
    const Range vectors = part_of(all_vectors, panels, panel);
    const std::size_t column = vectors.begin * kernel_->lanes;
    const std::size_t cols = std::min(vectors.end * kernel_->lanes, n) - column;
    // Narrow accumulators take all of k at once: their chunks go on, and rounding leaves time to wait for b.
    // So does the wide carrier, which rounds a sum once.
    const bool in_passes = accumulator_.is_carrier() && !std::is_same_v<T, kernels::Wide>;
    const std::size_t most = in_passes ? kKc : k;
    std::size_t first_k = 0;
    do {  // once, if k = 0: then c is the start
      const std::size_t depth = std::min(most, k - first_k);
      const std::ptrdiff_t offset = static_cast<std::ptrdiff_t>(first_k) * a_k_stride;
      for (std::size_t tile = begin; tile < end; ++tile) {
        const Range rows = part_of(m, row_blocks, tile - first_tile);
        T* const tile_c = c + rows.begin * c_stride + column;
        const kernels::GemmArgs<T> args{.k_depth = depth,
                                        .k_outer = 1,
                                        .offsets = &offset,
                                        .a = a + static_cast<std::ptrdiff_t>(rows.begin) * a_row_stride,
                                        .a_row_stride = a_row_stride,
                                        .a_k_stride = a_k_stride,
                                        .b = b + first_k * b_stride + column,
                                        .b_stride = b_stride,
                                        .bias = bias == nullptr ? nullptr : bias + column,
                                        .c = tile_c,
                                        .c_stride = c_stride,
                                        .cols = cols,
                                        .accumulate = accumulate || first_k != 0};
        if (accumulator_.is_carrier())
          kernel_->run[vectors.size() - 1][rows.size() - 1](args);
        else
          accumulator_.run(args, rows.size(), false, {});
        if (!finish || first_k + depth < k) continue;
        const std::size_t first = rows.begin * n + column;
        if (cols == n)
          finish(tile_c, rows.size() * n, first);
        else
          for (std::size_t i = 0; i < rows.size(); ++i) finish(tile_c + i * n, cols, first + i * n);
      }
      first_k += depth;
    } while (first_k < k);
  }
  worker.barrier();
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
