// src/numbers/format_table.h: the names of all formats and modifiers, in one place. The parser, the printer, `udnn
// formats` and the tests read it.
//
// To add a format: a row here, its facts in format_traits.cc, its grid in quantizer.cc. Nothing else knows the
// names.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "udnn/format.h"

namespace udnn::numbers {

/// How the numbers of a name follow its prefix.
enum class Shape : std::uint8_t { kName, kNumber, kTwoByDot, kTwoBySlash };

struct FamilyRow {
  std::string_view pattern;  ///< as the documents write it: "fxI.F"
  std::string_view prefix;   ///< "fx"; of a fixed name, all of it
  Shape shape;
  Format format;          ///< with the modifiers it has when none is written; numbers of the pattern are filled in
  int low[2], high[2];    ///< of its numbers
  int usual[2];           ///< the numbers of an example: 2 and 6 for fx2.6
  std::string_view bits;  ///< "I+F"
  std::string_view what;
};

/// In the order of formats.md. A printed format takes the first fixed name that equals it.
std::span<const FamilyRow> family_table() noexcept;

bool is_fixed(Family family) noexcept;

/// Of a fixed name the numbers do not count, of a pattern with one the second.
std::string spelled(const FamilyRow& row, int first, int second);

/// Whether it is a name of the grammar, its numbers in range, without modifiers.
bool is_name(std::string_view text);

enum class ModifierKind : std::uint8_t { kRounding, kOverflow, kSubnormals, kScale, kUnit, kLog };

struct ModifierRow {
  std::string_view spelling;  ///< "sr", "ovf="
  ModifierKind kind;
  int value;  ///< of the enumeration that belongs to the kind
  std::string_view what;
  bool takes_value = false;
};

std::span<const ModifierRow> modifier_table() noexcept;

/// Whether the modifier means something for the format.
bool applies(const ModifierRow& modifier, const Format& format) noexcept;

/// A fault at an offset of a text: "<what> at column <offset + 1><hint>".
struct FormatFault {
  std::size_t offset;
  std::string what;
  std::string hint;
};

/// parse_format() for a text that stands in a larger one; `accepts_chunk`: an accumulator's "/C" may follow.
/// Returns whether it parsed; else `fault` says why not.
bool parse_format_within(std::string_view text, bool accepts_chunk, Format& format, FormatFault& fault);

/// The error that shows `fault` in the whole text.
Status fault_in(std::string_view text, const FormatFault& fault);

}  // namespace udnn::numbers
