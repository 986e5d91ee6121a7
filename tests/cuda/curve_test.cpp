// The device's X25519, run on the host, against libsodium.
#include <gtest/gtest.h>

#include <algorithm>

#include "backends/registry.hpp"
#include "kernels/prepared_shapes.hpp"
#include "kernels/table.hpp"
#include "tests/cuda/on_host.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/points.hpp"
#include "tests/support/reference.hpp"
#include "tests/support/vectors.hpp"

namespace megaseal::test {
namespace {

constexpr size_t block = 128;
constexpr uint8_t ok = uint8_t(ItemStatus::ok), low_order = uint8_t(ItemStatus::low_order);

/// What follows the last item is not to be touched.
constexpr size_t room = 16;

struct Result {
  std::vector<Bytes> out;
  Bytes status;
};

Bytes packed(const std::vector<Bytes>& keys) {
  Bytes all;
  for (const Bytes& key : keys) all.insert(all.end(), key.begin(), key.end());
  return all;
}

/// No points: public keys. One secret or one point for many items is passed with stride 0.
Result run(int (*launch)(const gpu::X25519Job&, gpu::Stream), const std::vector<Bytes>& secrets,
           const std::vector<Bytes>& points, Bytes status = {}) {
  const size_t num = std::max(secrets.size(), points.size());
  const Bytes all_secrets = packed(secrets), all_points = packed(points);
  Bytes out(32 * (num + room), 0xd7);
  status.resize(num, ok);
  status.resize(num + room, 0xd7);
  const gpu::X25519Job job = {.num = uint32_t(num),
                              .secrets = all_secrets.data(),
                              .secret_stride = secrets.size() == 1 ? 0u : 32u,
                              .points = points.empty() ? nullptr : all_points.data(),
                              .point_stride = points.size() == 1 ? 0u : 32u,
                              .out = out.data(),
                              .status = points.empty() ? nullptr : status.data(),
                              .table = nullptr};
  EXPECT_EQ(launch(job, nullptr), 0);
  EXPECT_EQ(Bytes(out.end() - 32 * room, out.end()), Bytes(32 * room, 0xd7));
  EXPECT_EQ(Bytes(status.end() - room, status.end()), Bytes(room, 0xd7));
  Result result;
  for (size_t i = 0; i < num; i++) result.out.emplace_back(out.begin() + 32 * i, out.begin() + 32 * (i + 1));
  result.status.assign(status.begin(), status.end() - room);
  return result;
}
Result shared(const std::vector<Bytes>& secrets, const std::vector<Bytes>& points, Bytes status = {}) {
  return run(gpu::on_host::launch_x25519_shared, secrets, points, std::move(status));
}
std::vector<Bytes> publics(const std::vector<Bytes>& secrets) {
  return run(gpu::on_host::launch_x25519_public, secrets, {}).out;
}
std::vector<Bytes> publics_of_four(const std::vector<Bytes>& secrets) {
  return run(gpu::on_host::launch_x25519_public_of_four, secrets, {}).out;
}

std::vector<Bytes> many(Random& random, size_t num) {
  std::vector<Bytes> out;
  for (size_t i = 0; i < num; i++) out.push_back(random.bytes(32));
  return out;
}

TEST(CudaCurve, PublishedVectors) {
  for (const Vector& v : load_vectors("x25519.json")) {
    SCOPED_TRACE(v.text("name"));
    EXPECT_EQ(to_hex(shared({v.hex("scalar")}, {v.hex("u")}).out[0]), v.text("result"));
  }
}

TEST(CudaCurve, RandomAgainstLibsodium) {
  Random random;
  for (const size_t num : {1, 127, 128, 129, 255, 256, 257, 1000}) {
    const std::vector<Bytes> secrets = many(random, num), points = many(random, num);
    const Result result = shared(secrets, points);
    for (size_t i = 0; i < num; i++) {
      ASSERT_EQ(result.out[i], reference::x25519(secrets[i], points[i]))
          << i << " of " << num << ": " << to_hex(secrets[i]) << ", " << to_hex(points[i]);
      ASSERT_EQ(result.status[i], ok);
    }
  }
}

TEST(CudaCurve, RandomPublicKeysAgainstLibsodium) {
  Random random;
  for (const size_t num : {1, 127, 128, 129, 511, 512, 513, 1500}) {
    const std::vector<Bytes> secrets = many(random, num);
    const std::vector<Bytes> out = publics(secrets), of_four = publics_of_four(secrets);
    for (size_t i = 0; i < num; i++) {
      const Bytes expected = reference::x25519_public(secrets[i]);
      ASSERT_EQ(out[i], expected) << i << " of " << num << ": " << to_hex(secrets[i]);
      ASSERT_EQ(of_four[i], expected) << i << " of " << num << ": " << to_hex(secrets[i]);
    }
  }
}

TEST(CudaCurve, NoItems) {
  EXPECT_TRUE(shared({}, {}).out.empty());
  EXPECT_TRUE(publics_of_four({}).empty());
}

TEST(CudaCurve, StrideZeroSharesOneSecretOrOnePoint) {
  Random random;
  const std::vector<Bytes> secrets = many(random, 19), points = many(random, 19);
  const Result one_secret = shared({secrets[0]}, points), one_point = shared(secrets, {points[0]});
  for (size_t i = 0; i < 19; i++) {
    EXPECT_EQ(one_secret.out[i], reference::x25519(secrets[0], points[i]));
    EXPECT_EQ(one_point.out[i], reference::x25519(secrets[i], points[0]));
  }
}

// Digits at their edges, bits alone, and about the order of the base point, as in the other backends' tests.
std::vector<Bytes> unusual_secrets() {
  std::vector<Bytes> secrets;
  for (int byte = 0; byte < 256; byte += 17) secrets.push_back(Bytes(32, uint8_t(byte)));
  for (const char* hex : {"b84fd773698c49605973de8b7ae77b5300000000000000000000000000000040",
                          "b04fd773698c49605973de8b7ae77b5300000000000000000000000000000040",
                          "c04fd773698c49605973de8b7ae77b5300000000000000000000000000000040",
                          "a84fd773698c49605973de8b7ae77b5300000000000000000000000000000040"})
    secrets.push_back(from_hex(hex));
  for (size_t bit = 0; bit < 256; bit++) {
    secrets.push_back(Bytes(32, 0x00));
    secrets.back()[bit / 8] = uint8_t(1 << bit % 8);
    secrets.push_back(Bytes(32, 0xff));
    secrets.back()[bit / 8] ^= uint8_t(1 << bit % 8);
  }
  return secrets;
}

TEST(CudaCurve, UnusualSecrets) {
  Random random;
  const Bytes point = random.bytes(32);
  const std::vector<Bytes> secrets = unusual_secrets();
  const Result result = shared(secrets, {point});
  const std::vector<Bytes> out = publics(secrets), of_four = publics_of_four(secrets);
  for (size_t i = 0; i < secrets.size(); i++) {
    EXPECT_EQ(result.out[i], reference::x25519(secrets[i], point)) << to_hex(secrets[i]);
    EXPECT_EQ(out[i], reference::x25519_public(secrets[i])) << to_hex(secrets[i]);
    EXPECT_EQ(of_four[i], out[i]);
  }
}

// On the curve, on its twist, with torsion, in other encodings, and of low order, among them all zeros.
std::vector<Bytes> unusual_points() {
  std::vector<Bytes> points = low_order_all();
  for (const std::vector<Bytes>& more : {small_points(), noncanonical_good(), with_torsion()})
    points.insert(points.end(), more.begin(), more.end());
  return points;
}

// Two blocks of them, turned so that each of low order comes to each place of the warp that inverts, and of the block.
TEST(CudaCurve, UnusualPointsInEachPlace) {
  Random random;
  const Bytes secret = random.bytes(32);
  std::vector<Bytes> points = unusual_points();
  const size_t num_low = low_order_all().size();
  while (points.size() < block + 13) points.push_back(random.bytes(32));
  std::vector<Bytes> expected(num_low, Bytes(32, 0));
  for (size_t i = num_low; i < points.size(); i++) expected.push_back(reference::x25519(secret, points[i]));
  for (size_t turn = 0; turn < points.size(); turn += num_low) {
    std::vector<Bytes> turned = points;
    std::rotate(turned.begin(), turned.begin() + ptrdiff_t(turn), turned.end());
    const Result result = shared({secret}, turned);
    for (size_t i = 0; i < points.size(); i++) {
      const size_t which = (i + turn) % points.size();
      ASSERT_EQ(result.out[i], expected[which]) << to_hex(points[which]) << " in place " << i;
      ASSERT_EQ(result.status[i], which < num_low ? low_order : ok);
    }
  }
}

TEST(CudaCurve, WholeBlocksOfLowOrder) {
  Random random;
  for (const Bytes& point : {low_order_all()[0], low_order_all()[2]}) {
    const Result result = shared(many(random, block + 7), {point});
    for (size_t i = 0; i < block + 7; i++) {
      ASSERT_EQ(result.status[i], low_order);
      ASSERT_TRUE(all_zero(result.out[i]));
    }
  }
}

// Among them one whose point would have had low order too.
TEST(CudaCurve, ItemsThatHaveFailedAreLeftAlone) {
  Random random;
  const std::vector<Bytes> secrets = many(random, 40);
  std::vector<Bytes> points = many(random, 40);
  points[5] = low_order_all()[1];
  Bytes status(40, ok);
  const uint8_t failed = uint8_t(ItemStatus::auth_failed);
  status[3] = status[5] = failed;
  const Result result = shared(secrets, points, status);
  for (size_t i = 0; i < 40; i++) {
    const bool skipped = i == 3 || i == 5;
    EXPECT_EQ(result.status[i], skipped ? failed : ok);
    EXPECT_EQ(result.out[i], skipped ? Bytes(32, 0) : reference::x25519(secrets[i], points[i]));
  }
}

TEST(CudaCurve, PublicIsSharedWithNine) {
  Random random;
  Bytes nine(32, 0);
  nine[0] = 9;
  const std::vector<Bytes> secrets = many(random, 100);
  EXPECT_EQ(publics(secrets), shared(secrets, {nine}).out);
}

// Whether a key has a table, as another backend says.
std::vector<bool> have_tables(const std::vector<Bytes>& points) {
  std::vector<bool> have;
  for (const Bytes& point : points) {
    alignas(64) static uint8_t table[2 * prepared_row_bytes];
    uint8_t* at[1] = {table};
    uint8_t has_table = 2;
    const X25519PrepareTile tile{
        .num = 1, .size = 0, .points = {point.data(), 32}, .tables = at, .has_table = &has_table};
    scalar_table.x25519_prepare(&tile);
    have.push_back(has_table == 1);
  }
  return have;
}

/// Secret i to points[to[i]] by table, and by the ladder what that leaves.
Result prepared(const std::vector<Bytes>& secrets, const std::vector<Bytes>& points, const std::vector<uint32_t>& to,
                PreparedShape shape, Bytes status = {}) {
  const size_t num = secrets.size(), rows = size_t(shape.rows), num_rows = points.size() * rows;
  // Keys stand among others; tables are numbered from the last key on.
  Bytes every_second, recipients;
  std::vector<uint32_t> item_of;
  for (size_t i = 0; i < points.size(); i++) {
    every_second.insert(every_second.end(), points[i].begin(), points[i].end());
    every_second.insert(every_second.end(), 32, 0x5a);
    item_of.push_back(uint32_t(2 * (points.size() - 1 - i)));
  }
  Bytes scratch(num_rows * gpu::PrepareJob::scratch_bytes + room, 0xd7),
      tables(num_rows * gpu::PrepareJob::row_bytes + room, 0xd7), has_table(points.size() + room, 0xd7),
      keys(32 * points.size() + room, 0xd7);
  const gpu::PrepareJob prepare{.num = uint32_t(points.size()),
                                .rows = uint32_t(shape.rows),
                                .spacing = uint32_t(shape.spacing),
                                .points = every_second.data(),
                                .point_stride = 32,
                                .item_of = item_of.data(),
                                .scratch = scratch.data(),
                                .tables = tables.data(),
                                .has_table = has_table.data(),
                                .keys = points.size() % 2 ? keys.data() : nullptr};
  EXPECT_EQ(gpu::on_host::launch_x25519_prepare(prepare, nullptr), 0);
  for (const Bytes* b : {&scratch, &tables, &has_table, &keys})
    EXPECT_EQ(Bytes(b->end() - room, b->end()), Bytes(room, 0xd7));
  const std::vector<bool> have = have_tables(points);
  for (size_t i = 0; i < points.size(); i++) {
    const size_t t = points.size() - 1 - i;
    EXPECT_EQ(has_table[t], have[i]) << to_hex(points[i]);
    EXPECT_EQ(Bytes(&keys[32 * t], &keys[32 * t] + 32), prepare.keys ? points[i] : Bytes(32, 0xd7));
  }

  std::vector<uint32_t> items, table_of;
  size_t num_without = 0;
  for (size_t i = num; i-- > 0;) {  // in another order than the items'
    items.push_back(uint32_t(i));
    table_of.push_back(uint32_t(points.size() - 1 - to[i]));
    num_without += !have[to[i]];
    recipients.insert(recipients.begin(), points[to[i]].begin(), points[to[i]].end());
  }
  const Bytes all_secrets = packed(secrets);
  Bytes out(32 * (num + room), 0xd7);
  status.resize(num, ok);
  status.resize(num + room, 0xd7);
  std::vector<uint32_t> left(num + 1, 0xd7d7);
  uint32_t num_left = 0;
  const gpu::PreparedJob job{.num = uint32_t(num),
                             .items = items.data(),
                             .table_of = table_of.data(),
                             .rows = prepare.rows,
                             .spacing = prepare.spacing,
                             .tables = tables.data(),
                             .has_table = has_table.data(),
                             .secrets = all_secrets.data(),
                             .secret_stride = 32,
                             .out = out.data(),
                             .status = status.data(),
                             .left = left.data(),
                             .num_left = &num_left};
  EXPECT_EQ(gpu::on_host::launch_x25519_prepared(job, nullptr), 0);
  EXPECT_EQ(num_left, num_without);
  for (size_t i = 0; i < num; i++)
    if (!have[to[i]]) {
      EXPECT_EQ(Bytes(&out[32 * i], &out[32 * i] + 32), Bytes(32, 0xd7));
    }
  const gpu::X25519Job rest{.num = uint32_t(num),
                            .secrets = all_secrets.data(),
                            .secret_stride = 32,
                            .points = recipients.data(),
                            .point_stride = 32,
                            .out = out.data(),
                            .status = status.data(),
                            .table = nullptr,
                            .left = left.data(),
                            .num_left = &num_left};
  EXPECT_EQ(gpu::on_host::launch_x25519_shared(rest, nullptr), 0);
  EXPECT_EQ(left[num], 0xd7d7u);
  EXPECT_EQ(Bytes(out.end() - 32 * room, out.end()), Bytes(32 * room, 0xd7));
  EXPECT_EQ(Bytes(status.end() - room, status.end()), Bytes(room, 0xd7));
  Result result;
  for (size_t i = 0; i < num; i++) result.out.emplace_back(out.begin() + 32 * i, out.begin() + 32 * (i + 1));
  result.status.assign(status.begin(), status.end() - room);
  return result;
}

// Half of all keys are on the twist.
TEST(CudaPrepared, RandomAgainstLibsodium) {
  Random random;
  for (const PreparedShape shape : prepared_shapes) {
    for (const size_t num : {1, 127, 128, 129, 300}) {
      const std::vector<Bytes> secrets = many(random, num), points = many(random, num / 7 + 1);
      std::vector<uint32_t> to;
      for (size_t i = 0; i < num; i++) to.push_back(uint32_t(random.below(points.size())));
      const Result result = prepared(secrets, points, to, shape);
      for (size_t i = 0; i < num; i++) {
        ASSERT_EQ(result.out[i], reference::x25519(secrets[i], points[to[i]]))
            << i << " of " << num << ": " << to_hex(secrets[i]) << ", " << to_hex(points[to[i]]);
        ASSERT_EQ(result.status[i], ok);
      }
    }
  }
}

TEST(CudaPrepared, UnusualSecrets) {
  Random random;
  const Bytes point = reference::x25519_public(random.bytes(32));
  const std::vector<Bytes> secrets = unusual_secrets();
  for (const PreparedShape shape : prepared_shapes) {
    const Result result = prepared(secrets, {point}, std::vector<uint32_t>(secrets.size(), 0), shape);
    for (size_t i = 0; i < secrets.size(); i++)
      EXPECT_EQ(result.out[i], reference::x25519(secrets[i], point)) << to_hex(secrets[i]);
  }
}

// Each to every secret's place in a warp; those of low order are the ladder's, and say so.
TEST(CudaPrepared, UnusualPointsInEachPlace) {
  Random random;
  const std::vector<Bytes> points = unusual_points();
  const size_t num_low = low_order_all().size();
  for (const PreparedShape shape : prepared_shapes) {
    std::vector<Bytes> secrets;
    std::vector<uint32_t> to;
    for (size_t turn = 0; turn < 32; turn++)
      for (size_t i = 0; i < points.size() + (points.size() % 2 == 0); i++) {
        secrets.push_back(random.bytes(32));
        to.push_back(uint32_t(i % points.size()));
      }
    const Result result = prepared(secrets, points, to, shape);
    for (size_t i = 0; i < secrets.size(); i++) {
      const bool is_low = to[i] < num_low;
      ASSERT_EQ(result.out[i], is_low ? Bytes(32, 0) : reference::x25519(secrets[i], points[to[i]]))
          << to_hex(points[to[i]]) << " in place " << i;
      ASSERT_EQ(result.status[i], is_low ? low_order : ok);
    }
  }
}

TEST(CudaPrepared, WholeBlocksWithoutATable) {
  Random random;
  for (const Bytes& point : {low_order_all()[0], low_order_all()[2]}) {
    const std::vector<Bytes> secrets = many(random, block + 7);
    const Result result = prepared(secrets, {point}, std::vector<uint32_t>(block + 7, 0), prepared_shapes[0]);
    for (size_t i = 0; i < block + 7; i++) {
      ASSERT_EQ(result.status[i], low_order);
      ASSERT_TRUE(all_zero(result.out[i]));
    }
  }
}

TEST(CudaPrepared, ItemsThatHaveFailedAreLeftAlone) {
  Random random;
  const std::vector<Bytes> secrets = many(random, 40);
  const std::vector<Bytes> points = {reference::x25519_public(random.bytes(32)), low_order_all()[1]};
  std::vector<uint32_t> to(40, 0);
  to[5] = 1;
  Bytes status(40, ok);
  const uint8_t failed = uint8_t(ItemStatus::auth_failed);
  status[3] = status[5] = failed;
  const Result result = prepared(secrets, points, to, prepared_shapes[1], status);
  for (size_t i = 0; i < 40; i++) {
    const bool skipped = i == 3 || i == 5;
    EXPECT_EQ(result.status[i], skipped ? failed : ok);
    EXPECT_EQ(result.out[i], skipped ? Bytes(32, 0) : reference::x25519(secrets[i], points[to[i]]));
  }
}

// A lane stays alone with what it holds: what is left in Shared after the last phase is zeros.
TEST(CudaCurve, NothingIsLeftInShared) {
  Random random;
  EXPECT_TRUE(gpu::on_host::x25519_leaves_nothing(random.bytes(32).data()));
}

}  // namespace
}  // namespace megaseal::test
