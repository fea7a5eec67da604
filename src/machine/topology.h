// src/machine/topology.h: where the CPUs of this machine stand, which of them a thread may use, and how many of them
// the quota of its control group grants. A CPU is what the operating system calls one: with SMT a core has several.
#pragma once

#include <sched.h>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace udnn::machine {

/// CPUs as the scheduler takes them. 8,192 is the most that Linux can be built for.
class CpuMask {
 public:
  static constexpr int kMaxCpus = 8192;

  /// Where this thread may run; false where the system does not say.
  bool read() noexcept;
  /// Lets this thread run there and nowhere else; false where the system does not permit it.
  bool apply() const noexcept;

  void add(int cpu) noexcept;
  bool has(int cpu) const noexcept;
  int count() const noexcept;
  bool operator==(const CpuMask& other) const noexcept;

 private:
  std::array<cpu_set_t, kMaxCpus / CPU_SETSIZE> sets_{};
};

/// Where a CPU stands. A core, a cache and a package are called after the first of their CPUs.
struct CpuPlace {
  int cpu = 0;
  int core = 0;
  int l3 = 0;  ///< the package where there is no such cache
  int package = 0;

  bool operator==(const CpuPlace&) const = default;
};

struct Topology {
  std::vector<CpuPlace> places;  ///< of each CPU that is online, in order of their numbers
  std::string_view source;       ///< "hwloc", "/sys" or, where neither says anything, ""
};

/// What hwloc says: the library is loaded for as long as it takes. Empty where there is none of the version this was
/// built for, or where it was told to describe another machine. `of_any_machine`: then too, for tests.
std::optional<Topology> read_hwloc(bool of_any_machine = false);

/// What the files below `root` say. CPUs of which they say nothing are cores of their own.
/// Source: Documentation/admin-guide/cputopology.rst and Documentation/ABI/testing/sysfs-devices-system-cpu of Linux.
Topology read_sys(const std::string& root = "/");

/// hwloc's answer or, without hwloc, that of the files. Found out by the first call, which takes milliseconds.
const Topology& this_machine();

/// CPUs in the order in which threads take them.
struct CpuOrder {
  std::vector<int>
      cpus;  ///< one of each core first, neighbours of one L3 and one package together; then their siblings
  std::size_t cores = 0;  ///< that many begin `cpus`
};

/// The allowed of the machine's CPUs in order. Allowed ones of which it knows nothing are taken for cores of their own.
CpuOrder order_of(const Topology& topology, const CpuMask& allowed);

/// The CPUs' worth of time that the control groups of this process grant, rounded up: the least of its own group and
/// all above it, in either version of control groups. Empty: no limit.
/// Source: Documentation/admin-guide/cgroup-v2.rst (cpu.max) and scheduler/sched-bwc.rst (cpu.cfs_quota_us) of Linux;
/// proc(5) for /proc/self/mountinfo.
std::optional<int> cpu_quota(const std::string& root = "/");

}  // namespace udnn::machine
