#include "backends/avx512ifma/avx512ifma.hpp"

#include "backends/registry.hpp"
#include "kernels/prepared_shapes.hpp"

namespace megaseal {

const KernelTable avx512ifma_table = {
    .name = "avx512ifma",
    .lanes = 16,
    .tile_items = 256,
    .chacha20poly1305_seal = avx512ifma::chacha20poly1305_seal,
    .chacha20poly1305_open = avx512ifma::chacha20poly1305_open,
    .secretbox_seal = avx512ifma::secretbox_seal,
    .secretbox_open = avx512ifma::secretbox_open,
    .hchacha20 = avx512ifma::hchacha20,
    .sealedbox_nonces = avx512ifma::sealedbox_nonces,
    .chacha20_stream = avx512ifma::chacha20_stream,
    .x25519_shared = avx512ifma::x25519_shared,
    .x25519_public = avx512ifma::x25519_public,
    .hkdf_extract = avx512ifma::hkdf_extract,
    .hkdf_expand = avx512ifma::hkdf_expand,
    .hpke_schedule = avx512ifma::hpke_schedule,
    .hpke_seal = nullptr,
    .hpke_open = nullptr,
    .sealedbox_seal = nullptr,
    .sealedbox_open = nullptr,
    .x25519_prepare = avx512ifma::x25519_prepare,
    .x25519_prepared = avx512ifma::x25519_prepared,
    .prepared_bytes = MEGASEAL_PREPARED_BYTES,
};

}  // namespace megaseal
