// Signals are the application's: what its threads block, or handle, the engine's threads neither take nor change.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "tests/support/handles.hpp"
#include "tests/support/schemes.hpp"

namespace megaseal::test {
namespace {

/// Bit n - 1 is of signal n.
uint64_t blocked_in(const std::string& tid) {
  std::ifstream status("/proc/self/task/" + tid + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("SigBlk:")) return std::stoull(line.substr(7), nullptr, 16);
  return 0;
}
bool has(uint64_t set, int signal) { return set >> (signal - 1) & 1; }
/// The same of a thread that may not have begun yet: until then pthread_create() has everything blocked in it.
uint64_t blocked_once_begun(const std::string& tid) {
  for (int i = 0; i < 10000 && has(blocked_in(tid), SIGSEGV); i++)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return blocked_in(tid);
}

std::atomic<int> num_caught;
std::atomic<pid_t> caught_by;

std::set<std::string> threads() {
  std::set<std::string> out;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task"))
    out.insert(task.path().filename());
  return out;
}

TEST(Signals, AreBlockedInTheEnginesThreadsAlone) {
  const std::string self = std::to_string(gettid());
  const uint64_t mine = blocked_in(self);
  std::thread([] {}).join();  // ThreadSanitizer starts one of its own beside the first
  const std::set<std::string> earlier = threads();
  const Engine engine = make_engine("", 3);
  ASSERT_TRUE(all_schemes()[0]->seal(engine.get(), Layout::packed, first_items(400)).ok());
  EXPECT_EQ(blocked_in(self), mine);
  int num_new = 0;
  for (const std::string& tid : threads()) {
    if (earlier.contains(tid)) continue;
    num_new++;
    const uint64_t blocked = blocked_once_begun(tid);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1, SIGALRM, SIGRTMIN + 1})
      EXPECT_TRUE(has(blocked, signal)) << signal;
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGPROF})
      EXPECT_FALSE(has(blocked, signal)) << signal;
  }
  EXPECT_EQ(num_new, 2);
}

// As of a server that reads its signals from a signalfd: one that comes is kept until somebody asks for it.
TEST(Signals, ThatTheApplicationBlocksStayPending) {
  const Engine engine = make_engine("", 3);
  ASSERT_TRUE(all_schemes()[0]->seal(engine.get(), Layout::packed, first_items(400)).ok());
  sigset_t wanted, before;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGUSR1);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &wanted, &before), 0);
  struct sigaction action = {}, earlier;
  action.sa_handler = [](int) {
    num_caught++;
    caught_by = gettid();
  };
  ASSERT_EQ(sigaction(SIGUSR1, &action, &earlier), 0);
  ASSERT_EQ(kill(getpid(), SIGUSR1), 0);
  ASSERT_TRUE(all_schemes()[0]->seal(engine.get(), Layout::packed, first_items(400)).ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(num_caught, 0) << "one of the engine's threads took it";
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
  EXPECT_EQ(num_caught, 1);
  EXPECT_EQ(caught_by, gettid());
  sigaction(SIGUSR1, &earlier, nullptr);
}

}  // namespace
}  // namespace megaseal::test
