// The AEAD slots of a vector backend: who works on a tile. A few messages go one after the other, short ones by
// aead_short.hpp; more of them fill the lanes across messages, which is aead_packed.hpp's work.
#pragma once
#include "kernels/aead_packed.hpp"
#include "kernels/aead_short.hpp"

MEGASEAL_KERNELS_BEGIN

/// `Packed` is the backend's AeadPacked, N a word of rows narrower than its own, or the same.
template <class Packed, class N, class Tuning>
struct AeadFew {
  using W = typename Packed::W;
  using Words = ShortWords<W, typename Packed::R, N, typename Packed::P>;
  /// Key stream of the shortest messages, which take the least stack, and of short ones.
  static constexpr u64 least_room = 256, room = 64 * W::lanes;
  /// Longer texts are worth the MAC's going along them. So is longer aad.
  static constexpr u64 max_len = Tuning::max_short_len < room - 64 ? Tuning::max_short_len : room - 64;
  static constexpr u64 max_aad_len = room;

  /// How deep the frames go below a slot. They are wiped no deeper: wiping a long message's would take a short one
  /// longer than sealing it.
  enum class Depth { least, short_text, one, along };

  template <bool kBox>
  static MEGASEAL_INLINE Depth depth_of(const AeadItem& item) {
    if (item.aad_len <= max_aad_len && item.len <= max_len)
      return item.len <= least_room - short_key_len<kBox> ? Depth::least : Depth::short_text;
    return (item.len | item.aad_len) < 16 * Packed::Along::min_blocks ? Depth::one : Depth::along;
  }

  template <bool kBox, bool kSeal>
  static MEGASEAL_INLINE Depth one(const AeadTile& tile, u32 i) {
    const AeadItem& item = tile.items[i];
    const Depth depth = depth_of<kBox>(item);
    bool ok = true;
    if (depth == Depth::least)
      ok = aead_short<Words, least_room, kBox, kSeal>(item);
    else if (depth == Depth::short_text)
      ok = aead_short<Words, room, kBox, kSeal>(item);
    else
      Packed::template one<kBox, kSeal>(tile, i);
    if (!kSeal && !ok) tile.status[i] = u8(ItemStatus::auth_failed);
    return depth;
  }

  static MEGASEAL_INLINE void wipe_as_deep_as(Depth depth) {
    if (depth == Depth::least)
      wipe_stack<Tuning::least_dead_bytes>();
    else if (depth == Depth::short_text)
      wipe_stack<Tuning::short_dead_bytes>();
    else if (depth == Depth::one)
      wipe_stack<Tuning::one_dead_bytes>();
    else
      wipe_stack<Tuning::along_dead_bytes>();
  }

  /// Measured. Opening across messages takes two rounds of the cipher, for the keys and then for the texts, so it pays from
  /// more short messages on; unless they are empty, and the keys are all there is.
  template <bool kBox, bool kSeal>
  static MEGASEAL_INLINE bool are_few(const AeadTile& tile) {
    if (!Packed::template fills_lanes<kSeal>(tile)) return true;
    if (kSeal || tile.num >= Tuning::min_opened) return false;
    for (u32 i = 0; i < tile.num; i++)
      if (tile.items[i].len == 0 || depth_of<kBox>(tile.items[i]) != Depth::least) return false;
    return true;
  }

  /// The slots.
  template <bool kBox, bool kSeal>
  static MEGASEAL_INLINE void run(const AeadTile& tile) {
    if (are_few<kBox, kSeal>(tile)) {
      Depth deepest = Depth::least;
      for (u32 i = 0; i < tile.num; i++) {
        const Depth depth = one<kBox, kSeal>(tile, i);
        deepest = depth > deepest ? depth : deepest;
      }
      wipe_as_deep_as(deepest);
    } else {
      Packed::template run<kBox, kSeal>(tile);
    }
    wipe_registers();
  }
};

MEGASEAL_KERNELS_END
