// What a message's key schedule costs: 19 compressions in base mode with shared info, 22 with the exporter secret.
#include <gtest/gtest.h>

#include <vector>

#define MEGASEAL_ISA counting
#include "backends/scalar/word32.hpp"
#include "kernels/sha256.hpp"

static int compressions = 0;
// Every kernel included from here on counts its calls; a macro does not expand within itself.
#define sha256_compress(...) (++compressions, sha256_compress(__VA_ARGS__))
#include "kernels/hpke_schedule.hpp"
#undef sha256_compress

namespace megaseal::counting {
namespace {

int count(size_t psk_len, bool exporter) {
  const std::vector<u8> psk(psk_len), dh(32), enc(32), pk(32);
  std::vector<u8> key(32), nonce(12), exporter_secret(32);
  HpkeShared shared{};
  shared.psk = psk.data();
  shared.psk_len = psk_len;
  const HpkeScheduleTile tile{.num = 1,
                              .shared = &shared,
                              .dh = dh.data(),
                              .enc = enc.data(),
                              .recipients = {pk.data(), 0},
                              .keys = key.data(),
                              .nonces = nonce.data(),
                              .exporters = exporter ? exporter_secret.data() : nullptr};
  HpkeExpandMessages messages;
  hpke_expand_messages(messages, shared, exporter);
  compressions = 0;
  hpke_schedule_lanes<W32>(tile, messages, 0, 1);
  return compressions;
}

TEST(Compressions, AreCounted) {
  EXPECT_EQ(count(0, false), 19);
  EXPECT_EQ(count(0, true), 22);
  EXPECT_EQ(count(32, false), 19);  // fits the block that the label leaves
  EXPECT_EQ(count(33, false), 20);
}

}  // namespace
}  // namespace megaseal::counting
