// udnn/gemm.h: matrix products alone, as a small BLAS for machine learning.
//
//   auto weights = udnn::PackedMatrix<udnn::product::U8S8>::create({.k = 784, .n = 512}, w);      // once
//   auto gemm = udnn::Gemm<udnn::product::U8S8>::create({.m = 64, .n = 512, .k = 784}, *weights);  // once
//   gemm->run({.a = x, .c = y, .bias = bias});                                                    // again and again
//
// The bits of C depend on the sizes and on the instruction set, never on the number of threads or on what was packed.
// Each c[i, j] is one chain in order of k: of fused multiply-adds for F64, F32 and F16 (two roundings without FMA); of
// pairs for BF16, subnormal operands and results being zero; exact modulo 2^32 for integers. Where the CPU has tiles
// (UDNN_ISA amx) and the sizes are such that they pay, BF16 is summed as these do: for every 32 elements of k the even
// and the odd ones each from 0, then both together, then to what is there (kernels/simd/tile_unit.h). Bf16Order
// chooses.
// F32 and F64 of few columns and many k (n and k alone decide: src/ops/few_columns.h) are summed along k: 16 chains, or
// 8 of F64, over every 16th (8th) k from 0, of fused multiply-adds where there are any; then the upper half of them is
// added to the lower one, until one is left; then the start. Those bits too are the same on every CPU with FMA.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "udnn/half.h"
#include "udnn/status.h"

namespace udnn {

/// What is multiplied with what, and what the sum is made in.
namespace product {

template <class AType, class BType, class CType>
struct Types {
  using A = AType;
  using B = BType;
  using C = CType;
};

struct F64 : Types<double, double, double> {};
struct F32 : Types<float, float, float> {};
struct F16 : Types<Fp16, Fp16, float> {};
struct BF16 : Types<Bf16, Bf16, float> {};
struct U8S8 : Types<std::uint8_t, std::int8_t, std::int32_t> {};
struct S8S8 : Types<std::int8_t, std::int8_t, std::int32_t> {};

}  // namespace product

/// How B lies in memory, when it is packed beforehand.
struct PackedMatrixConfig {
  std::size_t k = 0;
  std::size_t n = 0;
  bool is_transposed = false;  ///< b [n, k], as weights often lie, instead of [k, n]
  std::size_t stride = 0;      ///< elements from one row to the next; 0: no gap
};

/// B as the kernels of this CPU read it: packed once, for any number of products. A copy shares the elements; they
/// never change, so any number of threads may use them.
template <class P>
class PackedMatrix {
 public:
  /// Takes a copy of b. Errors: kInvalidArgument (a stride shorter than a row; null and not empty), kOutOfMemory, and
  /// those of UDNN_ISA.
  static Result<PackedMatrix> create(const PackedMatrixConfig& config, const typename P::B* b);

  std::size_t k() const noexcept;
  std::size_t n() const noexcept;
  std::size_t bytes() const noexcept;  ///< it takes

  struct Elements;
  const Elements& elements() const noexcept { return *elements_; }

 private:
  explicit PackedMatrix(std::shared_ptr<const Elements> elements) noexcept : elements_(std::move(elements)) {}

  std::shared_ptr<const Elements> elements_;
};

/// In which order BF16 adds. The bits of kPairs and of kTiles are the same on every CPU that can (with fused
/// multiply-adds; kTiles on x86).
enum class Bf16Order {
  kFastest,  ///< kTiles where the CPU has tiles and the sizes are such that they pay, else kPairs
  kPairs,    ///< for each pair of k the second element, then the first: as the instruction vdpbf16ps
  kTiles,    ///< for every 32 elements of k the even and the odd ones apart: as tdpbf16ps, of which Intel AMX is made
};

/// c[i, j] = f(start[i, j] + bias[j] + sum_k a[i, k] * b[k, j]),   start = c[i, j] where it accumulates, else 0
struct GemmConfig {
  std::size_t m = 0;
  std::size_t n = 0;
  std::size_t k = 0;
  bool a_is_transposed = false;  ///< a [k, m] instead of [m, k]
  bool b_is_transposed = false;  ///< b [n, k] instead of [k, n]; of no meaning with a PackedMatrix
  std::size_t a_stride = 0;      ///< elements from one row to the next; 0: no gap
  std::size_t b_stride = 0;
  std::size_t c_stride = 0;
  bool accumulate = false;
  std::string_view activation = "none";        ///< f, as networks name it ("relu", "gelu"); integers have none
  double activation_parameter = 0;             ///< of those that have one; 0: the default
  int threads = 1;                             ///< at most; 0: one for each core of this process
  Bf16Order bf16_order = Bf16Order::kFastest;  ///< of no meaning for other products
};

template <class P>
struct GemmOperands {
  const typename P::A* a = nullptr;
  const typename P::B* b = nullptr;     ///< not looked at where B was packed beforehand
  typename P::C* c = nullptr;           ///< overlaps neither a nor b nor bias
  const typename P::C* bias = nullptr;  ///< [n], or null for none
};

/// A product of fixed sizes made ready: the kernel is chosen, the memory to pack into is there.
template <class P>
class Gemm {
 public:
  /// Errors: kInvalidArgument (a stride shorter than a row, an unknown activation, k so large that sums of integers may
  /// overflow, a packed matrix of other sizes), kUnsupported (Bf16Order::kTiles without AVX2), kOutOfMemory, those of
  /// UDNN_ISA.
  static Result<Gemm> create(const GemmConfig& config);
  static Result<Gemm> create(const GemmConfig& config, const PackedMatrix<P>& b);

  Gemm(Gemm&&) noexcept;
  Gemm& operator=(Gemm&&) noexcept;
  ~Gemm();

  /// One run at a time for each object: it packs into memory of its own. Several objects may share a PackedMatrix and
  /// run at the same time. Allocates nothing. Work that is too small for several threads runs on the caller's.
  /// Rounds to the nearest and keeps subnormals (BF16: above) whatever the caller has set, as a Team does. Except for
  /// products of one thread and no activation that one call of a kernel makes, as 8 x 8 x 8 is: they take 20 ns, to
  /// look at the modes would take 5 more, and they compute in what the caller has set.
  void run(const GemmOperands<P>& operands) const noexcept;

  std::string_view kernel() const noexcept;  ///< what runs, for people: "avx512vnni u8s8 6x64"
  int threads() const noexcept;              ///< that take part in a run

  struct Plan;

 private:
  explicit Gemm(std::unique_ptr<Plan> plan) noexcept;

  std::unique_ptr<Plan> plan_;
};

}  // namespace udnn
