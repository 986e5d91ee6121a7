// For all secrets and all points: no exact operation of the portable backend's X25519 can wrap.
#include <gtest/gtest.h>

#define MEGASEAL_ISA proof
#include "edwards25519_base_w4.hpp"
#include "interval_word.hpp"
#include "kernels/edwards25519_comb.hpp"
#include "kernels/field_5x51.hpp"
#include "kernels/x25519.hpp"
#include "prepared_bounds.hpp"

namespace megaseal::proof {
namespace {

using Field = Field5x51<IntervalWord>;

void expect_proved(long at_least) {
  Ledger& ledger = Ledger::get();
  EXPECT_GT(ledger.checks, at_least);  // the kernels did run over this word
  for (const std::string& f : ledger.failures) ADD_FAILURE() << "not proved: " << f;
  ledger = {};
}

// The slots themselves, from bytes to bytes: decoding, ladder, batch inversion, encoding.
TEST(CurveBounds, X25519Shared) {
  u8 bytes[3 * 32] = {}, status[3] = {};
  const X25519Tile tile{
      .num = 3, .secrets = {bytes, 32}, .points = {bytes, 32}, .out = bytes, .status = status};
  x25519_shared_tile<Field, 2>(tile);
  expect_proved(300'000);
}

TEST(CurveBounds, X25519Public) {
  using BaseComb = Comb<Field, 4, 64>;
  static constexpr BaseComb::Table table = BaseComb::pack(edwards25519_base_w4);
  u8 bytes[3 * 32] = {};
  const X25519Tile tile{.num = 3, .secrets = {bytes, 32}, .points = {}, .out = bytes, .status = nullptr};
  x25519_public_tile<Field, BaseComb, 2>(tile, table);
  expect_proved(80'000);
}

TEST(CurveBounds, X25519Prepared) {
  for (u32 size = 0; size < x25519_prepared_sizes; size++) {
    run_prepared<Field>(size);
    expect_proved(100'000);
  }
}

// Negative control: factors one bit too wide must be reported.
TEST(CurveBounds, PlantedDefectIsReported) {
  Field::Elem wide;
  for (auto& limb : wide.l) limb = {0, u64(1) << 55};
  Field::mul(wide, wide);
  EXPECT_FALSE(Ledger::get().failures.empty());
  Ledger::get() = {};
}

// And table entries that are not tight.
struct LooseProducts : Field {
  static Biased mul_biased(const Elem& a, const Elem& b) {
    const Prod p = Field::mul(a, b);
    return Field::add(p, p);
  }
};
TEST(CurveBounds, PlantedDefectInTablesIsReported) {
  run_prepared<LooseProducts>(0);
  EXPECT_FALSE(Ledger::get().failures.empty());
  Ledger::get() = {};
}

}  // namespace
}  // namespace megaseal::proof
