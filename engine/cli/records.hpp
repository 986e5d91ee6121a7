// Records, in each framing: messages to be sealed, sealed messages to be opened.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cli/frames.hpp"

namespace megaseal::cli {

/// One record. Every view lies in its block or in the parser's arena, and lives as long as that block.
struct Record {
  const Frame* frame = nullptr;
  // As they stand in the input, quotes and escapes included: carried to the output, with no more than control
  // characters escaped. Empty: absent, as always where the framing is not NDJSON.
  std::string_view to_raw;
  std::string_view id_raw;
  std::string_view aad_raw;
  bool aad_is_base64 = false;
  // Decoded.
  std::string_view to;
  std::string_view aad;
  std::string_view payload;  // the message, or the sealed bytes
};

enum class RecordKind { plain, sealed };

class RecordParser {
 public:
  RecordParser(RecordKind kind, Framing framing);
  ~RecordParser();

  /// Call before the first record of a block; frees what the last block's records pointed to.
  void begin_block(const FrameBlock& block);
  /// Gives memory back that a block of long records took.
  void release();

  /// Reads `frame`, which must lie in the block. Returns "" or why it is refused. Unknown and repeated fields
  /// are refused: to drop them would lose data, to copy them would leak it.
  std::string parse(Record& out, const Frame& frame);

 private:
  struct State;  // keeps the JSON parser out of this header, which is slow to compile
  std::unique_ptr<State> state_;
};

/// Appends a sealed record: NDJSON with the fields that are carried along, or the bytes alone.
void append_sealed(std::string& out, Framing framing, const Record& record, std::string_view sealed);
/// Appends an opened record. In NDJSON the message is text when it is valid UTF-8, else base64.
void append_opened(std::string& out, Framing framing, const Record& record, std::string_view message);

}  // namespace megaseal::cli
