// The slots of prepared recipients: against libsodium, for keys of every kind, alone and mixed in every way.
#include <algorithm>
#include <cfenv>

#include "tests/support/backends.hpp"
#include "tests/support/points.hpp"
#include "tests/support/prepared.hpp"
#include "tests/support/reference.hpp"

namespace megaseal::test {
namespace {

Bytes small_point(uint8_t u) {
  Bytes point(32, 0);
  point[0] = u;
  return point;
}

class X25519PreparedSlots : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    if (!table().x25519_prepared) GTEST_SKIP() << name() << " does not offer x25519_prepared";
  }
  static std::vector<Bytes> many(Random& random, size_t num) {
    std::vector<Bytes> out;
    for (size_t i = 0; i < num; ++i) out.push_back(random.bytes(32));
    return out;
  }
  // Multiples of a point are where that point is: on the curve, or on its twist (u = 2).
  static std::vector<Bytes> on_curve(Random& random, size_t num) {
    std::vector<Bytes> out;
    for (size_t i = 0; i < num; ++i) out.push_back(reference::x25519_public(random.bytes(32)));
    return out;
  }
  static Bytes on_twist(Random& random) { return reference::x25519(random.bytes(32), small_point(2)); }

  void expect_no_table(const PreparedTables& tables, size_t i) {
    EXPECT_EQ(tables.has_table[i], 0);
    const uint8_t* bytes = tables.tables[i].get();
    EXPECT_TRUE(all_zero({bytes, bytes + table().prepared_bytes[tables.size]}));
  }
  void expect_right(const PreparedTables& tables, const std::vector<Bytes>& points,
                    const std::vector<Bytes>& secrets, const std::vector<size_t>& who) {
    const std::vector<Bytes> out = shared_prepared(table(), tables, secrets, who);
    for (size_t i = 0; i < secrets.size(); ++i)
      ASSERT_EQ(out[i], reference::x25519(secrets[i], points[who[i]]))
          << "item " << i << " of " << secrets.size() << ", size " << tables.size << ", secret "
          << to_hex(secrets[i]) << ", point " << to_hex(points[who[i]]);
  }
};

#define MEGASEAL_EVERY_SIZE(size) for (uint32_t size = 0; size < x25519_prepared_sizes; ++size)

