// The matrix tiles of every product and instruction set of this CPU, against their definition.
#include <bit>
#include <cfenv>
#include <cmath>

#include "tests/support.h"

namespace udnn::test {
namespace {

enum class Agreement { kExact, kInsideTheErrorBound };

template <class T>
std::vector<T> integers(std::size_t count, unsigned seed) {
  const auto values = small_integers<float>(count, seed);
  std::vector<T> made(count);
  for (std::size_t i = 0; i < count; ++i) made[i] = stored<T>(std::is_unsigned_v<T> ? std::abs(values[i]) : values[i]);
  return made;
}

/// The whole range of integers, its ends above all; reals else.
template <class T>
std::vector<T> all_values(std::size_t count, unsigned seed) {
  if constexpr (std::is_floating_point_v<T>) {
    return reals<T>(count, seed);
  } else if constexpr (std::is_integral_v<T>) {
    std::mt19937 random(seed);
    constexpr T kEnds[] = {std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), T{0}, T{1}, T{127}};
    std::vector<T> made(count);
    for (T& value : made) value = random() % 3 == 0 ? static_cast<T>(random()) : kEnds[random() % 5];
    return made;
  } else {
    const auto values = reals<float>(count, seed);
    std::vector<T> made(count);
    for (std::size_t i = 0; i < count; ++i) made[i] = stored<T>(values[i]);
    return made;
  }
}

struct Tile {
  std::size_t rows, cols, vectors, depth, outer;
  std::size_t tiles = 1;
  bool transposed = false, bias = false, accumulate = false, tail = false;
};

template <class P>
class Tiles {
 public:
  template <class T>
  using Operands = std::vector<T> (*)(std::size_t count, unsigned seed);

  Tiles(const kernels::ProductKernel<P>& kernel, Operands<typename P::A> a, Operands<typename P::B> b,
        Operands<typename P::C> c, Agreement agreement)
      : kernel_(kernel), a_(a), b_(b), c_(c), agreement_(agreement) {}

  // Every tile shape with every width of the last vector that matters, as a plain product and as a convolution takes
  // it.
  void expect_definition() {
    for (std::size_t vectors = 1; vectors <= kernel_.widest; ++vectors)
      for (std::size_t rows = 1; rows <= kernel_.rows[vectors - 1]; ++rows)
        for (std::size_t last = 1; last <= kernel_.lanes; ++last) {
          const std::size_t cols = (vectors - 1) * kernel_.lanes + last;
          for (const std::size_t depth : Sizes{0, 1, 7}) expect_tile({rows, cols, vectors, depth, 1});
          expect_tile({rows, cols, vectors, 5, 3});
          if (last == kernel_.lanes || last == 1)
            for (const std::size_t depth : Sizes{2, 64, 257}) expect_tile({rows, cols, vectors, depth, 1});
        }
    EXPECT_GT(tiles_, 100U);
  }

 private:
  using A = typename P::A;
  using B = typename P::B;
  using C = typename P::C;
  static constexpr std::size_t kGranule = P::kGranule;
  static constexpr bool kBIsPadded = !std::is_same_v<B, C>;
  static constexpr C kPoison = C{-12345};

  void expect_tile(Tile shape) {
    // Which starts and strides go with a shape changes from tile to tile, so that all meet all.
    const std::size_t kind = tiles_++;
    shape.transposed = kind % 2 == 1;
    shape.bias = kind % 3 != 0;
    shape.accumulate = kind % 5 == 0;
    shape.tail = kGranule > 1 && kind % 11 < 5;
    shape.tiles = can_repeat_ && kind % 13 == 0 ? 3 : 1;
    SCOPED_TRACE(testing::Message() << shape.tiles << " * " << shape.rows << " x " << shape.cols << " x " << shape.outer
                                    << " * " << shape.depth << (shape.transposed ? ", transposed" : "")
                                    << (shape.tail ? ", with a tail" : "")
                                    << (shape.accumulate ? ", accumulating"
                                        : shape.bias     ? ", with bias"
                                                         : ""));
    expect_tile(shape, kind % 7 < 4 ? Edge::kEnd : Edge::kBegin);
  }

