// kernels/depthwise.h: depthwise convolution, channels in vectors (operands: depthwise_kernels.h).
//
// Nothing is multiplied with more than one pixel or one tap, so loads are the limit. Forward, 4 neighbouring pixels
// share each vector of weights; for the weights, 8 taps share each vector of dy. Either gives as many independent
// chains.
#pragma once

#include <cstddef>

#include "kernels/depthwise_kernels.h"
#include "kernels/simd.h"

namespace udnn::kernels {

template <class T, class Arch>
struct Depthwise {
  using Vector = xsimd::batch<T, Arch>;

  static void forward(const DepthwiseArgs<T>& args, const T* weights, const T* bias, T* y) noexcept {
    each_vector(args.channels, [&](std::size_t c, auto load, auto store) {
      for (std::size_t q = 0; q < args.rows; ++q) {
        const T* x = args.x + q * args.row_stride + c;
        T* to = y + q * args.pixels * args.channels + c;
        std::size_t p = 0;
        for (; p + kPixels <= args.pixels;
             p += kPixels, x += kPixels * args.pixel_stride, to += kPixels * args.channels)
          pixels<kPixels>(args, x, weights + c, bias == nullptr ? nullptr : bias + c, to, load, store);
        for (; p < args.pixels; ++p, x += args.pixel_stride, to += args.channels)
          pixels<1>(args, x, weights + c, bias == nullptr ? nullptr : bias + c, to, load, store);
      }
    });
  }

  static void backward_weights(const DepthwiseArgs<T>& args, const T* dy, T* dweights, bool accumulate) noexcept {
    each_vector(args.channels, [&](std::size_t c, auto load, auto store) {
      std::size_t t = 0;
      for (; t + kTaps <= args.taps; t += kTaps) taps<kTaps>(args, t, c, dy, dweights, accumulate, load, store);
      for (; t < args.taps; ++t) taps<1>(args, t, c, dy, dweights, accumulate, load, store);
    });
  }

 private:
  static constexpr std::size_t kPixels = 4;
  static constexpr std::size_t kTaps = 8;

  template <std::size_t kCount, class Load, class Store>
  static void pixels(const DepthwiseArgs<T>& args, const T* x, const T* weights, const T* bias, T* y, Load load,
                     Store store) noexcept {
    Vector acc[kCount];
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kCount; ++i) acc[i] = bias == nullptr ? Vector(T{0}) : load(bias);
    for (std::size_t t = 0; t < args.taps; ++t) {
      const Vector w = load(weights + t * args.channels);
      const T* const tap = x + args.offsets[t];
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kCount; ++i) acc[i] = multiply_add(load(tap + i * args.pixel_stride), w, acc[i]);
    }
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kCount; ++i) store(y + i * args.channels, acc[i]);
  }

  template <std::size_t kCount, class Load, class Store>
  static void taps(const DepthwiseArgs<T>& args, std::size_t first, std::size_t c, const T* dy, T* dweights,
                   bool accumulate, Load load, Store store) noexcept {
    T* const to = dweights + first * args.channels + c;
    Vector acc[kCount];
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kCount; ++i) acc[i] = accumulate ? load(to + i * args.channels) : Vector(T{0});
    const T* d = dy + c;
    for (std::size_t q = 0; q < args.rows; ++q) {
      const T* x = args.x + q * args.row_stride + c;
      for (std::size_t p = 0; p < args.pixels; ++p, d += args.channels, x += args.pixel_stride) {
        const Vector error = load(d);
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kCount; ++i)
          acc[i] = multiply_add(load(x + args.offsets[first + i]), error, acc[i]);
      }
    }
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kCount; ++i) store(to + i * args.channels, acc[i]);
  }

  // body(first channel, how to load, how to store) for each vector of channels, the last of them in part.
  template <class Body>
  static void each_vector(std::size_t channels, Body body) noexcept {
    std::size_t c = 0;
    for (; c + Vector::size <= channels; c += Vector::size)
      body(
          c, [](const T* from) { return Vector::load_unaligned(from); },
          [](T* to, Vector value) { value.store_unaligned(to); });
    if (c == channels) return;
    const Part<T, Arch> part(channels - c);
    body(
        c, [part](const T* from) { return part.load(from); }, [part](T* to, Vector value) { part.store(to, value); });
  }
};

}  // namespace udnn::kernels
