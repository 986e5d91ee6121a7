#include "engine/cli/ordered.hpp"

#include <system_error>
#include <thread>

#include "engine/cli/interrupt.hpp"

namespace megaseal::cli {

void Ordered::Turn::begin_work() {
  std::unique_lock lock(all_.mutex_);
  all_.changed_.wait(lock, [&] { return all_.num_at_work_ < all_.num_working_ || all_.error_; });
  if (all_.error_) throw Interrupted();
  ++all_.num_at_work_;
  working_ = true;
}

void Ordered::Turn::end_work() {
  if (!working_) return;
  const std::lock_guard lock(all_.mutex_);
  --all_.num_at_work_;
  working_ = false;
  all_.changed_.notify_all();
}

void Ordered::Turn::wait() {
  if (reached_) return;
  // The one before may still be waiting for its right to work.
  end_work();
  std::unique_lock lock(all_.mutex_);
  all_.changed_.wait(lock, [&] { return all_.num_written_ == number_ || all_.error_; });
  if (all_.error_) throw Interrupted();
  reached_ = true;
}

void Ordered::run(const std::vector<std::unique_ptr<Worker>>& workers) {
  std::vector<std::jthread> threads;
  try {
    for (size_t i = 1; i < workers.size(); ++i)
      threads.emplace_back([this, &worker = *workers[i]] { run_worker(worker); });
  } catch (const std::system_error&) {
    // With fewer threads than asked for the work goes on with those there are.
  }
  run_worker(*workers[0]);
  threads.clear();  // joins
  if (error_) std::rethrow_exception(error_);
  if (read_error_) std::rethrow_exception(read_error_);
}

bool Ordered::read(Worker& worker, uint64_t& out_number, size_t& out_len) {
  const std::lock_guard reading(read_mutex_);
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return bytes_in_flight_ < kMaxBytesInFlight || error_; });
    if (error_) return false;
  }
  if (ended_) return false;
  try {
    out_len = worker.read();
  } catch (...) {
    read_error_ = std::current_exception();
    out_len = 0;
  }
  ended_ = out_len == 0;
  if (ended_) return false;
  out_number = num_read_++;
  const std::lock_guard lock(mutex_);
  bytes_in_flight_ += out_len;
  return true;
}

void Ordered::run_worker(Worker& worker) noexcept {
  try {
    uint64_t number = 0;
    size_t len = 0;
    while (read(worker, number, len)) {
      Turn turn(*this, number);
      turn.begin_work();
      worker.work(turn);
      turn.wait();
      worker.write();
      const std::lock_guard lock(mutex_);
      ++num_written_;
      bytes_in_flight_ -= len;
      changed_.notify_all();
    }
  } catch (...) {
    fail(std::current_exception());
  }
}

void Ordered::fail(std::exception_ptr error) {
  const std::lock_guard lock(mutex_);
  if (error_) return;  // the others are told to stop by an exception too
  error_ = std::move(error);
  changed_.notify_all();
  stop_reading();
}

}  // namespace megaseal::cli
