// megaseal open: sealed records in, opened records out. One block at a time goes through parse, open and
// write.
#include <deque>

#include "engine/cli/files.hpp"
#include "engine/cli/identities.hpp"
#include "engine/cli/lines.hpp"
#include "engine/cli/records.hpp"
#include "engine/cli/rejects.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/summary.hpp"
#include "engine/cli/verbs.hpp"

namespace megaseal::cli {
namespace {

class Opener {
 public:
  explicit Opener(const Options& options)
      : session_(options),
        identities_(options),
        reader_(options.inputs, session_.block_len(operation(options)), options.max_record),
        rejects_(options, reader_.inputs()),
        output_(options.output),
        options_(options) {}

  Exit run() {
    LineBlock block;
    while (reader_.next(block)) {
      parser_.begin_block(block);
      entries_.resize(block.lines.size());
      for (size_t i = 0; i < block.lines.size(); ++i) take(entries_[i], block.lines[i]);
      open_all();
      write_all();
      rejects_.flush();
      summary_.num_records += block.lines.size();
    }
    output_.commit();
    rejects_.summarize(summary_.num_records);
    if (options_.json) summary_.print_json(rejects_, session_.engine(), operation(options_));
    return rejects_.exit();
  }

 private:
  enum class State : uint8_t { pending, opened, malformed, not_opened };

  struct Entry {
    Record record;
    State state;
    bool any_key;     // every key is tried, from the first on
    size_t key;       // the one to try next
    std::string why;  // malformed, not_opened
    std::string_view message;
  };

  static megaseal_operation operation(const Options& options) {
    return options.format == MEGASEAL_FORMAT_HPKE ? MEGASEAL_OP_HPKE_OPEN : MEGASEAL_OP_SEALEDBOX_OPEN;
  }

  void take(Entry& entry, const Line& line) {
    entry.key = 0;
    entry.state = State::malformed;
    entry.why = parser_.parse(entry.record, line);
    if (entry.why.empty() && !session_.takes_aad() && !entry.record.aad_raw.empty()) {
      entry.why = "sealed boxes bind no associated data";
    }
    if (!entry.why.empty()) return;
    const auto choice = identities_.choose(entry.key, entry.record.to);
    entry.any_key = choice == Identities::Choice::any;
    entry.state = choice == Identities::Choice::none ? State::not_opened : State::pending;
    if (choice == Identities::Choice::none) entry.why = "sealed to another key than those of -i";
  }

  // A first pass with each record's first key; then those that did not open go through again with their next
  // one.
  void open_all() {
    if (!open_pass(first_try_)) return;
    retried_.clear();
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
      const uint64_t overhead = session_.overhead();
      items.add(sealed, entry.record.aad, sealed.size() < overhead ? 0 : sealed.size() - overhead);
      keys_.push_back(identities_.key(entry.key));
      pending_.push_back(&entry);
    }
    if (pending_.empty()) return false;
    items.place();
    session_.open(items, keys_);
    for (size_t i = 0; i < pending_.size(); ++i) conclude(*pending_[i], items.status(i), items.result(i));
    return true;
  }

  void conclude(Entry& entry, megaseal_status status, std::string_view message) {
    if (status == MEGASEAL_OK) {
      entry.state = State::opened;
      entry.message = message;
    } else if (status == MEGASEAL_AUTH_FAILED && entry.any_key && entry.key + 1 < identities_.size()) {
      ++entry.key;
    } else {
      entry.state = State::not_opened;
      entry.why = megaseal_status_string(status);
    }
  }

  void write_all() {
    text_.clear();
    for (const Entry& entry : entries_) {
      const Line& line = *entry.record.line;
      if (entry.state == State::opened) {
        append_opened(text_, entry.record, entry.message);
        ++summary_.num_done;
        summary_.num_bytes += entry.message.size();
      } else if (entry.state == State::malformed) {
        rejects_.malformed(line, entry.why);
      } else {
        rejects_.not_opened(line, entry.why);
      }
    }
    output_.write(text_);
  }

  Session session_;
  Identities identities_;
  LineReader reader_;
  Rejects rejects_;
  Output output_;
  const Options& options_;
  RecordParser parser_{RecordKind::sealed};
  std::vector<Entry> entries_;
  Items first_try_;
  Items again_;
  std::deque<std::string> retried_;  // messages opened by a second or later key; a deque never moves them
  std::vector<const megaseal_secret_key*> keys_;
  std::vector<Entry*> pending_;
  std::string text_;
  Summary summary_;
};

}  // namespace

Exit run_open(const Options& options) { return Opener(options).run(); }

}  // namespace megaseal::cli
