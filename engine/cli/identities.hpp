// The secret keys that open, and which of them a record asks for.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/cli/directory.hpp"
#include "engine/cli/options.hpp"

namespace megaseal::cli {

/// Appends every key of a PEM file. A file without any ends the run, and so does a block that is no X25519
/// key.
void load_secret_keys(std::vector<SecretKey>& out, const std::string& path, bool warn_if_shared);

/// Once loaded they are only read, by any number of threads.
class Identities {
 public:
  explicit Identities(const Options& options);

  const megaseal_secret_key* key(size_t index) const { return keys_[index].get(); }
  size_t size() const { return keys_.size(); }

  enum class Choice { one, any, none };
  /// Which key a record with this "to" asks for: the one at out_index; any, when it does not say; or none of
  /// ours.
  Choice choose(size_t& out_index, std::string_view to) const;

 private:
  std::vector<SecretKey> keys_;
  std::unordered_map<PublicKey, size_t, PublicKeyHash> by_public_;
  Directory directory_;
  std::vector<size_t> key_of_name_;  // of each of the directory's; kNone where the key is not ours
  static constexpr size_t kNone = size_t(-1);
};

}  // namespace megaseal::cli
