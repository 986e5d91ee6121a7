// Records that were not done: counted, told to the user, and kept for a second try.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cli/files.hpp"
#include "engine/cli/lines.hpp"
#include "engine/cli/options.hpp"

namespace megaseal::cli {

class Rejects {
 public:
  /// Creates or empties the file of --rejects. Only the user may read it: it holds what was to be sealed. Throws
  /// Failure (usage) where it is also read or is the output.
  Rejects(const Options& options, const std::vector<std::string>& inputs);

  /// A record that could not be understood or addressed.
  void malformed(const Line& line, std::string_view reason);
  /// A well-formed record that did not open.
  void not_opened(const Line& line, std::string_view reason);

  /// Writes what is gathered to the file; call once a block.
  void flush();
  /// How many there were, in a sentence on standard error; nothing when there were none.
  void summarize(uint64_t num_records) const;

  uint64_t num_malformed() const { return num_malformed_; }
  uint64_t num_not_opened() const { return num_not_opened_; }
  /// done, rejected or not_opened.
  Exit exit() const;

 private:
  void add(const Line& line, std::string_view reason);

  std::vector<std::string> inputs_;
  bool quiet_;
  std::string path_;
  Fd fd_;
  std::string buffer_;
  uint64_t num_malformed_ = 0;
  uint64_t num_not_opened_ = 0;
};

}  // namespace megaseal::cli
