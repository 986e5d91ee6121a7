// Input cut into blocks of whole lines: the unit in which records are read, sealed and written.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cli/files.hpp"

namespace megaseal::cli {

struct Line {
  std::string_view text;  // without the line feed; empty when too_long
  uint64_t number;        // from 1, in its own input
  uint32_t input;         // which of the inputs
  bool too_long;          // longer than allowed; its bytes were passed over
};

/// Whole lines, and the memory they lie in. Reused from block to block. kPadding readable bytes follow the
/// last line, as the JSON parser asks.
struct LineBlock {
  static constexpr size_t kPadding = 64;
  std::vector<char> bytes;
  std::vector<Line> lines;
};

class LineReader {
 public:
  /// `block_len`: bytes from which a block is full. A longer line has a block of its own, up to `max_line`.
  LineReader(std::vector<std::string> inputs, size_t block_len, size_t max_line);

  /// The next lines, blank ones left out: a full block, or fewer when the input ends or has nothing more to
  /// say for a moment, so that records that trickle through a pipe are not held back. False: the input has
  /// ended.
  bool next(LineBlock& block);

  const std::vector<std::string>& inputs() const { return inputs_; }

 private:
  struct Span {
    size_t begin;
    size_t end;
  };
  void take_lines(LineBlock& block, size_t used);
  void add_line(const LineBlock& block, size_t end);
  size_t read_some(char* out, size_t room);
  bool more_is_coming() const;

  std::vector<std::string> inputs_;
  size_t block_len_;
  size_t max_line_;
  uint32_t input_ = 0;
  uint64_t line_number_ = 0;
  Fd fd_;
  std::string carry_;  // the beginning of a line whose end is still to be read
  bool skipping_ = false;

  // Of the block in the making. Offsets, since its memory may still move.
  std::vector<Span> spans_;
  std::vector<Line> found_;
  size_t line_begin_ = 0;
  size_t scanned_ = 0;
};

}  // namespace megaseal::cli
