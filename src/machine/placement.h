// src/machine/placement.h: which thread of a team runs on which CPU.
//
//   CPUs in order   0   1   2   3        of 4 cores, one thread each (CpuOrder)
//   threads         -   1   2   3        the caller, thread 0, is bound to nothing and runs on CPU 0
//                   2   1   -   3        it was found on CPU 2 when the run began: who had that takes the free one
//
// The caller belongs to the host program. To bind it for a run and to give its mask back afterwards takes 3.4 us, more
// than a run that does nothing (1.4 us; perf/team_bench, Zen 5, 2026-11); to ask where it runs takes no system call.
// With every other CPU taken it stays where it is.
#pragma once

#include <string_view>
#include <vector>

#include "src/machine/topology.h"

namespace udnn::machine {

/// The CPUs on which threads of one affinity mask are placed. Never changes, and lives as long as the process.
struct Placement {
  CpuMask allowed;
  CpuOrder order;
  std::string_view source;        ///< of the topology
  std::vector<int> seat_of_cpu;   ///< index in `order`, or -1
  std::vector<int> seat_of_core;  ///< by CPU: that of the first CPU of its core, or -1
  bool can_bind = false;          ///< the operating system lets this process bind its threads

  int cpus() const noexcept { return static_cast<int>(order.cpus.size()); }
  int cores() const noexcept { return static_cast<int>(order.cores); }

  /// The CPU of thread `index` of `count` while the caller runs on `caller`. Requires 0 < index < count <= cpus().
  int cpu_of(int index, int count, int caller) const noexcept;
};

Placement make_placement(const Topology& topology, const CpuMask& allowed);

/// That of this machine, made when the first thread with this mask asks for it. Threads: any number of them at once.
const Placement& placement_of(const CpuMask& allowed);

/// What a team does with the binding of its threads.
enum class Binding : unsigned char {
  kNone,  ///< they may run everywhere: those bound before are released
  kKeep,  ///< those bound before stay bound, the others free
  kBind,
};

/// The seats of one run of a team. No team is bound any more from the moment when two ran at the same time: bound to
/// the same CPUs they would wait for one another while others are idle.
class Seats {
 public:
  /// Called by the thread that calls run(). `placement` may be null with kNone.
  Seats(const Placement* placement, Binding binding, int threads) noexcept;
  ~Seats();
  Seats(const Seats&) = delete;
  Seats& operator=(const Seats&) = delete;

  /// Called by each thread but the caller's at its beginning. It is a comparison where the thread has its seat already,
  /// and a system call or three where not. A thread whose mask was changed by somebody else is left alone.
  void take(int index, int count) const noexcept;

  /// Whether two teams have ever run at the same time.
  static bool have_met() noexcept;

 private:
  const Placement* placement_;
  Binding binding_;
  int threads_;
  int caller_;
};

}  // namespace udnn::machine
