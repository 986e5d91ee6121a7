// megaseal_cuda.h on a device where there is one, and else over a stand-in: against libsodium, and against the C ABI of the
// CPU both ways.
#include <cstring>
#include <set>

#include "tests/cuda/resident.hpp"
#include "tests/support/batch.hpp"
#include "tests/support/points.hpp"

namespace megaseal::test {
namespace {

/// Messages of many lengths, laid out as the header asks.
struct Texts {
  Texts(Random& random, const std::vector<size_t>& lens, bool with_aad) {
    for (size_t i = 0; i < lens.size(); i++) {
      texts.push_back(random.bytes(lens[i]));
      aads.push_back(random.bytes(with_aad ? 7 * i % 50 : 0));
      spans.push_back({packed.size(), packed_aad.size(), uint32_t(lens[i]), uint32_t(aads[i].size())});
      packed.insert(packed.end(), texts[i].begin(), texts[i].end());
      packed.resize((packed.size() + 15) / 16 * 16);
      packed_aad.insert(packed_aad.end(), aads[i].begin(), aads[i].end());
      packed_aad.resize((packed_aad.size() + 15) / 16 * 16);
    }
  }
  Bytes spans_bytes() const {
    Bytes out(spans.size() * sizeof spans[0]);
    std::memcpy(out.data(), spans.data(), out.size());
    return out;
  }
  std::vector<Bytes> texts, aads;
  std::vector<megaseal_cuda_span> spans;
  Bytes packed, packed_aad;
};

std::vector<size_t> mixed_lens(size_t num) {
  std::vector<size_t> out;
  for (size_t i = 0; i < num; i++) out.push_back(i % 11 == 0 ? 5000 + i : i * i % 700);
  return out;
}

TEST_F(cudaResident, AeadAgainstLibsodium) {
  for (const bool in_place : {false, true})
    for (const bool sorted : {false, true}) {
      const size_t num = 150;
      const Texts texts(random_, mixed_lens(num), true);
      const Bytes keys = random_.bytes(32 * num), nonces = random_.bytes(12 * num);
      megaseal_cuda_batch batch = {};
      batch.struct_size = sizeof batch;
      batch.num_items = num;
      batch.spans = reinterpret_cast<const megaseal_cuda_span*>(memory(texts.spans_bytes()));
      uint8_t* const in = memory(texts.packed);
      batch.in = in;
      batch.out = in_place ? in : memory(texts.packed.size());
      batch.aad = memory(texts.packed_aad);
      batch.tags = memory(16 * num);
      batch.statuses = memory(num);
      const uint8_t *k = memory(keys), *n = memory(nonces);
      void* const scratch = sorted ? memory(megaseal_cuda_aead_scratch(num)) : nullptr;
      finish(megaseal_cuda_aead_seal(&batch, k, 32, n, 12, scratch, stream_));
      const Bytes sealed = read(batch.out, texts.packed.size());
      Bytes tags = read(batch.tags, 16 * num), statuses = read(batch.statuses, num);
      for (size_t i = 0; i < num; i++) {
        Bytes expected(texts.texts[i].size() + 1), tag(16);  // never null
        crypto_aead_chacha20poly1305_ietf_encrypt_detached(
            expected.data(), tag.data(), nullptr, texts.texts[i].data(), texts.texts[i].size(),
            texts.aads[i].data(), texts.aads[i].size(), nullptr, &nonces[12 * i], &keys[32 * i]);
        expected.pop_back();
        ASSERT_EQ(part(sealed, texts.spans[i].text, expected.size()), expected) << i;
        ASSERT_EQ(part(tags, 16 * i, 16), tag) << i;
        ASSERT_EQ(statuses[i], MEGASEAL_OK);
      }
      // Every fifth is spoilt, and opened all the same with the others.
      for (size_t i = 0; i < num; i += 5) tags[16 * i + i % 16] ^= uint8_t(1 << i % 8);
      write(batch.tags, tags);
      batch.in = batch.out;
      finish(megaseal_cuda_aead_open(&batch, k, 32, n, 12, scratch, stream_));
      const Bytes opened = read(batch.out, texts.packed.size());
      statuses = read(batch.statuses, num);
      for (size_t i = 0; i < num; i++) {
        const bool spoilt = i % 5 == 0;
        ASSERT_EQ(statuses[i], spoilt ? MEGASEAL_AUTH_FAILED : MEGASEAL_OK) << i;
        const Bytes expected = spoilt ? Bytes(texts.texts[i].size(), 0) : texts.texts[i];
        ASSERT_EQ(part(opened, texts.spans[i].text, expected.size()), expected) << i;
      }
    }
}

TEST_F(cudaResident, X25519AgainstLibsodium) {
  const size_t num = 131;
  const Bytes secrets = random_.bytes(32 * num);
  Bytes points = random_.bytes(32 * num);
  std::memset(&points[32 * 7], 0, 32);
  uint8_t *s = memory(secrets), *p = memory(points), *out = memory(32 * num), *statuses = memory(num);
  finish(megaseal_cuda_x25519(out, statuses, num, s, 32, p, 32, stream_));
  Bytes got = read(out, 32 * num);
  const Bytes said = read(statuses, num);
  for (size_t i = 0; i < num; i++) {
    ASSERT_EQ(said[i], i == 7 ? MEGASEAL_LOW_ORDER : MEGASEAL_OK) << i;
    const Bytes expected = i == 7 ? Bytes(32, 0)
                                  : reference::x25519(Bytes(&secrets[32 * i], &secrets[32 * i] + 32),
                                                      Bytes(&points[32 * i], &points[32 * i] + 32));
    ASSERT_EQ(part(got, 32 * i, 32), expected) << i;
  }
  finish(megaseal_cuda_x25519_public(out, num, s, 32, stream_));
  got = read(out, 32 * num);
  for (size_t i = 0; i < num; i++)
    ASSERT_EQ(part(got, 32 * i, 32), reference::x25519_public(Bytes(&secrets[32 * i], &secrets[32 * i] + 32)))
        << i;
}

// What the device seals the CPU opens, and the other way round, in both modes; the device's own opens it, too.
TEST_F(cudaResident, HpkeAgainstTheCpu) {
  const Engine cpu = make_engine("", 1);
  const Bytes secret = random_.bytes(32);
  const SecretKey key = make_secret_key(secret);
  const megaseal_secret_key* const keys[] = {key.get()};
  const Bytes mine = public_key_of(key.get()), info = random_.bytes(20), psk = random_.bytes(45),
              id = random_.bytes(5);
  for (const bool with_psk : {false, true}) {
    const megaseal_hpke_params params = with_psk ? hpke_params(info, psk, id) : hpke_params(info);
    const size_t num = 75;
    const Texts texts(random_, mixed_lens(num), true);
    megaseal_cuda_batch batch = {};
    batch.struct_size = sizeof batch;
    batch.num_items = num;
    batch.spans = reinterpret_cast<const megaseal_cuda_span*>(memory(texts.spans_bytes()));
    batch.in = memory(texts.packed);
    batch.out = memory(texts.packed.size());
    batch.aad = memory(texts.packed_aad);
    batch.tags = memory(16 * num);
    batch.statuses = memory(num);
    uint8_t *enc = memory(32 * num), *to = memory(mine), *with = memory(secret);
    const size_t scratch_len = megaseal_cuda_hpke_scratch(num, &params);
    uint8_t* const scratch = memory(scratch_len);
    finish(megaseal_cuda_hpke_seal(&batch, enc, &params, to, 0, scratch, stream_));
    EXPECT_TRUE(all_zero(read(scratch, scratch_len))) << "secrets in the scratch memory";

    Bytes encs = read(enc, 32 * num), out = read(batch.out, texts.packed.size()),
          tags = read(batch.tags, 16 * num);
    ASSERT_EQ(read(batch.statuses, num), Bytes(num, MEGASEAL_OK));
    std::vector<Bytes> sealed;
    for (size_t i = 0; i < num; i++) {
      Bytes whole = part(encs, 32 * i, 32);
      for (const Bytes& more : {part(out, texts.spans[i].text, texts.spans[i].len), part(tags, 16 * i, 16)})
        whole.insert(whole.end(), more.begin(), more.end());
      sealed.push_back(whole);
    }
    const Results opened =
        open(Layout::packed, shape_of(MEGASEAL_FORMAT_HPKE), {sealed, texts.aads},
             [&](size_t* failed, const megaseal_batch* b) {
               return megaseal_hpke_open_batch(cpu.get(), failed, nullptr, b, &params, keys, 0);
             });
    ASSERT_TRUE(opened.ok());
    for (size_t i = 0; i < num; i++) ASSERT_EQ(opened.out[i], texts.texts[i]) << i;

    // From the CPU, two of them spoilt: one tag, one encapsulated key of low order.
    const megaseal_recipients recipients = to_raw(mine, 0);
    const Results from_cpu =
        seal(Layout::packed, shape_of(MEGASEAL_FORMAT_HPKE), {texts.texts, texts.aads},
             [&](size_t* failed, const megaseal_batch* b) {
               return megaseal_hpke_seal_batch(cpu.get(), failed, nullptr, b, &params, &recipients);
             });
    ASSERT_TRUE(from_cpu.ok());
    Bytes in(texts.packed.size());
    for (size_t i = 0; i < num; i++) {
      const Bytes& whole = from_cpu.out[i];
      std::memcpy(&encs[32 * i], whole.data(), 32);
      std::memcpy(in.data() + texts.spans[i].text, whole.data() + 32, whole.size() - 48);
      std::memcpy(&tags[16 * i], whole.data() + whole.size() - 16, 16);
    }
    tags[16 * 3] ^= 1;
    std::memset(&encs[32 * 9], 0, 32);
    write(enc, encs);
    write(batch.tags, tags);
    batch.in = memory(in);
    finish(megaseal_cuda_hpke_open(&batch, enc, &params, with, 0, to, 0, scratch, stream_));
    EXPECT_TRUE(all_zero(read(scratch, scratch_len)));
    out = read(batch.out, texts.packed.size());
    const Bytes statuses = read(batch.statuses, num);
    for (size_t i = 0; i < num; i++) {
      ASSERT_EQ(statuses[i], i == 3 ? MEGASEAL_AUTH_FAILED : i == 9 ? MEGASEAL_LOW_ORDER : MEGASEAL_OK) << i;
      ASSERT_EQ(part(out, texts.spans[i].text, texts.spans[i].len),
                i == 3 || i == 9 ? Bytes(texts.spans[i].len, 0) : texts.texts[i])
          << i;
    }
  }
}

// To few keys by their tables, one of which there is none of and one to which nothing can be sealed; each opened by libsodium's
// part of HPKE. And all to one.
TEST_F(cudaResident, HpkeToPreparedRecipients) {
  const Bytes info = random_.bytes(20);
  const megaseal_hpke_params params = hpke_params(info);
  reference::HpkeParams reference_params;
  reference_params.info = info;
  std::vector<Bytes> secrets, keys;
  Bytes packed_keys;
  constexpr size_t num_keys = 7, twist = 3, low = 5;
  for (size_t k = 0; k < num_keys; k++) {
    secrets.push_back(random_.bytes(32));
    keys.push_back(reference::x25519_public(secrets.back()));
    if (k == low) keys[k].assign(32, 0);
    if (k == twist) keys[k].assign(32, 0), keys[k][0] = 2;
    packed_keys.insert(packed_keys.end(), keys[k].begin(), keys[k].end());
  }
  for (const megaseal_prepared_size size : {MEGASEAL_PREPARED_AUTO, MEGASEAL_PREPARED_SMALL, MEGASEAL_PREPARED_LARGE}) {
    megaseal_cuda_tables tables = {};
    tables.struct_size = sizeof tables;
    tables.num_keys = num_keys;
    tables.size = size;
    tables.memory = memory(megaseal_cuda_tables_size(num_keys, size));
    finish(megaseal_cuda_prepare_recipients(&tables, memory(packed_keys),
                                            memory(megaseal_cuda_tables_scratch(num_keys, size)), stream_));
    for (const bool to_one : {false, true}) {
      const size_t num = 60;
      const Texts texts(random_, mixed_lens(num), true);
      megaseal_cuda_batch batch = {};
      batch.struct_size = sizeof batch;
      batch.num_items = num;
      batch.spans = reinterpret_cast<const megaseal_cuda_span*>(memory(texts.spans_bytes()));
      batch.in = memory(texts.packed);
      batch.out = memory(texts.packed.size());
      batch.aad = memory(texts.packed_aad);
      batch.tags = memory(16 * num);
      batch.statuses = memory(num);
      uint8_t* const enc = memory(32 * num);
      Bytes key_of(4 * num);
      const auto of = [&](size_t i) { return uint32_t(to_one ? 0 : i * i % num_keys); };
      for (size_t i = 0; i < num; i++) {
        const uint32_t k = of(i);
        std::memcpy(&key_of[4 * i], &k, 4);
      }
      const size_t scratch_len = megaseal_cuda_hpke_scratch(num, &params);
      uint8_t* const scratch = memory(scratch_len);
      finish(megaseal_cuda_hpke_seal_prepared(
          &batch, enc, &params, &tables, to_one ? nullptr : reinterpret_cast<const uint32_t*>(memory(key_of)), scratch,
          stream_));
      EXPECT_TRUE(all_zero(read(scratch, scratch_len))) << "secrets in the scratch memory";
      const Bytes encs = read(enc, 32 * num), out = read(batch.out, texts.packed.size()),
                  tags = read(batch.tags, 16 * num), statuses = read(batch.statuses, num);
      for (size_t i = 0; i < num; i++) {
        const size_t k = of(i);
        ASSERT_EQ(statuses[i], k == low ? MEGASEAL_LOW_ORDER : MEGASEAL_OK) << i;
        if (k == low || k == twist) continue;  // nobody has the secret key of one on the twist
        const Bytes e = part(encs, 32 * i, 32);
        const reference::HpkeKeys derived =
            reference::hpke_schedule(reference_params, reference::x25519(secrets[k], e), e, keys[k]);
        Bytes opened(texts.texts[i].size() + 1);
        ASSERT_EQ(crypto_aead_chacha20poly1305_ietf_decrypt_detached(
                      opened.data(), nullptr, out.data() + texts.spans[i].text, texts.texts[i].size(),
                      &tags[16 * i], texts.aads[i].data(), texts.aads[i].size(), derived.base_nonce.data(),
                      derived.key.data()),
                  0)
            << i;
        opened.pop_back();
        ASSERT_EQ(opened, texts.texts[i]) << i;
      }
    }
  }
}

TEST_F(cudaResident, RefusesTablesThatCannotBe) {
  uint8_t* const p = memory(1 << 16);
  megaseal_cuda_tables tables = {};
  tables.struct_size = sizeof tables;
  tables.memory = p;
  tables.num_keys = 1;
  tables.size = MEGASEAL_PREPARED_SMALL;
  megaseal_cuda_batch batch = {};
  batch.struct_size = sizeof batch;
  batch.num_items = 1;
  batch.spans = reinterpret_cast<const megaseal_cuda_span*>(p);
  batch.in = batch.out = batch.tags = batch.statuses = p;
  const auto refused = [&](const megaseal_cuda_tables* t) {
    return megaseal_cuda_prepare_recipients(t, p, p, stream_) == MEGASEAL_ERROR_ARGUMENT &&
           megaseal_cuda_hpke_seal_prepared(&batch, p, nullptr, t, nullptr, p, stream_) == MEGASEAL_ERROR_ARGUMENT;
  };
  EXPECT_TRUE(refused(nullptr));
  megaseal_cuda_tables other = tables;
  other.struct_size = 8;
  EXPECT_TRUE(refused(&other));
  other = tables, other.memory = p + 8;
  EXPECT_TRUE(refused(&other));
  other = tables, other.num_keys = 0;
  EXPECT_TRUE(refused(&other));
  other = tables, other.num_keys = (1 << 24) + 1;
  EXPECT_TRUE(refused(&other));
  other = tables, other.size = megaseal_prepared_size(4);
  EXPECT_TRUE(refused(&other));
  EXPECT_EQ(megaseal_cuda_prepare_recipients(&tables, nullptr, p, stream_), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_cuda_prepare_recipients(&tables, p, nullptr, stream_), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_cuda_tables_size(1, megaseal_prepared_size(4)), 0u);
  EXPECT_EQ(megaseal_cuda_tables_size((1 << 24) + 1, MEGASEAL_PREPARED_SMALL), 0u);
  EXPECT_EQ(megaseal_cuda_tables_scratch((1 << 24) + 1, MEGASEAL_PREPARED_SMALL), 0u);
  EXPECT_EQ(megaseal_cuda_tables_size(1, MEGASEAL_PREPARED_SMALL), 64u + 64 + 2 * 1536);
}

TEST_F(cudaResident, TwoCallsNeverShareAnEphemeralKey) {
  const size_t num = 20;
  const Texts texts(random_, std::vector<size_t>(num, 16), false);
  megaseal_cuda_batch batch = {};
  batch.struct_size = sizeof batch;
  batch.num_items = num;
  batch.spans = reinterpret_cast<const megaseal_cuda_span*>(memory(texts.spans_bytes()));
  batch.in = memory(texts.packed);
  batch.out = memory(texts.packed.size());
  batch.tags = memory(16 * num);
  batch.statuses = memory(num);
  uint8_t* const to = memory(reference::x25519_public(random_.bytes(32)));
  std::set<Bytes> different;
  for (int call = 0; call < 3; call++) {
    uint8_t* const enc = memory(32 * num);
    finish(megaseal_cuda_hpke_seal(&batch, enc, nullptr, to, 0,
                                   memory(megaseal_cuda_hpke_scratch(num, nullptr)), stream_));
    const Bytes encs = read(enc, 32 * num);
    for (size_t i = 0; i < num; i++) different.insert(part(encs, 32 * i, 32));
  }
  EXPECT_EQ(different.size(), 3 * num);
}

TEST_F(cudaResident, RefusesWhatCannotBeMeant) {
  uint8_t* const p = memory(4096);
  megaseal_cuda_batch batch = {};
  batch.struct_size = sizeof batch;
  batch.num_items = 2;
  batch.spans = reinterpret_cast<const megaseal_cuda_span*>(p);
  batch.in = batch.out = batch.tags = batch.statuses = p;
  const auto seal = [&](const megaseal_cuda_batch& b, const uint8_t* keys, size_t key_stride,
                        size_t nonce_stride) {
    return megaseal_cuda_aead_seal(&b, keys, key_stride, p, nonce_stride, nullptr, stream_);
  };
  EXPECT_EQ(megaseal_cuda_aead_seal(nullptr, p, 32, p, 12, nullptr, stream_), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(seal(batch, nullptr, 32, 12), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(seal(batch, p + 1, 32, 12), MEGASEAL_ERROR_ARGUMENT) << "not aligned";
  EXPECT_EQ(seal(batch, p, 31, 12), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(seal(batch, p, 0, 0), MEGASEAL_ERROR_ARGUMENT) << "one key and one nonce for two messages";
  megaseal_cuda_batch other = batch;
  other.struct_size = 8;
  EXPECT_EQ(seal(other, p, 32, 12), MEGASEAL_ERROR_ARGUMENT);
  other = batch, other.spans = nullptr;
  EXPECT_EQ(seal(other, p, 32, 12), MEGASEAL_ERROR_ARGUMENT);
  other = batch, other.out = p + 8;
  EXPECT_EQ(seal(other, p, 32, 12), MEGASEAL_ERROR_ARGUMENT);
  other = batch, other.tags = nullptr;
  EXPECT_EQ(seal(other, p, 32, 12), MEGASEAL_ERROR_ARGUMENT);
  other = batch, other.num_items = size_t(1) << 31;
  EXPECT_EQ(seal(other, p, 32, 12), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_cuda_aead_scratch(size_t(1) << 31), 0u);
  other = batch, other.num_items = 0;
  EXPECT_EQ(seal(other, nullptr, 32, 12), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(megaseal_cuda_x25519(p, nullptr, 1, p, 32, p, 32, stream_), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_cuda_x25519(p, p, 1, p, 16, p, 32, stream_), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_cuda_hpke_seal(&batch, p, nullptr, p, 32, nullptr, stream_), MEGASEAL_ERROR_ARGUMENT);
  megaseal_hpke_params exports = hpke_params();
  exports.export_len = 32;
  EXPECT_EQ(megaseal_cuda_hpke_seal(&batch, p, &exports, p, 32, p, stream_), MEGASEAL_ERROR_ARGUMENT);
}

// In a graph a seed would make the same keys each time, and a pre-shared key would stay.
TEST_F(cudaResident, PutsNoSecretsIntoAStreamThatIsCaptured) {
  if (on_device_) GTEST_SKIP() << "what the stand-in says of its stream";
  const Texts texts(random_, {16}, false);
  megaseal_cuda_batch batch = {};
  batch.struct_size = sizeof batch;
  batch.num_items = 1;
  batch.spans = reinterpret_cast<const megaseal_cuda_span*>(memory(texts.spans_bytes()));
  batch.in = memory(texts.packed);
  batch.out = memory(texts.packed.size());
  batch.tags = memory(16);
  batch.statuses = memory(1);
  const Bytes psk = random_.bytes(32), id = random_.bytes(5), secret = random_.bytes(32);
  const megaseal_hpke_params params = hpke_params({}, psk, id);
  uint8_t *const enc = memory(32), *const with = memory(secret),
                 *const to = memory(reference::x25519_public(secret));
  uint8_t* const scratch = memory(megaseal_cuda_hpke_scratch(1, &params));
  host_.is_captured = true;
  EXPECT_EQ(megaseal_cuda_hpke_seal(&batch, enc, nullptr, to, 0, scratch, stream_), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_cuda_hpke_seal(&batch, enc, &params, to, 0, scratch, stream_), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_cuda_hpke_open(&batch, enc, &params, with, 0, to, 0, scratch, stream_),
            MEGASEAL_ERROR_ARGUMENT);
  megaseal_cuda_tables tables = {};
  tables.struct_size = sizeof tables;
  tables.num_keys = 1;
  tables.size = MEGASEAL_PREPARED_SMALL;
  tables.memory = memory(megaseal_cuda_tables_size(1, tables.size));
  EXPECT_EQ(megaseal_cuda_hpke_seal_prepared(&batch, enc, nullptr, &tables, nullptr, scratch, stream_),
            MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(read(scratch, 64), Bytes(64, 0xa5)) << "refused before anything is done";
  finish(megaseal_cuda_hpke_open(&batch, enc, nullptr, with, 0, to, 0, scratch, stream_));
  host_.is_captured = false;
  finish(megaseal_cuda_hpke_seal(&batch, enc, &params, to, 0, scratch, stream_));
}

TEST_F(cudaResident, SaysWhenTheDeviceRefuses) {
  FaultyRuntime faulty(*runtime_);
  gpu::Stream stream = nullptr;
  ASSERT_EQ(faulty.create_stream(&stream), 0);
  testing::use_cuda_runtime(&faulty);
  uint8_t *p = memory(32), *out = memory(32);
  FaultyRuntime::Plan plan;
  plan.kind = Call::launch;
  plan.first = 1;
  faulty.set(plan);
  EXPECT_EQ(megaseal_cuda_x25519_public(out, 1, p, 32, stream), MEGASEAL_ERROR_BACKEND_UNAVAILABLE);
  EXPECT_EQ(megaseal_cuda_x25519_public(out, 1, p, 32, stream), MEGASEAL_ERROR_NONE);
  // Until that is done.
  gpu::Event event = nullptr;
  ASSERT_EQ(faulty.create_event(&event), 0);
  ASSERT_EQ(faulty.record(event, stream), 0);
  while (faulty.query(event) == gpu::error_not_ready) std::this_thread::yield();
  EXPECT_EQ(faulty.destroy_event(event), 0);
  EXPECT_EQ(faulty.destroy_stream(stream), 0);
}

}  // namespace
}  // namespace megaseal::test
