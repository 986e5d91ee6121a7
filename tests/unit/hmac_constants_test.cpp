// The HMAC states of the zero key, which the HPKE kernel holds as constants, computed again by libsodium.
#define MEGASEAL_ISA unit_test
#include "kernels/hpke_schedule.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include "backends/scalar/word32.hpp"
#include "tests/support/bytes.hpp"

namespace megaseal::test {
namespace {

/// SHA-256's chaining value after one block of 64 equal bytes.
Bytes state_after(uint8_t byte) {
  const Bytes block(64, byte);
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  crypto_hash_sha256_update(&state, block.data(), block.size());
  const auto* words = reinterpret_cast<const uint8_t*>(state.state);
  return Bytes(words, words + 32);
}

TEST(HmacConstants, StatesOfTheZeroKey) {
  unit_test::HmacKey<unit_test::Sha256Lanes<unit_test::W32, unit_test::W32>> key;
  unit_test::hmac_zero_key(key);
  Bytes inner(32), outer(32);
  for (size_t i = 0; i < 8; ++i) {
    key.inner.w[i].store(reinterpret_cast<uint32_t*>(inner.data()) + i);
    key.outer.w[i].store(reinterpret_cast<uint32_t*>(outer.data()) + i);
  }
  EXPECT_EQ(inner, state_after(0x36));
  EXPECT_EQ(outer, state_after(0x5c));
}

}  // namespace
}  // namespace megaseal::test
