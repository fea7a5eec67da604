// kernels/update.h: one step of an optimizer, element by element (operands and meanings: update_kernels.h).
#pragma once

#include <cstddef>

#include "kernels/simd.h"
#include "kernels/update_kernels.h"

namespace udnn::kernels {

template <class T, class Arch>
struct Update {
  using Vector = xsimd::batch<T, Arch>;
  using Args = UpdateArgs<T>;

  static void sgd(const Args& args) noexcept {
    each(args, [&args, rate = Vector(args.learning_rate)](Vector w, Vector g, auto, auto) { return w - rate * g; });
  }

  static void momentum(const Args& args) noexcept {
    each(args, [&args, rate = Vector(args.learning_rate), keep = Vector(args.keep1)](Vector w, Vector g, auto load,
                                                                                     auto store) {
      const Vector velocity = keep * load(args.first) + g;
      store(args.first, velocity);
      return w - rate * velocity;
    });
  }

  static void nesterov(const Args& args) noexcept {
    each(args, [&args, rate = Vector(args.learning_rate), keep = Vector(args.keep1)](Vector w, Vector g, auto load,
                                                                                     auto store) {
      const Vector velocity = keep * load(args.first) + g;
      store(args.first, velocity);
      return w - rate * (g + keep * velocity);
    });
  }

  static void by_root(const Args& args) noexcept {
    const Vector rate(args.learning_rate), keep(args.keep1), take(args.take1), epsilon(args.epsilon);
    each(args, [=, &args](Vector w, Vector g, auto load, auto store) {
      const Vector squares = keep * load(args.first) + take * (g * g);
      store(args.first, squares);
      return w - rate * g / (xsimd::sqrt(squares) + epsilon);
    });
  }

  static void adam(const Args& args) noexcept {
    const Vector rate(args.learning_rate), epsilon(args.epsilon), shrink(args.shrink);
    const Vector keep1(args.keep1), take1(args.take1), correction1(args.correction1);
    const Vector keep2(args.keep2), take2(args.take2), correction2(args.correction2);
    each(args, [=, &args](Vector w, Vector g, auto load, auto store) {
      const Vector mean = keep1 * load(args.first) + take1 * g;
      const Vector squares = keep2 * load(args.second) + take2 * (g * g);
      store(args.first, mean);
      store(args.second, squares);
      return shrink * w - rate * (correction1 * mean) / (xsimd::sqrt(correction2 * squares) + epsilon);
    });
  }

 private:
  // next = step(w, g, load, store) for each vector, the last of them in part; load(array) and store(array, value) are
  // those of the vector's place.
  template <class Step>
  static void each(const Args& args, Step step) noexcept {
    const Vector scale(args.gradient_scale), decay(args.weight_decay);
    const auto next = [&](auto load, auto store) {
      const Vector w = load(args.weights);
      store(args.next, step(w, scale * load(args.gradient) + decay * w, load, store));
    };
    std::size_t i = 0;
    for (; i + Vector::size <= args.count; i += Vector::size)
      next([i](const T* from) { return Vector::load_unaligned(from + i); },
           [i](T* to, Vector value) { value.store_unaligned(to + i); });
    if (i == args.count) return;
    const Part<T, Arch> part(args.count - i);
    next([i, part](const T* from) { return part.load(from + i); },
         [i, part](T* to, Vector value) { part.store(to + i, value); });
  }
};

}  // namespace udnn::kernels
