// A value made once per process, whoever asks, whatever goes wrong and whenever the process is forked.
#include "backends/once.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

namespace megaseal::test {
namespace {

int* never() {
  ADD_FAILURE() << "the process was not forked";
  return new int(-1);
}

TEST(Once, ThreadsThatAskTogetherGetOneValue) {
  Once<int> once;
  std::atomic<int> made = 0;
  std::atomic<size_t> right = 0;
  EXPECT_EQ(once.made(), nullptr);
  EXPECT_FALSE(once.is_begun());
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; t++)
    threads.emplace_back([&] {
      const auto make = [&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        return new int(++made);
      };
      right += once.get(3, make, never) == 1;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made, 1);
  EXPECT_EQ(right, threads.size());
  EXPECT_EQ(*once.made(), 1);
  once.forget();
  EXPECT_EQ(once.made(), nullptr);
}

TEST(Once, WhatIsThrownGoesToTheCallerAndTheNextTriesAgain) {
  Once<int> once;
  const auto fail = []() -> int* { throw std::runtime_error("no"); };
  EXPECT_THROW(once.get(0, fail, never), std::runtime_error);
  EXPECT_EQ(once.made(), nullptr);
  EXPECT_EQ(once.get(0, [] { return new int(5); }, never), 5);
  EXPECT_EQ(once.get(0, fail, never), 5);
  once.forget();
}

TEST(Once, AValueSurvivesAFork) {
  Once<int> once;
  once.get(0, [] { return new int(6); }, never);
  EXPECT_EQ(once.get(1, never, never), 6);
  once.forget();
}

#if !defined(__SANITIZE_THREAD__)
TEST(Once, AChildDoesNotWaitForAThreadOfItsParent) {
  Once<int> once;
  std::promise<void> is_at_it, may_go_on;
  std::thread thread([&] {
    once.get(
        0,
        [&] {
          is_at_it.set_value();
          may_go_on.get_future().wait();
          return new int(7);
        },
        never);
  });
  is_at_it.get_future().wait();
  EXPECT_TRUE(once.is_begun());
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    const auto not_again = []() -> int* { _exit(2); };
    const bool right = once.get(1, not_again, [] { return new int(8); }) == 8 &&
                       once.get(1, not_again, not_again) == 8;
    _exit(right ? 0 : 1);
  }
  may_go_on.set_value();
  thread.join();
  ASSERT_GT(child, 0);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(*once.made(), 7);
  once.forget();
}
#endif

}  // namespace
}  // namespace megaseal::test
