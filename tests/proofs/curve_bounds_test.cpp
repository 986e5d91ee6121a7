// For all secrets and all points: no exact operation of the portable backend's X25519 can wrap.
#include <gtest/gtest.h>

#define MEGASEAL_ISA proof
#include "backends/scalar/field.hpp"
#include "edwards25519_base_w4.hpp"
#include "interval_inversion.hpp"
#include "interval_word.hpp"
#include "kernels/edwards25519_comb.hpp"
#include "kernels/x25519.hpp"
#include "prepared_bounds.hpp"

namespace megaseal::proof {
namespace {

using Portable = FieldOver<IntervalWord>;

void expect_proved(long at_least) {
  Ledger& ledger = Ledger::get();
  EXPECT_GT(ledger.checks, at_least);  // the kernels did run over this word
  for (const std::string& f : ledger.failures) ADD_FAILURE() << "not proved: " << f;
  ledger = {};
}

// The slots themselves, from bytes to bytes: decoding, ladder, batch inversion, encoding.
template <class F>
void run_shared() {
  const long before = num_inverted;
  u8 bytes[3 * 32] = {}, status[3] = {};
  const X25519Tile tile{
      .num = 3, .secrets = {bytes, 32}, .points = {bytes, 32}, .out = bytes, .status = status};
  x25519_shared_tile<F, 3>(tile);
  EXPECT_EQ(num_inverted, before + 1);
}
TEST(CurveBounds, X25519Shared) {
  run_shared<Portable>();
  expect_proved(300'000);
}

TEST(CurveBounds, X25519Public) {
  using BaseComb = Comb<Portable, 4, 64>;
  static constexpr BaseComb::Table table = BaseComb::pack(edwards25519_base_w4);
  const long before = num_inverted;
  u8 bytes[3 * 32] = {};
  const X25519Tile tile{.num = 3, .secrets = {bytes, 32}, .points = {}, .out = bytes, .status = nullptr};
  x25519_public_tile<Portable, BaseComb, 3>(tile, table);
  EXPECT_EQ(num_inverted, before + 1);
  expect_proved(60'000);
}

TEST(CurveBounds, X25519Prepared) {
  for (u32 size = 0; size < x25519_prepared_sizes; size++) {
    run_prepared<Portable>(size);
    expect_proved(100'000);
  }
}

// Negative control: factors one bit too wide must be reported.
TEST(CurveBounds, PlantedDefectIsReported) {
  Portable::Elem wide;
  for (auto& limb : wide.l) limb = {0, u64(1) << 55};
  Portable::mul(wide, wide);
  EXPECT_FALSE(Ledger::get().failures.empty());
  Ledger::get() = {};
}

// And table entries that are not tight.
struct LooseProducts : Portable {
  static Biased mul_biased(const Elem& a, const Elem& b) {
    const Prod p = Portable::mul(a, b);
    return Portable::add(p, p);
  }
};
TEST(CurveBounds, PlantedDefectInTablesIsReported) {
  run_prepared<LooseProducts>(0);
  EXPECT_FALSE(Ledger::get().failures.empty());
  Ledger::get() = {};
}

// And denominators that freeze() is not made for, though nothing wraps there. They are looked at before all else is.
struct WideDenominators : Portable {
  static Prod centred(const Prod& a) {
    return {{a.l[0], a.l[1], a.l[2], a.l[3], a.l[4] + W::splat(u64(1) << 54)}};
  }
};
TEST(CurveBounds, PlantedDefectBeforeFreezingIsReported) {
  run_shared<WideDenominators>();
  ASSERT_FALSE(Ledger::get().failures.empty());
  EXPECT_EQ(Ledger::get().failures[0], stated_bound);
  Ledger::get() = {};
}

}  // namespace
}  // namespace megaseal::proof
