// What stands between an X25519 shared secret and the secretbox of a sealed box
// (crypto_box_curve25519xchacha20poly1305_seal), a message to a lane: the box's nonce is BLAKE2b-192(enc ‖ recipient), its key
// HChaCha20 of the shared secret, and the secretbox's key HChaCha20 of that under the nonce's first 16 bytes. The other 8
// are the secretbox's nonce.
#pragma once
#include "backends/cuda/cipher.hpp"
#include "kernels/blake2b.hpp"

MEGASEAL_KERNELS_BEGIN

struct BoxWord64 {
  u64 v;
  static MEGASEAL_INLINE BoxWord64 splat(u64 x) { return {x}; }
  friend MEGASEAL_INLINE BoxWord64 wrap_add(BoxWord64 a, BoxWord64 b) { return {a.v + b.v}; }
  friend MEGASEAL_INLINE BoxWord64 operator^(BoxWord64 a, BoxWord64 b) { return {a.v ^ b.v}; }
  template <int N>
  MEGASEAL_INLINE BoxWord64 rotr() const {
    return {v >> N | v << (64 - N)};
  }
};

/// key = HChaCha20(key, nonce).
MEGASEAL_INLINE void hchacha20_in_registers(u32 (&key)[8], const u32 (&nonce)[4]) {
  ChaChaWord x[16];
  MEGASEAL_UNROLL(4)
  for (int i = 0; i < 4; i++) x[i] = {chacha20_constant(i)};
  MEGASEAL_UNROLL(8)
  for (int i = 0; i < 8; i++) x[4 + i] = {key[i]};
  MEGASEAL_UNROLL(4)
  for (int i = 0; i < 4; i++) x[12 + i] = {nonce[i]};
  chacha20_rounds_unrolled(x);
  MEGASEAL_UNROLL(4)
  for (int i = 0; i < 4; i++) key[i] = x[i].v, key[4 + i] = x[12 + i].v;
}

/// Pre: recipients lie at multiples of 4.
struct SealedBoxProgram {
  using Job = gpu::SealedBoxJob;
  struct Shared {};
  struct Lane {};
  static constexpr u32 block = 128;
  static constexpr u32 min_blocks = 6;
  static constexpr int phases = 1;

  static MEGASEAL_HD u32 num_blocks(const Job& job) { return job.num / block + (job.num % block != 0); }

  template <int kPhase>
  static MEGASEAL_INLINE void run(const Job& job, Place place, Shared&, Lane&) {
    const u32 item = global_lane<SealedBoxProgram>(place);
    if (item >= job.num) return;
    const u8* enc = job.enc + 32 * size_t(item);
    const u8* recipient = job.recipients + size_t(item) * job.recipient_stride;
    BoxWord64 message[8], hash[3];
    MEGASEAL_UNROLL(4)
    for (int i = 0; i < 4; i++) {
      message[i].v = u64(load4(enc + 8 * i + 4)) << 32 | load4(enc + 8 * i);
      message[4 + i].v = u64(load4(recipient + 8 * i + 4)) << 32 | load4(recipient + 8 * i);
    }
    blake2b_192(hash, message);

    u32 key[8];
    const u8* dh = job.dh + 32 * size_t(item);
    MEGASEAL_UNROLL(8)
    for (int i = 0; i < 8; i++) key[i] = load4(dh + 4 * i);
    const u32 zeros[4] = {0, 0, 0, 0};
    const u32 nonce[4] = {u32(hash[0].v), u32(hash[0].v >> 32), u32(hash[1].v), u32(hash[1].v >> 32)};
    hchacha20_in_registers(key, zeros);
    hchacha20_in_registers(key, nonce);
    u8* out = job.keys + 32 * size_t(item);
    store16(out, {{key[0], key[1], key[2], key[3]}});
    store16(out + 16, {{key[4], key[5], key[6], key[7]}});
    store4(job.nonces + 8 * size_t(item), u32(hash[2].v));
    store4(job.nonces + 8 * size_t(item) + 4, u32(hash[2].v >> 32));
  }
};

MEGASEAL_KERNELS_END
