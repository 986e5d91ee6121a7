// ChaCha20-Poly1305 (RFC 8439) and NaCl's secretbox over ChaCha20 (kernels/xchacha_secretbox.hpp) on a device: key stream,
// text and MAC in one pass, 64 bytes at a time.
//
// A message belongs to a group of `kGroup` lanes. Alone, a lane does everything. Together, each takes a run of consecutive
// blocks, the last one the message's end; its Horner sum times a power of r is its part of the MAC, and the parts meet in
// Shared. All runs but the first are of the same length, so that lanes of a warp stay together; the first is shorter, and
// its lane hashes the aad as well. Every lane computes block 0 for itself: it needs r, and waiting costs as much.
//
// Opening writes the text while it hashes, and zeros over it where the tag turns out wrong.
#pragma once
#include "backends/cuda/jobs.hpp"
#include "backends/cuda/memory.hpp"
#include "backends/cuda/poly1305.hpp"
#include "backends/cuda/program.hpp"
#include "backends/cuda/word.hpp"
#include "kernels/chacha20.hpp"

MEGASEAL_KERNELS_BEGIN

using gpu::CipherJob;
using gpu::Span;
using gpu::StreamJob;

// ---- ChaCha20 ----

/// What adds run on. With MEGASEAL_CUDA_ADDS_AS_PRODUCTS they are a·1 + b with a 1 that the compiler does not see: the
/// multiplier's pipe takes them from the one that does everything else. To be measured; the compiler may choose better.
#if defined(MEGASEAL_CUDA_ADDS_AS_PRODUCTS)
struct ChaChaWord {
  u32 v;
  static MEGASEAL_INLINE u32 one() {
    u32 x = 1;
#if defined(__CUDA_ARCH__)
    asm("mov.u32 %0, %%nctaid.z;" : "=r"(x));  // 1: launches have one dimension
#endif
    return x;
  }
  friend MEGASEAL_INLINE ChaChaWord wrap_add(ChaChaWord a, ChaChaWord b) {
#if defined(__CUDA_ARCH__)
    u32 x;
    asm("mad.lo.u32 %0, %1, %2, %3;" : "=r"(x) : "r"(a.v), "r"(one()), "r"(b.v));
    return {x};
#else
    return {a.v + b.v};
#endif
  }
  friend MEGASEAL_INLINE ChaChaWord operator^(ChaChaWord a, ChaChaWord b) { return {a.v ^ b.v}; }
  template <int N>
  MEGASEAL_INLINE ChaChaWord rotl() const {
    return {W32{v}.rotl<N>().v};
  }
};
#else
using ChaChaWord = W32;
#endif

/// The 20 rounds; the loop's own instructions are paid for by four rounds.
MEGASEAL_INLINE void chacha20_rounds_unrolled(ChaChaWord (&x)[16]) {
  MEGASEAL_UNROLL(2)
  for (int i = 0; i < 10; i++) {
    chacha20_quarter4(x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], x[10], x[11], x[12], x[13],
                      x[14], x[15]);
    chacha20_quarter4(x[0], x[1], x[2], x[3], x[5], x[6], x[7], x[4], x[10], x[11], x[8], x[9], x[15], x[12],
                      x[13], x[14]);
  }
}

/// The 16 words of block `counter`. Every index is known to the compiler: all of it lives in registers.
MEGASEAL_INLINE void chacha20_block(u32 (&out)[16], const u32 (&key)[8], u32 counter, const u32 (&tail)[3]) {
  ChaChaWord x[16];
  MEGASEAL_UNROLL(4)
  for (int i = 0; i < 4; i++) x[i] = {chacha20_constant(i)};
  MEGASEAL_UNROLL(8)
  for (int i = 0; i < 8; i++) x[4 + i] = {key[i]};
  x[12] = {counter};
  MEGASEAL_UNROLL(3)
  for (int i = 0; i < 3; i++) x[13 + i] = {tail[i]};
  chacha20_rounds_unrolled(x);
  MEGASEAL_UNROLL(16)
  for (int i = 0; i < 16; i++)
    out[i] = x[i].v + (i < 4 ? chacha20_constant(i) : i < 12 ? key[i - 4] : i == 12 ? counter : tail[i - 13]);
}

/// A lane makes a block of 64 bytes.
struct StreamProgram {
  using Job = StreamJob;
  struct Shared {};
  struct Lane {};
  static constexpr u32 block = 128;
  static constexpr u32 min_blocks = 8;
  static constexpr int phases = 1;

  static MEGASEAL_HD u32 num_blocks(const Job& job) {
    return job.num_blocks / block + (job.num_blocks % block != 0);
  }

