#include "src/ops/block_product.h"

#include <algorithm>
#include <cstdint>

#include "src/base/ceil_div.h"
#include "src/ops/pack.h"

namespace udnn::ops {

namespace {

using base::ceil_div;

constexpr std::size_t kMaxPanels = 8;  // 512 columns
constexpr std::size_t kBytesOfB = std::size_t{1} << 20U;
constexpr std::size_t kBytesOfC = std::size_t{64} << 10U;
// Of a row of A. 1 or 2 KiB are as fast, 512 bytes 5 % slower (1024^3, Granite Rapids, 2026-12).
constexpr std::size_t kBytesOfDepth = 2048;
// For few columns 32 rows of A should stay in L1: 64 x 64 x 4096 takes 1.15 times as long with 2 KiB, 32 x 10 x 1024
// bytes that are copied first twice (same CPU and day).
constexpr std::size_t kBytesOfShortDepth = 512, kFewColumns = 128;
constexpr std::size_t kBytesOfStage = 16384;  // what is packed of one panel of B at a time: 1 MiB

template <class P>
constexpr std::size_t in_row(std::size_t bytes) noexcept {
  return bytes / sizeof(typename P::A);
}

/// Panels of which B stays in L2.
template <class P>
std::size_t panels_in_group(const ProductJob<P>& job, const Panels& panels) noexcept {
  const std::size_t depth = std::min(packed_depth<P>(job.k), in_row<P>(kBytesOfStage));
  const std::size_t panel = panels.widest * panels.lanes * std::max<std::size_t>(1, depth) * sizeof(typename P::B);
  return std::clamp<std::size_t>(kBytesOfB / panel, 1, std::min(kMaxPanels, std::max<std::size_t>(1, panels.count)));
}

/// Of `left` rows the next ones to be computed, `most` at a time and never fewer than 16 unless there are only so many.
std::size_t next_rows(std::size_t left, std::size_t most) noexcept {
  constexpr std::size_t kLeast = 16;
  return left <= most ? left : left < most + kLeast ? left - kLeast : most;
}

/// BlockKernel::pack_a of a transposed A.
template <class P>
void pack_transposed(const kernels::PackKernels& kernels, std::size_t rows, std::size_t depth,
                     const typename P::A* from, std::ptrdiff_t k_stride, typename P::A* to) noexcept {
  constexpr std::size_t kStep = kernels::BlockArgs<P>::kStep;
  for (std::size_t k = 0; k < depth; k += kStep, to += rows * kStep) {
    const std::size_t count = std::min(kStep, depth - k);
    const auto row = [&](std::size_t q) { return from + static_cast<std::ptrdiff_t>(k + q) * k_stride; };
    if constexpr (sizeof(typename P::A) == 2) {
      if (count < kStep) std::memset(static_cast<void*>(to), 0, rows * kStep * sizeof(to[0]));
      kernels.transpose_16(row(0), static_cast<std::size_t>(k_stride) * sizeof(from[0]), rows, count,
                           reinterpret_cast<std::uint16_t*>(to), kStep);
    } else {
      constexpr std::size_t kGranules = 16, kHeight = kernels::BlockArgs<P>::kHeight;
      const std::uint8_t none[kHeight] = {};
      std::uint32_t granules[kGranules][kHeight];
      for (std::size_t g = 0; g < kGranules; ++g) {
        const std::uint8_t* four[4];
        for (std::size_t q = 0; q < 4; ++q)
          four[q] = 4 * g + q < count ? reinterpret_cast<const std::uint8_t*>(row(4 * g + q)) : none;
        kernels.interleave_8(rows, four, granules[g]);
      }
      kernels.transpose_32(granules, sizeof granules[0], rows, kGranules, reinterpret_cast<std::uint32_t*>(to),
                           kGranules);
    }
  }
}

template <class P>
class BlockPart {
 public:
  using A = typename P::A;
  using B = typename P::B;
  using C = typename P::C;
  using Args = kernels::BlockArgs<P>;

