// The X25519 slots: against libsodium, on hostile and unusual points, and a hostile one in each position of a tile.
#include <algorithm>
#include <cfenv>

#include "tests/support/backends.hpp"
#include "tests/support/points.hpp"
#include "tests/support/reference.hpp"
#include "tests/support/slots.hpp"

namespace megaseal::test {
namespace {

class X25519Slots : public BackendTest {
 protected:
  X25519Result shared(const std::vector<Bytes>& secrets, const std::vector<Bytes>& points) {
    return run_x25519(table().x25519_shared, secrets, points, std::max(secrets.size(), points.size()));
  }
  static std::vector<Bytes> many(Random& random, size_t num) {
    std::vector<Bytes> out;
    for (size_t i = 0; i < num; ++i) out.push_back(random.bytes(32));
    return out;
  }
};

// 10^5 of each.
TEST_P(X25519Slots, RandomAgainstLibsodium) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  Random random;
  for (size_t done = 0, num = 0; done < fewer(100'000); done += num) {
    num = 1 + random.below(400);
    const std::vector<Bytes> secrets = many(random, num), points = many(random, num);
    const X25519Result result = shared(secrets, points);
    for (size_t i = 0; i < num; ++i) {
      ASSERT_EQ(result.out[i], reference::x25519(secrets[i], points[i]))
          << "secret " << to_hex(secrets[i]) << ", point " << to_hex(points[i]);
      ASSERT_EQ(result.status[i], ItemStatus::ok);
    }
  }
}

// An item alone may be computed another way.
TEST_P(X25519Slots, RandomOneByOneAgainstLibsodium) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  MEGASEAL_NEEDS_SLOT(x25519_public);
  Random random;
  for (size_t i = 0; i < fewer(10'000); ++i) {
    const Bytes secret = random.bytes(32), point = random.bytes(32);
    ASSERT_EQ(shared({secret}, {point}).out[0], reference::x25519(secret, point))
        << "secret " << to_hex(secret) << ", point " << to_hex(point);
    if (i % 4 == 0) {
      ASSERT_EQ(run_x25519(table().x25519_public, {secret}, {}, 1).out[0], reference::x25519_public(secret))
          << to_hex(secret);
    }
  }
}

TEST_P(X25519Slots, RandomPublicKeysAgainstLibsodium) {
  MEGASEAL_NEEDS_SLOT(x25519_public);
  Random random;
  for (size_t done = 0, num = 0; done < fewer(100'000); done += num) {
    num = 1 + random.below(400);
    const std::vector<Bytes> secrets = many(random, num);
    const X25519Result result = run_x25519(table().x25519_public, secrets, {}, num);
    for (size_t i = 0; i < num; ++i)
      ASSERT_EQ(result.out[i], reference::x25519_public(secrets[i])) << to_hex(secrets[i]);
  }
}

TEST_P(X25519Slots, PublicKeysAgainstLibsodium) {
  MEGASEAL_NEEDS_SLOT(x25519_public);
  Random random;
  for (size_t num = 0; num <= 130; num += 1 + num / 4) {
    std::vector<Bytes> secrets = many(random, num);
    if (num > 3) {
      secrets[0] = Bytes(32, 0x00);
      secrets[1] = Bytes(32, 0xff);
      secrets[2] = Bytes(32, 0x88);  // every signed digit of a comb at its edge
      secrets[3] = Bytes(32, 0x77);
    }
    const X25519Result result = run_x25519(table().x25519_public, secrets, {}, num);
    for (size_t i = 0; i < num; ++i)
      ASSERT_EQ(result.out[i], reference::x25519_public(secrets[i])) << to_hex(secrets[i]);
  }
}

TEST_P(X25519Slots, PublicIsSharedWithNine) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  MEGASEAL_NEEDS_SLOT(x25519_public);
  Random random;
  Bytes nine(32, 0);
  nine[0] = 9;
  const std::vector<Bytes> secrets = many(random, 100);
  EXPECT_EQ(run_x25519(table().x25519_public, secrets, {}, 100).out, shared(secrets, {nine}).out);
}

TEST_P(X25519Slots, StrideZeroSharesOneSecretOrOnePoint) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  Random random;
  const std::vector<Bytes> secrets = many(random, 19), points = many(random, 19);
  const X25519Result one_secret = shared({secrets[0]}, points), one_point = shared(secrets, {points[0]});
  for (size_t i = 0; i < 19; ++i) {
    EXPECT_EQ(one_secret.out[i], reference::x25519(secrets[0], points[i]));
    EXPECT_EQ(one_point.out[i], reference::x25519(secrets[i], points[0]));
  }
}

TEST_P(X25519Slots, LowOrderPointsGiveZerosAndSaySo) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  Random random;
  for (const Bytes& point : low_order_all()) {
    SCOPED_TRACE(to_hex(point));
    const X25519Result result = shared(many(random, 3), {point});
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(result.status[i], ItemStatus::low_order);
      EXPECT_TRUE(all_zero(result.out[i]));
    }
  }
}

