#include "engine/cli/interrupt.hpp"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace megaseal::cli {
namespace {

int event_fd = -1;
std::atomic<int> signal_caught{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may touch it");

void leave_word(int signal) {
  const int saved = errno;
  int none = 0;
  // A second one, of another kind: its action is the default one again, and is taken when the handler returns.
  if (!signal_caught.compare_exchange_strong(none, signal)) ::raise(signal);
  stop_reading();
  errno = saved;
}

}  // namespace

void catch_signals() {
  event_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction old {};
    if (::sigaction(signal, nullptr, &old) != 0 || old.sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = leave_word;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(signal, &action, nullptr);
  }
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

int caught_signal() { return signal_caught; }

void die_of(int signal) {
  ::signal(signal, SIG_DFL);
  ::raise(signal);
  std::_Exit(128 + signal);  // it was blocked
}

int stop_fd() { return event_fd; }

void stop_reading() {
  const uint64_t one = 1;
  // Full or absent, there is nothing to do about it.
  [[maybe_unused]] const ssize_t written = ::write(event_fd, &one, sizeof one);
}

}  // namespace megaseal::cli