  BlockPart(const kernels::PackKernels& kernels, const ProductJob<P>& job, const ProductScratch<P>& scratch,
            const Finish<C>& finish, const Panels& panels) noexcept
      : kernels_(kernels), job_(job), scratch_(scratch), finish_(finish), panels_(panels) {}

  void run(Range rows, Range part) const noexcept {
    job_.blocks->enter(rows.size());
    const std::size_t group = panels_in_group(job_, panels_);
    std::size_t first_k = 0;
    do {  // once, if k = 0: then c is the start
      const Range stage{first_k, std::min(first_k + in_row<P>(kBytesOfStage), job_.k)};
      for (std::size_t first = part.begin; first < part.end; first += group)
        run_group(rows, {first, std::min(first + group, part.end)}, stage);
      first_k = stage.end;
    } while (first_k < job_.k);
    job_.blocks->leave();
  }

 private:
  std::size_t column_of(std::size_t panel) const noexcept { return panels_.vectors(panel).begin * panels_.lanes; }
  std::size_t width_of(std::size_t panel) const noexcept { return panels_.vectors(panel).size() * panels_.lanes; }
  std::size_t end_of(std::size_t panel) const noexcept {
    return std::min(panels_.vectors(panel).end * panels_.lanes, job_.n);
  }

  void run_group(Range rows, Range group, Range stage) const noexcept {
    const B* b[kMaxPanels];  // of each panel, from the begin of the stage
    const std::size_t packed = packed_depth<P>(stage.size());
    B* to = scratch_.b;
    for (std::size_t p = 0; p < group.size(); ++p) {
      const std::size_t panel = group.begin + p, width = width_of(panel);
      if (job_.packed_b.data != nullptr) {
        b[p] = job_.packed_b.data + column_of(panel) * packed_depth<P>(job_.k) + stage.begin * width;
        continue;
      }
      b[p] = to;
      const std::size_t filled = ceil_div(stage.size(), P::kGranule) * P::kGranule * width;
      job_.pack_b(kernels_, job_.b, stage, {column_of(panel), end_of(panel)}, width, to);
      std::fill(to + filled, to + packed * width, B{});
      to += packed * width;
    }
    // Rows that need not be packed: as many as keep their part of C in L2 until it is finished.
    const std::size_t columns = end_of(group.end - 1) - column_of(group.begin);
    const std::size_t together = kBytesOfC / (columns * sizeof(C) * Args::kHeight) * Args::kHeight;
    const std::size_t most = lies_in_lines(rows, stage) ? std::max(Args::kHeight, together) : Args::kHeight;
    for (std::size_t row = rows.begin; row < rows.end;) {
      const std::size_t count = next_rows(rows.end - row, most);
      run_rows({row, row + count}, group, stage, b);
      row += count;
    }
  }

  void run_rows(Range rows, Range group, Range stage, const B* const* b) const noexcept {
    typename Args::Panel panels[kMaxPanels];
    const std::size_t column = column_of(group.begin), columns = end_of(group.end - 1) - column;
    Args args{};
    args.rows = rows.size();
    args.panels = panels;
    args.panel_count = group.size();
    args.c = job_.c + rows.begin * job_.c_stride + column;
    args.c_stride = job_.c_stride;
    const std::size_t longest = in_row<P>(columns <= kFewColumns ? kBytesOfShortDepth : kBytesOfDepth);
    std::size_t first_k = stage.begin;
    do {
      const Range depth{first_k, std::min(first_k + longest, stage.end)};
      for (std::size_t p = 0; p < group.size(); ++p)
        panels[p] = {b[p] + (depth.begin - stage.begin) * width_of(group.begin + p),
                     end_of(group.begin + p) - column_of(group.begin + p)};
      args.accumulate = job_.accumulate || depth.begin != 0;
      args.bias = job_.bias != nullptr && depth.begin == 0 ? job_.bias + column : nullptr;
      args.steps = ceil_div(depth.size(), Args::kStep);
      set_a(args, rows, depth);
      job_.blocks->run(args);
      first_k = depth.end;
    } while (first_k < stage.end);
    if (finish_ && stage.end == job_.k)
      finish_rows(finish_, args.c, job_.c_stride, job_.n, rows, {column, column + columns});
  }

