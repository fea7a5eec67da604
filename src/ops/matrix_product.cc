// udnn/gemm.h: which kernel a product of types runs on, and the memory it packs into.
#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "src/base/aligned_array.h"
#include "src/base/ceil_div.h"
#include "src/base/verbose.h"
#include "src/machine/isa.h"
#include "src/ops/activation.h"
#include "src/ops/block_product.h"
#include "src/ops/few_columns.h"
#include "src/ops/pack.h"
#include "src/ops/product.h"
#include "udnn/gemm.h"
#include "udnn/team.h"

namespace udnn {

using base::AlignedArray;
using kernels::KernelTable;
using kernels::ProductKernel;

namespace {

/// The products of the kernels that compute P: the first that the table has.
template <class P>
struct Roads;

template <class... Product>
struct OneOf {
  template <template <class> class Each>
  using Variant = std::variant<Each<Product>...>;

  /// visit.operator()<Product>() for each in turn, until one says true.
  template <class Visit>
  static bool any(Visit visit) {
    return (visit.template operator()<Product>() || ...);
  }
};
template <>
struct Roads<product::F64> : OneOf<kernels::PlainProduct<double>> {
  static constexpr const char* kName = "fp64";
};
template <>
struct Roads<product::F32> : OneOf<kernels::PlainProduct<float>> {
  static constexpr const char* kName = "fp32";
};
template <>
struct Roads<product::F16> : OneOf<kernels::Fp16Product, kernels::PlainProduct<float>> {
  static constexpr const char* kName = "fp16";
};
template <>
struct Roads<product::BF16> : OneOf<kernels::Bf16DotProduct, kernels::Bf16Product> {
  static constexpr const char* kName = "bf16";
};
template <>
struct Roads<product::U8S8> : OneOf<kernels::U8S8Product, kernels::S16Product> {
  static constexpr const char* kName = "u8s8";
};
template <>
struct Roads<product::S8S8> : OneOf<kernels::S8S8Product, kernels::S16Product> {
  static constexpr const char* kName = "s8s8";
};

template <class Product>
const ProductKernel<Product>* kernel_of(const KernelTable& table) noexcept {
  if constexpr (std::is_same_v<Product, kernels::PlainProduct<double>>)
    return &table.f64.gemm;
  else if constexpr (std::is_same_v<Product, kernels::PlainProduct<float>>)
    return &table.f32.gemm;
  else if constexpr (std::is_same_v<Product, kernels::Fp16Product>)
    return table.narrow.fp16;
  else if constexpr (std::is_same_v<Product, kernels::Bf16DotProduct>)
    return table.narrow.bf16_dot;
  else if constexpr (std::is_same_v<Product, kernels::Bf16Product>)
    return table.narrow.bf16;
  else if constexpr (std::is_same_v<Product, kernels::U8S8Product>)
    return table.narrow.u8s8;
  else if constexpr (std::is_same_v<Product, kernels::S8S8Product>)
    return table.narrow.s8s8;
  else
    return table.narrow.s16;
}

template <class Product>
constexpr bool kMayHaveBlocks =
    std::is_same_v<Product, kernels::Bf16DotProduct> || std::is_same_v<Product, kernels::U8S8Product> ||
    std::is_same_v<Product, kernels::S8S8Product>;

template <class Product>
const kernels::BlockKernel<Product>* blocks_of(const KernelTable& table) noexcept {
  if constexpr (std::is_same_v<Product, kernels::Bf16DotProduct>)
    return table.narrow.bf16_blocks;
  else if constexpr (std::is_same_v<Product, kernels::U8S8Product>)
    return table.narrow.u8s8_blocks;
  else if constexpr (std::is_same_v<Product, kernels::S8S8Product>)
    return table.narrow.s8s8_blocks;
  else
    return nullptr;
}

/// What sums products of few columns along k, where the shape is such: a matter of n and k alone, because B is packed
/// for one form and any number of rows, and the two forms have other bits. Operands of other types than P's are
/// converted on their way into panels, so they have the panels.
template <class Product, class P>
const kernels::FewKernel<typename Product::C>* few_of(const KernelTable& table, std::size_t n, std::size_t k) noexcept {
  if constexpr (ops::kHasFew<Product> && std::is_same_v<typename P::B, typename Product::B>)
    if (ops::few_columns_pay<typename Product::C>(n, k)) return &table.carrier<typename Product::C>().few;
  return nullptr;
}

template <class Product>
constexpr const char* kSuffix = std::is_same_v<Product, kernels::S16Product>    ? " as int16"
                                : std::is_same_v<Product, kernels::Bf16Product> ? " as fp32"
                                                                                : "";

Status check_stride(const char* field, std::size_t stride, std::size_t rows, std::size_t cols) {
  if (stride == 0 || stride >= cols) {
    std::size_t elements;
    if (!__builtin_mul_overflow(rows, std::max(stride, cols), &elements) &&
        elements <= static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / sizeof(double))
      return {};
    return Status(StatusCode::kInvalidArgument, fmt::format("gemm.{}: {} rows of {} elements, more than there can be",
                                                            field, rows, std::max(stride, cols)));
  }
  return Status(StatusCode::kInvalidArgument,
                fmt::format("gemm.{}: {}, expected 0 or at least {}, the elements of a row", field, stride, cols));
}

/// [rows, cols] of the matrix as it is meant; stored the other way round where it is transposed.
Result<ops::Stored> stored(const char* field, std::size_t rows, std::size_t cols, bool is_transposed,
                           std::size_t stride) {
  if (is_transposed) std::swap(rows, cols);
  if (Status status = check_stride(field, stride, rows, cols); !status.ok()) return status;
  const auto step = static_cast<std::ptrdiff_t>(stride == 0 ? cols : stride);
  return is_transposed ? ops::Stored{nullptr, 1, step} : ops::Stored{nullptr, step, 1};
}

/// Sums of that many products of bytes always fit 32 bits.
template <class P>
constexpr std::size_t kMaxDepth = std::is_same_v<P, product::U8S8>   ? 65793   // (2^31 - 1) / (255 * 128)
                                  : std::is_same_v<P, product::S8S8> ? 131071  // / (128 * 128)
                                                                     : std::numeric_limits<std::size_t>::max();

template <class P>
Status check_depth(std::size_t k) {
  if (k <= kMaxDepth<P>) return {};
  return Status(StatusCode::kInvalidArgument,
                fmt::format("gemm.k: {}, expected at most {}: sums of {} may overflow 32 bits", k, kMaxDepth<P>,
                            Roads<P>::kName));
}

}  // namespace

template <class P>
struct PackedMatrix<P>::Elements {
  const KernelTable* table;
  std::size_t k, n;
  AlignedArray<unsigned char> data;   ///< B of the first road: those after it whose B has the same type have its layout
  AlignedArray<typename P::C> start;  ///< empty: from 0

