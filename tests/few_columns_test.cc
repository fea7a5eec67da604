// Products of few columns: the kernels against their definition bit for bit, and the driver around them.
#include "src/ops/few_columns.h"

#include <cmath>

#include "tests/support.h"
#include "udnn/gemm.h"

namespace udnn::test {
namespace {

template <class T>
bool same_bits(T x, T y) {
  return std::memcmp(&x, &y, sizeof x) == 0;
}

enum class Values { kIntegers, kReals, kTiny };

/// kTiny: products and their sums underflow, to zeros of either sign.
template <class T>
std::vector<T> values_of(Values kind, std::size_t count, unsigned seed) {
  if (kind == Values::kIntegers) return small_integers<T>(count, seed);
  std::vector<T> made = reals<T>(count, seed);
  if (kind == Values::kTiny)
    for (T& v : made) v *= std::sqrt(std::numeric_limits<T>::denorm_min()) / 2;
  return made;
}

template <class T>
class Few {
 public:
  Few(const kernels::KernelTable& table, Values values) : table_(table), values_(values) {}

  // Every tile with every end of k, in both forms.
  void expect_definition() {
    constexpr std::size_t kStep = kernels::kFewLanes<T>;
    for (std::size_t cols = 1; cols <= kernels::FewKernel<T>::kMaxCols; ++cols)
      for (std::size_t rows = 1; rows <= 19; ++rows)
        for (std::size_t depth = 0; depth <= 2 * kStep + 1; ++depth)
          if (rows <= 9 ? depth % 3 == rows % 3 || depth % kStep <= 1 : depth == 7 || depth == kStep + 1)
            expect_both(rows, cols, depth);
    for (const std::size_t depth : Sizes{257, 1000})
      for (const std::size_t rows : Sizes{1, 2, 3, 4, 25})
        for (const std::size_t cols : Sizes{1, 4, 6, 10, 15}) expect_both(rows, cols, depth);
    EXPECT_GT(products_, 1000U);
  }

 private:
  static constexpr T kPoison = T{-12345};

  void expect_both(std::size_t rows, std::size_t cols, std::size_t depth) {
    expect(rows, cols, depth, false);
    expect(rows, cols, depth, true);
  }

  void expect(std::size_t rows, std::size_t cols, std::size_t depth, bool across) {
    if (testing::Test::HasFatalFailure()) return;
    // Which starts and strides go with a shape changes, so that all meet all.
    const std::size_t kind = products_++;
    const bool with_bias = kind % 3 != 0, accumulate = kind % 5 < 2, a_is_transposed = across && kind % 7 < 3;
    const Edge edge = kind % 11 < 6 ? Edge::kEnd : Edge::kBegin;
    SCOPED_TRACE(testing::Message() << rows << " x " << cols << " x " << depth << (across ? ", across" : ", along")
                                    << (a_is_transposed ? ", A transposed" : "") << (with_bias ? ", with bias" : "")
                                    << (accumulate ? ", accumulating" : ""));
    const auto room = [](std::size_t lines, std::size_t elements, std::size_t stride) {
      return lines == 0 || elements == 0 ? 0 : (lines - 1) * stride + elements;
    };
    const std::size_t a_stride = (a_is_transposed ? rows : depth) + kind % 4, c_stride = cols + 3;
    const std::size_t b_stride = (across ? cols : depth) + kind % 6;
    Guarded<T> a(values_of<T>(values_, a_is_transposed ? room(depth, rows, a_stride) : room(rows, depth, a_stride), 1),
                 edge);
    Guarded<T> b(values_of<T>(values_, across ? room(depth, cols, b_stride) : room(cols, depth, b_stride), 2), edge);
    Guarded<T> bias(values_of<T>(values_, cols, 3), edge);
    std::vector<T> start(room(rows, cols, c_stride), kPoison);
    if (accumulate)
      for (std::size_t i = 0; i < rows; ++i) {
        auto row = values_of<T>(values_, cols, static_cast<unsigned>(4 + i));
        row[0] = T{-0.0};
        std::ranges::copy(row, &start[i * c_stride]);
      }
    Guarded<T> c(start, edge);
    kernels::FewArgs<T> args{.rows = rows,
                             .cols = cols,
                             .depth = depth,
                             .a = a.data(),
                             .a_row_stride = static_cast<std::ptrdiff_t>(a_is_transposed ? 1 : a_stride),
                             .a_k_stride = static_cast<std::ptrdiff_t>(a_is_transposed ? a_stride : 1),
                             .b = b.data(),
                             .b_stride = b_stride,
                             .bias = with_bias ? bias.data() : nullptr,
                             .c = c.data(),
                             .c_stride = c_stride,
                             .accumulate = accumulate};
    const auto& kernel = table_.carrier<T>().few;
    across ? kernel.across(args) : kernel.along(args);

    args.c = start.data();
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < cols; ++j) {
        const T* const column = b.data() + (across ? j : j * b_stride);
        const auto step = static_cast<std::ptrdiff_t>(across ? b_stride : 1);
        const T want = reference::gemm_few(args, args.a_k_stride, column, step, i, j, table_.is_fused);
        const T got = c.data()[i * c_stride + j];
        ASSERT_TRUE(same_bits(got, want)) << "at [" << i << ", " << j << "]: " << got << ", expected " << want;
        expect_near(args, column, step, i, j, got);
      }
      for (std::size_t j = cols; j < c_stride && i + 1 < rows; ++j)
        ASSERT_EQ(c.data()[i * c_stride + j], kPoison) << "wrote outside, at [" << i << ", " << j << "]";
    }
  }

