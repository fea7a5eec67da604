// The kernels that multiply whole tiles, against their definition; bf16 bit for bit.
#include <bit>
#include <cmath>

#include "tests/support.h"

namespace udnn::test {
namespace {

template <class T>
std::vector<T> integers(std::size_t count, unsigned seed) {
  const auto values = small_integers<float>(count, seed);
  std::vector<T> made(count);
  for (std::size_t i = 0; i < count; ++i) {
    if constexpr (std::is_integral_v<T> && sizeof(T) == 1)
      made[i] = values[i] == 4    ? std::numeric_limits<T>::max()
                : values[i] == -4 ? std::numeric_limits<T>::min()
                                  : static_cast<T>(values[i]);
    else
      made[i] = stored<T>(values[i]);
  }
  return made;
}

struct Block {
  std::size_t rows, steps;
  std::vector<std::size_t> panels;  // columns of each
  bool bias = false, accumulate = false, is_in_steps = false;
};

template <class P>
class Blocks {
 public:
  explicit Blocks(const kernels::BlockKernel<P>& kernel) : kernel_(kernel) {}

  void expect_definition() {
    std::vector<std::vector<std::size_t>> widths;
    for (std::size_t cols = 1; cols <= 64; ++cols) widths.push_back({cols});
    widths.insert(widths.end(), {{64, 64, 64}, {48, 32, 17}, {64, 1}, {32, 32, 32, 16}});
    for (std::size_t rows = 1; rows <= 3 * Args::kHeight / 2 + 1; ++rows)
      for (const auto& panels : widths) {
        if (rows % 5 != 0 && rows > 2 && rows != 16 && rows != 17 && panels.size() == 1 && panels[0] % 7 != 1) continue;
        for (const std::size_t steps : Sizes{0, 1, 3}) expect_block({rows, steps, panels});
      }
    EXPECT_GT(blocks_, 1000U);
  }

 private:
  using A = typename P::A;
  using B = typename P::B;
  using C = typename P::C;
  using Args = kernels::BlockArgs<P>;
  static constexpr C kPoison = C{-12345};

  void expect_block(Block shape) {
    const std::size_t kind = blocks_++;
    shape.bias = kind % 3 != 0;
    shape.accumulate = kind % 5 < 2;
    shape.is_in_steps = kind % 2 == 0;
    SCOPED_TRACE(testing::Message() << shape.rows << " rows, " << shape.steps << " steps, " << shape.panels.size()
                                    << " panels from " << shape.panels[0] << (shape.bias ? ", with bias" : "")
                                    << (shape.accumulate ? ", accumulating" : ""));
    expect_block(shape, kind % 7 < 4 ? Edge::kEnd : Edge::kBegin);
  }

  void expect_block(const Block& shape, Edge edge) {
    const auto& [rows, steps, widths, with_bias, accumulate, is_in_steps] = shape;
    const std::size_t row_stride = is_in_steps ? Args::kStep : (steps + 1) * Args::kStep;
    const std::size_t a_step = is_in_steps ? rows * Args::kStep : Args::kStep;
    Guarded<A> a(integers<A>(steps == 0 ? 0 : (rows - 1) * row_stride + (steps - 1) * a_step + Args::kStep, 1), edge);
    std::vector<std::unique_ptr<Guarded<B>>> b;
    std::vector<typename Args::Panel> panels;
    std::size_t cols = 0;
    for (const std::size_t width : widths) {
      const std::size_t whole = (width + kernel_.lanes - 1) / kernel_.lanes * kernel_.lanes;
      b.push_back(std::make_unique<Guarded<B>>(integers<B>(steps * Args::kStep * whole, 2), edge));
      panels.push_back({b.back()->data(), width});
      cols += width;
    }
    const std::size_t c_stride = cols + 5;
    std::vector<C> start((rows - 1) * c_stride + cols, kPoison);
    if (accumulate)
      for (std::size_t i = 0; i < rows; ++i)
        std::ranges::copy(integers<C>(cols, static_cast<unsigned>(4 + i)), &start[i * c_stride]);
    Guarded<C> c(start, edge), bias(integers<C>(cols, 3), edge);
    Args args{.rows = rows,
              .steps = steps,
              .a = a.data(),
              .a_row_stride = static_cast<std::ptrdiff_t>(row_stride),
              .a_step = static_cast<std::ptrdiff_t>(a_step),
              .panels = panels.data(),
              .panel_count = panels.size(),
              .bias = with_bias ? bias.data() : nullptr,
              .c = c.data(),
              .c_stride = c_stride,
              .accumulate = accumulate};
    kernel_.enter(rows);
    kernel_.run(args);
    kernel_.leave();

    args.c = start.data();
    for (std::size_t i = 0; i < rows; ++i) {
      std::size_t j = 0;
      for (const auto& panel : panels)
        for (std::size_t col = 0; col < panel.cols; ++col, ++j) {
          const long double want = reference::gemm_block(args, kernel_.lanes, i, j, panel, col).value;
          ASSERT_EQ(static_cast<long double>(c.data()[i * c_stride + j]), want) << "at [" << i << ", " << j << "]";
        }
      for (; j < c_stride && i + 1 < rows; ++j)
        ASSERT_EQ(c.data()[i * c_stride + j], kPoison) << "wrote outside the block, at [" << i << ", " << j << "]";
    }
  }

  const kernels::BlockKernel<P>& kernel_;
  std::size_t blocks_ = 0;
};

class BlockKernels : public OnEveryIsa {
 protected:
  const kernels::NarrowProducts& narrow() const { return isa().narrow; }

