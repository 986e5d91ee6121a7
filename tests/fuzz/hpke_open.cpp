// Opening HPKE on every backend, base and PSK mode, against the reference that tests/support builds on libsodium.
#include <sodium.h>

#include "tests/fuzz/fuzz.hpp"
#include "tests/support/reference.hpp"

using namespace megaseal;
using fuzz::Bytes;

namespace {

/// Whether the reference opens it, and to what.
bool reference_opens(Bytes& out, const test::reference::HpkeParams& params, const Bytes& secret,
                     const Bytes& aad, const Bytes& sealed) {
  if (sealed.size() < 48) return false;
  const Bytes enc(sealed.begin(), sealed.begin() + 32);
  Bytes dh(32), public_key(32);
  crypto_scalarmult_base(public_key.data(), secret.data());
  if (crypto_scalarmult(dh.data(), secret.data(), enc.data()) != 0) return false;  // all zeros
  const auto keys = test::reference::hpke_schedule(params, dh, enc, public_key);
  out.resize(sealed.size() - 48);
  unsigned long long len = 0;
  return crypto_aead_chacha20poly1305_ietf_decrypt(out.data(), &len, nullptr, sealed.data() + 32,
                                                   sealed.size() - 32, aad.data(), aad.size(),
                                                   keys.base_nonce.data(), keys.key.data()) == 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const uint8_t how = input.byte();
  const bool with_psk = how & 1, is_sealed = how & 2;
  const Bytes secret = input.expanded(32), aad = input.expanded(input.byte() % 40);
  test::reference::HpkeParams params;
  params.info = input.expanded(input.byte());
  if (with_psk)
    params.psk = input.expanded(32 + input.byte() % 40), params.psk_id = input.expanded(1 + input.byte());
  Bytes sealed;
  if (is_sealed) {
    Bytes public_key(32);
    crypto_scalarmult_base(public_key.data(), secret.data());
    const Bytes message = input.expanded(input.number() % 2000);
    sealed = test::reference::hpke_seal(params, input.expanded(32), public_key, aad, message);
    fuzz::alter(sealed, input);
  } else {
    sealed = input.rest();
  }
  Bytes expected;
  const bool opens = reference_opens(expected, params, secret, aad, sealed);
  const megaseal_hpke_params given = test::hpke_params(params.info, params.psk, params.psk_id);
  const test::SecretKey key = test::make_secret_key(secret);
  const megaseal_secret_key* const keys = key.get();
  for (const test::Engine& engine : fuzz::engines()) {
    Bytes out;
    const uint8_t status = fuzz::open_one(
        out, sealed, aad, MEGASEAL_FORMAT_HPKE, [&](size_t* failed, const megaseal_batch* batch) {
          return megaseal_hpke_open_batch(engine.get(), failed, nullptr, batch, &given, &keys, 0);
        });
    fuzz::demand((status == MEGASEAL_OK) == opens, "the reference thinks otherwise of the message");
    if (opens) fuzz::demand(out == expected, "the reference opens to another message");
  }
  return 0;
}
