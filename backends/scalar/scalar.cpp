#include "backends/scalar/scalar.hpp"

#include "backends/registry.hpp"
#include "kernels/prepared_shapes.hpp"

namespace megaseal {

const KernelTable scalar_table = {
    .name = "scalar",
    .lanes = 4,
    .tile_items = 64,
    .chacha20poly1305_seal = scalar::chacha20poly1305_seal,
    .chacha20poly1305_open = scalar::chacha20poly1305_open,
    .secretbox_seal = scalar::secretbox_seal,
    .secretbox_open = scalar::secretbox_open,
    .hchacha20 = scalar::hchacha20,
    .sealedbox_nonces = scalar::sealedbox_nonces,
    .chacha20_stream = scalar::chacha20_stream,
    .x25519_shared = scalar::x25519_shared,
    .x25519_public = scalar::x25519_public,
    .hkdf_extract = scalar::hkdf_extract,
    .hkdf_expand = scalar::hkdf_expand,
    .hpke_schedule = scalar::hpke_schedule,
    .hpke_seal = nullptr,
    .hpke_open = nullptr,
    .sealedbox_seal = nullptr,
    .sealedbox_open = nullptr,
    .x25519_prepare = scalar::x25519_prepare,
    .x25519_prepared = scalar::x25519_prepared,
    .prepared_bytes = MEGASEAL_PREPARED_BYTES,
};

}  // namespace megaseal
