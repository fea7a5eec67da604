// src/ops/finish.h: what every op shares with its caller: the last word on each piece of an output, and memory to work
// in.
#pragma once

#include <cstddef>

#include "src/base/function_ref.h"
#include "udnn/team.h"

namespace udnn::ops {

/// Called on each finished piece of an output while it is still in cache: activation, rounding, statistics.
///
/// y      [count], contiguous; may be changed in place
/// first  index of y[0] in the whole tensor
/// The pieces cover the tensor once and depend on shapes only, never on the number of workers. Several workers call it
/// at the same time, each on its own pieces. May be empty.
template <class T>
using Finish = base::FunctionRef<void(T* y, std::size_t count, std::size_t first)>;

/// Gives finish rows x cols of y [.., n], of which `piece` is the first element; in one piece where they lie so.
template <class T>
void finish_rows(const Finish<T>& finish, T* piece, std::size_t y_stride, std::size_t n, Range rows,
                 Range cols) noexcept {
  const std::size_t first = rows.begin * n + cols.begin;
  if (cols.size() == n && y_stride == n) return finish(piece, rows.size() * n, first);
  for (std::size_t i = 0; i < rows.size(); ++i) finish(piece + i * y_stride, cols.size(), first + i * n);
}

/// Memory that an op works in and the caller owns; its contents mean nothing between two calls.
template <class T>
struct Scratch {
  T* mine = nullptr;    ///< [scratch_per_worker()], another one for each worker
  T* shared = nullptr;  ///< [shared_scratch(...)], the same for all workers
};

}  // namespace udnn::ops
