#include "engine/cli/frames.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "engine/cli/interrupt.hpp"

namespace megaseal::cli {
namespace {

// How long a block that is not full waits for more. Long enough for the writer at the other end of a pipe to
// refill it, short enough for a person not to notice.
constexpr int kPatienceMs = 5;

constexpr size_t kLengthLen = 4;

// What a block is worked on with takes some hundred bytes a frame. When frames are shorter than this on the average, a
// block has no more of them than if they were not.
constexpr size_t kLeastAverage = 32;

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r") == text.npos; }

uint32_t load_length(const char* bytes) {
  uint8_t b[kLengthLen];
  std::memcpy(b, bytes, sizeof b);
  return uint32_t{b[0]} | uint32_t{b[1]} << 8 | uint32_t{b[2]} << 16 | uint32_t{b[3]} << 24;
}

}  // namespace

FrameReader::FrameReader(std::vector<std::string> inputs, Framing framing, Blanks blanks, size_t block_len,
                         size_t max_frame)
    : inputs_(std::move(inputs)),
      framing_(framing),
      blanks_(blanks),
      block_len_(block_len),
      max_frame_(max_frame),
      max_frames_(std::max(block_len / kLeastAverage, size_t{1})) {
  if (inputs_.empty()) inputs_.emplace_back("-");
  fd_ = open_input(inputs_[0]);
}

uint64_t FrameReader::total_bytes() const {
  uint64_t total = 0;
  for (const std::string& path : inputs_) {
    struct stat status {};
    if ((path == "-" ? ::fstat(STDIN_FILENO, &status) : ::stat(path.c_str(), &status)) != 0) return 0;
    if (!S_ISREG(status.st_mode)) return 0;
    const off_t passed = path == "-" ? std::max<off_t>(::lseek(STDIN_FILENO, 0, SEEK_CUR), 0) : 0;
    total += static_cast<uint64_t>(std::max<off_t>(status.st_size - passed, 0));
  }
  return total;
}

bool FrameReader::wait_for_input() const {
  pollfd fds[] = {{fd_.get(), POLLIN, 0}, {stop_fd(), POLLIN, 0}};
  while (::poll(fds, 2, -1) < 0 && errno == EINTR) {
  }
  return fds[1].revents == 0;  // an error shows itself in read()
}

size_t FrameReader::read_some(char* out, size_t room) {
  for (;;) {
    const ssize_t n = ::read(fd_.get(), out, room);
    if (n >= 0) return static_cast<size_t>(n);
    // EAGAIN: somebody who shares the open file made it non-blocking.
    if (errno != EINTR && errno != EAGAIN) fail_errno("read", display_name(inputs_[input_]));
    if (!wait_for_input()) throw Interrupted();
  }
}

bool FrameReader::more_is_coming() const {
  if (fd_.get() < 0) return true;  // the next input is to be opened
  pollfd fds[] = {{fd_.get(), POLLIN, 0}, {stop_fd(), POLLIN, 0}};
  return ::poll(fds, 2, kPatienceMs) != 0 && fds[1].revents == 0;
}

void FrameReader::add(size_t begin, size_t end, Frame::Fault fault) {
  spans_.push_back({begin, fault == Frame::Fault::too_long ? begin : end});
  found_.push_back({{}, number_, input_, fault});
}

void FrameReader::add_line(const FrameBlock& block, size_t end) {
  ++number_;
  const std::string_view text(block.buffer.data() + begin_, end - begin_);
  const bool too_long = skipping_ || text.size() > max_frame_;
  if (!too_long && blanks_ == Blanks::left_out && is_blank(text)) return;
  add(begin_, end, too_long ? Frame::Fault::too_long : Frame::Fault::none);
}

// Finds the lines that end within the first `used` bytes.
void FrameReader::cut_lines(const FrameBlock& block, size_t used) {
  const char* const bytes = block.buffer.data();
  while (found_.size() < max_frames_) {
    const void* const feed = std::memchr(bytes + scanned_, '\n', used - scanned_);
    if (feed == nullptr) {
      scanned_ = used;
      if (used - begin_ > max_frame_) skipping_ = true;
      break;
    }
    const auto end = static_cast<size_t>(static_cast<const char*>(feed) - bytes);
    add_line(block, end);
    skipping_ = false;
    begin_ = scanned_ = end + 1;
  }
}

void FrameReader::cut_len32(const FrameBlock& block, size_t used) {
  for (;;) {
    const auto skipped = static_cast<size_t>(std::min<uint64_t>(skip_left_, used - begin_));
    begin_ += skipped;
    skip_left_ -= skipped;
    if (skip_left_ != 0 || found_.size() >= max_frames_ || used - begin_ < kLengthLen) return;
    const uint64_t len = load_length(block.buffer.data() + begin_);
    const size_t body = begin_ + kLengthLen;
    if (len > max_frame_) {
      ++number_;
      add(body, body, Frame::Fault::too_long);
      begin_ = body;
      skip_left_ = len;
      continue;
    }
    if (used - body < len) {
      wanted_ = body + static_cast<size_t>(len);
      return;
    }
    ++number_;
    add(body, body + static_cast<size_t>(len), Frame::Fault::none);
    begin_ = body + static_cast<size_t>(len);
  }
}

// Finds the frames that end within the first `used` bytes, as many as a block may hold.
void FrameReader::cut(FrameBlock& block, size_t used) {
  wanted_ = 0;
  framing_ == Framing::len32 ? cut_len32(block, used) : cut_lines(block, used);
}

void FrameReader::end_input(const FrameBlock& block, size_t used) {
  if (framing_ != Framing::len32) {
    if (used > begin_ || skipping_) add_line(block, used);  // the last line may lack its line feed
  } else if (used > begin_) {  // one that is too long has been reported already, and what came of it is gone
    ++number_;
    add(begin_, used, Frame::Fault::truncated);
  }
  skipping_ = false;
  skip_left_ = 0;
  begin_ = scanned_ = used;
  number_ = 0;
}

// For a frame that is longer than the block: the front of the block, or a longer block.
size_t FrameReader::make_room(FrameBlock& block, size_t used) {
  if (begin_ != 0) {  // blank lines that were left out
    used -= begin_;
    std::memmove(block.buffer.data(), block.buffer.data() + begin_, used);
    scanned_ -= begin_;
    wanted_ -= std::min(wanted_, begin_);
    begin_ = 0;
    return used;
  }
  const size_t longer = wanted_ != 0 ? wanted_ : std::min(2 * used, max_frame_ + 1);
  block.buffer.grow(std::max(longer, used + 1) + FrameBlock::kPadding, used);
  return used;
}

bool FrameReader::next(FrameBlock& block) {
  if (failure_) std::rethrow_exception(failure_);
  block.frames.clear();
  block.num_bytes = 0;
  spans_.clear();
  found_.clear();
  block.buffer.grow(std::max(block_len_, carry_.size()) + FrameBlock::kPadding, 0);
  std::memcpy(block.buffer.data(), carry_.data(), carry_.size());
  size_t used = carry_.size();
  carry_.clear();
  begin_ = 0;
  scanned_ = 0;
  cut(block, used);

  while (input_ < inputs_.size()) {
    const size_t room = block.buffer.size() - FrameBlock::kPadding - used;
    const bool full = used >= block_len_ || room == 0 || found_.size() >= max_frames_;
    if (!spans_.empty() && (full || !more_is_coming())) break;
    if (room == 0) {
      used = make_room(block, used);
      continue;
    }
    try {
      // Any thread may be the one that reads, and a signal wakes but one of them: open(2) must not wait.
      if (fd_.get() < 0) {
        fd_ = open_input(inputs_[input_]);
        continue;  // it may be a pipe that says nothing yet, while the block holds records already
      }
      if (!wait_for_input()) throw Interrupted();
      const size_t n = read_some(block.buffer.data() + used, room);
      used += n;
      block.num_bytes += n;
      cut(block, used);
      if (n == 0) {
        end_input(block, used);
        fd_ = Fd();
        ++input_;
      }
    } catch (...) {
      if (spans_.empty()) throw;
      failure_ = std::current_exception();  // first what is there already
      break;
    }
    if (skipping_ || skip_left_ != 0) {  // too long already: forget it as it comes
      if (skip_left_ != 0) begin_ = spans_.empty() ? 0 : spans_.back().end;
      used = scanned_ = begin_;
    }
  }
  carry_.assign(block.buffer.data() + begin_, used - begin_);
  for (size_t i = 0; i < found_.size(); ++i) {
    found_[i].bytes = {block.buffer.data() + spans_[i].begin, spans_[i].end - spans_[i].begin};
  }
  block.frames.swap(found_);
  return !block.frames.empty();
}

}  // namespace megaseal::cli
