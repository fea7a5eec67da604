// udnn/gemm.h: every product, against its definition; the same bits for any team, packed beforehand or not.
#include "udnn/gemm.h"

#include <bit>
#include <cmath>

#include "src/machine/isa.h"
#include "tests/support.h"

namespace udnn::test {
namespace {

/// Integers whose sums every product makes exactly; those of bytes over their whole range.
template <class T>
std::vector<T> values(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<T> made(count);
  for (T& v : made) {
    if constexpr (std::is_integral_v<T> && sizeof(T) == 1)
      v = random() % 4 == 0 ? (random() % 2 == 0 ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max())
                            : static_cast<T>(random());
    else
      v = stored<T>(static_cast<float>(random() % 9) - 4);
  }
  return made;
}

template <class P>
class Product : public testing::Test {
 protected:
  using A = typename P::A;
  using B = typename P::B;
  using C = typename P::C;

  // All in one buffer between guard pages; the operands of transposes and strides.
  void expect_product(GemmConfig config, bool is_packed, bool with_bias, Edge edge = Edge::kEnd) {
    const auto& [m, n, k, ta, tb, sa, sb, sc, accumulate, activation, parameter, threads, order] = config;
    SCOPED_TRACE(testing::Message() << m << " x " << n << " x " << k << (ta ? ", A transposed" : "")
                                    << (tb ? ", B transposed" : "") << (accumulate ? ", accumulating" : "")
                                    << (is_packed ? ", packed" : "") << (with_bias ? ", bias" : "") << ", strides "
                                    << sa << ' ' << sb << ' ' << sc << ", threads " << threads);
    const auto room = [](std::size_t rows, std::size_t cols, std::size_t stride) {
      return rows == 0 || cols == 0 ? 0 : (rows - 1) * (stride == 0 ? cols : stride) + cols;
    };
    const std::size_t a_cols = ta ? m : k, b_cols = tb ? k : n, c_step = sc == 0 ? n : sc;
    const std::size_t a_step = sa == 0 ? a_cols : sa, b_step = sb == 0 ? b_cols : sb;
    Guarded<A> a(values<A>(room(ta ? k : m, a_cols, sa), 1), edge);
    Guarded<B> b(values<B>(room(tb ? n : k, b_cols, sb), 2), edge);
    Guarded<C> bias(values<C>(n, 3), edge);
    const auto start = values<C>(room(m, n, sc), 4);
    Guarded<C> c(start, edge);

    const GemmOperands<P> operands{
        .a = a.data(), .b = b.data(), .c = c.data(), .bias = with_bias ? bias.data() : nullptr};
    if (is_packed) {
      const auto packed = PackedMatrix<P>::create({.k = k, .n = n, .is_transposed = tb, .stride = sb}, b.data());
      ASSERT_TRUE(packed) << packed.error().message();
      const auto gemm = Gemm<P>::create(config, *packed);
      ASSERT_TRUE(gemm) << gemm.error().message();
      gemm->run(operands);
    } else {
      const auto gemm = Gemm<P>::create(config);
      ASSERT_TRUE(gemm) << gemm.error().message();
      gemm->run(operands);
    }

    const auto worth = [](const auto* stored,
                          std::size_t count) {  // integers, and their sums here, are exact in double
      std::vector<double> doubles(count);
      for (std::size_t i = 0; i < count; ++i) doubles[i] = static_cast<double>(reference::value_of(stored[i]));
      return doubles;
    };
    const auto a_values = worth(a.data(), room(ta ? k : m, a_cols, sa));
    const auto b_values = worth(b.data(), room(tb ? n : k, b_cols, sb));
    for (std::size_t i = 0; i < m; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        double want = (accumulate ? static_cast<double>(start[i * c_step + j]) : 0) +
                      (with_bias ? static_cast<double>(bias.data()[j]) : 0);
        for (std::size_t p = 0; p < k; ++p)
          want += a_values[ta ? p * a_step + i : i * a_step + p] * b_values[tb ? j * b_step + p : p * b_step + j];
        if (activation == "relu") want = std::max(want, 0.0);
        ASSERT_EQ(c.data()[i * c_step + j], want) << "at [" << i << ", " << j << "]";
      }
      for (std::size_t j = n; j < c_step && i + 1 < m; ++j)
        ASSERT_EQ(c.data()[i * c_step + j], start[i * c_step + j]) << "wrote between rows, after [" << i << "]";
    }
  }
};

using Products = testing::Types<product::F64, product::F32, product::F16, product::BF16, product::U8S8, product::S8S8>;
class ProductName {
 public:
  template <class P>
  static std::string GetName(int) {
    constexpr const char* kNames[] = {"F64", "F32", "F16", "BF16", "U8S8", "S8S8"};
    const bool is[] = {std::is_same_v<P, product::F64>,  std::is_same_v<P, product::F32>,
                       std::is_same_v<P, product::F16>,  std::is_same_v<P, product::BF16>,
                       std::is_same_v<P, product::U8S8>, std::is_same_v<P, product::S8S8>};
    return kNames[std::find(std::begin(is), std::end(is), true) - std::begin(is)];
  }
};
TYPED_TEST_SUITE(Product, Products, ProductName);

// Every level of this CPU, one after the other: what is packed on one is not read by another.
template <class Body>
void on_every_level(Body body) {
  for (const kernels::KernelTable* table : machine::usable_kernel_tables()) {
    SCOPED_TRACE(table->isa);
    const ForcedIsa forced(table->isa);
    body();
  }
}

TYPED_TEST(Product, IsExactForAllSizesAndTransposes) {
  on_every_level([&] {
    unsigned kind = 0;
    for (const std::size_t m : Sizes{0, 1, 5, 13, 64})
      for (const std::size_t n : Sizes{0, 1, 10, 33, 64, 131})
        for (const std::size_t k : Sizes{0, 1, 2, 3, 5, 37, 64}) {
          ++kind;
          this->expect_product({.m = m,
                                .n = n,
                                .k = k,
                                .a_is_transposed = kind % 2 == 0,
                                .b_is_transposed = kind % 3 == 0,
                                .accumulate = kind % 5 == 0},
                               kind % 7 < 3, kind % 4 == 1, kind % 2 == 0 ? Edge::kBegin : Edge::kEnd);
        }
  });
}

// More than one block of k, of rows and of panels; more than one worker.
TYPED_TEST(Product, IsExactBeyondOneBlock) {
  on_every_level([&] {
    for (const bool packed : {false, true})
      for (const bool transposed : {false, true}) {
        this->expect_product({.m = 7, .n = 70, .k = 1700, .b_is_transposed = transposed, .threads = 2}, packed, true);
        this->expect_product({.m = 250, .n = 66, .k = 400, .a_is_transposed = transposed, .threads = 3}, packed, false);
      }
    this->expect_product({.m = 490, .n = 200, .k = 390, .b_is_transposed = true, .accumulate = true, .threads = 2},
                         false, true);
  });
}

// Products that are summed along k, and those beside them that are not.
TYPED_TEST(Product, IsExactForFewColumns) {
  on_every_level([&] {
    unsigned kind = 0;
    for (const std::size_t m : Sizes{1, 3, 4, 5, 18, 130})
      for (const std::size_t n : Sizes{1, 2, 5, 6, 8, 10, 15, 16})
        for (const std::size_t k : Sizes{17, 100, 257, 402}) {
          ++kind;
          const bool ta = kind % 2 == 0, tb = kind % 3 == 0, gaps = kind % 5 < 2;
          this->expect_product({.m = m,
                                .n = n,
                                .k = k,
                                .a_is_transposed = ta,
                                .b_is_transposed = tb,
                                .a_stride = gaps ? (ta ? m : k) + 3 : 0,
                                .b_stride = gaps ? (tb ? k : n) + 5 : 0,
                                .c_stride = gaps ? n + 2 : 0,
                                .accumulate = kind % 7 < 3,
                                .threads = kind % 11 == 0 ? 3 : 1},
                               kind % 4 == 1, kind % 13 < 6, kind % 2 == 0 ? Edge::kBegin : Edge::kEnd);
        }
    if constexpr (!std::is_integral_v<typename TypeParam::C>)
      for (const bool packed : {false, true})
        this->expect_product({.m = 70, .n = 10, .k = 300, .c_stride = packed ? 12U : 0U, .activation = "relu"}, packed,
                             true);
  });
}

TYPED_TEST(Product, TakesRowsWithGaps) {
  on_every_level([&] {
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        for (const bool packed : {false, true})
          this->expect_product({.m = 19,
                                .n = 37,
                                .k = 23,
                                .a_is_transposed = ta,
                                .b_is_transposed = tb,
                                .a_stride = 41,
                                .b_stride = 39,
                                .c_stride = 43,
                                .accumulate = true},
                               packed, true);
  });
}

TYPED_TEST(Product, EndsWithItsActivation) {
  using P = TypeParam;
  if constexpr (std::is_integral_v<typename P::C>) {
    const auto gemm = Gemm<P>::create({.m = 1, .n = 1, .k = 1, .activation = "relu"});
    ASSERT_FALSE(gemm);
    EXPECT_EQ(gemm.error().message(), "gemm.activation: 'relu', expected 'none' for sums of integers");
  } else {
    on_every_level([&] {
      this->expect_product({.m = 19, .n = 70, .k = 23, .activation = "relu"}, true, true);
      this->expect_product({.m = 19, .n = 70, .k = 423, .c_stride = 75, .activation = "relu", .threads = 2}, false,
                           true);
    });
  }
}

TYPED_TEST(Product, HasTheSameBitsForAnyTeamAndPacking) {
  using P = TypeParam;
  constexpr std::size_t kM = 300, kN = 150, kK = 500;
  std::vector<typename P::A> a(kM * kK);
  std::vector<typename P::B> b(kK * kN), transposed(kK * kN);
  std::mt19937 random(5);
  const auto any = [&]<class T>(T& v) {
    if constexpr (std::is_floating_point_v<T>)
      v = std::uniform_real_distribution<T>(-1, 1)(random);
    else if constexpr (std::is_integral_v<T>)
      v = static_cast<T>(random());
    else  // from about 2^-7 to 1, whichever half it is: sums are rounded
      v.bits = static_cast<std::uint16_t>(std::is_same_v<T, Bf16> ? 0x3f80U ^ (random() & 0x83ffU)
                                                                  : 0x3c00U ^ (random() & 0x9fffU));
  };
  for (auto& v : a) any(v);
  for (auto& v : b) any(v);
  for (std::size_t i = 0; i < kK; ++i)
    for (std::size_t j = 0; j < kN; ++j) transposed[j * kK + i] = b[i * kN + j];
  // Where levels have fused multiply-adds they have the same bits; so do those without. Each order of bf16 has its own.
  std::vector<Bf16Order> orders{Bf16Order::kFastest};
  if constexpr (std::is_same_v<P, product::BF16>) orders = {Bf16Order::kPairs, Bf16Order::kTiles};
  std::vector<std::vector<typename P::C>> of_orders;
  for (const Bf16Order order : orders) {
    std::vector<typename P::C> want;
    for (const kernels::KernelTable* table : machine::usable_kernel_tables()) {
      if (!table->is_fused) want.clear();
      if (order == Bf16Order::kTiles && table->narrow.bf16_blocks == nullptr) continue;
      const ForcedIsa forced(table->isa);
      for (const int threads : {1, 2, 3, 7})
        for (const bool tb : {false, true}) {
          std::vector<typename P::C> got(kM * kN);
          const auto gemm = Gemm<P>::create(
              {.m = kM, .n = kN, .k = kK, .b_is_transposed = tb, .threads = threads, .bf16_order = order});
          ASSERT_TRUE(gemm) << gemm.error().message();
          gemm->run({.a = a.data(), .b = tb ? transposed.data() : b.data(), .c = got.data()});
          if (want.empty()) want = got;
          ASSERT_EQ(std::memcmp(got.data(), want.data(), got.size() * sizeof(got[0])), 0)
              << table->isa << ", " << threads << " threads" << (tb ? ", transposed" : "");
        }
      const auto packed = PackedMatrix<P>::create({.k = kK, .n = kN}, b.data());
      ASSERT_TRUE(packed);
      std::vector<typename P::C> got(kM * kN);
      const auto gemm = Gemm<P>::create({.m = kM, .n = kN, .k = kK, .threads = 2, .bf16_order = order}, *packed);
      gemm->run({.a = a.data(), .c = got.data()});
      ASSERT_EQ(std::memcmp(got.data(), want.data(), got.size() * sizeof(got[0])), 0) << table->isa << ", packed";
    }
    of_orders.push_back(want);
  }
  if (of_orders.size() == 2 && !of_orders[1].empty()) {
    EXPECT_NE(of_orders[0], of_orders[1]);
  }
}

TEST(Gemm, GivesSmallWorkToFewerThreads) {
  for (const kernels::KernelTable* table : machine::usable_kernel_tables()) {
    const ForcedIsa forced(table->isa);
    EXPECT_EQ((Gemm<product::F32>::create({.m = 8, .n = 8, .k = 8, .threads = 2})->threads()), 1);
    EXPECT_EQ((Gemm<product::F32>::create({.m = 512, .n = 512, .k = 512, .threads = 2})->threads()), 2);
    EXPECT_EQ((Gemm<product::BF16>::create({.m = 512, .n = 512, .k = 512, .threads = 2})->threads()), 2);
    EXPECT_EQ((Gemm<product::U8S8>::create({.m = 64, .n = 64, .k = 64, .threads = 2})->threads()), 1);
  }
}

TEST(Bf16Order, OfTilesIsRefusedWhereThereAreNone) {
  const ForcedIsa forced(machine::usable_kernel_tables().back()->isa);
  const auto gemm = Gemm<product::BF16>::create({.m = 1, .n = 1, .k = 1, .bf16_order = Bf16Order::kTiles});
  ASSERT_FALSE(gemm);
  EXPECT_EQ(gemm.error().code(), StatusCode::kUnsupported);
  EXPECT_EQ(gemm.error().message(), std::string("gemm.bf16_order: tiles: not among the kernels of '") +
                                        machine::usable_kernel_tables().back()->isa + "', expected AVX2 or more");
}

TYPED_TEST(Product, AllocatesNothingWhileItRuns) {
  using P = TypeParam;
  const auto a = values<typename P::A>(std::size_t{64} * 100, 1);
  const auto b = values<typename P::B>(std::size_t{100} * 64, 2);
  std::vector<typename P::C> c(std::size_t{64} * 64);
  const auto gemm = Gemm<P>::create({.m = 64, .n = 64, .k = 100, .b_is_transposed = true});
  const std::size_t before = allocations();
  gemm->run({.a = a.data(), .b = b.data(), .c = c.data()});
  EXPECT_EQ(allocations() - before, 0U);
}

TYPED_TEST(Product, RefusesWhatHasNoMeaning) {
  using P = TypeParam;
  const auto refused = [](const GemmConfig& config) {
    const auto gemm = Gemm<P>::create(config);
    return gemm ? std::string("nothing") : gemm.error().message();
  };
  EXPECT_EQ(refused({.m = 2, .n = 3, .k = 4, .a_stride = 3}),
            "gemm.a_stride: 3, expected 0 or at least 4, the elements of a row");
  EXPECT_EQ(refused({.m = 2, .n = 3, .k = 4, .b_is_transposed = true, .b_stride = 3}),
            "gemm.b_stride: 3, expected 0 or at least 4, the elements of a row");
  EXPECT_EQ(refused({.m = 2, .n = 3, .k = 4, .c_stride = 2}),
            "gemm.c_stride: 2, expected 0 or at least 3, the elements of a row");
  EXPECT_EQ(refused({.m = 2, .n = 3, .k = 4, .activation = "rleu"}), "gemm.activation: 'rleu' is none");
  EXPECT_EQ(refused({.m = 2, .n = 3, .k = 4, .threads = -1}), "threads: -1, expected 1 to 1024, or 0 for one per core");
  EXPECT_EQ(refused({.m = std::size_t{1} << 40U, .n = 3, .k = std::size_t{1} << 40U}),
            "gemm.a_stride: 1099511627776 rows of 1099511627776 elements, more than there can be");
  const std::vector<typename P::B> b(12);
  const auto packed = PackedMatrix<P>::create({.k = 4, .n = 3}, b.data());
  ASSERT_TRUE(packed);
  EXPECT_EQ(packed->k(), 4U);
  EXPECT_EQ(packed->n(), 3U);
  EXPECT_GE(packed->bytes(), 12 * sizeof(typename P::B));
  const auto other = Gemm<P>::create({.m = 2, .n = 4, .k = 3}, *packed);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().message(), "gemm.b: a packed matrix of 4 x 3, expected k x n, 3 x 4");
  EXPECT_FALSE(PackedMatrix<P>::create({.k = 4, .n = 3}, nullptr));
}

