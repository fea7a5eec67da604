#include "src/numbers/format_hint.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/base/nearest.h"

namespace udnn::numbers {

namespace {

constexpr std::string_view kDigits = "0123456789";

constexpr std::array kOtherNames{
    OtherName{"float", "fp32"},
    OtherName{"single", "fp32"},
    OtherName{"float32", "fp32"},
    OtherName{"f32", "fp32"},
    OtherName{"double", "fp64"},
    OtherName{"float64", "fp64"},
    OtherName{"f64", "fp64"},
    OtherName{"half", "fp16"},
    OtherName{"float16", "fp16"},
    OtherName{"f16", "fp16"},
    OtherName{"bfloat", "bf16"},
    OtherName{"bfloat16", "bf16"},
    OtherName{"b16", "bf16"},
    OtherName{"tfloat32", "tf32"},
    OtherName{"tensorfloat32", "tf32"},
    OtherName{"fp8", "e4m3 e5m2 mxfp8"},
    OtherName{"float8", "e4m3 e5m2 mxfp8"},
    OtherName{"hf8", "e4m3"},
    OtherName{"bf8", "e5m2"},
    OtherName{"fp6", "e2m3 e3m2 mxfp6"},
    OtherName{"float6", "e2m3 e3m2 mxfp6"},
    OtherName{"fp4", "e2m1 mxfp4 nvfp4"},
    OtherName{"float4", "e2m1 mxfp4 nvfp4"},
    OtherName{"mxfp8e4m3", "mxfp8"},
    OtherName{"mxfp6e2m3", "mxfp6"},
    OtherName{"mxfp4e2m1", "mxfp4"},
    OtherName{"ternary", "t2"},
    OtherName{"binary", "b1"},
    OtherName{"bool", "b1"},
    OtherName{"nf4", "e2m1 mxfp4 nvfp4 int4", "expected another of 4 bits:"},
    OtherName{"e8m0", "mxfp8 mxfp6 mxfp4 mxint8", "which is no format but the scale of"},
    OtherName{"fp128", "fp64", "expected at most 64 bits:"},
    OtherName{"float128", "fp64", "expected at most 64 bits:"},
    OtherName{"f128", "fp64", "expected at most 64 bits:"},
    OtherName{"fp80", "fp64", "expected at most 64 bits:"},
};

/// Before a number: "s8", "q2.6".
struct OtherPrefix {
  std::string_view prefix;
  std::string_view meant;
  std::string_view remark = {};
};

constexpr std::string_view kSignCounts = " Its I counts the sign";

constexpr std::array kOtherPrefixes{
    OtherPrefix{"i", "int"},
    OtherPrefix{"s", "int"},
    OtherPrefix{"u", "uint"},
    OtherPrefix{"q", "fx", kSignCounts},
    OtherPrefix{"fixed", "fx", kSignCounts},
    OtherPrefix{"uq", "ufx"},
    OtherPrefix{"ufixed", "ufx"},
};

constexpr std::array kOtherModifiers{
    OtherName{"nearest", "rne"}, OtherName{"even", "rne"},      OtherName{"away", "rna"},
    OtherName{"zero", "rtz"},    OtherName{"trunc", "rtz"},     OtherName{"truncate", "rtz"},
    OtherName{"ceil", "rup"},    OtherName{"up", "rup"},        OtherName{"floor", "rdn"},
    OtherName{"down", "rdn"},    OtherName{"stochastic", "sr"}, OtherName{"saturate", "sat"},
    OtherName{"clip", "sat"},    OtherName{"clamp", "sat"},
};

template <class Names>
const OtherName* find_other(const Names& names, std::string_view name) {
  const auto found =
      std::find_if(names.begin(), names.end(), [&](const OtherName& other) { return other.name == name; });
  return found == names.end() ? nullptr : &*found;
}

/// 'a', 'b' or 'c'
std::string one_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += fmt::format("{}'{}'", i == 0 ? "" : i + 1 == names.size() ? " or " : ", ", names[i]);
  return text;
}

std::string did_you_mean(const std::vector<std::string>& names) {
  return fmt::format(", did you mean {}?", one_of(names));
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    words.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

std::string hint_of(const OtherName& other) {
  const std::vector<std::string> meant = words_of(other.meant);
  return other.what.empty() ? did_you_mean(meant) : fmt::format(", {} {}", other.what, one_of(meant));
}

/// In small letters, without blanks.
std::string plain(std::string_view text) {
  std::string letters;
  for (const char c : text)
    if (c != ' ' && c != '\t') letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return letters;
}

std::string only(std::string_view text, bool digits) {
  std::string kept;
  for (const char c : text)
    if ((kDigits.find(c) != std::string_view::npos) == digits) kept += c;
  return kept;
}

/// e4m4: the float with that split, and the OCP format that differs in one digit, if there is but one.
std::vector<std::string> splits_like(std::string_view name) {
  const std::size_t m = name.find('m');
  if (!name.starts_with('e') || m == std::string_view::npos) return {};
  const std::string split = fmt::format("f{}.{}", name.substr(1, m - 1), name.substr(m + 1));
  if (!is_name(split)) return {};
  std::vector<std::string> near;
  for (const FamilyRow& row : family_table())
    if (row.format.family == Family::kOcpFloat && row.prefix.size() == name.size() &&
        (row.prefix[1] == name[1]) != (row.prefix[3] == name[3]))
      near.emplace_back(row.prefix);
  if (near.size() != 1) near.clear();
  near.push_back(to_string(*parse_format(split)));
  return near;
}

/// "float8_e4m3fn", "fp4_e2m1": the OCP name inside. (Those that end in "fnuz" are others.)
std::string_view ocp_name_in(std::string_view name) {
  if (name.ends_with("fnuz") || name.starts_with("mx")) return {};
  for (const FamilyRow& row : family_table())
    if (row.shape == Shape::kName && row.prefix.size() == 4 && row.prefix[0] == 'e' && row.prefix[2] == 'm' &&
        name.find(row.prefix) != std::string_view::npos)
      return row.prefix;
  return {};
}

/// What may stand behind `first`: floats and fixed point have 8, 16, 32 or 64 bits then.
int usual_second(const FamilyRow& row, int first) {
  const int before = row.format.family == Family::kFloat ? first + 1 : first;
  if (row.format.family == Family::kFloat || is_fixed(row.format.family))
    for (const int width : {8, 16, 32, 64})
      if (before < width) return std::min(width - before, row.high[1]);
  return is_fixed(row.format.family) ? 64 - first : row.usual[1];
}

/// Of a name that begins as a pattern and goes on without letters: posit16, fx2,6, int.
std::optional<std::string> pattern_hint(const FamilyRow& row, std::string_view rest) {
  if (rest.find_first_not_of("0123456789.,;/_-+x") != std::string_view::npos) return std::nullopt;
  if (row.shape != Shape::kNumber) {
    const std::size_t cut = rest.find_first_not_of(kDigits, rest.starts_with('-') ? 1 : 0);
    if (cut != std::string_view::npos) {
      const char separator = row.shape == Shape::kTwoByDot ? '.' : '/';
      const std::string joined =
          fmt::format("{}{}{}{}", row.prefix, rest.substr(0, cut), separator, rest.substr(cut + 1));
      if (is_name(joined)) return did_you_mean({joined});
    }
  }
  int first = row.usual[0], given = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), given);
  if (error == std::errc{}) {
    if (given < row.low[0] || given > row.high[0]) return fmt::format(", expected {}", number_range(row, 0));
    if (end == rest.data() + rest.size()) first = given;
  }
  const int second = first == row.usual[0] ? row.usual[1] : usual_second(row, first);
  return fmt::format(", expected {}, as in {}",
                     row.shape == Shape::kNumber ? number_range(row, 0) : std::string(row.pattern),
                     spelled(row, first, second));
}

