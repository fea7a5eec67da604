#include "src/training/schedule.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <iterator>
#include <span>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "src/base/nearest.h"
#include "src/base/portable_math.h"
#include "src/base/refusal.h"

namespace udnn::training {

namespace {

constexpr ScheduleInfo kSchedules[] = {
    {"constant"}, {"step", true, true}, {"exponential", true}, {"cosine"}, {"linear"},
};

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    words.push_back(text.substr(0, text.find(' ')));
    text.remove_prefix(words.back().size());
  }
}

template <class Number>
bool read(std::string_view word, Number& number) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  return error == std::errc() && end == word.data() + word.size();
}

// The words that are left to read. Each take_ removes one.
class Words {
 public:
  Words(std::span<const std::string_view> words, std::string_view text) : words_(words), text_(text) {}

  std::string_view next() noexcept {
    const std::string_view word = words_.empty() ? std::string_view() : words_.front();
    if (!words_.empty()) words_ = words_.subspan(1);
    return word;
  }

  Status take_factor(double& factor) {
    const std::string_view word = next();
    if (read(word, factor) && factor > 0 && factor <= 1) return {};
    return base::invalid("schedule: \"{}\": FACTOR '{}', expected a number above 0 and at most 1", text_, word);
  }

  Status take_count(const char* name, std::uint64_t& count) {
    const std::string_view word = next();
    if (read(word, count) && count > 0) return {};
    return base::invalid("schedule: \"{}\": {} '{}', expected a whole number of at least 1", text_, name, word);
  }

 private:
  std::span<const std::string_view> words_;
  std::string_view text_;
};

}  // namespace

std::span<const ScheduleInfo> all_schedules() noexcept { return kSchedules; }

Result<Schedule> Schedule::parse(std::string_view text) {
  const auto all = words_of(text);
  Words words(all, text);
  Schedule made;
  Status status;
  const std::string_view name = words.next();
  const auto found = std::find_if(std::begin(kSchedules), std::end(kSchedules),
                                  [&](const ScheduleInfo& info) { return info.name == name; });
  if (found == std::end(kSchedules))
    return base::invalid("schedule: '{}'{}", name, base::did_you_mean(name, base::names_of(all_schedules())));
  made.kind_ = static_cast<Kind>(found - std::begin(kSchedules));
  if (found->has_factor) status = words.take_factor(made.factor_);
  if (found->has_epochs && status.ok()) status = words.take_count("EPOCHS", made.epochs_);
  if (!status.ok()) return status;

  std::string_view rest = words.next();
  if (rest == "warmup") {
    if (status = words.take_count("warmup", made.warmup_); !status.ok()) return status;
    rest = words.next();
    if (!rest.empty()) return base::invalid("schedule: \"{}\": '{}', expected nothing more", text, rest);
  }
  if (!rest.empty()) return base::invalid("schedule: \"{}\": '{}', expected 'warmup' or nothing more", text, rest);
  return made;
}

double Schedule::rate(double base_rate, std::uint64_t step, std::uint64_t steps,
                      std::uint64_t steps_per_epoch) const noexcept {
  assert(step < steps && steps_per_epoch > 0);
  if (step < warmup_) return base_rate * (static_cast<double>(step + 1) / static_cast<double>(warmup_));
  const double done = static_cast<double>(step - warmup_) / static_cast<double>(steps - warmup_);
  const std::uint64_t epoch = step / steps_per_epoch;
  switch (kind_) {
    case Kind::kConstant:
      return base_rate;
    case Kind::kStep:
      return base_rate * base::power(factor_, epoch / epochs_);
    case Kind::kExponential:
      return base_rate * base::power(factor_, epoch);
    case Kind::kCosine:
      return base_rate * ((1 + base::cosine_of_half_turns(done)) / 2);
    case Kind::kLinear:
      return base_rate * (1 - done);
  }
  return base_rate;
}

std::string Schedule::text() const {
  const ScheduleInfo& info = kSchedules[static_cast<std::size_t>(kind_)];
  std::string text(info.name);
  if (info.has_factor) text += fmt::format(" {}", factor_);
  if (info.has_epochs) text += fmt::format(" {}", epochs_);
  if (warmup_ > 0) text += fmt::format(" warmup {}", warmup_);
  return text;
}

}  // namespace udnn::training