  template <int kPhase>
  static MEGASEAL_INLINE void run(const Job& job, Place place, Shared&, Lane&) {
    const u32 i = global_lane<StreamProgram>(place);
    if (i >= job.num_blocks) return;
    u32 key[8], stream[16];
    const u32 tail[3] = {job.number, 0, 0};
    MEGASEAL_UNROLL(8)
    for (int k = 0; k < 8; k++) key[k] = load4(job.key + 4 * k);
    chacha20_block(stream, key, job.first_block + i, tail);
    u8* out = job.out + 64 * size_t(i);
    MEGASEAL_UNROLL(4)
    for (int q = 0; q < 4; q++)
      store16(out + 16 * q, {{stream[4 * q], stream[4 * q + 1], stream[4 * q + 2], stream[4 * q + 3]}});
  }
};

// ---- Two formats ----

struct AeadFormat {
  static constexpr u32 text_in_block0 = 0;  // bytes of text that block 0 covers, with its upper half
  static constexpr bool has_aad = true;     // and lengths, and parts that are padded with zeros
  /// Words 13, 14, 15 of the state.
  static MEGASEAL_INLINE void nonce(u32 (&tail)[3], const u8* p) {
    tail[0] = load4(p), tail[1] = load4(p + 4), tail[2] = load4(p + 8);
  }
};
struct SecretboxFormat {
  static constexpr u32 text_in_block0 = 32;
  static constexpr bool has_aad = false;
  /// Eight bytes; the counter's upper half stays 0.
  static MEGASEAL_INLINE void nonce(u32 (&tail)[3], const u8* p) {
    tail[0] = 0, tail[1] = load4(p), tail[2] = load4(p + 4);
  }
};

/// The items of a job that one launch takes: all whose text's length lies between the two given. Where the job has bins
/// these are neighbours in its order, from number *begin up to number *end.
struct CipherPart {
  CipherJob job;
  u32 min_len, max_len;
  const u32 *begin, *end;
};

/// Pre: keys and nonces lie at multiples of 4.
template <bool kSeal, class Format, u32 kGroup>
struct CipherProgram {
  using Job = CipherPart;
  using Sum = PolySum<PolyNarrow>;
  static constexpr u32 block = 128;
  static constexpr u32 min_blocks = 5;
  static constexpr int phases = kGroup == 1 ? 1 : 3;
  static constexpr u32 groups = block / kGroup;

  struct Parts {
    u32 limbs[groups][5][kGroup];
    u32 failed[groups];
  };
  struct Nothing {};
  template <bool kTogether, class T>
  struct Choose {
    using Type = T;
  };
  template <class T>
  struct Choose<false, T> {
    using Type = Nothing;
  };
  /// Parts of the MAC are secret: phase 1 leaves zeros.
  using Shared = typename Choose<kGroup != 1, Parts>::Type;
  struct Lane {
    u32 item;  // none: ~0
    PolyKey<PolyNarrow> key;
    PolyNarrow pad[4];
  };

  /// That there is work for. Less may run: a block then takes another's place when it is done with its own.
  static MEGASEAL_HD u32 num_blocks(const Job& part) {
    const u64 items = part.begin ? *part.end - *part.begin : part.job.num;
    return u32((items + groups - 1) / groups);
  }

  template <int kPhase>
  static MEGASEAL_INLINE void run(const Job& part, Place place, Shared& shared, Lane& lane) {
    const u32 in_group = place.lane % kGroup, group = place.lane / kGroup;
    if constexpr (kPhase == 0) {
      lane.item = item_of(part, place.block * groups + group);
      if (lane.item == ~u32(0)) return;
      const CipherJob& job = part.job;
      const Span span = job.spans[lane.item];
      if (job.status[lane.item] != 0) {
        zero_text(job, span, in_group);
        if (kSeal && in_group == 0) store16(job.tags + 16 * size_t(lane.item), {});
        lane.item = ~u32(0);
        return;
      }
      Sum sum;
      whole_run(job, span, in_group, lane, sum);
      if constexpr (kGroup == 1) {
        if (!finish(job, span, lane, sum)) zero_text(job, span, 0);
      } else {
        MEGASEAL_UNROLL(5)
        for (int i = 0; i < 5; i++) shared.limbs[group][i][in_group] = sum.h[i].v;
      }
    }
    if constexpr (kPhase == 1) {
      if (lane.item == ~u32(0) || in_group != 0) return;
      Sum sum;
      sum.clear();
      for (u32 j = 0; j < kGroup; j++) {
        Sum other;
        MEGASEAL_UNROLL(5)
        for (int i = 0; i < 5; i++) other.h[i].v = shared.limbs[group][i][j], shared.limbs[group][i][j] = 0;
        sum.add(other);
      }
      shared.failed[group] = !finish(part.job, part.job.spans[lane.item], lane, sum);
    }
    if constexpr (kPhase == 2) {
      if (lane.item == ~u32(0) || !shared.failed[group]) return;
      zero_text(part.job, part.job.spans[lane.item], in_group);
    }
  }

