// tools/format_spellings.h: which modifiers a format takes.
#pragma once

#include <string_view>
#include <vector>

#include "src/numbers/format_table.h"

namespace udnn::tools {

/// The modifiers of a kind that apply, the one that a plain name means first.
inline std::vector<std::string_view> spellings_of(numbers::ModifierKind kind, const Format& format) {
  std::vector<std::string_view> spellings;
  for (const numbers::ModifierRow& row : numbers::modifier_table()) {
    if (row.kind != kind || !applies(row, format)) continue;
    const bool is_usual = kind == numbers::ModifierKind::kOverflow && row.value == static_cast<int>(format.overflow);
    spellings.insert(is_usual ? spellings.begin() : spellings.end(), row.spelling);
  }
  return spellings;
}

}  // namespace udnn::tools
