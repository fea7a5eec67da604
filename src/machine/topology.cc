#include "src/machine/topology.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#ifdef UDNN_HAVE_HWLOC
#include <dlfcn.h>
#include <hwloc.h>
#endif

namespace udnn::machine {

bool CpuMask::read() noexcept {
  *this = {};
  return sched_getaffinity(0, sizeof sets_, sets_.data()) == 0;
}

bool CpuMask::apply() const noexcept { return sched_setaffinity(0, sizeof sets_, sets_.data()) == 0; }

void CpuMask::add(int cpu) noexcept { CPU_SET_S(static_cast<std::size_t>(cpu), sizeof sets_, sets_.data()); }

bool CpuMask::has(int cpu) const noexcept {
  return cpu >= 0 && cpu < kMaxCpus && CPU_ISSET_S(static_cast<std::size_t>(cpu), sizeof sets_, sets_.data());
}

int CpuMask::count() const noexcept { return CPU_COUNT_S(sizeof sets_, sets_.data()); }

bool CpuMask::operator==(const CpuMask& other) const noexcept {
  return CPU_EQUAL_S(sizeof sets_, sets_.data(), other.sets_.data());
}

namespace {

/// The first line of a small file; empty where there is none.
std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// The number at the beginning of `text`, which is cut off.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

bool take(std::string_view& text, char letter) {
  if (text.empty() || text.front() != letter) return false;
  text.remove_prefix(1);
  return true;
}

/// "0-3,8" as the kernel writes lists of CPUs. Empty where it is no list.
std::vector<int> cpu_list(std::string_view text) {
  std::vector<int> cpus;
  do {
    const auto first = take_number(text);
    const auto last = take(text, '-') ? take_number(text) : first;
    if (!first || !last || *first < 0 || *last < *first || *last >= CpuMask::kMaxCpus) return {};
    for (std::int64_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(static_cast<int>(cpu));
  } while (take(text, ','));
  return text.empty() ? cpus : std::vector<int>{};
}

/// The first CPU in the first of these lists that is there, else `otherwise`.
int first_of(const std::string& folder, std::initializer_list<const char*> files, int otherwise) {
  for (const char* file : files)
    if (const auto cpus = cpu_list(first_line(folder + file)); !cpus.empty()) return cpus.front();
  return otherwise;
}

int first_of_l3(const std::string& cpu_folder, int otherwise) {
  for (int index = 0;; ++index) {
    const std::string folder = fmt::format("{}/cache/index{}", cpu_folder, index);
    const std::string level = first_line(folder + "/level");
    if (level.empty()) return otherwise;
    if (level == "3") return first_of(folder, {"/shared_cpu_list"}, otherwise);
  }
}

}  // namespace

Topology read_sys(const std::string& root) {
  Topology topology;
  const std::string folder = root + "/sys/devices/system/cpu";
  for (const int cpu : cpu_list(first_line(folder + "/online"))) {
    const std::string of_cpu = fmt::format("{}/cpu{}", folder, cpu);
    const int core = first_of(of_cpu, {"/topology/core_cpus_list", "/topology/thread_siblings_list"}, cpu);
    const int package = first_of(of_cpu, {"/topology/package_cpus_list", "/topology/core_siblings_list"}, core);
    topology.places.push_back({.cpu = cpu, .core = core, .l3 = first_of_l3(of_cpu, package), .package = package});
    topology.source = "/sys";
  }
  return topology;
}

#ifdef UDNN_HAVE_HWLOC

namespace {

/// The functions of libhwloc.so.15, loaded: libudnn.a needs no package where it is linked, and hwloc need not be there
/// where it runs.
class Hwloc {
 public:
  Hwloc() noexcept : library_(dlopen("libhwloc.so.15", RTLD_NOW | RTLD_LOCAL)) {
    is_complete_ = library_ != nullptr && load(api_version, "hwloc_get_api_version") &&
                   load(init, "hwloc_topology_init") && load(destroy, "hwloc_topology_destroy") &&
                   load(set_flags, "hwloc_topology_set_flags") && load(blacklist, "hwloc_topology_set_components") &&
                   load(filter_all, "hwloc_topology_set_all_types_filter") &&
                   load(filter, "hwloc_topology_set_type_filter") && load(discover, "hwloc_topology_load") &&
                   load(is_this_system, "hwloc_topology_is_thissystem") && load(depth_of, "hwloc_get_type_depth") &&
                   load(count_at, "hwloc_get_nbobjs_by_depth") && load(object_at, "hwloc_get_obj_by_depth") &&
                   load(first_in, "hwloc_bitmap_first");
  }
  ~Hwloc() {
    if (library_ != nullptr) dlclose(library_);
  }
  Hwloc(const Hwloc&) = delete;
  Hwloc& operator=(const Hwloc&) = delete;

