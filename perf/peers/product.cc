#include "perf/peers/product.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include <fmt/format.h>

namespace udnn::peers {

namespace {

constexpr TypeTraits kTypes[] = {
    {Type::kF64, "fp64", 8, 8, 8},  {Type::kF32, "fp32", 4, 4, 4}, {Type::kBf16, "bf16", 2, 2, 4},
    {Type::kU8S8, "u8s8", 1, 1, 4}, {Type::kF16, "fp16", 2, 2, 4},
};

constexpr std::size_t kSlack = 64;

// Integers below 9 in magnitude have no more than 4 significant bits, so both are exact.
std::uint16_t bf16_code(std::int32_t value) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(value)) >> 16U);
}

std::uint16_t f16_code(std::int32_t value) {
  if (value == 0) return 0;
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  const std::uint32_t exponent = ((bits >> 23U) & 255U) - 127 + 15;
  return static_cast<std::uint16_t>((bits >> 16U & 0x8000U) | exponent << 10U | (bits >> 13U & 1023U));
}

double f16_value(std::uint16_t code) {
  const auto exponent = static_cast<int>(code >> 10U & 31U);
  const double mantissa = code & 1023U;
  if (exponent == 31) return std::numeric_limits<double>::quiet_NaN();  // or an infinity: no sum of ours either way
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return (code & 0x8000U) != 0 ? -magnitude : magnitude;
}

void store(Type type, std::int32_t value, std::byte* to) {
  const auto put = [to](auto code) { std::memcpy(to, &code, sizeof(code)); };
  switch (type) {
    case Type::kF64:
      return put(static_cast<double>(value));
    case Type::kF32:
      return put(static_cast<float>(value));
    case Type::kBf16:
      return put(bf16_code(value));
    case Type::kU8S8:
      return put(static_cast<std::uint8_t>(value));
    case Type::kF16:
      return put(f16_code(value));
  }
}

/// Fills both forms of one operand with integers from `least` to `most`.
Status fill(Type type, std::size_t bytes, std::size_t count, int least, int most, std::mt19937& random,
            base::AlignedArray<std::int32_t>& values, base::AlignedArray<std::byte>& codes) {
  auto room = base::AlignedArray<std::byte>::create({bytes * count + kSlack});
  if (!room) return room.error();
  auto integers = base::AlignedArray<std::int32_t>::create({count});
  if (!integers) return integers.error();
  codes = std::move(*room);
  values = std::move(*integers);
  const auto span = static_cast<std::uint32_t>(most - least + 1);
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t value = least + static_cast<std::int32_t>((std::uint64_t{random()} * span) >> 32U);
    values.data()[i] = value;
    store(type, value, codes.data() + i * bytes);
  }
  return {};
}

}  // namespace

std::span<const TypeTraits> all_types() { return kTypes; }

std::string text_of(const Shape& shape) { return fmt::format("{}x{}x{}", shape.m, shape.n, shape.k); }

Result<Product> Product::create(Type type, const Shape& shape) {
  Product product;
  for (const TypeTraits& traits : kTypes)
    if (traits.type == type) product.traits_ = &traits;
  product.shape_ = shape;
  const bool whole_bytes = type == Type::kU8S8;
  const int most = type == Type::kF16 ? 2 : 4;
  std::mt19937 random(20261124);
  if (Status s = fill(type, product.traits_->a_bytes, shape.m * shape.k, whole_bytes ? 0 : -most,
                      whole_bytes ? 255 : most, random, product.a_values_, product.a_);
      !s.ok())
    return s;
  if (Status s = fill(type, product.traits_->b_bytes, shape.k * shape.n, whole_bytes ? -128 : -most,
                      whole_bytes ? 127 : most, random, product.b_values_, product.b_);
      !s.ok())
    return s;
  auto c = base::AlignedArray<std::byte>::create({shape.m * shape.n * product.traits_->c_bytes + kSlack});
  if (!c) return c.error();
  product.c_ = std::move(*c);
  return product;
}

void Product::poison_c() noexcept { std::memset(c_.data(), 0xFF, c_.size()); }

std::int64_t Product::c_at(std::size_t index, bool f16) const noexcept {
  const auto code_of = [&]<class Code>(Code code) {
    std::memcpy(&code, c_.data() + index * sizeof(code), sizeof(code));
    return code;
  };
  if (type() == Type::kU8S8) return code_of(std::int32_t{});
  const double value = f16                    ? f16_value(code_of(std::uint16_t{}))
                       : type() == Type::kF64 ? code_of(double{})
                                              : static_cast<double>(code_of(float{}));
  constexpr double kTooLarge = 1e12;
  if (!(std::abs(value) < kTooLarge) || value != std::trunc(value)) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(value);
}

bool Product::c_is_right(bool f16) const {
  constexpr double kPlainUpTo = 1 << 24;
  return shape_.multiply_adds() <= kPlainUpTo ? is_plain_product(f16) : agrees_on_a_vector(f16);
}

bool Product::is_plain_product(bool f16) const {
  const std::int32_t* const a = a_values_.data();
  const std::int32_t* const b = b_values_.data();
  std::vector<std::int64_t> row(shape_.n);
  for (std::size_t i = 0; i < shape_.m; ++i) {
    row.assign(shape_.n, 0);
    for (std::size_t k = 0; k < shape_.k; ++k)
      for (std::size_t j = 0; j < shape_.n; ++j) row[j] += std::int64_t{a[i * shape_.k + k]} * b[k * shape_.n + j];
    for (std::size_t j = 0; j < shape_.n; ++j)
      if (row[j] != c_at(i * shape_.n + j, f16)) return false;
  }
  return true;
}

bool Product::agrees_on_a_vector(bool f16) const {
  const std::int32_t* const a = a_values_.data();
  const std::int32_t* const b = b_values_.data();
  std::mt19937 random(1);
  std::vector<std::int64_t> r(shape_.n), br(shape_.k);
  for (std::int64_t& value : r) value = static_cast<std::int64_t>(random() >> 16U);
  for (std::size_t k = 0; k < shape_.k; ++k)
    for (std::size_t j = 0; j < shape_.n; ++j) br[k] += b[k * shape_.n + j] * r[j];
  for (std::size_t i = 0; i < shape_.m; ++i) {
    std::int64_t want = 0, found = 0;
    for (std::size_t k = 0; k < shape_.k; ++k) want += a[i * shape_.k + k] * br[k];
    for (std::size_t j = 0; j < shape_.n; ++j) {
      const std::int64_t value = c_at(i * shape_.n + j, f16);
      if (value == std::numeric_limits<std::int64_t>::min()) return false;
      found += value * r[j];
    }
    if (want != found) return false;
  }
  return true;
}

}  // namespace udnn::peers
