// kernels/isa/make_kernel_table.h: from an Arch and its tile shapes to a table. Included by the ISA files alone.
#pragma once

#include <cstddef>
#include <utility>

#include "kernels/accumulate.h"
#include "kernels/activations.h"
#include "kernels/columns.h"
#include "kernels/depthwise.h"
#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/gemm_blocks_by_vectors.h"
#include "kernels/gemm_few.h"
#include "kernels/kernel_table.h"
#include "kernels/pack.h"
#include "kernels/philox.h"
#include "kernels/quantize.h"
#include "kernels/quantize_blocks.h"
#include "kernels/quantize_scaled.h"
#include "kernels/quantize_sums.h"
#include "kernels/quantize_tapered.h"
#include "kernels/simd.h"
#include "kernels/update.h"

namespace udnn::kernels {

template <class P, class Level, std::size_t kVectors, std::size_t... kRow>
constexpr void set_gemm_tiles(ProductKernel<P>& kernel, std::index_sequence<kRow...>) noexcept {
  kernel.rows[kVectors - 1] = sizeof...(kRow);
  ((kernel.run[kVectors - 1][kRow] = &Gemm<P, Level, kRow + 1, kVectors>::run), ...);
}

template <class Multiplier>
constexpr int added_to_a() noexcept {
  if constexpr (requires { Multiplier::kAddedToA; })
    return Multiplier::kAddedToA;
  else
    return 0;
}

/// Tiles of 1, 2, ... vectors, each with up to that many kRows, and of every smaller number of rows. kOrdinary: how
/// many of these widths are for matrices of many rows.
template <class P, class Level, std::size_t kOrdinary, std::size_t... kRows>
constexpr ProductKernel<P> product_kernel_of() noexcept {
  using Sum = xsimd::batch<typename P::C, typename VectorsOf<Level>::Arch>;
  ProductKernel<P> kernel{.lanes = Sum::size,
                          .vectors = kOrdinary,
                          .widest = sizeof...(kRows),
                          .rows = {},
                          .run = {},
                          .added_to_a = added_to_a<Dot<P, Level>>()};
  [&]<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
    (set_gemm_tiles<P, Level, kIndex + 1>(kernel, std::make_index_sequence<kRows>{}), ...);
  }
  (std::make_index_sequence<sizeof...(kRows)>{});
  return kernel;
}
template <class P, class Level, std::size_t... kRows>
constexpr ProductKernel<P> product_kernel() noexcept {
  return product_kernel_of<P, Level, sizeof...(kRows), kRows...>();
}

/// A plain product has the thin tiles besides: as wide as the registers allow, with 16 sums or 8.
template <class T, class Arch, std::size_t... kRows>
constexpr ProductKernel<PlainProduct<T>> plain_kernel() noexcept {
#ifdef __aarch64__
  // Nothing is multiplied that is still in memory: 16 sums beside 16 vectors of B would leave no register for A.
  return product_kernel_of<PlainProduct<T>, Arch, sizeof...(kRows), kRows..., 4, 4, 2, 2, 1, 1, 1, 1>();
#else
  if constexpr (kManyRegisters<Arch>)
    return product_kernel_of<PlainProduct<T>, Arch, sizeof...(kRows), kRows..., 4, 4, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1>();
  else
    return product_kernel_of<PlainProduct<T>, Arch, sizeof...(kRows), kRows..., 2, 2, 1, 1, 1, 1>();
#endif
}

template <class Kernel, class P, std::size_t kVectors>
constexpr BlockKernel<P> block_kernel_of() noexcept {
  constexpr std::size_t kLanes = Kernel::kLanes;
  return {.lanes = kLanes,
          .vectors = kVectors,
          .enter = &Kernel::enter,
          .leave = &Kernel::leave,
          .run = &Kernel::run,
          .pack_a = &Kernel::pack_a,
          .pays = &Kernel::pays};
}

template <class T, class Arch>
constexpr AccumulateKernels<T> accumulate_kernels() noexcept {
  AccumulateKernels<T> kernels{};
  [&]<std::size_t... kMode>(std::index_sequence<kMode...>) {
    ((kernels.run[0][kMode] = &AccumulateIn<T, Arch, AccumulatorMode{kMode}>::floats), ...);
    ((kernels.run[1][kMode] = &AccumulateIn<T, Arch, AccumulatorMode{kMode}>::fixed), ...);
    ((kernels.run[2][kMode] = &AccumulateIn<T, Arch, AccumulatorMode{kMode}>::wrapped), ...);
  }
  (std::make_index_sequence<kAccumulatorModes>{});
  return kernels;
}

