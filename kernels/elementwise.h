// kernels/elementwise.h: arrays, element by element (operands and meanings: elementwise_kernels.h).
#pragma once

#include <cstddef>

#include "kernels/elementwise_kernels.h"
#include "kernels/simd.h"

namespace udnn::kernels {

template <class T, class Arch>
struct Elementwise {
  using Vector = xsimd::batch<T, Arch>;
  using Tail = Part<T, Arch>;
  static constexpr std::size_t kLanes = Vector::size;

  /// y[i] = f(x[i])
  template <class F>
  static void map(std::size_t count, const T* x, T* y, F f) noexcept {
    std::size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) f(Vector::load_unaligned(x + i)).store_unaligned(y + i);
    if (i == count) return;
    const Tail tail(count - i);
    tail.store(y + i, f(tail.load(x + i)));
  }

  /// y[i] = f(x1[i], x2[i])
  template <class F>
  static void map(std::size_t count, const T* x1, const T* x2, T* y, F f) noexcept {
    std::size_t i = 0;
    for (; i + kLanes <= count; i += kLanes)
      f(Vector::load_unaligned(x1 + i), Vector::load_unaligned(x2 + i)).store_unaligned(y + i);
    if (i == count) return;
    const Tail tail(count - i);
    tail.store(y + i, f(tail.load(x1 + i), tail.load(x2 + i)));
  }

  static void add(std::size_t count, const T* x, T* y) noexcept {
    map(count, x, y, y, [](Vector a, Vector b) { return b + a; });
  }

  static void scale(std::size_t count, T factor, T* y) noexcept {
    map(count, y, y, [factor](Vector v) { return v * Vector(factor); });
  }

  static void add_scaled(std::size_t count, T factor, const T* x, T* y) noexcept {
    map(count, x, y, y, [factor](Vector a, Vector b) { return multiply_add(Vector(factor), a, b); });
  }

  static T sum(std::size_t count, const T* x) noexcept {
    return reduce(count, [x](std::size_t i, Vector sum, auto load) { return sum + load(x + i); });
  }

  static T sum_squares(std::size_t count, T center, const T* x) noexcept {
    return reduce(count, [x, center](std::size_t i, Vector sum, auto load) {
      const Vector away = load(x + i) - Vector(center);
      return multiply_add(away, away, sum);
    });
  }

  static T dot(std::size_t count, T center, const T* x, const T* y) noexcept {
    return reduce(count, [x, y, center](std::size_t i, Vector sum, auto load) {
      return multiply_add(load(x + i) - Vector(center), load(y + i), sum);
    });
  }

  static bool all_finite(std::size_t count, const T* x) noexcept {
    // x * 0 is 0, or NaN where x is not finite; a sum of zeros stays a zero.
    Vector seen(T{0});
    std::size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) seen = multiply_add(Vector::load_unaligned(x + i), Vector(T{0}), seen);
    if (i != count) seen = multiply_add(Tail(count - i).load(x + i), Vector(T{0}), seen);
    alignas(Vector) T lanes[kLanes];
    seen.store_aligned(lanes);
    bool finite = true;
    for (const T lane : lanes) finite &= lane == T{0};
    return finite;
  }

  static void max_window(const MaxWindowArgs<T>& args) noexcept {
    for (std::size_t p = 0; p < args.pixels; ++p) {
      const T* const x = args.x + p * args.pixel_stride;
      const std::size_t at = p * args.channels;
      std::size_t c = 0;
      for (; c + kLanes <= args.channels; c += kLanes)
        max_of_channels(args, x + c, at + c, kLanes, [](const T* from) { return Vector::load_unaligned(from); });
      if (c == args.channels) continue;
      const Tail tail(args.channels - c);
      max_of_channels(args, x + c, at + c, args.channels - c, [tail](const T* from) { return tail.load(from); });
    }
  }

 private:
  static constexpr std::size_t kSumLanes = 16;  // of the order of sums, on every instruction set
  static constexpr std::size_t kSums = kSumLanes / kLanes;

  template <class Term>
  static T reduce(std::size_t count, Term term) noexcept {
    Vector sums[kSums];
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kSums; ++v) sums[v] = Vector(T{0});
    const auto whole = [](const T* from) { return Vector::load_unaligned(from); };
    std::size_t i = 0;
    for (; i + kSumLanes <= count; i += kSumLanes)
#pragma GCC unroll 8
      for (std::size_t v = 0; v < kSums; ++v) sums[v] = term(i + v * kLanes, sums[v], whole);

    alignas(Vector) T lanes[kSumLanes];
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kSums; ++v) sums[v].store_aligned(lanes + v * kLanes);
    // Lanes beyond the end get terms of zeros, which store() leaves out.
    for (std::size_t v = 0; i < count; ++v, i += kLanes) {
      const std::size_t rest = count - i < kLanes ? count - i : kLanes;
      const Tail tail(rest);
      const auto load = [tail](const T* from) { return tail.load(from); };
      tail.store(lanes + v * kLanes, term(i, Vector::load_aligned(lanes + v * kLanes), load));
    }
    for (std::size_t half = kSumLanes / 2; half > 0; half /= 2)
      for (std::size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
    return lanes[0];
  }

  template <class Load>
  static void max_of_channels(const MaxWindowArgs<T>& args, const T* x, std::size_t at, std::size_t count,
                              Load load) noexcept {
    Vector best = load(x), code(static_cast<T>(args.first_code));
    for (std::size_t r = 0; r < args.rows; ++r)
      for (std::size_t s = r == 0 ? 1 : 0; s < args.cols; ++s) {
        const Vector candidate = load(x + r * args.row_stride + s * args.channels);
        // A NaN wins over a number, and nothing wins over a NaN: !(candidate <= best) is true for either.
        const auto wins = !(candidate <= best) && !xsimd::isnan(best);
        best = xsimd::select(wins, candidate, best);
        code = xsimd::select(wins, Vector(static_cast<T>(args.first_code + r * args.code_stride + s)), code);
      }
    best = best + Vector(T{0});  // -0 becomes +0
    if (count == kLanes)
      best.store_unaligned(args.y + at);
    else
      Tail(count).store(args.y + at, best);
    if (args.codes == nullptr) return;
    alignas(Vector) T codes[kLanes];
    code.store_aligned(codes);
    for (std::size_t i = 0; i < count; ++i) args.codes[at + i] = static_cast<std::uint8_t>(codes[i]);
  }
};

}  // namespace udnn::kernels
