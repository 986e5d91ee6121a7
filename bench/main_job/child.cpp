#include "bench/main_job/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <stdexcept>

namespace megaseal::main_job {
namespace {

int open_or_throw(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) throw std::runtime_error(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  return fd;
}

// Parent and child share the open file, and with it the offset: how far the child has read needs no report
// from it.
double fraction_read(int fd) {
  struct stat status {};
  const off_t offset = ::lseek(fd, 0, SEEK_CUR);
  if (offset < 0 || ::fstat(fd, &status) != 0 || status.st_size == 0) return 0;
  return static_cast<double>(offset) / static_cast<double>(status.st_size);
}

}  // namespace

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

ChildResult run_child(const std::vector<std::string>& args, const std::string& in, const std::string& out,
                      const std::string& err, const std::function<void(double)>& progress) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const int in_fd = in.empty() ? -1 : open_or_throw(in, O_RDONLY);
  const int out_fd = out.empty() ? -1 : open_or_throw(out, O_WRONLY | O_CREAT | O_TRUNC);
  const int err_fd = err.empty() ? -1 : open_or_throw(err, O_WRONLY | O_CREAT | O_TRUNC);
  if (in_fd >= 0) posix_spawn_file_actions_adddup2(&actions, in_fd, STDIN_FILENO);
  if (out_fd >= 0) posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
  if (err_fd >= 0) posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
  std::vector<char*> argv;
  argv.reserve(args.size() + 1);
  for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);

  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  pid_t pid = 0;
  const double begin = now_seconds();
  const int error = ::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error(fmt::format("cannot run {}: {}", args[0], std::strerror(error)));

  // Waits on the process itself, so that its time is not rounded up to the next tick of the progress bar.
  const auto pid_fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pid_fd >= 0) {
    pollfd ended{pid_fd, POLLIN, 0};
    while (::poll(&ended, 1, progress ? 100 : -1) <= 0) {
      if (progress && in_fd >= 0) progress(fraction_read(in_fd));
    }
    ::close(pid_fd);
  }
  int status = 0;
  rusage usage{};
  while (::wait4(pid, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  const double seconds = now_seconds() - begin;
  if (in_fd >= 0) ::close(in_fd);
  if (out_fd >= 0) ::close(out_fd);
  if (err_fd >= 0) ::close(err_fd);
  // Linux lets a new program begin with the peak of the one that it was started from.
  const bool is_known = usage.ru_maxrss > own.ru_maxrss;
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), seconds,
          is_known ? static_cast<uint64_t>(usage.ru_maxrss) * 1024 : 0};
}

Progress::Progress(std::string stage)
    : stage_(std::move(stage)), on_terminal_(::isatty(STDERR_FILENO) == 1), begin_(now_seconds()) {}

Progress::~Progress() {
  if (on_terminal_) std::fputs("\r\033[K", stderr);
}

void Progress::show(double fraction) {
  const double now = now_seconds();
  if (!on_terminal_ || now - last_shown_ < 0.1) return;
  last_shown_ = now;
  constexpr size_t kWidth = 40;
  const auto filled = std::min(kWidth, static_cast<size_t>(fraction * kWidth));
  const double left = fraction > 0.01 ? (now - begin_) * (1 - fraction) / fraction : 0;
  const std::string line = fmt::format("\r  {:<10}[{:=<{}}{:{}}] {:3.0f} %  {:.0f} s left\033[K", stage_, "",
                                       filled, "", kWidth - filled, 100 * fraction, left);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace megaseal::main_job