TEST(ProductOfBytes, RefusesSumsThatMayOverflow) {
  const auto u8 = Gemm<product::U8S8>::create({.m = 1, .n = 1, .k = 65794});
  ASSERT_FALSE(u8);
  EXPECT_EQ(u8.error().message(), "gemm.k: 65794, expected at most 65793: sums of u8s8 may overflow 32 bits");
  EXPECT_TRUE(Gemm<product::U8S8>::create({.m = 1, .n = 1, .k = 65793}));
  EXPECT_FALSE(Gemm<product::S8S8>::create({.m = 1, .n = 1, .k = 131072}));
}

// The largest sums there are: no intermediate of 16 bits may saturate.
TEST(ProductOfBytes, DoesNotSaturate) {
  on_every_level([] {
    constexpr std::size_t kK = 1001;
    const std::vector<std::uint8_t> u(kK, 255);
    const std::vector<std::int8_t> s(kK, -128);
    std::int32_t c = 0;
    Gemm<product::U8S8>::create({.m = 1, .n = 1, .k = kK})->run({.a = u.data(), .b = s.data(), .c = &c});
    EXPECT_EQ(c, 255 * -128 * 1001);
    Gemm<product::S8S8>::create({.m = 1, .n = 1, .k = kK})->run({.a = s.data(), .b = s.data(), .c = &c});
    EXPECT_EQ(c, 128 * 128 * 1001);
  });
}

TEST(ProductOfFloats, LetsNanAndInfinityThrough) {
  on_every_level([] {
    const std::vector<float> a{1, INFINITY, NAN, 1, 0, 1}, b{1, 1, 1, 0, 2, NAN};
    std::vector<float> c(4);
    Gemm<product::F32>::create({.m = 3, .n = 1, .k = 2})->run({.a = a.data(), .b = b.data(), .c = c.data()});
    EXPECT_EQ(c[0], INFINITY);
    EXPECT_TRUE(std::isnan(c[1]));
    EXPECT_EQ(c[2], 1);
  });
}

}  // namespace
}  // namespace udnn::test
