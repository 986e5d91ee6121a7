// A second opinion, built on libsodium alone: HKDF-SHA256, the HPKE schedule (RFC 9180) and key streams.
#pragma once
#include "tests/support/bytes.hpp"

namespace megaseal::test::reference {

Bytes hkdf_extract(const Bytes& salt, const Bytes& ikm);
Bytes hkdf_expand(const Bytes& prk, const Bytes& info, size_t len);

Bytes x25519(const Bytes& scalar, const Bytes& point);
Bytes x25519_public(const Bytes& scalar);

/// ChaCha20 blocks one by one, the counter wrapping modulo 2^32.
Bytes chacha20_stream(const Bytes& key, const Bytes& nonce, uint32_t counter, size_t len);

struct HpkeParams {
  Bytes info, psk, psk_id;
};
struct HpkeKeys {
  Bytes key, base_nonce, exporter_secret;
};
Bytes hpke_key_schedule_context(const HpkeParams& params);
HpkeKeys hpke_schedule(const HpkeParams& params, const Bytes& dh, const Bytes& enc, const Bytes& recipient);
Bytes hpke_nonce(const HpkeKeys& keys, uint64_t sequence);
Bytes hpke_export(const HpkeKeys& keys, const Bytes& context, size_t len);

Bytes chacha20poly1305(const Bytes& key, const Bytes& nonce, const Bytes& aad, const Bytes& message);
Bytes xchacha20poly1305(const Bytes& key, const Bytes& nonce, const Bytes& aad, const Bytes& message);

/// enc ‖ ct ‖ tag with the given ephemeral secret.
Bytes hpke_seal(const HpkeParams& params, const Bytes& ephemeral, const Bytes& recipient, const Bytes& aad,
                const Bytes& message);

}  // namespace megaseal::test::reference
