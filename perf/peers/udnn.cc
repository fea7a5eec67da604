// uDNN itself. A batch of products is one region of its team, as the layers of a step are.
#include <cstddef>
#include <memory>

#include "perf/peers/subject.h"
#include "src/machine/isa.h"
#include "src/ops/gemm.h"
#include "udnn/team.h"

namespace udnn::peers {

namespace {

template <class T>
Run prepare_gemm(const kernels::KernelTable& table, const Team& team, Product& product) {
  const auto gemm = ops::Gemm<T>::create(table);
  if (!gemm) return {};
  const Shape shape = product.shape();
  const ops::GemmOperands<T> operands = {.m = shape.m,
                                         .n = shape.n,
                                         .k = shape.k,
                                         .a = product.a<T>(),
                                         .a_row_stride = static_cast<std::ptrdiff_t>(shape.k),
                                         .a_k_stride = 1,
                                         .b = product.b<T>(),
                                         .b_stride = shape.n,
                                         .bias = nullptr,
                                         .c = product.c<T>(),
                                         .c_stride = shape.n,
                                         .accumulate = false};
  return [op = *gemm, team, operands](std::size_t times) {
    team.run([&](Worker& worker) {
      for (std::size_t i = 0; i < times; ++i) op.run(worker, operands, {});
    });
  };
}

class Udnn final : public Subject {
 public:
  Udnn(const kernels::KernelTable& table, const Team& team) : Subject("uDNN", table.isa), table_(table), team_(team) {}

  Run prepare(Product& product, Form form) override {
    if (form == Form::kPacked) return {};
    if (product.type() == Type::kF32) return prepare_gemm<float>(table_, team_, product);
    if (product.type() == Type::kF64) return prepare_gemm<double>(table_, team_, product);
    return {};
  }

 private:
  const kernels::KernelTable& table_;
  Team team_;
};

}  // namespace

Result<Subjects> make_udnn(const Setup& setup) {
  const auto table = machine::chosen_kernel_table();
  if (!table) return table.error();
  const auto team = Team::create(setup.threads);
  if (!team) return team.error();
  Subjects subjects;
  subjects.push_back(std::make_unique<Udnn>(**table, *team));
  return subjects;
}

}  // namespace udnn::peers
