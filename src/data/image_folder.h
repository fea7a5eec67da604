// src/data/image_folder.h: pictures that lie in a folder for each class.
//
//   FOLDER/train/cat/1.png  FOLDER/test/cat/7.jpg      two parts, or
//   FOLDER/cat/1.png                                   one, which the caller splits
//
// Classes and files are taken in order of their names (bytes). Pictures end in .png, .jpg or .jpeg, in any case; other
// files, and names that begin with a point, are not looked at.
#pragma once

#include <string>

#include "src/data/samples.h"
#include "udnn/status.h"

namespace udnn::data {

bool has_picture_folders(const std::string& folder);  ///< one of its folders, or of those in train/, holds a picture

/// Without fingerprint; dataset.test is empty where FOLDER has no train/ and test/.
/// Errors: kInvalidArgument (a picture that cannot be read, or is not of the size and colour of the first; a class
/// without pictures; a class in test/ that train/ lacks; only one of train/ and test/), kIoError, kOutOfMemory.
Result<Dataset> load_picture_folders(const std::string& folder);

}  // namespace udnn::data
