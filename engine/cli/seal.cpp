// megaseal seal: records in, sealed records out. One block at a time goes through parse, seal and write.
#include <span>

#include "engine/cli/files.hpp"
#include "engine/cli/lines.hpp"
#include "engine/cli/recipients.hpp"
#include "engine/cli/records.hpp"
#include "engine/cli/rejects.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/summary.hpp"
#include "engine/cli/verbs.hpp"

namespace megaseal::cli {
namespace {

// A record for many -r keys grows on its way; no more than this much sealed text is held at once.
constexpr uint64_t kMaxBatchBytes = 32 << 20;
constexpr size_t kMaxBatchItems = 1 << 16;

class Sealer {
 public:
  explicit Sealer(const Options& options)
      : session_(options),
        recipients_(options),
        reader_(options.inputs, session_.block_len(operation(options)), options.max_record),
        rejects_(options, reader_.inputs()),
        output_(options.output),
        options_(options) {}

  Exit run() {
    LineBlock block;
    while (reader_.next(block)) {
      recipients_.begin_block();
      parser_.begin_block(block);
      records_.resize(block.lines.size());
      for (size_t i = 0; i < block.lines.size(); ++i) take(records_[i], block.lines[i]);
      finish_batch();
      rejects_.flush();
      summary_.num_records += block.lines.size();
    }
    output_.commit();
    rejects_.summarize(summary_.num_records);
    if (options_.json) summary_.print_json(rejects_, session_.engine(), operation(options_));
    return rejects_.exit();
  }

 private:
  static megaseal_operation operation(const Options& options) {
    return options.format == MEGASEAL_FORMAT_HPKE ? MEGASEAL_OP_HPKE_SEAL : MEGASEAL_OP_SEALEDBOX_SEAL;
  }

  // Reads one line and puts it into the batch, once per recipient.
  void take(Record& record, const Line& line) {
    std::string reason = parser_.parse(record, line);
    const megaseal_recipient* recipient = nullptr;
    if (reason.empty()) reason = refuse(record);
    if (reason.empty() && !record.to_raw.empty()) recipient = recipients_.resolve(record.to, reason);
    if (!reason.empty()) {
      rejects_.malformed(line, reason);
      return;
    }
    if (recipient != nullptr) {
      add(record, recipient, record.to_raw);
      return;
    }
    for (const Given& given : recipients_.given()) add(record, given.handle.get(), given.to_raw);
  }

  std::string refuse(const Record& record) const {
    if (!session_.takes_aad() && !record.aad_raw.empty()) return "sealed boxes bind no associated data";
    if (record.to_raw.empty() && recipients_.given().empty()) return "no \"to\", and no -r or -R for it";
    return "";
  }

  void add(const Record& record, const megaseal_recipient* recipient, std::string_view to_raw) {
    const uint64_t sealed_len = record.payload.size() + session_.overhead();
    if (items_.size() != 0 &&
        (items_.size() == kMaxBatchItems || items_.out_len() + sealed_len > kMaxBatchBytes)) {
      finish_batch();
    }
    items_.add(record.payload, record.aad, sealed_len);
    to_.push_back(recipient);
    sources_.push_back({&record, to_raw});
  }

  // Seals what has gathered and writes it, whole records only.
  void finish_batch() {
    if (items_.size() == 0) return;
    items_.place();
    session_.seal(items_, to_);
    text_.clear();
    for (size_t i = 0; i < items_.size(); ++i) {
      if (items_.status(i) != MEGASEAL_OK) {
        rejects_.malformed(*sources_[i].record->line, megaseal_status_string(items_.status(i)));
        continue;
      }
      // The recipient is named even where the record did not: among the copies of a record that went to many,
      // the one for a key is found without trying them all.
      Record carried = *sources_[i].record;
      carried.to_raw = sources_[i].to_raw;
      append_sealed(text_, carried, items_.result(i));
      ++summary_.num_done;
      summary_.num_bytes += carried.payload.size();
    }
    output_.write(text_);
    items_.clear();
    to_.clear();
    sources_.clear();
  }

  struct Source {
    const Record* record;
    std::string_view to_raw;
  };

  Session session_;
  Recipients recipients_;
  LineReader reader_;
  Rejects rejects_;
  Output output_;
  const Options& options_;
  RecordParser parser_{RecordKind::plain};
  std::vector<Record> records_;
  Items items_;
  std::vector<const megaseal_recipient*> to_;
  std::vector<Source> sources_;
  std::string text_;
  Summary summary_;
};

}  // namespace

Exit run_seal(const Options& options) { return Sealer(options).run(); }

}  // namespace megaseal::cli
