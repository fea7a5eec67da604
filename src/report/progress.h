// src/report/progress.h: how far it is.
//
//   terminal     one line, drawn again at most ten times a second:
//                epoch 2/5 [=========>          ]  47 %  loss 0.0812  21.4 k images/s  0:07 left
//   elsewhere    a line of its own, at most one every `line_seconds`, and one at the end:
//                epoch 2/5: 47 %, loss 0.0812, 21.4 k images/s, 0:07 left
//   quiet        nothing
//
// One thread. Time comes from a steady clock, or from the one a test gives.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

namespace udnn::report {

enum class ProgressStyle { kTerminal, kLines, kQuiet };

/// kTerminal where `file` is a terminal that can go back to the beginning of a line (TERM is not "dumb").
ProgressStyle style_for(std::FILE* file);

struct ProgressConfig {
  std::FILE* file = stderr;
  ProgressStyle style = ProgressStyle::kQuiet;
  std::string unit = "steps";  ///< what is counted: "images"
  double line_seconds = 5;
  std::size_t columns = 0;          ///< width of the terminal; 0: ask it
  std::function<double()> seconds;  ///< steady time; empty: the machine's
};

class ProgressBar {
 public:
  explicit ProgressBar(ProgressConfig config);
  ~ProgressBar();  ///< clears a line that is still there
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// A new stretch of `total` units, from zero: "epoch 2/5". `total` 0: not known.
  void start(std::string label, std::uint64_t total);

  /// `done` units so far, `rate` of them a second (0: not known), as whoever does the work measures it: the bar does
  /// not know what was done before it began, nor what its time was spent on. `note` ("loss 0.0812") may be empty. Cheap
  /// when it is too early to draw: one look at the clock.
  void update(std::uint64_t done, double rate, std::string_view note = {});

  /// The end of the stretch: the line in its last state is removed from a terminal; elsewhere it is printed if it was
  /// not. Whoever has a result to print prints it after this.
  void finish();

 private:
  void draw(double now);
  void clear();
  void print(const std::string& text);  // what cannot be shown is not missed: no error

  ProgressConfig config_;
  std::string label_;
  std::string note_;
  std::uint64_t total_ = 0;
  std::uint64_t done_ = 0;
  double rate_ = 0;
  double drawn_ = 0;         // when
  std::uint64_t shown_ = 0;  // done_ of the last drawing
  bool running_ = false;
  bool line_is_there_ = false;
};

}  // namespace udnn::report
