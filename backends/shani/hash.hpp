// SHA-256 by the processor's own instructions (SHA-NI), several messages at once, and how messages are shared out.
//
// sha256rnds2 does two rounds of one message and takes four cycles; the next two rounds wait for it, though the unit
// could start another every cycle (Zen 4). The rounds of independent messages fill it. Each message is a stream of
// its own, in the layout that the instructions want; nothing is transposed.
#pragma once
#include <immintrin.h>

#include "kernels/hpke_schedule.hpp"
#include "kernels/wipe_registers.hpp"
#include "kernels/wipe_stack.hpp"

MEGASEAL_KERNELS_BEGIN

/// The Hash (kernels/sha256.hpp) of kStreams messages.
template <int kStreams>
struct ShaNi {
  static constexpr int lanes = kStreams;
  /// Words a … h of the state as the instructions hold them, the first in the highest place: ABEF and CDGH.
  struct State {
    __m128i abef[kStreams], cdgh[kStreams];
  };
  struct Block {
    __m128i w[kStreams][4];
  };
  using Common = Sha256Schedule;

  static MEGASEAL_INLINE __m128i load4(const u32* p) { return _mm_loadu_si128((const __m128i*)p); }

  static MEGASEAL_INLINE void set(State& s, const u32* words) {
    for (int m = 0; m < kStreams; m++) from_order(s, m, load4(words), load4(words + 4));
  }
  static MEGASEAL_INLINE void splat(Block& out, const u32* words) {
    for (int m = 0; m < kStreams; m++)
      for (int i = 0; i < 4; i++) out.w[m][i] = load4(words + 4 * i);
  }
  static MEGASEAL_INLINE void copy(State& out, const State& in) { out = in; }
  static MEGASEAL_INLINE void prepare(Common& out, const u32* words) {
    __m128i w[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) w[i] = load4(words + 4 * i);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
      _mm_storeu_si128((__m128i*)(out.kw + 4 * i),
                       _mm_add_epi32(w[i % 4], load4(sha256_constants() + 4 * i)));
      if (i < 12) next_words(w, i);
    }
    wipe(w, sizeof w);
  }
  static MEGASEAL_INLINE void load(Block& out, const u8* bytes, size_t stride) {
    for (int m = 0; m < kStreams; m++)
      for (int i = 0; i < 4; i++)
        out.w[m][i] = swap_bytes(_mm_loadu_si128((const __m128i*)(bytes + size_t(m) * stride + 16 * i)));
  }
  static MEGASEAL_INLINE void join(Block& out, const State& digest, const u32* words) {
    for (int m = 0; m < kStreams; m++) {
      to_order(out.w[m][0], out.w[m][1], digest, m);
      out.w[m][2] = load4(words), out.w[m][3] = load4(words + 4);
    }
  }
  static MEGASEAL_INLINE void flip(Block& block, u32 x) {
    for (int m = 0; m < kStreams; m++)
      for (int i = 0; i < 4; i++) block.w[m][i] = _mm_xor_si128(block.w[m][i], _mm_set1_epi32(int(x)));
  }
  /// The rounds alone, with nothing beside them to share the ports with.
  static MEGASEAL_NOINLINE void compress(State& s, const Common& block) {
    __m128i abef[kStreams], cdgh[kStreams];
#pragma GCC unroll 4
    for (int m = 0; m < kStreams; m++) abef[m] = s.abef[m], cdgh[m] = s.cdgh[m];
#pragma GCC unroll 16
    for (int i = 0; i < 64; i += 4) {
      const __m128i first = _mm_loadl_epi64((const __m128i*)(block.kw + i));
      const __m128i second = _mm_loadl_epi64((const __m128i*)(block.kw + i + 2));
#pragma GCC unroll 4
      for (int m = 0; m < kStreams; m++) cdgh[m] = _mm_sha256rnds2_epu32(cdgh[m], abef[m], first);
#pragma GCC unroll 4
      for (int m = 0; m < kStreams; m++) abef[m] = _mm_sha256rnds2_epu32(abef[m], cdgh[m], second);
    }
#pragma GCC unroll 4
    for (int m = 0; m < kStreams; m++) {
      s.abef[m] = _mm_add_epi32(s.abef[m], abef[m]);
      s.cdgh[m] = _mm_add_epi32(s.cdgh[m], cdgh[m]);
    }
  }
  static MEGASEAL_NOINLINE void compress(State& s, const Block& block) {
    const u32* k = sha256_constants();
    __m128i w[kStreams][4], abef[kStreams], cdgh[kStreams];
#pragma GCC unroll 4
    for (int m = 0; m < kStreams; m++) {
      abef[m] = s.abef[m], cdgh[m] = s.cdgh[m];
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) w[m][i] = block.w[m][i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
      const __m128i k4 = load4(k + 4 * i);
#pragma GCC unroll 4
      for (int m = 0; m < kStreams; m++) {
        const __m128i kw = _mm_add_epi32(w[m][i % 4], k4);
        cdgh[m] = _mm_sha256rnds2_epu32(cdgh[m], abef[m], kw);
        abef[m] = _mm_sha256rnds2_epu32(abef[m], cdgh[m], _mm_shuffle_epi32(kw, 0x0e));
        if (i < 12) next_words(w[m], i);
      }
    }
#pragma GCC unroll 4
    for (int m = 0; m < kStreams; m++) {
      s.abef[m] = _mm_add_epi32(s.abef[m], abef[m]);
      s.cdgh[m] = _mm_add_epi32(s.cdgh[m], cdgh[m]);
    }
  }
  static MEGASEAL_INLINE void keep_live(State& s, const State& before, const u32* live) {
    for (int m = 0; m < kStreams; m++) {
      const __m128i mask = _mm_set1_epi32(int(live[m]));
      s.abef[m] = _mm_blendv_epi8(before.abef[m], s.abef[m], mask);
      s.cdgh[m] = _mm_blendv_epi8(before.cdgh[m], s.cdgh[m], mask);
    }
  }
  static MEGASEAL_INLINE void store(u8* out, size_t stride, u32 num, u32 len, const State& s) {
    __m128i row[2];
    for (int m = 0; m < kStreams; m++) {
      if (u32(m) == num) break;
      to_order(row[0], row[1], s, m);
      row[0] = swap_bytes(row[0]), row[1] = swap_bytes(row[1]);
      copy_bytes(out + size_t(m) * stride, row, len);
    }
    wipe(row, sizeof row);
  }

 private:
  /// Words 4i + 16 … 4i + 19 in the place of words 4i … 4i + 3. Words 4i + 9 … 4i + 12 straddle two registers.
  static MEGASEAL_INLINE void next_words(__m128i (&w)[4], int i) {
    const __m128i last = w[(i + 3) % 4];
    const __m128i w9 = _mm_alignr_epi8(last, w[(i + 2) % 4], 4);
    const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]), w9);
    w[i % 4] = _mm_sha256msg2_epu32(sum, last);
  }
  static MEGASEAL_INLINE __m128i swap_bytes(__m128i x) {
    return _mm_shuffle_epi8(x, _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
  }
  /// From the words in their order, a in the lowest place, and back.
  static MEGASEAL_INLINE void from_order(State& s, int m, __m128i abcd, __m128i efgh) {
    s.abef[m] = _mm_shuffle_epi32(_mm_unpacklo_epi64(abcd, efgh), 0x1b);
    s.cdgh[m] = _mm_shuffle_epi32(_mm_unpackhi_epi64(abcd, efgh), 0x1b);
  }
  static MEGASEAL_INLINE void to_order(__m128i& abcd, __m128i& efgh, const State& s, int m) {
    const __m128i fe_ba = _mm_shuffle_epi32(s.abef[m], 0x1b), hg_dc = _mm_shuffle_epi32(s.cdgh[m], 0x1b);
    abcd = _mm_unpacklo_epi64(fe_ba, hg_dc);
    efgh = _mm_unpackhi_epi64(fe_ba, hg_dc);
  }
};

struct HashGroups {
  using First = ShaNi<1>;
  template <class Run>
  static MEGASEAL_INLINE void each(u32 num, const Run& run) {
    u32 i = 0, n = 0;
    for (; i < num; i += n) {
      const u32 left = num - i;
      // Three and two fill the unit better than four and one.
      n = left == 5 ? 3 : left < 4 ? left : 4;
      if (n == 4)
        run.template operator()<ShaNi<4>>(i, n);
      else if (n == 3)
        run.template operator()<ShaNi<3>>(i, n);
      else if (n == 2)
        run.template operator()<ShaNi<2>>(i, n);
      else
        run.template operator()<ShaNi<1>>(i, n);
    }
  }
  /// After a tile of `num`: deeper than the frames below a slot, as -fstack-usage shows them.
  static MEGASEAL_INLINE void wipe_dead(u32 num) {
    if (num > 1)
      wipe_stack<5120>();
    else
      wipe_stack<2048>();
  }
};

MEGASEAL_KERNELS_END
