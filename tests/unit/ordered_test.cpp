// Ordered: whatever time the work takes and wherever it fails, blocks are written in the order in which they were
// read, and everything comes to an end.
#include "engine/cli/ordered.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>

namespace megaseal::cli {
namespace {

using namespace std::chrono_literals;

constexpr size_t kNowhere = SIZE_MAX;

struct Plan {
  size_t num_blocks = 0;
  size_t num_working = 1;
  size_t num_workers = 2;
  size_t block_len = 1;
  size_t wait_one_in = 0;  // blocks that wait for their turn within work(); 0: none
  size_t read_fails = kNowhere;
  size_t work_fails = kNowhere;
  size_t write_fails = kNowhere;
  uint32_t seed = 1;
};

// What all workers of a run share. Everything is checked from within.
struct Shared {
  const Plan& plan;
  std::atomic<size_t> num_read{0};
  std::atomic<size_t> num_written{0};
  std::atomic<size_t> num_at_work{0};
  std::atomic<size_t> most_at_work{0};
  std::atomic<size_t> in_flight{0};  // bytes
  std::atomic<size_t> most_in_flight{0};
  std::atomic<int> reading{0};
  std::atomic<int> writing{0};
  // Not atomic: ThreadSanitizer sees whether reads are ordered among themselves, and writes.
  size_t next_to_read = 0;
  std::vector<size_t> written = {};
};

void raise_to(std::atomic<size_t>& most, size_t value) {
  for (size_t old = most; old < value && !most.compare_exchange_weak(old, value);) {
  }
}

class TestWorker : public Ordered::Worker {
 public:
  TestWorker(Shared& run, uint32_t seed) : run_(run), random_(seed) {}

  size_t read() override {
    EXPECT_EQ(run_.reading++, 0);
    pass_time();
    number_ = run_.next_to_read++;
    --run_.reading;
    if (number_ == run_.plan.read_fails) throw std::runtime_error("read");
    if (number_ >= run_.plan.num_blocks) return 0;
    ++run_.num_read;
    raise_to(run_.most_in_flight, run_.in_flight += run_.plan.block_len);
    return run_.plan.block_len;
  }

  void work(Ordered::Turn& turn) override {
    raise_to(run_.most_at_work, ++run_.num_at_work);
    pass_time();
    --run_.num_at_work;
    if (number_ == run_.plan.work_fails) throw std::runtime_error("work");
    if (run_.plan.wait_one_in == 0 || random_() % run_.plan.wait_one_in != 0) return;
    for (int i = 0; i < 2; ++i) {
      turn.wait();
      EXPECT_EQ(run_.num_written, number_);
    }
  }

  void write() override {
    EXPECT_EQ(run_.writing++, 0);
    pass_time();
    --run_.writing;
    if (number_ == run_.plan.write_fails) throw std::runtime_error("write");
    run_.written.push_back(number_);
    run_.in_flight -= run_.plan.block_len;
    ++run_.num_written;
  }

 private:
  void pass_time() {
    switch (random_() % 8) {
      case 0:
        std::this_thread::sleep_for(std::chrono::microseconds(random_() % 200));
        break;
      case 1:
        std::this_thread::yield();
        break;
      default:
        break;
    }
  }

