// For all secrets and all points: no exact operation of the vector backends' X25519 can wrap, and no factor is wider
// than its multiplier.
#include <gtest/gtest.h>

#define MEGASEAL_ISA proof
#include "edwards25519_base_w5.hpp"
#include "edwards25519_base_w6.hpp"
#include "interval_inversion.hpp"
#include "interval_real.hpp"
#include "interval_word.hpp"
#include "kernels/edwards25519_comb.hpp"
#include "kernels/field_5x51_fma.hpp"
#include "kernels/field_5x51_madd.hpp"
#include "kernels/lane_inversion.hpp"
#include "kernels/x25519_across.hpp"
#include "kernels/x25519_pair.hpp"
#include "prepared_bounds.hpp"

namespace megaseal::proof {
namespace {

// As the backends have them: avx512ifma's, and those of avx2 and avx512.
using W8 = IntervalLanes<8>;
using Madd = WithLaneInversion<Field5x51Madd<W8>>;
template <int LANES>
using FmaOf = WithLaneInversion<Field5x51Fma<IntervalLanes<LANES>, IntervalRealLanes<LANES>>>;
using Fma = FmaOf<4>;
using Fma8 = FmaOf<8>;

void expect_proved(long at_least) {
  Ledger& ledger = Ledger::get();
  EXPECT_GT(ledger.checks, at_least);  // the kernels did run over this word
  for (const std::string& f : ledger.failures) ADD_FAILURE() << "not proved: " << f;
  ledger = {};
}
void expect_reported() {
  EXPECT_FALSE(Ledger::get().failures.empty());
  Ledger::get() = {};
}

template <class F>
Signs<typename F::W> any_signs() {
  Signs<typename F::W> signs;
  for (auto& w : signs.w) w = F::W::any();
  return signs;
}

// The slots themselves, from bytes to bytes: three vectors, so that two go side by side and one by itself, and their
// inversions are one.
template <class F, class Ladders = LadderSingly<F>>
void run_shared() {
  constexpr u32 num = 2 * u32(F::W::lanes) + 1;
  u8 bytes[num * 32] = {}, status[num] = {};
  const X25519Tile tile{
      .num = num, .secrets = {bytes, 32}, .points = {bytes, 32}, .out = bytes, .status = status};
  const long before = num_inverted;
  x25519_shared_tile<F, 3, Ladders>(tile);
  EXPECT_EQ(num_inverted, before + 1);
}
template <class F, class BaseComb>
void run_public(const typename BaseComb::Table& table) {
  constexpr u32 num = 2 * u32(F::W::lanes) + 1;
  u8 bytes[num * 32] = {};
  const X25519Tile tile{.num = num, .secrets = {bytes, 32}, .points = {}, .out = bytes, .status = nullptr};
  const long before = num_inverted;
  x25519_public_tile<F, BaseComb, 3>(tile, table);
  EXPECT_EQ(num_inverted, before + 1);
}
template <class F>
void run_public() {
  using BaseComb = Comb<F, 6, 43>;
  static constexpr typename BaseComb::Table table = BaseComb::pack(edwards25519_base_w6);
  run_public<F, BaseComb>(table);
}

TEST(MaddCurveBounds, X25519Shared) {
  run_shared<Madd>();
  expect_proved(500'000);
}
TEST(MaddCurveBounds, X25519SharedTwoVectorsAtATime) {
  run_shared<Madd, LaddersPaired<Madd>>();
  expect_proved(500'000);
}
TEST(MaddCurveBounds, X25519Public) {
  run_public<Madd>();
  expect_proved(80'000);
}
TEST(MaddCurveBounds, X25519Prepared) {
  for (u32 size = 0; size < x25519_prepared_sizes; size++) {
    run_prepared<Madd>(size);
    expect_proved(100'000);
  }
  run_entry_of_two_tables<Madd>(any_signs<Madd>());
  expect_proved(500);
}

// Negative controls: entries that no table has, and entries that nobody wrote.
TEST(MaddCurveBounds, WrongEntriesAreReported) {
  run_prepared<Madd>(0);
  const u64* const table = Memory::get().begin;
  const TableUse<2> use = {.of_lane = {table, table}, .num = 2, .table = {table, table}, .lanes = {1, 2}};
  IntervalWord limbs[15];
  IntervalWord::lookup_apart(limbs, use, 0, IntervalWord{0, 15});
  expect_proved(100);
  IntervalWord::lookup_apart(limbs, use, 0, IntervalWord{0, 16});
  expect_reported();
  Memory::get().watch(table, sizeof(PreparedRow) / 8 * 2);
  run_entry_of_two_tables<Madd>(any_signs<Madd>());
  expect_reported();
}

// Each leaves out one thing that the bounds rest on.
struct NoCarry : Madd {
  static Elem norm(const Prod& a) { return {{a.l[0], a.l[1], a.l[2], a.l[3], a.l[4]}}; }
};
struct SmallBias : Madd {
  static Prod sub_of_biased(const Prod& a, const Prod& b) {
    Prod r;
    for (int i = 0; i < 5; i++) r.l[i] = a.l[i] + (W::splat(limb_mask << 10) - b.l[i]);
    return r;
  }
};
struct NoBias : Madd {
  static Prod mul_biased(const Elem& a, const Elem& b) { return mul(a, b); }
};
struct NoBiasInSquares : Madd {
  static Prod sqr_biased(const Elem& a) { return sqr(a); }
};
TEST(MaddCurveBounds, PlantedDefectsAreReported) {
  run_shared<NoCarry>();
  expect_reported();
  run_public<NoCarry>();
  expect_reported();
  run_public<SmallBias>();
  expect_reported();
  run_shared<NoBias>();
  expect_reported();
  run_shared<NoBiasInSquares>();
  expect_reported();
  run_prepared<NoCarry>(0);
  expect_reported();
  run_prepared<SmallBias>(0);
  expect_reported();
  run_prepared<NoBias>(0);
  expect_reported();
}

// And denominators that are not carried before they are frozen, where nothing wraps.
TEST(MaddCurveBounds, PlantedDefectBeforeFreezingIsReported) {
  const Madd::Elem tight = Madd::norm(Madd::Prod{
      {W8::any().shr<1>(), W8::any().shr<1>(), W8::any().shr<1>(), W8::any().shr<1>(), W8::any().shr<1>()}});
  const Madd::Prod product = Madd::mul(tight, tight);
  Madd::is_zero(Madd::norm(product));
  expect_proved(100);
  Madd::is_zero(NoCarry::norm(product));
  EXPECT_EQ(Ledger::get().failures, std::vector<std::string>(5, stated_bound));
  Ledger::get() = {};
}

TEST(FmaCurveBounds, X25519Shared) {
  run_shared<Fma>();
  expect_proved(500'000);
}
TEST(FmaCurveBounds, X25519Public) {
  run_public<Fma>();
  expect_proved(80'000);
}
TEST(FmaCurveBounds, X25519PublicWithFiveBitDigits) {
  using BaseComb = Comb<Fma, 5, 51>;
  static constexpr BaseComb::Table table = BaseComb::pack(edwards25519_base_w5);
  run_public<Fma, BaseComb>(table);
  expect_proved(80'000);
}
TEST(FmaCurveBounds, X25519Prepared) {
  for (u32 size = 0; size < x25519_prepared_sizes; size++) {
    run_prepared<Fma>(size);
    expect_proved(100'000);
  }
  run_entry_of_two_tables<Fma>(any_signs<Fma>());
  expect_proved(500);
}

// avx512's, of eight lanes.
TEST(FmaCurveBounds, EightLanes) {
  run_shared<Fma8>();
  expect_proved(500'000);
  run_public<Fma8>();
  expect_proved(80'000);
  for (u32 size = 0; size < x25519_prepared_sizes; size++) {
    run_prepared<Fma8>(size);
    expect_proved(200'000);
  }
}

TEST(FmaCurveBounds, X25519SharedAcrossLanes) {
  u8 bytes[32] = {}, status[1] = {};
  const X25519Tile tile{
      .num = 1, .secrets = {bytes, 0}, .points = {bytes, 0}, .out = bytes, .status = status};
  x25519_shared_across<Fma>(tile, 0);
  expect_proved(100'000);
}

// What the field's description says of the two kinds of factors.
TEST(FmaCurveBounds, FactorsMayBeOfTheSecondKindOnOneSide) {
  const int64_t more = int64_t(1) << 16, first = (int64_t(1) << 50) + more,
                second = (int64_t(1) << 51) + more;
  Fma::Elem a, b;
  for (auto& limb : a.l) limb = {-first, first};
  for (auto& limb : b.l) limb = {0, second};
  Fma::mul(a, b);
  Fma::mul_biased(b, a);
  Fma::sqr(a);
  expect_proved(100);
  Fma::mul(b, b);
  expect_reported();
  Fma::sqr(b);
  expect_reported();
}

struct FmaNoCentre : Fma {  // norm() without signed limbs
  static Biased mul_biased(const Elem& a, const Elem& b) {
    Biased r = Fma::mul_biased(a, b);
    for (auto& limb : r.l) limb = limb - W::splat(u64(1) << 50);
    return r;
  }
  static Elem norm(const Prod& a) { return Fma::norm(a); }
  static Elem norm(const Biased& a) { return Fma::norm(Prod{{a.l[0], a.l[1], a.l[2], a.l[3], a.l[4]}}); }
};
struct FmaNoBias : Fma {
  static Biased mul_biased(const Elem& a, const Elem& b) {
    const Prod p = mul(a, b);
    return {{p.l[0], p.l[1], p.l[2], p.l[3], p.l[4]}};
  }
};
struct FmaNoBiasInSquares : Fma {
  static Biased sqr_biased(const Elem& a) {
    const Prod p = sqr(a);
    return {{p.l[0], p.l[1], p.l[2], p.l[3], p.l[4]}};
  }
};
struct FmaSmallBiasAcrossLanes : Fma {
  template <int DIFFERENCES>
  static Biased sums_and_differences(const Biased& v) {
    Biased r = Fma::sums_and_differences<DIFFERENCES>(v);
    for (auto& limb : r.l) limb = limb - W::splat(3 * limb_mask << 8);
    return r;
  }
};
struct FmaUncentredDenominators : Fma {
  static Prod centred(const Prod& a) { return a; }
};
TEST(FmaCurveBounds, PlantedDefectsAreReported) {
  run_shared<FmaNoCentre>();
  expect_reported();
  run_public<FmaNoCentre>();
  expect_reported();
  run_shared<FmaNoBias>();
  expect_reported();
  run_public<FmaNoBias>();
  expect_reported();
  run_shared<FmaNoBiasInSquares>();
  expect_reported();
  run_shared<FmaUncentredDenominators>();
  expect_reported();
  run_prepared<FmaNoCentre>(0);
  expect_reported();
  run_prepared<FmaNoBias>(0);
  expect_reported();
  run_prepared<FmaUncentredDenominators>(0);
  expect_reported();
  FmaSmallBiasAcrossLanes::Elem result;
  LadderAcross<FmaSmallBiasAcrossLanes>::run(result, FmaSmallBiasAcrossLanes::small(9), {});
  expect_reported();
}

}  // namespace
}  // namespace megaseal::proof
