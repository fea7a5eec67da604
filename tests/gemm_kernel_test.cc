// The gemm tiles of every instruction set of this CPU, against their definition.
#include <cmath>

#include "tests/support.h"

namespace udnn::test {
namespace {

template <class T>
using Operands = std::vector<T> (*)(std::size_t count, unsigned seed);

enum class Agreement { kExact, kInsideTheErrorBound };

struct Tile {
  std::size_t rows, cols, vectors, depth, outer;
  bool transposed = false, bias = false, accumulate = false;
};

class GemmKernels : public OnEveryIsa {
 protected:
  // Every tile shape with every width of the last vector that matters, as a plain product and as a convolution takes
  // it.
  template <class T>
  void expect_definition(Operands<T> operands, Agreement agreement) {
    const auto& gemm = isa().template carrier<T>().gemm;
    std::size_t tiles = 0;
    for (std::size_t vectors = 1; vectors <= gemm.vectors; ++vectors)
      for (std::size_t rows = 1; rows <= gemm.rows[vectors - 1]; ++rows)
        for (std::size_t last = 1; last <= gemm.lanes; ++last) {
          const std::size_t cols = (vectors - 1) * gemm.lanes + last;
          for (const std::size_t depth : Sizes{0, 1, 7})
            expect_tile<T>({rows, cols, vectors, depth, 1}, operands, agreement, tiles);
          expect_tile<T>({rows, cols, vectors, 5, 3}, operands, agreement, tiles);
          if (last == gemm.lanes || last == 1)
            for (const std::size_t depth : Sizes{2, 64, 257})
              expect_tile<T>({rows, cols, vectors, depth, 1}, operands, agreement, tiles);
        }
    EXPECT_GT(tiles, 100U);
  }

 private:
  template <class T>
  void expect_tile(Tile shape, Operands<T> operands, Agreement agreement, std::size_t& tiles) {
    // Which starts and strides go with a shape changes from tile to tile, so that all meet all.
    const std::size_t kind = tiles++;
    shape.transposed = kind % 2 == 1;
    shape.bias = kind % 3 != 0;
    shape.accumulate = kind % 5 == 0;
    SCOPED_TRACE(testing::Message() << sizeof(T) * 8 << " bits, " << shape.rows << " x " << shape.cols << " x "
                                    << shape.outer << " * " << shape.depth << (shape.transposed ? ", transposed" : "")
                                    << (shape.accumulate ? ", accumulating"
                                        : shape.bias     ? ", with bias"
                                                         : ""));
    expect_tile(shape, kind % 7 < 4 ? Edge::kEnd : Edge::kBegin, operands, agreement);
  }

  template <class T>
  void expect_tile(const Tile& shape, Edge edge, Operands<T> operands, Agreement agreement) {
    const auto& [rows, cols, vectors, depth, outer, transposed, with_bias, accumulate] = shape;
    // Strides that no vector divides. With several pieces of k the rows overlap, as windows of a convolution do.
    const std::size_t row_stride = transposed ? 1 : outer > 1 ? 2 : depth + 3, k_stride = transposed ? rows + 2 : 1;
    const std::size_t piece_stride = 11, b_stride = cols + 1, c_stride = cols + 5;
    std::vector<std::ptrdiff_t> offsets;
    for (std::size_t o = 0; o < outer; ++o) offsets.push_back(static_cast<std::ptrdiff_t>(o * piece_stride));
    // The last row ends with its last element, not with its stride: that is where the guard page begins.
    const std::size_t a_size =
        (outer - 1) * piece_stride + (rows - 1) * row_stride + (depth == 0 ? 0 : (depth - 1) * k_stride + 1);
    const std::size_t k = outer * depth;
    Guarded<T> a(operands(depth == 0 ? 0 : a_size, 1), edge), bias(operands(cols, 2), edge);
    Guarded<T> b(operands(k == 0 ? 0 : (k - 1) * b_stride + cols, 3), edge);
    const std::size_t c_size = (rows - 1) * c_stride + cols;
    std::vector<T> start(c_size, kPoison<T>);
    if (accumulate)
      for (std::size_t i = 0; i < rows; ++i)
        std::ranges::copy(operands(cols, static_cast<unsigned>(4 + i)), &start[i * c_stride]);
    Guarded<T> c(start, edge);

    kernels::GemmArgs<T> args{.k_depth = depth,
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
                              .accumulate = accumulate};
    isa().template carrier<T>().gemm.run[vectors - 1][rows - 1](args);

    args.c = start.data();
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < cols; ++j) {
        const auto want = reference::gemm(args, i, j);
        const long double bound = agreement == Agreement::kExact ? 0 : error_bound<T>(k, want.magnitude);
        ASSERT_LE(std::abs(c.data()[i * c_stride + j] - want.value), bound)
            << "at [" << i << ", " << j << "]: " << c.data()[i * c_stride + j];
      }
      for (std::size_t j = cols; j < c_stride && i + 1 < rows; ++j)
        ASSERT_EQ(c.data()[i * c_stride + j], kPoison<T>) << "wrote outside the tile, at [" << i << ", " << j << "]";
    }
  }

  template <class T>
  static constexpr T kPoison = T{-12345};
};

TEST_P(GemmKernels, AreExactOnSmallIntegers) {
  expect_definition<float>(small_integers<float>, Agreement::kExact);
  expect_definition<double>(small_integers<double>, Agreement::kExact);
  expect_definition<kernels::Wide>(small_integers<kernels::Wide>, Agreement::kExact);
}

TEST_P(GemmKernels, StayInsideTheErrorBound) {
  expect_definition<float>(reals<float>, Agreement::kInsideTheErrorBound);
  expect_definition<double>(reals<double>, Agreement::kInsideTheErrorBound);
}

template <class T>
void expect_a_kernel_for_every_tile(const kernels::GemmKernel<T>& gemm) {
  ASSERT_GE(gemm.vectors, 1U);
  ASSERT_LE(gemm.vectors, kernels::GemmKernel<T>::kMaxVectors);
  for (std::size_t vectors = 1; vectors <= gemm.vectors; ++vectors) {
    ASSERT_GE(gemm.rows[vectors - 1], 1U);
    ASSERT_LE(gemm.rows[vectors - 1], kernels::GemmKernel<T>::kMaxRows);
    for (std::size_t rows = 1; rows <= gemm.rows[vectors - 1]; ++rows)
      EXPECT_NE(gemm.run[vectors - 1][rows - 1], nullptr) << rows << " rows, " << vectors << " vectors";
  }
}

TEST_P(GemmKernels, ExistForEveryTile) {
  expect_a_kernel_for_every_tile(isa().f32.gemm);
  expect_a_kernel_for_every_tile(isa().f64.gemm);
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

INSTANTIATE_TEST_SUITE_P(EveryIsa, GemmKernels, testing::ValuesIn(machine::usable_kernel_tables()), isa_name);

}  // namespace
}  // namespace udnn::test
