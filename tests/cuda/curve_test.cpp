// The device's X25519, run on the host, against libsodium.
#include <gtest/gtest.h>

#include <algorithm>

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
TEST(CudaCurve, UnusualSecrets) {
  Random random;
  const Bytes point = random.bytes(32);
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

// A lane stays alone with what it holds: what is left in Shared after the last phase is zeros.
TEST(CudaCurve, NothingIsLeftInShared) {
  Random random;
  EXPECT_TRUE(gpu::on_host::x25519_leaves_nothing(random.bytes(32).data()));
}

}  // namespace
}  // namespace megaseal::test
