#include "engine/cli/lines.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace megaseal::cli {
namespace {

// How long a block that is not full waits for more. Long enough for the writer at the other end of a pipe to
// refill it, short enough for a person not to notice.
constexpr int kPatienceMs = 5;

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r") == text.npos; }

}  // namespace

LineReader::LineReader(std::vector<std::string> inputs, size_t block_len, size_t max_line)
    : inputs_(std::move(inputs)), block_len_(block_len), max_line_(max_line) {
  if (inputs_.empty()) inputs_.emplace_back("-");
  fd_ = open_input(inputs_[0]);
}

size_t LineReader::read_some(char* out, size_t room) {
  for (;;) {
    const ssize_t n = ::read(fd_.get(), out, room);
    if (n >= 0) return static_cast<size_t>(n);
    if (errno != EINTR) fail_errno("read", display_name(inputs_[input_]));
  }
}

bool LineReader::more_is_coming() const {
  pollfd poll_fd{fd_.get(), POLLIN, 0};
  return ::poll(&poll_fd, 1, kPatienceMs) != 0;  // an error shows itself in read()
}

void LineReader::add_line(const LineBlock& block, size_t end) {
  ++line_number_;
  const std::string_view text(block.bytes.data() + line_begin_, end - line_begin_);
  const bool too_long = skipping_ || text.size() > max_line_;
  if (!too_long && is_blank(text)) return;
  spans_.push_back(too_long ? Span{line_begin_, line_begin_} : Span{line_begin_, end});
  found_.push_back({{}, line_number_, input_, too_long});
}

// Finds the lines that end within the first `used` bytes.
void LineReader::take_lines(LineBlock& block, size_t used) {
  const char* const bytes = block.bytes.data();
  while (const void* feed = std::memchr(bytes + scanned_, '\n', used - scanned_)) {
    const auto end = static_cast<size_t>(static_cast<const char*>(feed) - bytes);
    add_line(block, end);
    skipping_ = false;
    line_begin_ = scanned_ = end + 1;
  }
  scanned_ = used;
}

bool LineReader::next(LineBlock& block) {
  block.lines.clear();
  spans_.clear();
  found_.clear();
  const size_t least = std::max(block_len_, carry_.size()) + LineBlock::kPadding;
  if (block.bytes.size() < least) block.bytes.resize(least);
  std::memcpy(block.bytes.data(), carry_.data(), carry_.size());
  size_t used = carry_.size();
  carry_.clear();
  line_begin_ = 0;
  scanned_ = used;  // what was carried over holds no line feed

  while (input_ < inputs_.size()) {
    const size_t room = block.bytes.size() - LineBlock::kPadding - used;
    const bool full = used >= block_len_ || room == 0;
    if (!spans_.empty() && (full || !more_is_coming())) break;
    if (room == 0) {  // one line, longer than the block
      block.bytes.resize(2 * block.bytes.size());
      continue;
    }
    const size_t n = read_some(block.bytes.data() + used, room);
    used += n;
    take_lines(block, used);
    if (n == 0) {  // the last line may lack its line feed
      if (used > line_begin_ || skipping_) add_line(block, used);
      skipping_ = false;
      line_begin_ = scanned_ = used;
      line_number_ = 0;
      if (++input_ < inputs_.size()) fd_ = open_input(inputs_[input_]);
    } else if (skipping_ || used - line_begin_ > max_line_) {  // too long already: forget it as it comes
      skipping_ = true;
      used = scanned_ = line_begin_;
    }
  }
  carry_.assign(block.bytes.data() + line_begin_, used - line_begin_);
  for (size_t i = 0; i < spans_.size(); ++i) {
    found_[i].text = {block.bytes.data() + spans_[i].begin, spans_[i].end - spans_[i].begin};
  }
  block.lines.swap(found_);
  return !block.lines.empty();
}

}  // namespace megaseal::cli