 private:
  static MEGASEAL_INLINE u32 item_of(const Job& part, u32 k) {
    if (part.begin) {
      const u32 at = *part.begin + k;
      return at < *part.end ? part.job.order[at] : ~u32(0);
    }
    if (k >= part.job.num) return ~u32(0);
    const u32 item = part.job.order ? part.job.order[k] : k;
    const u32 len = part.job.spans[item].len;
    return len >= part.min_len && len <= part.max_len ? item : ~u32(0);
  }

  static MEGASEAL_INLINE void zero_text(const CipherJob& job, const Span& span, u32 in_group) {
    u8* out = job.out + span.text;
    for (u64 at = 16 * in_group; at < span.len; at += 16 * kGroup) store16(out + at, {});
  }

  /// A piece of a block, words `kFrom` … of the key stream: the MAC takes the ciphertext.
  static MEGASEAL_INLINE void crypt16(u8* out, const Vec16& text, const u32* stream, Sum& sum,
                                      const PolyKey<PolyNarrow>& key) {
    Vec16 changed;
    MEGASEAL_UNROLL(4)
    for (int i = 0; i < 4; i++) changed.w[i] = text.w[i] ^ stream[i];
    store16(out, changed);
    const Vec16& hashed = kSeal ? changed : text;
    sum.block({hashed.w[0]}, {hashed.w[1]}, {hashed.w[2]}, {hashed.w[3]}, 1, key);
  }
  /// The last piece of a message, `bytes` < 16 of it: what follows becomes zero.
  static MEGASEAL_INLINE void crypt_last(u8* out, const Vec16& text, const u32* stream, int bytes, Sum& sum,
                                         const PolyKey<PolyNarrow>& key) {
    Vec16 changed, hashed;
    MEGASEAL_UNROLL(4)
    for (int i = 0; i < 4; i++) {
      const u32 mask = first_bytes_mask(bytes - 4 * i);
      changed.w[i] = (text.w[i] ^ stream[i]) & mask;
      hashed.w[i] = kSeal ? changed.w[i] : text.w[i] & mask;
      if (!Format::has_aad && bytes / 4 == i) hashed.w[i] |= u32(1) << (8 * (bytes % 4));
    }
    store16(out, changed);
    sum.block({hashed.w[0]}, {hashed.w[1]}, {hashed.w[2]}, {hashed.w[3]}, Format::has_aad ? 1 : 0, key);
  }
  /// The text's pieces, before the rounds that take longer than memory does.
  template <int kPieces>
  static MEGASEAL_INLINE void load(Vec16 (&text)[kPieces], const u8* in, u32 left) {
    if (left >= 16 * kPieces) {
      MEGASEAL_UNROLL(4)
      for (int q = 0; q < kPieces; q++) text[q] = load16(in + 16 * q);
      return;
    }
    MEGASEAL_UNROLL(4)
    for (int q = 0; q < kPieces; q++) text[q] = left > u32(16 * q) ? load16(in + 16 * q) : Vec16{};
  }
  /// The last kPieces pieces of a block over `left` bytes of text.
  template <int kPieces>
  static MEGASEAL_INLINE void crypt(u8* out, const Vec16 (&text)[kPieces], u32 left, const u32 (&stream)[16],
                                    Sum& sum, const PolyKey<PolyNarrow>& key) {
    constexpr int from = 16 - 4 * kPieces;
    if (left >= 16 * kPieces) {
      MEGASEAL_UNROLL(4)
      for (int q = 0; q < kPieces; q++) crypt16(out + 16 * q, text[q], stream + from + 4 * q, sum, key);
      return;
    }
    MEGASEAL_UNROLL(4)
    for (int q = 0; q < kPieces; q++) {
      const int bytes = int(left) - 16 * q;
      if (bytes >= 16)
        crypt16(out + 16 * q, text[q], stream + from + 4 * q, sum, key);
      else if (bytes > 0)
        crypt_last(out + 16 * q, text[q], stream + from + 4 * q, bytes, sum, key);
    }
  }

