// Where CPUs stand, in which order threads take them, and what quotas of control groups leave, on trees of files as
// Linux writes them.
#include "src/machine/topology.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "src/machine/memory.h"
#include "src/machine/placement.h"
#include "tests/temporary_folder.h"

namespace udnn::test {
namespace {

using machine::cpu_quota;
using machine::CpuMask;
using machine::CpuOrder;
using machine::CpuPlace;
using machine::Placement;
using machine::Topology;

using Cpus = std::vector<int>;

/// A folder that stands for "/".
class Root {
 public:
  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = folder_.path() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text << '\n';
  }
  const std::string& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

std::string list_of(const Cpus& cpus) {
  std::string list;
  for (const int cpu : cpus) list.append(list.empty() ? "" : ",").append(std::to_string(cpu));
  return list;
}

std::string map_of(const Cpus& cpus) {  // as the kernel prints bits, for CPUs below 32
  std::uint32_t bits = 0;
  for (const int cpu : cpus) bits |= std::uint32_t{1} << static_cast<unsigned>(cpu);
  char text[9];
  std::snprintf(text, sizeof text, "%08x", bits);
  return text;
}

/// /sys/devices/system/cpu of a machine whose CPUs stand at `places`, with the names of Linux 5 or older ones.
void write_cpus(const Root& root, const std::vector<CpuPlace>& places, bool old_names) {
  const std::string folder = "/sys/devices/system/cpu";
  Cpus online;
  for (const CpuPlace& place : places) {
    online.push_back(place.cpu);
    const auto write = [&](const std::string& file, const std::string& text) {
      root.write(folder + "/cpu" + std::to_string(place.cpu) + file, text);
    };
    Cpus core, l3, package;
    for (const CpuPlace& other : places) {
      if (other.core == place.core) core.push_back(other.cpu);
      if (other.l3 == place.l3) l3.push_back(other.cpu);
      if (other.package == place.package) package.push_back(other.cpu);
    }
    write(old_names ? "/topology/thread_siblings" : "/topology/core_cpus", map_of(core));
    write(old_names ? "/topology/thread_siblings_list" : "/topology/core_cpus_list", list_of(core));
    write(old_names ? "/topology/core_siblings" : "/topology/package_cpus", map_of(package));
    write(old_names ? "/topology/core_siblings_list" : "/topology/package_cpus_list", list_of(package));
    write("/topology/core_id", std::to_string(place.core));
    write("/topology/physical_package_id", std::to_string(place.package));
    const auto write_cache = [&](const std::string& index, const std::string& level, const Cpus& cpus) {
      write("/cache/index" + index + "/level", level);
      write("/cache/index" + index + "/type", level == "1" ? "Data" : "Unified");
      write("/cache/index" + index + "/size", "32K");
      write("/cache/index" + index + "/shared_cpu_map", map_of(cpus));
      write("/cache/index" + index + "/shared_cpu_list", list_of(cpus));
    };
    write_cache("0", "1", core);
    write_cache("1", "3", l3);
  }
  root.write(folder + "/online", list_of(online));
  root.write(folder + "/possible", list_of(online));
  root.write(folder + "/present", list_of(online));
}

/// Two packages of four cores, two caches in each, two threads on each core; siblings have the later numbers, as
/// firmware usually counts, and CPU 3 is offline.
std::vector<CpuPlace> two_packages() {
  std::vector<CpuPlace> places;
  for (int cpu = 0; cpu < 16; ++cpu)
    if (const int core = cpu % 8; cpu != 3)
      places.push_back({.cpu = cpu, .core = core == 3 ? 11 : core, .l3 = core / 2 * 2, .package = core / 4 * 4});
  return places;
}

CpuMask mask_of(const Cpus& cpus) {
  CpuMask mask;
  for (const int cpu : cpus) mask.add(cpu);
  return mask;
}

Cpus all_of(const Topology& topology) {
  Cpus cpus;
  for (const CpuPlace& place : topology.places) cpus.push_back(place.cpu);
  return cpus;
}

TEST(Topology, ReadsFilesOfEitherName) {
  for (const bool old_names : {false, true}) {
    const Root root;
    write_cpus(root, two_packages(), old_names);
    EXPECT_EQ(machine::read_sys(root.path()).places, two_packages()) << "old names: " << old_names;
  }
}

TEST(Topology, TakesCpusWithoutFilesForCores) {
  const Root root;
  EXPECT_TRUE(machine::read_sys(root.path()).places.empty());
  for (const char* broken : {"0-", "1-0", "x", "0-99999999999999999999", "0,,1", "-1", "0-8192"}) {
    root.write("/sys/devices/system/cpu/online", broken);
    EXPECT_TRUE(machine::read_sys(root.path()).places.empty()) << broken;
  }
  root.write("/sys/devices/system/cpu/online", "0-1,4");
  const Topology topology = machine::read_sys(root.path());
  EXPECT_EQ(all_of(topology), (Cpus{0, 1, 4}));
  EXPECT_EQ(order_of(topology, mask_of({0, 1, 4})).cores, 3U);
  // Nobody has told of CPU 5: it is one, all the same.
  EXPECT_EQ(order_of(topology, mask_of({5, 4})).cpus, (Cpus{4, 5}));
}

TEST(Topology, GivesThreadsCoresBeforeSiblings) {
  const Topology machine{.places = two_packages(), .source = "test"};
  const CpuOrder all = order_of(machine, mask_of(all_of(machine)));
  EXPECT_EQ(all.cpus, (Cpus{0, 1, 2, 11, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15}));
  EXPECT_EQ(all.cores, 8U);
  // Numbered core by core, with a core of one thread, as hybrid machines are.
  const Topology hybrid{.places = {{.cpu = 0, .core = 0},
                                   {.cpu = 1, .core = 0},
                                   {.cpu = 2, .core = 2},
                                   {.cpu = 3, .core = 2},
                                   {.cpu = 4, .core = 4}},
                        .source = "test"};
  EXPECT_EQ(order_of(hybrid, mask_of({0, 1, 2, 3, 4})).cpus, (Cpus{0, 2, 4, 1, 3}));
}

TEST(Topology, OrdersOnlyWhatIsAllowed) {
  const Topology machine{.places = two_packages(), .source = "test"};
  const CpuOrder some = order_of(machine, mask_of({4, 9, 10, 12}));
  EXPECT_EQ(some.cpus, (Cpus{9, 10, 4, 12}));
  EXPECT_EQ(some.cores, 3U);
  EXPECT_TRUE(order_of(machine, {}).cpus.empty());
}

#ifdef UDNN_HAVE_HWLOC
TEST(Topology, HearsTheSameFromHwlocAsFromFiles) {
  const auto from_hwloc = machine::read_hwloc();
  ASSERT_TRUE(from_hwloc);
  EXPECT_EQ(from_hwloc->places, machine::read_sys().places);
  for (const bool old_names : {false, true}) {
    const Root root;
    write_cpus(root, two_packages(), old_names);
    setenv("HWLOC_FSROOT", root.path().c_str(), 1);
    const auto of_files = machine::read_hwloc(true);
    EXPECT_FALSE(machine::read_hwloc()) << "where the files are not this machine's";
    unsetenv("HWLOC_FSROOT");
    ASSERT_TRUE(of_files);
    EXPECT_EQ(of_files->places, two_packages()) << "old names: " << old_names;
  }
}
#endif

TEST(CpuMask, HoldsWhatItIsGiven) {
  CpuMask mask = mask_of({0, 1023, 1024, 8191});
  EXPECT_EQ(mask.count(), 4);
  EXPECT_TRUE(mask.has(1024));
  EXPECT_FALSE(mask.has(1025));
  EXPECT_FALSE(mask.has(-1));
  EXPECT_FALSE(mask.has(8192));
  EXPECT_NE(mask, mask_of({0, 1023, 1024}));
  ASSERT_TRUE(mask.read());
  EXPECT_GE(mask.count(), 1);
}

TEST(Placement, KeepsThreadsOffTheCpuOfTheCaller) {
  const Topology machine{.places = two_packages(), .source = "test"};
  for (const Cpus& allowed : {Cpus{0, 1, 2, 11, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15}, Cpus{1, 9, 4}, Cpus{0, 2}}) {
    const Placement placement = machine::make_placement(machine, mask_of(allowed));
    for (int count = 2; count <= placement.cpus(); ++count)
      for (int caller = -1; caller < 17; ++caller) {
        SCOPED_TRACE(testing::Message() << count << " threads, caller on CPU " << caller);
        Cpus taken;
        for (int index = 1; index < count; ++index) taken.push_back(placement.cpu_of(index, count, caller));
        std::sort(taken.begin(), taken.end());
        EXPECT_EQ(std::adjacent_find(taken.begin(), taken.end()), taken.end()) << "two threads on one CPU";
        for (const int cpu : taken) {
          EXPECT_NE(std::find(allowed.begin(), allowed.end(), cpu), allowed.end()) << cpu;
          if (std::find(allowed.begin(), allowed.end(), caller) == allowed.end()) continue;
          EXPECT_NE(cpu, caller);
          if (count > placement.cores()) continue;
          const auto core = [&](int of) {
            return std::find_if(machine.places.begin(), machine.places.end(),
                                [&](const CpuPlace& place) { return place.cpu == of; })
                ->core;
          };
          EXPECT_NE(core(cpu), core(caller));
        }
      }
  }
}

/// A control group file system as /proc/self/mountinfo tells of it.
std::string mount_line(const std::string& root, const std::string& point, const std::string& type,
                       const std::string& controllers) {
  return "35 31 0:32 " + root + " " + point + " rw,nosuid,nodev,noexec,relatime shared:9 - " + type + " cgroup rw" +
         controllers;
}

TEST(CpuQuota, IsNoneWhereNothingIsSaid) {
  const Root root;
  EXPECT_EQ(cpu_quota(root.path()), std::nullopt);
  root.write("/proc/self/cgroup", "0::/user.slice");
  EXPECT_EQ(cpu_quota(root.path()), std::nullopt);
  root.write("/proc/self/mountinfo", "22 28 0:21 / /proc rw,relatime - proc proc rw\nnonsense\n31 - cgroup2");
  EXPECT_EQ(cpu_quota(root.path()), std::nullopt);
}

TEST(CpuQuota, IsTheLeastOfAllGroupsAbove) {  // systemd on a host
  const Root root;
  root.write("/proc/self/cgroup", "0::/user.slice/user-1000.slice/session-2.scope");
  root.write("/proc/self/mountinfo", mount_line("/", "/sys/fs/cgroup", "cgroup2", ",nsdelegate"));
  const std::string user = "/sys/fs/cgroup/user.slice/user-1000.slice";
  root.write(user + "/session-2.scope/cpu.max", "max 100000");
  root.write(user + "/cpu.max", "max 100000");
  EXPECT_EQ(cpu_quota(root.path()), std::nullopt);
  root.write(user + "/cpu.max", "250000 100000");
  EXPECT_EQ(cpu_quota(root.path()), 3);
  root.write(user + "/session-2.scope/cpu.max", "800000 100000");
  EXPECT_EQ(cpu_quota(root.path()), 3);
  root.write("/sys/fs/cgroup/user.slice/cpu.max", "50000 200000");
  EXPECT_EQ(cpu_quota(root.path()), 1);
}

TEST(CpuQuota, IsThatOfAContainer) {  // a name space of its own: the group is the mount point
  const Root root;
  root.write("/proc/self/cgroup", "0::/");
  root.write("/proc/self/mountinfo", mount_line("/", "/sys/fs/cgroup", "cgroup2", ""));
  root.write("/sys/fs/cgroup/cpu.max", "400000 100000");
  EXPECT_EQ(cpu_quota(root.path()), 4);
  root.write("/proc/self/cgroup", "0::/../../other");  // what lies outside the name space cannot be seen
  EXPECT_EQ(cpu_quota(root.path()), 4);
  for (const char* broken : {"", "400000", "x 100000", "400000 x", "400000 0", "-5 100000", "99999999999999999999 1"}) {
    root.write("/sys/fs/cgroup/cpu.max", broken);
    EXPECT_EQ(cpu_quota(root.path()), std::nullopt) << broken;
  }
}

TEST(CpuQuota, IsReadInTheFirstVersionToo) {
  const Root root;
  root.write("/proc/self/cgroup", "9:name=systemd:/\n4:cpuacct:/no\n2:cpu,cpuset:/jobs/a job\n0::/");
  root.write("/proc/self/mountinfo", mount_line("/", "/sys/fs/cgroup/cpuacct", "cgroup", ",cpuacct") + "\n" +
                                         mount_line("/", "/sys/fs/c\\040group", "cgroup", ",cpu,cpuset"));
  const std::string jobs = "/sys/fs/c group/jobs";
  root.write(jobs + "/a job/cpu.cfs_quota_us", "-1");
  root.write(jobs + "/a job/cpu.cfs_period_us", "100000");
  EXPECT_EQ(cpu_quota(root.path()), std::nullopt);
  root.write(jobs + "/cpu.cfs_quota_us", "150000");
  root.write(jobs + "/cpu.cfs_period_us", "100000");
  EXPECT_EQ(cpu_quota(root.path()), 2);
}

TEST(CpuQuota, OfAContainerSeesItsOwnPart) {  // of the first version: told as from outside, mounted as its own
  const Root root;
  root.write("/proc/self/cgroup", "4:cpu,cpuacct:/docker/f00d\n0::/");
  root.write("/proc/self/mountinfo", mount_line("/docker/f00d", "/sys/fs/cgroup/cpu", "cgroup", ",cpu,cpuacct"));
  root.write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "600000");
  root.write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  EXPECT_EQ(cpu_quota(root.path()), 6);
  root.write("/proc/self/cgroup", "4:cpu,cpuacct:/docker/f00d/part\n0::/");
  root.write("/sys/fs/cgroup/cpu/part/cpu.cfs_quota_us", "200000");
  root.write("/sys/fs/cgroup/cpu/part/cpu.cfs_period_us", "100000");
  EXPECT_EQ(cpu_quota(root.path()), 2);
}

TEST(L2, IsWhatTheSystemSaysWithinReason) {
  const std::size_t bytes = machine::l2_bytes();
  EXPECT_GE(bytes, std::size_t{256} << 10U);
  EXPECT_LE(bytes, std::size_t{2} << 20U);
  const long said = sysconf(_SC_LEVEL2_CACHE_SIZE);
  if (said >= 256 << 10 && said <= 2 << 20) {
    EXPECT_EQ(bytes, static_cast<std::size_t>(said));
  }
}

}  // namespace
}  // namespace udnn::test
