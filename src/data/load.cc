#include "src/data/load.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "src/base/file.h"
#include "src/base/nearest.h"
#include "src/base/refusal.h"
#include "src/data/cifar.h"
#include "src/data/csv.h"
#include "src/data/digits.h"
#include "src/data/idx.h"
#include "src/data/image_folder.h"
#include "src/data/npz.h"
#include "src/data/registry.h"
#include "src/data/split.h"

namespace udnn::data {

namespace {

bool exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

Result<Dataset> load_registered(const RegisteredSet& set, const LoadOptions& options) {
  if (set.kind == SetKind::kEmbedded) return digits();
  const auto folder = folder_of(set, options.data_root);
  if (!folder) {
    std::vector<std::string_view> names;
    for (const RegisteredFile& file : set.files) names.emplace_back(file.name);
    return base::invalid("{}: not there, expected {} in {}; {}", set.name, fmt::join(names, ", "),
                         home_of(set, options.data_root), how_to_get(set));
  }
  if (set.kind == SetKind::kCifar) return load_cifar(*folder);
  const auto files = find_idx_files(*folder);
  if (!files) return files.error();
  return load_idx(**files);
}

Result<Dataset> load_folder(const std::string& folder, const LoadOptions& options) {
  const auto idx = find_idx_files(folder);
  if (!idx) return idx.error();
  if (*idx) return load_idx(**idx);
  if (has_cifar_files(folder)) return load_cifar(folder);
  if (const std::string train = folder + "/train.csv"; exists(train)) {
    const std::string test = folder + "/test.csv";
    return load_csv(train, exists(test) ? test : "", options.csv_label);
  }
  if (has_picture_folders(folder)) return load_picture_folders(folder);
  return base::invalid(
      "{}: a folder without data, expected IDX files, CIFAR-10 batches, train.csv, or a folder of pictures for each "
      "class",
      folder);
}

Result<Dataset> load_path(const std::string& path, const LoadOptions& options) {
  std::error_code failed;
  const auto type = std::filesystem::status(path, failed).type();
  if (type == std::filesystem::file_type::not_found) {
    std::vector<std::string_view> names;
    for (const RegisteredSet& set : registered_sets()) names.emplace_back(set.name);
    return base::invalid("{}: no data set of this name, no file and no folder{}", path,
                         base::did_you_mean(path, names));
  }
  if (failed) return base::io_error(path, "cannot be looked at", failed.value());
  if (type == std::filesystem::file_type::directory) return load_folder(path, options);
  if (path.ends_with(".csv")) return load_csv(path, "", options.csv_label);
  if (path.ends_with(".npz")) return load_npz(path);
  return base::invalid("{}: no kind of data file, expected a name in .csv or .npz, or a folder", path);
}

/// The last part of a path that is not empty: "data/iris.csv" and "data/iris.csv/" are iris.csv.
std::string name_of(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.find_last_of('/');
  return std::string(slash == std::string_view::npos || path.size() == 1 ? path : path.substr(slash + 1));
}

}  // namespace

std::string LoadOptions::default_data_root() {
  if (const char* root = std::getenv("UDNN_DATA"); root != nullptr && *root != '\0') return root;
  const char* home = std::getenv("HOME");
  return std::string(home == nullptr ? "." : home) + "/.cache/udnn";
}

Result<Dataset> load(const std::string& name_or_path, const LoadOptions& options) {
  if (options.limit == std::size_t{0}) return base::invalid("{}: limit 0, expected at least 1 sample", name_or_path);
  const RegisteredSet* set = find_set(name_or_path);
  auto dataset = set != nullptr ? load_registered(*set, options) : load_path(name_or_path, options);
  if (!dataset) return dataset;

  dataset->name = set != nullptr ? set->name : name_of(name_or_path);
  if (set != nullptr && dataset->classes == set->classes)
    dataset->class_names.assign(set->class_names.begin(), set->class_names.end());
  if (dataset->test.count == 0)
    if (Status status = split(*dataset, options.test_fraction, options.seed); !status.ok()) return status;
  if (options.limit) {
    truncate(dataset->train, *options.limit);
    truncate(dataset->test, *options.limit);
  }
  dataset->fingerprint = fingerprint_of(*dataset);
  return dataset;
}

}  // namespace udnn::data
