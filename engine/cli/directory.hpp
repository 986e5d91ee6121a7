// A directory of names and public keys: NDJSON lines {"name": "alice", "key": "megaseal1…"}.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cli/handles.hpp"

namespace megaseal::cli {

/// Made for millions of names: one arena for all of them and one flat table of indices, no allocation per
/// name.
class Directory {
 public:
  Directory() = default;
  /// Reads the file; any line that is not as above, a repeated name and a bad key end the run, naming the
  /// line. Says on standard error how many names there are, unless `quiet`.
  Directory(const std::string& path, bool quiet);

  std::optional<uint32_t> find(std::string_view name) const;
  const PublicKey& key(uint32_t index) const { return keys_[index]; }
  size_t size() const { return keys_.size(); }

 private:
  std::string_view name(uint32_t index) const {
    return std::string_view(names_).substr(name_ends_[index], name_ends_[index + 1] - name_ends_[index]);
  }
  size_t slot_of(std::string_view name) const;
  bool add(std::string_view name, const PublicKey& key);
  void grow();

  std::string names_;
  std::vector<uint64_t> name_ends_ = {0};
  std::vector<PublicKey> keys_;
  std::vector<uint32_t> slots_;  // index + 1; 0: free. A power of two, at most half full.
};

/// Whether `text` has the length of a key's text, so that it is to be read as a key and not as a name.
bool looks_like_key(std::string_view text);

/// "" and the key, or why the text is none.
std::string parse_public_key(PublicKey& out, std::string_view text);

}  // namespace megaseal::cli
