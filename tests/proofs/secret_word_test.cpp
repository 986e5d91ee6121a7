// Kernels over words that keep secrets: they compile (secret_scalar_slots.cpp, secret_vector_slots.cpp), and what they
// compute is what the portable backend and libsodium compute, so these words do stand for the shipped ones. That a secret
// branch does not compile is shown by planted_test.cmake, kernel by kernel, and here for the words themselves.
#include <gtest/gtest.h>

#define MEGASEAL_ISA proof
#include "backends/registry.hpp"
#include "secret_slots.hpp"
#include "secret_word.hpp"
#include "tests/support/prepared.hpp"
#include "tests/support/reference.hpp"
#include "tests/support/slots.hpp"

namespace megaseal::proof {
namespace {

using namespace megaseal::test;  // NOLINT

// ---- What these words do not do, and that they do the rest

template <class T>
concept Branches = requires(T x) {
  x ? 1 : 0;
};
template <class T>
concept Compares = requires(T x) {
  x == x;
}
|| requires(T x) { x < x; }
|| requires(T x) { x > x; };
template <class T>
concept Divides = requires(T x) {
  x / x;
}
|| requires(T x) { x % x; }
|| requires(T x) { x / 3; };
template <class T>
concept Indexes = requires(T x, const u64* table) {
  table[x];
}
|| requires(T x, const u64* table) { table + x; };
template <class T>
concept ShiftsBySecrets = requires(T x) {
  x << x;
}
|| requires(T x) { x >> x; }
|| requires(T x) { 1 << x; }
|| requires(T x) { x.shr_bits(x); }
|| requires(T x) { x.shl_bits(x); };
template <class T>
concept Becomes = requires(T x) {
  static_cast<u64>(x);
}
|| requires(T x) { static_cast<u32>(x); }
|| requires(T x) { static_cast<int>(x); }
|| requires(T x) { static_cast<double>(x); }
|| requires(T x) { x.v; };
template <class T>
constexpr bool keeps_secrets =
    !Branches<T> && !Compares<T> && !Divides<T> && !Indexes<T> && !ShiftsBySecrets<T> && !Becomes<T>;

static_assert(keeps_secrets<SecretWord64<1>> && keeps_secrets<SecretWord64<8>>);
static_assert(keeps_secrets<SecretWord64<1>::Mask> && keeps_secrets<SecretWord64<1>::Wide>);
static_assert(keeps_secrets<SecretWord32<1>> && keeps_secrets<SecretWord32<16>>);
static_assert(keeps_secrets<SecretReal<4>>);
static_assert(keeps_secrets<SecretInt<u64>> && keeps_secrets<SecretInt<int64_t>> &&
              keeps_secrets<SecretInt<__int128>>);
// The questions can be answered the other way.
static_assert(Branches<u64> && Compares<u64> && Divides<u64> && Indexes<u64> && ShiftsBySecrets<u64> &&
              Becomes<u64>);

// ---- What they compute

class SecretSlots : public ::testing::TestWithParam<const KernelTable*> {
 protected:
  const KernelTable& table() const { return *GetParam(); }
  Random random;
  std::vector<Bytes> many(size_t num) {
    std::vector<Bytes> out;
    for (size_t i = 0; i < num; i++) out.push_back(random.bytes(32));
    return out;
  }
};

TEST_P(SecretSlots, X25519) {
  // One across lanes or alone, one vector, more than two side by side.
  for (const size_t num : {1, 3, 5, 19}) {
    const std::vector<Bytes> secrets = many(num);
    std::vector<Bytes> points = many(num);
    if (num == 5) points[1] = Bytes(32);  // of low order, which its neighbours do not feel
    const X25519Result shared = run_x25519(table().x25519_shared, secrets, points, num),
                       expected = run_x25519(scalar_table.x25519_shared, secrets, points, num),
                       publics = run_x25519(table().x25519_public, secrets, {}, num);
    EXPECT_EQ(shared.out, expected.out);
    EXPECT_EQ(shared.status, expected.status);
    for (size_t i = 0; i < num; i++) {
      if (!all_zero(points[i])) {
        EXPECT_EQ(shared.out[i], reference::x25519(secrets[i], points[i]));
      }
      EXPECT_EQ(publics.out[i], reference::x25519_public(secrets[i]));
    }
  }
}

TEST_P(SecretSlots, PreparedRecipients) {
  for (uint32_t size = 0; size < x25519_prepared_sizes; size++) {
    std::vector<Bytes> points;
    for (int i = 0; i < 3; i++) points.push_back(reference::x25519_public(random.bytes(32)));
    points.push_back(Bytes(32));
    const PreparedTables tables = prepare(table(), size, points);
    EXPECT_EQ(tables.has_table, (Bytes{1, 1, 1, 0}));
    const std::vector<Bytes> secrets = many(9);
    const std::vector<size_t> who = {0, 1, 2, 0, 0, 0, 0, 1, 2};
    const std::vector<Bytes> out = shared_prepared(table(), tables, secrets, who);
    for (size_t i = 0; i < who.size(); i++)
      EXPECT_EQ(out[i], reference::x25519(secrets[i], points[who[i]])) << i;
  }
}

TEST_P(SecretSlots, Ciphers) {
  // Alone and side by side, shorter and longer than what each way of computing serves.
  const std::vector<std::vector<size_t>> tiles = {
      {0},
      {1},
      {100},
      {250},
      {700},
      {3000},
      {9000},
      {0, 1, 63, 64, 65, 300, 40, 2000, 17, 128, 5, 5000},
      {100, 100, 100, 100, 100, 100, 100, 100, 100, 90, 80, 70, 60, 50, 40, 30, 20, 10}};
  for (const auto& lens : tiles) {
    std::vector<AeadInput> inputs, boxes;
    for (const size_t len : lens) {
      inputs.push_back({random.bytes(32), random.bytes(12), random.bytes(len % 37), random.bytes(len)});
      boxes.push_back({random.bytes(32), random.bytes(8), {}, random.bytes(len)});
    }
    std::vector<AeadResult> sealed = seal_tile(table().chacha20poly1305_seal, inputs);
    for (size_t i = 0; i < lens.size(); i++) {
      Bytes whole = sealed[i].out;
      whole.insert(whole.end(), sealed[i].tag.begin(), sealed[i].tag.end());
      const AeadInput& input = inputs[i];
      EXPECT_EQ(whole, reference::chacha20poly1305(input.key, input.nonce, input.aad, input.in)) << lens[i];
    }
    const std::vector<AeadResult> sealed_boxes = seal_tile(table().secretbox_seal, boxes),
                                  expected_boxes = seal_tile(scalar_table.secretbox_seal, boxes);
    for (size_t i = 0; i < lens.size(); i++) {
      EXPECT_EQ(sealed_boxes[i].out, expected_boxes[i].out) << lens[i];
      EXPECT_EQ(sealed_boxes[i].tag, expected_boxes[i].tag) << lens[i];
    }
    sealed[lens.size() / 2].tag[3] ^= 4;
    const std::vector<AeadResult> opened = open_tile(table().chacha20poly1305_open, inputs, sealed),
                                  opened_boxes = open_tile(table().secretbox_open, boxes, sealed_boxes);
    for (size_t i = 0; i < lens.size(); i++) {
      EXPECT_EQ(opened[i].status, i == lens.size() / 2 ? ItemStatus::auth_failed : ItemStatus::ok) << i;
      if (i != lens.size() / 2) {
        EXPECT_EQ(opened[i].out, inputs[i].in) << lens[i];
      }
      EXPECT_EQ(opened_boxes[i].out, boxes[i].in) << lens[i];
    }
  }
}

TEST_P(SecretSlots, Streams) {
  for (const size_t len : {0, 1, 64, 200, 300, 600, 1500})
    for (const uint32_t counter : {0u, ~0u}) {
      const Bytes key = random.bytes(32), nonce = random.bytes(12);
      EXPECT_EQ(stream_one(table(), key, nonce, counter, len),
                reference::chacha20_stream(key, nonce, counter, len));
    }
  for (const uint32_t num : {1, 3, 20}) {
    const Bytes keys = random.bytes(32 * num), nonces = random.bytes(16 * num);
    Bytes out(32 * num), expected(32 * num);
    HChaCha20Tile tile = {num, {keys.data(), 32}, {nonces.data(), 16}, out.data()};
    table().hchacha20(&tile);
    tile.out = expected.data();
    scalar_table.hchacha20(&tile);
    EXPECT_EQ(out, expected) << num;
  }
}

TEST_P(SecretSlots, HkdfAndSchedule) {
  for (const size_t num : {1, 3, 11}) {
    std::vector<Bytes> salts, ikms, infos, prks(num, Bytes(32)), outs;
    std::vector<HkdfExtractItem> extracts;
    std::vector<HkdfExpandItem> expands;
    for (size_t i = 0; i < num; i++) {
      salts.push_back(random.bytes(random.below(100))), ikms.push_back(random.bytes(random.below(150)));
      infos.push_back(random.bytes(random.below(150))), outs.emplace_back(1 + random.below(100));
    }
    for (size_t i = 0; i < num; i++) {
      extracts.push_back({salts[i].data(), salts[i].size(), ikms[i].data(), ikms[i].size(), prks[i].data()});
      expands.push_back(
          {prks[i].data(), infos[i].data(), infos[i].size(), outs[i].data(), uint32_t(outs[i].size())});
    }
    const HkdfExtractTile extract = {uint32_t(num), extracts.data()};
    table().hkdf_extract(&extract);
    const HkdfExpandTile expand = {uint32_t(num), expands.data()};
    table().hkdf_expand(&expand);
    for (size_t i = 0; i < num; i++) {
      EXPECT_EQ(prks[i], reference::hkdf_extract(salts[i], ikms[i]));
      EXPECT_EQ(outs[i], reference::hkdf_expand(prks[i], infos[i], outs[i].size()));
    }

    const reference::HpkeParams params = {bytes_of("info"), random.bytes(200), bytes_of("id")};
    const Bytes context = reference::hpke_key_schedule_context(params);
    HpkeShared common = {{}, params.psk.data(), params.psk.size()};
    std::copy(context.begin(), context.end(), common.key_schedule_context);
    const Bytes dh = random.bytes(32 * num), enc = random.bytes(32 * num),
                recipients = random.bytes(32 * num);
    Bytes keys(32 * num), nonces(12 * num), exporters(32 * num);
    const HpkeScheduleTile tile = {uint32_t(num),           &common,     dh.data(),     enc.data(),
                                   {recipients.data(), 32}, keys.data(), nonces.data(), exporters.data()};
    table().hpke_schedule(&tile);
    const auto part = [](const Bytes& all, size_t i, size_t n) {
      return Bytes(all.begin() + ptrdiff_t(i * n), all.begin() + ptrdiff_t((i + 1) * n));
    };
    for (size_t i = 0; i < num; i++) {
      const auto expected =
          reference::hpke_schedule(params, part(dh, i, 32), part(enc, i, 32), part(recipients, i, 32));
      EXPECT_EQ(part(keys, i, 32), expected.key);
      EXPECT_EQ(part(nonces, i, 12), expected.base_nonce);
      EXPECT_EQ(part(exporters, i, 32), expected.exporter_secret);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, SecretSlots,
                         ::testing::Values(&secret_scalar, &secret_avx2, &secret_avx512, &secret_avx512ifma),
                         [](const auto& shape) { return std::string(shape.param->name); });

}  // namespace
}  // namespace megaseal::proof
