// The AEADs' operations, and a batch of one that every implementation can run over the same buffers.
#pragma once
#include <algorithm>
#include <utility>

#include "bench/data.hpp"
#include "bench/peers/peers.hpp"

namespace megaseal::bench {

struct AeadOperation {
  const char* name;
  megaseal_operation id;
  megaseal_format format;
  bool seal;
  Call (*Peer::*peer)(const AeadItems&);
  size_t nonce_len() const { return format == MEGASEAL_FORMAT_CHACHA20POLY1305 ? 12 : 24; }
};

inline constexpr AeadOperation aead_operations[] = {
    {"chacha20poly1305_seal", MEGASEAL_OP_CHACHA20POLY1305_SEAL, MEGASEAL_FORMAT_CHACHA20POLY1305, true,
     &Peer::chacha20poly1305_seal},
    {"chacha20poly1305_open", MEGASEAL_OP_CHACHA20POLY1305_OPEN, MEGASEAL_FORMAT_CHACHA20POLY1305, false,
     &Peer::chacha20poly1305_open},
    {"xchacha20poly1305_seal", MEGASEAL_OP_XCHACHA20POLY1305_SEAL, MEGASEAL_FORMAT_XCHACHA20POLY1305, true,
     &Peer::xchacha20poly1305_seal},
    {"xchacha20poly1305_open", MEGASEAL_OP_XCHACHA20POLY1305_OPEN, MEGASEAL_FORMAT_XCHACHA20POLY1305, false,
     &Peer::xchacha20poly1305_open},
};

/// Keys, messages, and what the output must be.
struct AeadWork {
  AeadWork(const AeadOperation& o, const Shape& shape)
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

  const AeadOperation& operation;
  Messages messages;
  Bytes keys, nonces, expected;
  megaseal_aead_keys abi_keys;
  AeadItems items;
  PackedBatch batch;
};

}  // namespace megaseal::bench
