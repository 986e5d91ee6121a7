// Batched X25519 and key generation over the C ABI, on every backend: strides, statuses, refused arguments.
#include <set>

#include "tests/support/backends.hpp"
#include "tests/support/handles.hpp"
#include "tests/support/points.hpp"
#include "tests/support/reference.hpp"

namespace megaseal::test {
namespace {

class X25519Batch : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    if (!IsSkipped() && !HasFatalFailure()) engine_ = make_engine(name());
  }
  static Bytes at(const Bytes& bytes, size_t offset) {
    return Bytes(bytes.begin() + ptrdiff_t(offset), bytes.begin() + ptrdiff_t(offset + 32));
  }
  Engine engine_;
  Random random_;
};

TEST_P(X25519Batch, StridesAndSizes) {
  for (const size_t num : {0, 1, 3, 64, 65, 200}) {
    for (const size_t secret_stride : {0, 32, 45}) {
      for (const size_t point_stride : {0, 32, 33}) {
        const Bytes secrets = random_.bytes(32 + num * secret_stride), points = random_.bytes(32 + num * point_stride);
        Bytes out(32 * num, 0xee), statuses(num, 0xee);
        size_t failed = 99;
        ASSERT_EQ(megaseal_x25519_batch(engine_.get(), out.data(), statuses.data(), &failed, num, secrets.data(),
                                        secret_stride, points.data(), point_stride),
                  MEGASEAL_ERROR_NONE);
        EXPECT_EQ(failed, 0u);
        EXPECT_EQ(statuses, Bytes(num, MEGASEAL_OK));
        for (size_t i = 0; i < num; ++i)
          ASSERT_EQ(at(out, 32 * i), reference::x25519(at(secrets, i * secret_stride), at(points, i * point_stride)));
      }
    }
  }
}

TEST_P(X25519Batch, LowOrderPointsFailAlone) {
  const std::vector<Bytes> hostile = low_order_all();
  const size_t num = 100;
  const Bytes secrets = random_.bytes(32 * num);
  Bytes points = random_.bytes(32 * num);
  size_t bad = 0;
  for (size_t i = 0; i < num; i += 3, ++bad)
    std::copy(hostile[bad % hostile.size()].begin(), hostile[bad % hostile.size()].end(), &points[32 * i]);
  Bytes out(32 * num, 0xee), statuses(num, 0xee);
  size_t failed = 0;
  ASSERT_EQ(megaseal_x25519_batch(engine_.get(), out.data(), statuses.data(), &failed, num, secrets.data(), 32,
                                  points.data(), 32),
            MEGASEAL_ERROR_NONE);
  EXPECT_EQ(failed, bad);
  for (size_t i = 0; i < num; ++i) {
    EXPECT_EQ(statuses[i], i % 3 == 0 ? uint8_t(MEGASEAL_LOW_ORDER) : uint8_t(MEGASEAL_OK));
    EXPECT_EQ(at(out, 32 * i), i % 3 == 0 ? Bytes(32) : reference::x25519(at(secrets, 32 * i), at(points, 32 * i)));
  }
  Bytes again(32 * num);
  ASSERT_EQ(megaseal_x25519_batch(engine_.get(), again.data(), nullptr, nullptr, num, secrets.data(), 32,
                                  points.data(), 32),
            MEGASEAL_ERROR_NONE);
  EXPECT_EQ(again, out) << "statuses and the count may be NULL";
}

TEST_P(X25519Batch, PublicKeys) {
  for (const size_t num : {0, 1, 5, 64, 131}) {
    for (const size_t stride : {0, 32, 40}) {
      const Bytes secrets = random_.bytes(32 + num * stride);
      Bytes out(32 * num);
      ASSERT_EQ(megaseal_x25519_public_batch(engine_.get(), out.data(), num, secrets.data(), stride),
                MEGASEAL_ERROR_NONE);
      for (size_t i = 0; i < num; ++i)
        ASSERT_EQ(at(out, 32 * i), reference::x25519_public(at(secrets, i * stride)));
    }
  }
}

TEST_P(X25519Batch, KeyPairsBelongTogetherAndDiffer) {
  const size_t num = 300;
  Bytes publics(32 * num), secrets(32 * num);
  ASSERT_EQ(megaseal_keygen_batch(engine_.get(), publics.data(), secrets.data(), num), MEGASEAL_ERROR_NONE);
  std::set<Bytes> seen;
  for (size_t i = 0; i < num; ++i) {
    ASSERT_EQ(at(publics, 32 * i), reference::x25519_public(at(secrets, 32 * i)));
    ASSERT_TRUE(seen.insert(at(secrets, 32 * i)).second) << "a secret came twice";
  }
  Bytes next_publics(32 * num), next(32 * num);
  ASSERT_EQ(megaseal_keygen_batch(engine_.get(), next_publics.data(), next.data(), num), MEGASEAL_ERROR_NONE);
  for (size_t i = 0; i < num; ++i) ASSERT_TRUE(seen.insert(at(next, 32 * i)).second) << "a secret came twice";
}

TEST_P(X25519Batch, RefusedArguments) {
  Bytes secrets = random_.bytes(128), points = random_.bytes(128), out(128);
  const auto run = [&](megaseal_engine* engine, uint8_t* to, size_t num, const uint8_t* s, size_t ss, const uint8_t* p,
                       size_t ps) { return megaseal_x25519_batch(engine, to, nullptr, nullptr, num, s, ss, p, ps); };
  EXPECT_EQ(run(nullptr, out.data(), 2, secrets.data(), 32, points.data(), 32), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(run(engine_.get(), nullptr, 2, secrets.data(), 32, points.data(), 32), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(run(engine_.get(), out.data(), 2, nullptr, 32, points.data(), 32), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(run(engine_.get(), out.data(), 2, secrets.data(), 32, nullptr, 32), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(run(engine_.get(), out.data(), 2, secrets.data(), 31, points.data(), 32), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(run(engine_.get(), out.data(), 2, secrets.data(), 32, points.data(), 1), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(run(engine_.get(), out.data(), size_t(1) << 62, secrets.data(), 32, points.data(), 32),
            MEGASEAL_ERROR_ARGUMENT)
      << "32 bytes times the number of items overflows";
  EXPECT_EQ(run(engine_.get(), secrets.data() + 16, 2, secrets.data(), 32, points.data(), 32), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(run(engine_.get(), points.data(), 2, secrets.data(), 32, points.data(), 32), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_x25519_public_batch(engine_.get(), nullptr, 1, secrets.data(), 32), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_x25519_public_batch(engine_.get(), out.data(), 1, nullptr, 32), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_keygen_batch(engine_.get(), nullptr, out.data(), 1), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_keygen_batch(engine_.get(), out.data(), nullptr, 1), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_TRUE(all_zero(out));
}

MEGASEAL_ON_EVERY_BACKEND(X25519Batch);

}  // namespace
}  // namespace megaseal::test
