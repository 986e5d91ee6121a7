// The known answers of the backends' self-test, computed again with libsodium alone.
#include <gtest/gtest.h>
#include <sodium.h>

#include <cstring>
#include <string_view>
#include <vector>

#include "engine/selftest_answers.hpp"

namespace {

using Bytes = std::vector<uint8_t>;
constexpr uint32_t num = 67;

Bytes pattern(uint64_t seed, size_t len) {
  Bytes out(len);
  for (size_t i = 0; i < len; i++) {
    if (i % 8 == 0) seed += 0x9e3779b97f4a7c15;
    uint64_t z = seed;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    out[i] = uint8_t((z ^ z >> 31) >> (8 * (i % 8)));
  }
  return out;
}

uint64_t message_len(uint32_t i) { return i % 4 == 3 ? 64 * (i / 4) : i * i % 331; }

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
Bytes text(std::string_view s) { return Bytes(s.begin(), s.end()); }
Bytes slice(const Bytes& b, size_t at, size_t len) { return Bytes(b.begin() + at, b.begin() + at + len); }

// Compares as hex, so that a failure prints the value that belongs into selftest_answers.hpp.
void expect_digest(const Bytes& bytes, const megaseal::selftest::Digest& embedded) {
  uint8_t d[32];
  crypto_hash_sha256(d, bytes.data(), bytes.size());
  char computed[65], here[65];
  sodium_bin2hex(computed, sizeof computed, d, 32);
  sodium_bin2hex(here, sizeof here, embedded.data(), 32);
  EXPECT_STREQ(computed, here);
}

Bytes hmac(const Bytes& key, const Bytes& message) {
  crypto_auth_hmacsha256_state s;
  crypto_auth_hmacsha256_init(&s, key.data(), key.size());
  crypto_auth_hmacsha256_update(&s, message.data(), message.size());
  Bytes out(32);
  crypto_auth_hmacsha256_final(&s, out.data());
  return out;
}

Bytes expand(const Bytes& prk, const Bytes& info, size_t len) {
  Bytes out, t;
  for (uint8_t counter = 1; out.size() < len; counter++) {
    t = hmac(prk, t + info + Bytes{counter});
    out = out + t;
  }
  out.resize(len);
  return out;
}

class SelftestAnswers : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_GE(sodium_init(), 0); }
};

TEST_F(SelftestAnswers, ChaCha20Poly1305) {
  const auto keys = pattern(1, num * 32), nonces = pattern(2, num * 12), aad = pattern(3, num);
  size_t total = 0;
  for (uint32_t i = 0; i < num; i++) total += message_len(i);
  const auto plain = pattern(4, total);
  Bytes out, tags;
  size_t at = 0;
  for (uint32_t i = 0; i < num; i++) {
    Bytes c(message_len(i) + 1), tag(16);
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(c.data(), tag.data(), nullptr, plain.data() + at,
                                                       message_len(i), aad.data(), i % 35, nullptr,
                                                       &nonces[i * 12], &keys[i * 32]);
    c.pop_back();
    out = out + c;
    tags = tags + tag;
    at += message_len(i);
  }
  expect_digest(out + tags, megaseal::selftest::chacha20poly1305);
}

TEST_F(SelftestAnswers, Secretbox) {
  const auto keys = pattern(1, num * 32), nonces = pattern(2, num * 8);
  size_t total = 0;
  for (uint32_t i = 0; i < num; i++) total += message_len(i);
  const auto plain = pattern(4, total);
  Bytes out, tags;
  size_t at = 0;
  for (uint32_t i = 0; i < num; i++) {
    Bytes padded = Bytes(32) + slice(plain, at, message_len(i)), tag(16);
    crypto_stream_chacha20_xor(padded.data(), padded.data(), padded.size(), &nonces[i * 8], &keys[i * 32]);
    crypto_onetimeauth_poly1305(tag.data(), padded.data() + 32, message_len(i), padded.data());
    out = out + slice(padded, 32, message_len(i));
    tags = tags + tag;
    at += message_len(i);
  }
  expect_digest(out + tags, megaseal::selftest::secretbox);
}

TEST_F(SelftestAnswers, HChaCha20) {
  const auto keys = pattern(1, num * 32), nonces = pattern(2, num * 16);
  Bytes out(num * 32);
  for (uint32_t i = 0; i < num; i++)
    crypto_core_hchacha20(&out[i * 32], &nonces[i * 16], &keys[i * 32], nullptr);
  expect_digest(out, megaseal::selftest::hchacha20);
}

