// The C++ wrapper: every call goes through and comes back, and errors become exceptions only where a call cannot run.
#include <megaseal/megaseal.hpp>

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace megaseal;

Messages texts(size_t num) {
  Messages m;
  for (size_t i = 0; i < num; i++) m.push_back("message " + std::to_string(i) + std::string(i % 70, '.'));
  return m;
}

void expect_same(const Messages& a, const Messages& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); i++) EXPECT_EQ(a.text(i), b.text(i)) << i;
}

TEST(Wrapper, HpkeToOneAndToMany) {
  const Engine engine;
  const auto alice = SecretKey::generate(), bob = SecretKey::generate();
  const auto messages = texts(100);
  const HpkeParams params{.info = as_bytes("app v1"),
                          .psk = as_bytes("a key of thirty-two bytes or more"),
                          .psk_id = as_bytes("which key")};
  const auto sealed = engine.seal(alice.recipient(), messages, params, messages);
  EXPECT_EQ(sealed.num_failed, 0u);
  expect_same(engine.open(alice, sealed.messages, params, messages).messages, messages);
  EXPECT_EQ(engine.open(bob, sealed.messages, params, messages).num_failed, 100u);
  EXPECT_EQ(engine.open(alice, sealed.messages, params).num_failed, 100u);  // no aad

  const std::vector<Recipient> recipients{alice.recipient(), bob.recipient()};
  const std::vector<SecretKey> keys{alice, bob};
  const auto two = engine.seal(recipients, texts(2));
  const auto opened = engine.open(keys, two.messages);
  EXPECT_TRUE(opened.ok(0) && opened.ok(1));
  expect_same(opened.messages, texts(2));
  EXPECT_THROW((void)engine.seal(recipients, texts(3)), std::invalid_argument);
}

// As of the standard library's containers.
TEST(Wrapper, MessagesThatWereMovedFromAreEmptyAndCanBeUsed) {
  Messages from = texts(3);
  Messages to = std::move(from);
  expect_same(to, texts(3));
  for (int round = 0; round < 2; round++) {
    EXPECT_TRUE(from.empty());
    EXPECT_EQ(from.size(), 0u);
    EXPECT_EQ(from.num_bytes(), 0u);
    const Engine engine;
    EXPECT_EQ(engine.seal(SecretKey::generate().recipient(), from).messages.size(), 0u);
    from.push_back("one");
    from.push_back("two");
    ASSERT_EQ(from.size(), 2u);
    EXPECT_EQ(from.text(0), "one");
    EXPECT_EQ(from.text(1), "two");
    to = std::move(from);
    EXPECT_EQ(to.size(), 2u);
  }
}

TEST(Wrapper, SealedBoxes) {
  const Engine engine({.backend = "scalar", .num_threads = 1});
  const std::vector<SecretKey> key{SecretKey::generate()};
  const std::vector<Recipient> recipient{key[0].recipient()};
  for (const auto format : {MEGASEAL_FORMAT_SEALEDBOX, MEGASEAL_FORMAT_SEALEDBOX_SALSA}) {
    const auto sealed = engine.sealedbox_seal(recipient, texts(20), format);
    expect_same(engine.sealedbox_open(key, sealed.messages, format).messages, texts(20));
  }
  EXPECT_THROW((void)engine.sealedbox_seal(recipient, texts(1), MEGASEAL_FORMAT_HPKE), Error);
}

TEST(Wrapper, Aead) {
  const Engine engine;
  const auto messages = texts(5);
  const std::vector<uint8_t> key(32, 7);
  std::vector<uint8_t> nonces(24 * 5);
  for (size_t i = 0; i < 5; i++) nonces[24 * i] = uint8_t(i);
  const auto format = MEGASEAL_FORMAT_XCHACHA20POLY1305;
  const auto sealed = engine.aead_seal(format, key, nonces, messages, messages);
  expect_same(engine.aead_open(format, key, nonces, sealed.messages, messages).messages, messages);
  EXPECT_THROW((void)engine.aead_seal(format, key, Bytes(nonces).first(24), messages),
               Error);  // one nonce for all
  EXPECT_THROW((void)engine.aead_seal(format, key, Bytes(nonces).first(25), messages), std::invalid_argument);
}

