// tests/cases.h: how many cases a proof has compared. Said by the proof, and by CTest for all proofs together.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>

namespace udnn::test {

/// Prints the number and fails below `floor`: a proof that has lost its cases is no proof. Where the environment sets
/// UDNN_CASES_FILE, adds a line to it (tests/CMakeLists.txt says who adds them up).
inline void expect_cases(std::size_t cases, std::size_t floor) {
  std::printf("%zu cases\n", cases);
  EXPECT_GE(cases, floor) << "cases have been lost";
  if (const char* file = std::getenv("UDNN_CASES_FILE"); file != nullptr)
    std::ofstream(file, std::ios::app) << testing::UnitTest::GetInstance()->current_test_info()->test_suite_name()
                                       << " " << cases << std::endl;
}

}  // namespace udnn::test
