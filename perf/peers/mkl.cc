// Intel's MKL: cblas, its low-precision relatives, the same with B packed beforehand, and kernels made at run time.
// Source: Intel oneMKL Developer Reference for C 2026, "BLAS-like Extensions": cblas_?gemm_pack, cblas_gemm_*,
// mkl_cblas_jit_create_?gemm. In row-major order the unsigned operand of gemm_s8u8s32 is A.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "perf/peers/cblas.h"
#include "perf/peers/library.h"

namespace udnn::peers {

namespace {

using cblas::kNoTrans;
using cblas::kRowMajor;
using cblas::Sizes;

constexpr int kPacked = 151, kMatrixB = 162, kFixedOffset = 173;

/// Element type of A and B that are the same.
template <class Element, class C>
struct Pair {
  using Call = void(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const Element* a,
                    int lda, const Element* b, int ldb, float beta, C* c, int ldc);
  using PackBytes = std::size_t(int which, int m, int n, int k);
  using Pack = void(int order, int which, int transpose, int m, int n, int k, const Element* from, int ld, Element* to);
};

using U8S8Call = void(int order, int transpose_a, int transpose_b, int offset, int m, int n, int k, float alpha,
                      const void* a, int lda, std::int8_t a_offset, const void* b, int ldb, std::int8_t b_offset,
                      float beta, std::int32_t* c, int ldc, const std::int32_t* c_offset);
using U8S8Pack = void(int order, int which, int transpose, int m, int n, int k, const void* from, int ld, void* to);

template <class T>
using PackScaled = void(int order, int which, int transpose, int m, int n, int k, T alpha, const T* from, int ld,
                        T* to);
template <class T>
using ComputeScaled = void(int order, int transpose_a, int transpose_b, int m, int n, int k, const T* a, int lda,
                           const T* b, int ldb, T beta, T* c, int ldc);
using PackBytes = std::size_t(int which, int m, int n, int k);

using Room = std::shared_ptr<base::AlignedArray<std::byte>>;

Room room_of(std::size_t bytes) {
  auto room = base::AlignedArray<std::byte>::create({bytes});
  return room ? std::make_shared<base::AlignedArray<std::byte>>(std::move(*room)) : nullptr;
}

class Mkl final : public Subject {
 public:
  Mkl(std::string its_version, Library library)
      : Subject("MKL", std::move(its_version)), library_(std::move(library)) {}

  Run prepare(Product& product, Form form) override {
    const bool packed = form == Form::kPacked;
    switch (product.type()) {
      case Type::kF64:
        return packed ? packed_run<double>("d", product) : plain_run<double>("d", product);
      case Type::kF32:
        return packed ? packed_run<float>("s", product) : plain_run<float>("s", product);
      case Type::kBf16:
        return pair_run("cblas_gemm_bf16bf16f32", product, packed);
      case Type::kF16:
        return pair_run("cblas_gemm_f16f16f32", product, packed);
      case Type::kU8S8:
        break;
    }
    return u8s8_run(product, packed);
  }  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): what is allocated is in the function returned

 private:
  template <class T>
  Run plain_run(const char* letter, Product& product) const {
    return cblas::run_of(library_.find<cblas::Gemm<T>>(fmt::format("cblas_{}gemm", letter).c_str()), product);
  }

  template <class T>
  Run packed_run(const char* letter, Product& product) const {
    const std::string function = fmt::format("cblas_{}gemm", letter);
    auto* const bytes = library_.find<PackBytes>((function + "_pack_get_size").c_str());
    auto* const pack = library_.find<PackScaled<T>>((function + "_pack").c_str());
    auto* const compute = library_.find<ComputeScaled<T>>((function + "_compute").c_str());
    if (bytes == nullptr || pack == nullptr || compute == nullptr) return {};
    const Sizes s(product.shape());
    const Room room = room_of(bytes(kMatrixB, s.m, s.n, s.k));
    if (room == nullptr) return {};
    T* const b = reinterpret_cast<T*>(room->data());
    pack(kRowMajor, kMatrixB, kNoTrans, s.m, s.n, s.k, T{1}, product.b<T>(), s.n, b);
    return [compute, s, a = product.a<T>(), b, c = product.c<T>(), room](std::size_t times) {
      for (std::size_t i = 0; i < times; ++i)
        compute(kRowMajor, kNoTrans, kPacked, s.m, s.n, s.k, a, s.k, b, s.n, T{0}, c, s.n);
    };
  }

  Run pair_run(const std::string& function, Product& product, bool packed) const {
    using Types = Pair<std::uint16_t, float>;
    auto* const call = library_.find<Types::Call>((packed ? function + "_compute" : function).c_str());
    if (call == nullptr) return {};
    const Sizes s(product.shape());
    const std::uint16_t* b = product.b<std::uint16_t>();
    Room room;
    if (packed) {
      auto* const bytes = library_.find<PackBytes>((function + "_pack_get_size").c_str());
      auto* const pack = library_.find<Types::Pack>((function + "_pack").c_str());
      if (bytes == nullptr || pack == nullptr) return {};
      room = room_of(bytes(kMatrixB, s.m, s.n, s.k));
      if (room == nullptr) return {};
      auto* const to = reinterpret_cast<std::uint16_t*>(room->data());
      pack(kRowMajor, kMatrixB, kNoTrans, s.m, s.n, s.k, b, s.n, to);
      b = to;
    }
    return [call, s, layout_b = packed ? kPacked : kNoTrans, a = product.a<std::uint16_t>(), b, c = product.c<float>(),
            room](std::size_t times) {
      for (std::size_t i = 0; i < times; ++i)
        call(kRowMajor, kNoTrans, layout_b, s.m, s.n, s.k, 1, a, s.k, b, s.n, 0, c, s.n);
    };
  }

