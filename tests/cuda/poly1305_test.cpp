// The device's Poly1305: published vectors and extreme keys, a message as a sum of parts, and bounds proved for all keys and
// messages.
#include <gtest/gtest.h>
#include <sodium.h>

#define MEGASEAL_ISA cuda
#include "backends/cuda/poly1305.hpp"
#include "tests/proofs/interval_word.hpp"
#include "tests/support/vectors.hpp"

namespace megaseal::cuda {
namespace {

// ---- Words that stand for every value between two bounds (tests/proofs/interval_word.hpp has the ledger) ----

constexpr u64 max32 = ~u32(0);

struct BoundNarrow {
  using Word64 = IntervalWord;
  u64 lo, hi;
  static BoundNarrow splat(u32 x) { return {x, x}; }
  static BoundNarrow any() { return {0, max32}; }
  friend BoundNarrow operator+(BoundNarrow a, BoundNarrow b) {
    need(a.hi + b.hi <= max32, "a + b < 2^32");
    return {a.lo + b.lo, a.hi + b.hi};
  }
  friend BoundNarrow operator*(BoundNarrow a, BoundNarrow b) {
    need(a.hi * b.hi <= max32, "a * b < 2^32");
    return {a.lo * b.lo, a.hi * b.hi};
  }
  friend BoundNarrow operator&(BoundNarrow a, BoundNarrow b) { return {0, a.hi < b.hi ? a.hi : b.hi}; }
  template <int N>
  BoundNarrow shr() const {
    return {lo >> N, hi >> N};
  }
  static IntervalWord joined(BoundNarrow low, BoundNarrow high) {
    return {high.lo << 32 | low.lo, high.hi << 32 | low.hi};
  }
  static BoundNarrow low_of(IntervalWord x) { return x.hi > max32 ? any() : BoundNarrow{x.lo, x.hi}; }
  static BoundNarrow high_of(IntervalWord x) { return {x.lo >> 32, x.hi >> 32}; }
};
struct BoundWide {
  u64 hi;
  friend BoundWide operator+(BoundWide a, BoundWide b) {
    need(a.hi <= ~u64(0) - b.hi, "a + b < 2^64");
    return {a.hi + b.hi};
  }
  friend BoundWide operator+(BoundWide a, BoundNarrow b) { return a + BoundWide{b.hi}; }
  BoundNarrow low() const { return BoundNarrow::any(); }
  BoundNarrow high() const { return {0, hi >> 32}; }
};
BoundWide mul_wide(BoundNarrow a, BoundNarrow b) {
  need(a.hi <= max32 && b.hi <= max32, "factors < 2^32");
  return {a.hi * b.hi};
}
void add_limbs(BoundNarrow (&h)[5], BoundNarrow m0, BoundNarrow m1, BoundNarrow m2, BoundNarrow m3,
               BoundNarrow m4) {
  const BoundNarrow m[5] = {m0, m1, m2, m3, m4};
  u64 lo = 0, hi = 0;
  for (int i = 0; i < 5; i++) {
    lo += h[i].lo + m[i].lo, hi += h[i].hi + m[i].hi;
    if (i == 4) need(hi <= max32, "the uppermost limb does not wrap");
    h[i] = hi > max32 ? BoundNarrow::any() : BoundNarrow{lo, hi};
    lo >>= 32, hi >>= 32;
  }
}

PolySum<BoundNarrow> between_blocks() {
  PolySum<BoundNarrow> sum;
  for (BoundNarrow& limb : sum.h) limb = BoundNarrow::any();
  sum.h[4] = {0, 4};
  return sum;
}
PolyKey<BoundNarrow> any_key() {
  const BoundNarrow any = BoundNarrow::any();
  return poly_key(any, any, any, any);
}
void expect_proved() {
  EXPECT_GT(Ledger::get().checks, 5);
  for (const std::string& f : Ledger::get().failures) ADD_FAILURE() << "not proved: " << f;
  Ledger::get() = {};
}

TEST(CudaPoly1305Bounds, BlocksAreAFixedPoint) {
  const BoundNarrow any = BoundNarrow::any();
  for (const u32 top : {0u, 1u}) {
    PolySum<BoundNarrow> sum = between_blocks();
    sum.block(any, any, any, any, top, any_key());
    EXPECT_LE(sum.h[4].hi, 4u);
  }
  expect_proved();
}

TEST(CudaPoly1305Bounds, SumsOfPartsAreAFixedPoint) {
  PolySum<BoundNarrow> sum = between_blocks();
  sum.add(between_blocks());
  EXPECT_LE(sum.h[4].hi, 4u);
  BoundNarrow tag[4];
  const BoundNarrow any = BoundNarrow::any(), pad[4] = {any, any, any, any};
  sum.finish(tag, pad);
  expect_proved();
}

// Each step takes reduced elements and leaves one (Poly1305VectorBounds), so that it does not matter which steps a power
// takes.
TEST(CudaPoly1305Bounds, PowersLeaveASumAsItWas) {
  for (const u32 e : {1u, 2u, 3u, 1u << 27, (1u << 28) - 1, 0x0aaaaaaau, 0x05555555u}) {
    PolySum<BoundNarrow> sum = between_blocks();
    poly_times_power(sum, any_key(), e);
    EXPECT_LE(sum.h[4].hi, 4u);
  }
  expect_proved();
}

// Negative control: an r that was not clamped must be reported.
TEST(CudaPoly1305Bounds, AnUnclampedKeyIsReported) {
  const BoundNarrow any = BoundNarrow::any();
  PolyKey<BoundNarrow> key;
  for (int i = 0; i < 4; i++) key.r[i] = key.s[i] = any;
  PolySum<BoundNarrow> sum = between_blocks();
  sum.block(any, any, any, any, 1, key);
  EXPECT_FALSE(Ledger::get().failures.empty());
  Ledger::get() = {};
}

// And a sum that was left unreduced.
TEST(CudaPoly1305Bounds, AWideSumIsReported) {
  PolySum<BoundNarrow> sum = between_blocks();
  sum.h[4] = BoundNarrow::any();
  poly_times_power(sum, any_key(), 1);
  EXPECT_FALSE(Ledger::get().failures.empty());
  Ledger::get() = {};
}

// ---- Values ----

using test::Bytes;
using Sum = PolySum<PolyNarrow>;

PolyKey<PolyNarrow> key_of(const Bytes& key) {
  return poly_key<PolyNarrow>({load_le32(&key[0])}, {load_le32(&key[4])}, {load_le32(&key[8])},
                              {load_le32(&key[12])});
}
void hash(Sum& sum, const Bytes& message, size_t from, size_t to, const PolyKey<PolyNarrow>& key) {
  for (size_t at = from; at < to; at += 16) {
    u8 block[20] = {};
    const size_t n = to - at < 16 ? to - at : 16;
    std::copy_n(&message[at], n, block);
    block[n] = 1;
    sum.block({load_le32(block)}, {load_le32(block + 4)}, {load_le32(block + 8)}, {load_le32(block + 12)},
              block[16], key);
  }
}
Bytes finish(const Sum& sum, const Bytes& key) {
  PolyNarrow tag[4], pad[4];
  for (int i = 0; i < 4; i++) pad[i].v = load_le32(&key[16 + 4 * i]);
  sum.finish(tag, pad);
  Bytes out(16);
  for (int i = 0; i < 4; i++) store_le32(&out[4 * i], tag[i].v);
  return out;
}
Bytes poly1305(const Bytes& key, const Bytes& message) {
  Sum sum;
  sum.clear();
  hash(sum, message, 0, message.size(), key_of(key));
  return finish(sum, key);
}
/// Two parts, the first times r to the number of blocks in the second.
Bytes in_two_parts(const Bytes& key, const Bytes& message, size_t split) {
  const PolyKey<PolyNarrow> k = key_of(key);
  Sum sum, other;
  sum.clear(), other.clear();
  hash(sum, message, 0, split, k);
  hash(other, message, split, message.size(), k);
  poly_times_power(sum, k, u32((message.size() - split + 15) / 16));
  sum.add(other);
  return finish(sum, key);
}

TEST(CudaPoly1305, PublishedVectors) {
  for (const test::Vector& v : test::load_vectors("poly1305.json")) {
    const Bytes key = v.hex("key"), message = v.hex("msg");
    EXPECT_EQ(test::to_hex(poly1305(key, message)), v.text("tag")) << v.text("name");
    for (size_t split = 0; split <= message.size(); split += 16)
      EXPECT_EQ(test::to_hex(in_two_parts(key, message, split)), v.text("tag"))
          << v.text("name") << ", " << split;
  }
}

TEST(CudaPoly1305, AgainstLibsodiumAtEveryLengthAndWithExtremeKeys) {
  test::Random random;
  for (size_t len = 0; len <= 300; ++len)
    for (int kind = 0; kind < 6; ++kind) {
      const Bytes key = kind % 3 == 0 ? random.bytes(32) : Bytes(32, kind % 3 == 1 ? 0xff : 0x0f);
      const Bytes message = kind >= 3 ? Bytes(len, 0xff) : random.bytes(len);
      Bytes expected(16);
      crypto_onetimeauth_poly1305(expected.data(), message.data(), message.size(), key.data());
      ASSERT_EQ(poly1305(key, message), expected) << len << " bytes, kind " << kind;
      ASSERT_EQ(in_two_parts(key, message, len == 0 ? 0 : random.below(len) / 16 * 16), expected)
          << len << " bytes, kind " << kind;
    }
}

}  // namespace
}  // namespace megaseal::cuda
