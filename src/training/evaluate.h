// src/training/evaluate.h: how well a network does on samples it need not have seen.
#pragma once

#include <cstdint>
#include <vector>

#include "src/network/batch.h"
#include "src/network/engine.h"
#include "src/training/metrics.h"
#include "udnn/team.h"

namespace udnn::training {

struct Evaluation {
  ConfusionMatrix confusion;
  double loss = 0;               ///< mean over the samples, in their order
  double images_per_second = 0;  ///< of this evaluation
};

/// Runs the samples of `source` named by `rows` (empty: all) through the network, in batches of at most engine.batch().
/// The weights are those of the engine's last draw. The result does not depend on the batch or on the number of
/// threads. Requires labels, each below engine.outputs() (asserted).
Evaluation evaluate(network::Engine& engine, const Team& team, const network::SampleSource& source,
                    std::span<const std::uint32_t> rows = {});

}  // namespace udnn::training
