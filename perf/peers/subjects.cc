#include "perf/peers/subjects.h"

#include <algorithm>
#include <iterator>

namespace udnn::peers {

namespace {

constexpr Peer kPeers[] = {
    {"onednn", make_onednn}, {"aocl", make_aocl},       {"openblas", make_openblas}, {"blis", make_blis},
    {"mkl", make_mkl},       {"libxsmm", make_libxsmm}, {"xnnpack", make_xnnpack},
};

}  // namespace

std::span<const Peer> all_peers() { return kPeers; }

Result<Field> gather(const std::vector<std::string>& peers, const Setup& setup) {
  Field field;
  auto own = make_udnn(setup);
  if (!own) return own.error();
  field.subjects = std::move(*own);
  for (const Peer& peer : kPeers) {
    if (std::find(peers.begin(), peers.end(), peer.name) == peers.end()) continue;
    auto made = peer.make(setup);
    if (made)
      std::move(made->begin(), made->end(), std::back_inserter(field.subjects));
    else
      field.absent.push_back({std::string(peer.name), made.error().message()});
  }
  return field;
}

}  // namespace udnn::peers
