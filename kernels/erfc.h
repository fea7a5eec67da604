// kernels/erfc.h: the complementary error function in double. (That of xsimd 8.1 is within 1e-11 only beyond x = 2.2.)
//
//   |x| <= 0.46875   1 - x N(x^2) / D(x^2)
//   |x| <= 4         e^(-x^2) N(|x|) / D(|x|)
//   |x| > 4          e^(-x^2) / |x| * (1 / sqrt pi - N(1 / x^2) / (x^2 D(1 / x^2)))          and erfc(-x) = 2 - erfc(x)
//
// e^(-x^2) as e^(-t^2) e^(-(|x| - t)(|x| + t)) with t = |x| cut to sixteenths, so that t^2 is exact.
// Source: W. J. Cody, "Rational Chebyshev Approximations for the Error Function", Math. Comp. 23(107), 1969.
#pragma once

#include <cstddef>

#include "kernels/simd.h"

namespace udnn::kernels {

template <class Arch>
struct Erfc {
  using Vector = xsimd::batch<double, Arch>;

  static Vector of(Vector x) noexcept {
    constexpr double kSmall[] = {.185777706184603153, 3.16112374387056560, 113.864154151050156, 377.485237685302021,
                                 3209.37758913846947};
    constexpr double kSmallBelow[] = {1, 23.6012909523441209, 244.024637934444173, 1282.61652607737228,
                                      2844.23683343917062};
    constexpr double kMiddle[] = {2.15311535474403846e-8, .564188496988670089, 8.88314979438837594,
                                  66.1191906371416295,    298.635138197400131, 881.952221241769090,
                                  1712.04761263407058,    2051.07837782607147, 1230.33935479799725};
    constexpr double kMiddleBelow[] = {1,
                                       15.7449261107098347,
                                       117.693950891312499,
                                       537.181101862009858,
                                       1621.38957456669019,
                                       3290.79923573345963,
                                       4362.61909014324716,
                                       3439.36767414372164,
                                       1230.33935480374942};
    constexpr double kLarge[] = {.0163153871373020978, .305326634961232344,  .360344899949804439,
                                 .125781726111229246,  .0160837851487422766, 6.58749161529837803e-4};
    constexpr double kLargeBelow[] = {
        1, 2.56852019228982242, 1.87295284992346725, .527905102951428412, .0605183413124413191, .00233520497626869185};
    const Vector one(1.0);
    const Vector size = xsimd::select(xsimd::abs(x) > Vector(28.0), Vector(28.0), xsimd::abs(x));  // there it is 0
    const Vector square = size * size;
    const Vector small = one - x * (horner(square, kSmall) / horner(square, kSmallBelow));

    const Vector middle = horner(size, kMiddle) / horner(size, kMiddleBelow);
    const Vector inverse = one / square;
    const Vector large =
        (Vector(0.56418958354775628695) - inverse * (horner(inverse, kLarge) / horner(inverse, kLargeBelow))) / size;
    const Vector t = xsimd::trunc(size * Vector(16.0)) * Vector(0.0625);
    const Vector bell = xsimd::exp(-t * t) * xsimd::exp((t - size) * (t + size));
    const Vector tail = bell * xsimd::select(size > Vector(4.0), large, middle);
    return xsimd::select(size <= Vector(0.46875), small, xsimd::select(x < Vector(0.0), Vector(2.0) - tail, tail));
  }

 private:
  // coefficients[0] x^(n - 1) + ... + coefficients[n - 1]
  template <std::size_t kCount>
  static Vector horner(Vector x, const double (&coefficients)[kCount]) noexcept {
    Vector sum(coefficients[0]);
    for (std::size_t i = 1; i < kCount; ++i) sum = multiply_add(sum, x, Vector(coefficients[i]));
    return sum;
  }
};

}  // namespace udnn::kernels
