// XNNPACK, as ExecuTorch brings it: fully connected operators, which always pack their weights beforehand. Not its
// 8-bit ones, which round the sums to 8 bits, and not its fp16, which writes fp16: other products than those compared
// here. Source: XNNPACK, xnnpack.h of 2026 (without a code cache).
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "perf/peers/library.h"
#include "perf/peers/subject.h"

namespace udnn::peers {

namespace {

using Operator = void*;
using Pool = void*;

constexpr int kSuccess = 0;
constexpr std::uint32_t kTransposeWeights = 1;  // [inputs, outputs], as B is

using Create = int(std::size_t inputs, std::size_t outputs, std::size_t x_stride, std::size_t y_stride,
                   const void* weights, const void* bias, float least, float most, std::uint32_t flags, void* cache,
                   Operator* made);
using Reshape = int(Operator, std::size_t batch, Pool);
using Setting = int(Operator, const void* x, void* y);
using RunOperator = int(Operator, Pool);

class Xnnpack final : public Subject {
 public:
  Xnnpack(std::string its_version, Library library, Pool pool, bool for_f16)
      : Subject(for_f16 ? "XNNPACK-f16" : "XNNPACK", std::move(its_version), for_f16),
        library_(std::move(library)),
        pool_(pool) {}

  Run prepare(Product& product, Form form) override {
    if (form == Form::kCall) return {};
    if (writes_f16) return product.type() == Type::kF16 ? run_of("f16", product) : Run();
    if (product.type() == Type::kF32) return run_of("f32", product);
    if (product.type() == Type::kBf16) return run_of("bf16_f32", product);
    return {};
  }

 private:
  Run run_of(const std::string& types, Product& product) const {
    const auto find = [&]<class Function>(const char* verb, Function*& into) {
      into = library_.find<Function>(("xnn_" + std::string(verb) + "_fully_connected_nc_" + types).c_str());
      return into != nullptr;
    };
    Create* create = nullptr;
    Reshape* reshape = nullptr;
    Setting* set = nullptr;
    auto* const run = library_.find<RunOperator>("xnn_run_operator");
    auto* const destroy = library_.find<int(Operator)>("xnn_delete_operator");
    if (!find("create", create) || !find("reshape", reshape) || !find("setup", set) || run == nullptr ||
        destroy == nullptr)
      return {};
    const auto [m, n, k] = product.shape();
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    Operator made = nullptr;
    if (create(k, n, k, n, product.b(), nullptr, -kInfinity, kInfinity, kTransposeWeights, nullptr, &made) != kSuccess)
      return {};
    const std::shared_ptr<void> op(made, [destroy](void* it) { destroy(it); });
    if (reshape(made, m, pool_) != kSuccess || set(made, product.a(), product.c()) != kSuccess) return {};
    return [run, op, pool = pool_](std::size_t times) {
      for (std::size_t i = 0; i < times; ++i) run(op.get(), pool);
    };
  }

  const Library library_;
  Pool pool_;
};

}  // namespace

Result<Subjects> make_xnnpack(const Setup& setup) {
  const std::string folder = setup.folder + "/xnnpack";
  const auto pools = Library::open(folder + "/libexecutorch_threadpool.so", Library::Symbols::kProgramFirst);
  if (!pools) return pools.error();
  const auto library = Library::open(folder + "/libexecutorch_backend_xnnpack.so", Library::Symbols::kProgramFirst);
  if (!library) return library.error();
  int (*initialize)(const void*) = nullptr;
  Pool (*make_pool)(std::size_t) = nullptr;
  if (Status s = library->need("xnn_initialize", initialize); !s.ok()) return s;
  if (Status s = pools->need("pthreadpool_create", make_pool); !s.ok()) return s;
  if (initialize(nullptr) != kSuccess) return Status(StatusCode::kUnsupported, "XNNPACK: refuses this CPU");
  Pool pool = setup.threads == 1 ? nullptr : make_pool(static_cast<std::size_t>(setup.threads));
  Subjects subjects;
  for (const bool for_f16 : {false, true})
    subjects.push_back(std::make_unique<Xnnpack>(package_of(folder), *library, pool, for_f16));
  return subjects;
}

}  // namespace udnn::peers
