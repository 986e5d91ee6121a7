// What the ciphers of AVX2 are made of, and where their ways part (measured; README.md has the figures).
#pragma once
#include "backends/avx2/chacha20_rounds.hpp"
#include "backends/avx2/word64.hpp"
#include "backends/scalar/word64.hpp"
#include "kernels/aead_few.hpp"
#include "kernels/poly1305_field26.hpp"

MEGASEAL_KERNELS_BEGIN

struct Tuning {
  static constexpr u64 max_sealed_len = 16384, max_opened_len = 4096;
  static constexpr u32 min_messages = 4, min_opened = 6;
  static constexpr u32 min_items_of_three = ~u32(0), max_items_of_three = 0;  // never
  static constexpr u64 max_short_len = 448;
  static constexpr u64 max_horner_len = 400;
  using Row = ChaCha20VectorRow;
  static constexpr bool in_pairs = false;
  static constexpr bool is_woven = true;
  static constexpr int woven_blocks = 2;
  static constexpr u32 horner_groups = 2;
  // Deeper than the frames below a slot, as -fstack-usage shows them: of one of the shortest messages alone, of a short
  // one, of any that the MAC does not go along, of a long one; of a few messages side by side, of many.
  static constexpr size_t least_dead_bytes = 1024, short_dead_bytes = 2048;
  static constexpr size_t one_dead_bytes = 4096, along_dead_bytes = 6144;
  static constexpr size_t few_dead_bytes = 8192, many_dead_bytes = 9728;
};
using Suite = AeadPacked<W32x8, Rows32x8, W64, Poly1305Field26<W64x4>, Tuning>;
using Few = AeadFew<Suite, Rows32x8, Tuning>;

MEGASEAL_KERNELS_END