  template <class Product>
  ops::Packed<Product> packed() const noexcept {
    return {reinterpret_cast<const typename Product::B*>(data.data()), start.data()};
  }
};

namespace {

template <class Product, class P>
Status pack_into(typename PackedMatrix<P>::Elements& packed, const ops::Stored& b) {
  const KernelTable& table = *packed.table;
  const auto& kernel = *kernel_of<Product>(table);
  const std::size_t n = packed.n, k = packed.k;
  const auto* const few = few_of<Product, P>(table, n, k);
  const std::size_t size =
      few != nullptr ? ops::few_packed_size<typename Product::B>(n, k) : ops::packed_size(kernel, n, k);
  auto data = AlignedArray<unsigned char>::create({size, sizeof(typename Product::B)});
  if (!data) return data.error();
  packed.data = std::move(*data);
  if constexpr (ops::kHasFew<Product>)
    if (few != nullptr) {
      ops::pack_few(*few, b, n, k, reinterpret_cast<typename Product::B*>(packed.data.data()));
      return {};
    }
  if (ops::needs_start(kernel)) {
    auto start = AlignedArray<typename Product::C>::create({base::ceil_div(n, kernel.lanes), kernel.lanes});
    if (!start) return start.error();
    packed.start = std::move(*start);
  }
  ops::pack_all(table.pack, kernel, b, &ops::pack_b<Product, typename P::B>, n, k,
                reinterpret_cast<typename Product::B*>(packed.data.data()), packed.start.data());
  return {};
}

}  // namespace

template <class P>
Result<PackedMatrix<P>> PackedMatrix<P>::create(const PackedMatrixConfig& config, const typename P::B* b) {
  const auto table = machine::chosen_kernel_table();
  if (!table) return table.error();
  auto from = stored("b_stride", config.k, config.n, config.is_transposed, config.stride);
  if (!from) return from.error();
  if (Status status = check_depth<P>(config.k); !status.ok()) return status;
  if (b == nullptr && config.k != 0 && config.n != 0)
    return Status(StatusCode::kInvalidArgument, "gemm.b: null, expected the elements to pack");
  from->data = b;
  auto elements = std::make_shared<Elements>();
  elements->table = *table;
  elements->k = config.k;
  elements->n = config.n;
  Status status;
  Roads<P>::any([&]<class Product>() {
    if (kernel_of<Product>(**table) == nullptr) return false;
    status = pack_into<Product, P>(*elements, *from);
    return true;
  });
  if (!status.ok()) return status;
  return PackedMatrix(std::shared_ptr<const Elements>(std::move(elements)));
}

template <class P>
std::size_t PackedMatrix<P>::k() const noexcept {
  return elements_->k;
}
template <class P>
std::size_t PackedMatrix<P>::n() const noexcept {
  return elements_->n;
}
template <class P>
std::size_t PackedMatrix<P>::bytes() const noexcept {
  return elements_->data.span().size_bytes() + elements_->start.span().size_bytes();
}

namespace {

/// Whether vdpbf16ps takes less time than the two multiply-adds whose bits it has: half as much on Zen 4 and 5, twice
/// as much on Granite Rapids. Asked once for a process, which takes 30 us.
bool bf16_dot_is_faster(const KernelTable& table) {
  constexpr std::size_t kDepth = 128, kVectors = 4, kTimes = 5;
  const auto time = [&]<class Product>(const ProductKernel<Product>& kernel) {
    const std::vector<typename Product::A> a(kernel.rows[kVectors - 1] * kDepth * Product::kGranule);
    const std::vector<typename Product::B> b(kernel.lanes * kVectors * kDepth * Product::kGranule);
    std::vector<float> c(kernel.rows[kVectors - 1] * kernel.lanes * kVectors);
    const std::ptrdiff_t no_offset = 0;
    kernels::ProductArgs<Product> args{};
    args.k_depth = kDepth;
    args.k_outer = 1;
    args.offsets = &no_offset;
    args.a = a.data();
    args.a_row_stride = kDepth * Product::kGranule;
    args.a_k_stride = Product::kGranule;
    args.b = b.data();
    args.cols = kernel.lanes * kVectors;
    args.b_stride = args.cols * Product::kGranule;
    args.c = c.data();
    args.c_stride = args.cols;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < kTimes; ++i) {
      const auto before = std::chrono::steady_clock::now();
      kernel.run[kVectors - 1][kernel.rows[kVectors - 1] - 1](args);
      least = std::min(least, std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count());
    }
    return least / static_cast<double>(kernel.rows[kVectors - 1]);
  };
  static const bool is_faster = time(*table.narrow.bf16_dot) < time(*table.narrow.bf16);
  return is_faster;
}

template <class Product>
bool takes_blocks(const KernelTable& table, const GemmConfig& config) noexcept {
  const auto* const blocks = blocks_of<Product>(table);
  if (blocks == nullptr) return false;
  if (std::is_same_v<Product, kernels::Bf16DotProduct> && config.bf16_order != Bf16Order::kFastest)
    return config.bf16_order == Bf16Order::kTiles;
  return blocks->pays(config.m, config.n, config.k);
}

/// Whether a product takes this road rather than the next one. What has other bits is a matter of the shape alone.
template <class Product>
bool is_wanted(const KernelTable& table, const GemmConfig& config) {
  if (takes_blocks<Product>(table, config)) return true;
  if (kernel_of<Product>(table) == nullptr) return false;
  if constexpr (std::is_same_v<Product, kernels::Bf16DotProduct>) return bf16_dot_is_faster(table);
  return true;
}

/// A product on one kernel.
template <class Product>
class RoadOf {
 public:
  using A = typename Product::A;
  using B = typename Product::B;
  using C = typename Product::C;

