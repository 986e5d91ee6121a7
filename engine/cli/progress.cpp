#include "engine/cli/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "engine/cli/failure.hpp"

namespace megaseal::cli {
namespace {

// What is done sooner than this needs no progress.
constexpr std::chrono::milliseconds kFirst{500};
constexpr std::chrono::milliseconds kInterval{200};

bool is_wanted(const Options& options) {
  if (options.quiet || options.json || ::isatty(STDERR_FILENO) != 1) return false;
  // On a terminal that cannot go back to the beginning of a line it would scroll everything away. Records that go
  // to the same terminal would be mixed with it.
  const char* const terminal = std::getenv("TERM");
  if (terminal == nullptr || std::string_view(terminal) == "dumb") return false;
  return !options.output.empty() || ::isatty(STDOUT_FILENO) != 1;
}

}  // namespace

Progress::Progress(const Options& options, uint64_t total_bytes)
    : total_bytes_(total_bytes), next_(is_wanted(options) ? begin_ + kFirst : Clock::time_point::max()) {}

Progress::~Progress() {
  if (shown_) status_line({});
}

void Progress::show(uint64_t num_records, uint64_t num_bytes) {
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + kInterval;
  shown_ = true;
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  std::string line =
      fmt::format("  {} records, {:.0f}/s", num_records, static_cast<double>(num_records) / seconds);
  if (total_bytes_ != 0) {
    const double done = std::min(1.0, static_cast<double>(num_bytes) / static_cast<double>(total_bytes_));
    line += fmt::format(", {:.0f} %", 100 * done);
    if (done > 0) line += fmt::format(", {:.0f} s left", seconds * (1 - done) / done);
  } else {
    line += fmt::format(", {} MB", num_bytes / 1'000'000);
  }
  status_line(line);
}

}  // namespace megaseal::cli
