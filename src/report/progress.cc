#include "src/report/progress.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "src/base/terminal.h"
#include "src/report/human.h"

namespace udnn::report {

namespace {

constexpr double kTerminalSeconds = 0.1;
constexpr std::size_t kBarCells = 20;

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// At most `columns` code points: bytes that continue one do not count.
void cut(std::string& line, std::size_t columns) {
  std::size_t points = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    points += (static_cast<unsigned char>(line[i]) & 0xC0U) != 0x80U ? 1 : 0;
    if (points > columns) return line.resize(i);
  }
}

std::string clock_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::min(seconds + 0.5, 1e9));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace

ProgressStyle style_for(std::FILE* file) {
  return base::is_terminal(file) ? ProgressStyle::kTerminal : ProgressStyle::kLines;
}

ProgressBar::ProgressBar(ProgressConfig config) : config_(std::move(config)) {
  if (!config_.seconds) config_.seconds = steady_seconds;
}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::start(std::string label, std::uint64_t total) {
  finish();
  label_ = std::move(label);
  note_.clear();
  total_ = total;
  done_ = 0;
  shown_ = 0;
  rate_ = 0;
  drawn_ = config_.seconds();
  running_ = true;
}

void ProgressBar::update(std::uint64_t done, double rate, std::string_view note) {
  if (!running_ || config_.style == ProgressStyle::kQuiet) return;
  done_ = done;
  rate_ = rate;
  note_ = note;
  const double now = config_.seconds();
  const double wait = config_.style == ProgressStyle::kTerminal ? kTerminalSeconds : config_.line_seconds;
  if (now - drawn_ >= wait) draw(now);
}

void ProgressBar::finish() {
  if (!std::exchange(running_, false)) return;
  if (config_.style == ProgressStyle::kLines && done_ > shown_) draw(config_.seconds());
  clear();
}

void ProgressBar::draw(double now) {
  drawn_ = now;
  shown_ = done_;
  const double share = total_ > 0 ? std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_)) : 0;
  const std::string percent = total_ > 0 ? fmt::format("{:.0f} %", std::floor(100 * share)) : std::to_string(done_);
  const std::string speed = rate_ > 0 ? fmt::format("{} {}/s", human(rate_), config_.unit) : "";
  const bool ends = total_ > done_ && rate_ > 0;
  const std::string left = ends ? clock_text(static_cast<double>(total_ - done_) / rate_) + " left" : "";

  const bool on_terminal = config_.style == ProgressStyle::kTerminal;
  std::string line = label_;
  if (on_terminal) {
    if (total_ > 0) {
      const auto filled = static_cast<std::size_t>(share * kBarCells);
      const std::string bar = std::string(filled, '=') + (filled < kBarCells ? ">" : "");
      line += fmt::format(" [{:<{}}]", bar, kBarCells);
    }
    line += fmt::format(" {:>5}", percent);
  } else {
    line += ": " + percent;
  }
  for (const std::string* part : {&std::as_const(note_), &speed, &left})
    if (!part->empty()) line.append(on_terminal ? "  " : ", ").append(*part);

  if (on_terminal) {
    // A line that reaches the last column would scroll instead of being drawn over.
    const std::size_t columns = config_.columns > 0 ? config_.columns : base::terminal_columns(config_.file);
    cut(line, columns - 1);
    print("\r" + line + "\x1b[K");
    line_is_there_ = true;
  } else {
    print(line + "\n");
  }
}

void ProgressBar::clear() {
  if (!std::exchange(line_is_there_, false)) return;
  print("\r\x1b[K");
}

void ProgressBar::print(const std::string& text) {
  std::fputs(text.c_str(), config_.file);
  std::fflush(config_.file);
}

}  // namespace udnn::report
