// src/network/model.h: a network with its parameters, and the file it lives in.
//
// A .udnn file is a container (src/base/container.h) of
//
//   header     one line of JSON: network, precision, seed, loss, optimizer, the list of tensors, facts (below)
//   ranges     the ranges of dynamic formats, doubles
//   t0, t1...  one section for each tensor of the list: its codes, packed at the width of its format (numbers/pack.h);
//              before them, where the format has blocks, the scale of the tensor (nvfp4 alone, a float) and a byte of
//              scale for each block (numbers/block_scale.h)
//
// Two kinds. A checkpoint holds the master copy in format m and the optimizer's state in format s: training goes on
// from it as if it had not stopped. A model holds the weights in format w, as the multiplier sees them, and what is
// used as mastered (biases): the smallest file that gives the same outputs. Nothing in it depends on threads, time,
// host or path: equal runs give equal bytes.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/base/named_tensor.h"
#include "src/base/value.h"
#include "src/network/engine.h"
#include "udnn/status.h"

namespace udnn::network {

enum class ModelKind { kCheckpoint, kModel };

struct Model {
  EngineConfig config = {};
  std::unique_ptr<Engine> engine = nullptr;
  base::Value facts =
      {};  ///< an object; what those who trained it want to remember: data set, metrics, state of the training
  bool has_master = true;  ///< false: read from a file of kind kModel; it cannot be trained, and its weights are not to
                           ///< be drawn again
};

/// Weights at the width of w, biases at that of m, rounded up to a whole byte.
std::uint64_t parameter_bytes(const Engine& engine);

/// Written whole or not at all. A kModel file holds the weights of the last draw. Errors: kIoError, naming the path.
Status save_model(const std::string& path, const Model& model, ModelKind kind);

/// How to make the engine of a file.
struct LoadModelOptions {
  std::size_t batch = 64;
  int workers = 1;
  bool training = false;
};

/// The weights are drawn for inference. Errors: kInvalidArgument (a damaged file: path, place, found, expected;
/// training from a file without master copy), kIoError, kUnsupported, kOutOfMemory.
Result<Model> load_model(const std::string& path, const LoadModelOptions& options);

/// Gives `to` the master copies and running statistics of `from`, rounded to its own formats: the same network, perhaps
/// another precision, optimizer or batch. Errors: kInvalidArgument (another network).
Status copy_parameters(const Engine& from, Engine& to);

/// Tensors of other programs. Weights come as the multiplier sees them; layout kKeras: conv [kh, kw, ic, oc], fc
/// [inputs, outputs]; kTorch: conv [oc, ic, kh, kw], fc [outputs, inputs], and names end in ".weight" and ".bias".
/// Norms: gain, shift, running statistics keep their names.
/// Weights of an fc that follows an image keep our order of its inputs, NHWC as in Keras; PyTorch flattens NCHW, so
/// there the network flattens x.permute(0, 2, 3, 1). Values of more than 53 significant bits are rounded to double.
enum class TensorLayout { kKeras, kTorch };

/// rounded: null, or where to count those that are.
std::vector<base::NamedTensor> export_tensors(const Engine& engine, TensorLayout layout,
                                              std::size_t* rounded = nullptr);

/// Sets the master copy, rounded to its format; every parameter must be there once, with its shape. Errors:
/// kInvalidArgument, naming the tensor.
Status import_tensors(Engine& engine, std::span<const base::NamedTensor> tensors, TensorLayout layout);

}  // namespace udnn::network