TEST(Wrapper, X25519AndKeygen) {
  const Engine engine;
  std::vector<Key> publics(3), secrets(3), again(3), ab(3), ba(3);
  engine.keygen(publics, secrets);
  engine.x25519_public(again, secrets);
  EXPECT_EQ(again, publics);
  const std::vector<Key> turned_publics{publics[1], publics[2], publics[0]};
  const std::vector<Key> turned_secrets{secrets[1], secrets[2], secrets[0]};
  EXPECT_EQ(engine.x25519(ab, secrets, turned_publics), 0u);
  EXPECT_EQ(engine.x25519(ba, turned_secrets, publics), 0u);
  EXPECT_EQ(ab, ba);
  publics[1] = {};
  EXPECT_EQ(engine.x25519(ab, secrets, publics), 1u);
}

TEST(Wrapper, Contexts) {
  const Engine engine;
  const auto key = SecretKey::generate();
  const HpkeSender sender(engine, key.recipient(), {.info = as_bytes("queue 7")});
  const HpkeReceiver receiver(engine, key, sender.enc(), {.info = as_bytes("queue 7")});
  uint64_t first = 99;
  EXPECT_EQ(sender.seal(texts(3), &first).num_failed, 0u);
  EXPECT_EQ(first, 0u);
  const auto sealed = sender.seal(texts(3), &first);
  EXPECT_EQ(first, 3u);
  const std::vector<uint64_t> sequences{3, 4, 5}, wrong{0, 1, 2};
  expect_same(receiver.open(sealed.messages, sequences).messages, texts(3));
  EXPECT_EQ(receiver.open(sealed.messages, wrong).num_failed, 3u);
  EXPECT_EQ(sender.export_secret(as_bytes("x"), 40), receiver.export_secret(as_bytes("x"), 40));
}

TEST(Wrapper, PreparedRecipients) {
  const Engine engine, without({.prepared_cache_bytes = 0}), small({.prepared_cache_bytes = 1 << 20});
  EXPECT_EQ(without.prepared_info().capacity_bytes, 0u);
  if (!engine.backend_name(MEGASEAL_OP_X25519_PREPARED)) GTEST_SKIP() << "no backend has tables";
  EXPECT_GT(small.prepared_info().capacity_bytes, 0u);
  EXPECT_LE(small.prepared_info().capacity_bytes, 1u << 20);
  const auto key = SecretKey::generate(), other = SecretKey::generate();
  const std::vector<Recipient> recipients{key.recipient(), other.recipient()};
  EXPECT_EQ(engine.prepare(recipients), 2u);
  EXPECT_EQ(engine.prepare(std::vector<Key>{key.public_key()}, MEGASEAL_PREPARED_SMALL), 1u);
  EXPECT_EQ(engine.prepare(std::vector<Key>{}), 0u);
  EXPECT_EQ(without.prepare(recipients), 0u);
  EXPECT_EQ(engine.prepared_info().num_tables, 2u);
  const auto sealed = engine.seal(key.recipient(), texts(40));
  EXPECT_EQ(engine.prepared_info().num_hits, 40u);
  expect_same(without.open(key, sealed.messages).messages, texts(40));
}

TEST(Wrapper, InheritableKeysAreTheSame) {
  const auto key = SecretKey::generate(), kept = key.inheritable();
  EXPECT_EQ(kept.public_key(), key.public_key());
  EXPECT_EQ(kept.to_pem(), key.to_pem());
}

TEST(Wrapper, KeysAsText) {
  const auto key = SecretKey::generate();
  const auto recipient = Recipient::from_text(key.recipient().to_text());
  EXPECT_EQ(recipient.public_key(), key.public_key());
  EXPECT_EQ(SecretKey::from_pem(key.to_pem()).public_key(), key.public_key());
  EXPECT_THROW((void)Recipient::from_text("megaseal1nonsense"), Error);
  EXPECT_THROW((void)Recipient(Key{}), Error);  // low order
  try {
    (void)Engine({.backend = "abacus"});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), MEGASEAL_ERROR_BACKEND_UNAVAILABLE);
  }
}

}  // namespace