TEST_P(X25519Slots, HostilePointInEachPositionFailsAlone) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  Random random;
  const size_t num = 2 * std::max<size_t>(table().lanes, 4) + 1;
  const std::vector<Bytes> hostile = low_order_all();
  const std::vector<Bytes> secrets = many(random, num), points = many(random, num);
  const X25519Result clean = shared(secrets, points);
  for (size_t bad = 0; bad < num; ++bad) {
    std::vector<Bytes> mixed = points;
    mixed[bad] = hostile[bad % hostile.size()];
    const X25519Result result = shared(secrets, mixed);
    for (size_t i = 0; i < num; ++i) {
      ASSERT_EQ(result.status[i], i == bad ? ItemStatus::low_order : ItemStatus::ok)
          << i << " beside " << bad;
      ASSERT_EQ(result.out[i], i == bad ? Bytes(32) : clean.out[i]) << i << " beside " << bad;
    }
  }
}

// Every unusual point in every lane: all of them in one tile, which is turned by one place at a time.
TEST_P(X25519Slots, UnusualPointsInEachLane) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  Random random;
  const Bytes secret = random.bytes(32);
  std::vector<Bytes> points = low_order_all();
  const size_t num_low = points.size();
  for (const std::vector<Bytes>& more : {small_points(), noncanonical_good(), many(random, 20)})
    points.insert(points.end(), more.begin(), more.end());
  std::vector<Bytes> expected(num_low, Bytes(32, 0));
  for (size_t i = num_low; i < points.size(); ++i) expected.push_back(reference::x25519(secret, points[i]));
  for (size_t i = 0; i < points.size(); ++i) {  // and alone
    const X25519Result result = shared({secret}, {points[i]});
    ASSERT_EQ(result.out[0], expected[i]) << to_hex(points[i]);
    ASSERT_EQ(result.status[0], i < num_low ? ItemStatus::low_order : ItemStatus::ok);
  }
  for (size_t turn = 0; turn <= std::max<size_t>(table().lanes, 16); ++turn) {
    std::vector<Bytes> turned = points;
    std::rotate(turned.begin(), turned.begin() + ptrdiff_t(turn % points.size()), turned.end());
    const X25519Result result = shared({secret}, turned);
    for (size_t i = 0; i < points.size(); ++i) {
      const size_t which = (i + turn) % points.size();
      ASSERT_EQ(result.out[i], expected[which]) << to_hex(points[which]) << " in place " << i;
      ASSERT_EQ(result.status[i], which < num_low ? ItemStatus::low_order : ItemStatus::ok);
    }
  }
}

