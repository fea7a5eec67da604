// AMD's AOCL: its BLAS, and LPGEMM (low precision; fp32 too), which can pack B beforehand.
// Source: AOCL-BLAS 5, aocl_gemm_interface.h: 'r' row-major, 'n' not transposed; formats 'n' as it is, 'p' packed
// inside the call, 'r' reordered before.
#include <cstdint>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "perf/peers/cblas.h"
#include "perf/peers/library.h"

namespace udnn::peers {

namespace {

template <class A, class B, class C, class Scalar>
struct LowPrecision {
  using Gemm = void(char order, char transpose_a, char transpose_b, std::int64_t m, std::int64_t n, std::int64_t k,
                    Scalar alpha, const A* a, std::int64_t lda, char format_a, const B* b, std::int64_t ldb,
                    char format_b, Scalar beta, C* c, std::int64_t ldc, void* post_ops);
  using Reorder = void(char order, char transpose, char matrix, const B* from, B* to, std::int64_t k, std::int64_t n,
                       std::int64_t ldb);
  using ReorderBytes = std::size_t(char order, char transpose, char matrix, std::int64_t k, std::int64_t n);

  Gemm* gemm;
  Reorder* reorder;
  ReorderBytes* reorder_bytes;

  /// `types` as in aocl_gemm_<types>.
  LowPrecision(const Library& library, const std::string& types)
      : gemm(library.find<Gemm>(("aocl_gemm_" + types).c_str())),
        reorder(library.find<Reorder>(("aocl_reorder_" + types).c_str())),
        reorder_bytes(library.find<ReorderBytes>(("aocl_get_reorder_buf_size_" + types).c_str())) {}

  Run run_of(Product& product, Form form) const {
    const auto m = static_cast<std::int64_t>(product.shape().m), n = static_cast<std::int64_t>(product.shape().n),
               k = static_cast<std::int64_t>(product.shape().k);
    if (gemm == nullptr) return {};
    std::shared_ptr<base::AlignedArray<std::byte>> packed;
    const B* b = product.b<B>();
    if (form == Form::kPacked) {
      if (reorder == nullptr || reorder_bytes == nullptr) return {};
      auto room = base::AlignedArray<std::byte>::create({reorder_bytes('r', 'n', 'B', k, n)});
      if (!room) return {};
      packed = std::make_shared<base::AlignedArray<std::byte>>(std::move(*room));
      reorder('r', 'n', 'B', b, reinterpret_cast<B*>(packed->data()), k, n, n);
      b = reinterpret_cast<const B*>(packed->data());
    }
    const char format_b = form == Form::kPacked ? 'r' : 'n';
    return [call = gemm, m, n, k, a = product.a<A>(), b, format_b, c = product.c<C>(), packed](std::size_t times) {
      for (std::size_t i = 0; i < times; ++i)
        call('r', 'n', 'n', m, n, k, Scalar{1}, a, k, 'n', b, n, format_b, Scalar{0}, c, n, nullptr);
    };
  }
};

class LpGemm final : public Subject {
 public:
  LpGemm(std::string its_version, const Library& library)
      : Subject("LPGEMM", std::move(its_version)),
        f32_(library, "f32f32f32of32"),
        bf16_(library, "bf16bf16f32of32"),
        u8s8_(library, "u8s8s32os32") {}

  Run prepare(Product& product, Form form) override {
    switch (product.type()) {
      case Type::kF32:
        return f32_.run_of(product, form);
      case Type::kBf16:
        return bf16_.run_of(product, form);
      case Type::kU8S8:
        return u8s8_.run_of(product, form);
      default:
        return {};
    }
  }

 private:
  LowPrecision<float, float, float, float> f32_;
  LowPrecision<std::uint16_t, std::uint16_t, float, float> bf16_;
  LowPrecision<std::uint8_t, std::int8_t, std::int32_t, std::int32_t> u8s8_;
};

}  // namespace

Result<Subjects> make_aocl(const Setup& setup) {
  const std::string folder = setup.folder + "/aocl";
  // Its OpenMP; the library names it without a folder and finds it because it is there already.
  const auto openmp = Library::open(folder + "/libomp.so");
  if (!openmp) return openmp.error();
  const auto library = Library::open(folder + "/libblis.so");
  if (!library) return library.error();
  const auto kernels = cblas::set_up_blis(*library, setup.threads);
  if (!kernels) return kernels.error();
  const std::string version = fmt::format("{}, {}", package_of(folder), *kernels);
  Subjects subjects;
  subjects.push_back(std::make_unique<cblas::Blas>("AOCL", version, library->find<cblas::Gemm<float>>("cblas_sgemm"),
                                                   library->find<cblas::Gemm<double>>("cblas_dgemm")));
  subjects.push_back(std::make_unique<LpGemm>(version, *library));
  return subjects;
}

}  // namespace udnn::peers
