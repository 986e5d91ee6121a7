// What a message's key schedule costs: 19 compressions in base mode with shared info, 22 with the exporter secret.
#include <gtest/gtest.h>

#include <vector>

#define MEGASEAL_ISA counting
#include "backends/scalar/word32.hpp"
#include "kernels/hpke_schedule.hpp"

namespace megaseal::counting {
namespace {

int compressions = 0;

/// One message at a time, counted.
struct Hash : Sha256Lanes<W32, W32> {
  static void compress(State& s, const Block& block) {
    ++compressions;
    Sha256Lanes::compress(s, block);
  }
  static void compress(State& s, const Common& block) {
    ++compressions;
    Sha256Lanes::compress(s, block);
  }
};
struct Groups {
  using First = Hash;
  template <class Run>
  static void each(u32 num, const Run& run) {
    for (u32 i = 0; i < num; i++) run.template operator()<Hash>(i, 1);
  }
};

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
  compressions = 0;
  hpke_schedule_tile<Groups>(tile);
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
