#include "engine/tiles.hpp"

#include <sodium.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "engine/secret_memory.hpp"

namespace megaseal {
namespace {

// Runs `cipher` over the items whose key agreement succeeded. A failed one must not reach it: its "shared
// secret" is all zeros, which anybody can compute, so a message under it would open.
template <class Cipher>
void over_survivors(Workspace& w, uint32_t num, AeadItem* items, uint8_t* status, const Cipher& cipher) {
  uint32_t left = 0;
  for (uint32_t k = 0; k < num; k++) left += status[k] == uint8_t(ItemStatus::ok);
  if (left == num) {
    cipher(AeadTile{.num = num, .items = items, .status = status});
    return;
  }
  left = 0;
  for (uint32_t k = 0; k < num; k++) {
    if (status[k] != uint8_t(ItemStatus::ok)) continue;
    w.survivors[left] = items[k];
    w.survivor_of[left] = k;
    w.survivor_status[left++] = uint8_t(ItemStatus::ok);
  }
  if (left == 0) return;
  cipher(AeadTile{.num = left, .items = w.survivors, .status = w.survivor_status});
  for (uint32_t j = 0; j < left; j++) status[w.survivor_of[j]] = w.survivor_status[j];
}

// Shared secrets with the recipients, by ladder and by table.
void agree(const Dispatch& d, Workspace& w, uint32_t num, Strided secrets, Strided recipients, uint8_t* status,
           const ByTable* by_table) {
  const uint32_t num_ladder = by_table ? by_table->num_ladder : num;
  if (num_ladder > 0) {
    const X25519Tile shared{
        .num = num_ladder, .secrets = secrets, .points = recipients, .out = w.dh, .status = status};
    d.x25519_shared(&shared);
  }
  if (!by_table) return;
  for (uint32_t k = num_ladder; k < num; k++) {
    w.prepared[k].secret = secrets.base + k * secrets.stride;
    w.prepared[k].out = w.dh + 32 * size_t(k);
  }
  shared_by_table(d, *by_table, w.prepared);
}

// dh → keys and nonces, and the items pointed at them.
void schedule(const Dispatch& d, Workspace& w, const HpkeTile& t) {
  const HpkeScheduleTile tile{.num = t.num,
                              .shared = t.shared,
                              .dh = w.dh,
                              .enc = t.enc,
                              .recipients = t.recipients,
                              .keys = w.keys,
                              .nonces = w.nonces,
                              .exporters = t.exporters};
  d.hash(tile);
  for (uint32_t k = 0; k < t.num; k++) {
    t.items[k].key = w.keys + 32 * size_t(k);
    t.items[k].nonce = w.nonces + 12 * size_t(k);
  }
}

// Key and nonce of each box: the key is HChaCha20 (HSalsa20) of the shared secret, as crypto_box derives it;
// the nonce is BLAKE2b-192(epk ‖ pk).
void derive_boxes(const Dispatch& d, Workspace& w, const SealedBoxTile& t) {
  static constexpr uint8_t zero[16] = {};
  const SealedBoxNonceTile nonce{.num = t.num, .enc = t.enc, .recipients = t.recipients, .nonces = w.nonces};
  d.sealedbox_nonces(&nonce);
  if (t.salsa) {
    for (uint32_t k = 0; k < t.num; k++)
      crypto_core_hsalsa20(w.keys + 32 * size_t(k), zero, w.dh + 32 * size_t(k), nullptr);
  } else {
    const HChaCha20Tile box_key{.num = t.num, .keys = {w.dh, 32}, .nonces = {zero, 0}, .out = w.keys};
    d.hchacha20(&box_key);
    // XChaCha20 under that key: the subkey from the nonce's first 16 bytes, the stream nonce from the last 8.
    const HChaCha20Tile subkey{.num = t.num, .keys = {w.keys, 32}, .nonces = {w.nonces, 24}, .out = w.keys};
    d.hchacha20(&subkey);
  }
  for (uint32_t k = 0; k < t.num; k++) {
    t.items[k].key = w.keys + 32 * size_t(k);
    t.items[k].nonce = w.nonces + 24 * size_t(k) + (t.salsa ? 0 : 16);
  }
}

// XSalsa20-Poly1305 is libsodium's: an old format that is read more than written. Its functions leave key stream and text
// on the stack; the frames that they had are overwritten.
[[gnu::noinline]] void wipe_dead_frames() {
  uint8_t dead[8192];
  wipe(dead, sizeof dead);
}
void salsa_seal(const AeadTile& tile) {
  for (uint32_t k = 0; k < tile.num; k++) {
    const AeadItem& i = tile.items[k];
    crypto_secretbox_detached(i.out, i.tag, i.in, i.len, i.nonce, i.key);
  }
  wipe_dead_frames();
}
void salsa_open(const AeadTile& tile) {
  for (uint32_t k = 0; k < tile.num; k++) {
    const AeadItem& i = tile.items[k];
    if (crypto_secretbox_open_detached(i.out, i.in, i.tag, i.len, i.nonce, i.key) != 0)
      tile.status[k] = uint8_t(ItemStatus::auth_failed);
  }
  wipe_dead_frames();
}

// Items [from, from + num), their ephemeral secrets made if that was left to whoever does the tile.
template <class Tile>
Tile part_of(const Dispatch& d, const Tile& t, uint32_t from, uint32_t num) {
  Tile part = t;
  if (t.seed) {
    make_ephemerals(d, *t.seed, t.num);
    part.secrets = {t.seed->room, 32};
    part.seed = nullptr;
  }
  part.num = num;
  part.secrets.base += from * part.secrets.stride;
  part.recipients.base += from * part.recipients.stride;
  part.enc += 32 * size_t(from);
  part.items += from;
  part.status += from;
  if constexpr (requires { part.exporters; })
    if (part.exporters) part.exporters += 32 * size_t(from);
  return part;
}

// A tile for a slot that may stop before its end, at a message too long for it or at a fault. What it stops at goes to
// `compose`, some items of it, and then the rest is offered again, until the slot has twice done nothing. One that stops
// after as long as too_long waited for something that hung, and the next turn could cost a time limit once more: all of the
// rest is composed.
constexpr std::chrono::seconds too_long{1};
template <class Tile, class Compose>
void by_whole_slot(const Dispatch& d, uint32_t (*slot)(const Tile*), const Tile& whole, const Compose& compose) {
  using Clock = std::chrono::steady_clock;
  Tile t = whole;
  for (int turns_for_nothing = 0;;) {
    const Clock::time_point begin = Clock::now();
    const uint32_t done = slot(&t);
    if (done == t.num) return;
    turns_for_nothing += done == 0;
    const bool offer_again = turns_for_nothing < 2 && Clock::now() - begin < too_long;
    const Tile left = part_of(d, t, done, t.num - done);
    const uint32_t some = offer_again ? std::min(left.num, d.cpu ? d.cpu->tile_items : 1) : left.num;
    compose(part_of(d, left, 0, some));
    if (some == left.num) return;
    t = part_of(d, left, some, left.num - some);
  }
}

void compose_seal(const Dispatch& d, Workspace& w, const HpkeTile& t, const ByTable* by_table) {
  const X25519Tile ephemeral{
      .num = t.num, .secrets = t.secrets, .points = {}, .out = t.enc, .status = nullptr};
  d.x25519_public(&ephemeral);
  agree(d, w, t.num, t.secrets, t.recipients, t.status, by_table);
  schedule(d, w, t);
  over_survivors(w, t.num, t.items, t.status, [&](const AeadTile& a) { d.chacha20poly1305_seal(&a); });
}

void compose_open(const Dispatch& d, Workspace& w, const HpkeTile& t) {
  const X25519Tile shared{
      .num = t.num, .secrets = t.secrets, .points = {t.enc, 32}, .out = w.dh, .status = t.status};
  d.x25519_shared(&shared);
  schedule(d, w, t);
  over_survivors(w, t.num, t.items, t.status, [&](const AeadTile& a) { d.chacha20poly1305_open(&a); });
}

void compose_box_seal(const Dispatch& d, Workspace& w, const SealedBoxTile& t, const ByTable* by_table) {
  const X25519Tile ephemeral{
      .num = t.num, .secrets = t.secrets, .points = {}, .out = t.enc, .status = nullptr};
  d.x25519_public(&ephemeral);
  agree(d, w, t.num, t.secrets, t.recipients, t.status, by_table);
  derive_boxes(d, w, t);
  over_survivors(w, t.num, t.items, t.status,
                 [&](const AeadTile& a) { t.salsa ? salsa_seal(a) : d.secretbox_seal(&a); });
}

void compose_box_open(const Dispatch& d, Workspace& w, const SealedBoxTile& t) {
  const X25519Tile shared{
      .num = t.num, .secrets = t.secrets, .points = {t.enc, 32}, .out = w.dh, .status = t.status};
  d.x25519_shared(&shared);
  derive_boxes(d, w, t);
  over_survivors(w, t.num, t.items, t.status,
                 [&](const AeadTile& a) { t.salsa ? salsa_open(a) : d.secretbox_open(&a); });
}

// What a device leaves is not for its own slots.
const Dispatch& for_the_rest(const Dispatch& d) { return d.cpu ? *d.cpu : d; }

}  // namespace

void shared_by_table(const Dispatch& d, const ByTable& by_table, const X25519PreparedItem* items) {
  uint32_t at = by_table.num_ladder;
  for (uint32_t size = 0; size < x25519_prepared_sizes; size++) {
    const X25519PreparedTile tile{.num = by_table.num[size], .size = size, .items = items + at};
    if (tile.num > 0) d.x25519_prepared(&tile);
    at += tile.num;
  }
}

void make_ephemerals(const Dispatch& d, const EphemeralSeed& seed, uint32_t num) {
  uint8_t nonce[12] = {};
  std::memcpy(nonce, &seed.number, sizeof seed.number);
  const StreamItem item{
      .key = seed.key, .nonce = nonce, .out = seed.room, .len = uint64_t(num) * 32, .counter = 0};
  const StreamTile tile{.num = 1, .items = &item};
  d.chacha20_stream(&tile);
}

void hpke_seal_tile(const Dispatch& d, Workspace& w, const HpkeTile& whole, const ByTable* by_table) {
  if (!d.hpke_seal) return compose_seal(d, w, part_of(d, whole, 0, whole.num), by_table);
  by_whole_slot(d, d.hpke_seal, whole,
                [&](const HpkeTile& t) { compose_seal(for_the_rest(d), w, t, nullptr); });
}

void hpke_open_tile(const Dispatch& d, Workspace& w, const HpkeTile& whole) {
  if (!d.hpke_open) return compose_open(d, w, whole);
  by_whole_slot(d, d.hpke_open, whole, [&](const HpkeTile& t) { compose_open(for_the_rest(d), w, t); });
}

void sealedbox_seal_tile(const Dispatch& d, Workspace& w, const SealedBoxTile& whole, const ByTable* by_table) {
  if (!d.sealedbox_seal || whole.salsa)
    return compose_box_seal(d, w, part_of(d, whole, 0, whole.num), by_table);
  by_whole_slot(d, d.sealedbox_seal, whole,
                [&](const SealedBoxTile& t) { compose_box_seal(for_the_rest(d), w, t, nullptr); });
}

void sealedbox_open_tile(const Dispatch& d, Workspace& w, const SealedBoxTile& whole) {
  if (!d.sealedbox_open || whole.salsa) return compose_box_open(d, w, whole);
  by_whole_slot(d, d.sealedbox_open, whole,
                [&](const SealedBoxTile& t) { compose_box_open(for_the_rest(d), w, t); });
}

}  // namespace megaseal
