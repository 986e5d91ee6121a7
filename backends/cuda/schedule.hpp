// HPKE's key derivation (kernels/hpke_schedule.hpp has the sequence of hashes) on a device, a message to a lane.
//
// Nineteen compressions and more, each some 1,500 instructions when its sixteen schedule words live in registers: so there is
// one, in a loop, and what goes into it and where its result goes is chosen by the loop's state, the same in all lanes. All
// of it stays in registers: no local memory, nothing shared, nothing to wipe.
#pragma once
#include "backends/cuda/jobs.hpp"
#include "backends/cuda/memory.hpp"
#include "backends/cuda/program.hpp"
#include "backends/cuda/word.hpp"
#include "kernels/hpke_schedule.hpp"

MEGASEAL_KERNELS_BEGIN

using gpu::ScheduleJob;

/// v = start + compression of w. Unrolled: constants are part of the instructions.
MEGASEAL_INLINE void sha256_in_registers(W32 (&v)[8], W32 (&w)[16], const W32 (&start)[8]) {
  const u32* k = sha256_constants();
  MEGASEAL_UNROLL(8)
  for (int i = 0; i < 8; i++) v[i] = start[i];
  W32 bc = v[1] ^ v[2];
  MEGASEAL_UNROLL(4)
  for (int r = 0; r < 64; r += 16)
    sha256_rounds16(
        v, bc, [&](int i) __attribute__((always_inline)) {
          const W32 kw = wrap_add(w[i], W32::splat(k[r + i]));
          if (r < 48) w[i] = sha256_next(w[i], w[(i + 1) % 16], w[(i + 9) % 16], w[(i + 14) % 16]);
          return kw;
        });
  MEGASEAL_UNROLL(8)
  for (int i = 0; i < 8; i++) v[i] = wrap_add(v[i], start[i]);
}

/// What a launch adds to a job: the messages of the last three hashes, which are public and the same for all.
struct PreparedSchedule {
  ScheduleJob job;
  u32 expand[3][2][16];  // key, base nonce, exporter secret
};

inline PreparedSchedule prepare_schedule(const ScheduleJob& job) {
  PreparedSchedule out = {job, {}};
  constexpr struct {
    u8 out_len, label_len;
    const char* label;
  } expands[3] = {{32, 3, "key"}, {12, 10, "base_nonce"}, {32, 3, "exp"}};
  for (int e = 0; e < 3; e++) {
    u8 bytes[128];
    HmacMessage message = {bytes};
    message.put_length(expands[e].out_len);
    message.put_hpke_label(expands[e].label, expands[e].label_len);
    message.put(job.key_schedule_context, 65);
    message.put("\x01", 1);
    message.pad(bytes, sizeof bytes);
    for (int i = 0; i < 32; i++) out.expand[e][i / 16][i % 16] = load_be32(bytes + 4 * i);
  }
  return out;
}

/// Pre: recipients lie at multiples of 4.
struct ScheduleProgram {
  using Job = PreparedSchedule;
  struct Shared {};
  struct Lane {};
  static constexpr u32 block = 128;
  static constexpr u32 min_blocks = 6;
  static constexpr int phases = 1;

  static MEGASEAL_HD u32 num_blocks(const Job& prepared) {
    return prepared.job.num / block + (prepared.job.num % block != 0);
  }

  /// The hashes in their order, and the compressions of one: key ^ ipad, key ^ opad, the message's first block, its others,
  /// and the outer hash. The first has a constant key, and the last three share the key of one.
  enum Hash : u32 { eae_prk, shared_secret, secret, key, base_nonce, exporter_secret };
  enum Part : u32 { inner_key, outer_key, first_block, other_block, outer_hash };

