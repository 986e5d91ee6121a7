#include "engine/cli/stream.hpp"

#include <algorithm>
#include <chrono>

#include "engine/cli/interrupt.hpp"
#include "engine/cli/roles.hpp"
#include "engine/cli/session.hpp"

namespace megaseal::cli {

// A block, what became of it, and who makes it so.
class StreamWorker : public Ordered::Worker {
 public:
  StreamWorker(Stream& stream, std::unique_ptr<BlockWorker> worker)
      : stream_(stream), worker_(std::move(worker)) {}

  size_t read() override {
    if (!stream_.reader_.next(block_)) return 0;
    // Frames may all have come with the block before, and 0 would be the end.
    return std::max(block_.num_bytes, size_t{1});
  }

  void work(Ordered::Turn& turn) override {
    worker_->work(block_, outcome_, [&] {
      turn.wait();
      stream_.output_.write(outcome_.text);
      outcome_.text.clear();
    });
    outcome_.tally.num_records = block_.frames.size();
  }

  void write() override {
    stream_.num_bytes_read_ += block_.num_bytes;
    stream_.write(outcome_);
    outcome_.text.clear();
    outcome_.rejects.clear();
    outcome_.tally = Tally{};
    if (block_.buffer.size() <= 4 * stream_.block_len_) return;
    // Memory stays flat on the whole when now and then a record is very long.
    block_.buffer.release();
    outcome_.text.shrink_to_fit();
    worker_->release();
  }

 private:
  Stream& stream_;
  std::unique_ptr<BlockWorker> worker_;
  FrameBlock block_;
  Outcome outcome_;
};

namespace {

const Options& check_roles(const Options& options) {
  check_outputs(options);
  return options;
}

// Binary would put a terminal into some unreadable mode.
const Options& check_terminal(const Options& options, const Output& output) {
  if (options.framing == Framing::len32 && output.on_terminal()) {
    fail_usage("--framing len32 is binary and does not go to a terminal; use -o FILE or a pipe");
  }
  return options;
}

}  // namespace

Stream::Stream(const Options& options, FrameReader::Blanks blanks, size_t block_len, uint64_t max_record)
    : options_(check_roles(options)),
      block_len_(block_len),
      reader_(options.inputs, options.framing, blanks, block_len, max_record),
      output_(options.output),
      rejects_(check_terminal(options, output_), reader_.inputs()),
      progress_(options, reader_.total_bytes()) {}

void Stream::write(Outcome& outcome) {
  output_.write(outcome.text);
  rejects_.add(outcome.rejects);
  tally_ += outcome.tally;
  progress_.show(tally_.num_records, num_bytes_read_);
}

Exit Stream::run(const std::function<std::unique_ptr<BlockWorker>()>& make_worker, std::string_view backend) {
  const auto begin = std::chrono::steady_clock::now();
  const uint32_t threads = num_threads(options_);
  std::vector<std::unique_ptr<Ordered::Worker>> workers;
  for (uint32_t i = 0; i < threads + 1; ++i)
    workers.push_back(std::make_unique<StreamWorker>(*this, make_worker()));
  Ordered(threads).run(workers);

  output_.commit();
  rejects_.summarize(tally_.num_records);
  if (options_.json) {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    tell(
        "{{\"records\":{},\"done\":{},\"plaintext_bytes\":{},\"rejected\":{},\"not_opened\":{},\"foreign\":{}"
        ","
        "\"seconds\":{:.3f},\"backend\":\"{}\",\"threads\":{}}}",
        tally_.num_records, tally_.num_done, tally_.num_bytes, rejects_.num_malformed(),
        rejects_.num_not_opened(), tally_.num_foreign, seconds.count(), backend, threads);
  }
  return rejects_.exit();
}

}  // namespace megaseal::cli
