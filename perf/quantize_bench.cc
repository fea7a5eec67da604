// udnn_quantize_bench [--carrier f32|f64] [--isa NAME] [--rounds N] [PART OF A FORMAT'S NAME]
//
// Rounding an array with numbers::Quantizer, one thread, called as the network calls it (pieces of 4,096 elements, no
// statistics unless a row says so), beside two copies of the same array:
//
//   memcpy   of the C library, which writes around the caches where arrays are large
//   loop     one vector load and one vector store of the widest instruction set in the table
//
// Three sizes: both arrays in L2, both in L3, and far beyond. In each round every contestant of one size runs once, one
// after the other, and a ratio is that of the medians of all rounds: clocks and neighbours change meanwhile, and change
// for all alike. Time is the thread's own, so that what else the machine does is not counted.
//
//   Gelem/s   elements rounded per second;   %loop, %memcpy = 100 * time of that copy / time of the row
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "src/base/aligned_array.h"
#include "src/base/philox.h"
#include "src/machine/isa.h"
#include "src/numbers/quantizer.h"

namespace udnn::perf {
namespace {

constexpr std::size_t kPiece = 4096;  // RoleQuantizer::kChunk

struct Size {
  const char* name;
  std::size_t bytes;  // of each of the two arrays
};
constexpr Size kSizes[] = {
    {"L2", std::size_t{256} << 10U}, {"L3", std::size_t{4} << 20U}, {"memory", std::size_t{64} << 20U}};

constexpr const char* kFormats[] = {
    "e5m2",     "e4m3",     "fx2.6",    "dfx8",     "e5m2:sr",    "e4m3:sr",   "fx2.6:sr", "dfx8:sr",
    "fp16",     "fp16:sr",  "bf16",     "bf16:sr",  "tf32",       "e3m2",      "e2m3",     "e2m1",
    "e5m2:rna", "e5m2:rtz", "e5m2:rup", "e5m2:odd", "fx2.6:wrap", "ufx2.6",    "int8",     "int8:sr",
    "uint8",    "b1",       "t2",       "bfp8/32",  "mxfp8",      "mxfp8e5m2", "mxfp6",    "mxfp4",
    "mxfp4:sr", "mxint8",   "nvfp4",    "posit8.2", "posit16.2",  "po24"};
constexpr const char* kCounted[] = {"fx2.6", "e5m2", "e5m2:sr"};

struct Options {
  std::string_view carrier = "f32", isa, part;
  std::size_t rounds = 11;
};

struct Contestant {
  std::string isa, name;
  std::function<void()> pass;
  std::size_t passes = 1;  // in one round
  std::vector<double> seconds;

