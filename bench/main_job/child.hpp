// The megaseal command as a child process, with its time and memory.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace megaseal::main_job {

struct ChildResult {
  int exit_code;  // 128 + the signal's number where a signal ended it
  double seconds;
  uint64_t peak_bytes;
};

/// Runs a program, its standard streams being files; empty: inherited. `progress`, when set, is called ten
/// times a second with the fraction of `in` that the child has read.
ChildResult run_child(const std::vector<std::string>& args, const std::string& in, const std::string& out,
                      const std::string& err, const std::function<void(double)>& progress);

/// A line that shows how far a stage is and how long it will still take; nothing when standard error is no
/// terminal.
class Progress {
 public:
  explicit Progress(std::string stage);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void show(double fraction);

 private:
  std::string stage_;
  bool on_terminal_;
  double begin_;
  double last_shown_ = 0;
};

double now_seconds();

}  // namespace megaseal::main_job
