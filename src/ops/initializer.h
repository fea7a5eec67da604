// src/ops/initializer.h: the weights a network starts from. (Biases start as 0, and gains as 1.)
//
//   glorot   variance 2 / (fan_in + fan_out)   X. Glorot and Y. Bengio, AISTATS 2010, equation 12
//   he       variance 2 / fan_in               K. He et al., ICCV 2015, equation 10: where a rectifier follows
//
//   uniform: a (2 u - 1), u in [0, 1), a = sqrt(3 variance);      normal: sqrt(variance) n, not truncated
//
// fan_in: products in one output of the layer, fan_out: in how many outputs one input takes part; of a convolution
// kh kw in_channels / groups and kh kw out_channels / groups. u and n of element i are those of Philox at (seed, step
// 0, initialisation, tensor): the same on every machine, in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace udnn::ops {

enum class InitializerKind { kGlorotUniform, kGlorotNormal, kHeUniform, kHeNormal };

/// Computed in double, rounded to T once. fan_in > 0.
template <class T>
void initialize(InitializerKind kind, std::size_t fan_in, std::size_t fan_out, std::uint64_t seed, std::uint32_t tensor,
                std::span<T> weights) noexcept;

}  // namespace udnn::ops