  const A* a_at(Range rows, Range depth) const noexcept {
    return static_cast<const A*>(job_.a.data) + static_cast<std::ptrdiff_t>(rows.begin) * job_.a.row_stride +
           static_cast<std::ptrdiff_t>(depth.begin) * job_.a.col_stride;
  }
  /// Whether each row of A is whole lines of the cache, so that tiles are loaded as it lies.
  bool lies_in_lines(Range rows, Range depth) const noexcept {
    constexpr std::size_t kLine = 64;
    return job_.a.col_stride == 1 && reinterpret_cast<std::uintptr_t>(a_at(rows, depth)) % kLine == 0 &&
           static_cast<std::size_t>(job_.a.row_stride) % Args::kStep == 0 && depth.size() % Args::kStep == 0;
  }

  void set_a(Args& args, Range rows, Range depth) const noexcept {
    const A* const lying = a_at(rows, depth);
    if (lies_in_lines(rows, depth)) {
      args.a = lying;
      args.a_row_stride = job_.a.row_stride;
      args.a_step = Args::kStep;
      return;
    }
    if (job_.a.col_stride == 1)
      job_.blocks->pack_a(rows.size(), depth.size(), lying, job_.a.row_stride, scratch_.a);
    else
      pack_transposed<P>(kernels_, rows.size(), depth.size(), lying, job_.a.col_stride, scratch_.a);
    args.a = scratch_.a;
    args.a_row_stride = Args::kStep;
    args.a_step = static_cast<std::ptrdiff_t>(rows.size() * Args::kStep);
  }

  const kernels::PackKernels& kernels_;
  const ProductJob<P>& job_;
  const ProductScratch<P>& scratch_;
  const Finish<C>& finish_;
  const Panels& panels_;
};

template <class P>
Panels panels_of(const ProductJob<P>& job) noexcept {
  return {job.n, job.blocks->lanes, job.blocks->vectors};
}

}  // namespace

template <class P>
ScratchSize scratch_size(const ProductJob<P>& job) noexcept {
  const Panels panels = panels_of(job);
  ScratchSize size;
  const std::size_t depth = packed_depth<P>(job.k);
  size.a = std::min(kernels::BlockArgs<P>::kHeight, job.m) * std::min(depth, in_row<P>(kBytesOfDepth));
  if (job.pack_b != nullptr)
    size.b = std::min(panels_in_group(job, panels) * panels.widest, panels.all_vectors) * panels.lanes *
             std::min(depth, in_row<P>(kBytesOfStage));
  return size;
}

template <class P>
void multiply(Worker& worker, const kernels::PackKernels& kernels, const ProductJob<P>& job,
              const ProductScratch<P>& scratch, Finish<typename P::C> finish) noexcept {
  const Panels panels = panels_of(job);
  const Piece piece = piece_of(worker, job.m, kernels::BlockArgs<P>::kHeight, panels.count);
  if (piece.rows.size() == 0 || piece.panels.size() == 0) return;
  BlockPart<P>(kernels, job, scratch, finish, panels).run(piece.rows, piece.panels);
}

#define UDNN_INSTANTIATE(P)                                                                   \
  template ScratchSize scratch_size(const ProductJob<kernels::P>&) noexcept;                  \
  template void multiply(Worker&, const kernels::PackKernels&, const ProductJob<kernels::P>&, \
                         const ProductScratch<kernels::P>&, Finish<kernels::P::C>) noexcept
UDNN_INSTANTIATE(Bf16DotProduct);
UDNN_INSTANTIATE(U8S8Product);
UDNN_INSTANTIATE(S8S8Product);
#undef UDNN_INSTANTIATE

}  // namespace udnn::ops