  template <int kPhase>
  static MEGASEAL_INLINE void run(const Job& prepared, Place place, Shared&, Lane&) {
    const ScheduleJob& job = prepared.job;
    const u32 item = global_lane<ScheduleProgram>(place);
    if (item >= job.num) return;
    const u64 secret_blocks = (label_len + job.psk_len + 9 + 63) / 64;

    W32 inner[8], outer[8], digest[8];
    {
      HmacKey<Sha256Lanes<W32, W32>> zero;
      hmac_zero_key(zero);
      MEGASEAL_UNROLL(8)
      for (int i = 0; i < 8; i++) inner[i] = zero.inner.w[i], outer[i] = zero.outer.w[i], digest[i] = {0};
    }
    u32 hash = eae_prk, part = first_block;
    u64 b = 0;  // of the message
    for (;;) {
      W32 w[16], start[8], v[8];
      MEGASEAL_UNROLL(8)
      for (int i = 0; i < 8; i++)
        start[i] = part <= outer_key     ? W32{sha256_initial()[i]}
                   : part == first_block ? inner[i]
                   : part == other_block ? digest[i]
                                         : outer[i];
      if (part <= outer_key) {
        const u32 pad = part == inner_key ? 0x36363636 : 0x5c5c5c5c;
        MEGASEAL_UNROLL(8)
        for (int i = 0; i < 8; i++) w[i].v = digest[i].v ^ pad, w[8 + i].v = pad;
      } else if (part == outer_hash) {
        MEGASEAL_UNROLL(8)
        for (int i = 0; i < 8; i++) w[i] = digest[i], w[8 + i] = {0};
        w[8] = {0x80000000}, w[15] = {96 * 8};
      } else if (hash == eae_prk) {
        dh_block(w, job.dh + 32 * size_t(item));
      } else if (hash == shared_secret) {
        const u8* recipient =
            job.recipients + size_t(job.recipient_of ? job.recipient_of[item] : item) * job.recipient_stride;
        if (b == 0)
          first_enc_block(w, job.enc + 32 * size_t(item), recipient);
        else
          last_enc_block(w, recipient);
      } else if (hash == secret) {
        psk_block(w, job, b, b + 1 == secret_blocks);
      } else {
        MEGASEAL_UNROLL(16)
        for (int i = 0; i < 16; i++) w[i] = {prepared.expand[hash - key][b][i]};
      }

      sha256_in_registers(v, w, start);

      MEGASEAL_UNROLL(8)
      for (int i = 0; i < 8; i++) {
        inner[i] = part == inner_key ? v[i] : inner[i];
        outer[i] = part == outer_key ? v[i] : outer[i];
        digest[i] = part > outer_key ? v[i] : digest[i];
      }
      if (part <= outer_key) {
        part++, b = 0;
      } else if (part != outer_hash) {
        b++;
        part = b == (hash == eae_prk ? 1 : hash == secret ? secret_blocks : 2) ? outer_hash : other_block;
      } else {
        if (hash == key) store(job.keys + 32 * size_t(item), digest, 8);
        if (hash == base_nonce) store(job.nonces + 12 * size_t(item), digest, 3);
        if (hash == exporter_secret) store(job.exporters + 32 * size_t(item), digest, 8);
        if (hash == (job.exporters ? exporter_secret : base_nonce)) return;
        hash++, b = 0;
        part = hash <= key ? inner_key : first_block;
      }
    }
  }

 private:
  static constexpr u64 label_len = 23;  // "HPKE-v1" ‖ suite_id ‖ "secret"

  static MEGASEAL_INLINE u32 big_endian(const u8* p) { return reverse_bytes(load4(p)); }
  static MEGASEAL_INLINE void store(u8* out, const W32 (&digest)[8], int n) {
    MEGASEAL_UNROLL(8)
    for (int i = 0; i < 8; i++)
      if (i < n) store4(out + 4 * i, reverse_bytes(digest[i].v));
  }
  /// Words that begin a byte later than the data's own: labels end three bytes after a whole word, all of them.
  static MEGASEAL_INLINE u32 between(u32 before, u32 next) { return before << 8 | next >> 24; }