  template <class P>
  Status prepare(const KernelTable& table, const GemmConfig& config, const ops::Stored& a, const ops::Stored& b,
                 std::size_t c_stride, const typename PackedMatrix<P>::Elements* packed, std::size_t threads) {
    table_ = &table;
    kernel_ = kernel_of<Product>(table);
    job_.m = config.m;
    job_.n = config.n;
    job_.k = config.k;
    job_.a = a;
    job_.b = b;
    job_.c_stride = c_stride;
    job_.accumulate = config.accumulate;
    if (takes_blocks<Product>(table, config)) job_.blocks = blocks_of<Product>(table);
    job_.few = few_of<Product, P>(table, config.n, config.k);
    // A granule of more than one is read as it lies; and any stride is right for one.
    const bool a_lies_right = std::is_same_v<typename P::A, A> && (Product::kGranule == 1 || a.col_stride == 1);
    if (!a_lies_right) job_.pack_a = &ops::pack_a<Product, typename P::A>;
    if (packed != nullptr)
      job_.packed_b = packed->template packed<Product>();
    else if (!std::is_same_v<B, C> || !std::is_same_v<typename P::B, B> || b.col_stride != 1 || packing_pays(config))
      job_.pack_b = &ops::pack_b<Product, typename P::B>;

    if constexpr (kMayHaveBlocks<Product>)
      if (job_.blocks != nullptr) return make_room(ops::scratch_size(job_), threads);
    if constexpr (ops::kHasFew<Product>)
      if (job_.few != nullptr) {
        if (threads == 1) few_ = ops::one_few_call(job_);
        return make_room(ops::few_scratch_size(job_), threads);
      }
    if (threads == 1) tiles_ = ops::one_call(*kernel_, job_);
    return make_room(ops::scratch_size(*kernel_, job_), threads);
  }

