// What the proofs of prepared recipients run: the slots themselves, from keys to tables, and from tables and secrets to
// shared secrets.
#pragma once
#include "interval_inversion.hpp"
#include "interval_word.hpp"
#include "kernels/field_5x51.hpp"
#include "kernels/x25519_prepared.hpp"

MEGASEAL_KERNELS_BEGIN

/// Every key, every secret. The table is made by each of the two ways there are, and serves two vectors that share an
/// inversion.
template <class F>
void run_prepared(u32 size) {
  constexpr u32 lanes = u32(F::W::lanes), num = lanes + 1;
  alignas(64) static u64 memory[13 * prepared_row_bytes / 8];
  u8 bytes[32] = {}, out[32 * num], has_table = 0;
  u8* const table = reinterpret_cast<u8*>(memory);
  const X25519PrepareTile tile = {
      .num = 1, .size = size, .points = {bytes, 32}, .tables = &table, .has_table = &has_table};
  for (const u32 few : {0, 1}) {
    if (few && lanes == 1) continue;
    Memory::get().watch(memory, sizeof memory / 8);
    const u32 by_rows[] = {few, few, few};
    x25519_prepare_tile_by_rows<F, Field5x51<IntervalWord>>(tile, by_rows);
    X25519PreparedItem items[num];
    for (u32 i = 0; i < num; i++) items[i] = {bytes, table, out + 32 * i};
    const long before = num_inverted;
    x25519_prepared_tile<F, 2>({.num = num, .size = size, .items = items});
    EXPECT_EQ(num_inverted, before + 1);
  }
}

/// An entry for lanes whose tables differ, which a word of a single lane would never ask for, in a sum.
template <class F>
void run_entry_of_two_tables(const Signs<typename F::W>& signs) {
  using Comb = PreparedComb<F>;
  const u64* const table = Memory::get().begin;
  const TableUse<2> use = {.of_lane = {table, table}, .num = 2, .table = {table, table}, .lanes = {1, 2}};
  typename F::W::Mask positive;
  const auto entry = Comb::entry(use, signs, prepared_shapes[0], 1, 25, positive);
  auto p = Comb::Curve::start(entry, positive);
  Comb::Curve::add(p, entry, positive, true);
}

MEGASEAL_KERNELS_END
