#include "src/data/digits.h"

#include <string>
#include <utility>

namespace udnn::data {

Dataset digits() {
  Dataset dataset;
  dataset.name = "digits";
  dataset.classes = 10;
  std::vector<std::uint8_t> train, test;
  for (std::size_t row = 0; row < kDigitCount; ++row) {
    const bool to_test = row % 5 == 0;
    const char* letters = kDigitRows[row];
    std::vector<std::uint8_t>& values = to_test ? test : train;
    for (std::size_t i = 0; i < kDigitPixels; ++i) values.push_back(static_cast<std::uint8_t>(letters[i] - 'a'));
    (to_test ? dataset.test : dataset.train).labels.push_back(static_cast<std::uint32_t>(letters[kDigitPixels] - '0'));
  }

  const auto finish = [](Samples& samples, std::vector<std::uint8_t>&& values) {
    samples.shape = {8, 8, 1};
    samples.count = samples.labels.size();
    samples.values = std::move(values);
    samples.divisor = 16;
  };
  finish(dataset.train, std::move(train));
  finish(dataset.test, std::move(test));
  for (std::size_t digit = 0; digit < dataset.classes; ++digit) dataset.class_names.push_back(std::to_string(digit));
  return dataset;
}

}  // namespace udnn::data
