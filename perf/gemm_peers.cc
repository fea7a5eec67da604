// udnn_gemm_peers: matrix multiplication of uDNN and of the best libraries, in one process, in turns.
//
//   tools/compare/make_peers.sh                           once: the libraries, into build/peers
//   udnn_gemm_peers                                       everything, one thread; 4 minutes
//   udnn_gemm_peers --type fp32 --shape mlp,64x64x64 -v   everybody's times
//
// Exit codes: 0 done, 1 it could not (uDNN's own result is wrong among them), 2 wrong command line.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include "perf/peers/race.h"
#include "perf/peers/report.h"
#include "perf/peers/shapes.h"
#include "perf/peers/subjects.h"
#include "src/base/atomic_file.h"
#include "src/base/json.h"
#include "src/base/refusal.h"
#include "udnn/team.h"

namespace udnn::peers {
namespace {

struct Options {
  std::string types, forms, shapes, peers;
  std::string rounds = "9", threads = "1";
  std::string folder = UDNN_PEERS_FOLDER;
  std::string json;
  bool list = false, all = false;
};

struct Plan {
  std::vector<Type> types;
  std::vector<Form> forms;
  std::vector<Shape> shapes;
  std::vector<std::string> peers;
  RaceOptions race;
};

/// The words of a list with commas, each of which must be one of `known`; all of them where the list is empty.
Result<std::vector<std::string>> chosen(const std::string& option, const std::string& text,
                                        const std::vector<std::string>& known) {
  if (text.empty()) return known;
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    if (std::find(known.begin(), known.end(), words.back()) == known.end())
      return base::invalid("{}: '{}', expected any of {}", option, words.back(), fmt::join(known, ","));
    begin = end + 1;
  }
  return words;
}

Result<int> whole(const std::string& option, const std::string& text, int least, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    return base::invalid("{}: {}, expected a whole number from {} to {}", option, text, least, most);
  return value;
}

Result<Plan> plan_of(const Options& options) {
  Plan plan;
  std::vector<std::string> type_names, peer_names;
  for (const TypeTraits& type : all_types()) type_names.emplace_back(type.name);
  for (const Peer& peer : all_peers()) peer_names.emplace_back(peer.name);

  const auto types = chosen("--type", options.types, type_names);
  if (!types) return types.error();
  for (const TypeTraits& type : all_types())
    if (std::find(types->begin(), types->end(), type.name) != types->end()) plan.types.push_back(type.type);

  const auto forms = chosen("--form", options.forms, {"call", "packed"});
  if (!forms) return forms.error();
  for (const std::string& form : *forms) plan.forms.push_back(form == "call" ? Form::kCall : Form::kPacked);

  if (options.peers != "none") {
    auto peers = chosen("--peers", options.peers, peer_names);
    if (!peers) return peers.error();
    plan.peers = std::move(*peers);
  }

  plan.shapes = all_shapes();
  if (!options.shapes.empty()) {
    auto shapes = parse_shapes(options.shapes);
    if (!shapes) return shapes.error();
    plan.shapes = std::move(*shapes);
  }

  const auto rounds = whole("--rounds", options.rounds, 7, 999);
  if (!rounds) return rounds.error();
  plan.race.rounds = static_cast<std::size_t>(*rounds);
  const auto threads = whole("--threads", options.threads, 0, Team::kMaxThreads);
  if (!threads) return threads.error();
  plan.race.threads = Team::create(*threads)->threads();
  return plan;
}

/// Threads that wait for work by spinning would take the CPUs of whoever comes next: read when a library is loaded.
void ask_threads_to_sleep() {
  setenv("KMP_BLOCKTIME", "1", 1);             // milliseconds
  setenv("OPENBLAS_THREAD_TIMEOUT", "20", 1);  // 2^20 cycles
}

std::string list_text(const Field& field) {
  std::string text;
  for (const auto& subject : field.subjects) {
    std::vector<std::string> can;
    for (const TypeTraits& type : all_types()) {
      for (const Form form : {Form::kCall, Form::kPacked}) {
        auto product = Product::create(type.type, {16, 16, 16});
        if (product && subject->prepare(*product, form))
          can.push_back(fmt::format("{}{}", type.name, form == Form::kPacked ? " packed" : ""));
      }
    }
    text += fmt::format("{:<13}{}: {}\n", subject->name, subject->version, fmt::join(can, ", "));
  }
  for (const Absent& absent : field.absent) text += fmt::format("{:<13}absent: {}\n", absent.name, absent.reason);
  for (const ShapeGroup& group : all_shape_groups()) {
    std::vector<std::string> shapes;
    for (const Shape& shape : group.shapes) shapes.push_back(text_of(shape));
    text += fmt::format("--shape {:<8} {}: {}\n", group.name, group.what, fmt::join(shapes, " "));
  }
  return text;
}

Status run(const Options& options, const Plan& plan) {
  if (plan.race.threads > 1) ask_threads_to_sleep();
  const auto field = gather(plan.peers, {.folder = options.folder, .threads = plan.race.threads});
  if (!field) return field.error();
  if (options.list) {
    fmt::print("{}", list_text(*field));
    return {};
  }
  std::optional<base::AtomicFile> json;  // now: a path that cannot be written is known before anything is measured
  if (!options.json.empty()) {
    auto file = base::AtomicFile::create(options.json);
    if (!file) return file.error();
    json = std::move(*file);
  }
  fmt::print("{}; threads {}, rounds {}, load {:.1f}\n", cpu_text(), plan.race.threads, plan.race.rounds,
             load_average());
  for (const auto& subject : field->subjects) fmt::print("{:<13}{}\n", subject->name, subject->version);
  for (const Absent& absent : field->absent) fmt::print("{:<13}absent: {}\n", absent.name, absent.reason);
  fmt::print("\n{}", heading());

  std::vector<Race> races;
  bool own_is_wrong = false;
  for (const Type type : plan.types) {
    for (const Form form : plan.forms) {
      for (const Shape& shape : plan.shapes) {
        auto one = race(type, form, shape, field->subjects, plan.race);
        if (!one) return one.error();
        if (one->entrants.empty()) continue;
        fmt::print("{}", row_text(*one, options.all));
        std::fflush(stdout);
        for (const Entrant& entrant : one->entrants)
          own_is_wrong |= entrant.subject->name == "uDNN" && entrant.outcome == Outcome::kWrong;
        races.push_back(std::move(*one));
      }
    }
  }
  if (races.empty()) return base::refusal(StatusCode::kUnsupported, "nobody has any of these products");
  fmt::print("\n{}", summary_text(races));
  if (json) {
    if (Status s = json->write(base::to_json(report_value(races, *field, plan.race)) + "\n"); !s.ok()) return s;
    if (Status s = json->commit(); !s.ok()) return s;
  }
  return own_is_wrong ? base::refusal(StatusCode::kUnsupported, "uDNN: a result is not the product") : Status();
}

int complain(const std::string& what, int code) {
  fmt::print(stderr, "udnn_gemm_peers: {}\n", what);
  return code;
}

int main_of(int argc, char** argv) {
  constexpr int kCouldNot = 1, kWrongCommandLine = 2;
  Options options;
  CLI::App app("Matrix multiplication of uDNN and of the best libraries, in one process, in turns.");
  app.add_option("--type", options.types, "of fp64,fp32,bf16,u8s8,fp16 (default: all)");
  app.add_option("--form", options.forms, "B packed inside the call, or beforehand: of call,packed (default: both)");
  app.add_option("--shape", options.shapes, "MxNxK and groups of shapes, with commas (default: all groups)");
  app.add_option("--peers", options.peers, "of onednn,aocl,openblas,blis,mkl,libxsmm,xnnpack, or none (default: all)");
  app.add_option("--rounds", options.rounds, "7 or more")->capture_default_str();
  app.add_option("--threads", options.threads, "0: one for each CPU")->capture_default_str();
  app.add_option("--folder", options.folder, "where make_peers.sh has put them")->capture_default_str();
  app.add_option("--json", options.json, "also writes everything to this file");
  app.add_flag("--list", options.list, "who is there, what they can, the groups of shapes; measures nothing");
  app.add_flag("-v,--verbose", options.all, "a line for everybody, not only for the best");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return 0;
  } catch (const CLI::ParseError& error) {
    return complain(error.what(), kWrongCommandLine);
  }
  const auto plan = plan_of(options);
  if (!plan) return complain(plan.error().message(), kWrongCommandLine);
  const Status status = run(options, *plan);
  if (!status.ok()) return complain(status.message(), kCouldNot);
  return std::fflush(stdout) == 0 ? 0 : complain("standard output: cannot be written", kCouldNot);
}

}  // namespace
}  // namespace udnn::peers

int main(int argc, char** argv) try {
  return udnn::peers::main_of(argc, argv);
} catch (const std::exception& error) {  // of a package, or out of memory; uDNN itself returns Status
  std::fprintf(stderr, "udnn_gemm_peers: %s\n", error.what());
  return 1;
}
