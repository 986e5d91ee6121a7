// Every slot with each of its buffers flush against an inaccessible page, before and behind: a kernel that reads or
// writes one byte too many, even one that it then masks away, dies here.
#include "tests/support/backends.hpp"
#include "tests/support/guard_pages.hpp"
#include "tests/support/reference.hpp"

namespace megaseal::test {
namespace {

class GuardPages : public BackendTest {
 protected:
  GuardedBuffer random(size_t len, Edge edge) { return GuardedBuffer(random_.bytes(len), edge); }
  Random random_;
};

constexpr Edge edges[] = {Edge::front, Edge::back};
constexpr size_t lengths[] = {0,   1,   15,  16,  17,  31,  33,  63,   64,   65,  127,
                              129, 191, 193, 223, 225, 255, 256, 257,  447,  449, 479,
                              481, 511, 513, 959, 961, 991, 993, 1023, 1025, 4096};

TEST_P(GuardPages, Aead) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_seal);
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_open);
  for (const Edge edge : edges) {
    for (const size_t len : lengths) {
      const GuardedBuffer key = random(32, edge), nonce = random(12, edge), aad = random(len % 61, edge);
      const GuardedBuffer in = random(len, edge);
      GuardedBuffer out(len, edge), back(len, edge), tag(16, edge), status(1, edge);
      const AeadItem seal = {key.data(), nonce.data(), aad.data(), aad.size(),
                             in.data(),  out.data(),   len,        tag.data()};
      const AeadTile seal_tile = {1, &seal, status.data()};
      table().chacha20poly1305_seal(&seal_tile);
      Bytes sealed = out.bytes();
      const Bytes sealed_tag = tag.bytes();
      sealed.insert(sealed.end(), sealed_tag.begin(), sealed_tag.end());
      EXPECT_EQ(sealed, reference::chacha20poly1305(key.bytes(), nonce.bytes(), aad.bytes(), in.bytes()))
          << len;
      const AeadItem open = {key.data(), nonce.data(), aad.data(), aad.size(),
                             out.data(), back.data(),  len,        tag.data()};
      const AeadTile open_tile = {1, &open, status.data()};
      table().chacha20poly1305_open(&open_tile);
      EXPECT_EQ(status.bytes(), Bytes(1));
      EXPECT_EQ(back.bytes(), in.bytes());
    }
  }
}

TEST_P(GuardPages, Secretbox) {
  MEGASEAL_NEEDS_SLOT(secretbox_seal);
  MEGASEAL_NEEDS_SLOT(secretbox_open);
  for (const Edge edge : edges) {
    for (const size_t len : lengths) {
      const GuardedBuffer key = random(32, edge), nonce = random(8, edge), in = random(len, edge);
      GuardedBuffer out(len, edge), back(len, edge), tag(16, edge), status(1, edge);
      const AeadItem seal = {key.data(), nonce.data(), nullptr, 0, in.data(), out.data(), len, tag.data()};
      const AeadTile seal_tile = {1, &seal, status.data()};
      table().secretbox_seal(&seal_tile);
      const AeadItem open = {key.data(), nonce.data(), nullptr, 0, out.data(), back.data(), len, tag.data()};
      const AeadTile open_tile = {1, &open, status.data()};
      table().secretbox_open(&open_tile);
      EXPECT_EQ(status.bytes(), Bytes(1));
      EXPECT_EQ(back.bytes(), in.bytes()) << len;
    }
  }
}

/// A message with its surroundings, every one of which lies at the edge.
struct GuardedMessage {
  GuardedMessage(Random& random, size_t nonce_len, size_t aad_len, size_t len, Edge edge)
      : key(random.bytes(32), edge),
        nonce(random.bytes(nonce_len), edge),
        aad(random.bytes(aad_len), edge),
        in(random.bytes(len), edge),
        out(len, edge),
        tag(16, edge) {}
  AeadItem item(const uint8_t* from, uint8_t* to) {
    return {key.data(), nonce.data(), aad.data(), aad.size(), from, to, in.size(), tag.data()};
  }
  GuardedBuffer key, nonce, aad, in, out, tag;
};

// Messages side by side, of one length and of many; sealed apart, opened in place.
TEST_P(GuardPages, AeadTiles) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_seal);
  MEGASEAL_NEEDS_SLOT(secretbox_seal);
  for (const Edge edge : edges) {
    for (const uint32_t num : {2u, 4u, 5u, 9u, 23u}) {
      for (const size_t len : {1, 15, 31, 33, 63, 65, 100, 191, 257, 600, 2047, 0}) {
        for (const bool box : {false, true}) {
          std::vector<GuardedMessage> messages;
          for (uint32_t i = 0; i < num; ++i)
            messages.emplace_back(random_, box ? 8 : 12, box ? 0 : (7 * i + len) % 41,
                                  len == 0 ? random_.below(700) : len, edge);  // 0: ragged
          std::vector<AeadItem> seals, opens;
          for (GuardedMessage& m : messages) {
            seals.push_back(m.item(m.in.data(), m.out.data()));
            opens.push_back(m.item(m.out.data(), m.out.data()));
          }
          GuardedBuffer status(num, edge);
          const AeadTile seal_tile = {num, seals.data(), status.data()};
          const AeadTile open_tile = {num, opens.data(), status.data()};
          (box ? table().secretbox_seal : table().chacha20poly1305_seal)(&seal_tile);
          (box ? table().secretbox_open : table().chacha20poly1305_open)(&open_tile);
          ASSERT_EQ(status.bytes(), Bytes(num));
          for (const GuardedMessage& m : messages) ASSERT_EQ(m.out.bytes(), m.in.bytes());
        }
      }
    }
  }
}