  void expect_tile(const Tile& shape, Edge edge) {
    const auto& [tile_rows, cols, vectors, depth, outer, tiles, transposed, with_bias, accumulate, with_tail] = shape;
    const std::size_t rows = tile_rows * tiles;
    // Strides that no vector divides. With several pieces of k the rows overlap, as windows of a convolution do.
    const std::size_t row_stride = transposed ? kGranule : outer > 1 ? 2 * kGranule : (depth + 2) * kGranule + 1;
    const std::size_t k_stride = transposed ? (rows + 1) * kGranule + 1 : kGranule;
    const std::size_t read_cols = kBIsPadded ? vectors * kernel_.lanes : cols;
    const std::size_t piece_stride = 11, b_stride = read_cols * kGranule + 1, c_stride = cols + 5;
    std::vector<std::ptrdiff_t> offsets;
    for (std::size_t o = 0; o < outer; ++o) offsets.push_back(static_cast<std::ptrdiff_t>(o * piece_stride));
    // The last row ends with its last element, not with its stride: that is where the guard page begins.
    const std::size_t a_size =
        (outer - 1) * piece_stride + (rows - 1) * row_stride + (depth == 0 ? 0 : (depth - 1) * k_stride + kGranule);
    const std::size_t k = outer * depth, b_rows = k + (with_tail ? 1 : 0);
    Guarded<A> a(a_(depth == 0 ? 0 : a_size, 1), edge), tail(a_(rows * kGranule, 5), edge);
    Guarded<C> bias(c_(cols, 2), edge);
    Guarded<B> b(b_(b_rows == 0 ? 0 : (b_rows - 1) * b_stride + read_cols * kGranule, 3), edge);
    const std::size_t c_size = (rows - 1) * c_stride + cols;
    std::vector<C> start(c_size, kPoison);
    if (accumulate)
      for (std::size_t i = 0; i < rows; ++i)
        std::ranges::copy(c_(cols, static_cast<unsigned>(4 + i)), &start[i * c_stride]);
    Guarded<C> c(start, edge);

    kernels::ProductArgs<P> args{.k_depth = depth,
                                 .k_outer = outer,
                                 .offsets = offsets.data(),
                                 .a = a.data(),
                                 .a_row_stride = static_cast<std::ptrdiff_t>(row_stride),
                                 .a_k_stride = static_cast<std::ptrdiff_t>(k_stride),
                                 .b = b.data(),
                                 .b_stride = b_stride,
                                 .bias = with_bias ? bias.data() : nullptr,
                                 .c = c.data(),
                                 .c_stride = c_stride,
                                 .cols = cols,
                                 .accumulate = accumulate,
                                 .tiles = tiles,
                                 .a_tail = with_tail ? tail.data() : nullptr};
    kernel_.run[vectors - 1][tile_rows - 1](args);

    args.c = start.data();
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < cols; ++j) expect_element(args, i, j, c.data()[i * c_stride + j], b_rows * kGranule);
      for (std::size_t j = cols; j < c_stride && i + 1 < rows; ++j)
        ASSERT_EQ(c.data()[i * c_stride + j], kPoison) << "wrote outside the tile, at [" << i << ", " << j << "]";
    }
  }

  void expect_element(const kernels::ProductArgs<P>& args, std::size_t i, std::size_t j, C got, std::size_t terms) {
    const auto want = reference::gemm(args, i, j, kernel_.added_to_a);
    if constexpr (std::is_integral_v<C>) {  // exact modulo 2^32
      ASSERT_EQ(got, static_cast<C>(static_cast<std::int64_t>(want.value))) << "at [" << i << ", " << j << "]";
    } else {
      const long double bound = agreement_ == Agreement::kExact ? 0 : error_bound<C>(terms, want.magnitude);
      ASSERT_LE(std::abs(got - want.value), bound) << "at [" << i << ", " << j << "]: " << got;
    }
  }

  const kernels::ProductKernel<P>& kernel_;
  Operands<A> a_;
  Operands<B> b_;
  Operands<C> c_;
  Agreement agreement_;
  static constexpr bool can_repeat_ = !std::is_same_v<C, kernels::Wide>;
  std::size_t tiles_ = 0;
};

template <class P>
void expect_exact(const kernels::ProductKernel<P>& kernel) {
  Tiles<P>(kernel, integers<typename P::A>, integers<typename P::B>, integers<typename P::C>, Agreement::kExact)
      .expect_definition();
}
template <class P>
void expect_close(const kernels::ProductKernel<P>& kernel) {
  Tiles<P>(kernel, all_values<typename P::A>, all_values<typename P::B>, all_values<typename P::C>,
           Agreement::kInsideTheErrorBound)
      .expect_definition();
}

class EveryKernelTable : public OnEveryIsa {};

// The other tests run what this CPU can: here it is said what that leaves out.
TEST_P(EveryKernelTable, RunsOnThisCpu) {
  const auto usable = machine::usable_kernel_tables();
  if (std::ranges::find(usable, &isa()) == usable.end()) GTEST_SKIP() << "this CPU cannot run " << isa().isa;
  const ForcedIsa forced(isa().isa);
  const auto chosen = machine::chosen_kernel_table();
  ASSERT_TRUE(chosen);
  EXPECT_EQ(*chosen, &isa());
}

