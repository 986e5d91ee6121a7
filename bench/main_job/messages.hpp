// The messages of the main job: each can be gone through twice, once to write it and once to compare.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace megaseal::main_job {

struct Message {
  std::string record;  // the NDJSON line, without its line feed
  std::string bytes;   // what it says
  std::optional<std::string> to;
};

class Messages {
 public:
  virtual ~Messages() = default;
  /// Starts again from the first.
  virtual void rewind() = 0;
  /// False: there are no more.
  virtual bool next(Message& out) = 0;
  /// How many there are; 0: known only at the end.
  virtual uint64_t count() const = 0;
  virtual std::string description() const = 0;
};

/// The texts of Debian's fortunes packages, numbered and repeated up to `count`, to `num_recipients` in turn.
std::unique_ptr<Messages> fortunes(uint64_t count, uint64_t num_recipients);
/// The records of a file, repeated up to `count`; 0: each once.
std::unique_ptr<Messages> records_of(const std::string& path, uint64_t count);

/// The message of a record {"msg": …} or {"msg_b64": …}; throws std::runtime_error where there is none.
void read_message(Message& out, std::string_view record);

}  // namespace megaseal::main_job
