// What sealing and opening a stream of records have in common: blocks of records are read and written one at a
// time, in order, and turned into output on all threads at once in between.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/cli/files.hpp"
#include "engine/cli/frames.hpp"
#include "engine/cli/ordered.hpp"
#include "engine/cli/progress.hpp"
#include "engine/cli/rejects.hpp"

namespace megaseal::cli {

/// What records became.
struct Tally {
  uint64_t num_records = 0;  // read
  uint64_t num_done = 0;     // sealed records written, or records opened
  uint64_t num_bytes = 0;    // of plaintext
  uint64_t num_foreign = 0;  // passed over as somebody else's
  void operator+=(const Tally& other) {
    num_records += other.num_records;
    num_done += other.num_done;
    num_bytes += other.num_bytes;
    num_foreign += other.num_foreign;
  }
};

/// What a block of records became.
struct Outcome {
  std::string text;  // output: whole records
  std::vector<Reject> rejects;
  Tally tally;
};

/// Turns blocks of records into output, on one thread.
class BlockWorker {
 public:
  virtual ~BlockWorker() = default;
  /// Adds what became of the block to `out`. When out.text has grown large, `drain` writes it at once, as soon as
  /// all earlier blocks are written.
  virtual void work(const FrameBlock& block, Outcome& out, const std::function<void()>& drain) = 0;
  /// Gives memory back that a block of long records took.
  virtual void release() = 0;
};

class Stream {
 public:
  Stream(const Options& options, FrameReader::Blanks blanks, size_t block_len, uint64_t max_record);

  /// Runs until the input has ended, with a worker of its own for each thread; then the output takes its name,
  /// and a summary goes to standard error. Throws Failure, Interrupted or ClosedPipe; whatever it throws, the
  /// output holds whole records only.
  Exit run(const std::function<std::unique_ptr<BlockWorker>()>& make_worker, std::string_view backend);

  bool on_terminal() const { return output_.on_terminal(); }

 private:
  friend class StreamWorker;
  void write(Outcome& outcome);

  const Options& options_;
  const size_t block_len_;
  FrameReader reader_;
  Output output_;
  Rejects rejects_;  // after the output: where that cannot be made, the file of the last run stays as it is
  Progress progress_;
  Tally tally_;
  uint64_t num_bytes_read_ = 0;
};

}  // namespace megaseal::cli
