#include "engine/selftest.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "backends/registry.hpp"
#include "engine/selftest_answers.hpp"
#include "engine/testing.hpp"
#include "engine/tiles.hpp"

namespace megaseal {
namespace {

// Enough items for every lane of every backend, with an odd number left over, each different.
constexpr uint32_t num = 67;
// Tiles for which a backend may leave its lanes and take other code; 67 ends in another.
constexpr uint32_t few_items[] = {1, 2, 5};

// Inputs that anyone can generate again: SplitMix64 (Steele et al. 2014), seeded by what they are for.
std::vector<uint8_t> pattern(uint64_t seed, size_t len) {
  std::vector<uint8_t> out(len);
  for (size_t i = 0; i < len; i++) {
    if (i % 8 == 0) seed += 0x9e3779b97f4a7c15;
    uint64_t z = seed;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    out[i] = uint8_t((z ^ z >> 31) >> (8 * (i % 8)));
  }
  return out;
}

using Digest = selftest::Digest;

Digest digest(const std::vector<uint8_t>& bytes) {
  Digest d;
  crypto_hash_sha256(d.data(), bytes.data(), bytes.size());
  return d;
}

// Messages of lengths around every block boundary and beyond, one buffer for all.
struct Messages {
  explicit Messages(uint32_t nonce_len, bool with_aad)
      : keys(pattern(1, num * 32)),
        nonces(pattern(2, num * nonce_len)),
        aad(pattern(3, num)),
        tags(num * 16) {
    size_t total = 0;
    for (uint32_t i = 0; i < num; i++) total += len(i);
    plain = pattern(4, total);
    out.resize(total);
    size_t at = 0;
    for (uint32_t i = 0; i < num; i++) {
      items.push_back({.key = &keys[i * 32],
                       .nonce = &nonces[i * nonce_len],
                       .aad = aad.data(),
                       .aad_len = with_aad ? i % 35 : 0,
                       .in = plain.data() + at,
                       .out = out.data() + at,
                       .len = len(i),
                       .tag = &tags[i * 16]});
      at += len(i);
    }
  }
  static uint64_t len(uint32_t i) { return i % 4 == 3 ? 64 * (i / 4) : i * i % 331; }
  std::vector<uint8_t> sealed() const {
    std::vector<uint8_t> all = out;
    all.insert(all.end(), tags.begin(), tags.end());
    return all;
  }
  /// The same messages from `sealed()` back to fresh memory.
  void turn_round() {
    plain = out;
    const uint8_t* old_out = out.data();
    for (AeadItem& i : items) i.in = plain.data() + (i.out - old_out);
    std::memset(out.data(), 0, out.size());
  }

