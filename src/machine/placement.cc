#include "src/machine/placement.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <forward_list>
#include <mutex>

namespace udnn::machine {

namespace {

// What threads share although they know nothing of each other. Both only say when not to bind; nothing else hangs on
// them.
std::atomic<int> running_teams = 0;
std::atomic<bool> teams_have_met = false;

/// What this thread was last told. Threads of OpenMP outlive a region, and come back to any team of their master.
struct Bound {
  const Placement* placement = nullptr;
  int cpu = -1;                           // -1: to none
  const Placement* foreign_in = nullptr;  // somebody else has set its mask: not to be touched for this placement
};
thread_local Bound bound;

CpuMask only(int cpu) noexcept {
  CpuMask mask;
  mask.add(cpu);
  return mask;
}

/// Gives the thread back what it had, unless its mask is no longer what it was bound to.
void release() noexcept {
  CpuMask now;
  if (now.read() && now == only(bound.cpu)) bound.placement->allowed.apply();
  bound.cpu = -1;
}

void bind_to(int cpu, const Placement& placement) noexcept {
  CpuMask now;
  const bool is_ours = now.read() && now == (bound.cpu >= 0 ? only(bound.cpu) : placement.allowed);
  if (is_ours && only(cpu).apply())
    bound = {.placement = &placement, .cpu = cpu, .foreign_in = nullptr};
  else
    bound = {.placement = nullptr, .cpu = -1, .foreign_in = &placement};
}

}  // namespace

int Placement::cpu_of(int index, int count, int caller) const noexcept {
  const auto cpu = static_cast<std::size_t>(caller);
  const std::vector<int>& seats = count <= cores() ? seat_of_core : seat_of_cpu;
  const bool is_taken = caller >= 0 && cpu < seats.size() && seats[cpu] == index;
  return order.cpus[is_taken ? 0 : static_cast<std::size_t>(index)];
}

Placement make_placement(const Topology& topology, const CpuMask& allowed) {
  Placement made;
  made.allowed = allowed;
  made.order = order_of(topology, allowed);
  made.source = topology.source;
  const std::vector<int>& cpus = made.order.cpus;
  if (cpus.empty()) return made;
  made.seat_of_cpu.assign(static_cast<std::size_t>(*std::max_element(cpus.begin(), cpus.end())) + 1, -1);
  for (std::size_t seat = 0; seat < cpus.size(); ++seat)
    made.seat_of_cpu[static_cast<std::size_t>(cpus[seat])] = static_cast<int>(seat);
  made.seat_of_core = made.seat_of_cpu;
  // Of the seats of one core the least is that of its first CPU.
  for (const CpuPlace& place : topology.places)
    for (const CpuPlace& sibling : topology.places)
      if (place.core == sibling.core && allowed.has(place.cpu) && allowed.has(sibling.cpu)) {
        int& seat = made.seat_of_core[static_cast<std::size_t>(place.cpu)];
        seat = std::min(seat, made.seat_of_cpu[static_cast<std::size_t>(sibling.cpu)]);
      }
  return made;
}

const Placement& placement_of(const CpuMask& allowed) {
  static std::mutex mutex;
  static std::forward_list<Placement> placements;
  const std::scoped_lock lock(mutex);
  const auto found = std::find_if(placements.begin(), placements.end(),
                                  [&](const Placement& placement) { return placement.allowed == allowed; });
  if (found != placements.end()) return *found;
  Placement& made = placements.emplace_front(make_placement(this_machine(), allowed));
  CpuMask now;
  made.can_bind = made.cpus() > 0 && now.read() && now.apply();
  return made;
}

Seats::Seats(const Placement* placement, Binding binding, int threads) noexcept
    : placement_(placement), binding_(binding), threads_(threads), caller_(-1) {
  if (running_teams.fetch_add(1, std::memory_order_relaxed) != 0) teams_have_met.store(true, std::memory_order_relaxed);
  if (have_met()) binding_ = Binding::kNone;
  if (binding_ != Binding::kNone) caller_ = sched_getcpu();
}

Seats::~Seats() { running_teams.fetch_sub(1, std::memory_order_relaxed); }

bool Seats::have_met() noexcept { return teams_have_met.load(std::memory_order_relaxed); }

void Seats::take(int index, int count) const noexcept {
  const bool is_bound = bound.cpu >= 0;
  if (is_bound && (binding_ == Binding::kNone || bound.placement != placement_)) release();
  if (binding_ == Binding::kNone || bound.foreign_in == placement_ || index >= placement_->cpus()) return;
  // Where OpenMP grants fewer threads than the team has, it is a smaller team.
  if (bound.cpu < 0 && (binding_ == Binding::kKeep || count != threads_)) return;
  const int cpu = placement_->cpu_of(index, count, caller_);
  if (cpu != bound.cpu) bind_to(cpu, *placement_);
}

}  // namespace udnn::machine
