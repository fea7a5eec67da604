// perf/peers/race.h: everybody does the same product, in turns.
//
// In each round everybody has one turn, each time somebody else first; what disturbs the machine for a while disturbs
// all. A turn is one call that brings the caches to where they would be, then enough of them to fill 2 ms of CPU time
// (on several threads, of the wall's). Before the first round and after the last, every result is checked.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "perf/peers/subject.h"

namespace udnn::peers {

enum class Outcome {
  kTimed,
  kSlow,   ///< right, but more than 20 times slower than the fastest: two calls have to do
  kWrong,  ///< what it returned is not the product
};

struct Quartiles {
  double low = 0, median = 0, high = 0;
};

/// Of values in any order, at least one.
Quartiles quartiles_of(std::vector<double> values);

struct Entrant {
  const Subject* subject = nullptr;
  Outcome outcome = Outcome::kTimed;
  std::vector<double> call_ns;  ///< of each round; none if it is wrong

  double median_ns() const { return quartiles_of(call_ns).median; }
};

/// One product in one form.
struct Race {
  const TypeTraits* type = nullptr;
  Form form = Form::kCall;
  Shape shape;
  std::vector<Entrant> entrants;  ///< who has this product, in the order of the subjects
  double peak_gops = 0;           ///< of all threads, the fastest of the rounds; 0: unknown

  const Entrant* own() const;        ///< uDNN, if it was timed
  const Entrant* best_peer() const;  ///< null: no peer was right

  /// How many times faster uDNN is than the best peer: the median of the rounds, each with its own two times. 0: one of
  /// them is missing.
  double ratio() const;

  double gops(const Entrant& entrant) const { return 2 * shape.multiply_adds() / entrant.median_ns(); }
};

struct RaceOptions {
  std::size_t rounds = 9;
  int threads = 1;
};

/// Errors: kOutOfMemory.
Result<Race> race(Type type, Form form, const Shape& shape, const Subjects& subjects, const RaceOptions& options);

}  // namespace udnn::peers
