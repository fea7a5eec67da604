// oneDNN: matmul, whose weights may be in a layout of its choice, and the older gemm functions.
// Source: oneDNN 3, oneapi/dnnl/dnnl.h and dnnl_types.h (C interface); its strings and numbers are those of version 3.
#include <bit>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "perf/peers/library.h"
#include "perf/peers/subject.h"

namespace udnn::peers {

namespace {

using Handle = void*;
using Dims = std::int64_t[12];

constexpr int kSuccess = 0, kCpu = 1, kAnyLayout = 1, kUserScratchpad = 1, kInOrder = 1;
constexpr int kF16 = 1, kBf16 = 2, kF32 = 3, kS32 = 4, kS8 = 5, kU8 = 6, kF64 = 7;
constexpr int kSourceArg = 1, kDestinationArg = 17, kWeightsArg = 33, kScratchpadArg = 80;
constexpr int kImplementationName = 8, kWeightsLayout = 131, kScratchpadLayout = 136;

struct Argument {
  int which;
  Handle memory;
};

struct Version {
  int major, minor, patch;  // more follows
};

struct Functions {
  int (*engine_create)(Handle*, int kind, std::size_t index);
  int (*stream_create)(Handle*, Handle engine, unsigned flags);
  int (*attr_create)(Handle*);
  int (*attr_set_scratchpad_mode)(Handle, int mode);
  int (*attr_destroy)(Handle);
  int (*layout_of_strides)(Handle*, int dims, const std::int64_t* sizes, int type, const std::int64_t* strides);
  int (*layout_of_tag)(Handle*, int dims, const std::int64_t* sizes, int type, int tag);
  int (*layout_destroy)(Handle);
  int (*matmul_create)(Handle*, Handle engine, const void* a, const void* b, const void* bias, const void* c,
                       const void* attr);
  int (*reorder_create)(Handle*, const void* from, Handle from_engine, const void* to, Handle to_engine,
                        const void* attr);
  const void* (*layout_in)(const void* description, int what, int index);
  int (*query)(const void* description, int what, int index, void* result);
  int (*description_destroy)(Handle);
  int (*primitive_create)(Handle*, const void* description);
  int (*primitive_execute)(const void* primitive, Handle stream, int count, const Argument* arguments);
  int (*primitive_destroy)(Handle);
  int (*memory_create)(Handle*, const void* layout, Handle engine, void* data);
  int (*memory_destroy)(Handle);
  const Version* (*version)();

  Status find_in(const Library& library) {
    Status status;
    const auto need = [&](const char* name, auto*& into) {
      if (status.ok()) status = library.need(name, into);
    };
    need("dnnl_engine_create", engine_create);
    need("dnnl_stream_create", stream_create);
    need("dnnl_primitive_attr_create", attr_create);
    need("dnnl_primitive_attr_set_scratchpad_mode", attr_set_scratchpad_mode);
    need("dnnl_primitive_attr_destroy", attr_destroy);
    need("dnnl_memory_desc_create_with_strides", layout_of_strides);
    need("dnnl_memory_desc_create_with_tag", layout_of_tag);
    need("dnnl_memory_desc_destroy", layout_destroy);
    need("dnnl_matmul_primitive_desc_create", matmul_create);
    need("dnnl_reorder_primitive_desc_create", reorder_create);
    need("dnnl_primitive_desc_query_md", layout_in);
    need("dnnl_primitive_desc_query", query);
    need("dnnl_primitive_desc_destroy", description_destroy);
    need("dnnl_primitive_create", primitive_create);
    need("dnnl_primitive_execute", primitive_execute);
    need("dnnl_primitive_destroy", primitive_destroy);
    need("dnnl_memory_create", memory_create);
    need("dnnl_memory_destroy", memory_destroy);
    need("dnnl_version", version);
    return status;
  }
};

/// Everything that one prepared product holds, given back in the reverse order.
class Held {
 public:
  Held() = default;
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    while (!gives_back_.empty()) {
      gives_back_.back()();
      gives_back_.pop_back();
    }
  }

  Handle add(int status, Handle handle, int (*destroy)(Handle)) {
    if (status != kSuccess || handle == nullptr) return nullptr;
    gives_back_.emplace_back([destroy, handle] { destroy(handle); });
    return handle;
  }

  Handle primitive = nullptr;
  std::vector<Argument> arguments;

