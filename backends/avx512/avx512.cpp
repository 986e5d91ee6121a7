#include "backends/avx512/avx512.hpp"

#include "backends/registry.hpp"
#include "kernels/prepared_shapes.hpp"

namespace megaseal {

const KernelTable avx512_table = {
    .name = "avx512",
    .lanes = 16,
    .tile_items = 256,
    .chacha20poly1305_seal = avx512::chacha20poly1305_seal,
    .chacha20poly1305_open = avx512::chacha20poly1305_open,
    .secretbox_seal = avx512::secretbox_seal,
    .secretbox_open = avx512::secretbox_open,
    .hchacha20 = avx512::hchacha20,
    .sealedbox_nonces = avx512::sealedbox_nonces,
    .chacha20_stream = avx512::chacha20_stream,
    .x25519_shared = avx512::x25519_shared,
    .x25519_public = avx512::x25519_public,
    .hkdf_extract = avx512::hkdf_extract,
    .hkdf_expand = avx512::hkdf_expand,
    .hpke_schedule = avx512::hpke_schedule,
    .hpke_seal = nullptr,
    .hpke_open = nullptr,
    .sealedbox_seal = nullptr,
    .sealedbox_open = nullptr,
    .x25519_prepare = avx512::x25519_prepare,
    .x25519_prepared = avx512::x25519_prepared,
    .prepared_bytes = MEGASEAL_PREPARED_BYTES,
};

}  // namespace megaseal
