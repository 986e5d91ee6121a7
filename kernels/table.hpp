// The seam between the engine and a backend: one table of function pointers, and the plain structs that cross it.
//
// A call handles one tile. Pointers in a tile stay valid for the call; a slot may be called from several threads at
// once on different tiles. Nothing here owns memory. `status` has one byte per item, is ItemStatus::ok on entry, and
// a slot writes it only to report a failure. A failed item never disturbs its neighbours. Slots wipe what secrets
// they leave outside the tile's own outputs, their dead stack frames included (wipe_stack.hpp).
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace megaseal {

/// The failures a kernel can find; values equal those of megaseal.h.
enum class ItemStatus : uint8_t { ok = 0, auth_failed = 1, low_order = 2 };

/// One message under its own key. `out` equals `in` (in place) or does not overlap it. Seal writes `tag`,
/// open reads it; open writes `out` only after the tag has verified, and leaves it untouched when it does
/// not.
struct AeadItem {
  const uint8_t* key;    // 32 bytes
  const uint8_t* nonce;  // 12 bytes; secretbox: 8 bytes
  const uint8_t* aad;    // aad_len bytes; secretbox: none
  uint64_t aad_len;
  const uint8_t* in;  // len bytes
  uint8_t* out;       // len bytes
  uint64_t len;       // at most 2^38 - 64
  uint8_t* tag;       // 16 bytes
};
struct AeadTile {
  uint32_t num;
  const AeadItem* items;
  uint8_t* status;  // open: auth_failed
};

/// ChaCha20 key stream from block `counter` on (RFC 8439 §2.4); the counter wraps modulo 2^32.
struct StreamItem {
  const uint8_t* key;    // 32 bytes
  const uint8_t* nonce;  // 12 bytes
  uint8_t* out;          // len bytes
  uint64_t len;
  uint32_t counter;
};
struct StreamTile {
  uint32_t num;
  const StreamItem* items;
};

/// Strided byte strings: item i begins at base + i * stride; stride 0 means one for all.
struct Strided {
  const uint8_t* base;
  size_t stride;
};

/// HChaCha20 subkeys (draft-irtf-cfrg-xchacha §2.2).
struct HChaCha20Tile {
  uint32_t num;
  Strided keys;    // 32 bytes each
  Strided nonces;  // 16 bytes each
  uint8_t* out;    // num * 32 bytes; may equal keys.base
};

/// Nonces of sealed boxes: BLAKE2b-192(ephemeral public key ‖ recipient's public key), RFC 7693.
struct SealedBoxNonceTile {
  uint32_t num;
  const uint8_t* enc;  // num * 32 bytes: ephemeral public keys
  Strided recipients;  // public keys, 32 bytes each
  uint8_t* nonces;     // num * 24 bytes, apart from the inputs
};

/// X25519 (RFC 7748 §5). Secrets are clamped by the kernel; points may be any 32 bytes. The shared slot
/// reports low_order where the result is all zeros (and writes the zeros). The public slot takes no points
/// and cannot fail.
struct X25519Tile {
  uint32_t num;
  Strided secrets;  // 32 bytes each
  Strided points;   // 32 bytes each
  uint8_t* out;     // num * 32 bytes, apart from the inputs
  uint8_t* status;
};

/// Prepared recipients: a table of multiples of one public key, by which a shared secret costs a quarter to a half of the
/// ladder's. A table belongs to the backend that built it, to one of its sizes, and holds nothing secret.
constexpr uint32_t x25519_prepared_sizes = 3;  // small, medium, large

/// Builds tables. A key on the twist, or one of low order, gets none: it is the ladder's.
struct X25519PrepareTile {
  uint32_t num;
  uint32_t size;           // below x25519_prepared_sizes
  Strided points;          // 32 bytes each, any
  uint8_t* const* tables;  // num pointers to prepared_bytes[size] bytes, 64-byte aligned, apart from each other
  uint8_t* has_table;      // num bytes: 1 where the table was built, else 0 and the table is all zeros
};
/// Shared secrets by tables. The same as x25519_shared gives for the key that was prepared, and never low_order. Items of
/// one recipient cost least when they stand together.
struct X25519PreparedItem {
  const uint8_t* secret;  // 32 bytes, clamped by the kernel
  const uint8_t* table;   // of this size, built
  uint8_t* out;           // 32 bytes, apart from the inputs
};
struct X25519PreparedTile {
  uint32_t num;
  uint32_t size;
  const X25519PreparedItem* items;
};

/// HKDF-SHA256 (RFC 5869).
struct HkdfExtractItem {
  const uint8_t* salt;
  uint64_t salt_len;  // 0: the zero salt
  const uint8_t* ikm;
  uint64_t ikm_len;
  uint8_t* prk;  // 32 bytes
};
struct HkdfExtractTile {
  uint32_t num;
  const HkdfExtractItem* items;
};
struct HkdfExpandItem {
  const uint8_t* prk;  // 32 bytes
  const uint8_t* info;
  uint64_t info_len;
  uint8_t* out;
  uint32_t out_len;  // at most 255 * 32
};
struct HkdfExpandTile {
  uint32_t num;
  const HkdfExpandItem* items;
};

/// What single-shot messages of one batch share: RFC 9180 §5.1 for one mode, info, psk and psk_id.
struct HpkeShared {
  uint8_t key_schedule_context[65];  // mode ‖ psk_id_hash ‖ info_hash
  const uint8_t* psk;                // psk_len bytes; none in base mode
  uint64_t psk_len;
};
/// DHKEM(X25519, HKDF-SHA256) extract-and-expand, then the key schedule for ChaCha20Poly1305 (RFC 9180 §4.1,
/// §5.1).
struct HpkeScheduleTile {
  uint32_t num;
  const HpkeShared* shared;
  const uint8_t* dh;   // num * 32 bytes
  const uint8_t* enc;  // num * 32 bytes
  Strided recipients;  // public keys, 32 bytes each
  uint8_t* keys;       // num * 32 bytes
  uint8_t* nonces;     // num * 12 bytes: base nonces
  uint8_t* exporters;  // num * 32 bytes, or null: the exporter secrets are not computed
};

/// Ephemeral secrets that are still to be made: ChaCha20's stream under `key` with nonce `number` (little endian, then
/// zeros), from block 0 on (RFC 8439 §2.4), 32 bytes an item.
struct EphemeralSeed {
  const uint8_t* key;  // 32 bytes
  uint32_t number;
  uint8_t* room;  // num * 32 bytes: who makes the secrets outside a device puts them here
};

/// Whole tiles, for backends that keep them to themselves (a GPU). `items` name everything but key and nonce, which are
/// derived; a low-order item is reported and neither sealed nor opened.
///
/// Single-shot HPKE.
struct HpkeTile {
  uint32_t num;
  const HpkeShared* shared;
  Strided secrets;     // ephemeral secrets (seal), recipients' secrets (open)
  Strided recipients;  // public keys
  uint8_t* enc;        // num * 32 bytes: written by seal, read by open
  AeadItem* items;
  uint8_t* exporters;  // num * 32 bytes, or null
  uint8_t* status;
  const EphemeralSeed* seed = nullptr;  // seal: `secrets` is not set yet, this is what it comes from
};

/// Sealed boxes.
struct SealedBoxTile {
  bool salsa;  // crypto_box_seal; else crypto_box_curve25519xchacha20poly1305_seal. Slots are not given such tiles
  uint32_t num;
  Strided secrets;     // ephemeral secrets (seal), recipients' secrets (open)
  Strided recipients;  // public keys
  uint8_t* enc;        // num * 32 bytes: ephemeral public keys, written by seal, read by open
  AeadItem* items;
  uint8_t* status;
  const EphemeralSeed* seed = nullptr;  // as in HpkeTile
};

/// Every slot with its tile. The engine chooses slot by slot, the first backend in priority order that has
/// it; null means "not offered here".
#define MEGASEAL_SLOTS(X)                 \
  X(chacha20poly1305_seal, AeadTile)      \
  X(chacha20poly1305_open, AeadTile)      \
  X(secretbox_seal, AeadTile)             \
  X(secretbox_open, AeadTile)             \
  X(hchacha20, HChaCha20Tile)             \
  X(sealedbox_nonces, SealedBoxNonceTile) \
  X(chacha20_stream, StreamTile)          \
  X(x25519_shared, X25519Tile)            \
  X(x25519_public, X25519Tile)            \
  X(hkdf_extract, HkdfExtractTile)        \
  X(hkdf_expand, HkdfExpandTile)          \
  X(hpke_schedule, HpkeScheduleTile)

/// Whole tiles. They return how many of the tile's first items were done; the rest, untouched, is the engine's to compose
/// of the slots above, as all of it is where the slot is missing.
#define MEGASEAL_WHOLE_SLOTS(X)    \
  X(hpke_seal, HpkeTile)           \
  X(hpke_open, HpkeTile)           \
  X(sealedbox_seal, SealedBoxTile) \
  X(sealedbox_open, SealedBoxTile)

/// Both or neither; they go together because only the backend that built a table can read it.
#define MEGASEAL_PREPARED_SLOTS(X)     \
  X(x25519_prepare, X25519PrepareTile) \
  X(x25519_prepared, X25519PreparedTile)

struct KernelTable {
  const char* name;
  uint32_t lanes;  // items worked on side by side; a tile of fewer leaves lanes idle
  uint32_t
      tile_items;  // items in a tile from which this backend runs at full speed, its scratch still in cache
#define X(slot, Tile) void (*slot)(const Tile*);
  MEGASEAL_SLOTS(X)
#undef X
#define X(slot, Tile) uint32_t (*slot)(const Tile*);
  MEGASEAL_WHOLE_SLOTS(X)
#undef X
#define X(slot, Tile) void (*slot)(const Tile*);
  MEGASEAL_PREPARED_SLOTS(X)
#undef X
  uint32_t prepared_bytes[x25519_prepared_sizes];  // of a table, by size; rising, multiples of 64
};

}  // namespace megaseal
