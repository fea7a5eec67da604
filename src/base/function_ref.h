// src/base/function_ref.h: a function somebody else owns, called without knowing its type.
#pragma once

#include <type_traits>
#include <utility>

namespace udnn::base {

template <class Signature>
class FunctionRef;

/// Two pointers, no allocation: fit for run(). The callable must outlive the reference. Empty converts to false.
template <class R, class... Args>
class FunctionRef<R(Args...)> {
 public:
  FunctionRef() = default;

  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>) FunctionRef(F&& callable)
  noexcept
      : callable_(const_cast<void*>(static_cast<const void*>(&callable))), call_([](void* erased, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(erased))(std::forward<Args>(args)...);
        }) {}

  explicit operator bool() const noexcept { return call_ != nullptr; }
  R operator()(Args... args) const { return call_(callable_, std::forward<Args>(args)...); }

 private:
  void* callable_ = nullptr;
  R (*call_)(void*, Args...) = nullptr;
};

}  // namespace udnn::base
