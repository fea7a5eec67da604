// The one file that compiles fmt: everybody else sees its declarations. Header-only, each file that formats would
// compile it again, two seconds apiece; linked as a package, whoever links libudnn.a would need that package. Below
// stand the templates that fmt's header promises as extern.
#include <fmt/format-inl.h>

#ifndef FMT_HEADER_ONLY
template void fmt::detail::buffer<char>::append(const char*, const char*);
template void fmt::detail::vformat_to(buffer<char>&, string_view, basic_format_args<buffer_context<char>>, locale_ref);
template fmt::detail::thousands_sep_result<char> fmt::detail::thousands_sep_impl(locale_ref);
template char fmt::detail::decimal_point_impl(locale_ref);
template fmt::detail::dragonbox::decimal_fp<float> fmt::detail::dragonbox::to_decimal(float) noexcept;
template fmt::detail::dragonbox::decimal_fp<double> fmt::detail::dragonbox::to_decimal(double) noexcept;
#endif