  Run u8s8_run(Product& product, bool packed) const {
    auto* const call = library_.find<U8S8Call>(packed ? "cblas_gemm_s8u8s32_compute" : "cblas_gemm_s8u8s32");
    if (call == nullptr) return {};
    const Sizes s(product.shape());
    const void* b = product.b();
    Room room;
    if (packed) {
      auto* const bytes = library_.find<PackBytes>("cblas_gemm_s8u8s32_pack_get_size");
      auto* const pack = library_.find<U8S8Pack>("cblas_gemm_s8u8s32_pack");
      if (bytes == nullptr || pack == nullptr) return {};
      room = room_of(bytes(kMatrixB, s.m, s.n, s.k));
      if (room == nullptr) return {};
      pack(kRowMajor, kMatrixB, kNoTrans, s.m, s.n, s.k, b, s.n, room->data());
      b = room->data();
    }
    return [call, s, layout_b = packed ? kPacked : kNoTrans, a = product.a(), b, c = product.c<std::int32_t>(),
            room](std::size_t times) {
      const std::int32_t offset = 0;
      for (std::size_t i = 0; i < times; ++i)
        call(kRowMajor, kNoTrans, layout_b, kFixedOffset, s.m, s.n, s.k, 1, a, s.k, 0, b, s.n, 0, 0, c, s.n, &offset);
    };
  }

  const Library library_;
};

/// Kernels for one shape, made at run time: where MKL has none of its own it says so, and there is no Run.
class MklJit final : public Subject {
 public:
  MklJit(std::string its_version, Library library)
      : Subject("MKL-jit", std::move(its_version)), library_(std::move(library)) {}

  Run prepare(Product& product, Form form) override {
    if (form == Form::kPacked) return {};
    if (product.type() == Type::kF32) return run_of<float>("s", product);
    if (product.type() == Type::kF64) return run_of<double>("d", product);
    return {};
  }

 private:
  template <class T>
  Run run_of(const char* letter, Product& product) const {
    using Kernel = void(void* jitter, const T* a, const T* b, T* c);
    using Create = int(void** jitter, int order, int transpose_a, int transpose_b, std::size_t m, std::size_t n,
                       std::size_t k, T alpha, std::size_t lda, std::size_t ldb, T beta, std::size_t ldc);
    using KernelOf = Kernel*(const void* jitter);
    constexpr int kMade = 0;  // 1: the ordinary gemm in disguise
    auto* const create = library_.find<Create>(fmt::format("mkl_cblas_jit_create_{}gemm", letter).c_str());
    auto* const kernel_of = library_.find<KernelOf>(fmt::format("mkl_jit_get_{}gemm_ptr", letter).c_str());
    auto* const destroy = library_.find<int(void*)>("mkl_jit_destroy");
    if (create == nullptr || kernel_of == nullptr || destroy == nullptr) return {};
    const auto [m, n, k] = product.shape();
    void* made = nullptr;
    const int status = create(&made, kRowMajor, kNoTrans, kNoTrans, m, n, k, T{1}, k, n, T{0}, n);
    const std::shared_ptr<void> jitter(made, [destroy](void* it) {
      if (it != nullptr) destroy(it);
    });
    if (status != kMade || made == nullptr) return {};
    return [kernel = kernel_of(made), jitter, a = product.a<T>(), b = product.b<T>(),
            c = product.c<T>()](std::size_t times) {
      for (std::size_t i = 0; i < times; ++i) kernel(jitter.get(), a, b, c);
    };
  }

  const Library library_;
};

}  // namespace

Result<Subjects> make_mkl(const Setup& setup) {
  // Read when the first function is called.
  setenv("MKL_INTERFACE_LAYER", "LP64", 1);
  setenv("MKL_THREADING_LAYER", setup.threads == 1 ? "SEQUENTIAL" : "GNU", 1);
  const std::string folder = setup.folder + "/mkl";
  const auto library = Library::open(folder + "/libmkl_rt.so.3", Library::Symbols::kProgramFirst);
  if (!library) return library.error();
  void (*set_threads)(int) = nullptr;
  if (Status s = library->need("MKL_Set_Num_Threads", set_threads); !s.ok()) return s;
  set_threads(setup.threads);
  const std::string version = package_of(folder);
  Subjects subjects;
  subjects.push_back(std::make_unique<Mkl>(version, *library));
  subjects.push_back(std::make_unique<MklJit>(version, *library));
  return subjects;
}

}  // namespace udnn::peers