  template <class Visit>
  void for_each(Visit visit) const {
    const auto one = [&](const char* name, const auto* kernel) {
      if (kernel == nullptr) return;
      SCOPED_TRACE(name);
      visit(*kernel);
    };
    one("bf16", narrow().bf16_blocks);
    one("u8s8", narrow().u8s8_blocks);
    one("s8s8", narrow().s8s8_blocks);
  }
};

TEST_P(BlockKernels, AreExactOnIntegers) {
  for_each([]<class P>(const kernels::BlockKernel<P>& kernel) { Blocks<P>(kernel).expect_definition(); });
}

// Rows as they lie, byte by byte, and zeros after their ends.
TEST_P(BlockKernels, PackRowsInSteps) {
  for_each([]<class P>(const kernels::BlockKernel<P>& kernel) {
    using A = typename P::A;
    constexpr std::size_t kStep = kernels::BlockArgs<P>::kStep;
    for (std::size_t depth = 1; depth <= 2 * kStep + 1; ++depth)
      for (const std::size_t rows : Sizes{1, 3, 32}) {
        const std::size_t stride = depth + 3, steps = (depth + kStep - 1) / kStep;
        Guarded<A> from(integers<A>((rows - 1) * stride + depth, 1), depth % 2 == 0 ? Edge::kEnd : Edge::kBegin);
        Guarded<A> to(integers<A>(steps * rows * kStep, 2), Edge::kEnd);
        kernel.pack_a(rows, depth, from.data(), static_cast<std::ptrdiff_t>(stride), to.data());
        for (std::size_t i = 0; i < rows; ++i)
          for (std::size_t k = 0; k < steps * kStep; ++k) {
            const long double want = k < depth ? reference::value_of(from.data()[i * stride + k]) : 0;
            ASSERT_EQ(reference::value_of(to.data()[(k / kStep * rows + i) * kStep + k % kStep]), want)
                << depth << " elements, at [" << i << ", " << k << "]";
          }
      }
  });
}

// Values of all sizes: sums that cancel, products that underflow, subnormal operands, infinities.
TEST_P(BlockKernels, SumBf16AsTheirDefinitionDoesBitForBit) {
  constexpr std::size_t kRows = 16, kCols = 16, kSteps = 3, kStep = 32;
  std::mt19937 random(7);
  const auto any = [&] {
    if (random() % 500 == 0) return stored<Bf16>(HUGE_VALF);
    const float size = std::ldexp(1.0F, static_cast<int>(random() % 3) * 60 - (random() % 4 == 0 ? 130 : 60));
    return stored<Bf16>(std::uniform_real_distribution<float>(-1, 1)(random) * size);
  };
  std::size_t sums = 0, underflows = 0;
  for (int repeat = 0; repeat < 200; ++repeat) {
    std::vector<Bf16> a(kRows * kSteps * kStep), b(kSteps * kStep * kCols);
    std::vector<float> start(kRows * kCols), got;
    std::ranges::generate(a, any);
    std::ranges::generate(b, any);
    for (float& s : start) s = static_cast<float>(reference::value_of(any()));
    got = start;
    const kernels::BlockArgs<kernels::Bf16DotProduct>::Panel panel{b.data(), kCols};
    narrow().bf16_blocks->enter(kRows);
    narrow().bf16_blocks->run({.rows = kRows,
                               .steps = kSteps,
                               .a = a.data(),
                               .a_row_stride = kSteps * kStep,
                               .a_step = kStep,
                               .panels = &panel,
                               .panel_count = 1,
                               .bias = nullptr,
                               .c = got.data(),
                               .c_stride = kCols,
                               .accumulate = true});
    narrow().bf16_blocks->leave();
    for (std::size_t i = 0; i < kRows; ++i)
      for (std::size_t j = 0; j < kCols; ++j) {
        float want = start[i * kCols + j];
        for (std::size_t s = 0; s < kSteps; ++s)
          want = reference::add_bf16_step(want, &a[(i * kSteps + s) * kStep], &b[(s * kStep / 2 * kCols + j) * 2],
                                          2 * kCols);
        underflows += want == 0 ? 1 : 0;
        ++sums;
        const float is = got[i * kCols + j];
        if (std::isnan(want)) {
          ASSERT_TRUE(std::isnan(is)) << "at [" << i << ", " << j << "]: " << is;
          continue;
        }
        ASSERT_EQ(std::bit_cast<std::uint32_t>(is), std::bit_cast<std::uint32_t>(want))
            << "at [" << i << ", " << j << "]: " << is << ", expected " << want;
      }
  }
  EXPECT_GE(sums, 50'000U);
  EXPECT_LT(underflows, sums);
}

/// Of tables that share their kernels, the one that needs least.
std::vector<const kernels::KernelTable*> tables_with_blocks() {
  std::vector<const kernels::KernelTable*> tables;
  for (const kernels::KernelTable* table : machine::usable_kernel_tables()) {
    const auto* const blocks = table->narrow.bf16_blocks;
    if (!tables.empty() && tables.back()->narrow.bf16_blocks == blocks) tables.pop_back();
    if (blocks != nullptr) tables.push_back(table);
  }
  return tables;
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BlockKernels);  // ARM has none
INSTANTIATE_TEST_SUITE_P(EveryIsa, BlockKernels, testing::ValuesIn(tables_with_blocks()), isa_name);

}  // namespace
}  // namespace udnn::test
