// perf/peers/library.h: other people's shared libraries, loaded so that they do not meet one another.
#pragma once

#include <string>

#include "udnn/status.h"

namespace udnn::peers {

/// Stays loaded until the program ends: threads of its own may still run in it. Copies are the same library.
class Library {
 public:
  /// What it needs from itself comes from itself: several of these libraries have functions of the same name (every
  /// BLAS has sgemm_), and the first one loaded would serve all. All symbols are bound now, before another one comes.
  enum class Symbols {
    kOwnFirst,
    kProgramFirst,  ///< for C++, whose allocation and exceptions the whole program must agree on
  };

  /// Errors: kUnsupported, with what the loader says.
  static Result<Library> open(const std::string& path, Symbols symbols = Symbols::kOwnFirst);

  /// Null where it has no such function. `Function` is declared by the caller: it must be what the library has.
  template <class Function>
  Function* find(const char* name) const noexcept {
    return reinterpret_cast<Function*>(find_symbol(name));
  }

  /// Errors: kUnsupported.
  template <class Function>
  Status need(const char* name, Function*& into) const {
    into = find<Function>(name);
    return into != nullptr ? Status() : lacks(name);
  }

 private:
  Library(void* handle, std::string path) noexcept : handle_(handle), path_(std::move(path)) {}
  void* find_symbol(const char* name) const noexcept;
  Status lacks(const char* name) const;

  void* handle_;
  std::string path_;
};

/// What make_peers.sh wrote beside the library: the package it comes from. "?" where it wrote nothing.
std::string package_of(const std::string& folder);

}  // namespace udnn::peers
