// udnn data: which data sets there are, how to get them, and what is in one.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "src/base/nearest.h"
#include "src/base/refusal.h"
#include "src/data/fetch.h"
#include "src/data/load.h"
#include "src/data/registry.h"
#include "src/report/human.h"
#include "src/report/table.h"
#include "tools/json_line.h"
#include "tools/number_option.h"
#include "tools/verb.h"

namespace udnn::tools {

namespace {

using base::Value;

Result<const data::RegisteredSet*> set_named(const std::string& name) {
  if (const data::RegisteredSet* set = data::find_set(name)) return set;
  std::vector<std::string_view> names;
  for (const data::RegisteredSet& set : data::registered_sets()) names.emplace_back(set.name);
  return base::invalid("{}: no registered data set{}", name, base::did_you_mean(name, names));
}

std::string shape_text(const data::SampleShape& shape) {
  return fmt::format("{}x{}x{}", shape.height, shape.width, shape.channels);
}

struct SetState {
  const char* word;
  std::string folder;  ///< where load() takes it from; empty: nowhere
};

SetState state_of(const data::RegisteredSet& set, const std::string& root) {
  if (set.kind == data::SetKind::kEmbedded) return {"embedded", ""};
  const auto folder = data::folder_of(set, root);
  if (!folder) return {"missing", ""};
  const bool is_right = std::all_of(set.files.begin(), set.files.end(), [&](const data::RegisteredFile& file) {
    return data::state_of(file, *folder) == data::FileState::kRight;
  });
  return {is_right ? "ready" : "wrong", *folder};
}

Value files_value(const data::RegisteredSet& set) {
  Value files = Value::array();
  for (const data::RegisteredFile& file : set.files)
    files.push_back(Value::object({{"name", file.name},
                                   {"bytes", file.bytes},
                                   {"sha256", file.sha256 == nullptr ? Value() : Value(file.sha256)}}));
  return files;
}

Status list(bool json) {
  const std::string root = data::LoadOptions::default_data_root();
  report::Table table({"name", "state", "train", "test", "shape", "classes", "licence", "what", "where"});
  Value sets = Value::array();
  for (const data::RegisteredSet& set : data::registered_sets()) {
    const auto [state, folder] = state_of(set, root);
    std::string where = folder;
    if (where.empty() && set.kind != data::SetKind::kEmbedded)
      where = set.sources.empty() ? fmt::format("put its files into {}", data::home_of(set, root))
                                  : fmt::format("udnn data get {}", set.name);
    table.add_row({set.name, state, report::count(set.train), report::count(set.test), shape_text(set.shape),
                   report::count(set.classes), set.licence, set.what, where});
    Value sources = Value::array();
    for (const data::Source& source : set.sources) sources.push_back(data::to_string(source));
    sets.push_back(Value::object({{"name", set.name},
                                  {"what", set.what},
                                  {"state", state},
                                  {"folder", folder},
                                  {"home", data::home_of(set, root)},
                                  {"train", set.train},
                                  {"test", set.test},
                                  {"shape", Value::array({set.shape.height, set.shape.width, set.shape.channels})},
                                  {"classes", set.classes},
                                  {"licence", set.licence},
                                  {"sources", std::move(sources)},
                                  {"files", files_value(set)}}));
  }
  if (json)
    fmt::print("{}", json_line(Value::object({{"data_root", root}, {"sets", std::move(sets)}})));
  else
    fmt::print("{}Files belong into {} (UDNN_DATA).\n", table.text(), root);
  return {};
}

struct GetOptions {
  std::string name;
  data::FetchOptions fetch;
  bool quiet = false;
  bool json = false;
};

Status get(const GetOptions& options) {
  const auto set = set_named(options.name);
  if (!set) return set.error();
  data::FetchOptions fetch = options.fetch;
  fetch.data_root = data::LoadOptions::default_data_root();
  Value said = Value::array();
  const auto say = [&](const std::string& line) {
    said.push_back(line);
    if (!options.quiet) fmt::print(stderr, "{}\n", line);
  };
  if (Status status = data::fetch(**set, fetch, say); !status.ok()) return status;
  if (options.json)
    fmt::print("{}", json_line(Value::object({{"name", (*set)->name},
                                              {"home", data::home_of(**set, fetch.data_root)},
                                              {"log", std::move(said)}})));
  return {};
}

struct Moments {
  double mean = 0, deviation = 0, least = 0, most = 0;  ///< of value / divisor
};

/// Sums of bytes are exact in 64 bits up to 2^47 pixels; floats go through two passes.
Moments moments_of(const data::Samples& samples) {
  return std::visit(
      [&](const auto& values) {
        const auto count = static_cast<double>(values.size());
        double sum = 0;
        for (const auto value : values) sum += static_cast<double>(value);
        const double mean = sum / count;
        double squares = 0;
        for (const auto value : values) {
          const double distance = static_cast<double>(value) - mean;
          squares += distance * distance;
        }
        const auto [least, most] = std::minmax_element(values.begin(), values.end());
        return Moments{mean / samples.divisor, std::sqrt(squares / count) / samples.divisor,
                       static_cast<double>(*least) / samples.divisor, static_cast<double>(*most) / samples.divisor};
      },
      samples.values);
}

std::vector<std::size_t> histogram_of(const data::Samples& samples, std::size_t classes) {
  std::vector<std::size_t> histogram(classes);
  for (const std::uint32_t label : samples.labels) ++histogram[label];
  return histogram;
}

/// Rows of characters, darker ink for larger values: the mean of the channels, every step-th pixel, between the least
/// and the largest value of the data.
std::vector<std::string> thumbnail(const data::Samples& samples, std::size_t sample, const Moments& moments) {
  constexpr std::string_view kInk = " .:-=+*#%@";
  constexpr std::size_t kMostColumns = 32;
  const auto& [height, width, channels] = samples.shape;
  const std::size_t step = (std::max(height, width) + kMostColumns - 1) / kMostColumns;
  const double range = moments.most > moments.least ? moments.most - moments.least : 1;
  std::vector<std::string> rows;
  for (std::size_t row = 0; row < height; row += step) {
    std::string& line = rows.emplace_back();
    for (std::size_t column = 0; column < width; column += step) {
      const std::size_t first = ((sample * height + row) * width + column) * channels;
      double sum = 0;
      for (std::size_t c = 0; c < channels; ++c)
        sum += std::visit([&](const auto& values) { return static_cast<double>(values[first + c]); }, samples.values);
      const double part = (sum / static_cast<double>(channels) / samples.divisor - moments.least) / range;
      line.append(2,
                  kInk[std::min(static_cast<std::size_t>(part * static_cast<double>(kInk.size())), kInk.size() - 1)]);
    }
  }
  return rows;
}

/// Samples that differ: the first training sample of each of the first classes.
std::vector<std::size_t> examples_of(const data::Samples& samples, std::size_t count) {
  std::vector<std::size_t> examples;
  for (std::uint32_t wanted = 0; wanted < count; ++wanted) {
    const auto found = std::find(samples.labels.begin(), samples.labels.end(), wanted);
    if (found != samples.labels.end()) examples.push_back(static_cast<std::size_t>(found - samples.labels.begin()));
  }
  return examples;
}

void print_thumbnails(const data::Dataset& dataset, const Moments& moments) {
  constexpr std::size_t kExamples = 3;
  const data::Samples& samples = dataset.train;
  if (samples.shape.height < 2 || samples.shape.width < 2) return;  // a row of a table is no picture
  std::vector<std::string> lines;
  for (const std::size_t example : examples_of(samples, kExamples)) {
    const auto rows = thumbnail(samples, example, moments);
    lines.resize(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) lines[row] += "  " + rows[row];
  }
  for (std::string& line : lines) {
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  }
}

struct ShowOptions {
  std::string data;
  data::LoadOptions load = {.seed = 1};  // as train and eval: the same split, the same fingerprint
  bool json = false;
};

Status show(const ShowOptions& options) {
  const auto dataset = data::load(options.data, options.load);
  if (!dataset) return dataset.error();
  const data::Samples &train = dataset->train, &test = dataset->test;
  const Moments moments = moments_of(train);
  const auto in_train = histogram_of(train, dataset->classes), in_test = histogram_of(test, dataset->classes);
  report::Table table({"class", "name", "train", "test"});
  for (std::size_t label = 0; label < dataset->classes; ++label)
    table.add_row({report::count(label), dataset->class_names[label], report::count(in_train[label]),
                   report::count(in_test[label])});
  const auto& [height, width, channels] = train.shape;
  if (options.json) {
    fmt::print("{}", json_line(Value::object({{"name", dataset->name},
                                              {"train", train.count},
                                              {"test", test.count},
                                              {"shape", Value::array({height, width, channels})},
                                              {"type", train.bytes() != nullptr ? "bytes" : "floats"},
                                              {"divisor", whole(train.divisor)},
                                              {"mean", moments.mean},
                                              {"deviation", moments.deviation},
                                              {"least", moments.least},
                                              {"most", moments.most},
                                              {"classes", table.value()},
                                              {"fingerprint", dataset->fingerprint}})));
    return {};
  }
  fmt::print("{}: {} training and {} test samples of {}, {} classes\n", dataset->name, train.count, test.count,
             shape_text(train.shape), dataset->classes);
  fmt::print("{}, the network sees value / {}: mean {:.4f}, deviation {:.4f}, {:g} to {:g}\n",
             train.bytes() != nullptr ? "bytes" : "floats", train.divisor, moments.mean, moments.deviation,
             moments.least, moments.most);
  fmt::print("sha256 {}\n{}", dataset->fingerprint, table.text());
  print_thumbnails(*dataset, moments);
  return {};
}

}  // namespace

void add_data(CLI::App& app, Action& action) {
  CLI::App* const verb = app.add_subcommand("data", "Data sets: list them, get one, look into one");
  verb->require_subcommand(1);
  verb->footer("Example: udnn data show digits");

  auto list_json = std::make_shared<bool>(false);
  CLI::App* const listing = verb->add_subcommand("list", "The data sets with a name, and which of them are here");
  listing->add_flag("--json", *list_json, "One JSON object");
  listing->footer("Example: udnn data list");
  listing->callback([list_json, &action] { action = [list_json] { return list(*list_json); }; });

  auto get_options = std::make_shared<GetOptions>();
  CLI::App* const getting =
      verb->add_subcommand("get", "Brings a data set to where train looks for it, checked by SHA-256");
  getting->add_option("name", get_options->name, "A name from udnn data list")->required();
  getting->add_option("--from", get_options->fetch.from, "Only from this folder (files plain or .gz)");
  getting->add_option("--mirror", get_options->fetch.mirror, "Only from this URL, by curl (files plain or .gz)");
  getting->add_flag("--quiet", get_options->quiet, "Say nothing while it goes well");
  getting->add_flag("--json", get_options->json, "One JSON object");
  getting->footer("Example: udnn data get mnist --from ~/Downloads");
  getting->callback([get_options, &action] { action = [get_options] { return get(*get_options); }; });

  auto show_options = std::make_shared<ShowOptions>();
  CLI::App* const showing = verb->add_subcommand("show", "Counts, moments, classes and a few samples of a data set");
  showing->add_option("data", show_options->data, "A registered name, a folder, a .csv or an .npz")->required();
  showing->add_option("--label", show_options->load.csv_label,
                      "CSV: name of the column of labels; the last one if not given");
  add_real(*showing, "--test-fraction", show_options->load.test_fraction, Reals::kInnerShare,
           "Share of the test part, where the data have none");
  add_whole(*showing, "--seed", show_options->load.seed, std::uint64_t{0}, UINT64_MAX, "Which rows that part takes");
  showing->add_flag("--json", show_options->json, "One JSON object");
  showing->footer("Example: udnn data show table.csv --label kind");
  showing->callback([show_options, &action] { action = [show_options] { return show(*show_options); }; });
}

}  // namespace udnn::tools
