// udnn/quantize.h on top of numbers::Quantizer.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "src/base/aligned_array.h"
#include "src/base/ceil_div.h"
#include "src/base/refusal.h"
#include "src/machine/isa.h"
#include "src/numbers/block_scale.h"
#include "src/numbers/quantizer.h"
#include "src/numbers/value_set.h"
#include "udnn/quantize.h"

namespace udnn {

using numbers::Quantizer;

void TensorStatistics::merge(const TensorStatistics& other) noexcept {
  count += other.count;
  zeros_in += other.zeros_in;
  zeros_out += other.zeros_out;
  saturated += other.saturated;
  non_finite += other.non_finite;
  max_abs = std::max(max_abs, other.max_abs);
  error_sum += other.error_sum;
  error_squares += other.error_squares;
  value_squares += other.value_squares;
}

double TensorStatistics::sqnr_db() const noexcept {
  if (error_squares == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(value_squares / error_squares);
}

namespace {

constexpr std::size_t kPiece = 256;  ///< elements that lie on the stack between rounding and their codes

/// Whether each channel may have a scale of its own.
bool has_channels(Family family) noexcept {
  return family == Family::kInt || family == Family::kUnsignedInt || family == Family::kBinary ||
         family == Family::kTernary;
}

}  // namespace

struct Codec::State {
  Format made_of;
  bool asks_for_scale;
  std::size_t block;
  Result<Quantizer<float>> f32;  // the errors: why the carrier does not take the format
  Result<Quantizer<double>> f64;
  Result<Quantizer<kernels::Wide>> wide;

  const Format& format() const noexcept { return made_of; }
  std::string name() const { return to_string(format()); }
  bool has_blocks() const noexcept { return format().block != 0; }
  std::size_t blocks(std::size_t count) const noexcept { return has_blocks() ? base::ceil_div(count, block) : 0; }

  template <class T>
  const Quantizer<T>& quantizer() const noexcept {
    return *made<T>();
  }

  template <class T>
  const Result<Quantizer<T>>& made() const noexcept {
    if constexpr (std::is_same_v<T, float>)
      return f32;
    else if constexpr (std::is_same_v<T, kernels::Wide>)
      return wide;
    else
      return f64;
  }

  template <class T>
  Status has_carrier() const {
    return made<T>() ? Status() : made<T>().error();
  }

  /// Of a format that needs none.
  Scale own_scale() const noexcept {
    return {.unit = format().scale_rule == ScaleRule::kFixed ? format().scale_value : 1};
  }

  Status has_rows(std::size_t count, std::size_t channels) const {
    if (count % channels == 0) return {};
    return base::invalid("{}: {} values, expected a multiple of the {} scales, one for each channel", name(), count,
                         channels);
  }

  template <class T>
  Status accepts(std::span<const Scale> scales, std::size_t count) const {
    if (Status status = has_carrier<T>(); !status.ok()) return status;
    if (scales.empty()) return {};
    if (scales.size() > 1 && has_blocks())
      return base::invalid("{}: {} scales, expected one for the tensor at most: its blocks find their own", name(),
                           scales.size());
    if (scales.size() > 1 && asks_for_scale && !has_channels(format().family))
      for (const Scale& scale : scales)
        if (!(scale == scales[0])) return base::invalid("{}: scales that differ, expected one for the tensor", name());
    for (const Scale& scale : scales) {
      if (!asks_for_scale) {
        if (scale == own_scale()) continue;
        return base::invalid("{}: scale {}, expected {}, as it takes none from outside", name(), scale.unit,
                             own_scale().unit);
      }
      if (format().is_unit && scale.unit != 1) return base::invalid("{}: scale {}, expected 1", name(), scale.unit);
      if (Status status = quantizer<T>().accepts(scale); !status.ok()) return status;
    }
    return has_rows(count, scales.size());
  }

  Status accepts(const QuantizeOptions& options) const {
    constexpr std::uint32_t kTensors = 1U << 24U;
    if (options.tensor >= kTensors)
      return base::invalid("{}: tensor {}, expected 0 to {}", name(), options.tensor, kTensors - 1);
    if (options.scales.size() > 1 && options.first_element % options.scales.size() != 0)
      return base::invalid("{}: first element {}, expected a multiple of the {} scales, one for each channel", name(),
                           options.first_element, options.scales.size());
    if (options.first_element % block != 0)
      return base::invalid("{}: first element {}, expected a multiple of the {} in a block", name(),
                           options.first_element, block);
    return {};
  }

  Status has_blocks_or_not(bool wanted, const char* instead) const {
    if (has_blocks() == wanted) return {};
    return base::invalid("{}: its neighbours share {} scale, expected {}", name(), wanted ? "no" : "a", instead);
  }

  /// Whether someone could decode the codes.
  Status has_scale(const QuantizeOptions& options) const {
    if (!options.scales.empty() || !asks_for_scale) return {};
    return base::invalid("{}: no scale, expected one, which its codes are decoded with", name());
  }

  Status has_codes(std::span<const std::uint64_t> codes) const {
    for (std::size_t i = 0; i < codes.size(); ++i)
      if (!numbers::is_code(format(), codes[i]))
        return base::invalid("{}: code {} is {:#x}, which no value has", name(), i, codes[i]);
    return {};
  }

  Scale tensor_scale(const QuantizeOptions& options) const noexcept {
    return options.scales.empty() ? own_scale() : options.scales[0];
  }

  /// The one way from x to q; all has been checked.
  template <class T>
  void round(std::span<const T> x, T* q, const QuantizeOptions& options, std::span<const Scale> scales,
             std::uint64_t first_element, TensorStatistics* statistics) const noexcept {
    const numbers::Draw draw{.seed = options.seed, .step = options.step, .tensor = options.tensor};
    if (scales.size() == 1)
      quantizer<T>().run(x.data(), q, x.size(), first_element, draw, scales[0], statistics);
    else
      quantizer<T>().run_channels(x.data(), q, x.size() / scales.size(), scales.size(), first_element / scales.size(),
                                  draw, scales.data(), statistics);
  }

  template <class T>
  void find(std::span<const T> x, std::span<Scale> scales) const noexcept {
    if (asks_for_scale)
      numbers::weight_scales(format(), x.data(), x.size() / scales.size(), scales.size(), scales.data());
    else
      std::fill(scales.begin(), scales.end(), own_scale());
  }

  template <class T>
  Status find_scales(std::span<const T> x, std::span<Scale> scales) const {
    if (Status status = has_carrier<T>(); !status.ok()) return status;
    if (scales.empty()) return base::invalid("{}: room for 0 scales, expected one for each channel", name());
    if (Status status = has_rows(x.size(), scales.size()); !status.ok()) return status;
    find(x, scales);
    return {};
  }

  Status has_room(std::size_t count, std::size_t room, const char* what) const {
    if (count == room) return {};
    return base::invalid("{}: room for {} {}, expected {}", name(), room, what, count);
  }

  template <class T>
  Status quantize(std::span<const T> x, std::span<T> q, const QuantizeOptions& options,
                  TensorStatistics* statistics) const {
    if (Status status = has_room(x.size(), q.size(), "values"); !status.ok()) return status;
    if (Status status = accepts(options); !status.ok()) return status;
    if (Status status = accepts<T>(options.scales, x.size()); !status.ok()) return status;
    if (!options.scales.empty()) {
      round(x, q.data(), options, options.scales, options.first_element, statistics);
      return {};
    }
    Scale scale;
    find(x, std::span(&scale, 1));
    round(x, q.data(), options, std::span<const Scale>(&scale, 1), options.first_element, statistics);
    return {};
  }

  template <class T>
  Status encode(std::span<const T> x, std::span<std::uint64_t> codes, const QuantizeOptions& options,
                TensorStatistics* statistics) const {
    if (Status status = has_blocks_or_not(false, "encode_blocks()"); !status.ok()) return status;
    if (Status status = has_room(x.size(), codes.size(), "codes"); !status.ok()) return status;
    if (Status status = accepts(options); !status.ok()) return status;
    if (Status status = accepts<T>(options.scales, x.size()); !status.ok()) return status;
    if (Status status = has_scale(options); !status.ok()) return status;
    const Scale own = own_scale();
    const std::span<const Scale> scales = options.scales.empty() ? std::span(&own, 1) : options.scales;

    T on_stack[kPiece];
    base::AlignedArray<T> on_heap;
    T* rounded = on_stack;
    if (scales.size() > kPiece) {
      auto row = base::AlignedArray<T>::create({scales.size()});
      if (!row) return row.error();
      on_heap = std::move(*row);
      rounded = on_heap.data();
    }
    const std::size_t period = std::max(scales.size(), kPiece / scales.size() * scales.size());  // whole rows
    for (std::size_t done = 0; done < x.size(); done += period) {
      const auto piece = x.subspan(done, std::min(period, x.size() - done));
      round(piece, rounded, options, scales, options.first_element + done, statistics);
      for (std::size_t i = 0; i < piece.size(); ++i)
        codes[done + i] = quantizer<T>().encode(rounded[i], scales[i % scales.size()]);
    }
    return {};
  }

  template <class T>
  Status decode(std::span<const std::uint64_t> codes, std::span<T> x, std::span<const Scale> scales) const {
    if (Status status = has_blocks_or_not(false, "decode_blocks()"); !status.ok()) return status;
    if (Status status = has_room(codes.size(), x.size(), "values"); !status.ok()) return status;
    if (Status status = accepts<T>(scales, codes.size()); !status.ok()) return status;
    if (Status status = has_codes(codes); !status.ok()) return status;
    const Scale own = own_scale();
    if (scales.empty()) scales = std::span(&own, 1);
    for (std::size_t i = 0; i < codes.size(); ++i) x[i] = quantizer<T>().decode(codes[i], scales[i % scales.size()]);
    return {};
  }

  template <class T>
  Status encode_blocks(std::span<const T> x, std::span<std::uint64_t> codes, std::span<std::uint8_t> block_scales,
                       const QuantizeOptions& options, TensorStatistics* statistics) const {
    if (Status status = has_blocks_or_not(true, "encode()"); !status.ok()) return status;
    if (Status status = has_room(x.size(), codes.size(), "codes"); !status.ok()) return status;
    if (Status status = has_room(blocks(x.size()), block_scales.size(), "block scales"); !status.ok()) return status;
    if (Status status = accepts(options); !status.ok()) return status;
    if (Status status = accepts<T>(options.scales, x.size()); !status.ok()) return status;
    if (Status status = has_scale(options); !status.ok()) return status;

    const numbers::Draw draw{.seed = options.seed, .step = options.step, .tensor = options.tensor};
    const Quantizer<T>& with = quantizer<T>();
    const Scale tensor = tensor_scale(options);
    // As many blocks as fit together, or one that is cut into pieces.
    const std::size_t together = std::max(block, kPiece / block * block);
    T rounded[kPiece];
    Scale scales[kPiece];
    for (std::size_t begin = 0, b = 0; begin < x.size(); begin += together, b += together / block) {
      const auto whole = x.subspan(begin, std::min(together, x.size() - begin));
      with.block_scales(whole.data(), whole.size(), 1, tensor, scales);
      for (std::size_t i = 0; i < blocks(whole.size()); ++i)
        block_scales[b + i] = *numbers::block_scale_code(format(), scales[i].unit, tensor.unit);
      for (std::size_t done = 0; done < whole.size(); done += kPiece) {
        const auto piece = whole.subspan(done, std::min(kPiece, whole.size() - done));
        const std::uint64_t first = options.first_element + begin + done;
        with.run_blocks(piece.data(), rounded, piece.size(), 1, first, draw, tensor, scales, statistics);
        for (std::size_t i = 0; i < piece.size(); ++i) {
          const Scale& scale = scales[(done + i) / block];
          codes[begin + done + i] = std::isinf(rounded[i]) ? code_of_large(piece[i], first + i, draw, tensor, scale)
                                                           : with.encode(rounded[i], scale);
        }
      }
    }
    return {};
  }

  /// The code of one value that rounds to more than a float holds.
  std::uint64_t code_of_large(double x, std::uint64_t first_element, const numbers::Draw& draw, const Scale& tensor,
                              const Scale& scale) const noexcept {
    f64->run_blocks(&x, &x, 1, 1, first_element, draw, tensor, &scale, nullptr);
    return f64->encode(x, scale);
  }

  template <class T>
  Status decode_blocks(std::span<const std::uint64_t> codes, std::span<const std::uint8_t> block_scales, std::span<T> x,
                       const Scale& tensor) const {
    if (Status status = has_blocks_or_not(true, "decode()"); !status.ok()) return status;
    if (Status status = has_room(codes.size(), x.size(), "values"); !status.ok()) return status;
    if (block_scales.size() != blocks(codes.size()))
      return base::invalid("{}: {} block scales, expected {}", name(), block_scales.size(), blocks(codes.size()));
    const Scale given = asks_for_scale || !(tensor == Scale{}) ? tensor : own_scale();
    if (Status status = accepts<T>(std::span(&given, 1), codes.size()); !status.ok()) return status;
    if (Status status = has_codes(codes); !status.ok()) return status;
    for (std::size_t i = 0; i < block_scales.size(); ++i)
      if (!numbers::block_scale_value(format(), block_scales[i]))
        return base::invalid("{}: block scale {} is {:#x}, which no block has", name(), i, block_scales[i]);
    for (std::size_t begin = 0, b = 0; begin < codes.size(); begin += block, ++b) {
      const double value = *numbers::block_scale_value(format(), block_scales[b]);
      const Scale scale{.unit = numbers::unit_of_block_scale(format(), value, tensor.unit)};
      const std::size_t end = std::min(begin + block, codes.size());
      for (std::size_t i = begin; i < end; ++i)
        x[i] = std::isnan(value) ? std::numeric_limits<T>::quiet_NaN() : quantizer<T>().decode(codes[i], scale);
    }
    return {};
  }
};

Result<Codec> Codec::create(std::string_view format) {
  const auto parsed = parse_format(format);
  if (!parsed) return parsed.error();
  return create(*parsed);
}

Result<Codec> Codec::create(const Format& format) {
  const auto table = machine::chosen_kernel_table();
  if (!table) return table.error();
  auto f64 = Quantizer<double>::create(format, **table);
  auto wide = Quantizer<kernels::Wide>::create(format, **table);
  if (!f64 && !wide) return f64.error();
  const bool needs_scale = f64 ? f64->needs_scale() : wide->needs_scale();
  const std::size_t block = f64 ? f64->block() : wide->block();
  return Codec(std::make_unique<const State>(State{.made_of = format,
                                                   .asks_for_scale = needs_scale,
                                                   .block = block,
                                                   .f32 = Quantizer<float>::create(format, **table),
                                                   .f64 = std::move(f64),
                                                   .wide = std::move(wide)}));
}

Codec::Codec(std::unique_ptr<const State> state) noexcept : state_(std::move(state)) {}
Codec::Codec(Codec&&) noexcept = default;
Codec& Codec::operator=(Codec&&) noexcept = default;
Codec::~Codec() = default;

const Format& Codec::format() const noexcept { return state_->format(); }

bool Codec::needs_scale() const noexcept { return state_->asks_for_scale; }

std::size_t Codec::blocks(std::size_t count) const noexcept { return state_->blocks(count); }

Status Codec::find_scales(std::span<const float> x, std::span<Scale> scales) const {
  return state_->find_scales(x, scales);
}

Status Codec::find_scales(std::span<const double> x, std::span<Scale> scales) const {
  return state_->find_scales(x, scales);
}

Status Codec::find_scales(std::span<const long double> x, std::span<Scale> scales) const {
  return state_->find_scales(x, scales);
}

Status Codec::quantize(std::span<const float> x, std::span<float> q, const QuantizeOptions& options,
                       TensorStatistics* statistics) const {
  return state_->quantize(x, q, options, statistics);
}

Status Codec::quantize(std::span<const double> x, std::span<double> q, const QuantizeOptions& options,
                       TensorStatistics* statistics) const {
  return state_->quantize(x, q, options, statistics);
}

Status Codec::quantize(std::span<const long double> x, std::span<long double> q, const QuantizeOptions& options,
                       TensorStatistics* statistics) const {
  return state_->quantize(x, q, options, statistics);
}

Status Codec::encode(std::span<const float> x, std::span<std::uint64_t> codes, const QuantizeOptions& options,
                     TensorStatistics* statistics) const {
  return state_->encode(x, codes, options, statistics);
}

Status Codec::encode(std::span<const double> x, std::span<std::uint64_t> codes, const QuantizeOptions& options,
                     TensorStatistics* statistics) const {
  return state_->encode(x, codes, options, statistics);
}

Status Codec::encode(std::span<const long double> x, std::span<std::uint64_t> codes, const QuantizeOptions& options,
                     TensorStatistics* statistics) const {
  return state_->encode(x, codes, options, statistics);
}

Status Codec::decode(std::span<const std::uint64_t> codes, std::span<float> x, std::span<const Scale> scales) const {
  return state_->decode(codes, x, scales);
}

Status Codec::decode(std::span<const std::uint64_t> codes, std::span<double> x, std::span<const Scale> scales) const {
  return state_->decode(codes, x, scales);
}

Status Codec::decode(std::span<const std::uint64_t> codes, std::span<long double> x,
                     std::span<const Scale> scales) const {
  return state_->decode(codes, x, scales);
}

Status Codec::encode_blocks(std::span<const float> x, std::span<std::uint64_t> codes,
                            std::span<std::uint8_t> block_scales, const QuantizeOptions& options,
                            TensorStatistics* statistics) const {
  return state_->encode_blocks(x, codes, block_scales, options, statistics);
}

Status Codec::encode_blocks(std::span<const double> x, std::span<std::uint64_t> codes,
                            std::span<std::uint8_t> block_scales, const QuantizeOptions& options,
                            TensorStatistics* statistics) const {
  return state_->encode_blocks(x, codes, block_scales, options, statistics);
}

Status Codec::decode_blocks(std::span<const std::uint64_t> codes, std::span<const std::uint8_t> block_scales,
                            std::span<float> x, const Scale& tensor) const {
  return state_->decode_blocks(codes, block_scales, x, tensor);
}

Status Codec::decode_blocks(std::span<const std::uint64_t> codes, std::span<const std::uint8_t> block_scales,
                            std::span<double> x, const Scale& tensor) const {
  return state_->decode_blocks(codes, block_scales, x, tensor);
}

}  // namespace udnn