// The same with secrets whose digits lie at their edges: all equal, all but one, and bits alone.
TEST_P(X25519Slots, UnusualSecretsInEachLane) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  MEGASEAL_NEEDS_SLOT(x25519_public);
  Random random;
  const Bytes point = random.bytes(32);
  std::vector<Bytes> secrets;
  for (int byte = 0; byte < 256; byte += 17) secrets.push_back(Bytes(32, uint8_t(byte)));
  // Four times the order of the base point, plus and minus four and twelve: twice such a multiple is nearly neutral.
  for (const char* hex : {"b84fd773698c49605973de8b7ae77b5300000000000000000000000000000040",
                          "b04fd773698c49605973de8b7ae77b5300000000000000000000000000000040",
                          "c04fd773698c49605973de8b7ae77b5300000000000000000000000000000040",
                          "a84fd773698c49605973de8b7ae77b5300000000000000000000000000000040"})
    secrets.push_back(from_hex(hex));
  for (size_t bit = 3; bit < 255; bit += 7) {
    secrets.push_back(Bytes(32, 0x00));
    secrets.back()[bit / 8] = uint8_t(1 << bit % 8);
    secrets.push_back(Bytes(32, 0xff));
    secrets.back()[bit / 8] ^= uint8_t(1 << bit % 8);
  }
  std::vector<Bytes> expected, expected_publics;
  for (const Bytes& secret : secrets) {
    expected.push_back(reference::x25519(secret, point));
    expected_publics.push_back(reference::x25519_public(secret));
  }
  for (size_t i = 0; i < secrets.size(); ++i) {  // and alone
    ASSERT_EQ(shared({secrets[i]}, {point}).out[0], expected[i]) << to_hex(secrets[i]);
    ASSERT_EQ(run_x25519(table().x25519_public, {secrets[i]}, {}, 1).out[0], expected_publics[i]);
  }
  for (size_t turn = 0; turn <= std::max<size_t>(table().lanes, 16); ++turn) {
    std::vector<Bytes> turned = secrets;
    std::rotate(turned.begin(), turned.begin() + ptrdiff_t(turn % turned.size()), turned.end());
    const X25519Result result = shared(turned, {point});
    const X25519Result publics = run_x25519(table().x25519_public, turned, {}, turned.size());
    for (size_t i = 0; i < secrets.size(); ++i) {
      const size_t which = (i + turn) % secrets.size();
      ASSERT_EQ(result.out[i], expected[which]) << to_hex(secrets[which]) << " in place " << i;
      ASSERT_EQ(publics.out[i], expected_publics[which]) << to_hex(secrets[which]) << " in place " << i;
    }
  }
}

// Whatever is left over of a tile, beside vectors that are full and in groups of every size.
TEST_P(X25519Slots, EveryNumberOfItems) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  MEGASEAL_NEEDS_SLOT(x25519_public);
  Random random;
  const std::vector<Bytes> secrets = many(random, 150), points = many(random, 150);
  std::vector<Bytes> expected, expected_publics;
  for (size_t i = 0; i < secrets.size(); ++i) {
    expected.push_back(reference::x25519(secrets[i], points[i]));
    expected_publics.push_back(reference::x25519_public(secrets[i]));
  }
  const auto first = [](const std::vector<Bytes>& all, size_t num) {
    return std::vector<Bytes>(all.begin(), all.begin() + ptrdiff_t(num));
  };
  for (size_t num = 0; num <= 150; num += num < 70 ? 1 : 13) {
    EXPECT_EQ(shared(first(secrets, num), first(points, num)).out, first(expected, num)) << num;
    EXPECT_EQ(run_x25519(table().x25519_public, first(secrets, num), {}, num).out,
              first(expected_publics, num))
        << num;
  }
}

TEST_P(X25519Slots, WholeTileHostile) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  Random random;
  const X25519Result result = shared(many(random, 70), {low_order_canonical()[2]});
  for (size_t i = 0; i < 70; ++i) {
    EXPECT_EQ(result.status[i], ItemStatus::low_order);
    EXPECT_TRUE(all_zero(result.out[i]));
  }
}

