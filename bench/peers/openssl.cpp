// OpenSSL through EVP, algorithms fetched once and contexts kept, as its manual advises.
#define OPENSSL_SUPPRESS_DEPRECATED  // SHA256_*: the only SHA-256 of OpenSSL 3 whose state may be copied cheaply
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <memory>

#include "bench/peers/hpke_schedule.hpp"
#include "bench/peers/peers.hpp"

namespace megaseal::bench {
namespace {

template <auto free>
struct Free {
  template <class T>
  void operator()(T* p) const {
    free(p);
  }
};
using Cipher = std::unique_ptr<EVP_CIPHER, Free<EVP_CIPHER_free>>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Free<EVP_CIPHER_CTX_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;

void ok(int result) { require(result == 1, "OpenSSL reports an error"); }

/// A key for all messages is given once; then each brings its nonce alone.
const uint8_t* key_of(const AeadItems& m, size_t i) { return m.key_stride == 0 ? nullptr : m.key(i); }

std::shared_ptr<EVP_CIPHER_CTX> cipher_context(const AeadItems& m, bool seal) {
  static const Cipher cipher(EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr));
  std::shared_ptr<EVP_CIPHER_CTX> context = CipherContext(EVP_CIPHER_CTX_new());
  ok(EVP_CipherInit_ex2(context.get(), cipher.get(), m.key_stride == 0 ? m.key(0) : nullptr, nullptr, seal,
                        nullptr));
  return context;
}

Call aead_seal(const AeadItems& m) {
  return {[&m, context = cipher_context(m, true)] {
            EVP_CIPHER_CTX* c = context.get();
            for (size_t i = 0; i < m.num; i++) {
              const int len = int(m.in_len(i));
              int n = 0;
              ok(EVP_EncryptInit_ex2(c, nullptr, key_of(m, i), m.nonce(i), nullptr));
              ok(EVP_EncryptUpdate(c, m.out_at(i), &n, m.in_at(i), len));
              ok(EVP_EncryptFinal_ex(c, m.out_at(i) + n, &n));
              ok(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, 16, m.out_at(i) + len));
            }
          },
          ""};
}

Call aead_open(const AeadItems& m) {
  return {[&m, context = cipher_context(m, false)] {
            EVP_CIPHER_CTX* c = context.get();
            for (size_t i = 0; i < m.num; i++) {
              const int len = int(m.in_len(i)) - 16;
              int n = 0;
              ok(EVP_DecryptInit_ex2(c, nullptr, key_of(m, i), m.nonce(i), nullptr));
              ok(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, 16, const_cast<uint8_t*>(m.in_at(i)) + len));
              ok(EVP_DecryptUpdate(c, m.out_at(i), &n, m.in_at(i), len));
              ok(EVP_DecryptFinal_ex(c, m.out_at(i) + n, &n));
            }
          },
          ""};
}

// The caller's secrets are keys it has had for a while, each with a context: importing one computes its public key, which
// would be timed as part of the agreement otherwise. The other side's key comes with the message.
Call x25519_shared(const CurveItems& m) {
  auto secrets = std::make_shared<std::vector<KeyContext>>();
  for (size_t i = 0; i < m.num; i++) {
    const Key secret(
        EVP_PKEY_new_raw_private_key_ex(nullptr, "X25519", nullptr, m.secrets + i * m.secret_stride, 32));
    require(secret != nullptr, "OpenSSL takes no secret");
    secrets->emplace_back(EVP_PKEY_CTX_new_from_pkey(nullptr, secret.get(), nullptr));
    ok(EVP_PKEY_derive_init(secrets->back().get()));
  }
  return {
      [&m, secrets] {
        for (size_t i = 0; i < m.num; i++) {
          const Key point(EVP_PKEY_new_raw_public_key_ex(nullptr, "X25519", nullptr, m.points + 32 * i, 32));
          EVP_PKEY_CTX* const secret = (*secrets)[i].get();
          size_t len = 32;
          ok(EVP_PKEY_derive_set_peer(secret, point.get()));
          ok(EVP_PKEY_derive(secret, m.out + 32 * i, &len));
        }
      },
      ""};
}

Call x25519_public(const CurveItems& m) {
  return {[&m] {
            for (size_t i = 0; i < m.num; i++) {
              const Key key(EVP_PKEY_new_raw_private_key_ex(nullptr, "X25519", nullptr,
                                                            m.secrets + i * m.secret_stride, 32));
              size_t len = 32;
              ok(EVP_PKEY_get_raw_public_key(key.get(), m.out + 32 * i, &len));
            }
          },
          ""};
}

Call keygen(const CurveItems& m) {
  return {[&m] {
            for (size_t i = 0; i < m.num; i++) {
              const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
              size_t len = 32;
              ok(EVP_PKEY_get_raw_public_key(key.get(), m.out + 32 * i, &len));
              ok(EVP_PKEY_get_raw_private_key(key.get(), m.out_secrets + 32 * i, &len));
            }
          },
          ""};
}

struct Sha256 {
  SHA256_CTX state;
  void init() { SHA256_Init(&state); }
  void update(const void* p, size_t n) { SHA256_Update(&state, p, n); }
  void final(uint8_t out[32]) { SHA256_Final(out, &state); }
};

}  // namespace

Peer openssl_peer() {
  Peer peer;
  peer.name = "openssl";
  peer.version = OpenSSL_version(OPENSSL_VERSION_STRING);
  peer.chacha20poly1305_seal = aead_seal;
  peer.chacha20poly1305_open = aead_open;
  peer.x25519_shared = x25519_shared;
  peer.x25519_public = x25519_public;
  peer.keygen = keygen;
  peer.hpke_schedule = hpke_schedule<Sha256>;
  return peer;
}

}  // namespace megaseal::bench
