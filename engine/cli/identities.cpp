#include "engine/cli/identities.hpp"

#include "engine/cli/files.hpp"

namespace megaseal::cli {

void load_secret_keys(std::vector<SecretKey>& out, const std::string& path, bool warn_if_shared) {
  const SecretBytes pem = read_secret_file(path, warn_if_shared);
  std::string_view rest(pem.data(), pem.size());
  size_t num_found = 0;
  for (;;) {
    megaseal_secret_key* key = nullptr;
    size_t consumed = 0;
    const megaseal_error error = megaseal_secret_key_from_pem(&key, &consumed, rest.data(), rest.size());
    if (error == MEGASEAL_ERROR_KEY_FORMAT) {
      // After the last key only comments may follow: a block that cannot be read is not passed over in
      // silence.
      if (num_found != 0 && rest.find("PRIVATE KEY-----") == rest.npos) return;
      fail("{}: {} is not an unencrypted X25519 secret key in PEM", display_name(path),
           num_found == 0 ? "this" : fmt::format("key {}", num_found + 1));
    }
    check(error, display_name(path).c_str());
    out.emplace_back(key);
    ++num_found;
    rest.remove_prefix(consumed);
  }
}

Identities::Identities(const Options& options) {
  for (const std::string& path : options.identities) load_secret_keys(keys_, path, !options.quiet);
  for (size_t i = 0; i < keys_.size(); ++i) {
    PublicKey key;
    megaseal_secret_key_public_key(keys_[i].get(), key.data());
    by_public_.emplace(key, i);
  }
  if (!options.directory.empty()) directory_ = Directory(options.directory, options.quiet);
  for (size_t i = 0; i < directory_.size(); ++i) {
    const auto found = by_public_.find(directory_.key(uint32_t(i)));
    key_of_name_.push_back(found == by_public_.end() ? kNone : found->second);
  }
}

Identities::Choice Identities::choose(size_t& out_index, std::string_view to) const {
  if (to.empty()) return Choice::any;
  if (const auto index = directory_.find(to)) {
    if (key_of_name_[*index] == kNone) return Choice::none;
    out_index = key_of_name_[*index];
    return Choice::one;
  }
  PublicKey key;
  if (!looks_like_key(to) || !parse_public_key(key, to).empty())
    return Choice::any;  // a name that means nothing to us
  const auto found = by_public_.find(key);
  if (found == by_public_.end()) return Choice::none;
  out_index = found->second;
  return Choice::one;
}

}  // namespace megaseal::cli
