// src/numbers/format_hint.h: what somebody meant whose text is no format. Every hint ends a message, and every name in
// it parses.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "src/numbers/format_table.h"

namespace udnn::numbers {

/// Another library's or paper's word for a format: `meant` are uDNN's, with blanks between them. `what` stands where it
/// is not the same thing: ", expected another of 4 bits: 'e2m1' or 'mxfp4'".
struct OtherName {
  std::string_view name;
  std::string_view meant;
  std::string_view what = {};
};

std::span<const OtherName> other_names() noexcept;

/// Of a name that no row matches. In this order: another case, another word, an OCP name with other digits, a pattern
/// that lacks a number or has another separator, other digits behind the same letters, the beginning of a name, a typo
/// in the letters; or all patterns. Digits carry the meaning: fp4 is no typo of fp64.
std::string name_hint(std::string_view name);

/// Of a modifier that does not exist.
std::string modifier_hint(std::string_view text, const Format& format);

/// Of one that exists, for other formats.
std::string wrong_modifier_hint(const ModifierRow& modifier, const Format& format);

/// "E of 1 to 11 in fE.M": what the number at `index` (0, 1) of a pattern may be.
std::string number_range(const FamilyRow& row, int index);

}  // namespace udnn::numbers
