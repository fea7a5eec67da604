// src/report/human.h: numbers for people.
#pragma once

#include <cstdint>
#include <string>

namespace udnn::report {

/// Three significant digits and a decimal prefix: 61706 is "61.7 k", 999 "999", 1e6 "1.00 M", 0.25 "0.250". What is not
/// finite: "nan", "inf", "-inf".
std::string human(double value);

/// Four decimals, from a million on an exponent: "0.6931", "1.2346e+30"; "nan" has no sign.
std::string four_decimals(double value);

/// The same as human() for bytes, in powers of 1000: "2.30 MB".
std::string human_bytes(std::uint64_t bytes);

/// "850 ms", "12.3 s", "4 min 05 s", "2 h 07 min".
std::string human_seconds(double seconds);

}  // namespace udnn::report
