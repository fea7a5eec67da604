#include "src/data/image_folder.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "src/base/checked.h"
#include "src/base/refusal.h"
#include "src/data/allocate.h"
#include "src/data/image_file.h"

namespace udnn::data {

namespace {

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

bool is_picture(std::string_view name) {
  std::string lower(name);
  for (char& letter : lower)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  constexpr std::array<std::string_view, 3> kEndings{".png", ".jpg", ".jpeg"};
  return std::any_of(kEndings.begin(), kEndings.end(), [&](auto ending) { return lower.ends_with(ending); });
}

/// Names in `folder` for which `wanted` holds, sorted, without hidden ones. A folder that cannot be read has none.
template <class Wanted>
std::vector<std::string> names_in(const std::string& folder, Wanted&& wanted) {
  std::vector<std::string> names;
  std::error_code failed;
  std::filesystem::directory_iterator at(folder, failed);
  for (; !failed && at != std::filesystem::directory_iterator(); at.increment(failed)) {
    std::string name = at->path().filename().string();
    if (!name.starts_with('.') && wanted(name)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> classes_in(const std::string& folder) {
  return names_in(folder, [&](const std::string& name) { return is_folder(fmt::format("{}/{}", folder, name)); });
}

std::vector<std::string> pictures_in(const std::string& folder) { return names_in(folder, is_picture); }

struct File {
  std::string path;
  std::uint32_t label;
};

/// The pictures of one part. `classes` of the training part are those that it has; the test part has to keep to them.
Result<std::vector<File>> list_part(const std::string& folder, const std::vector<std::string>& classes) {
  std::vector<File> files;
  for (const std::string& name : classes_in(folder)) {
    const auto known = std::lower_bound(classes.begin(), classes.end(), name);
    const std::string path = fmt::format("{}/{}", folder, name);
    if (known == classes.end() || *known != name)
      return base::invalid("{}: a class that the training part lacks, expected one of its {}", path, classes.size());
    const auto pictures = pictures_in(path);
    if (pictures.empty()) return base::invalid("{}: no picture, expected .png, .jpg or .jpeg files", path);
    for (const std::string& picture : pictures)
      files.push_back({fmt::format("{}/{}", path, picture), static_cast<std::uint32_t>(known - classes.begin())});
  }
  if (files.empty()) return base::invalid("{}: no folder with pictures, expected one for each class", folder);
  return files;
}

/// Reads all of them; each must have `shape`, which the first picture of all decides.
Status read_part(const std::vector<File>& files, const std::string& first, SampleShape& shape, Samples& samples) {
  std::vector<std::uint8_t> values;
  for (const File& file : files) {
    auto picture = read_image(file.path);
    if (!picture) return picture.error();
    if (file.path == first) shape = picture->shape;
    if (values.capacity() == 0) {
      const auto bytes = base::checked_mul(files.size(), shape.size());
      if (!bytes) return base::invalid("{}: {} pictures, expected fewer than 2^64 pixels", file.path, files.size());
      auto room = reserve<std::uint8_t>(*bytes, file.path);
      if (!room) return room.error();
      values = std::move(*room);
    }
    const auto [height, width, channels] = picture->shape;
    if (picture->shape != shape)
      return base::invalid("{}: {} x {} x {}, expected {} x {} x {} as in {}", file.path, height, width, channels,
                           shape.height, shape.width, shape.channels, first);
    values.insert(values.end(), picture->values.begin(), picture->values.end());
    samples.labels.push_back(file.label);
  }
  samples.shape = shape;
  samples.count = files.size();
  samples.values = std::move(values);
  samples.divisor = 255;
  return {};
}

}  // namespace

bool has_picture_folders(const std::string& folder) {
  const auto holds_pictures = [](const std::string& parent) {
    const auto names = classes_in(parent);
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return !pictures_in(fmt::format("{}/{}", parent, name)).empty();
    });
  };
  return holds_pictures(folder) || holds_pictures(folder + "/train") || holds_pictures(folder + "/test");
}

Result<Dataset> load_picture_folders(const std::string& folder) {
  const bool has_train = is_folder(folder + "/train"), has_test = is_folder(folder + "/test");
  if (has_train != has_test)
    return base::invalid("{}: {}/ is not there, expected it beside {}/", folder, has_train ? "test" : "train",
                         has_train ? "train" : "test");
  const std::string train_folder = has_train ? folder + "/train" : folder;
  Dataset dataset;
  dataset.class_names = classes_in(train_folder);
  dataset.classes = dataset.class_names.size();
  const auto train = list_part(train_folder, dataset.class_names);
  if (!train) return train.error();
  const std::string& first = train->front().path;
  SampleShape shape;
  if (!has_test) {
    if (Status status = read_part(*train, first, shape, dataset.train); !status.ok()) return status;
    return dataset;
  }
  const auto test = list_part(folder + "/test", dataset.class_names);
  if (!test) return test.error();
  if (Status status = read_part(*train, first, shape, dataset.train); !status.ok()) return status;
  if (Status status = read_part(*test, first, shape, dataset.test); !status.ok()) return status;
  return dataset;
}

}  // namespace udnn::data
