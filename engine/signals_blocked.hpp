// Signals belong to the application: its handlers run on its own threads, and a signal that it blocks in all of them, to read it
// from a signalfd, must not end the process through one of ours.
#pragma once
#include <signal.h>

#include <initializer_list>

namespace megaseal {

/// Threads that the calling thread starts while one of these lives begin with every signal blocked, but for those that tell
/// of what the thread itself did, and for SIGPROF, by which profilers count a process's time.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGPROF}) sigdelset(&all, own);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace megaseal
