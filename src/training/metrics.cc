#include "src/training/metrics.h"

#include <cassert>

namespace udnn::training {

namespace {

double ratio(double part, double whole) noexcept { return whole == 0 ? 0.0 : part / whole; }

double ratio(std::uint64_t part, std::uint64_t whole) noexcept {
  return ratio(static_cast<double>(part), static_cast<double>(whole));
}

}  // namespace

void ConfusionMatrix::add(std::uint32_t label, std::int32_t prediction) noexcept {
  assert(label < classes_ && (prediction < 0 || static_cast<std::size_t>(prediction) < classes_));
  const std::size_t column = prediction < 0 ? classes_ : static_cast<std::size_t>(prediction);
  ++counts_[label * (classes_ + 1) + column];
}

void ConfusionMatrix::merge(const ConfusionMatrix& other) noexcept {
  assert(classes_ == other.classes_);
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
}

std::uint64_t ConfusionMatrix::of_class(std::size_t label) const noexcept {
  std::uint64_t sum = 0;
  for (std::size_t p = 0; p <= classes_; ++p) sum += count(label, p);
  return sum;
}

std::uint64_t ConfusionMatrix::taken_for(std::size_t prediction) const noexcept {
  std::uint64_t sum = 0;
  for (std::size_t t = 0; t < classes_; ++t) sum += count(t, prediction);
  return sum;
}

std::uint64_t ConfusionMatrix::right() const noexcept {
  std::uint64_t sum = 0;
  for (std::size_t c = 0; c < classes_; ++c) sum += count(c, c);
  return sum;
}

std::uint64_t ConfusionMatrix::without_prediction() const noexcept { return taken_for(classes_); }

std::uint64_t ConfusionMatrix::total() const noexcept {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts_) sum += count;
  return sum;
}

double ConfusionMatrix::accuracy() const noexcept { return ratio(right(), total()); }

double ConfusionMatrix::kappa() const noexcept {
  const auto all = static_cast<double>(total());
  if (all == 0) return 0;
  double chance = 0;
  for (std::size_t c = 0; c < classes_; ++c)
    chance += (static_cast<double>(of_class(c)) / all) * (static_cast<double>(taken_for(c)) / all);
  return chance == 1 ? 1 : (accuracy() - chance) / (1 - chance);
}

double ConfusionMatrix::recall(std::size_t label) const noexcept { return ratio(count(label, label), of_class(label)); }

double ConfusionMatrix::precision(std::size_t label) const noexcept {
  return ratio(count(label, label), taken_for(label));
}

double ConfusionMatrix::f1(std::size_t label) const noexcept {
  return ratio(2 * count(label, label), of_class(label) + taken_for(label));
}

double ConfusionMatrix::macro(double (ConfusionMatrix::*figure)(std::size_t) const noexcept) const noexcept {
  double sum = 0;
  for (std::size_t c = 0; c < classes_; ++c) sum += (this->*figure)(c);
  return ratio(sum, static_cast<double>(classes_));
}

double ConfusionMatrix::macro_recall() const noexcept { return macro(&ConfusionMatrix::recall); }
double ConfusionMatrix::macro_precision() const noexcept { return macro(&ConfusionMatrix::precision); }
double ConfusionMatrix::macro_f1() const noexcept { return macro(&ConfusionMatrix::f1); }

}  // namespace udnn::training
