// perf/peers/peak.h: what the arithmetic units of this CPU can do, measured in the same minute as the products.
//
// A loop of the widest instruction that multiplies and adds this type, on registers alone: 24 independent sums (AVX2,
// which has 16 registers: 14), more than latency times rate asks for anywhere (12 for vdpbf16ps on Zen 4).
#pragma once

#include <cstddef>
#include <string_view>

#include "perf/peers/product.h"

namespace udnn::peers {

struct Peak {
  std::string_view instruction;  ///< empty: this CPU has none that the loops know
  double ops_per_step = 0;       ///< multiplications and additions, on one thread
  void (*run)(std::size_t steps) = nullptr;
};

Peak peak_of(Type type);

}  // namespace udnn::peers
