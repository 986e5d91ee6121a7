// Who gives the device's field what: Field8x32 takes any number below 2^256 as a factor, but wants a tight one, below
// 2^255 + 2^23, in each sum and as what is subtracted (field_8x32_bounds_test.cpp shows what it gives then). The programs
// run over the field with a note on each number of whether it has to be tight. Notes do not depend on numbers, nor does a
// way through a program once a key is known to have a table: so one item shows it for all.
#define MEGASEAL_ISA prove_field_8x32_use
#include "backends/cuda/prepared.hpp"

#include <gtest/gtest.h>

#include <set>

#include "edwards25519_base_w5.hpp"
#include "tests/proofs/exact.hpp"
#include "tests/proofs/interval_word.hpp"

MEGASEAL_KERNELS_BEGIN

/// For the negative controls: what gives numbers that are not tight.
enum class Loose { nothing, products, squares } planted = Loose::nothing;

/// Whether entries of tables are, where that is known.
bool entries_are_tight = false;

struct NotedField {
  using Numbers = Field8x32<W32>;
  using W = W32;
  using Mask = W32::Mask;
  struct Elem {
    u32 l[8];
    bool tight = entries_are_tight;  // that of an entry, which is filled limb by limb
    Numbers::Elem number() const { return {{l[0], l[1], l[2], l[3], l[4], l[5], l[6], l[7]}}; }
  };
  using Prod = Elem;
  using Biased = Elem;
  using Fixed = Elem;
  static Elem noted(const Numbers::Elem& e, bool tight) {
    return {{e.l[0], e.l[1], e.l[2], e.l[3], e.l[4], e.l[5], e.l[6], e.l[7]}, tight};
  }

  static Elem small(u32 c) { return noted(Numbers::small(c), true); }
  static Elem constant(const u64 (&w)[4]) { return noted(Numbers::constant(w), true); }
  static Elem from_limbs(const u32 (&limbs)[8]) { return noted(Numbers::from_limbs(limbs), true); }
  static Elem freeze(const Elem& e) { return noted(Numbers::freeze(e.number()), true); }
  static Mask is_zero(const Elem& e) { return Numbers::is_zero(e.number()); }
  static Elem select(Mask mask, const Elem& a, const Elem& b) {
    return noted(Numbers::select(mask, a.number(), b.number()), a.tight && b.tight);
  }
  static Elem norm(const Elem& a) { return a; }
  static Elem norm_deep(const Elem& a) { return a; }
  static Elem centred(const Elem& a) { return a; }
  static Elem widen(const Elem& a) { return a; }
  static Elem biased(const Elem& a) { return a; }
  static Elem fixed(const Elem& a) { return a; }

  static Elem add(const Elem& a, const Elem& b) {
    need(a.tight || b.tight, "a tight number in a sum");
    return noted(Numbers::add(a.number(), b.number()), false);
  }
  static Elem sub(const Elem& a, const Elem& b) {
    need(b.tight, "a tight number is subtracted");
    return noted(Numbers::sub(a.number(), b.number()), false);
  }
  static Elem sub_biased(const Elem& a, const Elem& b) { return sub(a, b); }
  static Elem sub_of_biased(const Elem& a, const Elem& b) { return sub(a, b); }
  static Elem mul(const Elem& a, const Elem& b) {
    return noted(Numbers::mul(a.number(), b.number()), planted != Loose::products);
  }
  static Elem mul_biased(const Elem& a, const Elem& b) { return mul(a, b); }
  static Elem mul_fixed(const Elem& a, const Elem& b) { return mul(a, b); }
  static Elem sqr(const Elem& a) { return noted(Numbers::sqr(a.number()), planted != Loose::squares); }
  static Elem sqr_biased(const Elem& a) { return sqr(a); }
  template <u64 K>
  static Elem add_mul_small(const Elem& a, const Elem& e) {
    return noted(Numbers::add_mul_small<K>(a.number(), e.number()), true);
  }
};

/// What lanes leave for each other is not tight.
template <u32 N>
struct Column<NotedField, N> {
  u32 limb[8][N];

  void put(u32 i, const NotedField::Elem& e) {
    for (int k = 0; k < 8; k++) limb[k][i] = e.l[k];
  }
  NotedField::Elem get(u32 i) const {
    NotedField::Elem e{{}, false};
    for (int k = 0; k < 8; k++) e.l[k] = limb[k][i];
    return e;
  }
  void wipe(u32) {}
};
/// Where teeth and entries in the making wait: notes stay with them.
std::set<const u8*> tight_in_memory;
template <>
void RowScratch<NotedField>::put(u8* p, const Elem& e) {
  __builtin_memcpy(p, e.l, 32);
  if (e.tight)
    tight_in_memory.insert(p);
  else
    tight_in_memory.erase(p);
}
template <>
NotedField::Elem RowScratch<NotedField>::get(const u8* p) {
  Elem e;
  load_limbs(e.l, p);
  e.tight = tight_in_memory.contains(p);
  return e;
}

struct alignas(16) Bytes {
  u8 bytes[32] = {9};
};
struct alignas(16) BaseTable {
  u64 words[51][16][3][4];
};

using F = NotedField;

