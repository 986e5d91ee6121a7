// Sealed boxes of libsodium's newer kind, crypto_box_curve25519xchacha20poly1305_seal.
#include "bench/sealed.hpp"
#include "bench/suites.hpp"
#include "engine/testing.hpp"

namespace megaseal::bench {
namespace {

constexpr megaseal_format format = MEGASEAL_FORMAT_SEALEDBOX;

megaseal_error seal(megaseal_engine* e, size_t* failed, const megaseal_batch* batch,
                    const megaseal_recipients* to) {
  return megaseal_sealedbox_seal_batch(e, failed, batch, format, to);
}

megaseal_error open(megaseal_engine* e, size_t* failed, const megaseal_batch* batch,
                    const megaseal_secret_key* const* keys, size_t key_step) {
  return megaseal_sealedbox_open_batch(e, failed, batch, format, keys, key_step);
}

megaseal_error seal_fixed(megaseal_engine* e, size_t* failed, const megaseal_batch* batch,
                          const megaseal_recipients* to, const uint8_t* ephemeral_secrets) {
  return megaseal::testing::sealedbox_seal_batch(e, failed, batch, format, to, ephemeral_secrets);
}

constexpr SealedFormat sealedbox{.seal_name = "sealedbox_seal",
                                 .open_name = "sealedbox_open",
                                 .seal_id = MEGASEAL_OP_SEALEDBOX_SEAL,
                                 .open_id = MEGASEAL_OP_SEALEDBOX_OPEN,
                                 .format = format,
                                 .seal = seal,
                                 .open = open,
                                 .seal_fixed = seal_fixed,
                                 .peer_seal = &Peer::sealedbox_seal,
                                 .peer_open = &Peer::sealedbox_open};

}  // namespace

void add_sealedbox() { add_sealed_shapes(sealedbox); }

}  // namespace megaseal::bench