  std::vector<uint8_t> keys, nonces, aad, plain, out, tags;
  std::vector<AeadItem> items;
};

using AeadSlot = void (*)(const AeadTile*);

std::string check_seal(AeadSlot slot, uint32_t nonce_len, bool with_aad, const Digest& answer) {
  Messages m(nonce_len, with_aad);
  std::vector<uint8_t> status(num);
  const AeadTile tile{.num = num, .items = m.items.data(), .status = status.data()};
  slot(&tile);
  return digest(m.sealed()) == answer ? "" : "wrong ciphertext or tag";
}

// Opens what the scalar backend seals (it has known answers of its own), each third message altered.
std::string check_open(AeadSlot slot, AeadSlot reference_seal, uint32_t nonce_len, bool with_aad) {
  Messages m(nonce_len, with_aad);
  std::vector<uint8_t> status(num);
  const AeadTile tile{.num = num, .items = m.items.data(), .status = status.data()};
  reference_seal(&tile);
  const std::vector<uint8_t> plain = m.plain;
  m.turn_round();
  for (uint32_t i = 0; i < num; i += 3) m.tags[i * 16 + i % 16] ^= 1;
  slot(&tile);
  for (uint32_t i = 0; i < num; i++) {
    const AeadItem& item = m.items[i];
    const bool altered = i % 3 == 0;
    if ((status[i] == uint8_t(ItemStatus::auth_failed)) != altered)
      return altered ? "opened an altered message" : "refused a good message";
    const size_t at = size_t(item.out - m.out.data());
    const std::vector<uint8_t> zeros(item.len);
    if (item.len && std::memcmp(item.out, altered ? zeros.data() : &plain[at], item.len) != 0)
      return altered ? "released plaintext of an altered message" : "wrong plaintext";
  }
  return {};
}

std::string check_hchacha20(const KernelTable& t) {
  const auto keys = pattern(1, num * 32), nonces = pattern(2, num * 16);
  std::vector<uint8_t> out(num * 32);
  const HChaCha20Tile tile{
      .num = num, .keys = {keys.data(), 32}, .nonces = {nonces.data(), 16}, .out = out.data()};
  t.hchacha20(&tile);
  return digest(out) == selftest::hchacha20 ? "" : "wrong subkey";
}

std::string check_box_nonces(const KernelTable& t) {
  const auto enc = pattern(1, num * 32), publics = pattern(2, num * 32);
  std::vector<uint8_t> out(num * 24);
  const SealedBoxNonceTile tile{
      .num = num, .enc = enc.data(), .recipients = {publics.data(), 32}, .nonces = out.data()};
  t.sealedbox_nonces(&tile);
  return digest(out) == selftest::sealedbox_nonces ? "" : "wrong nonce";
}

std::string check_stream(const KernelTable& t) {
  const auto keys = pattern(1, num * 32), nonces = pattern(2, num * 12);
  std::vector<uint8_t> out(num * 400);
  std::vector<StreamItem> items;
  for (uint32_t i = 0; i < num; i++)
    items.push_back({.key = &keys[i * 32],
                     .nonce = &nonces[i * 12],
                     .out = &out[i * 400],
                     .len = 400 - i,
                     .counter = i % 2 ? i : 0u - i});  // some wrap around
  const StreamTile tile{.num = num, .items = items.data()};
  t.chacha20_stream(&tile);
  return digest(out) == selftest::chacha20_stream ? "" : "wrong key stream";
}

std::string check_x25519(void (*slot)(const X25519Tile*), bool with_points, const Digest& answer) {
  const auto secrets = pattern(1, num * 32);
  auto points = pattern(2, num * 32);
  std::memset(&points[7 * 32], 0, 32);  // one of low order among good ones
  std::vector<uint8_t> out(num * 32), status(num);
  const X25519Tile tile{.num = num,
                        .secrets = {secrets.data(), 32},
                        .points = with_points ? Strided{points.data(), 32} : Strided{},
                        .out = out.data(),
                        .status = status.data()};
  slot(&tile);
  for (uint32_t i = 0; i < num; i++)
    if ((status[i] == uint8_t(ItemStatus::low_order)) != (with_points && i == 7)) return "wrong status";
  return digest(out) == answer ? "" : "wrong result";
}

// Against the scalar backend's ladder, which has known answers of its own: keys on the curve, on the twist and of low
// order, whose tables are then used in runs and singly.
std::string check_prepared(const KernelTable& t) {
  if (!t.x25519_prepare || !t.x25519_prepared) return "x25519_prepared: one slot without the other";
  constexpr uint32_t num_keys = 19, no_order = 7;
  auto is_twist = [](uint32_t key) { return key % 5 == 3; };
  const auto secrets = pattern(1, num * 32), multiples = pattern(2, num_keys * 32);
  std::vector<uint8_t> points(num_keys * 32), status(num), right(num * 32);
  auto multiply = [&](uint8_t* out, const uint8_t* secret, const uint8_t* point) {
    const X25519Tile tile{
        .num = 1, .secrets = {secret, 32}, .points = {point, 32}, .out = out, .status = status.data()};
    scalar_table.x25519_shared(&tile);
  };
  for (uint32_t k = 0; k < num_keys; k++) {
    // A point's multiples are where it is: u = 9 on the curve, u = 2 on the twist.
    const uint8_t base[32] = {uint8_t(is_twist(k) ? 2 : 9)};
    if (k != no_order) multiply(&points[k * 32], &multiples[k * 32], base);
  }
  std::vector<uint32_t> keys;
  for (uint32_t i = 0; keys.size() < num; i++) {
    const uint32_t key = (i < num / 2 ? i / 9 : i * i) % num_keys;
    if (is_twist(key) || key == no_order) continue;
    multiply(&right[keys.size() * 32], &secrets[keys.size() * 32], &points[key * 32]);
    keys.push_back(key);
  }
  for (uint32_t size = 0; size < x25519_prepared_sizes; size++) {
    const uint32_t bytes = t.prepared_bytes[size];
    std::vector<uint8_t> memory(num_keys * size_t(bytes) + 64, 0xd7), has_table(num_keys, 0xd7),
        out(num * 32);
    std::vector<uint8_t*> tables;
    uint8_t* const first = memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64);
    for (uint32_t k = 0; k < num_keys; k++) tables.push_back(first + k * size_t(bytes));
    const X25519PrepareTile prepare{.num = num_keys,
                                    .size = size,
                                    .points = {points.data(), 32},
                                    .tables = tables.data(),
                                    .has_table = has_table.data()};
    t.x25519_prepare(&prepare);
    for (uint32_t k = 0; k < num_keys; k++) {
      const bool expected = !is_twist(k) && k != no_order;
      if (has_table[k] != expected) return "x25519_prepare: wrong keys have a table";
      if (!expected && std::any_of(tables[k], tables[k] + bytes, [](uint8_t b) { return b != 0; }))
        return "x25519_prepare: a table of a key that has none";
    }
    std::vector<X25519PreparedItem> items;
    for (uint32_t i = 0; i < num; i++) items.push_back({&secrets[i * 32], tables[keys[i]], &out[i * 32]});
    for (const uint32_t some : {num, few_items[0], few_items[1], few_items[2]}) {
      std::fill(out.begin(), out.end(), uint8_t(0));
      const X25519PreparedTile tile{.num = some, .size = size, .items = items.data()};
      t.x25519_prepared(&tile);
      if (!std::equal(out.begin(), out.begin() + some * 32, right.begin()))
        return "x25519_prepared: wrong result";
    }
  }
  return {};
}

std::string check_extract(const KernelTable& t) {
  const auto salt = pattern(1, num * 2), ikm = pattern(2, num * 5);
  std::vector<uint8_t> out(num * 32);
  std::vector<HkdfExtractItem> items;
  for (uint32_t i = 0; i < num; i++)
    items.push_back(
        {.salt = salt.data(), .salt_len = i * 2, .ikm = ikm.data(), .ikm_len = i * 5, .prk = &out[i * 32]});
  const HkdfExtractTile tile{.num = num, .items = items.data()};
  t.hkdf_extract(&tile);
  for (const uint32_t few : few_items) {  // lanes may be filled another way
    std::vector<uint8_t> again(few * 32);
    std::vector<HkdfExtractItem> first(items.begin(), items.begin() + few);
    for (uint32_t i = 0; i < few; i++) first[i].prk = &again[i * 32];
    const HkdfExtractTile part{.num = few, .items = first.data()};
    t.hkdf_extract(&part);
    if (!std::equal(again.begin(), again.end(), out.begin())) return "differs for few items";
  }
  return digest(out) == selftest::hkdf_extract ? "" : "wrong pseudorandom key";
}

std::string check_expand(const KernelTable& t) {
  const auto prk = pattern(1, num * 32), info = pattern(2, num * 5);
  std::vector<uint8_t> out(num * 200);
  std::vector<HkdfExpandItem> items;
  for (uint32_t i = 0; i < num; i++)
    items.push_back({.prk = &prk[i * 32],
                     .info = info.data(),
                     .info_len = i * 5,
                     .out = &out[i * 200],
                     .out_len = 1 + i * 2});
  const HkdfExpandTile tile{.num = num, .items = items.data()};
  t.hkdf_expand(&tile);
  for (const uint32_t few : few_items) {
    std::vector<uint8_t> again(few * 200);
    std::vector<HkdfExpandItem> first(items.begin(), items.begin() + few);
    for (uint32_t i = 0; i < few; i++) first[i].out = &again[i * 200];
    const HkdfExpandTile part{.num = few, .items = first.data()};
    t.hkdf_expand(&part);
    if (!std::equal(again.begin(), again.end(), out.begin())) return "differs for few items";
  }
  return digest(out) == selftest::hkdf_expand ? "" : "wrong output";
}

HpkeShared shared_pattern(const uint8_t* psk, uint64_t psk_len) {
  HpkeShared s{};
  const auto context = pattern(5, 65);
  std::memcpy(s.key_schedule_context, context.data(), 65);
  s.psk = psk;
  s.psk_len = psk_len;
  return s;
}

std::string check_schedule(const KernelTable& t) {
  const auto dh = pattern(1, num * 32), enc = pattern(2, num * 32), pk = pattern(3, num * 32),
             psk = pattern(4, 70);
  std::vector<uint8_t> all;
  for (const bool with_psk : {false, true}) {
    const HpkeShared shared = shared_pattern(psk.data(), with_psk ? psk.size() : 0);
    std::vector<uint8_t> out(num * (32 + 12 + 32));
    const HpkeScheduleTile tile{.num = num,
                                .shared = &shared,
                                .dh = dh.data(),
                                .enc = enc.data(),
                                .recipients = {pk.data(), 32},
                                .keys = out.data(),
                                .nonces = out.data() + num * 32,
                                .exporters = out.data() + num * 44};
    t.hpke_schedule(&tile);
    all.insert(all.end(), out.begin(), out.end());
    std::vector<uint8_t> lean(num * 44);  // without exporter secrets the rest must not change
    HpkeScheduleTile without = tile;
    without.keys = lean.data();
    without.nonces = lean.data() + num * 32;
    without.exporters = nullptr;
    t.hpke_schedule(&without);
    if (!std::equal(lean.begin(), lean.end(), out.begin())) return "differs without exporter secrets";
    for (const uint32_t few : few_items) {
      std::vector<uint8_t> keys(few * 32), nonces(few * 12);
      HpkeScheduleTile part = without;
      part.num = few;
      part.keys = keys.data();
      part.nonces = nonces.data();
      t.hpke_schedule(&part);
      if (!std::equal(keys.begin(), keys.end(), lean.begin()) ||
          !std::equal(nonces.begin(), nonces.end(), lean.begin() + num * 32))
        return "differs for few messages";
    }
  }
  return digest(all) == selftest::hpke_schedule ? "" : "wrong keys";
}

// A backend's own whole tiles of one kind, and what composes them of the scalar backend's slots.
template <class Tile>
struct WholeSlots {
  const char *seal_name, *open_name;
  uint32_t (*seal)(const Tile*);
  uint32_t (*open)(const Tile*);
  void (*compose)(const Dispatch&, Workspace&, const Tile&, const ByTable*);
};

// `fill` sets what belongs to that kind of tile alone; `extra` is what it writes beside texts, tags and enc.
template <class Tile, class Fill>
std::string check_whole(const WholeSlots<Tile>& slots, Messages m, const Fill& fill, std::vector<uint8_t>& extra) {
  Dispatch parts;
#define X(slot, Tile) parts.slot = scalar_table.slot;
  MEGASEAL_SLOTS(X)
#undef X
  const auto secrets = pattern(6, num * 32), recipient_secrets = pattern(7, num * 32);
  std::vector<uint8_t> pk(num * 32), enc(num * 32), status(num);
  const X25519Tile publics{.num = num,
                           .secrets = {recipient_secrets.data(), 32},
                           .points = {},
                           .out = pk.data(),
                           .status = nullptr};
  scalar_table.x25519_public(&publics);
  Workspace w(num);
  const auto tile = [&](const uint8_t* secret, const EphemeralSeed* seed = nullptr) {
    Tile t = {};
    t.num = num;
    t.secrets = {secret, secret ? size_t(32) : 0};
    t.recipients = {pk.data(), 32};
    t.enc = enc.data();
    t.items = m.items.data();
    t.status = status.data();
    t.seed = seed;
    fill(t);
    return t;
  };
  const auto failure = [](const char* slot, const char* what) { return std::string(slot) + ": " + what; };
  // What sealing wrote; all of it is forgotten.
  const auto taken = [&] {
    std::array all{m.sealed(), enc, extra};
    for (std::vector<uint8_t>* v : {&m.out, &m.tags, &enc, &extra}) std::ranges::fill(*v, uint8_t(0));
    return all;
  };
  slots.compose(parts, w, tile(secrets.data()), nullptr);
  const auto sealed = taken();
  if (slots.seal) {
    const Tile whole = tile(secrets.data());
    if (slots.seal(&whole) != num) return failure(slots.seal_name, "not done");
    if (taken() != sealed) return failure(slots.seal_name, "wrong result");

    // And to few recipients, whose keys a device may make tables of: of one on the twist there is none, and some come once.
    // Then all to one, by a larger table.
    const auto every = pk;
    for (uint32_t i = 8; i < num - 6; i++) std::memcpy(&pk[i * 32], &pk[i % 8 * 32], 32);
    for (uint32_t i = 3; i < num - 6; i += 8) {
      std::memset(&pk[i * 32], 0, 32);
      pk[i * 32] = 2;
    }
    for (const size_t stride : {32, 0}) {
      Tile to_few = tile(secrets.data());
      to_few.recipients.stride = stride;
      slots.compose(parts, w, to_few, nullptr);
      const auto sealed_to_few = taken();
      if (slots.seal(&to_few) != num) return failure(slots.seal_name, "not done to few recipients");
      if (taken() != sealed_to_few) return failure(slots.seal_name, "wrong result to few recipients");
    }
    pk = every;

    // And by a seed, as the engine asks it of a device: nobody would miss ephemeral secrets that repeat.
    const auto key = pattern(8, 32);
    std::vector<uint8_t> room(num * 32);
    const EphemeralSeed seed{.key = key.data(), .number = 0x01020304, .room = room.data()};
    const Tile by_seed = tile(nullptr, &seed);
    slots.compose(parts, w, by_seed, nullptr);
    const auto sealed_by_seed = taken();
    std::memset(room.data(), 0, room.size());
    if (slots.seal(&by_seed) != num) return failure(slots.seal_name, "not done by a seed");
    if (sealed_by_seed[1] == sealed[1] || taken() != sealed_by_seed)
      return failure(slots.seal_name, "wrong result by a seed");
  }
  if (slots.open) {
    slots.compose(parts, w, tile(secrets.data()), nullptr);
    const auto plain = m.plain;
    m.turn_round();
    m.tags[5 * 16] ^= 1;
    std::memset(&enc[9 * 32], 0, 32);
    const Tile whole = tile(recipient_secrets.data());
    if (slots.open(&whole) != num) return failure(slots.open_name, "not done");
    for (uint32_t i = 0; i < num; i++) {
      const auto expected = i == 5   ? ItemStatus::auth_failed
                            : i == 9 ? ItemStatus::low_order
                                     : ItemStatus::ok;
      if (status[i] != uint8_t(expected)) return failure(slots.open_name, "wrong status");
      const AeadItem& item = m.items[i];
      if (expected == ItemStatus::ok && item.len &&
          std::memcmp(item.out, &plain[size_t(item.out - m.out.data())], item.len) != 0)
        return failure(slots.open_name, "wrong plaintext");
    }
  }
  return {};
}

std::string check_whole_hpke(const KernelTable& t) {
  const HpkeShared shared = shared_pattern(nullptr, 0);
  std::vector<uint8_t> exporters(num * 32);
  return check_whole<HpkeTile>({"hpke_seal", "hpke_open", t.hpke_seal, t.hpke_open, hpke_seal_tile},
                               Messages(12, true),
                               [&](HpkeTile& tile) {
                                 tile.shared = &shared;
                                 tile.exporters = exporters.data();
                               },
                               exporters);
}

std::string check_whole_boxes(const KernelTable& t) {
  std::vector<uint8_t> none;
  return check_whole<SealedBoxTile>(
      {"sealedbox_seal", "sealedbox_open", t.sealedbox_seal, t.sealedbox_open, sealedbox_seal_tile},
      Messages(8, false), [](SealedBoxTile&) {}, none);
}

}  // namespace

