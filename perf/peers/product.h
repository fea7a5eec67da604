// perf/peers/product.h: the operands of one product, and whether somebody's result is right.
//
// The operands are small integers, so that every order of summation gives the same exact result and a wrong index
// shows: -4 to 4 (f16: -2 to 2, whose sums stay below 2048 and are exact in f16 too), u8s8: all of 0 to 255 and
// -128 to 127. Rows lie one after another without gaps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "src/base/aligned_array.h"
#include "udnn/status.h"

namespace udnn::peers {

enum class Type { kF64, kF32, kBf16, kU8S8, kF16 };

struct TypeTraits {
  Type type;
  std::string_view name;  ///< of the command line
  std::size_t a_bytes, b_bytes, c_bytes;
};

/// All of them; c is f64, f32, f32, s32, f32.
std::span<const TypeTraits> all_types();

struct Shape {
  std::size_t m = 0, n = 0, k = 0;

  double multiply_adds() const noexcept {
    return static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }
  bool operator==(const Shape&) const = default;
};

std::string text_of(const Shape& shape);  ///< "64x512x784"

class Product {
 public:
  /// Errors: kOutOfMemory.
  static Result<Product> create(Type type, const Shape& shape);

  const TypeTraits& traits() const noexcept { return *traits_; }
  Type type() const noexcept { return traits_->type; }
  const Shape& shape() const noexcept { return shape_; }

  /// [m, k], [k, n] and [m, n]; behind each lie 64 bytes that may be read.
  template <class T = void>
  T* a() noexcept {
    return reinterpret_cast<T*>(a_.data());
  }
  template <class T = void>
  T* b() noexcept {
    return reinterpret_cast<T*>(b_.data());
  }
  template <class T = void>
  T* c() noexcept {
    return reinterpret_cast<T*>(c_.data());
  }

  /// c becomes NaN (s32: -1).
  void poison_c() noexcept;

  /// Whether c is a * b, every element of it. Up to 2^24 multiply-adds it is compared with a plain triple loop; beyond,
  /// c * r with a * (b * r) in 64-bit integers, r random of 16 bits: an element that is wrong escapes with a chance of
  /// 2^-16 or less. With `f16` c is fp16, of whatever type the product is.
  bool c_is_right(bool f16) const;

 private:
  Product() = default;
  std::int64_t c_at(std::size_t index, bool f16) const noexcept;  ///< INT64_MIN where it is no whole number
  bool is_plain_product(bool f16) const;
  bool agrees_on_a_vector(bool f16) const;

  const TypeTraits* traits_ = nullptr;
  Shape shape_;
  base::AlignedArray<std::int32_t> a_values_, b_values_;
  base::AlignedArray<std::byte> a_, b_, c_;
};

}  // namespace udnn::peers
