// perf/peers/subject.h: who can multiply matrices, as udnn_gemm_peers sees them: uDNN and the libraries beside it.
//
//   a new library   one file <name>.cc beside this one and a line in kSubjects (subjects.cc)
//   a new type      an enumerator and its row in kTypes (product.cc); a subject that does not know it says so
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "perf/peers/product.h"
#include "udnn/status.h"

namespace udnn::peers {

/// Where the second operand's repacking is paid for.
enum class Form {
  kCall,    ///< B comes as it is, in every call
  kPacked,  ///< B was packed once, before: weights of a network that only runs
};

/// The product `times` over: c = a * b, nothing added to c. Empty: there is none of this type, shape and form.
using Run = std::function<void(std::size_t times)>;

class Subject {
 public:
  Subject(std::string its_name, std::string its_version, bool writes_f16_products = false)
      : name(std::move(its_name)), version(std::move(its_version)), writes_f16(writes_f16_products) {}
  virtual ~Subject() = default;

  const std::string name;
  const std::string version;  ///< and which path it says it takes on this CPU
  const bool writes_f16;      ///< c of an fp16 product is fp16 instead of f32

  /// All that can be done beforehand is done here. The operands stay where they are as long as the Run lives; the
  /// Subject outlives it.
  virtual Run prepare(Product& product, Form form) = 0;
};

struct Setup {
  std::string folder;  ///< of make_peers.sh
  int threads = 1;
};

using Subjects = std::vector<std::unique_ptr<Subject>>;

/// One file can bring several: a library has several doors.
using MakeSubjects = Result<Subjects> (*)(const Setup& setup);

Result<Subjects> make_udnn(const Setup& setup);
Result<Subjects> make_onednn(const Setup& setup);
Result<Subjects> make_aocl(const Setup& setup);
Result<Subjects> make_openblas(const Setup& setup);
Result<Subjects> make_blis(const Setup& setup);
Result<Subjects> make_mkl(const Setup& setup);
Result<Subjects> make_libxsmm(const Setup& setup);
Result<Subjects> make_xnnpack(const Setup& setup);

}  // namespace udnn::peers