/// The patterns by the length of their prefixes, the longest first: fx before f.
std::vector<const FamilyRow*> patterns() {
  std::vector<const FamilyRow*> rows;
  for (const FamilyRow& row : family_table())
    if (row.shape != Shape::kName) rows.push_back(&row);
  std::stable_sort(rows.begin(), rows.end(),
                   [](const FamilyRow* a, const FamilyRow* b) { return a->prefix.size() > b->prefix.size(); });
  return rows;
}

/// Of a word with a typo in its letters alone.
std::optional<std::string> typo_hint(std::string_view name) {
  const std::size_t number = std::min(name.find_first_of("-0123456789"), name.size());
  if (number < 2) return std::nullopt;  // any letter is near any other
  const std::string digits = only(name, true);
  std::vector<std::string> texts;
  for (const FamilyRow& row : family_table()) {
    std::string text(row.prefix);
    if (row.shape != Shape::kName) text += name.substr(number);
    if (is_name(text)) texts.push_back(std::move(text));
  }
  for (const OtherName& other : kOtherNames) texts.emplace_back(other.name);
  std::vector<std::string_view> candidates;
  for (const std::string& text : texts)
    if (only(text, true) == digits) candidates.push_back(text);
  const std::string_view near = base::nearest(name, candidates);
  if (!near.empty()) {
    const OtherName* const other = find_other(kOtherNames, near);
    return other == nullptr ? did_you_mean({std::string(near)}) : hint_of(*other);
  }
  std::vector<std::string_view> prefixes;
  for (const FamilyRow* row : patterns()) prefixes.push_back(row->prefix);
  const std::string_view prefix = number < 3 ? std::string_view() : base::nearest(name.substr(0, number), prefixes);
  for (const FamilyRow* row : patterns())
    if (row->prefix == prefix) return pattern_hint(*row, name.substr(number));
  return std::nullopt;
}