  /// The aad, followed by zeros to a whole block.
  static MEGASEAL_INLINE void hash_aad(const u8* aad, u32 len, Sum& sum, const PolyKey<PolyNarrow>& key) {
    for (u32 at = 0; at < len; at += 16) {
      Vec16 x = load16(aad + at);
      if (len - at < 16) {
        MEGASEAL_UNROLL(4)
        for (int i = 0; i < 4; i++) x.w[i] &= first_bytes_mask(int(len - at) - 4 * i);
      }
      sum.block({x.w[0]}, {x.w[1]}, {x.w[2]}, {x.w[3]}, 1, key);
      if (len - at <= 16) break;  // and no sum beyond 2^32
    }
  }

  /// This lane's run of the message, and its part of the MAC, already at its place.
  static MEGASEAL_INLINE void whole_run(const CipherJob& job, const Span& span, u32 in_group, Lane& lane,
                                        Sum& sum) {
    u32 key[8], tail[3];
    const u8* key_at = job.keys + size_t(lane.item) * job.key_stride;
    MEGASEAL_UNROLL(8)
    for (int i = 0; i < 8; i++) key[i] = load4(key_at + 4 * i);
    Format::nonce(tail, job.nonces + size_t(lane.item) * job.nonce_stride);

    const u8* in = job.in + span.text;
    u8* out = job.out + span.text;
    u32 head = 0;
    if constexpr (Format::text_in_block0 != 0)
      head = span.len < Format::text_in_block0 ? span.len : Format::text_in_block0;
    sum.clear();
    {
      u32 stream[16];
      chacha20_block(stream, key, 0, tail);
      lane.key = poly_key<PolyNarrow>({stream[0]}, {stream[1]}, {stream[2]}, {stream[3]});
      MEGASEAL_UNROLL(4)
      for (int i = 0; i < 4; i++) lane.pad[i].v = stream[4 + i];
      if (Format::has_aad && in_group == 0) hash_aad(job.aad + span.aad, span.aad_len, sum, lane.key);
      if (Format::text_in_block0 != 0 && in_group == 0) {
        Vec16 text[2];
        load(text, in, head);
        crypt(out, text, head, stream, sum, lane.key);
      }
    }

    const u32 len = span.len - head, num = len / 64 + (len % 64 != 0);  // blocks from the first on
    const u32 each = num / kGroup + (num % kGroup != 0), after = each * (kGroup - 1 - in_group);
    const u32 end = num > after ? num - after : 0;
    u32 b = end > each ? end - each : 0;
    in += head + 64 * u64(b), out += head + 64 * u64(b);
    for (u32 left = len - 64 * b; b < end; b++, left -= 64, in += 64, out += 64) {
      Vec16 text[4];
      u32 stream[16];
      load(text, in, left);
      chacha20_block(stream, key, b + 1, tail);
      crypt(out, text, left, stream, sum, lane.key);
    }
    if constexpr (kGroup != 1) {
      const u32 pieces = len / 16 + (len % 16 != 0);
      poly_times_power(sum, lane.key, pieces > 4 * end ? pieces - 4 * end : 0);
    }
  }

  /// Lengths and tag. Whether the message may stand: the tag verified.
  static MEGASEAL_INLINE bool finish(const CipherJob& job, const Span& span, const Lane& lane, Sum& sum) {
    if (Format::has_aad) sum.block({span.aad_len}, {0}, {span.len}, {0}, 1, lane.key);
    PolyNarrow tag[4];
    sum.finish(tag, lane.pad);
    u8* at = job.tags + 16 * size_t(lane.item);
    if (kSeal) {
      store16(at, {{tag[0].v, tag[1].v, tag[2].v, tag[3].v}});
      return true;
    }
    const Vec16 given = load16(at);
    const u32 differ =
        (tag[0].v ^ given.w[0]) | (tag[1].v ^ given.w[1]) | (tag[2].v ^ given.w[2]) | (tag[3].v ^ given.w[3]);
    if (is_zero_made_public(differ)) return true;
    job.status[lane.item] = 1;  // ItemStatus::auth_failed
    return false;
  }
};

// ---- The order by length ----

/// Bins by the number of blocks: 0, 1, 2, 3, 4, then two to each doubling. A bin ends at each power of two, from 4 on.
MEGASEAL_INLINE u32 cipher_bin(u32 len) {
  const u32 num = len / 64 + (len % 64 != 0);
  if (num <= 4) return num;
  u32 e = 2;
  while ((num - 1) >> (e + 1) != 0) e++;
  return 1 + 2 * e + ((num - 1) >> (e - 1) & 1);
}