  /// "HPKE-v1KEM" 0x0020 "eae_prk" ‖ dh, 51 bytes.
  static MEGASEAL_INLINE void dh_block(W32 (&w)[16], const u8* dh) {
    u32 d[8];
    MEGASEAL_UNROLL(8)
    for (int i = 0; i < 8; i++) d[i] = big_endian(dh + 4 * i);
    w[0] = {0x48504b45}, w[1] = {0x2d76314b}, w[2] = {0x454d0020},
    w[3] = {0x6561655f};               // HPKE -v1K EM.. eae_
    w[4] = {0x70726b00 | d[0] >> 24};  // prk
    MEGASEAL_UNROLL(7)
    for (int i = 1; i < 8; i++) w[4 + i] = {between(d[i - 1], d[i])};
    w[12] = {d[7] << 8 | 0x80};
    w[13] = w[14] = {0}, w[15] = {8 * (64 + 51)};
  }
  /// 32 as two bytes ‖ "HPKE-v1KEM" 0x0020 "shared_secret" ‖ enc ‖ recipient ‖ 1, 92 bytes: the first 64 of them.
  static MEGASEAL_INLINE void first_enc_block(W32 (&w)[16], const u8* enc, const u8* recipient) {
    u32 d[10];
    MEGASEAL_UNROLL(8)
    for (int i = 0; i < 8; i++) d[i] = big_endian(enc + 4 * i);
    d[8] = big_endian(recipient), d[9] = big_endian(recipient + 4);
    w[0] = {0x00204850}, w[1] = {0x4b452d76}, w[2] = {0x314b454d};  // ..HP KE-v 1KEM
    w[3] = {0x00207368}, w[4] = {0x61726564}, w[5] = {0x5f736563};  // ..sh ared _sec
    w[6] = {0x72657400 | d[0] >> 24};                               // ret
    MEGASEAL_UNROLL(9)
    for (int i = 1; i < 10; i++) w[6 + i] = {between(d[i - 1], d[i])};
  }
  static MEGASEAL_INLINE void last_enc_block(W32 (&w)[16], const u8* recipient) {
    u32 d[8];
    MEGASEAL_UNROLL(7)
    for (int i = 1; i < 8; i++) d[i] = big_endian(recipient + 4 * i);
    MEGASEAL_UNROLL(6)
    for (int i = 0; i < 6; i++) w[i] = {between(d[i + 1], d[i + 2])};
    w[6] = {d[7] << 8 | 0x01};
    w[7] = {0x80000000};
    MEGASEAL_UNROLL(7)
    for (int i = 8; i < 15; i++) w[i] = {0};
    w[15] = {8 * (64 + 92)};
  }
  /// What follows the whole words of psk: its last bytes and 0x80.
  static MEGASEAL_INLINE u32 psk_end(const ScheduleJob& job) {
    const u8* p = job.psk + (job.psk_len & ~u64(3));
    const u32 n = u32(job.psk_len % 4);
    u32 word = 0x80000000 >> (8 * n);
    if (n > 0) word |= u32(p[0]) << 24;
    if (n > 1) word |= u32(p[1]) << 16;
    if (n > 2) word |= u32(p[2]) << 8;
    return word;
  }
  /// Word `k` of psk ‖ 0x80 ‖ zeros.
  static MEGASEAL_INLINE u32 psk_word(const ScheduleJob& job, u64 k, u32 end) {
    const u64 whole = job.psk_len / 4;
    return k < whole ? big_endian(job.psk + 4 * k) : k == whole ? end : 0;
  }
  /// Block `b` of "HPKE-v1HPKE" 0x0020 0x0001 0x0003 "secret" ‖ psk.
  static MEGASEAL_INLINE void psk_block(W32 (&w)[16], const ScheduleJob& job, u64 b, bool last) {
    constexpr u32 label[6] = {0x48504b45, 0x2d763148, 0x504b4500, 0x20000100, 0x03736563, 0x72657400};
    const u32 end = psk_end(job);
    u32 before = b == 0 ? 0 : psk_word(job, 16 * b - 6, end);
    MEGASEAL_UNROLL(16)
    for (int i = 0; i < 16; i++) {
      const u32 next = b == 0 && i < 5 ? 0 : psk_word(job, 16 * b + i - 5, end);
      w[i] = {between(before, next)};
      if (b == 0 && i < 6) w[i].v |= label[i];
      before = next;
    }
    if (last) {
      const u64 bits = 8 * (64 + label_len + job.psk_len);
      w[14] = {u32(bits >> 32)}, w[15] = {u32(bits)};
    }
  }
};

MEGASEAL_KERNELS_END
