// Whom a record is sealed to.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/cli/directory.hpp"
#include "engine/cli/options.hpp"

namespace megaseal::cli {

/// A recipient, and the JSON string under which a record without "to" says that it was sealed to them.
struct Given {
  Recipient handle;
  std::string to_raw;
};

class Recipients {
 public:
  /// Loads -r, -R and --directory.
  explicit Recipients(const Options& options);

  /// For records without "to".
  std::span<const Given> given() const { return given_; }

  /// For a record's "to": a key's text, or a name in the directory. Null and the reason where it is neither.
  /// The handle lives at least until the next begin_block().
  const megaseal_recipient* resolve(std::string_view to, std::string& out_reason);

  /// Forgets keys met in records when they have become many: memory stays flat however many there are.
  void begin_block();

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  void give(std::string_view text, const std::string& where);

  std::vector<Given> given_;
  Directory directory_;
  std::vector<Recipient> named_;  // by index in the directory, made at first use: most names never occur
  std::unordered_map<std::string, Recipient, Hash, std::equal_to<>> literal_;  // keys met in "to"
};

}  // namespace megaseal::cli