  // Without the order: integers exactly, reals as near as any order is.
  void expect_near(const kernels::FewArgs<T>& args, const T* column, std::ptrdiff_t step, std::size_t i, std::size_t j,
                   T got) {
    if (values_ == Values::kTiny) return;
    reference::Sum sum;
    if (args.accumulate) sum.add(args.c[i * args.c_stride + j]);
    if (args.bias != nullptr) sum.add(args.bias[j]);
    for (std::size_t k = 0; k < args.depth; ++k)
      sum.add(static_cast<long double>(args.a[static_cast<std::ptrdiff_t>(i) * args.a_row_stride +
                                              static_cast<std::ptrdiff_t>(k) * args.a_k_stride]) *
              column[static_cast<std::ptrdiff_t>(k) * step]);
    const long double bound = values_ == Values::kIntegers ? 0 : error_bound<T>(args.depth + 2, sum.magnitude);
    ASSERT_LE(std::abs(got - sum.value), bound) << "at [" << i << ", " << j << "]: " << got;
  }

  const kernels::KernelTable& table_;
  Values values_;
  std::size_t products_ = 0;
};

class FewColumnKernels : public OnEveryIsa {
 protected:
  void expect_definition(Values values) const {
    Few<float>(isa(), values).expect_definition();
    Few<double>(isa(), values).expect_definition();
  }
};

TEST_P(FewColumnKernels, AreExactOnSmallIntegers) { expect_definition(Values::kIntegers); }
TEST_P(FewColumnKernels, SumInTheirOrderBitForBit) { expect_definition(Values::kReals); }
TEST_P(FewColumnKernels, KeepTheSignsOfZerosThatUnderflowed) { expect_definition(Values::kTiny); }

