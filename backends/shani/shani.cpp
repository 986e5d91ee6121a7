#include "backends/shani/shani.hpp"

#include "backends/registry.hpp"

namespace megaseal {

const KernelTable shani_table = {
    .name = "shani",
    .lanes = 4,
    .tile_items = 64,
    .chacha20poly1305_seal = nullptr,
    .chacha20poly1305_open = nullptr,
    .secretbox_seal = nullptr,
    .secretbox_open = nullptr,
    .hchacha20 = nullptr,
    .sealedbox_nonces = nullptr,
    .chacha20_stream = nullptr,
    .x25519_shared = nullptr,
    .x25519_public = nullptr,
    .hkdf_extract = shani::hkdf_extract,
    .hkdf_expand = shani::hkdf_expand,
    .hpke_schedule = shani::hpke_schedule,
    .hpke_seal = nullptr,
    .hpke_open = nullptr,
    .sealedbox_seal = nullptr,
    .sealedbox_open = nullptr,
    .x25519_prepare = nullptr,
    .x25519_prepared = nullptr,
    .prepared_bytes = {},
};

}  // namespace megaseal
