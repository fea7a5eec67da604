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

// The wider a tile, the fewer times a value is taken apart: 46 for 448 products.
constexpr std::size_t kTileRows = 14, kTileVectors = 4, kLanes = 8;

template <std::size_t kRows>
void gemm(const GemmArgs<Wide>& args) noexcept {
  WideTile<kRows, kTileVectors * kLanes>::run(
      kRows, args.cols, args.k_outer, args.k_depth,
      [&](std::size_t i, WidePlace at) -> const Wide& {
        return args.a[args.offsets[at.o] + static_cast<std::ptrdiff_t>(i) * args.a_row_stride +
                      static_cast<std::ptrdiff_t>(at.k) * args.a_k_stride];
      },
      [&](WidePlace at, std::size_t j) -> const Wide& {
        return args.b[(at.o * args.k_depth + at.k) * args.b_stride + j];
      },
      [&](std::size_t i, std::size_t j) {
        return (args.accumulate ? args.c[i * args.c_stride + j] : Wide{0}) +
               (args.bias != nullptr ? args.bias[j] : Wide{0});
      },
      [&](std::size_t i, std::size_t j) -> Wide& { return args.c[i * args.c_stride + j]; });
}

constexpr GemmKernel<Wide> gemm_kernel() noexcept {
  GemmKernel<Wide> kernel{.lanes = kLanes, .vectors = kTileVectors, .widest = kTileVectors, .rows = {}, .run = {}};
  for (std::size_t vectors = 0; vectors < kTileVectors; ++vectors) {
    kernel.rows[vectors] = kTileRows;
    [&]<std::size_t... kRow>(std::index_sequence<kRow...>) { ((kernel.run[vectors][kRow] = &gemm<kRow + 1>), ...); }
    (std::make_index_sequence<kTileRows>{});
  }
  return kernel;
}

/// Both are products of one column for each channel, whose rows are pixels forward and taps for the weights.
void depthwise_forward(const DepthwiseArgs<Wide>& args, const Wide* weights, const Wide* bias, Wide* y) noexcept {
  for (std::size_t q = 0; q < args.rows; ++q)
    for (std::size_t c = 0; c < args.channels; ++c)
      for (std::size_t first = 0; first < args.pixels; first += kTileRows) {
        const Wide* const x = args.x + q * args.row_stride + first * args.pixel_stride + c;
        Wide* const to = y + (q * args.pixels + first) * args.channels + c;
        WideTile<kTileRows, 1>::run(
            std::min(kTileRows, args.pixels - first), 1, 1, args.taps,
            [&](std::size_t p, WidePlace at) -> const Wide& { return (x + p * args.pixel_stride)[args.offsets[at.k]]; },
            [&](WidePlace at, std::size_t) -> const Wide& { return weights[at.k * args.channels + c]; },
            [&](std::size_t, std::size_t) { return bias == nullptr ? Wide{0} : bias[c]; },
            [&](std::size_t p, std::size_t) -> Wide& { return to[p * args.channels]; });
      }
}

void depthwise_backward_weights(const DepthwiseArgs<Wide>& args, const Wide* dy, Wide* dweights,
                                bool accumulate) noexcept {
  for (std::size_t c = 0; c < args.channels; ++c)
    for (std::size_t first = 0; first < args.taps; first += kTileRows) {
      Wide* const to = dweights + first * args.channels + c;
      WideTile<kTileRows, 1>::run(
          std::min(kTileRows, args.taps - first), 1, args.rows, args.pixels,
          [&](std::size_t t, WidePlace at) -> const Wide& {
            return (args.x + at.o * args.row_stride + at.k * args.pixel_stride + c)[args.offsets[first + t]];
          },
          [&](WidePlace at, std::size_t) -> const Wide& { return dy[(at.o * args.pixels + at.k) * args.channels + c]; },
          [&](std::size_t t, std::size_t) { return accumulate ? to[t * args.channels] : Wide{0}; },
          [&](std::size_t t, std::size_t) -> Wide& { return to[t * args.channels]; });
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
