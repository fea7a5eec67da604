#include "src/training/evaluate.h"

#include <algorithm>
#include <cassert>
#include <chrono>

#include "src/ops/loss.h"

namespace udnn::training {

Evaluation evaluate(network::Engine& engine, const Team& team, const network::SampleSource& source,
                    std::span<const std::uint32_t> rows) {
  assert(source.labels != nullptr);
  const std::size_t count = rows.empty() ? source.count : rows.size();
  std::vector<double> losses(count);
  std::vector<std::int32_t> predictions(count);

  const auto start = std::chrono::steady_clock::now();
  team.run([&](Worker& worker) {
    for (std::size_t first = 0; first < count; first += engine.batch()) {
      const std::size_t size = std::min(engine.batch(), count - first);
      const network::Batch batch{
          .source = &source, .rows = rows.empty() ? rows : rows.subspan(first, size), .first = first, .count = size};
      engine.infer(worker, batch, nullptr, losses.data() + first, predictions.data() + first);
    }
  });
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;

  Evaluation evaluation{.confusion = ConfusionMatrix(engine.outputs()),
                        .loss = ops::mean_in_fixed_order(losses),
                        .images_per_second = static_cast<double>(count) / seconds.count()};
  for (std::size_t i = 0; i < count; ++i)
    evaluation.confusion.add(source.labels[rows.empty() ? i : rows[i]], predictions[i]);
  return evaluation;
}

}  // namespace udnn::training
