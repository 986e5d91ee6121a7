// Tests of what a child of fork() finds.
#pragma once
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/bytes.hpp"

#if defined(__SANITIZE_THREAD__)
#define MEGASEAL_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MEGASEAL_TSAN 1
#endif
#endif

namespace megaseal::test {

#ifdef __SANITIZE_ADDRESS__
inline bool others_sleep() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    if (std::atoi(task.path().filename().c_str()) == gettid()) continue;
    std::ifstream file(task.path() / "stat");
    const std::string stat((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const size_t name_end = stat.rfind(')');  // the state is the letter behind the name
    if (name_end != std::string::npos && stat.compare(name_end, 3, ") S") != 0) return false;
  }
  return true;
}
#endif

/// AddressSanitizer's allocator, unlike the C library's, stays locked in a child that is made while another thread
/// allocates, and a batch may end before the last worker has woken up for it.
inline void let_others_sleep() {
#ifdef __SANITIZE_ADDRESS__
  for (int i = 0; i < 10000 && !others_sleep(); i++) usleep(1000);
#endif
}

/// Runs `body` in a child and returns what it wrote; fails the test when the child dies or hangs, or an expectation fails
/// there.
template <class Body>
Bytes in_child(const Body& body) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  let_others_sleep();
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    const Bytes result = body();
    const bool written = write(ends[1], result.data(), result.size()) == ssize_t(result.size());
    _exit(written && !::testing::Test::HasFailure() ? 0 : 1);
  }
  close(ends[1]);
  Bytes out;
  uint8_t buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) out.insert(out.end(), buffer, buffer + n);
  close(ends[0]);
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
      << "the child failed, died or hung, status " << status;
  return out;
}

/// Tests that fork, and are skipped where that is not followed.
template <class Test>
class Forking : public Test {
 protected:
  void SetUp() override {
#ifdef MEGASEAL_TSAN
    GTEST_SKIP() << "ThreadSanitizer does not follow a fork of a process with threads";
#endif
  }
};

}  // namespace megaseal::test