  /// Where one call of the kernel is the whole product: makes it, and says so. Half the time of the smallest ones.
  bool run_at_once(const void* a, const void* b, C* c, const C* bias) const noexcept {
    if constexpr (ops::kHasFew<Product>)
      if (few_.run != nullptr) {
        kernels::FewArgs<C> args = few_.args;
        args.a = static_cast<const A*>(a);
        if (args.b == nullptr) args.b = static_cast<const B*>(b);
        args.bias = bias;
        args.c = c;
        few_.run(args);
        return true;
      }
    if (tiles_.run == nullptr) return false;
    kernels::ProductArgs<Product> args = tiles_.args;
    if (bias != nullptr) {
      if (args.bias != nullptr) return false;
      args.bias = bias;
    }
    args.a = static_cast<const A*>(a);
    if (args.b == nullptr) args.b = static_cast<const B*>(b);
    args.c = c;
    tiles_.run(args);
    return true;
  }

  void run(Worker& worker, const void* a, const void* b, C* c, const C* bias, ops::Finish<C> finish) noexcept {
    ops::ProductJob<Product> job = job_;
    job.a.data = a;
    job.b.data = b;
    job.c = c;
    job.bias = bias;
    const auto me = static_cast<std::size_t>(worker.index);
    const ops::ProductScratch<Product> scratch{a_room_.data() + me * a_stride_, b_room_.data() + me * b_stride_,
                                               start_stride_ != 0 ? start_room_.data() + me * start_stride_ : nullptr};
    if constexpr (kMayHaveBlocks<Product>)
      if (job.blocks != nullptr) return ops::multiply(worker, table_->pack, job, scratch, finish);
    if constexpr (ops::kHasFew<Product>)
      if (job.few != nullptr) return ops::multiply_few(worker, job, scratch, finish);
    ops::multiply(worker, table_->pack, *kernel_, job, scratch, finish);
  }

  std::string name(const char* type) const {
    if (job_.blocks != nullptr) return fmt::format("{} {} 32x32 by tiles", table_->isa, type);
    if (job_.few != nullptr) return fmt::format("{} {} {} rows along k", table_->isa, type, job_.few->height);
    const std::size_t vectors =
        std::min(kernel_->vectors, std::max<std::size_t>(1, base::ceil_div(job_.n, kernel_->lanes)));
    return fmt::format("{} {}{} {}x{}", table_->isa, type, kSuffix<Product>, kernel_->rows[vectors - 1],
                       vectors * kernel_->lanes);
  }

 private:
  Status make_room(const ops::ScratchSize& size, std::size_t threads) {
    auto a_room = AlignedArray<A>::create({threads, a_stride_ = up_to_line(size.a)});
    auto b_room = AlignedArray<B>::create({threads, b_stride_ = up_to_line(size.b)});
    auto start_room = AlignedArray<C>::create({threads, start_stride_ = up_to_line(size.start)});
    if (!a_room) return a_room.error();
    if (!b_room) return b_room.error();
    if (!start_room) return start_room.error();
    a_room_ = std::move(*a_room);
    b_room_ = std::move(*b_room);
    start_room_ = std::move(*start_room);
    return {};
  }