/// Of a word whose letters some names have, and its digits none of them.
std::optional<std::string> digits_hint(std::string_view name) {
  const std::string letters = only(name, false);
  std::vector<std::string> same;
  for (const FamilyRow& row : family_table())
    if (row.shape == Shape::kName && !letters.empty() && only(row.prefix, false) == letters)
      same.emplace_back(row.prefix);
  if (same.empty()) return std::nullopt;
  if (same.size() == 1) return did_you_mean(same);
  return fmt::format(", expected one of {}{}", fmt::join(same, ", "),
                     letters == "fp" ? ", or fE.M for another split" : "");
}

/// Of the beginning of some names: mx, nv.
std::optional<std::string> beginning_hint(std::string_view name) {
  std::vector<std::string_view> longer;
  for (const FamilyRow& row : family_table())
    if (row.shape == Shape::kName && name.size() > 1 && row.prefix.starts_with(name)) longer.push_back(row.prefix);
  if (longer.empty()) return std::nullopt;
  return fmt::format(", expected {}{}", longer.size() == 1 ? "" : "one of ", fmt::join(longer, ", "));
}

std::vector<std::string_view> spellings(const Format& format, std::optional<ModifierKind> kind) {
  std::vector<std::string_view> list;
  for (const ModifierRow& row : modifier_table())
    if (applies(row, format) && (!kind || row.kind == *kind)) list.push_back(row.spelling);
  return list;
}

std::string expected(const std::vector<std::string_view>& list) {
  if (list.empty()) return ", expected no modifier";
  return fmt::format(", expected {}{}", list.size() == 1 ? "" : "one of ", fmt::join(list, ", "));
}

/// uDNN's word for another library's, where it applies.
std::string_view other_modifier(std::string_view text, const Format& format) {
  const OtherName* const other = find_other(kOtherModifiers, text);
  if (other == nullptr) return {};
  for (const ModifierRow& row : modifier_table())
    if (row.spelling == other->meant && applies(row, format)) return row.spelling;
  return {};
}

}  // namespace

std::span<const OtherName> other_names() noexcept { return kOtherNames; }

std::string number_range(const FamilyRow& row, int index) {
  const char letter = row.pattern[row.prefix.size() + (index == 0 ? 0 : 2)];
  return fmt::format("{} of {} to {} in {}", letter, row.low[index], row.high[index], row.pattern);
}

std::string name_hint(std::string_view name) {
  constexpr std::size_t kLongest = 64;  // nobody means a longer one
  const std::string word = plain(name.substr(0, kLongest));
  if (name.size() <= kLongest && !word.empty()) {
    if (is_name(word)) return did_you_mean({word});
    if (const OtherName* const other = find_other(kOtherNames, word)) return hint_of(*other);
    for (const OtherPrefix& other : kOtherPrefixes) {
      if (!word.starts_with(other.prefix)) continue;
      const std::string meant = fmt::format("{}{}", other.meant, word.substr(other.prefix.size()));
      if (is_name(meant)) return did_you_mean({meant}) + std::string(other.remark);
      const std::string_view number = std::string_view(word).substr(other.prefix.size());
      if (other.remark.empty() && !number.empty() && only(number, true) == number)  // i32
        for (const FamilyRow* row : patterns())
          if (row->prefix == other.meant) return fmt::format(", expected {}", number_range(*row, 0));
    }
    if (const auto splits = splits_like(word); !splits.empty()) return did_you_mean(splits);
    if (const std::string_view ocp = ocp_name_in(word); !ocp.empty()) return did_you_mean({std::string(ocp)});
    for (const FamilyRow* row : patterns())
      if (word.starts_with(row->prefix))
        if (auto hint = pattern_hint(*row, std::string_view(word).substr(row->prefix.size()))) return *hint;
    for (const auto hint_for : {digits_hint, beginning_hint, typo_hint})
      if (auto hint = hint_for(word)) return *hint;
  }
  std::vector<std::string_view> all;
  for (const FamilyRow& row : family_table()) all.push_back(row.pattern);
  return fmt::format(", expected one of {}", fmt::join(all, ", "));
}

std::string modifier_hint(std::string_view text, const Format& format) {
  const std::string word = plain(text);
  const auto list = spellings(format, std::nullopt);
  std::string_view near = other_modifier(word, format);
  if (near.empty()) near = base::nearest(word, list);
  return near.empty() ? expected(list) : did_you_mean({std::string(near)});
}

std::string wrong_modifier_hint(const ModifierRow& modifier, const Format& format) {
  const std::string_view near = other_modifier(modifier.spelling, format);
  if (!near.empty()) return did_you_mean({std::string(near)});
  const auto same_kind = spellings(format, modifier.kind), all = spellings(format, std::nullopt);
  if (!same_kind.empty()) return expected(same_kind);
  const bool is_rounding = modifier.kind == ModifierKind::kRounding;
  if (is_rounding || modifier.kind == ModifierKind::kOverflow)
    return fmt::format(", as it has only its own {}{}", is_rounding ? "rounding" : "way to overflow", expected(all));
  return (modifier.kind == ModifierKind::kScale ? ", as it has no scale to choose" : "") + expected(all);
}

}  // namespace udnn::numbers
