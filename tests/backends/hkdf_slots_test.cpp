// HKDF-SHA256 and the HPKE key schedule against a reference on libsodium's HMAC: lengths around every block edge of
// SHA-256, ragged tiles, absent exporters.
#include "tests/support/backends.hpp"
#include "tests/support/reference.hpp"
#include "tests/support/slots.hpp"

namespace megaseal::test {
namespace {

class HkdfSlots : public BackendTest {};

TEST_P(HkdfSlots, ExtractAtEveryLength) {
  MEGASEAL_NEEDS_SLOT(hkdf_extract);
  Random random;
  for (size_t len = 0; len <= 260; ++len) {
    const Bytes ikm = random.bytes(len), salt = random.bytes((len * 7) % 200);
    ASSERT_EQ(hkdf_extract_one(table(), salt, ikm), reference::hkdf_extract(salt, ikm))
        << "salt " << salt.size() << ", ikm " << len;
  }
}

TEST_P(HkdfSlots, SaltsAroundTheHmacBlock) {
  MEGASEAL_NEEDS_SLOT(hkdf_extract);
  Random random;
  for (size_t len = 0; len <= 200; ++len) {
    const Bytes salt = random.bytes(len), ikm = random.bytes(40);
    ASSERT_EQ(hkdf_extract_one(table(), salt, ikm), reference::hkdf_extract(salt, ikm)) << "salt " << len;
  }
}

TEST_P(HkdfSlots, NoSaltIsTheZeroSalt) {
  MEGASEAL_NEEDS_SLOT(hkdf_extract);
  Random random;
  const Bytes ikm = random.bytes(50);
  EXPECT_EQ(hkdf_extract_one(table(), {}, ikm), hkdf_extract_one(table(), Bytes(32), ikm));
}

TEST_P(HkdfSlots, ExpandAtEveryLength) {
  MEGASEAL_NEEDS_SLOT(hkdf_expand);
  Random random;
  for (size_t len = 0; len <= 260; ++len) {
    const Bytes prk = random.bytes(32), info = random.bytes((len * 5) % 190);
    ASSERT_EQ(hkdf_expand_one(table(), prk, info, len), reference::hkdf_expand(prk, info, len))
        << "info " << info.size() << ", out " << len;
  }
  const Bytes prk = random.bytes(32), info = random.bytes(33);
  EXPECT_EQ(hkdf_expand_one(table(), prk, info, 255 * 32), reference::hkdf_expand(prk, info, 255 * 32));
}

TEST_P(HkdfSlots, RaggedTiles) {
  MEGASEAL_NEEDS_SLOT(hkdf_extract);
  MEGASEAL_NEEDS_SLOT(hkdf_expand);
  Random random;
  for (size_t num = 0; num <= 40; ++num) {
    std::vector<Bytes> salts, ikms, infos, prks(num, Bytes(32)), outs;
    for (size_t i = 0; i < num; ++i) {
      salts.push_back(random.bytes(random.below(100)));
      ikms.push_back(random.bytes(random.below(150)));
      infos.push_back(random.bytes(random.below(150)));
      outs.push_back(Bytes(random.below(150)));
    }
    std::vector<HkdfExtractItem> extracts;
    std::vector<HkdfExpandItem> expands;
    for (size_t i = 0; i < num; ++i) {
      extracts.push_back({salts[i].data(), salts[i].size(), ikms[i].data(), ikms[i].size(), prks[i].data()});
      expands.push_back(
          {prks[i].data(), infos[i].data(), infos[i].size(), outs[i].data(), uint32_t(outs[i].size())});
    }
    const HkdfExtractTile extract = {uint32_t(num), extracts.data()};
    table().hkdf_extract(&extract);
    const HkdfExpandTile expand = {uint32_t(num), expands.data()};
    table().hkdf_expand(&expand);
    for (size_t i = 0; i < num; ++i) {
      ASSERT_EQ(prks[i], reference::hkdf_extract(salts[i], ikms[i])) << i << " of " << num;
      ASSERT_EQ(outs[i], reference::hkdf_expand(prks[i], infos[i], outs[i].size())) << i << " of " << num;
    }
  }
}

// One item unlike its neighbours, in each lane in turn: it is the longest of all, or has nothing.
TEST_P(HkdfSlots, OneItemUnlikeTheOthersInEachLane) {
  MEGASEAL_NEEDS_SLOT(hkdf_extract);
  MEGASEAL_NEEDS_SLOT(hkdf_expand);
  Random random;
  const size_t num = 17;
  for (size_t odd = 0; odd < num; ++odd) {
    for (const bool longest : {false, true}) {
      std::vector<Bytes> salts, ikms, infos, prks(num, Bytes(32)), outs;
      for (size_t i = 0; i < num; ++i) {
        const size_t len = i != odd ? 40 : longest ? 400 : 0;
        salts.push_back(random.bytes(len));
        ikms.push_back(random.bytes(len));
        infos.push_back(random.bytes(len));
        outs.push_back(Bytes(len));
      }
      std::vector<HkdfExtractItem> extracts;
      std::vector<HkdfExpandItem> expands;
      for (size_t i = 0; i < num; ++i) {
        extracts.push_back(
            {salts[i].data(), salts[i].size(), ikms[i].data(), ikms[i].size(), prks[i].data()});
        expands.push_back(
            {prks[i].data(), infos[i].data(), infos[i].size(), outs[i].data(), uint32_t(outs[i].size())});
      }
      const HkdfExtractTile extract = {uint32_t(num), extracts.data()};
      table().hkdf_extract(&extract);
      const HkdfExpandTile expand = {uint32_t(num), expands.data()};
      table().hkdf_expand(&expand);
      for (size_t i = 0; i < num; ++i) {
        ASSERT_EQ(prks[i], reference::hkdf_extract(salts[i], ikms[i])) << i << ", odd is " << odd;
        ASSERT_EQ(outs[i], reference::hkdf_expand(prks[i], infos[i], outs[i].size()))
            << i << ", odd is " << odd;
      }
    }
  }
}

class HpkeScheduleSlot : public BackendTest {
 protected:
  /// Runs a tile of `num` random items and compares each with the reference.
  void check(const reference::HpkeParams& params, size_t num, bool one_recipient, bool exporters) {
    const Bytes context = reference::hpke_key_schedule_context(params);
    HpkeShared shared = {{}, params.psk.data(), params.psk.size()};
    std::copy(context.begin(), context.end(), shared.key_schedule_context);
    const Bytes dh = random_.bytes(32 * num), enc = random_.bytes(32 * num);
    const Bytes recipients = random_.bytes(one_recipient ? 32 : 32 * num);
    Bytes keys(32 * num), nonces(12 * num), exporter_secrets(exporters ? 32 * num : 0);
    const HpkeScheduleTile tile = {uint32_t(num),
                                   &shared,
                                   dh.data(),
                                   enc.data(),
                                   {recipients.data(), one_recipient ? size_t(0) : size_t(32)},
                                   keys.data(),
                                   nonces.data(),
                                   exporters ? exporter_secrets.data() : nullptr};
    table().hpke_schedule(&tile);
    const auto part = [](const Bytes& bytes, size_t i, size_t width) {
      return Bytes(bytes.begin() + ptrdiff_t(i * width), bytes.begin() + ptrdiff_t((i + 1) * width));
    };
    for (size_t i = 0; i < num; ++i) {
      SCOPED_TRACE("item " + std::to_string(i) + " of " + std::to_string(num));
      const reference::HpkeKeys expected = reference::hpke_schedule(
          params, part(dh, i, 32), part(enc, i, 32), part(recipients, one_recipient ? 0 : i, 32));
      ASSERT_EQ(part(keys, i, 32), expected.key);
      ASSERT_EQ(part(nonces, i, 12), expected.base_nonce);
      if (exporters) {
        ASSERT_EQ(part(exporter_secrets, i, 32), expected.exporter_secret);
      }
    }
  }
  Random random_;
};

TEST_P(HpkeScheduleSlot, BaseAndPskTilesOfEverySize) {
  MEGASEAL_NEEDS_SLOT(hpke_schedule);
  for (size_t num = 0; num <= 70; num += num < 40 ? 1 : 6) {
    for (const bool exporters : {false, true}) {
      ASSERT_NO_FATAL_FAILURE(check({bytes_of("info"), {}, {}}, num, num % 2 == 0, exporters));
      ASSERT_NO_FATAL_FAILURE(
          check({bytes_of("info"), random_.bytes(32), bytes_of("id")}, num, num % 2 == 0, exporters));
    }
  }
}

TEST_P(HpkeScheduleSlot, PskLengthsAroundTheBlockEdges) {
  MEGASEAL_NEEDS_SLOT(hpke_schedule);
  for (size_t len = 32; len <= 200; ++len)
    for (const size_t num : {1, 3, 21})
      ASSERT_NO_FATAL_FAILURE(check({{}, random_.bytes(len), bytes_of("x")}, num, false, true))
          << "psk " << len;
}

MEGASEAL_ON_EVERY_BACKEND(HkdfSlots);
MEGASEAL_ON_EVERY_BACKEND(HpkeScheduleSlot);

}  // namespace
}  // namespace megaseal::test
