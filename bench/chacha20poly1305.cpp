// ChaCha20-Poly1305 and XChaCha20-Poly1305: seal and open.
#include <algorithm>
#include <memory>
#include <utility>

#include "bench/data.hpp"
#include "bench/peers/peers.hpp"
#include "bench/suites.hpp"

namespace megaseal::bench {
namespace {

struct Operation {
  const char* name;
  megaseal_operation id;
  megaseal_format format;
  bool seal;
  Call (*Peer::*peer)(const AeadItems&);
  size_t nonce_len() const { return format == MEGASEAL_FORMAT_CHACHA20POLY1305 ? 12 : 24; }
};

constexpr Operation operations[] = {
    {"chacha20poly1305_seal", MEGASEAL_OP_CHACHA20POLY1305_SEAL, MEGASEAL_FORMAT_CHACHA20POLY1305, true,
     &Peer::chacha20poly1305_seal},
    {"chacha20poly1305_open", MEGASEAL_OP_CHACHA20POLY1305_OPEN, MEGASEAL_FORMAT_CHACHA20POLY1305, false,
     &Peer::chacha20poly1305_open},
    {"xchacha20poly1305_seal", MEGASEAL_OP_XCHACHA20POLY1305_SEAL, MEGASEAL_FORMAT_XCHACHA20POLY1305, true,
     &Peer::xchacha20poly1305_seal},
    {"xchacha20poly1305_open", MEGASEAL_OP_XCHACHA20POLY1305_OPEN, MEGASEAL_FORMAT_XCHACHA20POLY1305, false,
     &Peer::xchacha20poly1305_open},
};

struct AeadWork {
  AeadWork(const Operation& o, const Shape& shape)
      : operation(o),
        messages(shape, 16),
        keys(random_bytes(shape.shared ? 32 : 32 * shape.batch)),
        nonces(random_bytes(o.nonce_len() * shape.batch)),
        abi_keys{keys.data(), shape.shared ? 0u : 32u, nonces.data(), o.nonce_len()},
        items{.num = shape.batch,
              .keys = keys.data(),
              .key_stride = abi_keys.key_stride,
              .nonces = nonces.data(),
              .nonce_len = o.nonce_len(),
              .in = nullptr,
              .in_offsets = (o.seal ? messages.plain_offsets : messages.sealed_offsets).data(),
              .out = nullptr,
              .out_offsets = (o.seal ? messages.sealed_offsets : messages.plain_offsets).data()},
        batch(messages, o.seal) {
    // What our scalar backend says is what every implementation is checked against.
    PackedBatch sealing(messages, true);
    run(engine("scalar", 1), megaseal_aead_seal_batch, sealing);
    expected = o.seal ? std::exchange(messages.sealed, Bytes(messages.sealed.size()))
                      : std::exchange(messages.plain, Bytes(messages.plain.size()));
    o.seal ? messages.spread_plain() : messages.spread_sealed();
    point();
  }
  AeadWork(const AeadWork&) = delete;
  AeadWork& operator=(const AeadWork&) = delete;

  using AbiCall = decltype(megaseal_aead_seal_batch);
  void run(megaseal_engine* e, AbiCall* call, PackedBatch& packed) {
    size_t failed = 0;
    check(call(e, &failed, packed.get(), operation.format, &abi_keys), failed);
  }
  void run(megaseal_engine* e) {
    run(e, operation.seal ? megaseal_aead_seal_batch : megaseal_aead_open_batch, batch);
  }
  void point() {
    items.in = operation.seal ? messages.plain_at() : messages.sealed_at();
    items.out = operation.seal ? messages.sealed_at() : messages.plain_at();
  }
  void advance() {
    messages.advance();
    point();
  }
  void verify() const {
    const Bytes& out = operation.seal ? messages.sealed : messages.plain;
    const size_t len = operation.seal ? messages.sealed_offsets.back() : messages.plain_offsets.back();
    require(std::equal(out.begin(), out.begin() + std::ptrdiff_t(len), expected.begin()), "wrong bytes");
  }

  const Operation& operation;
  Messages messages;
  Bytes keys, nonces, expected;
  megaseal_aead_keys abi_keys;
  AeadItems items;
  PackedBatch batch;
};

// Checks the call, then hands it out for timing.
Case finish(std::shared_ptr<AeadWork> work, Call call, const Shape& shape) {
  call.run();
  work->verify();
  const auto run = std::move(call.run);
  if (shape.cold)
    call.run = [work, run] {
      work->advance();
      run();
    };
  else
    call.run = [work, run] { run(); };
  return {std::move(call), double(shape.batch), double(work->messages.num_bytes())};
}

void add_ours(const Operation& o, const std::string& backend, const Shape& shape) {
  add(o.name, backend, shape, [&o, backend](const Shape& s) {
    const auto work = std::make_shared<AeadWork>(o, s);
    megaseal_engine* e = engine(backend, s.threads);
    return finish(work, {[w = work.get(), e] { w->run(e); }, note_of(e, o.id)}, s);
  });
}

void add_peer(const Operation& o, const Peer& peer, const Shape& shape) {
  if (peer.*o.peer == nullptr) return;
  add(o.name, peer.name, shape, [&o, &peer](const Shape& s) {
    const auto work = std::make_shared<AeadWork>(o, s);
    return finish(work, (peer.*o.peer)(work->items), s);
  });
}

}  // namespace

void add_chacha20poly1305() {
  for (const Operation& o : operations) {
    const bool main = o.format == MEGASEAL_FORMAT_CHACHA20POLY1305;
    // One shape for everybody, side by side, so that a disturbance of the machine is likelier to hit all of them.
    const auto everybody = [&](const Shape& shape) {
      for (const std::string& backend : backends_for(o.id)) add_ours(o, backend, shape);
      for (const Peer& peer : peers()) add_peer(o, peer, shape);
    };
    const auto ours = [&](const Shape& shape) {
      for (const std::string& backend : backends_for(o.id)) add_ours(o, backend, shape);
    };
    for (const size_t bytes : {64, 256, 1024, 4096, 16384}) {
      everybody({.bytes = bytes});
      everybody({.bytes = bytes, .batch = 1});
      if (!main) continue;
      for (const size_t batch : {4, 64}) ours({.bytes = bytes, .batch = batch});
      // 16 messages of 16 KiB, with their outputs, are the largest batch that stays inside a level-2 cache.
      bytes == 16384 ? everybody({.bytes = bytes, .batch = 16}) : ours({.bytes = bytes, .batch = 16});
      everybody({.bytes = bytes, .cold = true});
      ours({.bytes = bytes, .shared = true});
    }
    if (!main) continue;
    everybody({.bytes = 200, .mix = true});
    for (const unsigned threads : thread_counts())
      for (const size_t bytes : {256, 16384}) ours({.bytes = bytes, .threads = threads});
  }
}

}  // namespace megaseal::bench
