// kernels/activations.h: activation functions and their derivatives (formulas: src/ops/activation.h).
//
// forward(z, p) gives y; backward(known, p, dy) gives dz, known being z or y. Masks select, they do not multiply: an
// infinite dy where the derivative is 0 gives 0, not NaN. Comparisons are written so that NaN passes through.
#pragma once

#include <cstddef>
#include <type_traits>

#include "kernels/elementwise.h"
#include "kernels/elementwise_kernels.h"
#include "kernels/erfc.h"
#include "kernels/simd.h"

namespace udnn::kernels {

template <class T, class Arch>
struct Activations {
  using Vector = xsimd::batch<T, Arch>;

  static Vector value(double constant) noexcept { return Vector(static_cast<T>(constant)); }

  // 1 / (1 + e^-z), through e^-|z|, which does not overflow and keeps small results exact to their last bits.
  static Vector logistic(Vector z) noexcept {
    const Vector e = xsimd::exp(-xsimd::abs(z));
    return xsimd::select(z < value(0), e, value(1)) / (value(1) + e);
  }

  // Half of erfc(-z / sqrt 2): the normal distribution up to z.
  static Vector normal_below(Vector z) noexcept {
    const Vector x = z * value(-0.70710678118654752440);
    if constexpr (std::is_same_v<T, double>)
      return value(0.5) * Erfc<Arch>::of(x);
    else
      return value(0.5) * xsimd::erfc(x);
  }

  static Vector clamp(Vector z, double low, double high) noexcept {
    return xsimd::select(z < value(low), value(low), xsimd::select(z > value(high), value(high), z));
  }

  struct Relu {
    static Vector forward(Vector z, Vector) noexcept { return xsimd::select(z <= value(0), value(0), z); }
    static Vector backward(Vector y, Vector, Vector dy) noexcept { return xsimd::select(y > value(0), dy, value(0)); }
  };

  struct Leaky {
    static Vector forward(Vector z, Vector p) noexcept { return xsimd::select(z > value(0), z, p * z); }
    static Vector backward(Vector y, Vector p, Vector dy) noexcept { return xsimd::select(y > value(0), dy, p * dy); }
  };

  struct Elu {
    static Vector forward(Vector z, Vector p) noexcept { return xsimd::select(z > value(0), z, p * xsimd::expm1(z)); }
    static Vector backward(Vector y, Vector p, Vector dy) noexcept {
      return xsimd::select(y > value(0), dy, (y + p) * dy);
    }
  };

  struct Gelu {
    static Vector forward(Vector z, Vector) noexcept { return z * normal_below(z); }
    static Vector backward(Vector z, Vector, Vector dy) noexcept {
      const Vector density = value(0.39894228040143267794) * xsimd::exp(value(-0.5) * z * z);
      return dy * multiply_add(z, density, normal_below(z));
    }
  };

  struct Silu {
    static Vector forward(Vector z, Vector) noexcept { return z * logistic(z); }
    static Vector backward(Vector z, Vector, Vector dy) noexcept {
      const Vector s = logistic(z);
      return dy * s * multiply_add(z, value(1) - s, value(1));
    }
  };

  struct Sigmoid {
    static Vector forward(Vector z, Vector) noexcept { return logistic(z); }
    static Vector backward(Vector y, Vector, Vector dy) noexcept { return dy * (y * (value(1) - y)); }
  };

  struct Tanh {
    static Vector forward(Vector z, Vector) noexcept { return xsimd::tanh(z); }
    static Vector backward(Vector y, Vector, Vector dy) noexcept { return dy * ((value(1) - y) * (value(1) + y)); }
  };

  struct Softplus {
    static Vector forward(Vector z, Vector) noexcept {
      return xsimd::select(z <= value(0), value(0), z) + xsimd::log1p(xsimd::exp(-xsimd::abs(z)));
    }
    static Vector backward(Vector z, Vector, Vector dy) noexcept { return dy * logistic(z); }
  };

  struct HardSigmoid {
    static Vector forward(Vector z, Vector p) noexcept { return clamp(multiply_add(p, z, value(0.5)), 0, 1); }
    static Vector backward(Vector y, Vector p, Vector dy) noexcept {
      return xsimd::select(y > value(0) && y < value(1), p * dy, value(0));
    }
  };

  struct HardTanh {
    static Vector forward(Vector z, Vector) noexcept { return clamp(z, -1, 1); }
    static Vector backward(Vector y, Vector, Vector dy) noexcept {
      return xsimd::select(xsimd::abs(y) < value(1), dy, value(0));
    }
  };

  struct Sign {
    static Vector forward(Vector z, Vector) noexcept {
      return xsimd::select(z >= value(0), value(1), xsimd::select(z < value(0), value(-1), z));
    }
    static Vector backward(Vector z, Vector, Vector dy) noexcept {
      return xsimd::select(xsimd::abs(z) <= value(1), dy, value(0));
    }
  };

  template <class F>
  static constexpr ActivationKernel<T> kernel() noexcept {
    return {.forward = forward<F>, .backward = backward<F>};
  }

 private:
  template <class F>
  static void forward(std::size_t count, T parameter, const T* z, T* y) noexcept {
    Elementwise<T, Arch>::map(count, z, y, [p = Vector(parameter)](Vector v) { return F::forward(v, p); });
  }

  template <class F>
  static void backward(std::size_t count, T parameter, const T* z_or_y, const T* dy, T* dz) noexcept {
    Elementwise<T, Arch>::map(count, z_or_y, dy, dz,
                              [p = Vector(parameter)](Vector known, Vector d) { return F::backward(known, p, d); });
  }
};

}  // namespace udnn::kernels
