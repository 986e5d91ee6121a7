// Whom a record is sealed to.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "engine/cli/directory.hpp"
#include "engine/cli/options.hpp"

namespace megaseal::cli {

/// A recipient, and the JSON string under which a record without "to" says that it was sealed to them.
struct Given {
  PublicKey key;
  std::string to_raw;
};

/// Once loaded it is only read, by any number of threads.
class Recipients {
 public:
  /// Loads -r, -R and --directory.
  explicit Recipients(const Options& options);

  /// For records without "to".
  std::span<const Given> given() const { return given_; }

  /// For a record's "to": a key's text, or a name in the directory. Returns "" or why it is neither.
  std::string resolve(PublicKey& out_key, std::string_view to) const;

 private:
  void give(const PublicKey& key);

  std::vector<Given> given_;
  std::unordered_set<PublicKey, PublicKeyHash> known_;  // those of given_
  Directory directory_;
};

}  // namespace megaseal::cli
