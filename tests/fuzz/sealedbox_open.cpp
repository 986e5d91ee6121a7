// Opening sealed boxes, both kinds, on every backend as libsodium does.
#include <sodium.h>

#include "tests/fuzz/fuzz.hpp"

using namespace megaseal;
using fuzz::Bytes;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const uint8_t how = input.byte();
  const bool salsa = how & 1, is_sealed = how & 2;
  const Bytes secret = input.expanded(32);
  Bytes public_key(32);
  crypto_scalarmult_base(public_key.data(), secret.data());
  Bytes sealed;
  if (is_sealed) {
    const Bytes message = input.expanded(input.number() % 2000);
    sealed.resize(message.size() + 48);
    (salsa ? crypto_box_seal : crypto_box_curve25519xchacha20poly1305_seal)(
        sealed.data(), message.data(), message.size(), public_key.data());
    fuzz::alter(sealed, input);
  } else {
    sealed = input.rest();
  }
  Bytes expected(sealed.size() < 48 ? 0 : sealed.size() - 48);
  const bool opens =
      (salsa ? crypto_box_seal_open : crypto_box_curve25519xchacha20poly1305_seal_open)(
          expected.data(), sealed.data(), sealed.size(), public_key.data(), secret.data()) == 0;
  const megaseal_format format = salsa ? MEGASEAL_FORMAT_SEALEDBOX_SALSA : MEGASEAL_FORMAT_SEALEDBOX;
  const test::SecretKey key = test::make_secret_key(secret);
  const megaseal_secret_key* const keys = key.get();
  for (const test::Engine& engine : fuzz::engines()) {
    Bytes out;
    const uint8_t status =
        fuzz::open_one(out, sealed, {}, format, [&](size_t* failed, const megaseal_batch* batch) {
          return megaseal_sealedbox_open_batch(engine.get(), failed, batch, format, &keys, 0);
        });
    fuzz::demand((status == MEGASEAL_OK) == opens, "libsodium thinks otherwise of the box");
    if (opens) fuzz::demand(out == expected, "libsodium opens to another message");
  }
  return 0;
}