class GemmKernels : public OnEveryIsa {
 protected:
  /// visit(name, kernel) for each product of this instruction set; the number of them.
  template <class Visit>
  int for_each_narrow(Visit visit) const {
    const kernels::NarrowProducts& narrow = isa().narrow;
    int products = 0;
    const auto one = [&](const char* name, const auto* kernel) {
      if (kernel == nullptr) return;
      SCOPED_TRACE(name);
      ++products;
      visit(*kernel);
    };
    one("fp16", narrow.fp16);
    one("bf16", narrow.bf16);
    one("bf16_dot", narrow.bf16_dot);
    one("s16", narrow.s16);
    one("u8s8", narrow.u8s8);
    one("s8s8", narrow.s8s8);
    return products;
  }
};

TEST_P(GemmKernels, AreExactOnSmallIntegers) {
  expect_exact(isa().f32.gemm);
  expect_exact(isa().f64.gemm);
  EXPECT_GE(for_each_narrow([](const auto& kernel) { expect_exact(kernel); }), 2);
}

TEST_P(GemmKernels, StayInsideTheErrorBound) {
  expect_close(isa().f32.gemm);
  expect_close(isa().f64.gemm);
  EXPECT_GE(for_each_narrow([](const auto& kernel) { expect_close(kernel); }), 2);
}

TEST(WideGemmKernel, IsExactOnSmallIntegers) { expect_exact(kernels::kWideKernels.gemm); }

template <class P>
void expect_a_kernel_for_every_tile(const kernels::ProductKernel<P>& kernel) {
  ASSERT_GE(kernel.vectors, 1U);
  ASSERT_LE(kernel.vectors, kernel.widest);
  ASSERT_LE(kernel.widest, kernels::ProductKernel<P>::kMaxVectors);
  for (std::size_t vectors = 1; vectors <= kernel.widest; ++vectors) {
    ASSERT_GE(kernel.rows[vectors - 1], 1U);
    ASSERT_LE(kernel.rows[vectors - 1], kernels::ProductKernel<P>::kMaxRows);
    for (std::size_t rows = 1; rows <= kernel.rows[vectors - 1]; ++rows)
      EXPECT_NE(kernel.run[vectors - 1][rows - 1], nullptr) << rows << " rows, " << vectors << " vectors";
  }
}

TEST_P(GemmKernels, ExistForEveryTile) {
  expect_a_kernel_for_every_tile(isa().f32.gemm);
  expect_a_kernel_for_every_tile(isa().f64.gemm);
  for_each_narrow([](const auto& kernel) { expect_a_kernel_for_every_tile(kernel); });
  EXPECT_EQ(isa().narrow.u8s8 == nullptr, isa().narrow.s8s8 == nullptr);
}

// What lies beside the columns of a tile must not reach it: NaN * 0 is NaN.
TEST_P(GemmKernels, KeepNansInTheirOwnColumn) {
  const auto& gemm = isa().f32.gemm;
  const std::vector<float> a{1, 1}, b{1, NAN, 1, 1, 2, 1};
  std::vector<float> c(3);
  const std::ptrdiff_t offset = 0;
  gemm.run[0][0]({.k_depth = 2,
                  .k_outer = 1,
                  .offsets = &offset,
                  .a = a.data(),
                  .a_row_stride = 2,
                  .a_k_stride = 1,
                  .b = b.data(),
                  .b_stride = 3,
                  .bias = nullptr,
                  .c = c.data(),
                  .c_stride = 3,
                  .cols = 3,
                  .accumulate = false});
  EXPECT_EQ(c[0], 2);
  EXPECT_TRUE(std::isnan(c[1]));
  EXPECT_EQ(c[2], 2);
}

// fma(a1, b1), then fma(a0, b0), subnormals zero: the chain that Bf16Product promises, and the instruction computes.
class Bf16Chain : public GemmKernels {
 protected:
  static constexpr float kLeast = std::numeric_limits<float>::min();

  static float value(Bf16 x) { return reference::flushed(static_cast<float>(reference::value_of(x))); }
};

