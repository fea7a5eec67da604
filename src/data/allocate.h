// src/data/allocate.h: room for what a file has been proven to hold.
#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <vector>

#include "src/base/refusal.h"

namespace udnn::data {

/// `count` zeros. Where there is no room: kOutOfMemory, beginning with `name`.
template <class T>
Result<std::vector<T>> allocate(std::size_t count, const std::string& name) {
  try {
    return std::vector<T>(count);
  } catch (const std::exception&) {  // bad_alloc, or length_error where not even the number of bytes fits
    return base::refusal(StatusCode::kOutOfMemory, "{}: no memory for {} values of {} bytes", name, count, sizeof(T));
  }
}

/// An empty vector with room for `count`: the machine's memory is taken only as it fills.
template <class T>
Result<std::vector<T>> reserve(std::size_t count, const std::string& name) {
  try {
    std::vector<T> values;
    values.reserve(count);
    return values;
  } catch (const std::exception&) {
    return base::refusal(StatusCode::kOutOfMemory, "{}: no memory for {} values of {} bytes", name, count, sizeof(T));
  }
}

}  // namespace udnn::data
