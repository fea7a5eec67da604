#include "src/ops/product.h"

#include <algorithm>
#include <type_traits>

#include "src/base/ceil_div.h"
#include "src/machine/memory.h"

namespace udnn::ops {

namespace {

using base::ceil_div;

// Blocks, flat around these figures on every CPU that was measured (perf/gemm_bench).
constexpr std::size_t kRowsOfA = 240;                     // in one block: with kc of them 360 KiB of L2
constexpr std::size_t kFinishedRows = 24;                 // at a time: with 64 columns of float 6 KiB of L1
constexpr std::size_t kBytesOfB = std::size_t{1} << 20U;  // in packed panels, which all blocks of rows share

/// k in one block: 64 columns of it are 96 KiB of L2, and kRowsOfA rows of float 360 KiB. Floats take twice as many
/// where L2 has room, because C is read and written once for each block; of other types A would fill it.
template <class P>
std::size_t block_depth() noexcept {
  constexpr std::size_t kLeast = 384 * std::max<std::size_t>(1, 4 / sizeof(typename P::B));
  constexpr std::size_t kRoomy = std::size_t{2} << 20U;
  return std::is_same_v<P, kernels::PlainProduct<float>> && machine::l2_bytes() >= kRoomy ? 2 * kLeast : kLeast;
}

/// How the workers divide C: a grid of `rows` x `cols` of them, the rest has nothing to do.
struct Grid {
  std::size_t rows, cols;
};

Grid grid_of(std::size_t workers, std::size_t row_tiles, std::size_t panels) noexcept {
  Grid best{1, 1};
  std::size_t least = row_tiles * panels;
  for (std::size_t cols = std::min(workers, panels); cols >= 1;
       --cols) {  // few share a panel, where it is all the same
    const std::size_t rows = std::max<std::size_t>(1, std::min(workers / cols, row_tiles));
    const std::size_t longest = ceil_div(row_tiles, rows) * ceil_div(panels, cols);
    if (longest < least) {
      least = longest;
      best = {rows, cols};
    }
  }
  return best;
}

template <class P>
constexpr std::size_t to_granules(std::size_t k) noexcept {
  return ceil_div(k, P::kGranule) * P::kGranule;
}

/// Vectors in a panel: more than B is packed for where a single tile has all rows, and reads B as it lies.
template <class P>
std::size_t width_of(const kernels::ProductKernel<P>& kernel, const ProductJob<P>& job) noexcept {
  std::size_t width = kernel.vectors;
  if (job.pack_b == nullptr && job.packed_b.data == nullptr)
    while (width < kernel.widest && job.m <= kernel.rows[width]) ++width;
  return width;
}

/// What each column of a packed panel must start from: [vectors * lanes].
template <class P>
void compute_start(const kernels::ProductKernel<P>& kernel, std::size_t vectors, std::size_t k,
                   const typename P::B* panel, typename P::C* start) noexcept {
  const typename P::A nothing[P::kGranule] = {};
  const std::ptrdiff_t no_offset = 0;
  const std::size_t cols = vectors * kernel.lanes;
  kernels::ProductArgs<P> args{};
  args.k_depth = to_granules<P>(k) / P::kGranule;
  args.k_outer = 1;
  args.offsets = &no_offset;
  args.a = nothing;  // strides of 0: in every place
  args.b = panel;
  args.b_stride = cols * P::kGranule;
  args.c = start;
  args.c_stride = cols;
  args.cols = cols;
  kernel.run[vectors - 1][0](args);
  for (std::size_t j = 0; j < cols; ++j) start[j] = -start[j];
}

/// The part of one worker.
template <class P>
class Part {
 public:
  using A = typename P::A;
  using B = typename P::B;
  using C = typename P::C;