TEST_P(X25519Slots, NonCanonicalPointsAreReducedAndTheHighBitIgnored) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  Random random;
  const std::vector<Bytes> points = noncanonical_good();
  const std::vector<Bytes> secrets = many(random, points.size());
  const X25519Result result = shared(secrets, points);
  for (size_t i = 0; i < points.size(); ++i) {
    SCOPED_TRACE(to_hex(points[i]));
    Bytes canonical = points[i];
    canonical[31] &= 0x7f;
    if (canonical[31] == 0x7f && canonical[30] == 0xff) {  // p + k is k
      const uint8_t k = uint8_t(canonical[0] - 0xed);
      canonical.assign(32, 0);
      canonical[0] = k;
    }
    EXPECT_EQ(result.out[i], reference::x25519(secrets[i], canonical));
    EXPECT_EQ(result.status[i], ItemStatus::ok);
  }
}

TEST_P(X25519Slots, SmallPointsOnCurveAndTwist) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  Random random;
  const std::vector<Bytes> points = small_points();
  const std::vector<Bytes> secrets = many(random, points.size());
  const X25519Result result = shared(secrets, points);
  for (size_t i = 0; i < points.size(); ++i)
    EXPECT_EQ(result.out[i], reference::x25519(secrets[i], points[i])) << "u = " << int(points[i][0]);
}

TEST_P(X25519Slots, SecretsAreClamped) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  MEGASEAL_NEEDS_SLOT(x25519_public);
  Random random;
  const Bytes secret = random.bytes(32), point = random.bytes(32);
  Bytes clamped = secret;
  clamped[0] &= 0xf8;
  clamped[31] = uint8_t((clamped[31] & 0x7f) | 0x40);
  Bytes unclamped = clamped;
  unclamped[0] |= 0x07;
  unclamped[31] ^= 0xc0;
  const X25519Result result = shared({secret, clamped, unclamped}, {point});
  EXPECT_EQ(result.out[0], result.out[1]);
  EXPECT_EQ(result.out[2], result.out[1]);
  const X25519Result publics = run_x25519(table().x25519_public, {clamped, unclamped}, {}, 2);
  EXPECT_EQ(publics.out[0], publics.out[1]);
}

// Some backends multiply in the floating-point unit. How the caller has set it up is neither here nor there, and stays.
TEST_P(X25519Slots, CallersFloatingPointEnvironmentDoesNotMatter) {
  MEGASEAL_NEEDS_SLOT(x25519_shared);
  MEGASEAL_NEEDS_SLOT(x25519_public);
  Random random;
  const std::vector<Bytes> secrets = many(random, 20), points = many(random, 20);
  const X25519Result expected = shared(secrets, points);
  const X25519Result expected_publics = run_x25519(table().x25519_public, secrets, {}, 20);
  for (const int rounding : {FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO}) {
    std::fenv_t before;
    ASSERT_EQ(std::fegetenv(&before), 0);
    std::feclearexcept(FE_ALL_EXCEPT);
    std::fesetround(rounding);
    const X25519Result result = shared(secrets, points);
    const X25519Result publics = run_x25519(table().x25519_public, secrets, {}, 20);
    const X25519Result alone = shared({secrets[0]}, {points[0]});
    const int rounding_after = std::fegetround(), flags_after = std::fetestexcept(FE_ALL_EXCEPT);
    std::fesetenv(&before);
    EXPECT_EQ(result.out, expected.out);
    EXPECT_EQ(publics.out, expected_publics.out);
    EXPECT_EQ(alone.out[0], expected.out[0]);
    EXPECT_EQ(rounding_after, rounding);
    EXPECT_EQ(flags_after, 0);
  }
}

MEGASEAL_ON_EVERY_BACKEND(X25519Slots);

}  // namespace
}  // namespace megaseal::test