void run_shared() {
  Bytes secret, point, out;
  u8 status = 0;
  const gpu::X25519Job job = {.num = 1,
                              .secrets = secret.bytes,
                              .secret_stride = 32,
                              .points = point.bytes,
                              .point_stride = 32,
                              .out = out.bytes,
                              .status = &status,
                              .table = nullptr};
  run_on_host<CurveProgram<F, LadderMultiples<F>, 1, true>>(job, 1);
}
template <u32 kItems>
void run_public(bool are_tight = true) {
  static BaseTable table;
  static_assert(sizeof table == sizeof edwards25519_base_w5);
  __builtin_memcpy(&table, edwards25519_base_w5, sizeof table);
  Bytes secret, out;
  const gpu::X25519Job job = {.num = 1,
                              .secrets = secret.bytes,
                              .secret_stride = 32,
                              .points = nullptr,
                              .point_stride = 32,
                              .out = out.bytes,
                              .status = nullptr,
                              .table = &table};
  entries_are_tight = are_tight;
  run_on_host<CurveProgram<F, CombMultiples<F>, kItems, false>>(job, 1);
  entries_are_tight = false;
}
void run_prepared(PreparedShape shape) {
  alignas(16) static u8 scratch[13 * gpu::PrepareJob::scratch_bytes], table[13 * gpu::PrepareJob::row_bytes];
  tight_in_memory.clear();
  Bytes secret, point, out;
  u8 has_table = 0, status = 0;
  const u32 rows = u32(shape.rows), spacing = u32(shape.spacing);
  const gpu::PrepareJob prepare = {.num = 1,
                                   .rows = rows,
                                   .spacing = spacing,
                                   .points = point.bytes,
                                   .point_stride = 32,
                                   .item_of = nullptr,
                                   .scratch = scratch,
                                   .tables = table,
                                   .has_table = &has_table,
                                   .keys = nullptr};
  run_on_host<TeethProgram<F>>(prepare, 1);
  run_on_host<RowsProgram<F>>(prepare, 1);
  ASSERT_EQ(has_table, 1);
  u32 left = 0, num_left = 0;
  const gpu::PreparedJob job = {.num = 1,
                                .items = nullptr,
                                .table_of = nullptr,
                                .rows = rows,
                                .spacing = spacing,
                                .tables = table,
                                .has_table = &has_table,
                                .secrets = secret.bytes,
                                .secret_stride = 32,
                                .out = out.bytes,
                                .status = &status,
                                .left = &left,
                                .num_left = &num_left};
  run_on_host<CurveProgram<F, PreparedMultiples<F>, 1, true>>(job, 1);
}

void expect_proved(long at_least) {
  EXPECT_GE(Ledger::get().checks, at_least);
  for (const std::string& f : Ledger::get().failures) ADD_FAILURE() << "not proved: " << f;
  Ledger::get() = {};
}

TEST(CudaFieldUse, Ladder) {
  run_shared();
  expect_proved(251 * 7);
}
// The base point's entries are tight: they are the representatives below p.
TEST(CudaFieldUse, Comb) {
  for (const auto& row : edwards25519_base_w5)
    for (const auto& entry : row)
      for (const auto& number : entry)
        ASSERT_TRUE((Exact{{number[0], number[1], number[2], number[3]}} < Exact::p25519()));
  run_public<1>();
  expect_proved(50 * 7);
  run_public<4>();
  expect_proved(50 * 7);
}
TEST(CudaFieldUse, TablesAndPreparedCombs) {
  for (const PreparedShape& shape : prepared_shapes) {
    run_prepared(shape);
    expect_proved(2'000);
  }
}

// The one sum beside the field's drops its carry: of the order L and a scalar's eighth, where that is even. It grows with
// the scalar, and the largest of these is 2^252 - 2.
TEST(CudaFieldUse, ScalarsMadeOddLeaveNoCarry) {
  const Exact eighth = Exact::power(252) - Exact::of(2);
  const Exact order = Exact::power(252) + Exact{{0x5812631a5cf5d3ed, 0x14def9dea2f79cd6}};
  u32 k[8];
  for (int i = 0; i < 8; i++) k[i] = i == 0 ? ~u32(15) : i < 7 ? ~u32(0) : ~u32(0) >> 1;
  DigitsOf5<F>::recode(k);
  Exact twice = Exact::of(1);  // the lowest bit is shifted out
  for (int i = 0; i < 8; i++) twice = twice + Exact::of(k[i]).shl(32 * i + 1);
  EXPECT_TRUE(twice == eighth + order);
}

// Negative controls.
void expect_reported() {
  EXPECT_FALSE(Ledger::get().failures.empty());
  Ledger::get() = {};
}
TEST(CudaFieldUse, PlantedDefectsAreReported) {
  for (const Loose loose : {Loose::products, Loose::squares}) {
    planted = loose;
    run_shared();
    expect_reported();
    run_prepared(prepared_shapes[0]);
    expect_reported();
  }
  planted = Loose::products;
  run_public<1>();
  expect_reported();
  planted = Loose::nothing;
  run_public<1>(false);
  expect_reported();
}

MEGASEAL_KERNELS_END
