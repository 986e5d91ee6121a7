// Vectors in Wycheproof's schema on every backend: our own small sample always, a whole directory when configured with
// -DMEGASEAL_WYCHEPROOF_DIR=….
#include "tests/support/backends.hpp"
#include "tests/support/batch.hpp"
#include "tests/support/handles.hpp"
#include "tests/support/slots.hpp"
#include "tests/support/vectors.hpp"

namespace megaseal::test {
namespace {

class Wycheproof : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    if (!IsSkipped() && !HasFatalFailure()) engine_ = make_engine(name());
  }

  void check_aead(const std::filesystem::path& file, megaseal_format format, size_t nonce_len) {
    size_t checked = 0;
    for (const Vector& v : load_wycheproof(file)) {
      SCOPED_TRACE(file.filename().string() + " test " + v.text("tcId") + ": " + v.text("comment"));
      const Bytes key = v.hex("key"), nonce = v.hex("iv");
      // The C ABI takes pointers to keys and nonces of fixed size: other sizes cannot be expressed.
      if (key.size() != 32 || nonce.size() != nonce_len || v.number("tagSize") != 128) continue;
      ++checked;
      const bool valid = v.text("result") == "valid";
      Bytes expected = v.hex("ct");
      const Bytes tag = v.hex("tag");
      expected.insert(expected.end(), tag.begin(), tag.end());
      const megaseal_aead_keys keys = {key.data(), 0, nonce.data(), 0};
      const Results sealed = seal(Layout::pointers, shape_of(format), {{v.hex("msg")}, {v.hex("aad")}},
                                  [&](size_t* failed, const megaseal_batch* batch) {
                                    return megaseal_aead_seal_batch(engine_.get(), failed, batch, format, &keys);
                                  });
      ASSERT_TRUE(sealed.ok());
      EXPECT_EQ(sealed.out[0] == expected, valid);
      const Results opened = open(Layout::pointers, shape_of(format), {{expected}, {v.hex("aad")}},
                                  [&](size_t* failed, const megaseal_batch* batch) {
                                    return megaseal_aead_open_batch(engine_.get(), failed, batch, format, &keys);
                                  });
      ASSERT_EQ(opened.error, MEGASEAL_ERROR_NONE);
      EXPECT_EQ(opened.statuses[0], valid ? uint8_t(MEGASEAL_OK) : uint8_t(MEGASEAL_AUTH_FAILED));
      if (valid) {
        EXPECT_EQ(to_hex(opened.out[0]), v.text("msg"));
      }
    }
    EXPECT_GT(checked, 0u);
  }

  void check_x25519(const std::filesystem::path& file) {
    const std::vector<Vector> tests = load_wycheproof(file);
    Bytes secrets, points;
    for (const Vector& v : tests) {
      const Bytes secret = v.hex("private"), point = v.hex("public");
      ASSERT_EQ(secret.size() + point.size(), 64u);
      secrets.insert(secrets.end(), secret.begin(), secret.end());
      points.insert(points.end(), point.begin(), point.end());
    }
    Bytes out(32 * tests.size()), statuses(tests.size());
    ASSERT_EQ(megaseal_x25519_batch(engine_.get(), out.data(), statuses.data(), nullptr, tests.size(), secrets.data(),
                                    32, points.data(), 32),
              MEGASEAL_ERROR_NONE);
    for (size_t i = 0; i < tests.size(); ++i) {
      const std::string shared = to_hex({&out[32 * i], 32});
      EXPECT_EQ(shared, tests[i].text("shared")) << "test " << tests[i].text("tcId") << tests[i].text("comment");
      const bool zero = shared.find_first_not_of('0') == std::string::npos;
      EXPECT_EQ(statuses[i], zero ? uint8_t(MEGASEAL_LOW_ORDER) : uint8_t(MEGASEAL_OK)) << tests[i].text("tcId");
    }
  }

  void check_hkdf(const std::filesystem::path& file) {
    MEGASEAL_NEEDS_SLOT(hkdf_extract);
    MEGASEAL_NEEDS_SLOT(hkdf_expand);
    for (const Vector& v : load_wycheproof(file)) {
      if (v.number("size") > 255 * 32) continue;  // the slot's contract excludes what these tests ask to be refused
      const Bytes prk = hkdf_extract_one(table(), v.hex("salt"), v.hex("ikm"));
      EXPECT_EQ(to_hex(hkdf_expand_one(table(), prk, v.hex("info"), v.number("size"))), v.text("okm"))
          << "test " << v.text("tcId");
    }
  }

  /// A file of the configured directory.
  std::filesystem::path configured(const std::string& file) { return wycheproof_dir() / file; }

  Engine engine_;
};

#define MEGASEAL_NEEDS_WYCHEPROOF(file)                                                                  \
  if (wycheproof_dir().empty()) GTEST_SKIP() << file " not read: MEGASEAL_WYCHEPROOF_DIR is not set"; \
  ASSERT_TRUE(std::filesystem::exists(configured(file))) << file " is missing from MEGASEAL_WYCHEPROOF_DIR"

TEST_P(Wycheproof, SampleChaCha20Poly1305) {
  check_aead(wycheproof_sample_dir() / "chacha20_poly1305_test.json", MEGASEAL_FORMAT_CHACHA20POLY1305, 12);
}
TEST_P(Wycheproof, SampleXChaCha20Poly1305) {
  check_aead(wycheproof_sample_dir() / "xchacha20_poly1305_test.json", MEGASEAL_FORMAT_XCHACHA20POLY1305, 24);
}
TEST_P(Wycheproof, SampleX25519) { check_x25519(wycheproof_sample_dir() / "x25519_test.json"); }
TEST_P(Wycheproof, SampleHkdfSha256) { check_hkdf(wycheproof_sample_dir() / "hkdf_sha256_test.json"); }

TEST_P(Wycheproof, ChaCha20Poly1305) {
  MEGASEAL_NEEDS_WYCHEPROOF("chacha20_poly1305_test.json");
  check_aead(configured("chacha20_poly1305_test.json"), MEGASEAL_FORMAT_CHACHA20POLY1305, 12);
}
TEST_P(Wycheproof, XChaCha20Poly1305) {
  MEGASEAL_NEEDS_WYCHEPROOF("xchacha20_poly1305_test.json");
  check_aead(configured("xchacha20_poly1305_test.json"), MEGASEAL_FORMAT_XCHACHA20POLY1305, 24);
}
TEST_P(Wycheproof, X25519) {
  MEGASEAL_NEEDS_WYCHEPROOF("x25519_test.json");
  check_x25519(configured("x25519_test.json"));
}
TEST_P(Wycheproof, HkdfSha256) {
  MEGASEAL_NEEDS_WYCHEPROOF("hkdf_sha256_test.json");
  check_hkdf(configured("hkdf_sha256_test.json"));
}

MEGASEAL_ON_EVERY_BACKEND(Wycheproof);

}  // namespace
}  // namespace megaseal::test
