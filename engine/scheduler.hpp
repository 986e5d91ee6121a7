// A small pool of threads that share out the tiles of a batch. Nobody spins: idle workers sleep on a
// condition variable, and so does a caller that waits for the last tiles of its batch.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace megaseal {

class Scheduler {
 public:
  /// `num_threads` counts the calling thread too: 1 starts no thread. Threads start with the first batch that
  /// can use them. Throws nothing: with fewer threads than asked for, work goes on with those there are.
  explicit Scheduler(uint32_t num_threads);
  /// Joins the threads. In a forked child, where they do not exist, it leaks instead: joining them, or
  /// destroying a condition variable they wait on, would block for ever.
  static void destroy(Scheduler* scheduler);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  uint32_t num_threads() const { return num_threads_; }

  /// Calls task(i) once for each i in [0, num_tasks), on the caller's thread and on idle workers, in rising
  /// order of start; returns when all are done. `task` must not throw. Any number of callers may run() at
  /// once. Allocates nothing once the threads are there.
  template <class Task>
  void run(uint32_t num_tasks, const Task& task) {
    run_job(
        num_tasks, [](const void* t, uint32_t i) { (*static_cast<const Task*>(t))(i); }, &task);
  }

 private:
  /// One run() in progress. It lives on its caller's stack; `helpers` keeps it there until the last worker
  /// has left.
  struct Job;

  ~Scheduler();
  void run_job(uint32_t num_tasks, void (*call)(const void*, uint32_t), const void* task);
  void start_threads();
  void work();
  void remove(Job* job);

  const uint32_t num_threads_;
  const uint64_t generation_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Job* first_ = nullptr;  // queue of jobs with tasks left to claim
  Job* last_ = nullptr;
  bool started_ = false;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace megaseal
