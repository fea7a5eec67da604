// udnn/precision.h: which format each tensor of a network has.
//
//   precision := item (',' item)*             later items override earlier ones
//   item      := [layer-glob '.'] role '=' format
//   role      := w | a | e | g | m | s | acc | all      `all`: w a e g m s
//
//   "all=fp32, w=fx2.6:sr, a=fx4.4, conv1.w=int4, acc=f6.9/64"
//
// A glob matches whole names of layers: * any letters, ? any one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "udnn/format.h"
#include "udnn/status.h"

namespace udnn {

/// The place in the computation where a tensor is rounded.
enum class Role : std::uint8_t {
  kWeights,      ///< w: as the multiplier sees them
  kActivations,  ///< a
  kErrors,       ///< e: dL/dz, dL/dx
  kGradients,    ///< g: of weights and biases, after the batch reduction
  kMaster,       ///< m: the copy that the optimizer updates
  kState,        ///< s: momentum and moments
  kAccumulator,  ///< acc: of every dot product
};
inline constexpr int kRoles = 7;

/// "w", "a", ... as the grammar spells it.
std::string_view to_string(Role role) noexcept;

class Precision {
 public:
  /// fp32 everywhere, the accumulator in the carrier.
  Precision() = default;

  /// An empty text is fp32 everywhere. Errors: kInvalidArgument, as parse_format, columns counted in the whole text.
  static Result<Precision> parse(std::string_view text);

  /// The last item that names this layer and role; fp32 where none does.
  const Format& format(std::string_view layer, Role role) const noexcept;

  /// Whether an item names the accumulator of this layer; else it stays in the carrier.
  bool names_accumulator(std::string_view layer) const noexcept;

  /// The items as they were given, formats in their printed form. Parses back to the same plan.
  std::string text() const;

  /// Errors: kInvalidArgument (an item whose glob matches none of these layers).
  Status covers(std::span<const std::string> layers) const;

 private:
  struct Item {
    std::string glob;  // empty: every layer
    bool is_all = false;
    Role role = Role::kWeights;
    Format format;
  };

  const Item* find(std::string_view layer, Role role) const noexcept;

  std::vector<Item> items_;
};

}  // namespace udnn
