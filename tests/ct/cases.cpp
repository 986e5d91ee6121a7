#include "tests/ct/cases.hpp"

#include <string.h>

#include <algorithm>
#include <random>

namespace megaseal::ct {
namespace {

struct Memory {
  explicit Memory(unsigned seed) : random(seed) {}
  std::mt19937 random;
  std::vector<std::unique_ptr<Bytes>> blocks;

  std::span<uint8_t> bytes(size_t n) {
    blocks.push_back(std::make_unique<Bytes>(n + 16));
    std::span<uint8_t> out(blocks.back()->data(), n);
    for (uint8_t& b : out) b = uint8_t(random());
    return out;
  }
};

/// The same work and the same way through it for the extremes as for others: who measures times afterwards must not see
/// which it was, nor must the branch predictor.
void draw(std::span<uint8_t> out, unsigned kind, unsigned salt) {
  static constexpr uint8_t kept[] = {0, 0, 0xff}, set[] = {0, 0xff, 0};
  const unsigned column = std::min(kind, 2u);
  std::mt19937 random(kind * 1000003 + salt);
  for (uint8_t& b : out) b = uint8_t((random() & kept[column]) | set[column]);
}

void draw_all(const std::vector<std::span<uint8_t>>& secrets, unsigned kind) {
  unsigned salt = 0;
  for (std::span<uint8_t> secret : secrets) draw(secret, kind, salt++);
}

/// The lengths of a tile's messages, and what is called by them.
struct Shape {
  std::string name;
  std::vector<size_t> lens;
  bool is_brief = false;
};

std::vector<size_t> ragged(size_t num, size_t below) {
  std::mt19937 random(7);
  std::vector<size_t> out(num);
  for (size_t& len : out) len = random() % below;
  return out;
}

std::vector<Shape> shapes() {
  std::vector<Shape> out;
  for (size_t len : {0, 1, 15, 16, 64, 100, 200, 300, 450, 700, 1100, 5000, 20000})
    out.push_back({"one of " + std::to_string(len), {len}, len == 15 || len == 300 || len == 5000});
  out.push_back({"two", {64, 33}});
  out.push_back({"three of 500", {500, 500, 500}});
  out.push_back({"seven", {7, 0, 200, 64, 65, 128, 31}, true});
  out.push_back({"eight of 256", std::vector<size_t>(8, 256)});
  out.push_back({"twenty ragged", ragged(20, 700), true});
  out.push_back({"seventy ragged", ragged(70, 300)});
  out.push_back({"twelve long", ragged(12, 6000)});
  out.push_back({"nine empty", std::vector<size_t>(9, 0)});
  return out;
}

using AeadSlot = void (*)(const AeadTile*);

struct AeadMemory : Memory {
  using Memory::Memory;
  std::vector<AeadItem> items;
  std::vector<std::span<uint8_t>> texts, outs;
  Bytes status;
  AeadTile tile{};
};

/// When opening, `seal` makes the tags, and every fourth message of several is refused.
Case aead(const std::string& name, const Shape& shape, AeadSlot slot, AeadSlot seal, bool box) {
  auto m = std::make_shared<AeadMemory>(1);
  Case c;
  c.name = name + ", " + shape.name, c.memory = m, c.is_brief = shape.is_brief;
  for (size_t i = 0; i < shape.lens.size(); i++) {
    const size_t len = shape.lens[i], aad_len = box ? 0 : i % 3 * 7;
    const auto key = m->bytes(32), nonce = m->bytes(12), aad = m->bytes(aad_len), tag = m->bytes(16);
    m->texts.push_back(m->bytes(len));
    m->outs.push_back(m->bytes(len));
    m->items.push_back({key.data(), nonce.data(), aad.data(), aad_len, m->texts[i].data(), m->outs[i].data(),
                        len, tag.data()});
    c.secrets.push_back(key);
    if (!seal) c.secrets.push_back(m->texts[i]);
  }
  m->status.resize(shape.lens.size());
  m->tile = {uint32_t(m->items.size()), m->items.data(), m->status.data()};
  AeadMemory* const p = m.get();
  c.fill = [p, secrets = c.secrets, seal](unsigned kind) {
    draw_all(secrets, kind);
    memset(p->status.data(), 0, p->status.size());
    if (!seal) return;
    // Texts are sealed in place; their plaintexts are whatever lay there.
    std::vector<AeadItem> in_place = p->items;
    for (AeadItem& item : in_place) item.out = const_cast<uint8_t*>(item.in);
    const AeadTile tile = {p->tile.num, in_place.data(), p->status.data()};
    seal(&tile);
    for (size_t i = 3; i < p->items.size(); i += 4) p->items[i].tag[i % 16] ^= 0x10;
  };
  c.call = [p, slot] { slot(&p->tile); };
  return c;
}

void add_aead(std::vector<Case>& out, const KernelTable& t) {
  for (const Shape& shape : shapes()) {
    if (t.chacha20poly1305_seal)
      out.push_back(aead("chacha20poly1305_seal", shape, t.chacha20poly1305_seal, nullptr, false));
    if (t.chacha20poly1305_open)
      out.push_back(
          aead("chacha20poly1305_open", shape, t.chacha20poly1305_open, t.chacha20poly1305_seal, false));
    if (t.secretbox_seal) out.push_back(aead("secretbox_seal", shape, t.secretbox_seal, nullptr, true));
    if (t.secretbox_open)
      out.push_back(aead("secretbox_open", shape, t.secretbox_open, t.secretbox_seal, true));
  }
}

template <class Tile>
Case with_tile(const std::string& name, size_t num, std::shared_ptr<Memory> m, const Tile& tile,
               void (*slot)(const Tile*), const std::vector<std::span<uint8_t>>& secrets) {
  Case c;
  c.name = name + " of " + std::to_string(num), c.secrets = secrets, c.memory = m;
  c.is_brief = num == 1 || num == 3 || num == 8 || num == 17 || num == 200;
  c.fill = [secrets](unsigned kind) { draw_all(secrets, kind); };
  c.call = [tile, slot] { slot(&tile); };
  return c;
}

void add_streams(std::vector<Case>& out, const KernelTable& t) {
  if (t.hchacha20)
    for (size_t num : {1, 2, 3, 4, 9, 17, 40}) {
      auto m = std::make_shared<Memory>(2);
      const auto keys = m->bytes(32 * num), nonces = m->bytes(16 * num), to = m->bytes(32 * num);
      out.push_back(with_tile<HChaCha20Tile>(
          "hchacha20", num, m, {uint32_t(num), {keys.data(), 32}, {nonces.data(), 16}, to.data()},
          t.hchacha20, {keys}));
    }
  if (t.chacha20_stream)
    for (size_t len : {0, 1, 64, 200, 513, 3000}) {
      auto m = std::make_shared<Memory>(3);
      const auto key = m->bytes(32), nonce = m->bytes(12), to = m->bytes(len),
                 item = m->bytes(sizeof(StreamItem));
      new (item.data()) StreamItem{key.data(), nonce.data(), to.data(), len, 1};
      out.push_back(with_tile<StreamTile>("chacha20_stream of bytes, one", len, m,
                                          {1, reinterpret_cast<StreamItem*>(item.data())}, t.chacha20_stream,
                                          {key}));
    }
}

void add_x25519(std::vector<Case>& out, const KernelTable& t, bool is_shared) {
  const auto slot = is_shared ? t.x25519_shared : t.x25519_public;
  if (!slot) return;
  for (size_t num : {1, 2, 3, 5, 8, 17, 33, 70}) {
    auto m = std::make_shared<Memory>(4);
    const auto secrets = m->bytes(32 * num), points = m->bytes(32 * num), to = m->bytes(32 * num),
               status = m->bytes(num);
    // A point of low order stands where its verdict is seen to stay with it.
    if (num > 2) memset(&points[32 * (num - 2)], 0, 32);
    out.push_back(with_tile<X25519Tile>(is_shared ? "x25519_shared" : "x25519_public", num, m,
                                        {uint32_t(num),
                                         {secrets.data(), 32},
                                         {is_shared ? points.data() : nullptr, 32},
                                         to.data(),
                                         status.data()},
                                        slot, {secrets}));
    out.back().is_brief = num == 17;  // hundreds of thousands of instructions each: vectors, and what is left
  }
}

/// Tables are public; so is which item uses which. The last recipient's items share vectors with the one's before.
void add_prepared(std::vector<Case>& out, const KernelTable& t) {
  if (!t.x25519_prepared) return;
  for (uint32_t size = 0; size < x25519_prepared_sizes; size++)
    for (size_t num : {1, 8, 13, 20}) {
      auto m = std::make_shared<Memory>(9);
      const auto secrets = m->bytes(32 * num), to = m->bytes(32 * num),
                 items = m->bytes(sizeof(X25519PreparedItem) * num);
      std::vector<uint8_t*> tables;
      for (uint8_t seed = 9; tables.size() < 2; seed++) {  // half of all numbers are on the curve
        const auto room = m->bytes(t.prepared_bytes[size] + 64);
        uint8_t* table = room.data() + (64 - reinterpret_cast<uintptr_t>(room.data()) % 64) % 64;
        uint8_t point[32] = {seed}, has_table = 0;
        const X25519PrepareTile prepare{1, size, {point, 32}, &table, &has_table};
        t.x25519_prepare(&prepare);
        if (has_table) tables.push_back(table);
      }
      for (size_t i = 0; i < num; i++)
        new (&items[sizeof(X25519PreparedItem) * i])
            X25519PreparedItem{&secrets[32 * i], tables[i >= num - 5], &to[32 * i]};
      out.push_back(with_tile<X25519PreparedTile>(
          "x25519_prepared " + std::to_string(size), num, m,
          {uint32_t(num), size, reinterpret_cast<const X25519PreparedItem*>(items.data())}, t.x25519_prepared,
          {secrets}));
      out.back().is_brief = num == 13 && size == 1;
    }
}

void add_hkdf(std::vector<Case>& out, const KernelTable& t) {
  for (size_t num : {1, 2, 3, 4, 5, 9, 17, 40})
    for (size_t len : {32, 100}) {
      if (t.hkdf_extract) {
        auto m = std::make_shared<Memory>(5);
        const auto salts = m->bytes(len * num), ikms = m->bytes(len * num), prks = m->bytes(32 * num);
        const auto items = m->bytes(sizeof(HkdfExtractItem) * num);
        for (size_t i = 0; i < num; i++)
          new (&items[sizeof(HkdfExtractItem) * i])
              HkdfExtractItem{&salts[len * i], len, &ikms[len * i], len, &prks[32 * i]};
        out.push_back(with_tile<HkdfExtractTile>(
            "hkdf_extract", num, m, {uint32_t(num), reinterpret_cast<HkdfExtractItem*>(items.data())},
            t.hkdf_extract, {salts, ikms}));
      }
      if (t.hkdf_expand) {
        auto m = std::make_shared<Memory>(6);
        const auto prks = m->bytes(32 * num), info = m->bytes(30), to = m->bytes(len * num);
        const auto items = m->bytes(sizeof(HkdfExpandItem) * num);
        for (size_t i = 0; i < num; i++)
          new (&items[sizeof(HkdfExpandItem) * i])
              HkdfExpandItem{&prks[32 * i], info.data(), info.size(), &to[len * i], uint32_t(len)};
        out.push_back(with_tile<HkdfExpandTile>(
            "hkdf_expand", num, m, {uint32_t(num), reinterpret_cast<HkdfExpandItem*>(items.data())},
            t.hkdf_expand, {prks}));
      }
    }
}

struct ScheduleMemory : Memory {
  using Memory::Memory;
  HpkeShared shared{};
};

void add_schedule(std::vector<Case>& out, const KernelTable& t) {
  if (!t.hpke_schedule) return;
  for (size_t num : {1, 2, 3, 5, 9, 17, 40})
    for (bool with_psk : {false, true}) {
      auto m = std::make_shared<ScheduleMemory>(7);
      const auto dh = m->bytes(32 * num), enc = m->bytes(32 * num), pk = m->bytes(32), psk = m->bytes(40);
      const auto keys = m->bytes(32 * num), nonces = m->bytes(12 * num), exporters = m->bytes(32 * num);
      m->shared.psk = psk.data();
      m->shared.psk_len = with_psk ? psk.size() : 0;
      out.push_back(with_tile<HpkeScheduleTile>(with_psk ? "hpke_schedule with psk" : "hpke_schedule", num, m,
                                                {uint32_t(num),
                                                 &m->shared,
                                                 dh.data(),
                                                 enc.data(),
                                                 {pk.data(), 0},
                                                 keys.data(),
                                                 nonces.data(),
                                                 with_psk ? exporters.data() : nullptr},
                                                t.hpke_schedule, {dh, psk}));
    }
}

}  // namespace

std::vector<Case> cases_of(const KernelTable& table) {
  std::vector<Case> out;
  add_aead(out, table);
  add_streams(out, table);
  add_x25519(out, table, true);
  add_x25519(out, table, false);
  add_prepared(out, table);
  add_hkdf(out, table);
  add_schedule(out, table);
  return out;
}

}  // namespace megaseal::ct
