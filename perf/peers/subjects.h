// perf/peers/subjects.h: everybody who can take part.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "perf/peers/subject.h"

namespace udnn::peers {

struct Peer {
  std::string_view name;  ///< of the command line, and of its folder
  MakeSubjects make;
};

/// In the order in which they are loaded.
std::span<const Peer> all_peers();

struct Absent {
  std::string name, reason;
};

struct Field {
  Subjects subjects;  ///< uDNN first
  std::vector<Absent> absent;
};

/// uDNN and the named peers, those that could be had. Errors: those of uDNN alone.
Result<Field> gather(const std::vector<std::string>& peers, const Setup& setup);

}  // namespace udnn::peers