TEST_P(Bf16Chain, IsThatOfTheInstruction) {
  constexpr std::size_t kDepth = 3;
  const auto& narrow = isa().narrow;
  const std::size_t cols = narrow.bf16->lanes;
  std::mt19937 random(7);
  // Of all sizes: sums that cancel, products that underflow, subnormal operands.
  const auto any = [&] {
    const float size = std::ldexp(1.0F, static_cast<int>(random() % 3) * 60 - (random() % 4 == 0 ? 130 : 60));
    return stored<Bf16>(std::uniform_real_distribution<float>(-1, 1)(random) * size);
  };
  std::size_t chains = 0;
  for (int repeat = 0; repeat < 20000; ++repeat) {
    std::vector<Bf16> a(2 * kDepth), b(2 * kDepth * cols);
    std::vector<float> start(cols), want(cols), wide_a(2 * kDepth), got(cols);
    if (repeat % 4 != 0) {
      std::ranges::generate(a, any);
      std::ranges::generate(b, any);
      for (float& s : start) s = static_cast<float>(reference::value_of(any()));
    } else {  // by a few eighths of the spacing of subnormals around the least normal number
      const auto sign = [&] { return random() % 2 == 0 ? 1.0F : -1.0F; };
      const auto eighths = [&] { return stored<Bf16>(static_cast<float>(random() % 8) * sign() * 0x1p-76F); };
      std::ranges::generate(a, [&] { return stored<Bf16>(0x1p-76F); });
      std::ranges::generate(b, eighths);
      for (float& s : start) s = sign() * (kLeast + static_cast<float>(random() % 2) * 0x1p-149F);
    }
    for (std::size_t i = 0; i < a.size(); ++i) wide_a[i] = static_cast<float>(reference::value_of(a[i]));
    bool underflows = false;  // before it is added: lost without fused multiply-add
    for (std::size_t j = 0; j < cols; ++j) {
      float sum = start[j];
      for (std::size_t k = 0; k < kDepth; ++k)
        for (const std::size_t q : Sizes{1, 0}) {
          const float x = value(a[2 * k + q]), y = value(b[(k * cols + j) * 2 + q]);
          underflows |= x * y != 0 && std::abs(x * y) < std::numeric_limits<float>::min();
          underflows |= x != 0 && y != 0 && x * y == 0;
          sum = reference::fused_flushed(x, y, sum);
        }
      want[j] = sum;
    }
    const std::ptrdiff_t offset = 0;
    const auto run = [&](const auto& kernel, const auto* left) {
      got = start;
      kernel.run[0][0]({.k_depth = kDepth,
                        .k_outer = 1,
                        .offsets = &offset,
                        .a = left,
                        .a_row_stride = 0,
                        .a_k_stride = 2,
                        .b = b.data(),
                        .b_stride = 2 * cols,
                        .bias = nullptr,
                        .c = got.data(),
                        .c_stride = cols,
                        .cols = cols,
                        .accumulate = true});
      for (std::size_t j = 0; j < cols; ++j)
        ASSERT_EQ(std::bit_cast<std::uint32_t>(got[j] + 0), std::bit_cast<std::uint32_t>(want[j] + 0))
            << "column " << j;
    };
    if (isa().is_fused || !underflows) {
      run(*narrow.bf16, wide_a.data());
      ++chains;
    }
    if (narrow.bf16_dot != nullptr) run(*narrow.bf16_dot, a.data());
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(chains, 500U);
}

TEST_P(Bf16Chain, LeavesTheFloatingPointStateAsItWas) {
  const float tiny = std::numeric_limits<float>::denorm_min() * 64;
  const std::vector<float> a(2, 1.0F);
  const std::vector<Bf16> b(2 * isa().narrow.bf16->lanes, stored<Bf16>(1.0F));
  std::vector<float> c(1);
  const std::ptrdiff_t offset = 0;
  isa().narrow.bf16->run[0][0]({.k_depth = 1,
                                .k_outer = 1,
                                .offsets = &offset,
                                .a = a.data(),
                                .a_row_stride = 0,
                                .a_k_stride = 2,
                                .b = b.data(),
                                .b_stride = b.size(),
                                .bias = nullptr,
                                .c = c.data(),
                                .c_stride = 1,
                                .cols = 1,
                                .accumulate = false});
  EXPECT_EQ(c[0], 2);
  volatile float half = tiny;
  half = half / 2;
  EXPECT_NE(half, 0);
}

INSTANTIATE_TEST_SUITE_P(All, EveryKernelTable, testing::ValuesIn(kernels::all_kernel_tables()), isa_name);
INSTANTIATE_TEST_SUITE_P(EveryIsa, GemmKernels, testing::ValuesIn(machine::usable_kernel_tables()), isa_name);
INSTANTIATE_TEST_SUITE_P(EveryIsa, Bf16Chain, testing::ValuesIn(machine::usable_kernel_tables()), isa_name);

}  // namespace
}  // namespace udnn::test