  // Where B is large its rows lie pages apart, and enough rows of A come by.
  static bool packing_pays(const GemmConfig& config) noexcept {
    return config.m >= 128 && config.n >= 128 && config.k >= 128 &&
           static_cast<double>(config.n) * static_cast<double>(config.k) * sizeof(B) >= 1 << 20;
  }

  static std::size_t up_to_line(std::size_t elements) noexcept { return base::ceil_div(elements, 64) * 64; }

  const KernelTable* table_ = nullptr;
  const ProductKernel<Product>* kernel_ = nullptr;
  ops::ProductJob<Product> job_;
  ops::OneCall<Product> tiles_;
  ops::FewCall<C> few_;
  std::size_t a_stride_ = 0, b_stride_ = 0, start_stride_ = 0;
  AlignedArray<A> a_room_;
  AlignedArray<B> b_room_;
  AlignedArray<C> start_room_;
};

/// A parallel region costs as much as about this many multiply-adds of float on one of its threads.
constexpr double kMacsOfARegion = 400'000;

/// How many multiply-adds a road makes while that of float makes one, in large products (udnn_gemm_peers: Zen 5 and
/// Granite Rapids, 2026-11 and 2026-12).
template <class Product>
double speed_of(const KernelTable& table, const GemmConfig& config) noexcept {
  const bool has_tiles = takes_blocks<Product>(table, config) && table.narrow.u8s8_blocks != nullptr;
  if (std::is_same_v<Product, kernels::Bf16DotProduct>) return has_tiles ? 8 : 2;
  if (std::is_same_v<typename Product::B, std::int8_t>) return has_tiles ? 16 : 4;
  return std::is_same_v<typename Product::C, double> ? 0.5 : 1;
}

int useful_threads(const GemmConfig& config, int threads, double speed) noexcept {
  const double macs = static_cast<double>(config.m) * static_cast<double>(config.n) * static_cast<double>(config.k);
  return static_cast<int>(std::clamp(macs / (kMacsOfARegion * speed), 1.0, static_cast<double>(threads)));
}

}  // namespace

template <class P>
struct Gemm<P>::Plan {
  Team team;
  std::optional<PackedMatrix<P>> packed;
  typename Roads<P>::template Variant<RoadOf> road;
  const KernelTable* table = nullptr;
  ops::ActivationKind activation = ops::ActivationKind::kNone;
  double parameter = 0;
  std::string kernel;