// Random bytes, of which half lie on the twist; runs of random lengths.
TEST_P(X25519PreparedSlots, RandomAgainstLibsodium) {
  Random random;
  MEGASEAL_EVERY_SIZE(size) {
    for (size_t done = 0, num = 0; done < 10'000; done += num) {
      const std::vector<Bytes> points = many(random, 1 + random.below(60));
      const PreparedTables tables = prepare(table(), size, points);
      std::vector<size_t> good, who;
      for (size_t i = 0; i < points.size(); ++i) {
        if (tables.has_table[i]) {
          ASSERT_EQ(tables.has_table[i], 1);
          good.push_back(i);
        } else {
          expect_no_table(tables, i);
        }
      }
      num = 1 + random.below(400);
      if (good.empty()) continue;
      if (points.size() >= 40) {
        EXPECT_GT(good.size(), 4u) << "about half should be on the curve";
      }
      const size_t longest = 1 + random.below(40);
      for (size_t run = 0; who.size() < num; --run) {
        if (run == 0) run = 1 + random.below(longest);
        who.push_back(run == 1 || who.empty() ? good[random.below(good.size())] : who.back());
      }
      expect_right(tables, points, many(random, num), who);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(X25519PreparedSlots, PublicKeysAlwaysHaveATable) {
  Random random;
  const std::vector<Bytes> points = on_curve(random, 500);
  MEGASEAL_EVERY_SIZE(size) { EXPECT_EQ(prepare(table(), size, points).has_table, Bytes(points.size(), 1)); }
}

// A twist point, or one of low order, in every lane.
TEST_P(X25519PreparedSlots, KeysWithoutATableDisturbNobody) {
  Random random;
  std::vector<Bytes> hostile = low_order_all();
  for (int i = 0; i < 4; ++i) hostile.push_back(on_twist(random));
  const size_t num = 2 * std::max<size_t>(table().lanes, 4) + 1;
  const std::vector<Bytes> good = on_curve(random, num), secrets = many(random, num);
  MEGASEAL_EVERY_SIZE(size) {
    size_t turn = 0;
    for (size_t bad = 0; bad < num; ++bad) {
      std::vector<Bytes> points = good;
      points[bad] = hostile[turn++ % hostile.size()];
      const PreparedTables tables = prepare(table(), size, points);
      std::vector<size_t> who;
      for (size_t i = 0; i < num; ++i) {
        ASSERT_EQ(tables.has_table[i], i != bad) << i << " beside " << to_hex(points[bad]);
        who.push_back(i == bad ? (bad + 1) % num : i);
      }
      expect_no_table(tables, bad);
      expect_right(tables, points, secrets, who);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(X25519PreparedSlots, NoneOfLowOrderOrOnTheTwistHasATable) {
  Random random;
  std::vector<Bytes> hostile = low_order_all();
  for (int i = 0; i < 200; ++i) hostile.push_back(on_twist(random));
  MEGASEAL_EVERY_SIZE(size) {
    const PreparedTables together = prepare(table(), size, hostile);
    for (size_t i = 0; i < hostile.size(); ++i) {
      SCOPED_TRACE(to_hex(hostile[i]));
      expect_no_table(together, i);
      if (i < 20) expect_no_table(prepare(table(), size, {hostile[i]}), 0);
    }
  }
}

// Few keys may be built another way than many, and the rest of a tile another way than its full vectors.
TEST_P(X25519PreparedSlots, AnyNumberOfKeysAtATime) {
  Random random;
  const size_t lanes = std::max<size_t>(table().lanes, 8);
  MEGASEAL_EVERY_SIZE(size) {
    for (size_t num = 1; num <= 2 * lanes; ++num) {
      std::vector<Bytes> points = on_curve(random, num);
      const size_t bad = random.below(num);
      if (num % 2) points[bad] = on_twist(random);
      const PreparedTables tables = prepare(table(), size, points);
      std::vector<size_t> who;
      for (size_t i = 0; i < num; ++i) {
        const bool good = num % 2 == 0 || i != bad;
        ASSERT_EQ(tables.has_table[i], good);
        if (good)
          who.push_back(i);
        else
          expect_no_table(tables, i);
      }
      expect_right(tables, points, many(random, who.size()), who);
      if (HasFatalFailure()) return;
    }
  }
}

// A multiple of the order of the torsion group removes it: what a clamped scalar is.
TEST_P(X25519PreparedSlots, TorsionDropsOut) {
  Random random;
  const std::vector<Bytes> points = with_torsion();
  MEGASEAL_EVERY_SIZE(size) {
    const PreparedTables tables = prepare(table(), size, points);
    EXPECT_EQ(tables.has_table, Bytes(points.size(), 1));
    std::vector<size_t> who;
    for (size_t i = 0; i < 10 * points.size(); ++i) who.push_back(i % points.size());
    expect_right(tables, points, many(random, who.size()), who);
  }
}

// u from p on is reduced, and the high bit ignored.
TEST_P(X25519PreparedSlots, UnusualEncodings) {
  Random random;
  std::vector<Bytes> points = noncanonical_good();
  for (const Bytes& point : small_points()) points.push_back(point);
  for (const Bytes& point : on_curve(random, 20)) points.push_back(with_high_bit(point));
  // Of 2 to 18 those on the curve; p + u is u.
  const std::vector<int> curve = {4, 6, 7, 8, 9, 10, 11, 13, 15, 16, 17, 18};
  MEGASEAL_EVERY_SIZE(size) {
    const PreparedTables tables = prepare(table(), size, points);
    std::vector<size_t> who;
    for (size_t i = 0; i < points.size(); ++i)
      if (tables.has_table[i]) who.push_back(i);
    expect_right(tables, points, many(random, who.size()), who);
    for (int u = 2; u <= 18; ++u) {
      const bool has = std::find(curve.begin(), curve.end(), u) != curve.end();
      const PreparedTables same =
          prepare(table(), size, {small_point(uint8_t(u)), p_plus(u), with_high_bit(p_plus(u))});
      EXPECT_EQ(same.has_table, Bytes(3, has)) << "u = " << u;
    }
  }
}

// Digits at their edges, k / 8 next to multiples of the order, and bits alone; in every lane.
TEST_P(X25519PreparedSlots, UnusualSecrets) {
  Random random;
  const std::vector<Bytes> points = on_curve(random, 3);
  std::vector<Bytes> secrets;
  for (int byte = 0; byte < 256; byte += 17) secrets.push_back(Bytes(32, uint8_t(byte)));
  for (const char* hex : {"b84fd773698c49605973de8b7ae77b5300000000000000000000000000000040",
                          "b04fd773698c49605973de8b7ae77b5300000000000000000000000000000040",
                          "c04fd773698c49605973de8b7ae77b5300000000000000000000000000000040",
                          "a84fd773698c49605973de8b7ae77b5300000000000000000000000000000040"})
    secrets.push_back(from_hex(hex));
  for (size_t bit = 3; bit < 255; bit += 3) {
    secrets.push_back(Bytes(32, 0x00));
    secrets.back()[bit / 8] = uint8_t(1 << bit % 8);
    secrets.push_back(Bytes(32, 0xff));
    secrets.back()[bit / 8] ^= uint8_t(1 << bit % 8);
  }
  MEGASEAL_EVERY_SIZE(size) {
    const PreparedTables tables = prepare(table(), size, points);
    for (size_t turn = 0; turn < std::max<size_t>(table().lanes, 4); ++turn) {
      std::rotate(secrets.begin(), secrets.begin() + 1, secrets.end());
      std::vector<size_t> who;
      for (size_t i = 0; i < secrets.size(); ++i) who.push_back(turn % 2 ? i % 3 : 3 * i / secrets.size());
      expect_right(tables, points, secrets, who);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(X25519PreparedSlots, SecretsAreClamped) {
  Random random;
  const Bytes secret = random.bytes(32);
  Bytes clamped = secret, unclamped = secret;
  clamped[0] &= 0xf8;
  clamped[31] = uint8_t((clamped[31] & 0x7f) | 0x40);
  unclamped[0] |= 0x07;
  unclamped[31] = uint8_t(clamped[31] ^ 0xc0);
  MEGASEAL_EVERY_SIZE(size) {
    const PreparedTables tables = prepare(table(), size, on_curve(random, 1));
    const std::vector<Bytes> out = shared_prepared(table(), tables, {secret, clamped, unclamped}, {0, 0, 0});
    EXPECT_EQ(out[0], out[1]);
    EXPECT_EQ(out[2], out[1]);
  }
}

// Recipients side by side in runs of every length, and all of them different or returning.
TEST_P(X25519PreparedSlots, RunsOfEveryLength) {
  Random random;
  const std::vector<Bytes> points = on_curve(random, 40), secrets = many(random, 150);
  MEGASEAL_EVERY_SIZE(size) {
    const PreparedTables tables = prepare(table(), size, points);
    for (size_t run = 1; run <= std::max<size_t>(table().lanes, 8) + 1; ++run) {
      std::vector<size_t> who;
      for (size_t i = 0; i < secrets.size(); ++i) who.push_back(i / run % points.size());
      expect_right(tables, points, secrets, who);
      if (HasFatalFailure()) return;
    }
    std::vector<size_t> who;
    for (size_t i = 0; i < secrets.size(); ++i) who.push_back(i % 2);
    expect_right(tables, points, secrets, who);
  }
}

TEST_P(X25519PreparedSlots, EveryNumberOfItemsAndOfKeys) {
  Random random;
  const std::vector<Bytes> points = on_curve(random, 70), secrets = many(random, 70);
  MEGASEAL_EVERY_SIZE(size) {
    for (size_t num = 0; num <= 70; ++num) {
      const std::vector<Bytes> first(points.begin(), points.begin() + ptrdiff_t(num));
      const PreparedTables tables = prepare(table(), size, first);
      ASSERT_EQ(tables.has_table, Bytes(num, 1));
      std::vector<size_t> own, one;
      for (size_t i = 0; i < num; ++i) own.push_back(i), one.push_back(num / 2);
      const std::vector<Bytes> of(secrets.begin(), secrets.begin() + ptrdiff_t(num));
      expect_right(tables, points, of, own);
      expect_right(tables, points, of, one);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(X25519PreparedSlots, OnePointForManyTables) {
  Random random;
  const Bytes point = on_curve(random, 1)[0];
  const uint32_t bytes = table().prepared_bytes[0];
  std::vector<PreparedTable> tables;
  std::vector<uint8_t*> pointers;
  for (size_t i = 0; i < 19; ++i) {
    tables.emplace_back(static_cast<uint8_t*>(std::aligned_alloc(64, bytes)));
    pointers.push_back(tables.back().get());
  }
  Bytes has_table(19);
  const X25519PrepareTile tile = {19, 0, {point.data(), 0}, pointers.data(), has_table.data()};
  table().x25519_prepare(&tile);
  EXPECT_EQ(has_table, Bytes(19, 1));
  for (uint8_t* p : pointers) EXPECT_EQ(std::memcmp(p, pointers[0], bytes), 0);
}

// Some backends multiply in the floating-point unit. How the caller has set it up is neither here nor there, and stays.
TEST_P(X25519PreparedSlots, CallersFloatingPointEnvironmentDoesNotMatter) {
  Random random;
  const std::vector<Bytes> points = on_curve(random, 20), secrets = many(random, 20);
  std::vector<size_t> who;
  for (size_t i = 0; i < 20; ++i) who.push_back(i);
  for (const int rounding : {FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO}) {
    std::fenv_t before;
    ASSERT_EQ(std::fegetenv(&before), 0);
    std::feclearexcept(FE_ALL_EXCEPT);
    std::fesetround(rounding);
    const PreparedTables tables = prepare(table(), 1, points);
    const std::vector<Bytes> out = shared_prepared(table(), tables, secrets, who);
    const int rounding_after = std::fegetround(), flags_after = std::fetestexcept(FE_ALL_EXCEPT);
    std::fesetenv(&before);
    for (size_t i = 0; i < 20; ++i) EXPECT_EQ(out[i], reference::x25519(secrets[i], points[i]));
    EXPECT_EQ(rounding_after, rounding);
    EXPECT_EQ(flags_after, 0);
  }
}

MEGASEAL_ON_EVERY_BACKEND(X25519PreparedSlots);

}  // namespace
}  // namespace megaseal::test
