// megaseal open: sealed records in, opened records out.
#include <sodium.h>

#include <deque>

#include "engine/cli/identities.hpp"
#include "engine/cli/json_text.hpp"
#include "engine/cli/records.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/stream.hpp"
#include "engine/cli/verbs.hpp"

namespace megaseal::cli {
namespace {

class Opener : public BlockWorker {
 public:
  Opener(const Options& options, const Cipher& cipher, const Identities& identities, bool on_terminal)
      : options_(options),
        cipher_(cipher),
        identities_(identities),
        on_terminal_(on_terminal),
        overhead_(megaseal_overhead(options.format)),
        parser_(RecordKind::sealed, options.framing) {}

  void work(const FrameBlock& block, Outcome& out, const std::function<void()>& /*drain*/) override {
    parser_.begin_block(block);
    entries_.resize(block.frames.size());
    for (size_t i = 0; i < block.frames.size(); ++i) take(entries_[i], block.frames[i]);
    open_all();
    for (Entry& entry : entries_) put(entry, out);
  }

  void release() override {
    parser_.release();
    first_try_.release();
    again_.release();
    retried_.clear();
  }

 private:
  enum class State : uint8_t { pending, opened, malformed, not_opened, foreign };

  struct Entry {
    Record record;
    State state;
    bool any_key;     // every key is tried, from the first on
    size_t key;       // the one to try next
    std::string why;  // malformed, not_opened
    std::string_view message;
  };

  void take(Entry& entry, const Frame& frame) {
    entry.key = 0;
    entry.state = State::malformed;
    entry.why = parser_.parse(entry.record, frame);
    if (entry.why.empty() && options_.format != MEGASEAL_FORMAT_HPKE && !entry.record.aad_raw.empty()) {
      entry.why = "sealed boxes bind no associated data";
    }
    if (!entry.why.empty()) return;
    const auto choice = identities_.choose(entry.key, entry.record.to);
    entry.any_key = choice == Identities::Choice::any;
    entry.state = State::pending;
    if (choice != Identities::Choice::none) return;
    entry.state = options_.skip_foreign ? State::foreign : State::not_opened;
    entry.why = "sealed to another key than those of -i";
  }

  // A first pass with each record's first key; then those that did not open go through again with their next
  // one.
  void open_all() {
    retried_.clear();
    if (!open_pass(first_try_)) return;
    for (size_t pass = 1; pass < identities_.size(); ++pass) {
      if (!open_pass(again_)) return;
      // The next pass needs the room, so what this one opened moves out. With thousands of keys, results of
      // every pass would not fit in memory.
      for (Entry* entry : pending_) {
        if (entry->state == State::opened) entry->message = retried_.emplace_back(entry->message);
      }
    }
  }

  bool open_pass(Items& items) {
    items.clear();
    keys_.clear();
    pending_.clear();
    for (Entry& entry : entries_) {
      if (entry.state != State::pending) continue;
      const std::string_view sealed = entry.record.payload;
      items.add(sealed, entry.record.aad, sealed.size() < overhead_ ? 0 : sealed.size() - overhead_);
      keys_.push_back(identities_.key(entry.key));
      pending_.push_back(&entry);
    }
    if (pending_.empty()) return false;
    items.place();
    cipher_.open(items, keys_);
    for (size_t i = 0; i < pending_.size(); ++i) conclude(*pending_[i], items.status(i), items.result(i));
    return true;
  }

  void conclude(Entry& entry, megaseal_status status, std::string_view message) const {
    if (status == MEGASEAL_OK) {
      accept(entry, message);
    } else if (status == MEGASEAL_AUTH_FAILED && entry.any_key && entry.key + 1 < identities_.size()) {
      ++entry.key;
    } else {
      entry.state = State::not_opened;
      entry.why = megaseal_status_string(status);
    }
  }

  void accept(Entry& entry, std::string_view message) const {
    if (options_.pad != 0) {
      size_t len = 0;
      const auto* const bytes = reinterpret_cast<const unsigned char*>(message.data());
      if (message.empty() || message.size() % options_.pad != 0 ||
          sodium_unpad(&len, bytes, message.size(), options_.pad) != 0) {
        entry.state = State::not_opened;
        entry.why = fmt::format("not padded to a multiple of {} bytes", options_.pad);
        return;
      }
      message = message.substr(0, len);
    }
    if (options_.framing == Framing::lines && message.find('\n') != message.npos) {
      entry.state = State::malformed;
      entry.why = "the message holds a line feed; --framing ndjson and len32 can carry it";
      return;
    }
    entry.state = State::opened;
    entry.message = message;
  }

  void put(Entry& entry, Outcome& out) const {
    switch (entry.state) {
      case State::opened:
        if (on_terminal_ && options_.framing == Framing::lines && !is_printable(entry.message)) {
          fail("a message is binary and does not go to a terminal; use -o FILE, a pipe, or --framing ndjson");
        }
        append_opened(out.text, options_.framing, entry.record, entry.message);
        ++out.tally.num_done;
        out.tally.num_bytes += entry.message.size();
        break;
      case State::foreign:
        ++out.tally.num_foreign;
        break;
      case State::malformed:
        out.rejects.push_back({entry.record.frame, Reject::Kind::malformed, std::move(entry.why)});
        break;
      default:
        out.rejects.push_back({entry.record.frame, Reject::Kind::not_opened, std::move(entry.why)});
    }
  }

  const Options& options_;
  const Cipher& cipher_;
  const Identities& identities_;
  const bool on_terminal_;
  const uint64_t overhead_;
  RecordParser parser_;
  std::vector<Entry> entries_;
  Items first_try_;
  Items again_;
  std::deque<std::string> retried_;  // messages opened by a second or later key; a deque never moves them
  std::vector<const megaseal_secret_key*> keys_;
  std::vector<Entry*> pending_;
};

}  // namespace

Exit open_stream(const Options& options, const Cipher& cipher, size_t block_len, std::string_view backend) {
  const Identities identities(options);
  // What seal takes under one limit, open takes under the same: room for what sealing, padding, base64, the name of the
  // recipient and some hundred escapes add.
  constexpr uint64_t kMaxAdded = 4096;
  const uint64_t max_sealed = (options.max_record + options.pad) / 3 * 4 + kMaxAdded;
  Stream stream(options, FrameReader::Blanks::left_out, block_len, max_sealed);
  return stream.run(
      [&] { return std::make_unique<Opener>(options, cipher, identities, stream.on_terminal()); }, backend);
}

Exit run_open(const Options& options) {
  const auto operation =
      options.format == MEGASEAL_FORMAT_HPKE ? MEGASEAL_OP_HPKE_OPEN : MEGASEAL_OP_SEALEDBOX_OPEN;
  const EngineCipher cipher(options);
  return open_stream(options, cipher, cipher.block_len(operation), cipher.backend(operation));
}

}  // namespace megaseal::cli
