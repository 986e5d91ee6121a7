// What the ciphers of AVX-512 IFMA are made of, and where their ways part (measured; README.md has the figures).
#pragma once
#include "backends/avx512/chacha20_rounds.hpp"
#include "backends/avx512ifma/word64.hpp"
#include "backends/scalar/word64.hpp"
#include "kernels/aead_few.hpp"
#include "kernels/poly1305_field44.hpp"

MEGASEAL_KERNELS_BEGIN

struct Tuning {
  static constexpr u64 max_sealed_len = 16384, max_opened_len = 16384;
  static constexpr u32 min_messages = 4, min_opened = 6;
  static constexpr u32 min_items_of_three = 13, max_items_of_three = 27;
  static constexpr u64 max_short_len = 767;
  static constexpr u64 max_horner_len = 192;
  using Row = ChaCha20ScalarRow;
  static constexpr bool in_pairs = true;
  static constexpr bool is_woven = false;
  static constexpr int woven_blocks = 2;
  static constexpr u32 horner_groups = 4;
  // Deeper than the frames below a slot, as -fstack-usage shows them: of one of the shortest messages alone, of a short
  // one, of any that the MAC does not go along, of a long one; of a few messages side by side, of many.
  static constexpr size_t least_dead_bytes = 1024, short_dead_bytes = 3072;
  static constexpr size_t one_dead_bytes = 4608, along_dead_bytes = 5632;
  static constexpr size_t few_dead_bytes = 12288, many_dead_bytes = 14592;
};
using Suite = AeadPacked<W32x16, Rows32x16, W64, Poly1305Field44<W64x8>, Tuning>;
using Few = AeadFew<Suite, Rows32x8, Tuning>;

MEGASEAL_KERNELS_END
