// Published vectors through the slots: RFC 8439, draft-irtf-cfrg-xchacha, RFC 7748, RFC 5869, RFC 9180.
#include "tests/support/backends.hpp"
#include "tests/support/slots.hpp"
#include "tests/support/vectors.hpp"

namespace megaseal::test {
namespace {

class KnownAnswers : public BackendTest {};

TEST_P(KnownAnswers, ChaCha20Stream) {
  MEGASEAL_NEEDS_SLOT(chacha20_stream);
  for (const Vector& v : load_vectors("chacha20_stream.json")) {
    SCOPED_TRACE(v.text("name"));
    const Bytes expected = v.hex("stream");
    EXPECT_EQ(
        stream_one(table(), v.hex("key"), v.hex("nonce"), uint32_t(v.number("counter")), expected.size()),
        expected);
  }
}

TEST_P(KnownAnswers, ChaCha20Poly1305) {
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_seal);
  MEGASEAL_NEEDS_SLOT(chacha20poly1305_open);
  for (const Vector& v : load_vectors("chacha20_poly1305.json")) {
    SCOPED_TRACE(v.text("name"));
    const std::vector<AeadInput> input = {{v.hex("key"), v.hex("nonce"), v.hex("aad"), v.hex("pt")}};
    const std::vector<AeadResult> sealed = seal_tile(table().chacha20poly1305_seal, input);
    EXPECT_EQ(to_hex(sealed[0].out), v.text("ct"));
    EXPECT_EQ(to_hex(sealed[0].tag), v.text("tag"));
    const std::vector<AeadResult> opened = open_tile(table().chacha20poly1305_open, input, sealed);
    EXPECT_EQ(opened[0].status, ItemStatus::ok);
    EXPECT_EQ(opened[0].out, input[0].in);
  }
}

TEST_P(KnownAnswers, HChaCha20) {
  MEGASEAL_NEEDS_SLOT(hchacha20);
  for (const Vector& v : load_vectors("hchacha20.json")) {
    SCOPED_TRACE(v.text("name"));
    const Bytes key = v.hex("key"), nonce = v.hex("nonce");
    Bytes out(32);
    const HChaCha20Tile tile = {1, {key.data(), 0}, {nonce.data(), 0}, out.data()};
    table().hchacha20(&tile);
    EXPECT_EQ(to_hex(out), v.text("subkey"));
  }
}

TEST_P(KnownAnswers, X25519) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  for (const Vector& v : load_vectors("x25519.json")) {
    SCOPED_TRACE(v.text("name"));
    const X25519Result result = run_x25519(table().x25519_shared, {v.hex("scalar")}, {v.hex("u")}, 1);
    EXPECT_EQ(to_hex(result.out[0]), v.text("result"));
    EXPECT_EQ(result.status[0], ItemStatus::ok);
  }
}

TEST_P(KnownAnswers, X25519PublicOfTheBasePoint) {
  MEGASEAL_NEEDS_SLOT(x25519_public);
  for (const Vector& v : load_vectors("x25519.json")) {
    if (v.text("u").substr(0, 4) != "0900") continue;
    SCOPED_TRACE(v.text("name"));
    EXPECT_EQ(to_hex(run_x25519(table().x25519_public, {v.hex("scalar")}, {}, 1).out[0]), v.text("result"));
  }
}

// The same in every lane at once, and in lanes left over: what one item alone does may be other code.
TEST_P(KnownAnswers, X25519IteratedInEveryLane) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  const size_t num = table().lanes + 3;
  for (const Vector& v : load_vectors("x25519_iterated.json")) {
    if (v.number("iterations") > 1000) continue;
    SCOPED_TRACE(v.text("name"));
    Bytes nine(32, 0);
    nine[0] = 9;
    std::vector<Bytes> k(num, nine), u(num, nine);
    for (uint64_t i = 0; i < v.number("iterations"); ++i) {
      std::vector<Bytes> next = run_x25519(table().x25519_shared, k, u, num).out;
      u = std::exchange(k, std::move(next));
    }
    for (size_t lane = 0; lane < num; ++lane) EXPECT_EQ(to_hex(k[lane]), v.text("result")) << lane;
  }
}

TEST_P(KnownAnswers, X25519IteratedUpToAThousandTimes) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  for (const Vector& v : load_vectors("x25519_iterated.json")) {
    if (v.number("iterations") > 1000) continue;
    SCOPED_TRACE(v.text("name"));
    Bytes k(32, 0);
    k[0] = 9;
    Bytes u = k;
    for (uint64_t i = 0; i < v.number("iterations"); ++i) {
      Bytes next = run_x25519(table().x25519_shared, {k}, {u}, 1).out[0];
      u = std::exchange(k, std::move(next));
    }
    EXPECT_EQ(to_hex(k), v.text("result"));
  }
}

TEST_P(KnownAnswers, HkdfSha256) {
  MEGASEAL_NEEDS_SLOT(hkdf_extract);
  MEGASEAL_NEEDS_SLOT(hkdf_expand);
  for (const Vector& v : load_vectors("hkdf_sha256.json")) {
    SCOPED_TRACE(v.text("name"));
    EXPECT_EQ(to_hex(hkdf_extract_one(table(), v.hex("salt"), v.hex("ikm"))), v.text("prk"));
    const Bytes okm = v.hex("okm");
    EXPECT_EQ(hkdf_expand_one(table(), v.hex("prk"), v.hex("info"), okm.size()), okm);
  }
}

TEST_P(KnownAnswers, HpkeSchedule) {
  MEGASEAL_NEEDS_SLOT(hpke_schedule);
  for (const Vector& v : load_vectors("hpke.json")) {
    SCOPED_TRACE(v.text("name"));
    const Bytes psk = v.hex("psk"), context = v.hex("key_schedule_context");
    HpkeShared shared = {{}, psk.data(), psk.size()};
    ASSERT_EQ(context.size(), sizeof shared.key_schedule_context);
    std::copy(context.begin(), context.end(), shared.key_schedule_context);
    const Bytes dh = v.hex("dh"), enc = v.hex("enc"), recipient = v.hex("pkRm");
    Bytes key(32), nonce(12), exporter(32);
    const HpkeScheduleTile tile = {
        1, &shared, dh.data(), enc.data(), {recipient.data(), 0}, key.data(), nonce.data(), exporter.data()};
    table().hpke_schedule(&tile);
    EXPECT_EQ(to_hex(key), v.text("key"));
    EXPECT_EQ(to_hex(nonce), v.text("base_nonce"));
    EXPECT_EQ(to_hex(exporter), v.text("exporter_secret"));
  }
}

MEGASEAL_ON_EVERY_BACKEND(KnownAnswers);

}  // namespace
}  // namespace megaseal::test
