#include "engine/cli/recipients.hpp"

#include <algorithm>

#include "engine/cli/files.hpp"
#include "engine/cli/lines.hpp"

namespace megaseal::cli {
namespace {

constexpr size_t kMaxLiteral = 1 << 16;

Recipient make_recipient(const PublicKey& key) {
  megaseal_recipient* recipient = nullptr;
  check(megaseal_recipient_create(&recipient, key.data()), "cannot use a public key");
  return Recipient(recipient);
}

PublicKey public_key_of(const Recipient& recipient) {
  PublicKey key;
  megaseal_recipient_public_key(recipient.get(), key.data());
  return key;
}

}  // namespace

Recipients::Recipients(const Options& options) {
  for (const std::string& text : options.recipients) {
    PublicKey key;
    // On the command line a bad key is a usage error, and the run ends before it has touched anything.
    const std::string reason = parse_public_key(key, text);
    if (!reason.empty()) fail_usage("-r {}: {}", text, reason);
    give(text, "-r");
  }
  for (const std::string& path : options.recipient_files) {
    LineReader reader({path}, 64 << 10, 64 << 10);
    LineBlock block;
    while (reader.next(block)) {
      for (const Line& line : block.lines) {
        const std::string_view text = line.text.substr(0, line.text.find('#'));
        if (text.find_first_not_of(" \t\r") == text.npos) continue;
        give(text, fmt::format("{}: line {}", display_name(path), line.number));
      }
    }
  }
  if (!options.directory.empty()) directory_ = Directory(options.directory);
  named_.resize(directory_.size());
}

void Recipients::give(std::string_view text, const std::string& where) {
  PublicKey key;
  const std::string reason = parse_public_key(key, text);
  if (!reason.empty()) fail("{}: {}", where, reason);
  // The same key twice would only send everything twice.
  if (std::ranges::any_of(given_, [&](const Given& known) { return public_key_of(known.handle) == key; }))
    return;
  char canonical[MEGASEAL_PUBLIC_KEY_TEXT_LEN];
  megaseal_public_key_to_text(canonical, key.data());
  given_.push_back({make_recipient(key), fmt::format("\"{}\"", canonical)});
}

void Recipients::begin_block() {
  if (literal_.size() > kMaxLiteral) literal_.clear();
}

const megaseal_recipient* Recipients::resolve(std::string_view to, std::string& out_reason) {
  if (const auto index = directory_.find(to)) {
    Recipient& recipient = named_[*index];
    if (!recipient) recipient = make_recipient(directory_.key(*index));
    return recipient.get();
  }
  if (const auto known = literal_.find(to); known != literal_.end()) return known->second.get();
  if (!looks_like_key(to)) {
    out_reason = fmt::format("unknown recipient \"{}\"", to);
    return nullptr;
  }
  PublicKey key;
  out_reason = parse_public_key(key, to);
  if (!out_reason.empty()) {
    out_reason = "\"to\" is " + out_reason;
    return nullptr;
  }
  return literal_.emplace(to, make_recipient(key)).first->second.get();
}

}  // namespace megaseal::cli