  Shared& run_;
  std::mt19937 random_;
  size_t number_ = 0;
};

// Returns what it ended with: "", or what was thrown.
std::string run_plan(Shared& run) {
  std::vector<std::unique_ptr<Ordered::Worker>> workers;
  for (size_t i = 0; i < run.plan.num_workers; ++i)
    workers.push_back(std::make_unique<TestWorker>(run, run.plan.seed * 100 + static_cast<uint32_t>(i)));
  try {
    Ordered(run.plan.num_working).run(workers);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

Plan random_plan(uint32_t seed) {
  std::mt19937 random(seed);
  Plan plan;
  plan.seed = seed;
  plan.num_blocks = random() % 40;
  plan.num_working = 1 + random() % 4;
  plan.num_workers = 1 + random() % 7;
  plan.wait_one_in = random() % 4;
  if (random() % 3 == 0) plan.block_len = 1 + random() % (20 << 20);
  return plan;
}

void expect_in_order(const Shared& run) {
  for (size_t i = 0; i < run.written.size(); ++i) ASSERT_EQ(run.written[i], i);
  EXPECT_LE(run.most_at_work, run.plan.num_working);
  // A block is read as long as those in flight have less than 16 MiB.
  EXPECT_LT(run.most_in_flight, (16 << 20) + run.plan.block_len);
}

TEST(Ordered, KeepsTheOrder) {
  for (uint32_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    const Plan plan = random_plan(seed);
    Shared run{plan};
    ASSERT_EQ(run_plan(run), "");
    EXPECT_EQ(run.written.size(), plan.num_blocks);
    expect_in_order(run);
    if (HasFailure()) break;
  }
}

TEST(Ordered, AFailedReadComesAfterWhatWasRead) {
  for (uint32_t seed = 1; seed <= 80; ++seed) {
    SCOPED_TRACE(seed);
    Plan plan = random_plan(seed);
    plan.read_fails = seed % (plan.num_blocks + 1);
    Shared run{plan};
    ASSERT_EQ(run_plan(run), "read");
    EXPECT_EQ(run.written.size(), plan.read_fails);
    EXPECT_EQ(run.next_to_read, plan.read_fails + 1) << "read again after a failure";
    expect_in_order(run);
    if (HasFailure()) break;
  }
}

TEST(Ordered, FailedWorkOrWriteEndsTheRun) {
  for (uint32_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    Plan plan = random_plan(seed);
    plan.num_blocks += 1;
    const size_t at = seed % plan.num_blocks;
    (seed % 2 == 0 ? plan.work_fails : plan.write_fails) = at;
    Shared run{plan};
    ASSERT_EQ(run_plan(run), seed % 2 == 0 ? "work" : "write");
    EXPECT_LE(run.written.size(), at);
    if (seed % 2 != 0) {
      EXPECT_EQ(run.written.size(), at);
    }
    EXPECT_LE(run.num_read, at + plan.num_workers) << "reads on after a failure";
    expect_in_order(run);
    if (HasFailure()) break;
  }
}

// ---------------------------------------------------------------------------------------------------------
// What goes on at the same time
// ---------------------------------------------------------------------------------------------------------

bool comes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 10000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(1ms);
  }
  return false;
}

// Blocks that meet others within work().
struct Meeting {
  std::atomic<size_t> num_read{0};
  std::atomic<size_t> num_at_work{0};
  std::atomic<size_t> num_written{0};
  std::function<bool(size_t number)> met;
};

class MeetingWorker : public Ordered::Worker {
 public:
  MeetingWorker(Meeting& meeting, size_t num_blocks) : meeting_(meeting), num_blocks_(num_blocks) {}
  size_t read() override {
    number_ = meeting_.num_read;
    if (number_ == num_blocks_) return 0;
    ++meeting_.num_read;
    return 1;
  }
  void work(Ordered::Turn&) override {
    ++meeting_.num_at_work;
    EXPECT_TRUE(comes_true([&] { return meeting_.met(number_); })) << "block " << number_;
  }
  void write() override { ++meeting_.num_written; }

 private:
  Meeting& meeting_;
  size_t num_blocks_;
  size_t number_ = 0;
};

void run_meeting(Meeting& meeting, size_t num_blocks, size_t num_working, size_t num_workers) {
  std::vector<std::unique_ptr<Ordered::Worker>> workers;
  for (size_t i = 0; i < num_workers; ++i)
    workers.push_back(std::make_unique<MeetingWorker>(meeting, num_blocks));
  Ordered(num_working).run(workers);
  EXPECT_EQ(meeting.num_written, num_blocks);
}

TEST(Ordered, WorksOnSeveralBlocksAtOnce) {
  Meeting meeting;
  meeting.met = [&](size_t) { return meeting.num_at_work >= 3; };
  run_meeting(meeting, 3, 3, 4);
}

TEST(Ordered, ReadsWhileAnotherWorks) {
  Meeting meeting;
  meeting.met = [&](size_t number) { return number != 0 || meeting.num_read >= 2; };
  run_meeting(meeting, 4, 1, 2);
}

TEST(Ordered, BlocksThatWaitForTheirTurnLetOthersWork) {
  // The first block works until all others are done with their work: with two at a time, and each of the others
  // keeping its right until it is written, the third would never begin.
  Meeting meeting;
  meeting.met = [&](size_t number) { return number != 0 || meeting.num_at_work >= 4; };
  run_meeting(meeting, 4, 2, 5);
}

}  // namespace
}  // namespace megaseal::cli