  static Result<Gemm> create(const GemmConfig& config, const PackedMatrix<P>* packed) {
    const KernelTable* table = nullptr;
    if (packed != nullptr) {
      table = packed->elements().table;
      if (packed->k() != config.k || packed->n() != config.n)
        return Status(StatusCode::kInvalidArgument,
                      fmt::format("gemm.b: a packed matrix of {} x {}, expected k x n, {} x {}", packed->k(),
                                  packed->n(), config.k, config.n));
    } else {
      const auto chosen = machine::chosen_kernel_table();
      if (!chosen) return chosen.error();
      table = *chosen;
    }
    const auto a = stored("a_stride", config.m, config.k, config.a_is_transposed, config.a_stride);
    if (!a) return a.error();
    const auto b = stored("b_stride", config.k, config.n, config.b_is_transposed, config.b_stride);
    if (!b) return b.error();
    if (Status status = check_stride("c_stride", config.c_stride, config.m, config.n); !status.ok()) return status;
    if (Status status = check_depth<P>(config.k); !status.ok()) return status;
    const ops::ActivationInfo* const activation = ops::find_activation(config.activation);
    if (activation == nullptr)
      return Status(StatusCode::kInvalidArgument, fmt::format("gemm.activation: '{}' is none", config.activation));
    if (std::is_integral_v<typename P::C> && activation->kind != ops::ActivationKind::kNone)
      return Status(StatusCode::kInvalidArgument,
                    fmt::format("gemm.activation: '{}', expected 'none' for sums of integers", config.activation));
    if (std::is_same_v<P, product::BF16> && config.bf16_order == Bf16Order::kTiles &&
        table->narrow.bf16_blocks == nullptr)
      return Status(
          StatusCode::kUnsupported,
          fmt::format("gemm.bf16_order: tiles: not among the kernels of '{}', expected AVX2 or more", table->isa));
    const double parameter = config.activation_parameter == 0 ? activation->parameter : config.activation_parameter;
    if (Status status = ops::check_parameter(activation->kind, parameter); !status.ok()) return status;
    auto all = Team::create(config.threads);
    if (!all) return all.error();
    typename Roads<P>::template Variant<RoadOf> road;
    double speed = 1;
    Roads<P>::any([&]<class Product>() {
      if (!is_wanted<Product>(*table, config)) return false;
      road = RoadOf<Product>();
      speed = speed_of<Product>(*table, config);
      return true;
    });
    auto team = Team::create(useful_threads(config, all->threads(), speed));
    if (!team) return team.error();

    auto plan =
        std::make_unique<Plan>(Plan{*team, std::nullopt, std::move(road), table, activation->kind, parameter, {}});
    if (packed != nullptr) plan->packed = *packed;
    const std::size_t c_stride = config.c_stride == 0 ? config.n : config.c_stride;
    Status status = std::visit(
        [&](auto& chosen) {
          Status made = chosen.template prepare<P>(*table, config, *a, *b, c_stride,
                                                   packed != nullptr ? &packed->elements() : nullptr,
                                                   static_cast<std::size_t>(team->threads()));
          if (made.ok()) plan->kernel = chosen.name(Roads<P>::kName);
          return made;
        },
        plan->road);
    if (!status.ok()) return status;
    if (base::is_verbose())
      base::log_line(fmt::format("gemm {} x {} x {}: {}, {} {}", config.m, config.n, config.k, plan->kernel,
                                 team->threads(), team->threads() == 1 ? "thread" : "threads"));
    return Gemm(std::move(plan));
  }

  void activate(typename P::C* y, std::size_t count) const noexcept {
    if constexpr (!std::is_integral_v<typename P::C>)
      ops::activate(table->carrier<typename P::C>().elementwise, activation, parameter, y, y, count);
  }
};

template <class P>
Result<Gemm<P>> Gemm<P>::create(const GemmConfig& config) {
  return Plan::create(config, nullptr);
}
template <class P>
Result<Gemm<P>> Gemm<P>::create(const GemmConfig& config, const PackedMatrix<P>& b) {
  return Plan::create(config, &b);
}

template <class P>
Gemm<P>::Gemm(std::unique_ptr<Plan> plan) noexcept : plan_(std::move(plan)) {}
template <class P>
Gemm<P>::Gemm(Gemm&&) noexcept = default;
template <class P>
Gemm<P>& Gemm<P>::operator=(Gemm&&) noexcept = default;
template <class P>
Gemm<P>::~Gemm() = default;

template <class P>
void Gemm<P>::run(const GemmOperands<P>& operands) const noexcept {
  using C = typename P::C;
  Plan& plan = *plan_;
  const bool is_done =
      plan.activation == ops::ActivationKind::kNone &&
      std::visit([&](auto& road) { return road.run_at_once(operands.a, operands.b, operands.c, operands.bias); },
                 plan.road);
  if (is_done) return;
  const auto activate = [&](C* y, std::size_t count, std::size_t) { plan.activate(y, count); };
  const ops::Finish<C> finish =
      plan.activation == ops::ActivationKind::kNone ? ops::Finish<C>() : ops::Finish<C>(activate);
  std::visit(
      [&](auto& road) {
        plan.team.run(
            [&](Worker& worker) { road.run(worker, operands.a, operands.b, operands.c, operands.bias, finish); });
      },
      plan.road);
}

template <class P>
std::string_view Gemm<P>::kernel() const noexcept {
  return plan_->kernel;
}
template <class P>
int Gemm<P>::threads() const noexcept {
  return plan_->team.threads();
}

#define UDNN_INSTANTIATE(P)                \
  template class PackedMatrix<product::P>; \
  template class Gemm<product::P>
UDNN_INSTANTIATE(F64);
UDNN_INSTANTIATE(F32);
UDNN_INSTANTIATE(F16);
UDNN_INSTANTIATE(BF16);
UDNN_INSTANTIATE(U8S8);
UDNN_INSTANTIATE(S8S8);
#undef UDNN_INSTANTIATE

}  // namespace udnn
