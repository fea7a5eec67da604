// LIBXSMM: a kernel made at run time for one shape; for small ones, and on one thread.
// Source: LIBXSMM 1.17, libxsmm.h and libxsmm_typedefs.h. Column-major: C^T = B^T A^T, so its A is our B. Of bf16 and
// s8 it wants its A with the 2 or 4 neighbours in k of one column side by side: packed beforehand.
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "perf/peers/cblas.h"
#include "perf/peers/library.h"

namespace udnn::peers {

namespace {

using cblas::Sizes;

constexpr int kPackedA = 32768;                   // LIBXSMM_GEMM_FLAG_VNNI_A
constexpr int kNoPrefetch = 0;                    // LIBXSMM_GEMM_PREFETCH_NONE
constexpr double kSmall = 256.0 * 256.0 * 256.0;  // it blocks for no cache

template <class A, class B, class C>
using Kernel = void(const A* a, const B* b, C* c, ...);

template <class A, class B, class C, class Scalar>
using Dispatch = Kernel<A, B, C>*(int m, int n, int k, const int* lda, const int* ldb, const int* ldc,
                                  const Scalar* alpha, const Scalar* beta, const int* flags, const int* prefetch);

class Libxsmm final : public Subject {
 public:
  Libxsmm(std::string its_version, Library library)
      : Subject("LIBXSMM", std::move(its_version)), library_(std::move(library)) {}

  Run prepare(Product& product, Form form) override {
    if (product.shape().multiply_adds() > kSmall) return {};
    const bool packs = product.type() == Type::kBf16 || product.type() == Type::kU8S8;
    if (packs != (form == Form::kPacked)) return {};
    switch (product.type()) {
      case Type::kF64:
        return run_of<double, double, double, double>("libxsmm_dmmdispatch", product, 1);
      case Type::kF32:
        return run_of<float, float, float, float>("libxsmm_smmdispatch", product, 1);
      case Type::kBf16:
        return run_of<std::uint16_t, std::uint16_t, float, float>("libxsmm_bsmmdispatch", product, 2);
      case Type::kU8S8:
        return run_of<std::int8_t, std::uint8_t, std::int32_t, int>("libxsmm_subimmdispatch", product, 4);
      case Type::kF16:
        break;
    }
    return {};
  }

 private:
  /// `granule` neighbours in k lie together, which k must be a multiple of.
  template <class B, class A, class C, class Scalar>
  Run run_of(const char* dispatcher, Product& product, std::size_t granule) const {
    auto* const dispatch = library_.find<Dispatch<B, A, C, Scalar>>(dispatcher);
    const auto [m, n, k] = product.shape();
    if (dispatch == nullptr || k % granule != 0) return {};
    const Sizes s(product.shape());
    const Scalar one{1}, zero{0};
    const int flags = granule == 1 ? 0 : kPackedA;
    auto* const kernel = dispatch(s.n, s.m, s.k, &s.n, &s.k, &s.n, &one, &zero, &flags, &kNoPrefetch);
    if (kernel == nullptr) return {};

    auto room = base::AlignedArray<B>::create({k, n});
    if (!room) return {};
    const auto packed = std::make_shared<base::AlignedArray<B>>(std::move(*room));
    for (std::size_t row = 0; row < k; ++row)
      for (std::size_t j = 0; j < n; ++j)
        packed->data()[(row / granule * n + j) * granule + row % granule] = product.b<B>()[row * n + j];
    const B* const b = granule == 1 ? product.b<B>() : packed->data();
    return [kernel, b, packed, a = product.a<A>(), c = product.c<C>()](std::size_t times) {
      for (std::size_t i = 0; i < times; ++i) kernel(b, a, c);
    };
  }

  const Library library_;
};

}  // namespace

Result<Subjects> make_libxsmm(const Setup& setup) {
  if (setup.threads != 1) return Status(StatusCode::kUnsupported, "LIBXSMM: its kernels run on one thread");
  const std::string folder = setup.folder + "/libxsmm";
  const auto library = Library::open(folder + "/libxsmm.so");
  if (!library) return library.error();
  void (*init)() = nullptr;
  const char* (*target)() = nullptr;
  if (Status s = library->need("libxsmm_init", init); !s.ok()) return s;
  if (Status s = library->need("libxsmm_get_target_arch", target); !s.ok()) return s;
  init();
  Subjects subjects;
  subjects.push_back(std::make_unique<Libxsmm>(fmt::format("{}, {}", package_of(folder), target()), *library));
  return subjects;
}

}  // namespace udnn::peers