 private:
  std::vector<std::function<void()>> gives_back_;
};

class Matmul final : public Subject {
 public:
  Matmul(std::string its_version, const Functions& functions, Handle engine, Handle stream)
      : Subject("oneDNN", std::move(its_version)), f_(functions), engine_(engine), stream_(stream) {}

  Run prepare(Product& product, Form form) override {
    const auto m = static_cast<std::int64_t>(product.shape().m), n = static_cast<std::int64_t>(product.shape().n),
               k = static_cast<std::int64_t>(product.shape().k);
    const Codes codes = codes_of(product.type());
    auto held = std::make_shared<Held>();
    Handle a_layout = rows(*held, m, k, codes.a), plain_b = rows(*held, k, n, codes.b),
           c_layout = rows(*held, m, n, codes.c);
    Handle b_layout = plain_b;
    if (form == Form::kPacked) {
      const Dims sizes = {k, n};
      Handle layout = nullptr;
      const int status = f_.layout_of_tag(&layout, 2, sizes, codes.b, kAnyLayout);
      b_layout = held->add(status, layout, f_.layout_destroy);
    }
    if (a_layout == nullptr || b_layout == nullptr || c_layout == nullptr) return {};

    Handle attr = nullptr;
    const int made = f_.attr_create(&attr);
    if (held->add(made, attr, f_.attr_destroy) == nullptr) return {};
    if (f_.attr_set_scratchpad_mode(attr, kUserScratchpad) != kSuccess) return {};
    Handle matmul = nullptr;
    const int status = f_.matmul_create(&matmul, engine_, a_layout, b_layout, nullptr, c_layout, attr);
    if (held->add(status, matmul, f_.description_destroy) == nullptr) return {};
    const char* implementation = nullptr;
    if (f_.query(matmul, kImplementationName, 0, &implementation) != kSuccess) return {};
    if (std::string_view(implementation).starts_with("ref")) return {};  // their oracle, not meant to be fast

    Handle a = memory(*held, a_layout, product.a());
    Handle b = memory(*held, plain_b, product.b());
    if (form == Form::kPacked) b = reordered(*held, plain_b, b, f_.layout_in(matmul, kWeightsLayout, 0));
    Handle c = memory(*held, c_layout, product.c());
    Handle scratchpad = memory(*held, f_.layout_in(matmul, kScratchpadLayout, 0), kAllocate);
    if (a == nullptr || b == nullptr || c == nullptr || scratchpad == nullptr) return {};
    Handle primitive = nullptr;
    const int created = f_.primitive_create(&primitive, matmul);
    held->primitive = held->add(created, primitive, f_.primitive_destroy);
    if (held->primitive == nullptr) return {};
    held->arguments = {{kSourceArg, a}, {kWeightsArg, b}, {kDestinationArg, c}, {kScratchpadArg, scratchpad}};
    return [execute = f_.primitive_execute, stream = stream_, held](std::size_t times) {
      for (std::size_t i = 0; i < times; ++i)
        execute(held->primitive, stream, static_cast<int>(held->arguments.size()), held->arguments.data());
    };
  }

 private:
  static inline void* const kAllocate = std::bit_cast<void*>(~std::uintptr_t{0});  // memory of the library's own

  struct Codes {
    int a, b, c;
  };

  static Codes codes_of(Type type) {
    switch (type) {
      case Type::kF64:
        return {kF64, kF64, kF64};
      case Type::kF32:
        return {kF32, kF32, kF32};
      case Type::kBf16:
        return {kBf16, kBf16, kF32};
      case Type::kU8S8:
        return {kU8, kS8, kS32};
      case Type::kF16:
        break;
    }
    return {kF16, kF16, kF32};
  }

  Handle rows(Held& held, std::int64_t count, std::int64_t length, int type) const {
    const Dims sizes = {count, length}, strides = {length, 1};
    Handle layout = nullptr;
    const int status = f_.layout_of_strides(&layout, 2, sizes, type, strides);
    return held.add(status, layout, f_.layout_destroy);
  }

  Handle memory(Held& held, const void* layout, void* data) const {
    Handle memory = nullptr;
    const int status = f_.memory_create(&memory, layout, engine_, data);
    return held.add(status, memory, f_.memory_destroy);
  }

