// megaseal seal: records in, sealed records out.
#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <memory_resource>

#include "engine/cli/recipients.hpp"
#include "engine/cli/records.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/stream.hpp"
#include "engine/cli/verbs.hpp"

namespace megaseal::cli {
namespace {

// A record for many -r keys grows on its way; no more than this much sealed text is held at once.
constexpr uint64_t kMaxBatchBytes = 8 << 20;
constexpr size_t kMaxBatchItems = 1 << 15;

class Sealer : public BlockWorker {
 public:
  Sealer(const Options& options, const Cipher& cipher, const Recipients& recipients)
      : options_(options),
        cipher_(cipher),
        recipients_(recipients),
        overhead_(megaseal_overhead(options.format)),
        parser_(RecordKind::plain, options.framing) {}

  void work(const FrameBlock& block, Outcome& out, const std::function<void()>& drain) override {
    parser_.begin_block(block);
    forget_padded();
    records_.resize(block.frames.size());
    for (size_t i = 0; i < block.frames.size(); ++i) take(records_[i], block.frames[i], out, drain);
    finish_batch(out);
    std::ranges::stable_sort(out.rejects, {}, &Reject::frame);  // frames lie in the order of the input
  }

  void release() override {
    parser_.release();
    forget_padded();
    items_.release();
  }

 private:
  struct Source {
    const Record* record;
    std::string_view to_raw;
    size_t message_len;
  };

  // Reads one record and puts it into the batch, once per recipient.
  void take(Record& record, const Frame& frame, Outcome& out, const std::function<void()>& drain) {
    std::string reason = parser_.parse(record, frame);
    PublicKey key;
    if (reason.empty()) reason = refuse(record);
    if (reason.empty() && !record.to_raw.empty()) reason = recipients_.resolve(key, record.to);
    if (!reason.empty()) {
      out.rejects.push_back({&frame, Reject::Kind::malformed, std::move(reason)});
      return;
    }
    const size_t message_len = record.payload.size();
    if (options_.pad != 0) {
      // Padding makes large messages of small ones, many times what the block holds.
      if (padded_len_ > kMaxBatchBytes) {
        finish_batch(out, drain);
        forget_padded();
      }
      record.payload = padded(record.payload);
    }
    const auto add = [&](const PublicKey& to, std::string_view to_raw) {
      const uint64_t sealed_len = record.payload.size() + overhead_;
      if (items_.size() == kMaxBatchItems || items_.out_len() + sealed_len > kMaxBatchBytes)
        finish_batch(out, drain);
      items_.add(record.payload, record.aad, sealed_len);
      to_.push_back(to);
      sources_.push_back({&record, to_raw, message_len});
    };
    if (!record.to_raw.empty()) {
      add(key, record.to_raw);
    } else {
      for (const Given& given : recipients_.given()) add(given.key, given.to_raw);
    }
  }

  std::string refuse(const Record& record) const {
    if (options_.format != MEGASEAL_FORMAT_HPKE && !record.aad_raw.empty())
      return "sealed boxes bind no associated data";
    if (record.to_raw.empty() && recipients_.given().empty()) return "no \"to\", and no -r or -R for it";
    return "";
  }

  // The message, a byte 0x80, and zeros up to the next multiple of --pad (ISO/IEC 7816-4).
  std::string_view padded(std::string_view message) {
    const size_t room = message.size() + options_.pad;
    padded_len_ += room;
    auto* const bytes = static_cast<unsigned char*>(padded_.allocate(room, 1));
    if (!message.empty()) std::memcpy(bytes, message.data(), message.size());
    size_t len = 0;
    if (sodium_pad(&len, bytes, message.size(), options_.pad, room) != 0) fail("cannot pad a message");
    return {reinterpret_cast<const char*>(bytes), len};
  }

  // No record may point there any more.
  void forget_padded() {
    padded_.release();
    padded_len_ = 0;
  }

  // For when there is more to come: what has been sealed goes out where it has grown large.
  void finish_batch(Outcome& out, const std::function<void()>& drain) {
    finish_batch(out);
    if (out.text.size() > kMaxBatchBytes) drain();
  }

  // Seals what has gathered.
  void finish_batch(Outcome& out) {
    if (items_.size() == 0) return;
    items_.place();
    cipher_.seal(items_, to_);
    for (size_t i = 0; i < items_.size(); ++i) {
      const Source& source = sources_[i];
      if (items_.status(i) != MEGASEAL_OK) {
        out.rejects.push_back(
            {source.record->frame, Reject::Kind::malformed, megaseal_status_string(items_.status(i))});
        continue;
      }
      // The recipient is named even where the record did not: among the copies of a record that went to many,
      // the one for a key is found without trying them all.
      Record carried = *source.record;
      carried.to_raw = source.to_raw;
      append_sealed(out.text, options_.framing, carried, items_.result(i));
      ++out.tally.num_done;
      out.tally.num_bytes += source.message_len;
    }
    items_.clear();
    to_.clear();
    sources_.clear();
  }

  const Options& options_;
  const Cipher& cipher_;
  const Recipients& recipients_;
  const uint64_t overhead_;
  RecordParser parser_;
  std::pmr::monotonic_buffer_resource padded_;
  uint64_t padded_len_ = 0;
  std::vector<Record> records_;
  Items items_;
  std::vector<PublicKey> to_;
  std::vector<Source> sources_;
};

}  // namespace

Exit seal_stream(const Options& options, const Cipher& cipher, size_t block_len, std::string_view backend) {
  const Recipients recipients(options);
  // Where a block is to become as many copies as there are recipients, it is cut smaller.
  constexpr size_t kMinBlockLen = 4 << 10;
  const size_t copies = std::max(recipients.given().size(), size_t{1});
  const auto blanks =
      options.framing == Framing::lines ? FrameReader::Blanks::kept : FrameReader::Blanks::left_out;
  Stream stream(options, blanks, std::max(block_len / copies, std::min(block_len, kMinBlockLen)),
                options.max_record);
  return stream.run([&] { return std::make_unique<Sealer>(options, cipher, recipients); }, backend);
}

Exit run_seal(const Options& options) {
  const auto operation =
      options.format == MEGASEAL_FORMAT_HPKE ? MEGASEAL_OP_HPKE_SEAL : MEGASEAL_OP_SEALEDBOX_SEAL;
  const EngineCipher cipher(options);
  return seal_stream(options, cipher, cipher.block_len(operation), cipher.backend(operation));
}

}  // namespace megaseal::cli
