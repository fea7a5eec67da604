// OpenBLAS (of SciPy's wheel, which puts scipy_ before every name) and BLIS.
#include <cstdlib>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "perf/peers/cblas.h"
#include "perf/peers/library.h"

namespace udnn::peers {

namespace {

/// bf16 in, f32 out; not every build has it.
using Sbgemm = void(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                    const std::uint16_t* a, int lda, const std::uint16_t* b, int ldb, float beta, float* c, int ldc);

class OpenBlas final : public Subject {
 public:
  OpenBlas(std::string its_version, const Library& library)
      : Subject("OpenBLAS", std::move(its_version)),
        blas_(name, version, library.find<cblas::Gemm<float>>("scipy_cblas_sgemm"),
              library.find<cblas::Gemm<double>>("scipy_cblas_dgemm")),
        sbgemm_(library.find<Sbgemm>("scipy_cblas_sbgemm")) {}

  Run prepare(Product& product, Form form) override {
    if (product.type() != Type::kBf16) return blas_.prepare(product, form);
    if (form == Form::kPacked || sbgemm_ == nullptr) return {};
    const cblas::Sizes s(product.shape());
    return [sbgemm = sbgemm_, s, a = product.a<std::uint16_t>(), b = product.b<std::uint16_t>(),
            c = product.c<float>()](std::size_t times) {
      for (std::size_t i = 0; i < times; ++i)
        sbgemm(cblas::kRowMajor, cblas::kNoTrans, cblas::kNoTrans, s.m, s.n, s.k, 1, a, s.k, b, s.n, 0, c, s.n);
    };
  }

 private:
  cblas::Blas blas_;
  Sbgemm* sbgemm_;
};

}  // namespace

Result<Subjects> make_openblas(const Setup& setup) {
  // They choose another CPU's kernels or another cache; the library reads them when it is loaded.
  unsetenv("OPENBLAS_CORETYPE");
  unsetenv("OPENBLAS_L2_SIZE");
  const std::string folder = setup.folder + "/openblas";
  const auto library = Library::open(folder + "/libscipy_openblas.so");
  if (!library) return library.error();
  void (*set_threads)(int) = nullptr;
  char* (*core)() = nullptr;
  if (Status s = library->need("scipy_openblas_set_num_threads", set_threads); !s.ok()) return s;
  if (Status s = library->need("scipy_openblas_get_corename", core); !s.ok()) return s;
  set_threads(setup.threads);
  Subjects subjects;
  subjects.push_back(std::make_unique<OpenBlas>(fmt::format("{}, {}", package_of(folder), core()), *library));
  return subjects;
}

Result<Subjects> make_blis(const Setup& setup) {
  const std::string folder = setup.folder + "/blis";
  const auto library = Library::open(folder + "/libblis.so.4");
  if (!library) return library.error();
#ifdef __x86_64__
  // It goes by CPU families and runs plain C on those that it does not know (flame/blis#912). 0: its kernels for
  // AVX-512.
  if (__builtin_cpu_supports("avx512f")) setenv("BLIS_ARCH_TYPE", "0", 1);
#endif
  const auto kernels = cblas::set_up_blis(*library, setup.threads);
  if (!kernels) return kernels.error();
  const std::string version = fmt::format("{}, {}", package_of(folder), *kernels);
  unsetenv("BLIS_ARCH_TYPE");  // AOCL has other numbers
  Subjects subjects;
  subjects.push_back(std::make_unique<cblas::Blas>("BLIS", version, library->find<cblas::Gemm<float>>("cblas_sgemm"),
                                                   library->find<cblas::Gemm<double>>("cblas_dgemm")));
  return subjects;
}

}  // namespace udnn::peers
