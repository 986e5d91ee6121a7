// Records as NDJSON: {"msg": …} to be sealed, {"sealed": …} to be opened.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cli/lines.hpp"

namespace megaseal::cli {

/// One record. Every view lies in its line block or in the parser's arena, and lives as long as that block.
struct Record {
  const Line* line = nullptr;
  // As they stand in the input, quotes and escapes included: carried to the output untouched. Empty: absent.
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
  explicit RecordParser(RecordKind kind);
  ~RecordParser();

  /// Call before the first record of a block; frees what the last block's records pointed to.
  void begin_block(const LineBlock& block);

  /// Reads `line`, which must lie in the block. Returns "" or why it is refused. Unknown and repeated fields
  /// are refused: to drop them would lose data, to copy them would leak it.
  std::string parse(Record& out, const Line& line);

 private:
  struct State;  // keeps the JSON parser out of this header, which is slow to compile
  std::unique_ptr<State> state_;
};

/// Appends the fields that are carried along, each with a comma after it: "to":…,"id":…,"aad":…,
void append_carried(std::string& out, const Record& record);
/// Appends a sealed record, and its line feed.
void append_sealed(std::string& out, const Record& record, std::string_view sealed);
/// Appends an opened record, and its line feed: as text when the message is valid UTF-8, else as base64.
void append_opened(std::string& out, const Record& record, std::string_view message);

}  // namespace megaseal::cli
