#include "tests/support/reference.hpp"

#include <sodium.h>

#include <initializer_list>
#include <stdexcept>
#include <string_view>

namespace megaseal::test::reference {

namespace {

[[maybe_unused]] const int initialised = sodium_init();

Bytes join(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

Bytes hmac(const Bytes& key, const Bytes& message) {
  Bytes out(32);
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, key.data(), key.size());
  crypto_auth_hmacsha256_update(&state, message.data(), message.size());
  crypto_auth_hmacsha256_final(&state, out.data());
  return out;
}

const Bytes kem_suite = join({bytes_of("KEM"), {0x00, 0x20}});
const Bytes hpke_suite = join({bytes_of("HPKE"), {0x00, 0x20, 0x00, 0x01, 0x00, 0x03}});
const Bytes version = bytes_of("HPKE-v1");

Bytes labeled_extract(const Bytes& suite, const Bytes& salt, std::string_view label, const Bytes& ikm) {
  return hkdf_extract(salt, join({version, suite, bytes_of(label), ikm}));
}
Bytes labeled_expand(const Bytes& suite, const Bytes& prk, std::string_view label, const Bytes& info, size_t len) {
  return hkdf_expand(prk, join({{uint8_t(len >> 8), uint8_t(len)}, version, suite, bytes_of(label), info}), len);
}

}  // namespace

Bytes hkdf_extract(const Bytes& salt, const Bytes& ikm) { return hmac(salt.empty() ? Bytes(32) : salt, ikm); }

Bytes hkdf_expand(const Bytes& prk, const Bytes& info, size_t len) {
  Bytes out, block;
  for (uint8_t i = 1; out.size() < len; ++i) {
    block = hmac(prk, join({block, info, {i}}));
    out.insert(out.end(), block.begin(), block.end());
  }
  out.resize(len);
  return out;
}

Bytes x25519(const Bytes& scalar, const Bytes& point) {
  Bytes out(32);
  // libsodium refuses a result of all zeros, after computing it.
  if (crypto_scalarmult_curve25519(out.data(), scalar.data(), point.data()) != 0) return Bytes(32);
  return out;
}

Bytes x25519_public(const Bytes& scalar) {
  Bytes out(32);
  crypto_scalarmult_curve25519_base(out.data(), scalar.data());
  return out;
}

Bytes chacha20_stream(const Bytes& key, const Bytes& nonce, uint32_t counter, size_t len) {
  Bytes out;
  while (out.size() < len) {
    const Bytes zeros(64);
    Bytes block(64);
    crypto_stream_chacha20_ietf_xor_ic(block.data(), zeros.data(), 64, nonce.data(), counter++, key.data());
    out.insert(out.end(), block.begin(), block.end());
  }
  out.resize(len);
  return out;
}

Bytes hpke_key_schedule_context(const HpkeParams& params) {
  return join({{uint8_t(params.psk.empty() ? 0 : 1)},
               labeled_extract(hpke_suite, {}, "psk_id_hash", params.psk_id),
               labeled_extract(hpke_suite, {}, "info_hash", params.info)});
}

HpkeKeys hpke_schedule(const HpkeParams& params, const Bytes& dh, const Bytes& enc, const Bytes& recipient) {
  const Bytes eae_prk = labeled_extract(kem_suite, {}, "eae_prk", dh);
  const Bytes shared = labeled_expand(kem_suite, eae_prk, "shared_secret", join({enc, recipient}), 32);
  const Bytes secret = labeled_extract(hpke_suite, shared, "secret", params.psk);
  const Bytes context = hpke_key_schedule_context(params);
  return {labeled_expand(hpke_suite, secret, "key", context, 32),
          labeled_expand(hpke_suite, secret, "base_nonce", context, 12),
          labeled_expand(hpke_suite, secret, "exp", context, 32)};
}

Bytes hpke_nonce(const HpkeKeys& keys, uint64_t sequence) {
  Bytes nonce = keys.base_nonce;
  for (size_t i = 0; i < 8; ++i) nonce[11 - i] ^= uint8_t(sequence >> (8 * i));
  return nonce;
}

Bytes hpke_export(const HpkeKeys& keys, const Bytes& context, size_t len) {
  return labeled_expand(hpke_suite, keys.exporter_secret, "sec", context, len);
}

Bytes chacha20poly1305(const Bytes& key, const Bytes& nonce, const Bytes& aad, const Bytes& message) {
  Bytes out(message.size() + 16);
  crypto_aead_chacha20poly1305_ietf_encrypt(out.data(), nullptr, message.data(), message.size(), aad.data(),
                                            aad.size(), nullptr, nonce.data(), key.data());
  return out;
}

Bytes xchacha20poly1305(const Bytes& key, const Bytes& nonce, const Bytes& aad, const Bytes& message) {
  Bytes out(message.size() + 16);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data(), nullptr, message.data(), message.size(), aad.data(),
                                             aad.size(), nullptr, nonce.data(), key.data());
  return out;
}

Bytes hpke_seal(const HpkeParams& params, const Bytes& ephemeral, const Bytes& recipient, const Bytes& aad,
                const Bytes& message) {
  const Bytes enc = x25519_public(ephemeral);
  const HpkeKeys keys = hpke_schedule(params, x25519(ephemeral, recipient), enc, recipient);
  return join({enc, chacha20poly1305(keys.key, keys.base_nonce, aad, message)});
}

}  // namespace megaseal::test::reference