/// Counts what is in each bin, or, when that is done, gives the items their places: the longest first, so that what runs
/// last is short. Pre of counting: bins are zeros.
template <bool kPlace>
struct OrderProgram {
  using Job = gpu::OrderJob;
  static constexpr u32 num_bins = Job::num_bins;
  static constexpr u32 block = 256;
  static constexpr u32 min_blocks = 4;
  static constexpr u32 each = 8;  // items of a lane
  static constexpr int phases = kPlace ? 4 : 3;
  struct Shared {
    u32 num[num_bins], begin[num_bins];
  };
  struct Lane {
    u32 bin[each], rank[each];
  };

  static MEGASEAL_HD u32 num_blocks(const Job& job) {
    return u32((u64(job.num) + each * block - 1) / (each * block));
  }

  template <int kPhase>
  static MEGASEAL_INLINE void run(const Job& job, Place place, Shared& shared, Lane& lane) {
    u32 *counts = job.bins, *placed = job.bins + num_bins, *begins = job.bins + 2 * num_bins;
    const u64 first = u64(place.block) * (each * block) + place.lane;
    if constexpr (kPhase == 0) {
      if (place.lane >= num_bins) return;
      shared.num[place.lane] = 0;
      if constexpr (kPlace) {
        u32 longer = 0;
        for (u32 bin = num_bins - 1; bin > place.lane; bin--) longer += counts[bin];
        shared.begin[place.lane] = longer;
        if (place.block == 0) begins[place.lane] = longer;
        if (place.block == 0 && place.lane == 0) begins[num_bins] = job.num;
      }
    }
    if constexpr (kPhase == 1) {
      MEGASEAL_UNROLL(8)
      for (u32 k = 0; k < each; k++) {
        if (first + k * block >= job.num) continue;
        lane.bin[k] = cipher_bin(job.spans[first + k * block].len);
        lane.rank[k] = fetch_add(&shared.num[lane.bin[k]], 1);
      }
    }
    if constexpr (kPhase == 2) {
      if (place.lane >= num_bins || shared.num[place.lane] == 0) return;
      if constexpr (kPlace)
        shared.begin[place.lane] += fetch_add(&placed[place.lane], shared.num[place.lane]);
      else
        fetch_add(&counts[place.lane], shared.num[place.lane]);
    }
    if constexpr (kPhase == 3) {
      MEGASEAL_UNROLL(8)
      for (u32 k = 0; k < each; k++)
        if (first + k * block < job.num)
          job.order[shared.begin[lane.bin[k]] + lane.rank[k]] = u32(first + k * block);
    }
  }
};

// ---- What a job is made of ----

/// Up to which length a lane takes a message alone, and eight lanes together; longer ones take a warp. Sharing costs every
/// lane a block and a dozen products, so that many messages are shared among few lanes; few would leave the device idle.
struct CipherShapes {
  u32 alone_max, eight_max;
};
MEGASEAL_INLINE CipherShapes cipher_shapes(u32 num) {
  if (num >= 65536) return {4096, 32768};
  if (num >= 8192) return {1024, 8192};
  return {256, 2048};
}

/// Calls run(program, part) for each program that the job may need, until one returns other than 0. The lengths are in the
/// device's memory: without bins every shape that the job's bounds leave looks at every item, and leaves those of the others.
template <bool kSeal, class Format, class Run>
int cipher_parts(const CipherJob& job, const Run& run) {
  if (job.num == 0) return 0;
  const CipherShapes shapes = cipher_shapes(job.num);
  // The longest bins come first, and the bin of a bound is the last of its shape.
  const auto part = [&](u32 min_len, u32 max_len) {
    if (!job.bins) return CipherPart{job, min_len, max_len, nullptr, nullptr};
    const u32* begins = job.bins + 2 * gpu::OrderJob::num_bins;
    const u32* end = min_len == 0 ? begins + gpu::OrderJob::num_bins : begins + cipher_bin(min_len - 1);
    return CipherPart{job, min_len, max_len, begins + cipher_bin(max_len), end};
  };
  int error = 0;
  if (job.max_len > shapes.eight_max)
    error = run(CipherProgram<kSeal, Format, 32>(), part(shapes.eight_max + 1, ~u32(0)));
  if (error == 0 && job.max_len > shapes.alone_max && job.min_len <= shapes.eight_max)
    error = run(CipherProgram<kSeal, Format, 8>(), part(shapes.alone_max + 1, shapes.eight_max));
  if (error == 0 && job.min_len <= shapes.alone_max)
    error = run(CipherProgram<kSeal, Format, 1>(), part(0, shapes.alone_max));
  return error;
}

MEGASEAL_KERNELS_END
