// What the programs of the CUDA backend work on: plain structs of device pointers, the same for the device's code, the
// host's that launches it, and tests that run it on the host. Arrays are packed; every pointer is 16-byte aligned unless
// a stride says where items lie.
//
// `status` has one byte an item (ItemStatus of kernels/table.hpp) and travels from one program of a tile to the next: an
// item that failed in one is left alone by those that follow, which write zeros for it where they write at all.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace megaseal::gpu {

/// Bytes that the host has, for the caller's stream: whoever packs this wipes it.
struct PutJob {
  uint32_t words[16];
  uint8_t* out;  // 64 bytes
};

/// Fresh ephemeral secrets, or any key stream: ChaCha20 under `key` with nonce `number` (little endian, then zeros), as
/// engine/ephemeral.hpp stretches a seed. RFC 8439 §2.4.
struct StreamJob {
  const uint8_t* key;  // 32 bytes; not in here, which the driver keeps a copy of
  uint32_t number;
  uint32_t first_block;  // of the stream
  uint32_t num_blocks;   // of 64 bytes
  uint8_t* out;         // 64 * num_blocks bytes
};

/// X25519 (RFC 7748 §5) by the ladder; or by the comb of the base point, where there are no points.
struct X25519Job {
  uint32_t num;
  const uint8_t* secrets;  // 32 bytes each, any
  uint32_t secret_stride;  // 32, or 0: one for all
  const uint8_t* points;   // 32 bytes each, any; null for public keys
  uint32_t point_stride;   // 32, or 0
  uint8_t* out;            // 32 bytes each
  uint8_t* status;         // low_order is reported here; null for public keys
  const void* table;       // public keys: the comb; the launch fills it in
  // The ladder alone: only the items whose numbers are here, the first *num_left of them (at most num); null: all.
  const uint32_t* left = nullptr;
  const uint32_t* num_left = nullptr;
  // And which of the points each item goes by; null: its own.
  const uint32_t* point_of = nullptr;
};

/// Builds tables of multiples of public keys (kernels/x25519_prepared.hpp): of each key `rows` rows of 16 entries, y + x,
/// y - x, 2 d x y in 32 bytes each. A key on the twist, or of low order, gets none.
struct PrepareJob {
  static constexpr uint32_t row_bytes = 16 * 3 * 32;
  static constexpr uint32_t scratch_bytes = (5 * 4 + 16) * 32;  // of a row

  uint32_t num;  // tables
  uint32_t rows, spacing;
  const uint8_t* points;    // 32 bytes each, any
  uint32_t point_stride;    // 32, or 0
  const uint32_t* item_of;  // which of the points each table is of; null: the first num
  uint8_t* scratch;         // num * rows * scratch_bytes
  uint8_t* tables;          // num * rows * row_bytes
  uint8_t* has_table;       // num bytes: 1, or 0 where what stands in the table is of no use
  uint8_t* keys;            // 32 bytes each, to which the points are copied; null
};

/// Shared secrets by tables. Those without a table are added to what is left for the ladder.
struct PreparedJob {
  uint32_t num;
  const uint32_t* items;     // num numbers of items; null: the first num
  const uint32_t* table_of;  // the table of each of these; null: one for all. Equal ones side by side read the same rows
  uint32_t rows, spacing;
  const uint8_t* tables;
  const uint8_t* has_table;
  const uint8_t* secrets;  // 32 bytes for each item of the tile, any
  uint32_t secret_stride;  // 32, or 0
  uint8_t* out;            // 32 bytes for each item of the tile
  uint8_t* status;
  uint32_t* left;
  uint32_t* num_left;
};

/// DHKEM(X25519, HKDF-SHA256) and the key schedule, as HpkeScheduleTile.
struct ScheduleJob {
  uint32_t num;
  uint8_t key_schedule_context[65];
  const uint8_t* psk;  // psk_len bytes, in the device's memory
  uint64_t psk_len;
  const uint8_t* dh;          // 32 bytes each
  const uint8_t* enc;         // 32 bytes each
  const uint8_t* recipients;  // public keys
  uint32_t recipient_stride;  // 32, or 0
  uint8_t* keys;              // 32 bytes each
  uint8_t* nonces;            // 12 bytes each
  uint8_t* exporters;         // 32 bytes each, or null
  const uint32_t* recipient_of = nullptr;  // which of the recipients each item is to; null: its own
};

/// From shared secrets to the secretboxes of sealed boxes (crypto_box_curve25519xchacha20poly1305_seal).
struct SealedBoxJob {
  uint32_t num;
  const uint8_t* dh;          // 32 bytes each
  const uint8_t* enc;         // 32 bytes each
  const uint8_t* recipients;  // public keys
  uint32_t recipient_stride;  // 32, or 0
  uint8_t* keys;              // 32 bytes each
  uint8_t* nonces;            // 8 bytes each
};

/// Where a message lies.
struct Span {
  uint64_t text;  // where the text begins in `in` and in `out`, a multiple of 16; what follows the text up to the next
                  // multiple of 16 may be overwritten
  uint64_t aad;   // where the aad begins in `aad`, a multiple of 16
  uint32_t len, aad_len;
};

/// ChaCha20-Poly1305 (RFC 8439), or NaCl's secretbox over ChaCha20 with 8-byte nonces and no aad
/// (kernels/xchacha_secretbox.hpp).
struct CipherJob {
  uint32_t num;
  const uint8_t* keys;    // 32 bytes each
  const uint8_t* nonces;  // nonce_len bytes each
  uint32_t key_stride, nonce_stride;
  const Span* spans;
  const uint8_t* aad;
  const uint8_t* in;
  uint8_t* out;  // equals `in`, or apart from it; open: zeros where the tag is wrong
  uint8_t* tags;  // 16 bytes each: seal writes, open reads
  uint8_t* status;
  const uint32_t* order;  // num numbers of items, those of like length together; null: as they come
  const uint32_t* bins;   // what an OrderJob made beside `order`; null: `order` is from elsewhere, or null
  // No text is shorter, and none longer, where whoever launches knows that: programs for other lengths are not launched.
  uint32_t min_len = 0, max_len = ~uint32_t(0);
};

/// The order of a cipher's items by length, where only the device knows their lengths.
struct OrderJob {
  static constexpr uint32_t num_bins = 64;

  uint32_t num;
  const Span* spans;
  uint32_t* order;  // num numbers: written
  uint32_t* bins;   // 3 * num_bins + 1 numbers: how many items each bin has; how many found their place; where bins begin
};

}  // namespace megaseal::gpu
