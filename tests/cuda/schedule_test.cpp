// The device's key schedule, run on the host: RFC 9180's vectors, a reference on libsodium's HMAC, the portable backend.
#include <gtest/gtest.h>
#include <sodium.h>

#include <cstring>

#include "backends/scalar/scalar.hpp"
#include "tests/cuda/on_host.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/reference.hpp"
#include "tests/support/vectors.hpp"

namespace megaseal::test {
namespace {

struct Outputs {
  Bytes keys, nonces, exporters;
  explicit Outputs(size_t num) : keys(32 * num, 0xee), nonces(12 * num, 0xee), exporters(32 * num, 0xee) {}
};

gpu::ScheduleJob job_of(size_t num, const Bytes& context, const Bytes& psk, const Bytes& dh, const Bytes& enc,
                        const Bytes& recipients, Outputs& out, bool exporters) {
  gpu::ScheduleJob job = {.num = uint32_t(num),
                          .key_schedule_context = {},
                          .psk = psk.data(),
                          .psk_len = psk.size(),
                          .dh = dh.data(),
                          .enc = enc.data(),
                          .recipients = recipients.data(),
                          .recipient_stride = recipients.size() == 32 ? 0u : 32u,
                          .keys = out.keys.data(),
                          .nonces = out.nonces.data(),
                          .exporters = exporters ? out.exporters.data() : nullptr};
  std::memcpy(job.key_schedule_context, context.data(), 65);
  return job;
}

Bytes piece(const Bytes& all, size_t i, size_t len) {
  return {all.begin() + i * len, all.begin() + (i + 1) * len};
}

TEST(CudaSchedule, PublishedVectors) {
  for (const Vector& v : load_vectors("hpke.json")) {
    SCOPED_TRACE(v.text("name"));
    Outputs out(1);
    const Bytes psk = v.hex("psk"), dh = v.hex("dh"), enc = v.hex("enc"), recipient = v.hex("pkRm");
    const auto job = job_of(1, v.hex("key_schedule_context"), psk, dh, enc, recipient, out, true);
    ASSERT_EQ(gpu::on_host::launch_hpke_schedule(job, nullptr), 0);
    EXPECT_EQ(to_hex(out.keys), v.text("key"));
    EXPECT_EQ(to_hex(out.nonces), v.text("base_nonce"));
    EXPECT_EQ(to_hex(out.exporters), v.text("exporter_secret"));
  }
}

TEST(CudaSchedule, EveryPskLength) {
  Random random;
  for (size_t psk_len = 0; psk_len <= 260; psk_len++) {
    SCOPED_TRACE("psk of " + std::to_string(psk_len));
    const reference::HpkeParams params = {random.bytes(random.below(50)), random.bytes(psk_len),
                                          random.bytes(psk_len ? 1 + random.below(50) : 0)};
    const size_t num = 1 + random.below(3);
    const Bytes dh = random.bytes(32 * num), enc = random.bytes(32 * num),
                recipients = random.bytes(32 * num);
    Outputs out(num);
    const auto job =
        job_of(num, reference::hpke_key_schedule_context(params), params.psk, dh, enc, recipients, out, true);
    ASSERT_EQ(gpu::on_host::launch_hpke_schedule(job, nullptr), 0);
    for (size_t i = 0; i < num; i++) {
      const auto expected =
          reference::hpke_schedule(params, piece(dh, i, 32), piece(enc, i, 32), piece(recipients, i, 32));
      ASSERT_EQ(piece(out.keys, i, 32), expected.key);
      ASSERT_EQ(piece(out.nonces, i, 12), expected.base_nonce);
      ASSERT_EQ(piece(out.exporters, i, 32), expected.exporter_secret);
    }
  }
}

TEST(CudaSchedule, AsThePortableBackendDoes) {
  Random random;
  for (const size_t num : {0, 1, 2, 127, 128, 129, 500})
    for (const bool one_recipient : {false, true})
      for (const bool exporters : {false, true}) {
        SCOPED_TRACE(std::to_string(num) + " items");
        const Bytes context = random.bytes(65), psk = random.bytes(random.below(2) * 32);
        const Bytes dh = random.bytes(32 * num + 1), enc = random.bytes(32 * num + 1);
        const Bytes recipients = random.bytes(one_recipient ? 32 : 32 * num + 64);
        Outputs out(num + 1), expected(num + 1);
        const auto job = job_of(num, context, psk, dh, enc, recipients, out, exporters);
        ASSERT_EQ(gpu::on_host::launch_hpke_schedule(job, nullptr), 0);

        HpkeShared shared = {{}, psk.data(), psk.size()};
        std::memcpy(shared.key_schedule_context, context.data(), 65);
        const HpkeScheduleTile tile = {.num = uint32_t(num),
                                       .shared = &shared,
                                       .dh = dh.data(),
                                       .enc = enc.data(),
                                       .recipients = {recipients.data(), one_recipient ? 0u : 32u},
                                       .keys = expected.keys.data(),
                                       .nonces = expected.nonces.data(),
                                       .exporters = exporters ? expected.exporters.data() : nullptr};
        if (num != 0) scalar::hpke_schedule(&tile);
        EXPECT_EQ(out.keys, expected.keys);
        EXPECT_EQ(out.nonces, expected.nonces);
        EXPECT_EQ(out.exporters, expected.exporters);
      }
}

/// A box that libsodium seals: its text comes back under the key and nonce made here.
TEST(CudaSealedBox, KeysOpenTheBoxesOfLibsodium) {
  Random random;
  for (const size_t num : {0, 1, 130})
    for (const bool one_recipient : {false, true}) {
      Bytes dh, enc, recipients;
      std::vector<Bytes> texts, boxes;
      Bytes secret(32), recipient(32);
      for (size_t i = 0; i < num; i++) {
        if (i == 0 || !one_recipient) {
          crypto_box_curve25519xchacha20poly1305_keypair(recipient.data(), secret.data());
          recipients.insert(recipients.end(), recipient.begin(), recipient.end());
        }
        texts.push_back(random.bytes(1 + random.below(100)));
        boxes.emplace_back(texts[i].size() + 48);
        crypto_box_curve25519xchacha20poly1305_seal(boxes[i].data(), texts[i].data(), texts[i].size(),
                                                    recipient.data());
        enc.insert(enc.end(), boxes[i].begin(), boxes[i].begin() + 32);
        const Bytes shared = reference::x25519(secret, {boxes[i].begin(), boxes[i].begin() + 32});
        dh.insert(dh.end(), shared.begin(), shared.end());
      }
      Bytes keys(32 * num + 1), nonces(8 * num + 1);
      const gpu::SealedBoxJob job = {.num = uint32_t(num),
                                     .dh = dh.data(),
                                     .enc = enc.data(),
                                     .recipients = recipients.data(),
                                     .recipient_stride = one_recipient ? 0u : 32u,
                                     .keys = keys.data(),
                                     .nonces = nonces.data()};
      ASSERT_EQ(gpu::on_host::launch_sealedbox_keys(job, nullptr), 0);
      for (size_t i = 0; i < num; i++) {
        // The secretbox: block 0 is key of the MAC and first 32 bytes of stream; then tag, then text.
        const uint8_t* ct = boxes[i].data() + 48;
        Bytes stream(32 + texts[i].size());
        crypto_stream_chacha20(stream.data(), stream.size(), &nonces[8 * i], &keys[32 * i]);
        ASSERT_EQ(
            crypto_onetimeauth_poly1305_verify(boxes[i].data() + 32, ct, texts[i].size(), stream.data()), 0)
            << i;
        for (size_t k = 0; k < texts[i].size(); k++) ASSERT_EQ(ct[k] ^ stream[32 + k], texts[i][k]);
      }
    }
}

}  // namespace
}  // namespace megaseal::test
