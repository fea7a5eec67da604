// kernels/columns.h: matrices, column by column (operands and meanings: elementwise_kernels.h).
//
// Columns lie in vectors, so nothing is ever added across lanes, and a column's sum has the same order on every
// instruction set: four chains, because an addition waits 4 cycles for the one before it.
#pragma once

#include <cstddef>

#include "kernels/simd.h"

namespace udnn::kernels {

template <class T, class Arch>
struct Columns {
  using Vector = xsimd::batch<T, Arch>;

  static void sums(std::size_t rows, std::size_t cols, const T* x, T* sums) noexcept {
    reduce(rows, cols, sums, [=](std::size_t, auto) {
      return [=](Vector sum, std::size_t at, auto load) { return sum + load(x + at); };
    });
  }

  static void squares(std::size_t rows, std::size_t cols, const T* x, const T* center, T* sums) noexcept {
    reduce(rows, cols, sums, [=](std::size_t j, auto load_column) {
      const Vector middle = load_column(center + j);
      return [=](Vector sum, std::size_t at, auto load) {
        const Vector away = load(x + at) - middle;
        return multiply_add(away, away, sum);
      };
    });
  }

  static void products(std::size_t rows, std::size_t cols, const T* x, const T* center, const T* dy, T* sums) noexcept {
    reduce(rows, cols, sums, [=](std::size_t j, auto load_column) {
      const Vector middle = load_column(center + j);
      return [=](Vector sum, std::size_t at, auto load) {
        return multiply_add(load(x + at) - middle, load(dy + at), sum);
      };
    });
  }

  static void normalize(std::size_t rows, std::size_t cols, const T* x, const T* center, const T* factor,
                        const T* start, T* y) noexcept {
    each(cols, [=](std::size_t j, auto load, auto store) {
      const Vector middle = load(center + j), f = load(factor + j), s = load(start + j);
      for (std::size_t at = j; at < rows * cols; at += cols) store(y + at, multiply_add(load(x + at) - middle, f, s));
    });
  }

  static void normalize_backward(std::size_t rows, std::size_t cols, const T* x, const T* center, const T* dy,
                                 const T* mean_dy, const T* slope, const T* factor, T* dx) noexcept {
    each(cols, [=](std::size_t j, auto load, auto store) {
      const Vector middle = load(center + j), mean = load(mean_dy + j), s = load(slope + j), f = load(factor + j);
      for (std::size_t at = j; at < rows * cols; at += cols)
        store(dx + at, (load(dy + at) - mean - (load(x + at) - middle) * s) * f);
    });
  }

 private:
  // body(first column, how to load, how to store) for each vector of columns, the last of them in part.
  template <class Body>
  static void each(std::size_t cols, Body body) noexcept {
    std::size_t j = 0;
    for (; j + Vector::size <= cols; j += Vector::size)
      body(
          j, [](const T* from) { return Vector::load_unaligned(from); },
          [](T* to, Vector value) { value.store_unaligned(to); });
    if (j == cols) return;
    const Part<T, Arch> part(cols - j);
    body(
        j, [part](const T* from) { return part.load(from); }, [part](T* to, Vector value) { part.store(to, value); });
  }

  // term_of(first column, load) gives term(sum, index of the element, load): the sum with one more row.
  template <class TermOf>
  static void reduce(std::size_t rows, std::size_t cols, T* sums, TermOf term_of) noexcept {
    each(cols, [=](std::size_t j, auto load, auto store) {
      const auto term = term_of(j, load);
      Vector sum0(T{0}), sum1(T{0}), sum2(T{0}), sum3(T{0});
      std::size_t i = 0, at = j;
      for (; i + 4 <= rows; i += 4, at += 4 * cols) {
        sum0 = term(sum0, at, load);
        sum1 = term(sum1, at + cols, load);
        sum2 = term(sum2, at + 2 * cols, load);
        sum3 = term(sum3, at + 3 * cols, load);
      }
      if (i < rows) sum0 = term(sum0, at, load);
      if (i + 1 < rows) sum1 = term(sum1, at + cols, load);
      if (i + 2 < rows) sum2 = term(sum2, at + 2 * cols, load);
      store(sums + j, (sum0 + sum1) + (sum2 + sum3));
    });
  }
};

}  // namespace udnn::kernels
