// perf/peers/cblas.h: the two functions that every BLAS has, and what its constants are.
// Source: Blackford et al., "An updated set of basic linear algebra subprograms", ACM TOMS 28(2), 2002.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "perf/peers/library.h"
#include "perf/peers/product.h"
#include "perf/peers/subject.h"

namespace udnn::peers::cblas {

inline constexpr int kRowMajor = 101, kNoTrans = 111;

template <class T>
using Gemm = void(int order, int transpose_a, int transpose_b, int m, int n, int k, T alpha, const T* a, int lda,
                  const T* b, int ldb, T beta, T* c, int ldc);

/// Sizes as the libraries take them. Shapes have been checked to fit.
struct Sizes {
  int m, n, k;

  explicit Sizes(const Shape& shape)
      : m(static_cast<int>(shape.m)), n(static_cast<int>(shape.n)), k(static_cast<int>(shape.k)) {}
};

template <class T>
Run run_of(Gemm<T>* gemm, Product& product) {
  if (gemm == nullptr) return {};
  const Sizes s(product.shape());
  return [gemm, s, a = product.a<T>(), b = product.b<T>(), c = product.c<T>()](std::size_t times) {
    for (std::size_t i = 0; i < times; ++i)
      gemm(kRowMajor, kNoTrans, kNoTrans, s.m, s.n, s.k, T{1}, a, s.k, b, s.n, T{0}, c, s.n);
  };
}

/// A library of which these two are all that is used.
class Blas final : public Subject {
 public:
  Blas(std::string its_name, std::string its_version, Gemm<float>* sgemm, Gemm<double>* dgemm)
      : Subject(std::move(its_name), std::move(its_version)), sgemm_(sgemm), dgemm_(dgemm) {}

  Run prepare(Product& product, Form form) override {
    if (form == Form::kPacked) return {};
    if (product.type() == Type::kF32) return run_of(sgemm_, product);
    if (product.type() == Type::kF64) return run_of(dgemm_, product);
    return {};
  }

 private:
  Gemm<float>* sgemm_;
  Gemm<double>* dgemm_;
};

/// Of BLIS and what is made of it: sets its threads; the kernels that it takes on this CPU. Errors: kUnsupported.
inline Result<std::string> set_up_blis(const Library& library, int threads) {
  void (*set_threads)(std::int64_t) = nullptr;
  int (*query)() = nullptr;
  const char* (*name_of)(int) = nullptr;
  if (Status s = library.need("bli_thread_set_num_threads", set_threads); !s.ok()) return s;
  if (Status s = library.need("bli_arch_query_id", query); !s.ok()) return s;
  if (Status s = library.need("bli_arch_string", name_of); !s.ok()) return s;
  set_threads(threads);
  return std::string(name_of(query()));
}

}  // namespace udnn::peers::cblas