  /// Structures are laid out as in the header this was built with.
  bool is_usable() const noexcept { return is_complete_ && api_version() >> 16U == HWLOC_API_VERSION >> 16U; }

  decltype(&hwloc_get_api_version) api_version = nullptr;
  decltype(&hwloc_topology_init) init = nullptr;
  decltype(&hwloc_topology_destroy) destroy = nullptr;
  decltype(&hwloc_topology_set_flags) set_flags = nullptr;
  decltype(&hwloc_topology_set_components) blacklist = nullptr;
  decltype(&hwloc_topology_set_all_types_filter) filter_all = nullptr;
  decltype(&hwloc_topology_set_type_filter) filter = nullptr;
  decltype(&hwloc_topology_load) discover = nullptr;
  decltype(&hwloc_topology_is_thissystem) is_this_system = nullptr;
  decltype(&hwloc_get_type_depth) depth_of = nullptr;
  decltype(&hwloc_get_nbobjs_by_depth) count_at = nullptr;
  decltype(&hwloc_get_obj_by_depth) object_at = nullptr;
  decltype(&hwloc_bitmap_first) first_in = nullptr;

 private:
  template <class Function>
  bool load(Function& function, const char* name) noexcept {
    function = reinterpret_cast<Function>(dlsym(library_, name));
    return function != nullptr;
  }

