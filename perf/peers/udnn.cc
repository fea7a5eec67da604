// uDNN itself, as udnn/gemm.h offers it.
#include <memory>
#include <utility>

#include "perf/peers/subject.h"
#include "src/machine/isa.h"
#include "udnn/gemm.h"

namespace udnn::peers {

namespace {

template <class P>
Run prepare_gemm(int threads, Product& product, Form form) {
  const Shape shape = product.shape();
  const GemmConfig config{.m = shape.m, .n = shape.n, .k = shape.k, .threads = threads};
  const auto* const b = product.b<typename P::B>();
  Result<Gemm<P>> made = [&] {
    if (form == Form::kCall) return Gemm<P>::create(config);
    const auto packed = PackedMatrix<P>::create({.k = shape.k, .n = shape.n}, b);
    return packed ? Gemm<P>::create(config, *packed) : Result<Gemm<P>>(packed.error());
  }();
  if (!made) return {};
  const GemmOperands<P> operands{.a = product.a<typename P::A>(), .b = b, .c = product.c<typename P::C>()};
  return [gemm = std::make_shared<Gemm<P>>(std::move(*made)), operands](std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) gemm->run(operands);
  };
}

class Udnn final : public Subject {
 public:
  Udnn(const char* isa, int threads) : Subject("uDNN", isa), threads_(threads) {}

  Run prepare(Product& product, Form form) override {
    switch (product.type()) {
      case Type::kF64:
        return prepare_gemm<product::F64>(threads_, product, form);
      case Type::kF32:
        return prepare_gemm<product::F32>(threads_, product, form);
      case Type::kBf16:
        return prepare_gemm<product::BF16>(threads_, product, form);
      case Type::kU8S8:
        return prepare_gemm<product::U8S8>(threads_, product, form);
      case Type::kF16:
        return prepare_gemm<product::F16>(threads_, product, form);
    }
    return {};
  }

 private:
  int threads_;
};

}  // namespace

Result<Subjects> make_udnn(const Setup& setup) {
  const auto table = machine::chosen_kernel_table();
  if (!table) return table.error();
  Subjects subjects;
  subjects.push_back(std::make_unique<Udnn>((*table)->isa, setup.threads));
  return subjects;
}

}  // namespace udnn::peers