// What k is filled up with, and other rows and columns, must not reach a sum: NaN * 0 is NaN.
template <class T>
void expect_nans_in_their_place(const kernels::FewKernel<T>& kernel) {
  constexpr std::size_t kRows = 9, kCols = 10, kDepth = 37;
  const auto is_bad = [](std::size_t i, std::size_t j) { return i == 4 || j == 6; };
  for (const T bad : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()})
    for (const bool across : {false, true})
      for (std::size_t k = 0; k < kDepth; ++k) {
        std::vector<T> a(kRows * kDepth, 1), b(kCols * kDepth, 1), c(kRows * kCols, 1);
        a[4 * kDepth + k] = bad;
        b[across ? k * kCols + 6 : 6 * kDepth + k] = bad;
        const kernels::FewArgs<T> args{.rows = kRows,
                                       .cols = kCols,
                                       .depth = kDepth,
                                       .a = a.data(),
                                       .a_row_stride = kDepth,
                                       .a_k_stride = 1,
                                       .b = b.data(),
                                       .b_stride = across ? kCols : kDepth,
                                       .bias = nullptr,
                                       .c = c.data(),
                                       .c_stride = kCols,
                                       .accumulate = false};
        across ? kernel.across(args) : kernel.along(args);
        for (std::size_t i = 0; i < kRows; ++i)
          for (std::size_t j = 0; j < kCols; ++j)
            if (is_bad(i, j))
              ASSERT_TRUE(std::isnan(bad) ? std::isnan(c[i * kCols + j]) : c[i * kCols + j] == bad) << k;
            else
              ASSERT_EQ(c[i * kCols + j], T{kDepth}) << k << ": at [" << i << ", " << j << "]";
      }
}
TEST_P(FewColumnKernels, KeepNanAndInfinityInTheirRowAndColumn) {
  expect_nans_in_their_place(isa().f32.few);
  expect_nans_in_their_place(isa().f64.few);
}

template <class T>
void expect_turned(const kernels::FewKernel<T>& kernel) {
  for (std::size_t depth = 1; depth <= 35; ++depth)
    for (std::size_t cols = 1; cols <= 17; ++cols) {
      const std::size_t from_stride = cols + depth % 3, to_stride = depth + cols % 4;
      const Edge edge = depth % 2 == 0 ? Edge::kEnd : Edge::kBegin;
      Guarded<T> from(reals<T>((depth - 1) * from_stride + cols, 1), edge);
      Guarded<T> to(std::vector<T>((cols - 1) * to_stride + depth, -5), edge);
      kernel.turn(depth, cols, from.data(), from_stride, to.data(), to_stride);
      for (std::size_t j = 0; j < cols; ++j)
        for (std::size_t k = 0; k < to_stride && j * to_stride + k < (cols - 1) * to_stride + depth; ++k)
          ASSERT_EQ(to.data()[j * to_stride + k], k < depth ? from.data()[k * from_stride + j] : -5)
              << depth << " x " << cols << ": at [" << j << ", " << k << "]";
    }
}
TEST_P(FewColumnKernels, TurnRowsIntoColumns) {
  expect_turned(isa().f32.few);
  expect_turned(isa().f64.few);
}

INSTANTIATE_TEST_SUITE_P(EveryIsa, FewColumnKernels, testing::ValuesIn(machine::usable_kernel_tables()), isa_name);

