// What the proofs of prepared recipients run: the slots themselves, from keys to tables, and from tables and secrets to
// shared secrets.
#pragma once
#include "interval_word.hpp"
#include "kernels/x25519_prepared.hpp"

MEGASEAL_KERNELS_BEGIN

/// Every key, every secret. Two items, so that two vectors share an inversion.
template <class F>
void run_prepared(u32 size) {
  alignas(64) static u64 memory[13 * prepared_row_bytes / 8];
  Memory::get().watch(memory, sizeof memory / 8);
  u8 bytes[32] = {}, out[64], has_table = 0;
  u8* const table = reinterpret_cast<u8*>(memory);
  x25519_prepare_tile<F>(
      {.num = 1, .size = size, .points = {bytes, 32}, .tables = &table, .has_table = &has_table});
  const X25519PreparedItem items[2] = {{bytes, table, out}, {bytes, table, out + 32}};
  x25519_prepared_tile<F, 2>({.num = 2, .size = size, .items = items});
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
