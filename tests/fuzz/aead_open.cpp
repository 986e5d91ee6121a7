// Opening ChaCha20-Poly1305 and XChaCha20-Poly1305 on every backend as libsodium does, of messages that libsodium sealed
// and the fuzzer may have altered, and of messages that are all the fuzzer's.
#include <sodium.h>

#include "tests/fuzz/fuzz.hpp"

using namespace megaseal;
using fuzz::Bytes;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const uint8_t how = input.byte();
  const bool extended = how & 1, is_sealed = how & 2;
  const Bytes key = input.expanded(32), nonce = input.expanded(24), aad = input.expanded(input.byte() % 40);
  Bytes sealed;
  unsigned long long len = 0;
  if (is_sealed) {
    const Bytes message = input.expanded(input.number() % 3000);
    sealed.resize(message.size() + 16);
    (extended ? crypto_aead_xchacha20poly1305_ietf_encrypt : crypto_aead_chacha20poly1305_ietf_encrypt)(
        sealed.data(), &len, message.data(), message.size(), aad.data(), aad.size(), nullptr, nonce.data(),
        key.data());
    fuzz::alter(sealed, input);
  } else {
    sealed = input.rest();
  }
  Bytes expected(sealed.size() < 16 ? 0 : sealed.size() - 16);
  const bool opens =
      (extended ? crypto_aead_xchacha20poly1305_ietf_decrypt : crypto_aead_chacha20poly1305_ietf_decrypt)(
          expected.data(), &len, nullptr, sealed.data(), sealed.size(), aad.data(), aad.size(), nonce.data(),
          key.data()) == 0;
  const megaseal_format format =
      extended ? MEGASEAL_FORMAT_XCHACHA20POLY1305 : MEGASEAL_FORMAT_CHACHA20POLY1305;
  megaseal_aead_keys keys = {};
  keys.keys = key.data(), keys.nonces = nonce.data();
  for (const test::Engine& engine : fuzz::engines()) {
    Bytes out;
    const uint8_t status =
        fuzz::open_one(out, sealed, aad, format, [&](size_t* failed, const megaseal_batch* batch) {
          return megaseal_aead_open_batch(engine.get(), failed, batch, format, &keys);
        });
    fuzz::demand((status == MEGASEAL_OK) == opens, "libsodium thinks otherwise of the tag");
    if (opens) fuzz::demand(out == expected, "libsodium opens to another message");
  }
  return 0;
}
