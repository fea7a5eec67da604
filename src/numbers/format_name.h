// src/numbers/format_name.h: the first word of a format, "fx2.6", read and written.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "src/numbers/format_table.h"

namespace udnn::numbers {

/// All of `text` as a decimal integer of few digits.
std::optional<int> whole_number(std::string_view text);

bool is_fixed(Family family) noexcept;

/// A name of the row's family with these numbers.
std::string spelled(const FamilyRow& row, int first, int second);

/// The row that names the format: the first fixed name that equals it but for its modifiers, else its pattern.
const FamilyRow* row_of(const Format& format);

/// Returns whether it parsed; else `fault` says why not, and what was probably meant.
bool parse_name(std::string_view name, Format& format, FormatFault& fault);

}  // namespace udnn::numbers
