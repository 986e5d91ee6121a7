// Input cut into frames, the bytes of one record each, and gathered into blocks: the unit in which records are
// read, sealed and written.
#pragma once
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cli/buffer.hpp"
#include "engine/cli/files.hpp"
#include "engine/cli/options.hpp"

namespace megaseal::cli {

struct Frame {
  enum class Fault : uint8_t {
    none,
    too_long,   // longer than allowed; its bytes were passed over
    truncated,  // the input ended within it
  };
  std::string_view bytes;  // without length or line feed; empty when too_long
  uint64_t number;         // from 1, in its own input: the line, or the how manieth record
  uint32_t input;          // which of the inputs
  Fault fault;
};

/// Whole frames, and the memory they lie in. Reused from block to block. kPadding readable bytes follow the
/// last frame, as the JSON parser asks.
struct FrameBlock {
  static constexpr size_t kPadding = 64;
  Buffer buffer;
  std::vector<Frame> frames;
  size_t num_bytes = 0;  // of input that the block stands for
};

class FrameReader {
 public:
  enum class Blanks { kept, left_out };  // lines that are empty or hold only blanks

  /// `block_len`: bytes from which a block is full. A longer frame has a block of its own, up to `max_frame`.
  FrameReader(std::vector<std::string> inputs, Framing framing, Blanks blanks, size_t block_len,
              size_t max_frame);

  /// The next frames: a full block, or fewer when the input ends or has nothing more to say for a moment, so
  /// that records that trickle through a pipe are not held back. False: the input has ended. Throws
  /// Interrupted, after which nothing is left to read.
  bool next(FrameBlock& block);

  const std::vector<std::string>& inputs() const { return inputs_; }
  /// Bytes that all inputs have together, or 0 where one of them does not say.
  uint64_t total_bytes() const;

 private:
  struct Span {
    size_t begin;
    size_t end;
  };
  void cut(FrameBlock& block, size_t used);
  void cut_lines(const FrameBlock& block, size_t used);
  void cut_len32(const FrameBlock& block, size_t used);
  void end_input(const FrameBlock& block, size_t used);
  void add(size_t begin, size_t end, Frame::Fault fault);
  void add_line(const FrameBlock& block, size_t end);
  size_t make_room(FrameBlock& block, size_t used);
  size_t read_some(char* out, size_t room);
  bool wait_for_input() const;
  bool more_is_coming() const;

  std::vector<std::string> inputs_;
  Framing framing_;
  Blanks blanks_;
  size_t block_len_;
  size_t max_frame_;
  size_t max_frames_;  // in a block
  uint32_t input_ = 0;
  uint64_t number_ = 0;
  Fd fd_;
  std::exception_ptr failure_;  // met while a block held frames already: for the next call
  std::string carry_;           // the beginning of a frame whose end is still to be read
  bool skipping_ = false;       // lines: within one that is too long
  uint64_t skip_left_ = 0;      // len32: bytes still to come of one that is too long

  // Of the block in the making. Offsets, since its memory may still move.
  std::vector<Span> spans_;
  std::vector<Frame> found_;
  size_t begin_ = 0;    // of the frame that has not ended yet
  size_t scanned_ = 0;  // lines: no line feed before here
  size_t wanted_ = 0;   // len32: how long the block must be to hold that frame
};

}  // namespace megaseal::cli