TEST_F(SelftestAnswers, SealedBoxNonces) {
  const auto enc = pattern(1, num * 32), publics = pattern(2, num * 32);
  Bytes out(num * 24);
  for (uint32_t i = 0; i < num; i++) {
    const Bytes both = slice(enc, i * 32, 32) + slice(publics, i * 32, 32);
    crypto_generichash(&out[i * 24], 24, both.data(), both.size(), nullptr, 0);
  }
  expect_digest(out, megaseal::selftest::sealedbox_nonces);
}

TEST_F(SelftestAnswers, ChaCha20Stream) {
  const auto keys = pattern(1, num * 32), nonces = pattern(2, num * 12);
  Bytes out(num * 400);
  for (uint32_t i = 0; i < num; i++) {
    // Block by block: libsodium stops the process where its own counter would wrap.
    uint32_t counter = i % 2 ? i : 0u - i;
    Bytes stream;
    for (; stream.size() < 400; counter++) {
      Bytes block(64);
      crypto_stream_chacha20_ietf_xor_ic(block.data(), block.data(), 64, &nonces[i * 12], counter,
                                         &keys[i * 32]);
      stream = stream + block;
    }
    std::memcpy(&out[i * 400], stream.data(), 400 - i);
  }
  expect_digest(out, megaseal::selftest::chacha20_stream);
}

TEST_F(SelftestAnswers, X25519) {
  const auto secrets = pattern(1, num * 32);
  auto points = pattern(2, num * 32);
  std::memset(&points[7 * 32], 0, 32);
  Bytes shared(num * 32), publics(num * 32);
  for (uint32_t i = 0; i < num; i++) {
    EXPECT_EQ(crypto_scalarmult(&shared[i * 32], &secrets[i * 32], &points[i * 32]) != 0, i == 7);
    crypto_scalarmult_base(&publics[i * 32], &secrets[i * 32]);
  }
  std::memset(&shared[7 * 32], 0, 32);
  expect_digest(shared, megaseal::selftest::x25519_shared);
  expect_digest(publics, megaseal::selftest::x25519_public);
}

TEST_F(SelftestAnswers, Hkdf) {
  const auto salt = pattern(1, num * 2), ikm = pattern(2, num * 5);
  Bytes prks, out(num * 200);
  for (uint32_t i = 0; i < num; i++)
    prks = prks + hmac(i ? slice(salt, 0, i * 2) : Bytes(32), slice(ikm, 0, i * 5));
  expect_digest(prks, megaseal::selftest::hkdf_extract);
  const auto prk = pattern(1, num * 32), info = pattern(2, num * 5);
  for (uint32_t i = 0; i < num; i++) {
    const Bytes okm = expand(slice(prk, i * 32, 32), slice(info, 0, i * 5), 1 + i * 2);
    std::memcpy(&out[i * 200], okm.data(), okm.size());
  }
  expect_digest(out, megaseal::selftest::hkdf_expand);
}

// RFC 9180 §4, §4.1 and §5.1, written out.
TEST_F(SelftestAnswers, HpkeSchedule) {
  const auto dh = pattern(1, num * 32), enc = pattern(2, num * 32), pk = pattern(3, num * 32);
  const auto context = pattern(5, 65), long_psk = pattern(4, 70);
  const Bytes kem_id = text("KEM") + Bytes{0x00, 0x20};
  const Bytes hpke_id = text("HPKE") + Bytes{0x00, 0x20, 0x00, 0x01, 0x00, 0x03};
  auto labeled_extract = [](const Bytes& salt, const Bytes& suite, std::string_view label, const Bytes& ikm) {
    return hmac(salt.empty() ? Bytes(32) : salt, text("HPKE-v1") + suite + text(label) + ikm);
  };
  auto labeled_expand = [](const Bytes& prk, const Bytes& suite, std::string_view label, const Bytes& info,
                           size_t len) {
    return expand(prk, Bytes{uint8_t(len >> 8), uint8_t(len)} + text("HPKE-v1") + suite + text(label) + info,
                  len);
  };
  Bytes all;
  for (const Bytes& psk : {Bytes{}, long_psk}) {
    Bytes keys, nonces, exporters;
    for (uint32_t i = 0; i < num; i++) {
      const Bytes prk = labeled_extract({}, kem_id, "eae_prk", slice(dh, i * 32, 32));
      const Bytes shared_secret =
          labeled_expand(prk, kem_id, "shared_secret", slice(enc, i * 32, 32) + slice(pk, i * 32, 32), 32);
      const Bytes secret = labeled_extract(shared_secret, hpke_id, "secret", psk);
      keys = keys + labeled_expand(secret, hpke_id, "key", context, 32);
      nonces = nonces + labeled_expand(secret, hpke_id, "base_nonce", context, 12);
      exporters = exporters + labeled_expand(secret, hpke_id, "exp", context, 32);
    }
    all = all + keys + nonces + exporters;
  }
  expect_digest(all, megaseal::selftest::hpke_schedule);
}

}  // namespace
