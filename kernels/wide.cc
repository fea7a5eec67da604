// kernels/wide.cc: the kernels of the wide carrier (operands and meanings: the *_kernels.h). Plain loops, no vectors:
// the x86-64 instructions for 80-bit numbers and for 128-bit products take one value at a time.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "kernels/kernel_table.h"
#include "kernels/philox.h"
#include "kernels/wide_carrier.h"
#include "kernels/wide_product.h"
#include "kernels/wide_quantize.h"

namespace udnn::kernels {

namespace {

constexpr std::size_t kTileCols = 8;

/// One tile of kRows x at most kTileCols.
template <std::size_t kRows>
void gemm(const GemmArgs<Wide>& args) noexcept {
  const auto a_at = [&](std::size_t i, std::size_t o, std::size_t k) noexcept {
    return args.a[args.offsets[o] + static_cast<std::ptrdiff_t>(i) * args.a_row_stride +
                  static_cast<std::ptrdiff_t>(k) * args.a_k_stride];
  };
  const auto b_row = [&](std::size_t o, std::size_t k) noexcept {
    return args.b + (o * args.k_depth + k) * args.b_stride;
  };

  WideSpan rows[kRows], cols[kTileCols];
  for (std::size_t o = 0; o < args.k_outer; ++o)
    for (std::size_t k = 0; k < args.k_depth; ++k) {
      for (std::size_t i = 0; i < kRows; ++i) rows[i].add(a_at(i, o, k));
      for (std::size_t j = 0; j < args.cols; ++j) cols[j].add(b_row(o, k)[j]);
    }

  // All as integers at once, where all are; what is none (a row or column of other values) is summed apart below.
  Sum192 sums[kRows][kTileCols];
  for (std::size_t o = 0; o < args.k_outer; ++o)
    for (std::size_t k = 0; k < args.k_depth; ++k) {
      WideInteger b[kTileCols];
      for (std::size_t j = 0; j < args.cols; ++j)
        b[j] = cols[j].fits() ? integer_of(b_row(o, k)[j], cols[j].exponent()) : WideInteger{};
      for (std::size_t i = 0; i < kRows; ++i) {
        const WideInteger a = rows[i].fits() ? integer_of(a_at(i, o, k), rows[i].exponent()) : WideInteger{};
        for (std::size_t j = 0; j < args.cols; ++j) sums[i][j].add(a, b[j]);
      }
    }

  for (std::size_t i = 0; i < kRows; ++i)
    for (std::size_t j = 0; j < args.cols; ++j) {
      Wide& c = args.c[i * args.c_stride + j];
      Wide sum = (args.accumulate ? c : 0) + (args.bias != nullptr ? args.bias[j] : 0);
      if (rows[i].fits() && cols[j].fits()) {
        const int exponent = rows[i].exponent() + cols[j].exponent();
        const bool is_added = sums[i][j].add_scaled(sum, exponent);
        sum = sums[i][j].value(exponent) + (is_added ? 0 : sum);
      } else {
        for (std::size_t o = 0; o < args.k_outer; ++o)
          for (std::size_t k = 0; k < args.k_depth; ++k) sum += a_at(i, o, k) * b_row(o, k)[j];
      }
      c = sum;
    }
}

constexpr GemmKernel<Wide> gemm_kernel() noexcept {
  GemmKernel<Wide> kernel{.lanes = kTileCols, .vectors = 1, .widest = 1, .rows = {8}, .run = {}};
  [&]<std::size_t... kRow>(std::index_sequence<kRow...>) { ((kernel.run[0][kRow] = &gemm<kRow + 1>), ...); }
  (std::make_index_sequence<8>{});
  return kernel;
}

void depthwise_forward(const DepthwiseArgs<Wide>& args, const Wide* weights, const Wide* bias, Wide* y) noexcept {
  for (std::size_t q = 0; q < args.rows; ++q)
    for (std::size_t p = 0; p < args.pixels; ++p)
      for (std::size_t c = 0; c < args.channels; ++c) {
        const Wide* const x = args.x + q * args.row_stride + p * args.pixel_stride + c;
        Wide sum = bias == nullptr ? 0 : bias[c];
        for (std::size_t t = 0; t < args.taps; ++t) sum += x[args.offsets[t]] * weights[t * args.channels + c];
        y[(q * args.pixels + p) * args.channels + c] = sum;
      }
}

void depthwise_backward_weights(const DepthwiseArgs<Wide>& args, const Wide* dy, Wide* dweights,
                                bool accumulate) noexcept {
  for (std::size_t t = 0; t < args.taps; ++t)
    for (std::size_t c = 0; c < args.channels; ++c) {
      Wide& sum = dweights[t * args.channels + c];
      if (!accumulate) sum = 0;
      for (std::size_t q = 0; q < args.rows; ++q)
        for (std::size_t p = 0; p < args.pixels; ++p)
          sum += args.x[q * args.row_stride + p * args.pixel_stride + c + static_cast<std::size_t>(args.offsets[t])] *
                 dy[(q * args.pixels + p) * args.channels + c];
    }
}

// Activations, in the terms of activations.h.

Wide logistic(Wide z) noexcept {
  const Wide e = std::exp(-std::abs(z));
  return (z < 0 ? e : 1) / (1 + e);
}

Wide normal_below(Wide z) noexcept {
  constexpr Wide kRootOfHalf = 0.707106781186547524400844362104849039L;
  return Wide{0.5} * std::erfc(-z * kRootOfHalf);
}

Wide clamp(Wide z, Wide low, Wide high) noexcept { return z < low ? low : z > high ? high : z; }

struct Relu {
  static Wide forward(Wide z, Wide) noexcept { return z <= 0 ? 0 : z; }
  static Wide backward(Wide y, Wide, Wide dy) noexcept { return y > 0 ? dy : 0; }
};
struct Leaky {
  static Wide forward(Wide z, Wide p) noexcept { return z > 0 ? z : p * z; }
  static Wide backward(Wide y, Wide p, Wide dy) noexcept { return y > 0 ? dy : p * dy; }
};
struct Elu {
  static Wide forward(Wide z, Wide p) noexcept { return z > 0 ? z : p * std::expm1(z); }
  static Wide backward(Wide y, Wide p, Wide dy) noexcept { return y > 0 ? dy : (y + p) * dy; }
};
struct Gelu {
  static Wide forward(Wide z, Wide) noexcept { return z * normal_below(z); }
  static Wide backward(Wide z, Wide, Wide dy) noexcept {
    constexpr Wide kDensityAtZero = 0.398942280401432677939946059934381868L;
    return dy * (z * kDensityAtZero * std::exp(Wide{-0.5} * z * z) + normal_below(z));
  }
};
struct Silu {
  static Wide forward(Wide z, Wide) noexcept { return z * logistic(z); }
  static Wide backward(Wide z, Wide, Wide dy) noexcept {
    const Wide s = logistic(z);
    return dy * s * (z * (1 - s) + 1);
  }
};
struct Sigmoid {
  static Wide forward(Wide z, Wide) noexcept { return logistic(z); }
  static Wide backward(Wide y, Wide, Wide dy) noexcept { return dy * (y * (1 - y)); }
};
struct Tanh {
  static Wide forward(Wide z, Wide) noexcept { return std::tanh(z); }
  static Wide backward(Wide y, Wide, Wide dy) noexcept { return dy * ((1 - y) * (1 + y)); }
};
struct Softplus {
  static Wide forward(Wide z, Wide) noexcept { return (z <= 0 ? 0 : z) + std::log1p(std::exp(-std::abs(z))); }
  static Wide backward(Wide z, Wide, Wide dy) noexcept { return dy * logistic(z); }
};
struct HardSigmoid {
  static Wide forward(Wide z, Wide p) noexcept { return clamp(p * z + Wide{0.5}, 0, 1); }
  static Wide backward(Wide y, Wide p, Wide dy) noexcept { return y > 0 && y < 1 ? p * dy : 0; }
};
struct HardTanh {
  static Wide forward(Wide z, Wide) noexcept { return clamp(z, -1, 1); }
  static Wide backward(Wide y, Wide, Wide dy) noexcept { return std::abs(y) < 1 ? dy : 0; }
};
struct Sign {
  static Wide forward(Wide z, Wide) noexcept { return z >= 0 ? 1 : z < 0 ? -1 : z; }
  static Wide backward(Wide z, Wide, Wide dy) noexcept { return std::abs(z) <= 1 ? dy : 0; }
};

template <class F>
constexpr ActivationKernel<Wide> activation() noexcept {
  return {.forward =
              [](std::size_t count, Wide parameter, const Wide* z, Wide* y) noexcept {
                for (std::size_t i = 0; i < count; ++i) y[i] = F::forward(z[i], parameter);
              },
          .backward =
              [](std::size_t count, Wide parameter, const Wide* z_or_y, const Wide* dy, Wide* dz) noexcept {
                for (std::size_t i = 0; i < count; ++i) dz[i] = F::backward(z_or_y[i], parameter, dy[i]);
              }};
}

/// Sixteen lanes, added in pairs, as elementwise_kernels.h has them.
Wide sum_in_lanes(std::size_t count, auto term) noexcept {
  Wide lanes[16] = {};
  for (std::size_t i = 0; i < count; ++i) lanes[i % 16] += term(i);
  for (std::size_t half = 8; half > 0; half /= 2)
    for (std::size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  return lanes[0];
}

/// Four chains for each column.
void sum_columns(std::size_t rows, std::size_t cols, Wide* sums, auto term) noexcept {
  for (std::size_t j = 0; j < cols; ++j) {
    Wide chains[4] = {};
    for (std::size_t i = 0; i < rows; ++i) chains[i % 4] += term(i * cols + j, j);
    sums[j] = (chains[0] + chains[1]) + (chains[2] + chains[3]);
  }
}

void max_window(const MaxWindowArgs<Wide>& args) noexcept {
  for (std::size_t p = 0; p < args.pixels; ++p)
    for (std::size_t c = 0; c < args.channels; ++c) {
      const Wide* const x = args.x + p * args.pixel_stride + c;
      Wide best = x[0];
      std::size_t code = args.first_code;
      for (std::size_t r = 0; r < args.rows; ++r)
        for (std::size_t s = 0; s < args.cols; ++s) {
          const Wide candidate = x[r * args.row_stride + s * args.channels];
          if (std::isnan(best) || candidate <= best) continue;
          best = candidate;
          code = args.first_code + r * args.code_stride + s;
        }
      args.y[p * args.channels + c] = best + 0;  // -0 becomes +0
      if (args.codes != nullptr) args.codes[p * args.channels + c] = static_cast<std::uint8_t>(code);
    }
}

constexpr ElementwiseKernels<Wide> elementwise_kernels() noexcept {
  using Count = std::size_t;
  return {
      .relu = activation<Relu>(),
      .leaky = activation<Leaky>(),
      .elu = activation<Elu>(),
      .gelu = activation<Gelu>(),
      .silu = activation<Silu>(),
      .sigmoid = activation<Sigmoid>(),
      .tanh = activation<Tanh>(),
      .softplus = activation<Softplus>(),
      .hard_sigmoid = activation<HardSigmoid>(),
      .hard_tanh = activation<HardTanh>(),
      .sign = activation<Sign>(),
      .add =
          [](Count count, const Wide* x, Wide* y) noexcept {
            for (Count i = 0; i < count; ++i) y[i] += x[i];
          },
      .scale =
          [](Count count, Wide factor, Wide* y) noexcept {
            for (Count i = 0; i < count; ++i) y[i] *= factor;
          },
      .add_scaled =
          [](Count count, Wide factor, const Wide* x, Wide* y) noexcept {
            for (Count i = 0; i < count; ++i) y[i] += factor * x[i];
          },
      .sum = [](Count count, const Wide* x) noexcept { return sum_in_lanes(count, [=](Count i) { return x[i]; }); },
      .sum_squares =
          [](Count count, Wide center, const Wide* x) noexcept {
            return sum_in_lanes(count, [=](Count i) { return (x[i] - center) * (x[i] - center); });
          },
      .dot =
          [](Count count, Wide center, const Wide* x, const Wide* y) noexcept {
            return sum_in_lanes(count, [=](Count i) { return (x[i] - center) * y[i]; });
          },
      .all_finite =
          [](Count count, const Wide* x) noexcept {
            return std::all_of(x, x + count, [](Wide v) { return std::isfinite(v); });
          },
      .column_sums = [](Count rows, Count cols, const Wide* x,
                        Wide* sums) noexcept { sum_columns(rows, cols, sums, [=](Count at, Count) { return x[at]; }); },
      .column_squares =
          [](Count rows, Count cols, const Wide* x, const Wide* center, Wide* sums) noexcept {
            sum_columns(rows, cols, sums, [=](Count at, Count j) { return (x[at] - center[j]) * (x[at] - center[j]); });
          },
      .column_products =
          [](Count rows, Count cols, const Wide* x, const Wide* center, const Wide* dy, Wide* sums) noexcept {
            sum_columns(rows, cols, sums, [=](Count at, Count j) { return (x[at] - center[j]) * dy[at]; });
          },
      .normalize =
          [](Count rows, Count cols, const Wide* x, const Wide* center, const Wide* factor, const Wide* start,
             Wide* y) noexcept {
            for (Count at = 0; at < rows * cols; ++at)
              y[at] = (x[at] - center[at % cols]) * factor[at % cols] + start[at % cols];
          },
      .normalize_backward =
          [](Count rows, Count cols, const Wide* x, const Wide* center, const Wide* dy, const Wide* mean_dy,
             const Wide* slope, const Wide* factor, Wide* dx) noexcept {
            for (Count at = 0; at < rows * cols; ++at) {
              const Count j = at % cols;
              dx[at] = (dy[at] - mean_dy[j] - (x[at] - center[j]) * slope[j]) * factor[j];
            }
          },
      .max_window = &max_window,
  };
}

void update(const UpdateArgs<Wide>& args, auto step) noexcept {
  for (std::size_t i = 0; i < args.count; ++i) {
    const Wide w = args.weights[i], g = args.gradient_scale * args.gradient[i] + args.weight_decay * w;
    args.next[i] = step(i, w, g);
  }
}

constexpr UpdateKernels<Wide> update_kernels() noexcept {
  using Args = UpdateArgs<Wide>;
  return {.sgd =
              [](const Args& args) noexcept {
                update(args, [&](std::size_t, Wide w, Wide g) { return w - args.learning_rate * g; });
              },
          .momentum =
              [](const Args& args) noexcept {
                update(args, [&](std::size_t i, Wide w, Wide g) {
                  args.first[i] = args.keep1 * args.first[i] + g;
                  return w - args.learning_rate * args.first[i];
                });
              },
          .nesterov =
              [](const Args& args) noexcept {
                update(args, [&](std::size_t i, Wide w, Wide g) {
                  args.first[i] = args.keep1 * args.first[i] + g;
                  return w - args.learning_rate * (g + args.keep1 * args.first[i]);
                });
              },
          .by_root =
              [](const Args& args) noexcept {
                update(args, [&](std::size_t i, Wide w, Wide g) {
                  args.first[i] = args.keep1 * args.first[i] + args.take1 * (g * g);
                  return w - args.learning_rate * g / (std::sqrt(args.first[i]) + args.epsilon);
                });
              },
          .adam =
              [](const Args& args) noexcept {
                update(args, [&](std::size_t i, Wide w, Wide g) {
                  args.first[i] = args.keep1 * args.first[i] + args.take1 * g;
                  args.second[i] = args.keep2 * args.second[i] + args.take2 * (g * g);
                  return args.shrink * w - args.learning_rate * (args.correction1 * args.first[i]) /
                                               (std::sqrt(args.correction2 * args.second[i]) + args.epsilon);
                });
              }};
}

/// int, po2, posits and blocks stay null: numbers::Quantizer refuses them beside a wide format.
constexpr QuantizeKernels<Wide> quantize_kernels() noexcept {
  QuantizeKernels<Wide> kernels{};
  [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) {
    ((kernels.fixed[kIndex] = &WideRounding<Mode{kIndex}>::template fixed<false>), ...);
    ((kernels.fixed_wrapped[kIndex] = &WideRounding<Mode{kIndex}>::template fixed<true>), ...);
    ((kernels.narrow_float[kIndex] = &WideRounding<Mode{kIndex}>::floats), ...);
  }
  (std::make_integer_sequence<int, kRoundingModes>{});
  kernels.binary = &WideToFew::binary;
  kernels.ternary = &WideToFew::ternary;
  kernels.largest = &WideSums::largest;
  kernels.largest_each = &WideSums::largest_each;
  kernels.sums = &WideSums::sums;
  kernels.range = &WideSums::range;
  kernels.philox = &Philox<Baseline>::run;
  return kernels;
}

}  // namespace

/// Narrow accumulators stay null: ops::Accumulator refuses them in this carrier.
extern constinit const CarrierKernels<Wide> kWideKernels{
    .gemm = gemm_kernel(),
    .accumulate = {},
    .depthwise = {.forward = &depthwise_forward, .backward_weights = &depthwise_backward_weights},
    .elementwise = elementwise_kernels(),
    .quantize = quantize_kernels(),
    .update = update_kernels(),
};

}  // namespace udnn::kernels
