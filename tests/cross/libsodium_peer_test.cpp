// libsodium as the other side: AEADs of every length, sealed boxes of both kinds in both directions, and HPKE against
// the reference that is built on it; on every backend.
#include <sodium.h>

#include "tests/support/backends.hpp"
#include "tests/support/batch.hpp"
#include "tests/support/handles.hpp"
#include "tests/support/reference.hpp"

namespace megaseal::test {
namespace {

class LibsodiumPeer : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    ASSERT_GE(sodium_init(), 0);
    if (!IsSkipped() && !HasFatalFailure()) engine_ = make_engine(name());
  }

  void check_aead(megaseal_format format, size_t nonce_len) {
    constexpr size_t per_batch = 241;
    for (size_t first = 0; first <= 4096; first += per_batch) {
      Messages messages;
      Bytes keys, nonces;
      std::vector<Bytes> expected;
      for (size_t len = first; len < first + per_batch && len <= 4096; ++len) {
        const Bytes key = random_.bytes(32), nonce = random_.bytes(nonce_len);
        keys.insert(keys.end(), key.begin(), key.end());
        nonces.insert(nonces.end(), nonce.begin(), nonce.end());
        messages.in.push_back(random_.bytes(len));
        messages.aad.push_back(random_.bytes(len % 50));
        expected.push_back(nonce_len == 24
                               ? reference::xchacha20poly1305(key, nonce, messages.aad.back(), messages.in.back())
                               : reference::chacha20poly1305(key, nonce, messages.aad.back(), messages.in.back()));
      }
      const megaseal_aead_keys aead = {keys.data(), 32, nonces.data(), nonce_len};
      const Results sealed =
          seal(Layout::packed, shape_of(format), messages, [&](size_t* failed, const megaseal_batch* batch) {
            return megaseal_aead_seal_batch(engine_.get(), failed, batch, format, &aead);
          });
      ASSERT_TRUE(sealed.ok());
      for (size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(sealed.out[i], expected[i]) << first + i << " bytes";
      const Results opened = open(Layout::packed, shape_of(format), {expected, messages.aad},
                                  [&](size_t* failed, const megaseal_batch* batch) {
                                    return megaseal_aead_open_batch(engine_.get(), failed, batch, format, &aead);
                                  });
      ASSERT_TRUE(opened.ok());
      ASSERT_EQ(opened.out, messages.in);
    }
  }

  void check_sealedbox(megaseal_format format, decltype(&crypto_box_seal) peer_seal,
                       decltype(&crypto_box_seal_open) peer_open) {
    const Bytes secret = random_.bytes(32);
    const SecretKey key = make_secret_key(secret);
    const Bytes public_key = public_key_of(key.get());
    const Recipient recipient = make_recipient(public_key);
    Messages messages;
    for (size_t len = 0; len <= 400; ++len) messages.in.push_back(random_.bytes(len % 5 == 4 ? len * 10 : len));

    const megaseal_recipient* to_handle = recipient.get();
    const megaseal_recipients to = to_one(&to_handle);
    const Results sealed =
        seal(Layout::packed, shape_of(format), messages, [&](size_t* failed, const megaseal_batch* batch) {
          return megaseal_sealedbox_seal_batch(engine_.get(), failed, batch, format, &to);
        });
    ASSERT_TRUE(sealed.ok());
    std::vector<Bytes> from_peer;
    for (size_t i = 0; i < messages.in.size(); ++i) {
      Bytes opened(messages.in[i].size());
      ASSERT_EQ(peer_open(opened.data(), sealed.out[i].data(), sealed.out[i].size(), public_key.data(), secret.data()),
                0)
          << "libsodium does not open item " << i;
      ASSERT_EQ(opened, messages.in[i]);
      from_peer.push_back(Bytes(messages.in[i].size() + 48));
      ASSERT_EQ(peer_seal(from_peer[i].data(), messages.in[i].data(), messages.in[i].size(), public_key.data()), 0);
    }
    const megaseal_secret_key* handle = key.get();
    const Results opened = open(Layout::packed, shape_of(format), {from_peer, {}},
                                [&](size_t* failed, const megaseal_batch* batch) {
                                  return megaseal_sealedbox_open_batch(engine_.get(), failed, batch, format, &handle,
                                                                       0);
                                });
    ASSERT_TRUE(opened.ok()) << "libsodium's sealed boxes do not open";
    ASSERT_EQ(opened.out, messages.in);
  }

  void check_hpke(const reference::HpkeParams& shared) {
    const Bytes secret = random_.bytes(32);
    const SecretKey key = make_secret_key(secret);
    const Bytes public_key = public_key_of(key.get());
    Messages messages;
    std::vector<Bytes> ephemerals;
    Bytes packed_ephemerals;
    for (size_t i = 0; i < 200; ++i) {
      messages.in.push_back(random_.bytes(random_.below(300)));
      messages.aad.push_back(random_.bytes(random_.below(100)));
      ephemerals.push_back(random_.bytes(32));
      packed_ephemerals.insert(packed_ephemerals.end(), ephemerals[i].begin(), ephemerals[i].end());
    }
    const megaseal_hpke_params params = hpke_params(shared.info, shared.psk, shared.psk_id);
    const megaseal_recipients to = to_raw(public_key, 0);
    const Shape shape = shape_of(MEGASEAL_FORMAT_HPKE);
    const Results fixed = seal(Layout::packed, shape, messages, [&](size_t* failed, const megaseal_batch* batch) {
      return testing::hpke_seal_batch(engine_.get(), failed, nullptr, batch, &params, &to, packed_ephemerals.data());
    });
    ASSERT_TRUE(fixed.ok());
    for (size_t i = 0; i < messages.in.size(); ++i)
      ASSERT_EQ(fixed.out[i],
                reference::hpke_seal(shared, ephemerals[i], public_key, messages.aad[i], messages.in[i]));

    // And with ephemeral secrets of the engine's own, opened by the reference.
    const Results fresh = seal(Layout::packed, shape, messages, [&](size_t* failed, const megaseal_batch* batch) {
      return megaseal_hpke_seal_batch(engine_.get(), failed, nullptr, batch, &params, &to);
    });
    ASSERT_TRUE(fresh.ok());
    for (size_t i = 0; i < messages.in.size(); ++i) {
      const Bytes enc(fresh.out[i].begin(), fresh.out[i].begin() + 32);
      for (size_t j = 0; j < i; ++j)
        ASSERT_FALSE(std::equal(enc.begin(), enc.end(), fresh.out[j].begin())) << "an ephemeral key was used twice";
      const reference::HpkeKeys keys =
          reference::hpke_schedule(shared, reference::x25519(secret, enc), enc, public_key);
      const Bytes expected = reference::chacha20poly1305(keys.key, keys.base_nonce, messages.aad[i], messages.in[i]);
      ASSERT_EQ(Bytes(fresh.out[i].begin() + 32, fresh.out[i].end()), expected);
    }
  }

  Engine engine_;
  Random random_;
};

TEST_P(LibsodiumPeer, ChaCha20Poly1305LengthsToFourKiB) { check_aead(MEGASEAL_FORMAT_CHACHA20POLY1305, 12); }
TEST_P(LibsodiumPeer, XChaCha20Poly1305LengthsToFourKiB) { check_aead(MEGASEAL_FORMAT_XCHACHA20POLY1305, 24); }
TEST_P(LibsodiumPeer, SealedBoxes) {
  check_sealedbox(MEGASEAL_FORMAT_SEALEDBOX, crypto_box_curve25519xchacha20poly1305_seal,
                  crypto_box_curve25519xchacha20poly1305_seal_open);
}
TEST_P(LibsodiumPeer, SalsaSealedBoxes) {
  check_sealedbox(MEGASEAL_FORMAT_SEALEDBOX_SALSA, crypto_box_seal, crypto_box_seal_open);
}
TEST_P(LibsodiumPeer, HpkeBase) { check_hpke({random_.bytes(20), {}, {}}); }
TEST_P(LibsodiumPeer, HpkeBaseWithLongInfo) { check_hpke({random_.bytes(1000), {}, {}}); }
TEST_P(LibsodiumPeer, HpkePsk) { check_hpke({random_.bytes(20), random_.bytes(32), random_.bytes(9)}); }
TEST_P(LibsodiumPeer, HpkePskLongerThanABlock) { check_hpke({{}, random_.bytes(130), random_.bytes(200)}); }

MEGASEAL_ON_EVERY_BACKEND(LibsodiumPeer);

}  // namespace
}  // namespace megaseal::test
