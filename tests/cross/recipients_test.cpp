// Public keys as recipients: which are refused, alone and in each position of a batch; keys on the twist; reference
// counts; key text.
#include <gtest/gtest.h>

#include <cctype>

#include "tests/support/batch.hpp"
#include "tests/support/handles.hpp"
#include "tests/support/points.hpp"
#include "tests/support/reference.hpp"

namespace megaseal::test {
namespace {

megaseal_error try_recipient(const Bytes& public_key) {
  megaseal_recipient* recipient = nullptr;
  const megaseal_error error = megaseal_recipient_create(&recipient, public_key.data());
  EXPECT_EQ(recipient == nullptr, error != MEGASEAL_ERROR_NONE);
  megaseal_recipient_release(recipient);
  return error;
}

TEST(Recipients, LowOrderAndNonCanonicalKeysAreRefused) {
  for (const Bytes& key : low_order_canonical())
    EXPECT_EQ(try_recipient(key), MEGASEAL_ERROR_KEY_LOW_ORDER) << to_hex(key);
  for (const Bytes& key : low_order_noncanonical())
    EXPECT_EQ(try_recipient(key), MEGASEAL_ERROR_KEY_NONCANONICAL) << to_hex(key);
  for (const Bytes& key : noncanonical_good())
    EXPECT_EQ(try_recipient(key), MEGASEAL_ERROR_KEY_NONCANONICAL) << to_hex(key);
}

TEST(Recipients, EveryOtherKeyIsTakenOnCurveOrTwist) {
  for (const Bytes& key : small_points()) EXPECT_EQ(try_recipient(key), MEGASEAL_ERROR_NONE) << to_hex(key);
  Bytes below_p(32, 0xff);  // p - 2
  below_p[0] = 0xeb;
  below_p[31] = 0x7f;
  EXPECT_EQ(try_recipient(below_p), MEGASEAL_ERROR_NONE);
}

TEST(Recipients, KeysOnTheTwistUseTheLadderSilently) {
  const Engine engine = make_engine();
  Random random;
  Messages messages;
  std::vector<Recipient> recipients;
  std::vector<const megaseal_recipient*> handles;
  std::vector<Bytes> expected;
  Bytes ephemerals;
  for (const Bytes& key : small_points()) {
    recipients.push_back(make_recipient(key));
    handles.push_back(recipients.back().get());
    messages.in.push_back(random.bytes(30));
    messages.aad.push_back({});
    const Bytes ephemeral = random.bytes(32);
    ephemerals.insert(ephemerals.end(), ephemeral.begin(), ephemeral.end());
    expected.push_back(reference::hpke_seal({}, ephemeral, key, {}, messages.in.back()));
  }
  const megaseal_recipients to = {handles.data(), 1, nullptr, 0};
  const Results sealed = seal(Layout::packed, shape_of(MEGASEAL_FORMAT_HPKE), messages,
                              [&](size_t* failed, const megaseal_batch* batch) {
                                return testing::hpke_seal_batch(engine.get(), failed, nullptr, batch, nullptr,
                                                                &to, ephemerals.data());
                              });
  ASSERT_TRUE(sealed.ok());
  EXPECT_EQ(sealed.out, expected);
}

/// A hostile raw key in each position of a batch of `num` fails alone, with its own status.
void expect_hostile_keys_alone(megaseal_format format) {
  const Engine engine = make_engine();
  Random random;
  constexpr size_t num = 70;
  struct Hostile {
    Bytes key;
    uint8_t status;
  };
  std::vector<Hostile> hostile;
  for (const Bytes& key : low_order_canonical()) hostile.push_back({key, MEGASEAL_LOW_ORDER});
  for (const Bytes& key : low_order_noncanonical()) hostile.push_back({key, MEGASEAL_NONCANONICAL});
  hostile.push_back({p_plus(18), MEGASEAL_NONCANONICAL});
  const Bytes good = reference::x25519_public(random.bytes(32)), ephemerals = random.bytes(32 * num);
  Messages messages;
  for (size_t i = 0; i < num; ++i) messages.in.push_back(random.bytes(i % 50));
  const auto run = [&](const Bytes& keys) {
    const megaseal_recipients to = to_raw(keys, 32);
    return seal(Layout::packed, shape_of(format), messages, [&](size_t* failed, const megaseal_batch* batch) {
      return format == MEGASEAL_FORMAT_HPKE
                 ? testing::hpke_seal_batch(engine.get(), failed, nullptr, batch, nullptr, &to,
                                            ephemerals.data())
                 : testing::sealedbox_seal_batch(engine.get(), failed, batch, format, &to, ephemerals.data());
    });
  };
  Bytes keys;
  for (size_t i = 0; i < num; ++i) keys.insert(keys.end(), good.begin(), good.end());
  const Results clean = run(keys);
  ASSERT_TRUE(clean.ok());
  for (size_t bad = 0; bad < num; ++bad) {
    const Hostile& h = hostile[bad % hostile.size()];
    Bytes mixed = keys;
    std::copy(h.key.begin(), h.key.end(), mixed.begin() + ptrdiff_t(32 * bad));
    const Results sealed = run(mixed);
    ASSERT_EQ(sealed.error, MEGASEAL_ERROR_NONE);
    for (size_t i = 0; i < num; ++i) {
      ASSERT_EQ(sealed.statuses[i], i == bad ? h.status : uint8_t(MEGASEAL_OK)) << i << " beside " << bad;
      if (i == bad)
        ASSERT_TRUE(all_zero(sealed.out[i]));
      else
        ASSERT_EQ(sealed.out[i], clean.out[i]);
    }
  }
}

TEST(Recipients, HostileRawKeyInEachPositionHpke) { expect_hostile_keys_alone(MEGASEAL_FORMAT_HPKE); }
TEST(Recipients, HostileRawKeyInEachPositionSealedBox) {
  expect_hostile_keys_alone(MEGASEAL_FORMAT_SEALEDBOX);
}
TEST(Recipients, HostileRawKeyInEachPositionSealedBoxSalsa) {
  expect_hostile_keys_alone(MEGASEAL_FORMAT_SEALEDBOX_SALSA);
}

TEST(Recipients, HandlesCountReferences) {
  const Bytes public_key = reference::x25519_public(Bytes(32, 7));
  megaseal_recipient* recipient = nullptr;
  ASSERT_EQ(megaseal_recipient_create(&recipient, public_key.data()), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(megaseal_recipient_retain(recipient), recipient);
  megaseal_recipient_release(recipient);
  Bytes out(32);
  megaseal_recipient_public_key(recipient, out.data());
  EXPECT_EQ(out, public_key);
  megaseal_recipient_release(recipient);
}

TEST(SecretKeys, KeepTheirBytesAndCountReferences) {
  const Bytes secret = Random().bytes(32);
  megaseal_secret_key* key = nullptr;
  ASSERT_EQ(megaseal_secret_key_create(&key, secret.data()), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(megaseal_secret_key_retain(key), key);
  megaseal_secret_key_release(key);
  Bytes out(32);
  ASSERT_EQ(megaseal_secret_key_export(key, out.data()), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(out, secret);
  EXPECT_EQ(public_key_of(key), reference::x25519_public(secret));
  megaseal_secret_key_release(key);
  EXPECT_EQ(megaseal_secret_key_create(nullptr, secret.data()), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_secret_key_create(&key, nullptr), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_secret_key_create_inheritable(&key, nullptr), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_secret_key_create_inheritable(nullptr, key), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_secret_key_export(nullptr, out.data()), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_TRUE(all_zero(out));
  char pem[MEGASEAL_SECRET_KEY_PEM_LEN] = "before";
  EXPECT_EQ(megaseal_secret_key_to_pem(pem, nullptr), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_STREQ(pem, "");
  EXPECT_EQ(megaseal_secret_key_to_pem(nullptr, nullptr), MEGASEAL_ERROR_ARGUMENT);
}

TEST(SecretKeys, ManyAtOnceAndInAnyOrder) {
  Random random;
  std::vector<Bytes> secrets;
  std::vector<SecretKey> keys;
  for (size_t i = 0; i < 1000; ++i) {
    secrets.push_back(random.bytes(32));
    keys.push_back(make_secret_key(secrets.back()));
    if (i % 3 == 2) {
      const size_t gone = random.below(keys.size());
      keys.erase(keys.begin() + ptrdiff_t(gone));
      secrets.erase(secrets.begin() + ptrdiff_t(gone));
    }
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    Bytes out(32);
    ASSERT_EQ(megaseal_secret_key_export(keys[i].get(), out.data()), MEGASEAL_ERROR_NONE);
    ASSERT_EQ(out, secrets[i]);
  }
}

TEST(SecretKeys, GeneratedKeysDiffer) {
  Bytes seen[2] = {Bytes(32), Bytes(32)};
  for (Bytes& out : seen) {
    megaseal_secret_key* key = nullptr;
    ASSERT_EQ(megaseal_secret_key_generate(&key), MEGASEAL_ERROR_NONE);
    const SecretKey owner(key);
    ASSERT_EQ(megaseal_secret_key_export(key, out.data()), MEGASEAL_ERROR_NONE);
  }
  EXPECT_NE(seen[0], seen[1]);
}

TEST(KeyText, PublicKeysGoThereAndBack) {
  Random random;
  for (int i = 0; i < 100; ++i) {
    const Bytes key = reference::x25519_public(random.bytes(32));
    char text[MEGASEAL_PUBLIC_KEY_TEXT_LEN];
    megaseal_public_key_to_text(text, key.data());
    const std::string lower = text;
    EXPECT_EQ(lower.size() + 1, size_t(MEGASEAL_PUBLIC_KEY_TEXT_LEN));
    EXPECT_EQ(lower.substr(0, 9), "megaseal1");
    std::string upper = lower;
    for (char& c : upper) c = char(std::toupper(c));
    Bytes back(32);
    for (const std::string& good : {lower, upper, " \t" + lower + "\n"}) {
      EXPECT_EQ(megaseal_public_key_from_text(back.data(), good.data(), good.size()), MEGASEAL_ERROR_NONE)
          << good;
      EXPECT_EQ(back, key);
    }
    std::string bad = lower;
    char& c = bad[9 + random.below(58)];
    c = c == 'q' ? 'p' : 'q';
    EXPECT_EQ(megaseal_public_key_from_text(back.data(), bad.data(), bad.size()), MEGASEAL_ERROR_KEY_FORMAT)
        << bad;
    EXPECT_TRUE(all_zero(back));
    // Cut off at the length of base64, most are keys in base64 as well.
    for (const size_t len : {43, 44})
      EXPECT_EQ(megaseal_public_key_from_text(back.data(), lower.data(), len), MEGASEAL_ERROR_KEY_FORMAT);
  }
}

// libsodium 1.0.18 takes the first two for '+' and '/', and passes over the third.
TEST(KeyText, BytesBeyondAsciiAreNoBase64) {
  Bytes back(32);
  for (const char beyond : {'\xd5', '\xd1', '\0'}) {
    std::string text(43, 'B');
    text[7] = beyond;
    EXPECT_EQ(megaseal_public_key_from_text(back.data(), text.data(), text.size()), MEGASEAL_ERROR_KEY_FORMAT);
    char pem[MEGASEAL_SECRET_KEY_PEM_LEN];
    ASSERT_EQ(megaseal_secret_key_to_pem(pem, make_secret_key(Bytes(32, 1)).get()), MEGASEAL_ERROR_NONE);
    std::string file = pem;
    beyond ? void(file[70] = beyond) : void(file.insert(70, 1, beyond));
    megaseal_secret_key* key = nullptr;
    EXPECT_EQ(megaseal_secret_key_from_pem(&key, nullptr, file.data(), file.size()), MEGASEAL_ERROR_KEY_FORMAT);
    EXPECT_EQ(key, nullptr);
  }
}

TEST(KeyText, HostileKeysAreRefusedInTextToo) {
  Bytes back(32, 1);
  const std::string zero = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ones(42, '/');
  EXPECT_EQ(megaseal_public_key_from_text(back.data(), zero.data(), zero.size()),
            MEGASEAL_ERROR_KEY_LOW_ORDER);
  EXPECT_TRUE(all_zero(back));
  const std::string all_ones = ones + "8";
  EXPECT_EQ(megaseal_public_key_from_text(back.data(), all_ones.data(), all_ones.size()),
            MEGASEAL_ERROR_KEY_NONCANONICAL);
  EXPECT_EQ(megaseal_public_key_from_text(back.data(), "", 0), MEGASEAL_ERROR_KEY_FORMAT);
}

TEST(KeyText, PemIsOpensslsAndReadsBack) {
  // RFC 8410: 302e020100300506032b656e04220420 before the 32 bytes.
  const Bytes secret(32, 0);
  char pem[MEGASEAL_SECRET_KEY_PEM_LEN];
  ASSERT_EQ(megaseal_secret_key_to_pem(pem, make_secret_key(secret).get()), MEGASEAL_ERROR_NONE);
  const std::string expected =
      "-----BEGIN PRIVATE KEY-----\n"
      "MC4CAQAwBQYDK2VuBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
      "-----END PRIVATE KEY-----\n";
  EXPECT_EQ(pem, expected);
  const Bytes other = Random().bytes(32);
  ASSERT_EQ(megaseal_secret_key_to_pem(pem, make_secret_key(other).get()), MEGASEAL_ERROR_NONE);
  const std::string file = "text before it\n" + std::string(pem) + expected;
  size_t at = 0;
  for (const Bytes& want : {other, secret}) {
    megaseal_secret_key* key = nullptr;
    size_t consumed = 0;
    ASSERT_EQ(megaseal_secret_key_from_pem(&key, &consumed, file.data() + at, file.size() - at),
              MEGASEAL_ERROR_NONE);
    const SecretKey owner(key);
    Bytes out(32);
    ASSERT_EQ(megaseal_secret_key_export(key, out.data()), MEGASEAL_ERROR_NONE);
    EXPECT_EQ(out, want);
    at += consumed;
  }
  megaseal_secret_key* key = reinterpret_cast<megaseal_secret_key*>(8);
  EXPECT_EQ(megaseal_secret_key_from_pem(&key, nullptr, file.data() + at, file.size() - at),
            MEGASEAL_ERROR_KEY_FORMAT);
  EXPECT_EQ(key, nullptr);
  // No more keys is not the same as one that can't be read.
  const auto consumed_of = [&](const std::string& rest) {
    size_t consumed = 12345;
    EXPECT_EQ(megaseal_secret_key_from_pem(&key, &consumed, rest.data(), rest.size()), MEGASEAL_ERROR_KEY_FORMAT);
    return consumed;
  };
  for (const std::string rest : {"", "text\n", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"})
    EXPECT_EQ(consumed_of(rest), rest.size());
  EXPECT_EQ(consumed_of("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"), 0u);
  EXPECT_EQ(consumed_of("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), 0u);
  EXPECT_EQ(consumed_of(std::string(pem).substr(0, 60)), 0u);
}

}  // namespace
}  // namespace megaseal::test
