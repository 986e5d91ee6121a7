// Blocks that are read and written one at a time, in order, and worked on many at a time in between.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

namespace megaseal::cli {

class Ordered {
 public:
  /// Whose turn it is to write. Waiting for it gives up the right to work at the same time as the others.
  class Turn {
   public:
    /// Returns when all that was read before has been written. Throws Interrupted when a worker has failed.
    void wait();

   private:
    friend class Ordered;
    Turn(Ordered& all, uint64_t number) : all_(all), number_(number) {}
    void begin_work();
    void end_work();

    Ordered& all_;
    uint64_t number_;
    bool working_ = false;
    bool reached_ = false;
  };

  /// Has a block and the memory to work on it.
  class Worker {
   public:
    virtual ~Worker() = default;
    /// Takes the next block in; bytes of it, or 0 at the end of the input.
    virtual size_t read() = 0;
    virtual void work(Turn& turn) = 0;
    virtual void write() = 0;
  };

  /// At most `num_working` workers work() at a time. Those beyond that number read or write in the meantime.
  explicit Ordered(size_t num_working) : num_working_(num_working) {}

  /// Runs each worker on a thread of its own until read() has returned 0. What the first failure threw is thrown
  /// here: at once when work() or write() threw it; when it was read(), after all that was read before has been
  /// worked on and written.
  void run(const std::vector<std::unique_ptr<Worker>>& workers);

 private:
  // Blocks in flight are limited by their bytes as well as by the number of workers: records may be as large
  // as --max-record allows.
  static constexpr size_t kMaxBytesInFlight = 16 << 20;

  void run_worker(Worker& worker) noexcept;
  bool read(Worker& worker, uint64_t& out_number, size_t& out_len);
  void fail(std::exception_ptr error);

  const size_t num_working_;
  std::mutex read_mutex_;  // held while reading; before mutex_
  bool ended_ = false;
  std::exception_ptr read_error_;
  uint64_t num_read_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;  // anything below
  uint64_t num_written_ = 0;
  size_t num_at_work_ = 0;
  size_t bytes_in_flight_ = 0;
  std::exception_ptr error_;
};

}  // namespace megaseal::cli