  Part(const kernels::PackKernels& kernels, const kernels::ProductKernel<P>& kernel, const ProductJob<P>& job,
       const ProductScratch<P>& scratch, const Finish<C>& finish, const Panels& panels) noexcept
      : kernels_(kernels), kernel_(kernel), job_(job), scratch_(scratch), finish_(finish), panels_(panels) {}

  void run(Range rows, Range panels) const noexcept {
    const std::size_t group = panels_in_group(kernel_, job_, rows.size(), panels_);
    for (std::size_t first = panels.begin; first < panels.end; first += group)
      run_group(rows, {first, std::min(first + group, panels.end)});
  }

  static std::size_t panels_in_group(const kernels::ProductKernel<P>& kernel, const ProductJob<P>& job,
                                     std::size_t rows, const Panels& panels) noexcept {
    if (job.pack_b == nullptr) return std::max<std::size_t>(1, panels.count);
    if (rows <= kRowsOfA) return 1;  // used once, so it need not stay
    const std::size_t panel =
        kernel.vectors * kernel.lanes * std::min(block_depth<P>(), to_granules<P>(job.k)) * sizeof(B);
    return std::clamp<std::size_t>(kBytesOfB / std::max<std::size_t>(1, panel), 1, panels.count);
  }

 private:
  // A block of k, its rows of A and of B.
  struct Depth {
    Range k;
    bool first, last;
  };

  void run_group(Range rows, Range group) const noexcept {
    std::size_t first_k = 0;
    do {  // once, if k = 0: then c is the start
      const std::size_t next = std::min(first_k + block_depth<P>(), job_.k);
      const Depth depth{{first_k, next}, first_k == 0, next == job_.k};
      if (job_.pack_b != nullptr) pack_group(depth.k, group);
      const std::size_t blocks = std::max<std::size_t>(1, ceil_div(rows.size(), kRowsOfA));
      for (std::size_t block = 0; block < blocks; ++block) {
        const Range part = part_of(rows.size(), blocks, block);
        const Range block_rows{rows.begin + part.begin, rows.begin + part.end};
        if (job_.pack_a != nullptr)
          job_.pack_a(kernels_, job_.a, block_rows, depth.k, scratch_.a, to_granules<P>(depth.k.size()));
        for (std::size_t panel = group.begin; panel < group.end; ++panel) run_panel(block_rows, group, panel, depth);
      }
      first_k = next;
    } while (first_k < job_.k);
  }

  std::size_t columns_before(std::size_t panel, Range group) const noexcept {
    return (panels_.vectors(panel).begin - panels_.vectors(group.begin).begin) * kernel_.lanes;
  }

  void pack_group(Range k, Range group) const noexcept {
    for (std::size_t panel = group.begin; panel < group.end; ++panel) {
      const Range vectors = panels_.vectors(panel);
      const std::size_t before = columns_before(panel, group);
      job_.pack_b(kernels_, job_.b, k, {vectors.begin * kernel_.lanes, std::min(vectors.end * kernel_.lanes, job_.n)},
                  vectors.size() * kernel_.lanes, scratch_.b + before * to_granules<P>(k.size()));
      if (needs_start(kernel_))
        compute_start(kernel_, vectors.size(), k.size(), scratch_.b + before * to_granules<P>(k.size()),
                      scratch_.start + before);
    }
  }

