// Records that were not done: counted, told to the user, and kept for a second try.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cli/files.hpp"
#include "engine/cli/frames.hpp"
#include "engine/cli/options.hpp"

namespace megaseal::cli {

/// A record that was not done, and why.
struct Reject {
  enum class Kind {
    malformed,   ///< could not be understood or addressed
    not_opened,  ///< well-formed, but did not open
  };
  const Frame* frame;
  Kind kind;
  std::string reason;
};

class Rejects {
 public:
  /// Creates or empties the file of --rejects. Only the user may read it: it holds what was to be sealed. Throws
  /// Failure (usage) where it is also read, is the output or the file of standard error.
  Rejects(const Options& options, const std::vector<std::string>& inputs);

  /// Tells and keeps the rejects of one block.
  void add(const std::vector<Reject>& rejects);
  /// How many there were, in a sentence on standard error; nothing when there were none.
  void summarize(uint64_t num_records) const;

  uint64_t num_malformed() const { return num_malformed_; }
  uint64_t num_not_opened() const { return num_not_opened_; }
  /// done, rejected or not_opened.
  Exit exit() const;

 private:
  void tell_one(const Reject& reject) const;
  void keep(const Reject& reject);

  std::vector<std::string> inputs_;
  Framing framing_;
  bool quiet_;
  std::string path_;
  Fd fd_;
  std::string buffer_;
  uint64_t num_malformed_ = 0;
  uint64_t num_not_opened_ = 0;
};

}  // namespace megaseal::cli
