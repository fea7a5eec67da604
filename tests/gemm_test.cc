// The matrix product: its definition, its pieces, its determinism.
#include "src/ops/gemm.h"

#include <cmath>

#include "tests/support.h"

namespace udnn::test {
namespace {

class GemmOp : public OnEveryIsa {
 protected:
  template <class T>
  ops::Gemm<T> gemm() const {
    return *ops::Gemm<T>::create(isa());
  }

  // A, B, bias and C of small integers; A stored as it is or transposed.
  template <class T>
  void expect_product(std::size_t m, std::size_t n, std::size_t k, bool transposed, bool accumulate) {
    SCOPED_TRACE(testing::Message() << m << " x " << n << " x " << k << (transposed ? ", transposed" : "")
                                    << (accumulate ? ", accumulating" : ""));
    const auto a = small_integers<T>(m * k, 1), b = small_integers<T>(k * n, 2), bias = small_integers<T>(n, 3);
    const auto start = small_integers<T>(m * n, 4);
    auto c = start;
    const auto rows = static_cast<std::ptrdiff_t>(m), depth = static_cast<std::ptrdiff_t>(k);
    const ops::GemmOperands<T> operands{.m = m,
                                        .n = n,
                                        .k = k,
                                        .a = a.data(),
                                        .a_row_stride = transposed ? 1 : depth,
                                        .a_k_stride = transposed ? rows : 1,
                                        .b = b.data(),
                                        .b_stride = n,
                                        .bias = bias.data(),
                                        .c = c.data(),
                                        .c_stride = n,
                                        .accumulate = accumulate};
    // Each piece once: finishing adds 1000.
    const auto finish = [](T* y, std::size_t count, std::size_t) {
      for (std::size_t i = 0; i < count; ++i) y[i] += 1000;
    };
    Team::create(k > 300 ? 2 : 1)->run([&](Worker& worker) { gemm<T>().run(worker, operands, finish); });
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        T want = (accumulate ? start[i * n + j] : bias[j]) + 1000;
        for (std::size_t p = 0; p < k; ++p) want += (transposed ? a[p * m + i] : a[i * k + p]) * b[p * n + j];
        ASSERT_EQ(c[i * n + j], want) << "at [" << i << ", " << j << "]";
      }
  }
};

TEST_P(GemmOp, IsExactOnSmallIntegers) {
  for (const std::size_t m : Sizes{0, 1, 13, 64})
    for (const std::size_t n : Sizes{0, 1, 10, 84, 131})
      for (const std::size_t k : Sizes{0, 1, 37}) {
        expect_product<float>(m, n, k, false, false);
        expect_product<double>(m, n, k, true, false);
        expect_product<kernels::Wide>(m, n, k, true, true);
        expect_product<float>(m, n, k, true, true);
      }
}

// More than one pass over k: the tile starts again from c, and is finished only once.
TEST_P(GemmOp, IsExactWhereKIsLong) {
  for (const std::size_t k : Sizes{383, 384, 385, 1000}) {
    expect_product<float>(9, 70, k, false, false);
    expect_product<double>(9, 10, k, false, true);
  }
}

TEST_P(GemmOp, TellsWhereEachPieceBelongs) {
  constexpr std::size_t kM = 29, kN = 150, kK = 3;
  const auto a = reals<float>(kM * kK, 1), b = reals<float>(kK * kN, 2);
  std::vector<float> c(kM * kN);
  std::vector<int> seen(kM * kN);
  bool in_place = true;
  const auto finish = [&](const float* y, std::size_t count, std::size_t first) {
    in_place &= y == c.data() + first;
    for (std::size_t i = 0; i < count; ++i) ++seen[first + i];
  };
  Team::create(1)->run([&](Worker& worker) {
    gemm<float>().run(worker,
                      {.m = kM,
                       .n = kN,
                       .k = kK,
                       .a = a.data(),
                       .a_row_stride = kK,
                       .a_k_stride = 1,
                       .b = b.data(),
                       .b_stride = kN,
                       .bias = nullptr,
                       .c = c.data(),
                       .c_stride = kN,
                       .accumulate = false},
                      finish);
  });
  EXPECT_TRUE(in_place);
  EXPECT_EQ(seen, std::vector<int>(kM * kN, 1));
}

TEST_P(GemmOp, LeavesWhatLiesBetweenTheRowsOfC) {
  constexpr std::size_t kM = 7, kN = 5, kStride = 8;
  const auto a = small_integers<float>(kM, 1), b = small_integers<float>(kN, 2);
  std::vector<float> c(kM * kStride, -7);
  Team::create(1)->run([&](Worker& worker) {
    gemm<float>().run(worker,
                      {.m = kM,
                       .n = kN,
                       .k = 1,
                       .a = a.data(),
                       .a_row_stride = 1,
                       .a_k_stride = 1,
                       .b = b.data(),
                       .b_stride = kN,
                       .bias = nullptr,
                       .c = c.data(),
                       .c_stride = kStride,
                       .accumulate = false},
                      {});
  });
  for (std::size_t i = 0; i < c.size(); ++i)
    EXPECT_EQ(c[i], i % kStride < kN ? a[i / kStride] * b[i % kStride] : -7) << "at " << i;
}

// Two products in one region: the second reads what all workers of the first have written.
TEST_P(GemmOp, GivesTheSameBytesForAnyNumberOfWorkers) {
  constexpr std::size_t kM = 29, kK = 500, kHidden = 150, kN = 10;
  const auto x = reals<float>(kM * kK, 1), w1 = reals<float>(kK * kHidden, 2), w2 = reals<float>(kHidden * kN, 3);
  const auto op = gemm<float>();
  for (int repeat = 0; repeat < 3; ++repeat)
    expect_same_bytes_for_any_team(std::vector<float>(kM * kHidden + kM * kN), [&](Worker& worker, float* y) {
      float* const second = y + kM * kHidden;
      op.run(worker,
             {.m = kM,
              .n = kHidden,
              .k = kK,
              .a = x.data(),
              .a_row_stride = kK,
              .a_k_stride = 1,
              .b = w1.data(),
              .b_stride = kHidden,
              .bias = nullptr,
              .c = y,
              .c_stride = kHidden,
              .accumulate = false},
             {});
      op.run(worker,
             {.m = kM,
              .n = kN,
              .k = kHidden,
              .a = y,
              .a_row_stride = kHidden,
              .a_k_stride = 1,
              .b = w2.data(),
              .b_stride = kN,
              .bias = nullptr,
              .c = second,
              .c_stride = kN,
              .accumulate = false},
             {});
    });
}

TEST_P(GemmOp, AllocatesNothingWhileItRuns) {
  const auto x = reals<float>(6400, 1);
  std::vector<float> c(std::size_t{64} * 64);
  const auto op = gemm<float>();
  EXPECT_EQ(allocations_during([&](Worker& worker) {
              op.run(worker,
                     {.m = 64,
                      .n = 64,
                      .k = 100,
                      .a = x.data(),
                      .a_row_stride = 100,
                      .a_k_stride = 1,
                      .b = x.data(),
                      .b_stride = 64,
                      .bias = nullptr,
                      .c = c.data(),
                      .c_stride = 64,
                      .accumulate = false},
                     [](float*, std::size_t, std::size_t) {});
            }),
            0U);
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, GemmOp, testing::ValuesIn(machine::usable_carrier_tables()), isa_name);

template <class T>
void expect_column_sums() {
  for (const std::size_t rows : Sizes{0, 1, 2, 3, 4, 5, 64})
    for (const std::size_t cols : Sizes{1, 31, 32, 33, 100}) {
      const auto x = small_integers<T>(rows * cols, 1);
      std::vector<T> sums(cols, -1);
      Team::create(3)->run([&](Worker& worker) { ops::column_sums(worker, x.data(), rows, cols, sums.data()); });
      const auto want = reference::column_sums(rows, cols, x.data());
      for (std::size_t j = 0; j < cols; ++j)
        ASSERT_EQ(sums[j], want[j].value) << rows << " rows, column " << j << " of " << cols;
    }
}

TEST(ColumnSums, AreExactOnSmallIntegers) {
  expect_column_sums<float>();
  expect_column_sums<double>();
}

// Four chains, i mod 4, in plain loops; and the kernels of the table add in the same order.
TEST(ColumnSums, HaveTheSameOrderEverywhere) {
  constexpr std::size_t kRows = 1003, kCols = 35;
  const auto x = reals<float>(kRows * kCols, 1);
  std::vector<float> chains(4 * kCols), sums(kCols);
  for (std::size_t i = 0; i < kRows; ++i)
    for (std::size_t j = 0; j < kCols; ++j) chains[i % 4 * kCols + j] += x[i * kCols + j];
  Team::create(2)->run([&](Worker& worker) { ops::column_sums(worker, x.data(), kRows, kCols, sums.data()); });
  for (const kernels::KernelTable* table : machine::usable_carrier_tables()) {
    std::vector<float> got(kCols);
    table->f32.elementwise.column_sums(kRows, kCols, x.data(), got.data());
    EXPECT_EQ(got, sums) << table->isa;
  }
  for (std::size_t j = 0; j < kCols; ++j)
    EXPECT_EQ(sums[j], (chains[j] + chains[kCols + j]) + (chains[2 * kCols + j] + chains[3 * kCols + j]))
        << "column " << j;
}

}  // namespace
}  // namespace udnn::test