  void run_panel(Range rows, Range group, std::size_t panel, const Depth& depth) const noexcept {
    const Range vectors = panels_.vectors(panel);
    const std::size_t width = vectors.size() * kernel_.lanes, column = vectors.begin * kernel_.lanes;
    const std::size_t cols = std::min(vectors.end * kernel_.lanes, job_.n) - column;
    const std::size_t whole = depth.k.size() / P::kGranule, rest = depth.k.size() % P::kGranule;

    kernels::ProductArgs<P> args{};
    args.k_outer = 1;
    args.c_stride = job_.c_stride;
    args.cols = cols;
    args.accumulate = job_.accumulate || !depth.first;
    const C* start = nullptr;  // of a product that does not start from 0
    if (job_.packed_b.data != nullptr) {
      args.b = job_.packed_b.data + column * packed_depth<P>(job_.k) + depth.k.begin * width;
      args.b_stride = width * P::kGranule;
      if (needs_start(kernel_) && depth.first) start = job_.packed_b.start + column;
    } else if (job_.pack_b != nullptr) {
      const std::size_t before = columns_before(panel, group);
      args.b = scratch_.b + before * to_granules<P>(depth.k.size());
      args.b_stride = width * P::kGranule;
      if (needs_start(kernel_)) start = scratch_.start + before;
    } else {
      args.b = static_cast<const B*>(job_.b.data) + static_cast<std::ptrdiff_t>(depth.k.begin) * job_.b.row_stride +
               static_cast<std::ptrdiff_t>(column);
      args.b_stride = static_cast<std::size_t>(job_.b.row_stride);
    }
    C starts[kMaxColumns];
    const C* const bias = depth.first && job_.bias != nullptr ? job_.bias + column : nullptr;
    if (start != nullptr && bias != nullptr) {
      for (std::size_t j = 0; j < cols; ++j) starts[j] = wrapping_sum(start[j], bias[j]);
      args.bias = starts;
    } else {
      args.bias = start != nullptr ? start : bias;
    }

    const std::ptrdiff_t no_offset = 0;
    args.offsets = &no_offset;
    const bool is_packed = job_.pack_a != nullptr, is_panel = is_packed && job_.a.col_stride != 1;
    const std::size_t padded = to_granules<P>(depth.k.size());
    const std::size_t packed_row = is_panel ? P::kGranule : padded;
    args.a_row_stride = is_packed ? static_cast<std::ptrdiff_t>(packed_row) : job_.a.row_stride;
    args.a_k_stride = is_panel                       ? static_cast<std::ptrdiff_t>(rows.size() * P::kGranule)
                      : is_packed || P::kGranule > 1 ? static_cast<std::ptrdiff_t>(P::kGranule)
                                                     : job_.a.col_stride;
    args.k_depth = is_packed ? padded / P::kGranule : whole;
    // Tiles of equal height but for one row: the higher ones first. Finished a few at a time, while they are in L1.
    const std::size_t highest = kernel_.rows[vectors.size() - 1], tiles = ceil_div(rows.size(), highest);
    const std::size_t height = tiles == 1 ? rows.size() : rows.size() / tiles;
    const std::size_t higher = tiles == 1 ? 0 : rows.size() - height * tiles;
    const std::size_t at_a_time = finish_ ? std::max<std::size_t>(1, kFinishedRows / highest) : tiles;
    A tail[kRowsOfA * P::kGranule];
    for (std::size_t tile = 0, row = rows.begin; tile < tiles;) {
      const std::size_t tile_rows = tile < higher ? height + 1 : height;
      args.tiles = std::min(at_a_time, (tile < higher ? higher : tiles) - tile);
      const std::size_t count = args.tiles * tile_rows;
      const A* const lying = static_cast<const A*>(job_.a.data) + static_cast<std::ptrdiff_t>(row) * job_.a.row_stride +
                             static_cast<std::ptrdiff_t>(depth.k.begin) * job_.a.col_stride;
      args.a = is_packed ? scratch_.a + (row - rows.begin) * packed_row : lying;
      if (P::kGranule > 1 && !is_packed && rest != 0) {
        copy_tail(lying + whole * P::kGranule, count, rest, tail);
        args.a_tail = tail;
      }
      args.c = job_.c + row * job_.c_stride + column;
      kernel_.run[vectors.size() - 1][tile_rows - 1](args);
      if (finish_ && depth.last)
        finish_rows(finish_, args.c, job_.c_stride, job_.n, {row, row + count}, {column, column + cols});
      tile += args.tiles;
      row += count;
    }
  }

