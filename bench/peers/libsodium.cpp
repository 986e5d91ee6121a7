// libsodium, one message a call, as its interface has it.
#include <sodium.h>

#include "bench/peers/hpke_schedule.hpp"
#include "bench/peers/peers.hpp"

namespace megaseal::bench {
namespace {

using Seal = decltype(crypto_aead_chacha20poly1305_ietf_encrypt);
using Open = decltype(crypto_aead_chacha20poly1305_ietf_decrypt);

template <Seal* seal>
Call aead_seal(const AeadItems& m) {
  return {[&m] {
            for (size_t i = 0; i < m.num; i++)
              seal(m.out_at(i), nullptr, m.in_at(i), m.in_len(i), nullptr, 0, nullptr, m.nonce(i), m.key(i));
          },
          ""};
}

template <Open* open>
Call aead_open(const AeadItems& m) {
  return {[&m] {
            for (size_t i = 0; i < m.num; i++)
              require(open(m.out_at(i), nullptr, nullptr, m.in_at(i), m.in_len(i), nullptr, 0, m.nonce(i),
                           m.key(i)) == 0,
                      "libsodium does not open a message");
          },
          ""};
}

Call x25519_shared(const CurveItems& m) {
  return {[&m] {
            for (size_t i = 0; i < m.num; i++)
              require(
                  crypto_scalarmult(m.out + 32 * i, m.secrets + i * m.secret_stride, m.points + 32 * i) == 0,
                  "libsodium refuses a point");
          },
          ""};
}

Call x25519_public(const CurveItems& m) {
  return {[&m] {
            for (size_t i = 0; i < m.num; i++)
              crypto_scalarmult_base(m.out + 32 * i, m.secrets + i * m.secret_stride);
          },
          ""};
}

Call keygen(const CurveItems& m) {
  return {[&m] {
            for (size_t i = 0; i < m.num; i++) crypto_box_keypair(m.out + 32 * i, m.out_secrets + 32 * i);
          },
          ""};
}

// Not crypto_box_seal, whose cipher is XSalsa20.
Call sealedbox_seal(const SealedItems& m) {
  return {[&m] {
            for (size_t i = 0; i < m.num; i++)
              require(crypto_box_curve25519xchacha20poly1305_seal(
                          m.out + m.out_offsets[i], m.in + m.in_offsets[i],
                          m.in_offsets[i + 1] - m.in_offsets[i], m.publics + i * m.key_stride) == 0,
                      "libsodium does not seal a message");
          },
          ""};
}

Call sealedbox_open(const SealedItems& m) {
  return {[&m] {
            for (size_t i = 0; i < m.num; i++)
              require(
                  crypto_box_curve25519xchacha20poly1305_seal_open(
                      m.out + m.out_offsets[i], m.in + m.in_offsets[i], m.in_offsets[i + 1] - m.in_offsets[i],
                      m.publics + i * m.key_stride, m.secrets + i * m.key_stride) == 0,
                  "libsodium does not open a message");
          },
          ""};
}

struct Sha256 {
  crypto_hash_sha256_state state;
  void init() { crypto_hash_sha256_init(&state); }
  void update(const void* p, size_t n) {
    crypto_hash_sha256_update(&state, static_cast<const uint8_t*>(p), n);
  }
  void final(uint8_t out[32]) { crypto_hash_sha256_final(&state, out); }
};

}  // namespace

Peer libsodium_peer() {
  Peer peer;
  peer.name = "libsodium";
  peer.version = sodium_version_string();
  peer.chacha20poly1305_seal = aead_seal<crypto_aead_chacha20poly1305_ietf_encrypt>;
  peer.chacha20poly1305_open = aead_open<crypto_aead_chacha20poly1305_ietf_decrypt>;
  peer.xchacha20poly1305_seal = aead_seal<crypto_aead_xchacha20poly1305_ietf_encrypt>;
  peer.xchacha20poly1305_open = aead_open<crypto_aead_xchacha20poly1305_ietf_decrypt>;
  peer.x25519_shared = x25519_shared;
  peer.x25519_public = x25519_public;
  peer.keygen = keygen;
  peer.hpke_schedule = hpke_schedule<Sha256>;
  peer.sealedbox_seal = sealedbox_seal;
  peer.sealedbox_open = sealedbox_open;
  return peer;
}

}  // namespace megaseal::bench
