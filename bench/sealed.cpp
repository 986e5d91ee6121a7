#include "bench/sealed.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace megaseal::bench {
namespace {

class SealedWork {
 public:
  SealedWork(const SealedFormat& f, bool seal, const Shape& shape)
      : format_(f),
        seal_(seal),
        messages_(shape, megaseal_overhead(f.format)),
        batch_(messages_, seal),
        sealing_(messages_, true),
        opening_(messages_, false) {
    const KeyPairs& pairs = key_pairs();
    const size_t num = shape.batch;
    const size_t recipients = shape.shared ? 1 : shape.recipients ? shape.recipients : num;
    for (size_t i = 0; i < num; i++) {
      const size_t k = i % recipients;
      publics_.insert(publics_.end(), pairs.publics.begin() + std::ptrdiff_t(32 * k),
                      pairs.publics.begin() + std::ptrdiff_t(32 * k + 32));
      secrets_.insert(secrets_.end(), pairs.secrets.begin() + std::ptrdiff_t(32 * k),
                      pairs.secrets.begin() + std::ptrdiff_t(32 * k + 32));
      handles_.push_back(pairs.handles[k]);
    }
    step_ = recipients == 1 ? 0 : 1;
    plain_ = messages_.plain;
    recipients_.public_keys = publics_.data();
    recipients_.stride = 32 * step_;
    if (!seal) {
      // Opened messages come from our scalar backend; with libsodium opening them too, both agree on the format.
      do_seal(engine("scalar", 1), sealing_);
      std::fill(messages_.plain.begin(), messages_.plain.end(), uint8_t(0));
    }
    items_ = {.num = num,
              .publics = publics_.data(),
              .secrets = secrets_.data(),
              .key_stride = 32 * step_,
              .in = seal ? messages_.plain_at() : messages_.sealed_at(),
              .in_offsets = (seal ? messages_.plain_offsets : messages_.sealed_offsets).data(),
              .out = seal ? messages_.sealed_at() : messages_.plain_at(),
              .out_offsets = (seal ? messages_.sealed_offsets : messages_.plain_offsets).data()};
  }
  SealedWork(const SealedWork&) = delete;
  SealedWork& operator=(const SealedWork&) = delete;

  const SealedItems& items() const { return items_; }
  double num_bytes() const { return double(messages_.num_bytes()); }

  void run(megaseal_engine* e) { seal_ ? do_seal(e, batch_) : do_open(e, batch_); }

  /// Sealing draws its own ephemeral keys, so its output is opened again, by our scalar backend.
  void verify(const std::function<void()>& call) {
    call();
    if (seal_) {
      std::fill(messages_.plain.begin(), messages_.plain.end(), uint8_t(0));
      do_open(engine("scalar", 1), opening_);
    }
    require(messages_.plain == plain_, "wrong bytes");
  }

  /// With the ephemeral secrets given, a backend must give our scalar backend's bytes.
  void verify_fixed(megaseal_engine* e) {
    if (!seal_) return;
    const Bytes ephemerals = random_bytes(32 * messages_.num());
    const auto fixed = [&](megaseal_engine* by) {
      size_t failed = 0;
      check(format_.seal_fixed(by, &failed, batch_.get(), &recipients_, ephemerals.data()), failed);
      return messages_.sealed;
    };
    require(fixed(e) == fixed(engine("scalar", 1)), "wrong bytes with given ephemeral secrets");
  }

 private:
  void do_seal(megaseal_engine* e, PackedBatch& batch) {
    size_t failed = 0;
    check(format_.seal(e, &failed, batch.get(), &recipients_), failed);
  }
  void do_open(megaseal_engine* e, PackedBatch& batch) {
    size_t failed = 0;
    check(format_.open(e, &failed, batch.get(), handles_.data(), step_), failed);
  }

  const SealedFormat& format_;
  const bool seal_;
  Messages messages_;
  PackedBatch batch_, sealing_, opening_;
  Bytes publics_, secrets_, plain_;
  std::vector<const megaseal_secret_key*> handles_;
  size_t step_ = 1;
  megaseal_recipients recipients_{};
  SealedItems items_{};
};

Case finish(std::shared_ptr<SealedWork> work, Call call, const Shape& shape) {
  work->verify(call.run);
  call.run = [work, run = std::move(call.run)] { run(); };
  return {std::move(call), double(shape.batch), work->num_bytes()};
}

}  // namespace

void add_sealed(const SealedFormat& format, bool seal, const Shape& shape) {
  const char* name = seal ? format.seal_name : format.open_name;
  const megaseal_operation id = seal ? format.seal_id : format.open_id;
  for (const std::string& backend : backends_for(id))
    add(name, backend, shape, [&format, seal, id, backend](const Shape& s) {
      const auto work = std::make_shared<SealedWork>(format, seal, s);
      megaseal_engine* e = engine(backend, s.threads);
      work->verify_fixed(e);
      return finish(work, {[w = work.get(), e] { w->run(e); }, note_of(e, id)}, s);
    });
  const auto of_peer = seal ? format.peer_seal : format.peer_open;
  if (!of_peer || shape.threads != 1) return;
  for (const Peer& peer : peers())
    if (peer.*of_peer)
      add(name, peer.name, shape, [&format, seal, &peer, of_peer](const Shape& s) {
        const auto work = std::make_shared<SealedWork>(format, seal, s);
        return finish(work, (peer.*of_peer)(work->items()), s);
      });
}

void add_sealed_shapes(const SealedFormat& format) {
  for (const bool seal : {true, false}) {
    for (const size_t bytes : {64, 256, 1024, 4096, 16384}) {
      add_sealed(format, seal, {.bytes = bytes});
      add_sealed(format, seal, {.bytes = bytes, .batch = 1});
    }
    for (const size_t batch : {4, 16, 64}) add_sealed(format, seal, {.bytes = 256, .batch = batch});
    add_sealed(format, seal, {.bytes = 200, .mix = true});
    for (const unsigned threads : thread_counts())
      add_sealed(format, seal, {.bytes = 256, .threads = threads});
  }
  // Sealing to a few recipients; opening with one secret key, as a receiver does.
  for (const size_t recipients : {1, 32}) add_sealed(format, true, {.bytes = 256, .recipients = recipients});
  add_sealed(format, false, {.bytes = 256, .shared = true});
}

}  // namespace megaseal::bench