  /// `from` once more, in the layout `to`.
  Handle reordered(Held& held, Handle from_layout, Handle from, const void* to_layout) const {
    Handle to = memory(held, to_layout, kAllocate);
    Handle description = nullptr, reorder = nullptr;
    const int status = f_.reorder_create(&description, from_layout, engine_, to_layout, engine_, nullptr);
    if (held.add(status, description, f_.description_destroy) == nullptr || to == nullptr) return nullptr;
    const int created = f_.primitive_create(&reorder, description);
    if (held.add(created, reorder, f_.primitive_destroy) == nullptr) return nullptr;
    const Argument arguments[] = {{kSourceArg, from}, {kDestinationArg, to}};
    return f_.primitive_execute(reorder, stream_, 2, arguments) == kSuccess ? to : nullptr;
  }

  const Functions f_;
  Handle engine_, stream_;
};

/// dnnl_sgemm and dnnl_gemm_u8s8s32: no objects, B packed inside.
class PlainGemm final : public Subject {
 public:
  using Sgemm = int(char transpose_a, char transpose_b, std::int64_t m, std::int64_t n, std::int64_t k, float alpha,
                    const float* a, std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c,
                    std::int64_t ldc);
  using U8S8 = int(char transpose_a, char transpose_b, char c_offset, std::int64_t m, std::int64_t n, std::int64_t k,
                   float alpha, const std::uint8_t* a, std::int64_t lda, std::uint8_t a_offset, const std::int8_t* b,
                   std::int64_t ldb, std::int8_t b_offset, float beta, std::int32_t* c, std::int64_t ldc,
                   const std::int32_t* offset);

  PlainGemm(std::string its_version, const Library& library)
      : Subject("oneDNN-gemm", std::move(its_version)),
        sgemm_(library.find<Sgemm>("dnnl_sgemm")),
        u8s8_(library.find<U8S8>("dnnl_gemm_u8s8s32")) {}

  Run prepare(Product& product, Form form) override {
    const auto m = static_cast<std::int64_t>(product.shape().m), n = static_cast<std::int64_t>(product.shape().n),
               k = static_cast<std::int64_t>(product.shape().k);
    if (form == Form::kPacked) return {};
    if (product.type() == Type::kF32 && sgemm_ != nullptr)
      return [sgemm = sgemm_, m, n, k, a = product.a<float>(), b = product.b<float>(),
              c = product.c<float>()](std::size_t times) {
        for (std::size_t i = 0; i < times; ++i) sgemm('N', 'N', m, n, k, 1, a, k, b, n, 0, c, n);
      };
    if (product.type() == Type::kU8S8 && u8s8_ != nullptr)
      return [u8s8 = u8s8_, m, n, k, a = product.a<std::uint8_t>(), b = product.b<std::int8_t>(),
              c = product.c<std::int32_t>()](std::size_t times) {
        const std::int32_t offset = 0;
        for (std::size_t i = 0; i < times; ++i) u8s8('N', 'N', 'F', m, n, k, 1, a, k, 0, b, n, 0, 0, c, n, &offset);
      };
    return {};
  }

 private:
  Sgemm* sgemm_;
  U8S8* u8s8_;
};

}  // namespace

Result<Subjects> make_onednn(const Setup& setup) {
  const std::string folder = setup.folder + "/onednn";
  const auto library = Library::open(folder + "/libdnnl.so.3", Library::Symbols::kProgramFirst);
  if (!library) return library.error();
  Functions functions = {};
  if (Status s = functions.find_in(*library); !s.ok()) return s;
  const Version& version = *functions.version();
  if (version.major != 3)
    return Status(StatusCode::kUnsupported, fmt::format("oneDNN: version {}, expected 3", version.major));
  void (*set_threads)(int) = nullptr;  // of the OpenMP that it is linked with
  if (Status s = library->need("omp_set_num_threads", set_threads); !s.ok()) return s;
  set_threads(setup.threads);
  int (*effective_isa)() = nullptr;
  if (Status s = library->need("dnnl_get_effective_cpu_isa", effective_isa); !s.ok()) return s;

  Handle engine = nullptr, stream = nullptr;  // until the program ends, as the library itself
  if (functions.engine_create(&engine, kCpu, 0) != kSuccess ||
      functions.stream_create(&stream, engine, kInOrder) != kSuccess)
    return Status(StatusCode::kUnsupported, "oneDNN: has no CPU engine");
  const std::string text = fmt::format("{}.{}.{} of {}, isa {:#x}", version.major, version.minor, version.patch,
                                       package_of(folder), effective_isa());
  Subjects subjects;
  subjects.push_back(std::make_unique<Matmul>(text, functions, engine, stream));
  subjects.push_back(std::make_unique<PlainGemm>(text, *library));
  return subjects;
}

}  // namespace udnn::peers
