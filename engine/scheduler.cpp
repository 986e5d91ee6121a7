#include "engine/scheduler.hpp"

#include <algorithm>
#include <atomic>
#include <exception>

#include "backends/fork_generation.hpp"
#include "engine/signals_blocked.hpp"

namespace megaseal {

struct Scheduler::Job {
  void (*call)(const void*, uint32_t);
  const void* task;
  uint32_t num_tasks;
  std::atomic<uint32_t> next{0};
  // Under the scheduler's mutex:
  uint32_t helpers = 0;
  bool queued = false;
  Job* after = nullptr;
  std::condition_variable done;

  void claim_until_empty() {
    for (uint32_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < num_tasks;) call(task, i);
  }
};

Scheduler::Scheduler(uint32_t num_threads)
    : num_threads_(std::max(num_threads, 1u)), generation_(fork_generation()) {}

void Scheduler::destroy(Scheduler* scheduler) {
  if (scheduler && fork_generation() == scheduler->generation_) delete scheduler;
}

Scheduler::~Scheduler() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& t : threads_) t.join();
}

void Scheduler::start_threads() {
  std::lock_guard lock(mutex_);
  if (started_) return;
  started_ = true;
  const SignalsBlocked blocked;
  try {
    threads_.reserve(num_threads_ - 1);
    for (uint32_t i = 1; i < num_threads_; i++) threads_.emplace_back([this] { work(); });
  } catch (const std::exception&) {
    // Out of threads or memory: those that did start, and the callers, carry the work.
  }
}

void Scheduler::run_job(uint32_t num_tasks, void (*call)(const void*, uint32_t), const void* task) {
  if (num_tasks <= 1 || num_threads_ == 1 || fork_generation() != generation_) {
    for (uint32_t i = 0; i < num_tasks; i++) call(task, i);
    return;
  }
  start_threads();
  Job job;
  job.call = call;
  job.task = task;
  job.num_tasks = num_tasks;
  {
    std::lock_guard lock(mutex_);
    job.queued = true;
    (last_ ? last_->after : first_) = &job;
    last_ = &job;
  }
  for (uint32_t i = 1; i < std::min(num_tasks, num_threads_); i++) wake_.notify_one();
  job.claim_until_empty();

  std::unique_lock lock(mutex_);
  remove(&job);
  job.done.wait(lock, [&] { return job.helpers == 0; });
}

// Takes a job out of the queue, if it is still there. Under the mutex.
void Scheduler::remove(Job* job) {
  if (!job->queued) return;
  Job** link = &first_;
  Job* before = nullptr;
  while (*link != job) {
    before = *link;
    link = &before->after;
  }
  *link = job->after;
  if (last_ == job) last_ = before;
  job->queued = false;
}

void Scheduler::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stop_ || first_ != nullptr; });
    if (first_ == nullptr) return;  // stopping, and nothing left to do
    Job* job = first_;
    job->helpers++;
    lock.unlock();
    job->claim_until_empty();
    lock.lock();
    remove(job);
    // Notified under the lock: once it is released the job's owner may return and its stack frame go away.
    if (--job->helpers == 0) job->done.notify_one();
  }
}

}  // namespace megaseal