  void* library_;
  bool is_complete_ = false;
};

CpuPlace place_of(const Hwloc& hwloc, const hwloc_obj* pu) {
  const int cpu = static_cast<int>(pu->os_index);
  int core = cpu, l3 = -1, package = -1;
  for (const hwloc_obj* above = pu->parent; above != nullptr; above = above->parent) {
    const int first = hwloc.first_in(above->cpuset);
    if (above->type == HWLOC_OBJ_CORE) core = first;
    if (above->type == HWLOC_OBJ_L3CACHE) l3 = first;
    if (above->type == HWLOC_OBJ_PACKAGE) package = first;
  }
  if (package < 0) package = core;
  return {.cpu = cpu, .core = core, .l3 = l3 < 0 ? package : l3, .package = package};
}

/// Only what CpuPlace says, and from files: the "x86" component would run on every CPU in turn to ask it, and believes
/// what hypervisors tell CPUID (open-mpi/hwloc#444).
bool discover(const Hwloc& hwloc, hwloc_topology_t topology) {
  unsigned long flags = HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED;
#if HWLOC_API_VERSION >= 0x00020800
  flags |= HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING | HWLOC_TOPOLOGY_FLAG_NO_DISTANCES |
           HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS | HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS;
#endif
  // An older library refuses the newer flags, which only save time.
  const bool has_flags =
      hwloc.set_flags(topology, flags) == 0 || hwloc.set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED) == 0;
  // EINVAL: there is no such component, as in libraries for other architectures.
  const bool is_without_x86 =
      hwloc.blacklist(topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86") == 0 || errno == EINVAL;
  return has_flags && is_without_x86 && hwloc.filter_all(topology, HWLOC_TYPE_FILTER_KEEP_NONE) == 0 &&
         hwloc.filter(topology, HWLOC_OBJ_PACKAGE, HWLOC_TYPE_FILTER_KEEP_ALL) == 0 &&
         hwloc.filter(topology, HWLOC_OBJ_L3CACHE, HWLOC_TYPE_FILTER_KEEP_ALL) == 0 &&
         hwloc.filter(topology, HWLOC_OBJ_CORE, HWLOC_TYPE_FILTER_KEEP_ALL) == 0 && hwloc.discover(topology) == 0;
}

}  // namespace

std::optional<Topology> read_hwloc(bool of_any_machine) {
  const Hwloc hwloc;
  hwloc_topology_t found = nullptr;
  if (!hwloc.is_usable() || hwloc.init(&found) != 0) return std::nullopt;
  Topology topology{.places = {}, .source = "hwloc"};
  if (discover(hwloc, found) && (of_any_machine || hwloc.is_this_system(found) != 0)) {
    const int depth = hwloc.depth_of(found, HWLOC_OBJ_PU);
    for (unsigned i = 0; i < hwloc.count_at(found, depth); ++i)
      topology.places.push_back(place_of(hwloc, hwloc.object_at(found, depth, i)));
  }
  hwloc.destroy(found);
  if (topology.places.empty()) return std::nullopt;
  std::sort(topology.places.begin(), topology.places.end(),
            [](const CpuPlace& a, const CpuPlace& b) { return a.cpu < b.cpu; });
  return topology;
}

#else

std::optional<Topology> read_hwloc(bool /*of_any_machine*/) { return std::nullopt; }

#endif

const Topology& this_machine() {
  static const Topology topology = [] {
    auto found = read_hwloc();
    return found ? std::move(*found) : read_sys();
  }();
  return topology;
}

CpuOrder order_of(const Topology& topology, const CpuMask& allowed) {
  std::vector<CpuPlace> places;
  for (const CpuPlace& place : topology.places)
    if (allowed.has(place.cpu)) places.push_back(place);
  for (int cpu = 0; cpu < CpuMask::kMaxCpus; ++cpu) {
    const auto is_cpu = [cpu](const CpuPlace& place) { return place.cpu == cpu; };
    if (allowed.has(cpu) && std::none_of(places.begin(), places.end(), is_cpu))
      places.push_back({.cpu = cpu, .core = cpu, .l3 = cpu, .package = cpu});
  }
  std::sort(places.begin(), places.end(), [](const CpuPlace& a, const CpuPlace& b) {
    return std::tie(a.package, a.l3, a.core, a.cpu) < std::tie(b.package, b.l3, b.core, b.cpu);
  });

  CpuOrder order;
  std::vector<int> siblings_before;  // of each place: how many CPUs of its core come earlier
  int most = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const bool is_sibling = i > 0 && places[i].core == places[i - 1].core;
    siblings_before.push_back(is_sibling ? siblings_before.back() + 1 : 0);
    most = std::max(most, siblings_before.back());
  }
  for (int turn = 0; turn <= most; ++turn) {
    for (std::size_t i = 0; i < places.size(); ++i)
      if (siblings_before[i] == turn) order.cpus.push_back(places[i].cpu);
    if (turn == 0) order.cores = order.cpus.size();
  }
  return order;
}

namespace {

/// A file system of control groups: what of it is mounted, and where.
struct Mount {
  std::string root;
  std::string point;
};

std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> found;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    if (end > 0) found.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return found;
}

/// Mount points with blanks come as "\040".
std::string without_escapes(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int code = 0;
    if (text[i] == '\\' && i + 4 <= text.size() &&
        std::from_chars(&text[i + 1], text.data() + i + 4, code, 8).ptr == text.data() + i + 4) {
      plain.push_back(static_cast<char>(code));
      i += 3;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

bool lists(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    if (list.substr(0, end) == name) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

/// Where control groups are mounted: of version 2, or those of version 1 that know of CPU time.
std::optional<Mount> find_mount(const std::string& root, bool version_2) {
  std::ifstream mounts(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    // 36 35 98:0 ROOT POINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS
    const std::vector<std::string> fields = words(line);
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 5 || fields.end() - dash < 4) continue;
    if (version_2 ? dash[1] == "cgroup2" : dash[1] == "cgroup" && lists(dash[3], "cpu"))
      return Mount{without_escapes(fields[3]), without_escapes(fields[4])};
  }
  return std::nullopt;
}

/// The path of this process's group in its file system: "0::PATH" in version 2, "4:cpu,cpuacct:PATH" in version 1.
std::optional<std::string> find_group(const std::string& root, bool version_2) {
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = std::string_view(line).substr(first + 1, second - first - 1);
    if (version_2 ? line.compare(0, first, "0") == 0 && controllers.empty() : lists(controllers, "cpu"))
      return line.substr(second + 1);
  }
  return std::nullopt;
}

/// CPUs' worth of time, from "QUOTA PERIOD": "max 100000" and "-1 100000" are no limit.
std::optional<double> share_of(std::string_view text) {
  const auto quota = take_number(text);
  if (!quota || *quota <= 0 || !take(text, ' ')) return std::nullopt;
  const auto period = take_number(text);
  if (!period || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<double> least_share(const std::string& root, bool version_2) {
  const auto mount = find_mount(root, version_2);
  const auto group = find_group(root, version_2);
  if (!mount || !group) return std::nullopt;
  // Inside a container the group may be told as seen from outside. What is not below the mounted part is not to be
  // seen; its mount point is then this process's group, or as near as it gets.
  std::string path = mount->root == "/" ? *group : "";
  if (group->rfind(mount->root + "/", 0) == 0) path = group->substr(mount->root.size());
  if (path == "/" || path.find("/..") != std::string::npos) path.clear();

  std::optional<double> least;
  for (;;) {
    const std::string folder = root + mount->point + path;
    const auto share = share_of(version_2 ? first_line(folder + "/cpu.max")
                                          : fmt::format("{} {}", first_line(folder + "/cpu.cfs_quota_us"),
                                                        first_line(folder + "/cpu.cfs_period_us")));
    if (share && (!least || *share < *least)) least = share;
    if (path.empty()) return least;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

}  // namespace

std::optional<int> cpu_quota(const std::string& root) {
  std::optional<double> least;
  for (const bool version_2 : {true, false})
    if (const auto share = least_share(root, version_2); share && (!least || *share < *least)) least = share;
  if (!least) return std::nullopt;
  return static_cast<int>(std::min(std::ceil(*least), double{CpuMask::kMaxCpus}));
}

}  // namespace udnn::machine