std::string self_test(const KernelTable& t) {
  auto named = [](const char* slot, const std::string& failure) {
    return failure.empty() ? failure : std::string(slot) + ": " + failure;
  };
  std::string bad;
#define CHECK_SLOT(slot, call) \
  if (t.slot && !(bad = named(#slot, call)).empty()) return bad
  CHECK_SLOT(chacha20poly1305_seal,
             check_seal(t.chacha20poly1305_seal, 12, true, selftest::chacha20poly1305));
  CHECK_SLOT(chacha20poly1305_open,
             check_open(t.chacha20poly1305_open, scalar_table.chacha20poly1305_seal, 12, true));
  CHECK_SLOT(secretbox_seal, check_seal(t.secretbox_seal, 8, false, selftest::secretbox));
  CHECK_SLOT(secretbox_open, check_open(t.secretbox_open, scalar_table.secretbox_seal, 8, false));
  CHECK_SLOT(hchacha20, check_hchacha20(t));
  CHECK_SLOT(sealedbox_nonces, check_box_nonces(t));
  CHECK_SLOT(chacha20_stream, check_stream(t));
  CHECK_SLOT(x25519_shared, check_x25519(t.x25519_shared, true, selftest::x25519_shared));
  CHECK_SLOT(x25519_public, check_x25519(t.x25519_public, false, selftest::x25519_public));
  CHECK_SLOT(hkdf_extract, check_extract(t));
  CHECK_SLOT(hkdf_expand, check_expand(t));
  CHECK_SLOT(hpke_schedule, check_schedule(t));
#undef CHECK_SLOT
  if ((t.x25519_prepare || t.x25519_prepared) && !(bad = check_prepared(t)).empty()) return bad;
  if ((t.hpke_seal || t.hpke_open) && !(bad = check_whole_hpke(t)).empty()) return bad;
  if (t.sealedbox_seal || t.sealedbox_open) return check_whole_boxes(t);
  return {};
}

std::string testing::self_test(const KernelTable& table) { return megaseal::self_test(table); }

}  // namespace megaseal