template <class T, class Arch>
constexpr ElementwiseKernels<T> elementwise_kernels() noexcept {
  using Each = Elementwise<T, Arch>;
  using Column = Columns<T, Arch>;
  using F = Activations<T, Arch>;
  return {.relu = F::template kernel<typename F::Relu>(),
          .leaky = F::template kernel<typename F::Leaky>(),
          .elu = F::template kernel<typename F::Elu>(),
          .gelu = F::template kernel<typename F::Gelu>(),
          .silu = F::template kernel<typename F::Silu>(),
          .sigmoid = F::template kernel<typename F::Sigmoid>(),
          .tanh = F::template kernel<typename F::Tanh>(),
          .softplus = F::template kernel<typename F::Softplus>(),
          .hard_sigmoid = F::template kernel<typename F::HardSigmoid>(),
          .hard_tanh = F::template kernel<typename F::HardTanh>(),
          .sign = F::template kernel<typename F::Sign>(),
          .add = &Each::add,
          .scale = &Each::scale,
          .add_scaled = &Each::add_scaled,
          .sum = &Each::sum,
          .sum_squares = &Each::sum_squares,
          .dot = &Each::dot,
          .all_finite = &Each::all_finite,
          .column_sums = &Column::sums,
          .column_squares = &Column::squares,
          .column_products = &Column::products,
          .normalize = &Column::normalize,
          .normalize_backward = &Column::normalize_backward,
          .max_window = &Each::max_window};
}

template <class T, class Arch>
constexpr UpdateKernels<T> update_kernels() noexcept {
  using Kernel = Update<T, Arch>;
  return {.sgd = &Kernel::sgd,
          .momentum = &Kernel::momentum,
          .nesterov = &Kernel::nesterov,
          .by_root = &Kernel::by_root,
          .adam = &Kernel::adam};
}

template <class T, class Arch>
constexpr QuantizeKernels<T> quantize_kernels() noexcept {
  QuantizeKernels<T> kernels{};
  [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) {
    ((kernels.fixed[kIndex] = &RoundFixed<T, Arch, Mode{kIndex}, false>::run), ...);
    ((kernels.fixed_wrapped[kIndex] = &RoundFixed<T, Arch, Mode{kIndex}, true>::run), ...);
    ((kernels.narrow_float[kIndex] = &RoundNarrowFloat<T, Arch, Mode{kIndex}>::run), ...);
    ((kernels.wide_float[kIndex] = &RoundWideFloat<T, Arch, Mode{kIndex}>::run), ...);
    ((kernels.integer[kIndex] = &RoundInteger<T, Arch, Mode{kIndex}>::run), ...);
    ((kernels.scaled_float[kIndex] = &RoundScaledFloat<T, Arch, Mode{kIndex}>::run), ...);
  }
  (std::make_integer_sequence<int, kRoundingModes>{});
  kernels.binary = &RoundToFew<T, Arch>::binary;
  kernels.ternary = &RoundToFew<T, Arch>::ternary;
  kernels.posit = &RoundPosit<T, Arch>::run;
  kernels.power = &RoundPower<T, Arch>::run;
  kernels.largest = &LargestMagnitudes<T, Arch>::one;
  kernels.largest_each = &LargestMagnitudes<T, Arch>::each;
  kernels.sums = &QuantizeSums<T, Arch>::sums;
  kernels.range = &QuantizeSums<T, Arch>::range;
  kernels.philox = &Philox<Arch>::run;
  return kernels;
}

template <class Arch>
constexpr PackKernels pack_kernels() noexcept {
  using Kernel = Pack<Arch>;
  return {.interleave_16 = &Kernel::interleave_16,
          .interleave_8 = &Kernel::interleave_8,
          .pair_rows_16 = &Kernel::pair_rows_16,
          .pair_rows_8 = &Kernel::pair_rows_8,
          .transpose_16 = &Kernel::template transpose<std::uint16_t>,
          .transpose_32 = &Kernel::template transpose<std::uint32_t>,
          .transpose_64 = &Kernel::template transpose<std::uint64_t>,
          .widen_fp16 = &WidenFp16<Arch>::run,
          .widen_bf16 = &Kernel::widen_bf16,
          .widen_u8 = &Kernel::template widen<std::uint8_t, std::int16_t>,
          .widen_s8 = &Kernel::template widen<std::int8_t, std::int16_t>};
}

/// All kernels of one carrier. kRows: the highest gemm tiles of 1, 2, ... vectors.
template <class T, class Arch, std::size_t... kRows>
constexpr CarrierKernels<T> carrier_kernels() noexcept {
  return {
      .gemm = plain_kernel<T, Arch, kRows...>(),
      .accumulate = accumulate_kernels<T, Arch>(),
      .depthwise = {.forward = &Depthwise<T, Arch>::forward, .backward_weights = &Depthwise<T, Arch>::backward_weights},
      .elementwise = elementwise_kernels<T, Arch>(),
      .quantize = quantize_kernels<T, Arch>(),
      .update = update_kernels<T, Arch>(),
      .few = {.height = GemmFew<T, Arch>::kHeight,
              .along = &GemmFew<T, Arch>::along,
              .across = &GemmFew<T, Arch>::across,
              .turn = &GemmFew<T, Arch>::turn},
  };
}

}  // namespace udnn::kernels
