// Poly1305 by itself, which no slot exposes: RFC 8439 §2.5.2 and A.3, whose vectors aim at the last reduction, and
// libsodium at every length.
#define MEGASEAL_ISA unit_test
#include "kernels/poly1305.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include "backends/scalar/word64.hpp"
#include "tests/support/vectors.hpp"

namespace megaseal::test {
namespace {

Bytes poly1305(const Bytes& key, const Bytes& message) {
  unit_test::Poly1305<unit_test::W64> state;
  state.init(key.data());
  state.update_last(message.data(), message.size());
  unit_test::W64 tag0, tag1;
  state.finish(tag0, tag1, key.data() + 16);
  Bytes tag(16);
  unit_test::store_le64(tag.data(), tag0.v);
  unit_test::store_le64(tag.data() + 8, tag1.v);
  return tag;
}

TEST(Poly1305, PublishedVectors) {
  for (const Vector& v : load_vectors("poly1305.json"))
    EXPECT_EQ(to_hex(poly1305(v.hex("key"), v.hex("msg"))), v.text("tag")) << v.text("name");
}

TEST(Poly1305, AgainstLibsodiumAtEveryLengthAndWithExtremeKeys) {
  Random random;
  for (size_t len = 0; len <= 300; ++len) {
    for (int kind = 0; kind < 4; ++kind) {
      const Bytes key = kind == 0 ? random.bytes(32) : Bytes(32, kind == 1 ? 0xff : 0x0f);
      const Bytes message = kind == 3 ? Bytes(len, 0xff) : random.bytes(len);
      Bytes expected(16);
      crypto_onetimeauth_poly1305(expected.data(), message.data(), message.size(), key.data());
      ASSERT_EQ(poly1305(key, message), expected) << len << " bytes, kind " << kind;
    }
  }
}

}  // namespace
}  // namespace megaseal::test
