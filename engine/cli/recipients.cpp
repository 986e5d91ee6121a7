#include "engine/cli/recipients.hpp"

#include "engine/cli/files.hpp"
#include "engine/cli/frames.hpp"

namespace megaseal::cli {

Recipients::Recipients(const Options& options) {
  for (const std::string& text : options.recipients) {
    PublicKey key;
    // On the command line a bad key is a usage error, and the run ends before it has touched anything.
    const std::string reason = parse_public_key(key, text);
    if (!reason.empty()) fail_usage("-r {}: {}", text, reason);
    give(key);
  }
  for (const std::string& path : options.recipient_files) {
    FrameReader reader({path}, Framing::lines, FrameReader::Blanks::left_out, 64 << 10, 64 << 10);
    FrameBlock block;
    while (reader.next(block)) {
      for (const Frame& line : block.frames) {
        const std::string_view text = line.bytes.substr(0, line.bytes.find('#'));
        if (line.fault == Frame::Fault::none && text.find_first_not_of(" \t\r") == text.npos) continue;
        PublicKey key;
        const std::string reason = parse_public_key(key, text);
        if (!reason.empty()) fail("{}: line {}: {}", display_name(path), line.number, reason);
        give(key);
      }
    }
  }
  if (!options.directory.empty()) directory_ = Directory(options.directory, options.quiet);
  if (options.framing != Framing::ndjson && given_.size() != 1) {
    fail_usage("--framing len32 and lines take exactly one recipient, here are {}", given_.size());
  }
}

void Recipients::give(const PublicKey& key) {
  // The same key twice would only send everything twice.
  if (!known_.insert(key).second) return;
  char canonical[MEGASEAL_PUBLIC_KEY_TEXT_LEN];
  megaseal_public_key_to_text(canonical, key.data());
  given_.push_back({key, fmt::format("\"{}\"", canonical)});
}

std::string Recipients::resolve(PublicKey& out_key, std::string_view to) const {
  if (const auto index = directory_.find(to)) {
    out_key = directory_.key(*index);
    return "";
  }
  constexpr size_t kMaxShown = 100;
  if (to.size() > kMaxShown) return fmt::format("unknown recipient, with a name of {} bytes", to.size());
  if (!looks_like_key(to)) return fmt::format("unknown recipient \"{}\"", to);
  const std::string reason = parse_public_key(out_key, to);
  return reason.empty() ? "" : "\"to\" is " + reason;
}

}  // namespace megaseal::cli