TEST(FewColumns, AreAMatterOfShape) {
  for (const std::size_t k : Sizes{0, 1, 128, 1024, 100'000}) {
    EXPECT_FALSE(ops::few_columns_pay<float>(0, k));
    EXPECT_FALSE(ops::few_columns_pay<float>(16, k));
  }
  EXPECT_TRUE(ops::few_columns_pay<float>(10, 512));
  EXPECT_TRUE(ops::few_columns_pay<double>(6, 512));
  EXPECT_FALSE(ops::few_columns_pay<float>(10, 8));
  EXPECT_FALSE(ops::few_columns_pay<float>(10, 16385)) << "B would take more than 1 MiB";
  EXPECT_FALSE(ops::few_columns_pay<double>(10, 8193));
}

/// A product of few columns in all the ways in which its operands may lie.
template <class P>
void expect_one_result(std::size_t m, std::size_t n, std::size_t k) {
  using T = typename P::C;
  SCOPED_TRACE(testing::Message() << m << " x " << n << " x " << k);
  ASSERT_TRUE(ops::few_columns_pay<T>(n, k));
  const auto a = reals<T>(m * k, 1), b = reals<T>(k * n, 2), bias = reals<T>(n, 3), start = reals<T>(m * n, 4);
  std::vector<T> a_transposed(m * k), b_transposed(k * n);
  for (std::size_t p = 0; p < k; ++p) {
    for (std::size_t i = 0; i < m; ++i) a_transposed[p * m + i] = a[i * k + p];
    for (std::size_t j = 0; j < n; ++j) b_transposed[j * k + p] = b[p * n + j];
  }
  std::vector<T> want;
  for (const kernels::KernelTable* table : machine::usable_kernel_tables()) {
    const ForcedIsa forced(table->isa);
    const kernels::FewArgs<T> args{.rows = m,
                                   .cols = n,
                                   .depth = k,
                                   .a = a.data(),
                                   .a_row_stride = static_cast<std::ptrdiff_t>(k),
                                   .a_k_stride = 1,
                                   .b = b.data(),
                                   .b_stride = n,
                                   .bias = bias.data(),
                                   .c = const_cast<T*>(start.data()),
                                   .c_stride = n,
                                   .accumulate = true};
    if (want.empty() || !table->is_fused) {
      want.resize(m * n);
      for (std::size_t i = 0; i < m; ++i)
        for (std::size_t j = 0; j < n; ++j)
          want[i * n + j] = reference::gemm_few(args, 1, &b[j], static_cast<std::ptrdiff_t>(n), i, j, table->is_fused);
    }
    const auto packed = PackedMatrix<P>::create({.k = k, .n = n}, b.data());
    const auto packed_transposed =
        PackedMatrix<P>::create({.k = k, .n = n, .is_transposed = true}, b_transposed.data());
    ASSERT_TRUE(packed && packed_transposed);
    for (const int threads : {1, 2, 3, 7})
      for (int kind = 0; kind < 8; ++kind) {
        const bool ta = kind % 2 == 1, tb = kind / 2 % 2 == 1, is_packed = kind / 4 == 1;
        const GemmConfig config{.m = m,
                                .n = n,
                                .k = k,
                                .a_is_transposed = ta,
                                .b_is_transposed = tb,
                                .accumulate = true,
                                .threads = threads};
        const auto gemm = !is_packed ? Gemm<P>::create(config)
                          : tb       ? Gemm<P>::create(config, *packed_transposed)
                                     : Gemm<P>::create(config, *packed);
        ASSERT_TRUE(gemm) << gemm.error().message();
        EXPECT_NE(gemm->kernel().find("along k"), std::string_view::npos) << gemm->kernel();
        std::vector<T> got = start;
        gemm->run({.a = ta ? a_transposed.data() : a.data(),
                   .b = tb ? b_transposed.data() : b.data(),
                   .c = got.data(),
                   .bias = bias.data()});
        ASSERT_EQ(std::memcmp(got.data(), want.data(), got.size() * sizeof(T)), 0)
            << table->isa << ", " << threads << " threads" << (ta ? ", A transposed" : "")
            << (tb ? ", B transposed" : "") << (is_packed ? ", packed" : "");
      }
  }
}

TEST(FewColumns, HaveTheSameBitsForAnyTeamPackingAndInstructionSet) {
  for (const std::size_t m : Sizes{1, 2, 3, 4, 6, 7, 9, 10, 66}) {
    expect_one_result<product::F32>(m, 10, 333);
    expect_one_result<product::F64>(m, 6, 333);
  }
  expect_one_result<product::F32>(701, 10, 500);  // enough for several workers
  expect_one_result<product::F64>(701, 6, 800);
  expect_one_result<product::F32>(40, 15, 5000);  // A is transposed in several blocks
  expect_one_result<product::F64>(7, 1, 700);
}

TEST(FewColumns, AllocateNothingWhileTheyRun) {
  const auto a = reals<float>(std::size_t{70} * 600, 1), b = reals<float>(std::size_t{600} * 10, 2);
  std::vector<float> c(std::size_t{70} * 10);
  for (const std::size_t m : Sizes{1, 70})
    for (const bool ta : {false, true}) {
      const auto gemm =
          Gemm<product::F32>::create({.m = m, .n = 10, .k = 600, .a_is_transposed = ta, .activation = "relu"});
      const std::size_t before = allocations();
      gemm->run({.a = a.data(), .b = b.data(), .c = c.data()});
      EXPECT_EQ(allocations() - before, 0U);
    }
}

}  // namespace
}  // namespace udnn::test
