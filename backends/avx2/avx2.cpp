#include "backends/avx2/avx2.hpp"

#include "backends/registry.hpp"
#include "kernels/prepared_shapes.hpp"

namespace megaseal {

const KernelTable avx2_table = {
    .name = "avx2",
    .lanes = 8,
    .tile_items = 256,
    .chacha20poly1305_seal = avx2::chacha20poly1305_seal,
    .chacha20poly1305_open = avx2::chacha20poly1305_open,
    .secretbox_seal = avx2::secretbox_seal,
    .secretbox_open = avx2::secretbox_open,
    .hchacha20 = avx2::hchacha20,
    .sealedbox_nonces = avx2::sealedbox_nonces,
    .chacha20_stream = avx2::chacha20_stream,
    .x25519_shared = avx2::x25519_shared,
    .x25519_public = avx2::x25519_public,
    .hkdf_extract = avx2::hkdf_extract,
    .hkdf_expand = avx2::hkdf_expand,
    .hpke_schedule = avx2::hpke_schedule,
    .hpke_seal = nullptr,
    .hpke_open = nullptr,
    .sealedbox_seal = nullptr,
    .sealedbox_open = nullptr,
    .x25519_prepare = avx2::x25519_prepare,
    .x25519_prepared = avx2::x25519_prepared,
    .prepared_bytes = MEGASEAL_PREPARED_BYTES,
};

}  // namespace megaseal