  // The last elements of rows of A, filled up to a granule.
  void copy_tail(const A* from, std::size_t rows, std::size_t elements, A* to) const noexcept {
    for (std::size_t i = 0; i < rows; ++i, from += job_.a.row_stride)
      for (std::size_t q = 0; q < P::kGranule; ++q, ++to) *to = q < elements ? from[q] : A{};
  }

  static C wrapping_sum(C a, C b) noexcept {
    if constexpr (std::is_integral_v<C>)
      return static_cast<C>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
    else
      return a + b;
  }

  static constexpr std::size_t kMaxColumns = 4 * 16;  // of a packed panel, with the widest vectors there are

  const kernels::PackKernels& kernels_;
  const kernels::ProductKernel<P>& kernel_;
  const ProductJob<P>& job_;
  const ProductScratch<P>& scratch_;
  const Finish<C>& finish_;
  const Panels& panels_;
};

}  // namespace

Panels::Panels(std::size_t n, std::size_t lane_count, std::size_t most) noexcept
    : lanes(lane_count), widest(most), all_vectors(ceil_div(n, lanes)), count(ceil_div(all_vectors, widest)) {}

Piece piece_of(const Worker& worker, std::size_t m, std::size_t highest, std::size_t panels) noexcept {
  if (worker.count == 1) return {{0, m}, {0, panels}};
  const std::size_t row_tiles = ceil_div(m, highest);
  const Grid grid = grid_of(static_cast<std::size_t>(worker.count), row_tiles, panels);
  const auto me = static_cast<std::size_t>(worker.index);
  if (me >= grid.rows * grid.cols) return {};
  const Range tiles = part_of(row_tiles, grid.rows, me % grid.rows);
  return {{part_of(m, row_tiles, tiles.begin).begin, part_of(m, row_tiles, tiles.end - 1).end},
          part_of(panels, grid.cols, me / grid.rows)};
}

template <class P>
std::size_t packed_size(const kernels::ProductKernel<P>& kernel, std::size_t n, std::size_t k) noexcept {
  return ceil_div(n, kernel.lanes) * kernel.lanes * packed_depth<P>(k);
}

template <class P>
void pack_all(const kernels::PackKernels& kernels, const kernels::ProductKernel<P>& kernel, const Stored& b,
              PackB<P> pack_b, std::size_t n, std::size_t k, typename P::B* to, typename P::C* start) noexcept {
  const Panels panels(n, kernel.lanes, kernel.vectors);
  for (std::size_t panel = 0; panel < panels.count; ++panel) {
    const Range vectors = panels.vectors(panel);
    const std::size_t column = vectors.begin * kernel.lanes;
    const std::size_t width = vectors.size() * kernel.lanes;
    typename P::B* const panel_to = to + column * packed_depth<P>(k);
    pack_b(kernels, b, {0, k}, {column, std::min(vectors.end * kernel.lanes, n)}, width, panel_to);
    std::fill(panel_to + to_granules<P>(k) * width, panel_to + packed_depth<P>(k) * width, typename P::B{});
    if (needs_start(kernel)) compute_start(kernel, vectors.size(), k, panel_to, start + column);
  }
}

template <class P>
ScratchSize scratch_size(const kernels::ProductKernel<P>& kernel, const ProductJob<P>& job) noexcept {
  ScratchSize size;
  const std::size_t depth = std::min(block_depth<P>(), to_granules<P>(job.k));
  if (job.pack_a != nullptr) size.a = std::min(kRowsOfA, job.m) * depth;
  if (job.pack_b != nullptr) {
    const Panels panels(job.n, kernel.lanes, kernel.vectors);
    const std::size_t cols =
        std::min(Part<P>::panels_in_group(kernel, job, job.m, panels) * kernel.vectors, panels.all_vectors) *
        kernel.lanes;
    size.b = cols * depth;
    if (needs_start(kernel)) size.start = cols;
  }
  return size;
}

template <class P>
OneCall<P> one_call(const kernels::ProductKernel<P>& kernel, const ProductJob<P>& job) noexcept {
  static constexpr std::ptrdiff_t kNoOffset = 0;
  OneCall<P> call;
  const Panels panels(job.n, kernel.lanes, width_of(kernel, job));
  if (job.m == 0 || panels.count != 1 || job.pack_a != nullptr || job.pack_b != nullptr || job.k > block_depth<P>() ||
      job.k % P::kGranule != 0)
    return call;
  const std::size_t vectors = panels.all_vectors, tiles = ceil_div(job.m, kernel.rows[vectors - 1]);
  if (job.m % tiles != 0) return call;
  const bool is_packed = job.packed_b.data != nullptr;
  call.run = kernel.run[vectors - 1][job.m / tiles - 1];
  call.args.k_depth = job.k / P::kGranule;
  call.args.k_outer = 1;
  call.args.offsets = &kNoOffset;
  call.args.a_row_stride = job.a.row_stride;
  call.args.a_k_stride = P::kGranule > 1 ? static_cast<std::ptrdiff_t>(P::kGranule) : job.a.col_stride;
  call.args.b = job.packed_b.data;
  call.args.b_stride = is_packed ? vectors * kernel.lanes * P::kGranule : static_cast<std::size_t>(job.b.row_stride);
  if (needs_start(kernel)) call.args.bias = job.packed_b.start;
  call.args.c_stride = job.c_stride;
  call.args.cols = job.n;
  call.args.accumulate = job.accumulate;
  call.args.tiles = tiles;
  return call;
}

template <class P>
void multiply(Worker& worker, const kernels::PackKernels& kernels, const kernels::ProductKernel<P>& kernel,
              const ProductJob<P>& job, const ProductScratch<P>& scratch, Finish<typename P::C> finish) noexcept {
  const Panels panels(job.n, kernel.lanes, width_of(kernel, job));
  if (job.m == 0 || panels.count == 0) return;
  const std::size_t highest = kernel.rows[ceil_div(panels.all_vectors, panels.count) - 1];
  const Piece piece = piece_of(worker, job.m, highest, panels.count);
  if (piece.rows.size() == 0) return;
  Part<P>(kernels, kernel, job, scratch, finish, panels).run(piece.rows, piece.panels);
}

#define UDNN_INSTANTIATE(P)                                                                                       \
  template std::size_t packed_size(const kernels::ProductKernel<kernels::P>&, std::size_t, std::size_t) noexcept; \
  template void pack_all(const kernels::PackKernels&, const kernels::ProductKernel<kernels::P>&, const Stored&,   \
                         PackB<kernels::P>, std::size_t, std::size_t, kernels::P::B*, kernels::P::C*) noexcept;   \
  template ScratchSize scratch_size(const kernels::ProductKernel<kernels::P>&,                                    \
                                    const ProductJob<kernels::P>&) noexcept;                                      \
  template OneCall<kernels::P> one_call(const kernels::ProductKernel<kernels::P>&,                                \
                                        const ProductJob<kernels::P>&) noexcept;                                  \
  template void multiply(Worker&, const kernels::PackKernels&, const kernels::ProductKernel<kernels::P>&,         \
                         const ProductJob<kernels::P>&, const ProductScratch<kernels::P>&,                        \
                         Finish<kernels::P::C>) noexcept
UDNN_INSTANTIATE(PlainProduct<float>);
UDNN_INSTANTIATE(PlainProduct<double>);
UDNN_INSTANTIATE(Fp16Product);
UDNN_INSTANTIATE(Bf16Product);
UDNN_INSTANTIATE(Bf16DotProduct);
UDNN_INSTANTIATE(S16Product);
UDNN_INSTANTIATE(U8S8Product);
UDNN_INSTANTIATE(S8S8Product);
#undef UDNN_INSTANTIATE

}  // namespace udnn::ops
