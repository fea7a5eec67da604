// udnn/gemm_c.h on top of udnn/gemm.h. Of libudnn_c.so.
#include "udnn/gemm_c.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "src/base/c_boundary.h"
#include "src/base/refusal.h"
#include "udnn/gemm.h"

namespace {

namespace product = udnn::product;
using udnn::Status;

}  // namespace

struct udnn_gemm {  // NOLINT(readability-identifier-naming): named by the header
  std::variant<udnn::Gemm<product::F64>, udnn::Gemm<product::F32>, udnn::Gemm<product::F16>, udnn::Gemm<product::BF16>,
               udnn::Gemm<product::U8S8>, udnn::Gemm<product::S8S8>>
      product;
  std::string kernel;
};

namespace {

template <class P>
Status create(const udnn::GemmConfig& config, const void* b, udnn_gemm** gemm) {
  std::optional<udnn::PackedMatrix<P>> packed;
  if (b != nullptr) {
    auto made = udnn::PackedMatrix<P>::create(
        {.k = config.k, .n = config.n, .is_transposed = config.b_is_transposed, .stride = config.b_stride},
        static_cast<const typename P::B*>(b));
    if (!made) return made.error();
    packed = std::move(*made);
  }
  auto made = packed ? udnn::Gemm<P>::create(config, *packed) : udnn::Gemm<P>::create(config);
  if (!made) return made.error();
  std::string kernel(made->kernel());
  *gemm = std::make_unique<udnn_gemm>(udnn_gemm{std::move(*made), std::move(kernel)}).release();
  return {};
}

Status create(const udnn_gemm_config& from, const void* b, udnn_gemm** gemm) {
  for (const auto& [name, value] :
       {std::pair{"a_is_transposed", from.a_is_transposed}, std::pair{"b_is_transposed", from.b_is_transposed},
        std::pair{"accumulate", from.accumulate}})
    if (value != 0 && value != 1) return udnn::base::invalid("gemm.{}: {}, expected 0 or 1", name, value);
  const auto order = static_cast<std::uint32_t>(from.bf16_order);
  if (order > UDNN_BF16_TILES) return udnn::base::invalid("gemm.bf16_order: {}, expected 0 to 2", order);
  const udnn::GemmConfig config{.m = from.m,
                                .n = from.n,
                                .k = from.k,
                                .a_is_transposed = from.a_is_transposed != 0,
                                .b_is_transposed = from.b_is_transposed != 0,
                                .a_stride = from.a_stride,
                                .b_stride = from.b_stride,
                                .c_stride = from.c_stride,
                                .accumulate = from.accumulate != 0,
                                .activation = from.activation == nullptr ? "none" : from.activation,
                                .activation_parameter = from.activation_parameter,
                                .threads = from.threads,
                                .bf16_order = static_cast<udnn::Bf16Order>(order)};
  switch (from.type) {
    case UDNN_GEMM_F64:
      return create<product::F64>(config, b, gemm);
    case UDNN_GEMM_F32:
      return create<product::F32>(config, b, gemm);
    case UDNN_GEMM_F16:
      return create<product::F16>(config, b, gemm);
    case UDNN_GEMM_BF16:
      return create<product::BF16>(config, b, gemm);
    case UDNN_GEMM_U8S8:
      return create<product::U8S8>(config, b, gemm);
    case UDNN_GEMM_S8S8:
      return create<product::S8S8>(config, b, gemm);
  }
  return udnn::base::invalid("gemm.type: {}, expected 0 to 5", static_cast<int>(from.type));
}

}  // namespace

udnn_status udnn_gemm_create(const udnn_gemm_config* config, const void* packed_b, udnn_gemm** gemm,
                             udnn_error* error) {
  return udnn::base::guarded(error, [&] {
    if (Status status = udnn::base::expect_object(gemm, "gemm"); !status.ok()) return status;
    if (Status status = udnn::base::expect_object(config, "config"); !status.ok()) return status;
    return create(*config, packed_b, gemm);
  });
}

void udnn_gemm_destroy(udnn_gemm* gemm) { delete gemm; }

void udnn_gemm_run(const udnn_gemm* gemm, const void* a, const void* b, void* c, const void* bias) {
  std::visit(
      [&]<class P>(const udnn::Gemm<P>& product) {
        product.run({.a = static_cast<const typename P::A*>(a),
                     .b = static_cast<const typename P::B*>(b),
                     .c = static_cast<typename P::C*>(c),
                     .bias = static_cast<const typename P::C*>(bias)});
      },
      gemm->product);
}

const char* udnn_gemm_kernel(const udnn_gemm* gemm) { return gemm->kernel.c_str(); }