  double median() {
    std::nth_element(seconds.begin(), seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2), seconds.end());
    return seconds[seconds.size() / 2];
  }
};

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double run_once(const Contestant& contestant) {
  const double begin = thread_seconds();
  for (std::size_t i = 0; i < contestant.passes; ++i) {
    contestant.pass();
    benchmark::ClobberMemory();
  }
  return (thread_seconds() - begin) / static_cast<double>(contestant.passes);
}

// Vectors of a compiler's own, because the intrinsics have their door elsewhere; the barrier keeps the loop from
// becoming memcpy.
template <std::size_t kBytes>
struct Line {
  using Type [[gnu::vector_size(kBytes), gnu::aligned(16), gnu::may_alias]] = float;
};
template <std::size_t kBytes>
[[gnu::always_inline]] inline void copy_lines(const void* from, void* to, std::size_t bytes) {
  using Vector = typename Line<kBytes>::Type;
  const auto* x = static_cast<const Vector*>(from);
  auto* q = static_cast<Vector*>(to);
  for (std::size_t i = 0; i < bytes / kBytes; ++i) {
    q[i] = x[i];
    benchmark::ClobberMemory();
  }
}
#ifdef __x86_64__
[[gnu::target("avx512f")]] void copy_512(const void* from, void* to, std::size_t bytes) {
  copy_lines<64>(from, to, bytes);
}
[[gnu::target("avx")]] void copy_256(const void* from, void* to, std::size_t bytes) { copy_lines<32>(from, to, bytes); }
#endif
void copy_128(const void* from, void* to, std::size_t bytes) { copy_lines<16>(from, to, bytes); }

auto copy_loop([[maybe_unused]] std::string_view isa) {
#ifdef __x86_64__
  if (isa == "avx512") return copy_512;
  if (isa == "avx2") return copy_256;
#endif
  return copy_128;
}

template <class T>
std::vector<Contestant> contestants(const Options& options, const std::vector<const kernels::KernelTable*>& tables,
                                    const T* x, T* q, std::size_t count) {
  std::vector<Contestant> all;
  const std::size_t bytes = count * sizeof(T);
  all.push_back({"", "memcpy", [=] { std::memcpy(q, x, bytes); }, 1, {}});
  all.push_back({"", "loop", [=, copy = copy_loop(tables.front()->isa)] { copy(x, q, bytes); }, 1, {}});
  const auto add = [&](const kernels::KernelTable& table, const char* name, bool counts) {
    if (std::string_view(name).find(options.part) == std::string_view::npos) return;
    const auto quantizer = numbers::Quantizer<T>::create(*parse_format(name), table);
    if (!quantizer) return;  // a format that does not fit this carrier
    // po2 and t2 want a scale that suits values around 1; the others take any power of two.
    const numbers::Scale scale{.unit = name[0] == 'p' ? 4.0 : 0x1p-5, .threshold = 0.5};
    all.push_back({table.isa,
                   fmt::format("{}{}", name, counts ? ", counted" : ""),
                   [=, quantizer = *quantizer] {
                     numbers::TensorStatistics statistics;
                     for (std::size_t at = 0; at < count; at += kPiece)
                       quantizer.run(x + at, q + at, std::min(kPiece, count - at), at, {.seed = 1}, scale,
                                     counts ? &statistics : nullptr);
                   },
                   1,
                   {}});
  };
  for (const auto* table : tables) {
    for (const char* name : kFormats) add(*table, name, false);
    for (const char* name : kCounted) add(*table, name, true);
  }
  return all;
}

template <class T>
int measure(const Options& options, const std::vector<const kernels::KernelTable*>& tables) {
  std::vector<std::vector<Contestant>> columns;
  for (const Size& size : kSizes) {
    const std::size_t count = size.bytes / sizeof(T);
    auto x = base::AlignedArray<T>::create({count});
    auto q = base::AlignedArray<T>::create({count});
    if (!x || !q) {
      fmt::print(stderr, "udnn_quantize_bench: out of memory\n");
      return 1;
    }
    const base::PhiloxStream reals(1, 0, base::Purpose::kInitialisation, 0);
    // The long array repeats a short one: its values do not matter to the speed, its making would.
    for (std::size_t i = 0; i < count; ++i)
      x->data()[i] = i < (std::size_t{1} << 16U) ? static_cast<T>(reals.normal(i)) : x->data()[i - (1U << 16U)];

    auto all = contestants<T>(options, tables, x->data(), q->data(), count);
    for (Contestant& contestant : all) {
      run_once(contestant);
      contestant.passes = std::max<std::size_t>(1, static_cast<std::size_t>(1e-3 / run_once(contestant)));
    }
    for (std::size_t round = 0; round < options.rounds; ++round)
      for (Contestant& contestant : all) contestant.seconds.push_back(run_once(contestant));
    columns.push_back(std::move(all));
  }

  fmt::print("{} of {}, one thread, medians of {} rounds\n\n{:<8}{:<18}", "rounding", options.carrier, options.rounds,
             "isa", "format");
  for (const Size& size : kSizes) fmt::print("{:>10}{:>8}{:>9}", fmt::format("{} Ge/s", size.name), "%loop", "%memcpy");
  fmt::print("\n");
  for (std::size_t row = 0; row < columns.front().size(); ++row) {
    fmt::print("{:<8}{:<18}", columns.front()[row].isa, columns.front()[row].name);
    for (std::size_t column = 0; column < columns.size(); ++column) {
      auto& all = columns[column];
      const double time = all[row].median(), count = static_cast<double>(kSizes[column].bytes / sizeof(T));
      fmt::print("{:>10.2f}{:>8.0f}{:>9.0f}", 1e-9 * count / time, 100 * all[1].median() / time,
                 100 * all[0].median() / time);
    }
    fmt::print("\n");
  }
  return 0;
}

int run(const std::vector<std::string_view>& arguments) {
  Options options;
  const auto refuse = [](std::string_view what) {
    fmt::print(stderr,
               "udnn_quantize_bench: {}; expected [--carrier f32|f64] [--isa NAME] [--rounds 1 or more] "
               "[part of a format's name]\n",
               what);
    return 2;
  };
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (!argument.starts_with("--")) {
      options.part = argument;
      continue;
    }
    if (i + 1 == arguments.size()) return refuse(argument);
    const std::string_view value = arguments[++i];
    if (argument == "--carrier" && (value == "f32" || value == "f64"))
      options.carrier = value;
    else if (argument == "--isa")
      options.isa = value;
    else if (argument != "--rounds" ||
             std::from_chars(value.data(), value.data() + value.size(), options.rounds).ec != std::errc{} ||
             options.rounds == 0)
      return refuse(argument);
  }
  auto tables = machine::usable_carrier_tables();
  std::erase_if(tables, [&](const auto* table) { return !options.isa.empty() && table->isa != options.isa; });
  if (tables.empty()) return refuse(options.isa);
  return options.carrier == "f32" ? measure<float>(options, tables) : measure<double>(options, tables);
}

}  // namespace
}  // namespace udnn::perf

int main(int argc, char** argv) { return udnn::perf::run({argv + 1, argv + argc}); }
