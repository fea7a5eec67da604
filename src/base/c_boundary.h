// src/base/c_boundary.h: what the functions for C share: nothing is thrown across, and texts are cut to fit.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <new>
#include <string_view>

#include "src/base/refusal.h"
#include "udnn/status.h"
#include "udnn/udnn_c.h"

namespace udnn::base {

template <std::size_t size>
void copy_text(std::string_view text, char (&to)[size]) noexcept {
  const std::size_t length = std::min(text.size(), size - 1);
  std::memcpy(to, text.data(), length);
  to[length] = '\0';
}

inline udnn_status code_of(StatusCode code) noexcept {
  switch (code) {
    case StatusCode::kOk:
      return UDNN_OK;
    case StatusCode::kInvalidArgument:
      return UDNN_INVALID_ARGUMENT;
    case StatusCode::kUnsupported:
      return UDNN_UNSUPPORTED;
    case StatusCode::kOutOfMemory:
      return UDNN_OUT_OF_MEMORY;
    case StatusCode::kIoError:
    case StatusCode::kInterrupted:
      break;
  }
  return UDNN_FAILED;
}

inline udnn_status report(udnn_status code, std::string_view text, udnn_error* error) noexcept {
  if (error != nullptr) copy_text(text, error->message);
  return code;
}

/// What a body of C++ does, for C: nothing is thrown across.
template <class Body>
udnn_status guarded(udnn_error* error, Body body) noexcept {
  try {
    const Status status = body();
    return report(code_of(status.code()), status.message(), error);
  } catch (const std::bad_alloc&) {
    return report(UDNN_OUT_OF_MEMORY, "out of memory", error);
  } catch (const std::exception& exception) {
    return report(UDNN_FAILED, exception.what(), error);
  }
}

inline Status expect_object(const void* pointer, const char* name) {
  return pointer != nullptr ? Status() : invalid("{}: NULL", name);
}

}  // namespace udnn::base
