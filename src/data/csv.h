// src/data/csv.h: tables of numbers with a label in each row.
//
//   length,width,kind        a header, where any cell but the label is no number
//   5.1,3.5,setosa           numbers, and the label: the last column, or the one that is named
//
// Commas, LF or CR LF, blank lines skipped, a UTF-8 byte order mark skipped, cells "quoted" (a quote inside doubled, no
// line break inside). Numbers as C writes them, always with a point; neither nan nor inf. No locale has a say.
// Values become floats with divisor 1, rounded once. Labels are integers or names: the distinct ones, in order of
// value or of bytes, are the classes; a label of the test file that the training file lacks is an error.
#pragma once

#include <string>

#include "src/data/samples.h"
#include "udnn/status.h"

namespace udnn::data {

/// `test_path` may be empty: then dataset.test is, and the caller splits. `label` may be empty: the last column.
/// Errors: kInvalidArgument with file, line and column; kIoError, kOutOfMemory.
///   iris.csv: line 3: column 2: 'n/a', expected a number
Result<Dataset> load_csv(const std::string& train_path, const std::string& test_path, const std::string& label);

}  // namespace udnn::data
