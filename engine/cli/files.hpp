// Files by descriptor: reading secrets without leaving copies, and writing output that appears only when
// whole.
#pragma once
#include <sys/stat.h>

#include <string>
#include <string_view>
#include <utility>

#include "engine/cli/handles.hpp"

namespace megaseal::cli {

/// A file descriptor that is closed at the end.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }
  void reset();
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// Opens for reading; "-" is standard input. Does not wait for the other end of a named pipe: poll(2) does, until a
/// writer has come and has something to say or gone. read(2) may say EAGAIN.
Fd open_input(const std::string& path);
/// Opens for writing what is there, or creates it, for the user alone.
Fd open_private(const std::string& path);
/// Whether both are of one file, whatever its names.
bool same_file(const struct stat& a, const struct stat& b);
/// The path as messages name it.
std::string display_name(const std::string& path);

/// Everything in a file, in memory that is wiped. `warn_if_shared`: say so on standard error when others may
/// read it.
SecretBytes read_secret_file(const std::string& path, bool warn_if_shared);

/// Writes all lines, or throws; a line of which only a part was written is then taken back from a regular file.
void write_lines(int fd, std::string_view lines, const std::string& name);

/// Where results go. A regular file is written under another name beside it and takes its own in commit(), so
/// that nobody ever finds half a result there; a run that fails leaves nothing. Standard output, under any name,
/// pipes and devices are written as they are.
class Output {
 public:
  enum class Replace { yes, no };
  /// Empty path or "-": standard output. `mode` is the new file's, before the umask, or before the mode of the file
  /// that it replaces.
  explicit Output(const std::string& path, unsigned mode = 0666, Replace replace = Replace::yes);
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output();

  /// Writes whole records. When the disk is full, what was written of them is taken back from a regular file, so
  /// that it does not end within one. Throws ClosedPipe where nobody reads any more.
  void write(std::string_view bytes);
  /// Ends the output: when this returns, a regular file is in its place and on the disk. With Replace::no it
  /// fails if the file has appeared in the meantime.
  void commit();

  bool on_terminal() const { return on_terminal_; }

 private:
  Fd fd_;
  std::string name_;
  std::string path_;       // where it is to be; empty: written in place
  std::string temporary_;  // where it is
  Replace replace_;
  bool on_terminal_ = false;
};

}  // namespace megaseal::cli
