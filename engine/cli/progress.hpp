// How far a run has come, on standard error, where that is a terminal and nothing else was asked for.
#pragma once
#include <chrono>
#include <cstdint>

#include "engine/cli/options.hpp"

namespace megaseal::cli {

class Progress {
 public:
  /// `total_bytes`: of the input; 0: unknown.
  Progress(const Options& options, uint64_t total_bytes);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  /// Both counted from the beginning. Shown now and then, not each time. One thread at a time.
  void show(uint64_t num_records, uint64_t num_bytes);

 private:
  using Clock = std::chrono::steady_clock;
  uint64_t total_bytes_;
  bool shown_ = false;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point next_;
};

}  // namespace megaseal::cli
