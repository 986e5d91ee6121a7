// The slots that this backend offers, each defined in the file named after what it computes.
#pragma once
#include "kernels/table.hpp"

namespace megaseal::avx512 {

void chacha20poly1305_seal(const AeadTile* tile);
void chacha20poly1305_open(const AeadTile* tile);
void secretbox_seal(const AeadTile* tile);
void secretbox_open(const AeadTile* tile);
void hchacha20(const HChaCha20Tile* tile);
void sealedbox_nonces(const SealedBoxNonceTile* tile);
void chacha20_stream(const StreamTile* tile);
void x25519_shared(const X25519Tile* tile);
void x25519_public(const X25519Tile* tile);
void x25519_prepare(const X25519PrepareTile* tile);
void x25519_prepared(const X25519PreparedTile* tile);
void hkdf_extract(const HkdfExtractTile* tile);
void hkdf_expand(const HkdfExpandTile* tile);
void hpke_schedule(const HpkeScheduleTile* tile);

}  // namespace megaseal::avx512