TEST_P(GuardPages, Streams) {
  MEGASEAL_NEEDS_SLOT(chacha20_stream);
  MEGASEAL_NEEDS_SLOT(hchacha20);
  MEGASEAL_NEEDS_SLOT(sealedbox_nonces);
  for (const Edge edge : edges) {
    const GuardedBuffer key = random(32, edge), nonce = random(12, edge);
    for (const size_t len : lengths) {
      GuardedBuffer out(len, edge);
      const StreamItem item = {key.data(), nonce.data(), out.data(), len, 1};
      const StreamTile tile = {1, &item};
      table().chacha20_stream(&tile);
      EXPECT_EQ(out.bytes(), reference::chacha20_stream(key.bytes(), nonce.bytes(), 1, len));
    }
    for (uint32_t num = 1; num <= 17; ++num) {
      const GuardedBuffer keys = random(32 * num, edge), nonces = random(16 * num, edge);
      GuardedBuffer out(32 * num, edge);
      const HChaCha20Tile tile = {num, {keys.data(), 32}, {nonces.data(), 16}, out.data()};
      table().hchacha20(&tile);
      GuardedBuffer box_nonces(24 * num, edge);
      const SealedBoxNonceTile boxes = {num, keys.data(), {keys.data(), 32}, box_nonces.data()};
      table().sealedbox_nonces(&boxes);
    }
  }
}

TEST_P(GuardPages, X25519) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  MEGASEAL_NEEDS_SLOT(x25519_public);
  for (const Edge edge : edges) {
    for (uint32_t num = 1; num <= 17; ++num) {
      const GuardedBuffer secrets = random(32 * num, edge), points = random(32 * num, edge);
      GuardedBuffer out(32 * num, edge), status(num, edge);
      const X25519Tile shared = {num, {secrets.data(), 32}, {points.data(), 32}, out.data(), status.data()};
      table().x25519_shared(&shared);
      const Bytes last = out.bytes(), secret = secrets.bytes(), point = points.bytes();
      EXPECT_EQ(Bytes(last.end() - 32, last.end()), reference::x25519(Bytes(secret.end() - 32, secret.end()),
                                                                      Bytes(point.end() - 32, point.end())));
      const X25519Tile publics = {num, {secrets.data(), 32}, {nullptr, 0}, out.data(), status.data()};
      table().x25519_public(&publics);
    }
  }
}

TEST_P(GuardPages, HkdfAndSchedule) {
  MEGASEAL_NEEDS_SLOT(hkdf_extract);
  MEGASEAL_NEEDS_SLOT(hkdf_expand);
  MEGASEAL_NEEDS_SLOT(hpke_schedule);
  for (const Edge edge : edges) {
    for (size_t len = 0; len <= 140; ++len) {
      const GuardedBuffer salt = random(len, edge), ikm = random(140 - len, edge);
      GuardedBuffer prk(32, edge), out(len, edge);
      const HkdfExtractItem extract = {salt.data(), len, ikm.data(), ikm.size(), prk.data()};
      const HkdfExtractTile extract_tile = {1, &extract};
      table().hkdf_extract(&extract_tile);
      const HkdfExpandItem expand = {prk.data(), ikm.data(), ikm.size(), out.data(), uint32_t(len)};
      const HkdfExpandTile expand_tile = {1, &expand};
      table().hkdf_expand(&expand_tile);
      EXPECT_EQ(out.bytes(), reference::hkdf_expand(prk.bytes(), ikm.bytes(), len));
    }
    const GuardedBuffer psk = random(45, edge);
    HpkeShared shared = {{1}, psk.data(), psk.size()};
    for (uint32_t num = 1; num <= 17; ++num) {
      const GuardedBuffer dh = random(32 * num, edge), enc = random(32 * num, edge),
                          to = random(32 * num, edge);
      GuardedBuffer keys(32 * num, edge), nonces(12 * num, edge), exporters(32 * num, edge);
      const HpkeScheduleTile tile = {num,         &shared,       dh.data(),       enc.data(), {to.data(), 32},
                                     keys.data(), nonces.data(), exporters.data()};
      table().hpke_schedule(&tile);
    }
  }
}

MEGASEAL_ON_EVERY_BACKEND(GuardPages);

}  // namespace
}  // namespace megaseal::test
