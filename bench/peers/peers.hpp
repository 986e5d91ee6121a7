// The libraries that we measure ourselves against. A peer offers some operations; each takes a description of a
// batch, does what its users would do once beforehand, and returns the call to time.
//
// A description outlives the call, and its `in` and `out` may move between calls. A call that fails ends the program.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/harness.hpp"
#include "kernels/table.hpp"

namespace megaseal::bench {

/// Sealing: `in` holds plaintexts, `out` gets ct ‖ tag each. Opening: the reverse.
struct AeadItems {
  size_t num;
  const uint8_t* keys;  // 32 bytes each
  size_t key_stride;
  const uint8_t* nonces;  // nonce_len bytes each, packed
  size_t nonce_len;
  const uint8_t* in;
  const uint64_t* in_offsets;  // num + 1
  uint8_t* out;
  const uint64_t* out_offsets;  // num + 1

  const uint8_t* key(size_t i) const { return keys + i * key_stride; }
  const uint8_t* nonce(size_t i) const { return nonces + i * nonce_len; }
  const uint8_t* in_at(size_t i) const { return in + in_offsets[i]; }
  size_t in_len(size_t i) const { return in_offsets[i + 1] - in_offsets[i]; }
  uint8_t* out_at(size_t i) const { return out + out_offsets[i]; }
};

/// X25519: `out` gets 32 bytes each. Key generation writes `out_secrets` too and reads nothing.
struct CurveItems {
  size_t num;
  const uint8_t* secrets;
  size_t secret_stride;
  const uint8_t* points;  // 32 bytes each
  uint8_t* out;
  uint8_t* out_secrets;
};

/// Sealed to public keys. Offsets as above; keys 32 bytes each, key_stride 0 for one recipient.
struct SealedItems {
  size_t num;
  const uint8_t* publics;
  const uint8_t* secrets;
  size_t key_stride;
  const uint8_t* in;
  const uint64_t* in_offsets;
  uint8_t* out;
  const uint64_t* out_offsets;
};

/// Null: the peer does not have it.
struct Peer {
  std::string name, version;
  Call (*chacha20poly1305_seal)(const AeadItems&) = nullptr;
  Call (*chacha20poly1305_open)(const AeadItems&) = nullptr;
  Call (*xchacha20poly1305_seal)(const AeadItems&) = nullptr;
  Call (*xchacha20poly1305_open)(const AeadItems&) = nullptr;
  Call (*x25519_shared)(const CurveItems&) = nullptr;
  Call (*x25519_public)(const CurveItems&) = nullptr;
  Call (*keygen)(const CurveItems&) = nullptr;
  Call (*hpke_schedule)(const HpkeScheduleTile&) = nullptr;
  Call (*sealedbox_seal)(const SealedItems&) = nullptr;
  Call (*sealedbox_open)(const SealedItems&) = nullptr;
};

/// Those of this build that this machine can run.
const std::vector<Peer>& peers();

Peer libsodium_peer();
Peer openssl_peer();   // only in builds with MEGASEAL_BENCH_OPENSSL
Peer ipsec_mb_peer();  // only in builds with MEGASEAL_BENCH_IPSEC_MB

}  // namespace megaseal::bench
