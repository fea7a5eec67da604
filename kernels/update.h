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
    const Vector rate(args.learning_rate);
    each(args, [=](Vector w, Vector g, auto) { return w - rate * g; });
  }

  static void momentum(const Args& args) noexcept {
    const Vector rate(args.learning_rate), keep(args.keep1);
    each(args, [=, &args](Vector w, Vector g, auto place) {
      const Vector velocity = keep * place.load(args.first) + g;
      place.store(args.first, velocity);
      return w - rate * velocity;
    });
  }

  static void nesterov(const Args& args) noexcept {
    const Vector rate(args.learning_rate), keep(args.keep1);
    each(args, [=, &args](Vector w, Vector g, auto place) {
      const Vector velocity = keep * place.load(args.first) + g;
      place.store(args.first, velocity);
      return w - rate * (g + keep * velocity);
    });
  }

  static void by_root(const Args& args) noexcept {
    const Vector rate(args.learning_rate), keep(args.keep1), take(args.take1), epsilon(args.epsilon);
    each(args, [=, &args](Vector w, Vector g, auto place) {
      const Vector squares = keep * place.load(args.first) + take * (g * g);
      place.store(args.first, squares);
      return w - rate * g / (xsimd::sqrt(squares) + epsilon);
    });
  }

  static void adam(const Args& args) noexcept {
    const Vector rate(args.learning_rate), epsilon(args.epsilon), shrink(args.shrink);
    const Vector keep1(args.keep1), take1(args.take1), correction1(args.correction1);
    const Vector keep2(args.keep2), take2(args.take2), correction2(args.correction2);
    each(args, [=, &args](Vector w, Vector g, auto place) {
      const Vector mean = keep1 * place.load(args.first) + take1 * g;
      const Vector squares = keep2 * place.load(args.second) + take2 * (g * g);
      place.store(args.first, mean);
      place.store(args.second, squares);
      return shrink * w - rate * (correction1 * mean) / (xsimd::sqrt(correction2 * squares) + epsilon);
    });
  }

 private:
  // Where a vector lies in each of the arrays: whole, or in part at their end.
  struct Whole {
    std::size_t at;
    Vector load(const T* from) const noexcept { return Vector::load_unaligned(from + at); }
    void store(T* to, Vector value) const noexcept { value.store_unaligned(to + at); }
  };
  struct End {
    std::size_t at;
    Part<T, Arch> part;
    Vector load(const T* from) const noexcept { return part.load(from + at); }
    void store(T* to, Vector value) const noexcept { part.store(to + at, value); }
  };

  // next = step(w, g, place) for each vector.
  template <class Step>
  static void each(const Args& args, Step step) noexcept {
    const Vector scale(args.gradient_scale), decay(args.weight_decay);
    std::size_t i = 0;
    for (; i + Vector::size <= args.count; i += Vector::size) one(args, scale, decay, step, Whole{i});
    if (i < args.count) one(args, scale, decay, step, End{i, Part<T, Arch>(args.count - i)});
  }

  template <class Step, class Place>
  static void one(const Args& args, Vector scale, Vector decay, Step step, Place place) noexcept {
    const Vector w = place.load(args.weights);
    place.store(args.next, step(w, scale * place.load(args.gradient) + decay * w, place));
  }
};

}  // namespace udnn::kernels
