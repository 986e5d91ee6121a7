#include "engine/cli/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "engine/cli/interrupt.hpp"

namespace megaseal::cli {
namespace {

// Takes the names in a directory to the disk. File systems that cannot do it, and directories that may be
// written but not read, are no reason to fail: the file itself is safe.
void sync_directory_of(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  const Fd fd(::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() >= 0 && ::fsync(fd.get()) != 0 && errno == EIO) fail_errno("write", path);
}

// None of these waits in open(2): a signal that comes just before it would not be noticed.
Fd open_to_read(const std::string& path) {
  for (;;) {
    Fd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (fd.get() >= 0) return fd;
    if (errno != EINTR) fail_errno("open", path);
  }
}

bool is_pipe(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
}

Fd open_to_write(const std::string& path, int flags, const char* what) {
  constexpr int kRetryMs = 20;
  for (;;) {
    Fd fd(::open(path.c_str(), flags | O_NONBLOCK | O_CLOEXEC, 0600));
    if (fd.get() >= 0) {
      ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
      return fd;
    }
    // A named pipe that nobody reads yet.
    if (errno == ENXIO && is_pipe(path)) {
      pollfd stop{stop_fd(), POLLIN, 0};
      ::poll(&stop, 1, kRetryMs);
    } else if (errno != EINTR) {
      fail_errno(what, path);
    }
    if (caught_signal() != 0) throw Interrupted();
  }
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Fd::reset() {
  if (fd_ > STDERR_FILENO) ::close(fd_);
  fd_ = -1;
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

std::string display_name(const std::string& path) { return path == "-" ? "standard input" : path; }

Fd open_input(const std::string& path) { return path == "-" ? Fd(STDIN_FILENO) : open_to_read(path); }

Fd open_private(const std::string& path) { return open_to_write(path, O_WRONLY | O_CREAT, "create"); }

SecretBytes read_secret_file(const std::string& path, bool warn_if_shared) {
  const Fd fd = open_input(path);
  struct stat status {};
  if (warn_if_shared && ::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode) &&
      (status.st_mode & 077) != 0) {
    tell("megaseal: warning: {} can be read by others; chmod 600 it", display_name(path));
  }
  // read(2) straight into wiped memory: a stream's buffer would keep a copy of the key.
  SecretBytes bytes(4096);
  size_t used = 0;
  for (;;) {
    if (used == bytes.size()) bytes.resize(2 * bytes.size());
    pollfd fds[] = {{fd.get(), POLLIN, 0}, {stop_fd(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0) continue;  // EINTR: the next one finds stop_fd() readable
    if (fds[1].revents != 0) throw Interrupted();
    const ssize_t n = ::read(fd.get(), bytes.data() + used, bytes.size() - used);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) fail_errno("read", display_name(path));
    if (n == 0) break;
    used += static_cast<size_t>(n);
  }
  bytes.resize(used);
  return bytes;
}

namespace {

// How much was written before an error, which is then in errno.
size_t write_some(int fd, std::string_view bytes) {
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t n = ::write(fd, bytes.data() + written, bytes.size() - written);
    if (n >= 0) {
      written += static_cast<size_t>(n);
    } else if (errno == EAGAIN) {  // somebody who shares the open file made it non-blocking
      pollfd poll_fd{fd, POLLOUT, 0};
      ::poll(&poll_fd, 1, -1);
    } else if (errno != EINTR) {
      break;
    }
  }
  return written;
}

// Takes the last `len` bytes back from the end of a regular file.
void take_back(int fd, size_t len) {
  struct stat status {};
  const off_t end = ::lseek(fd, 0, SEEK_CUR);
  if (len == 0 || end < 0 || ::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return;
  if (status.st_size != end) return;  // somebody else has written behind us
  const off_t begin = end - static_cast<off_t>(len);
  if (::ftruncate(fd, begin) == 0) ::lseek(fd, begin, SEEK_SET);
}

}  // namespace

void write_lines(int fd, std::string_view lines, const std::string& name) {
  const size_t written = write_some(fd, lines);
  if (written == lines.size()) return;
  const int error = errno;
  const size_t whole = lines.substr(0, written).rfind('\n') + 1;  // npos + 1 is 0
  take_back(fd, written - whole);
  errno = error;
  fail_errno("write", name);
}

void Output::write(std::string_view bytes) {
  const size_t written = write_some(fd_.get(), bytes);
  if (written == bytes.size()) return;
  if (errno == EPIPE) throw ClosedPipe();
  const int error = errno;
  take_back(fd_.get(), written);
  errno = error;
  fail_errno("write", name_);
}

Output::Output(const std::string& path, unsigned mode, Replace replace) : name_(path), replace_(replace) {
  const auto is_standard = [&](const struct stat& status) {
    struct stat standard {};
    return ::fstat(STDOUT_FILENO, &standard) == 0 && same_file(status, standard);
  };
  struct stat status {};
  const bool exists = !path.empty() && path != "-" && ::stat(path.c_str(), &status) == 0;
  if (exists && replace == Replace::no) fail("{} exists; --force overwrites it", path);
  // /dev/stdout may be a regular file. Another one in its place would be lost to whoever opened it.
  if (path.empty() || path == "-" || (exists && S_ISREG(status.st_mode) && is_standard(status))) {
    fd_ = Fd(STDOUT_FILENO);
    name_ = "standard output";
    on_terminal_ = ::isatty(STDOUT_FILENO) == 1;
    return;
  }
  if (exists && !S_ISREG(status.st_mode)) {  // /dev/null, a named pipe
    fd_ = open_to_write(path, O_WRONLY, "open");
    on_terminal_ = ::isatty(fd_.get()) == 1;
    return;
  }
  // A symbolic link stays: what it points to is replaced.
  path_ = exists ? std::filesystem::canonical(path).string() : path;
  temporary_ = path_ + ".part.XXXXXX";
  fd_ = Fd(::mkstemp(temporary_.data()));  // O_EXCL, mode 0600
  if (fd_.get() < 0) {
    temporary_.clear();
    fail_errno("create a file for", path);
  }
  const mode_t mask = ::umask(0);
  ::umask(mask);
  // What others may not do with the file that is there they may not do with the one in its place.
  if (::fchmod(fd_.get(), mode & (exists ? status.st_mode : ~mask)) != 0) {
    const int error = errno;
    ::unlink(temporary_.c_str());
    errno = error;
    fail_errno("set the mode of", temporary_);
  }
}

Output::~Output() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void Output::commit() {
  if (temporary_.empty()) return;
  // A full disk may come to light only here. Key files cannot be made again: the content goes to the disk itself
  // before it takes the name, or a power cut might leave an empty file there.
  if (::fsync(fd_.get()) != 0) fail_errno("write", name_);
  if (::close(fd_.release()) != 0) fail_errno("write", name_);
  if (replace_ == Replace::no) {
    // link(2) refuses an existing name, where rename(2) would silently replace it.
    if (::link(temporary_.c_str(), path_.c_str()) != 0) fail_errno("create", name_);
    ::unlink(temporary_.c_str());
  } else if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    fail_errno("create", name_);
  }
  temporary_.clear();
  sync_directory_of(path_);
}

}  // namespace megaseal::cli
