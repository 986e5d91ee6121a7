// HPKE end to end: single-shot, base mode, no info, a fresh ephemeral key for every message. No peer here has HPKE
// (OpenSSL from 3.2 on has); sealedbox_* shows libsodium at the nearest thing.
#include "bench/sealed.hpp"
#include "bench/suites.hpp"
#include "engine/testing.hpp"

namespace megaseal::bench {
namespace {

megaseal_error seal(megaseal_engine* e, size_t* failed, const megaseal_batch* batch,
                    const megaseal_recipients* to) {
  return megaseal_hpke_seal_batch(e, failed, nullptr, batch, nullptr, to);
}

megaseal_error open(megaseal_engine* e, size_t* failed, const megaseal_batch* batch,
                    const megaseal_secret_key* const* keys, size_t key_step) {
  return megaseal_hpke_open_batch(e, failed, nullptr, batch, nullptr, keys, key_step);
}

megaseal_error seal_fixed(megaseal_engine* e, size_t* failed, const megaseal_batch* batch,
                          const megaseal_recipients* to, const uint8_t* ephemeral_secrets) {
  return megaseal::testing::hpke_seal_batch(e, failed, nullptr, batch, nullptr, to, ephemeral_secrets);
}

constexpr SealedFormat hpke{.seal_name = "hpke_seal",
                            .open_name = "hpke_open",
                            .seal_id = MEGASEAL_OP_HPKE_SEAL,
                            .open_id = MEGASEAL_OP_HPKE_OPEN,
                            .format = MEGASEAL_FORMAT_HPKE,
                            .seal = seal,
                            .open = open,
                            .seal_fixed = seal_fixed,
                            .peer_seal = nullptr,
                            .peer_open = nullptr};

}  // namespace

void add_hpke() { add_sealed_shapes(hpke); }

}  // namespace megaseal::bench
