// 32-bit words of the portable backend: one lane, and four lanes in the compiler's generic vectors.
//
// Generic vectors need no intrinsic and no flag: on x86-64 sixteen bytes are SSE2, which every such processor
// has; elsewhere the compiler takes what its baseline offers, or splits them into scalars.
//
// `+` and `-` are exact: a kernel that uses them promises that they never wrap. ChaCha20 and SHA-256 add
// modulo 2^32 on purpose and say so with `wrap_add`, so that a proving word can tell the two apart.
//
// What a kernel may ask of a word of L lanes:
//   splat, load/store of L numbers, lane_numbers (0 … L-1), + - wrap_add & | ^ ~, rotl rotr shr,
//   choose(m, a, b), bit by bit m ? a : b, swap_bytes (of each number),
//   where one operation does it: xor3(a, b, c), majority(a, b, c) bit by bit; where the compiler needs help: pin(x), computed
//   before anything that follows,
//   load_bytes/store_bytes of 4·L bytes (little endian), transpose of L words,
//   and of a word that holds rows of four lanes, one or more blocks side by side: blocks, block_numbers (block k's
//   number in its lane 0), rotate_lanes<K> (lane i takes lane i+K), store_blocks, Alone (the word for one block).
#pragma once
#include "kernels/base.hpp"

MEGASEAL_KERNELS_BEGIN

struct W32 {
  static constexpr int lanes = 1;
  u32 v;

  static MEGASEAL_INLINE W32 splat(u32 x) { return {x}; }
  static MEGASEAL_INLINE W32 load(const u32* p) { return {*p}; }
  MEGASEAL_INLINE void store(u32* p) const { *p = v; }
  static MEGASEAL_INLINE W32 load_bytes(const u8* p) { return {load_le32(p)}; }
  MEGASEAL_INLINE void store_bytes(u8* p) const { store_le32(p, v); }
  static MEGASEAL_INLINE W32 lane_numbers() { return {0}; }

  friend MEGASEAL_INLINE W32 operator+(W32 a, W32 b) { return {a.v + b.v}; }
  friend MEGASEAL_INLINE W32 operator-(W32 a, W32 b) { return {a.v - b.v}; }
  friend MEGASEAL_INLINE W32 operator&(W32 a, W32 b) { return {a.v & b.v}; }
  friend MEGASEAL_INLINE W32 operator|(W32 a, W32 b) { return {a.v | b.v}; }
  friend MEGASEAL_INLINE W32 operator^(W32 a, W32 b) { return {a.v ^ b.v}; }
  friend MEGASEAL_INLINE W32 operator~(W32 a) { return {~a.v}; }
  friend MEGASEAL_INLINE W32 wrap_add(W32 a, W32 b) { return {a.v + b.v}; }
  friend MEGASEAL_INLINE W32 choose(W32 m, W32 a, W32 b) { return {b.v ^ (m.v & (a.v ^ b.v))}; }
  friend MEGASEAL_INLINE W32 swap_bytes(W32 a) { return {__builtin_bswap32(a.v)}; }
  template <int N>
  MEGASEAL_INLINE W32 rotl() const {
    static_assert(0 < N && N < 32);
    return {(v << N) | (v >> (32 - N))};
  }
  template <int N>
  MEGASEAL_INLINE W32 rotr() const {
    return rotl<32 - N>();
  }
  template <int N>
  MEGASEAL_INLINE W32 shr() const {
    return {v >> N};
  }
};
/// The lanes x lanes transpose of a word array; with one lane there is nothing to move.
MEGASEAL_INLINE void transpose(W32*) {}

struct W32x4 {
  static constexpr int lanes = 4;
  static constexpr int registers = 16;
  typedef u32 Vector __attribute__((vector_size(16)));
  typedef uint16_t Halves __attribute__((vector_size(16)));
  Vector v;

  static MEGASEAL_INLINE W32x4 splat(u32 x) { return {Vector{x, x, x, x}}; }
  static MEGASEAL_INLINE W32x4 load(const u32* p) { return load_bytes(reinterpret_cast<const u8*>(p)); }
  MEGASEAL_INLINE void store(u32* p) const { store_bytes(reinterpret_cast<u8*>(p)); }
  static MEGASEAL_INLINE W32x4 load_bytes(const u8* p) {
    W32x4 x;
    copy_bytes(&x.v, p, 16);
    return x;
  }
  MEGASEAL_INLINE void store_bytes(u8* p) const { copy_bytes(p, &v, 16); }
  static MEGASEAL_INLINE W32x4 lane_numbers() { return {Vector{0, 1, 2, 3}}; }

  friend MEGASEAL_INLINE W32x4 operator+(W32x4 a, W32x4 b) { return {a.v + b.v}; }
  friend MEGASEAL_INLINE W32x4 operator-(W32x4 a, W32x4 b) { return {a.v - b.v}; }
  friend MEGASEAL_INLINE W32x4 operator&(W32x4 a, W32x4 b) { return {a.v & b.v}; }
  friend MEGASEAL_INLINE W32x4 operator|(W32x4 a, W32x4 b) { return {a.v | b.v}; }
  friend MEGASEAL_INLINE W32x4 operator^(W32x4 a, W32x4 b) { return {a.v ^ b.v}; }
  friend MEGASEAL_INLINE W32x4 operator~(W32x4 a) { return {~a.v}; }
  friend MEGASEAL_INLINE W32x4 wrap_add(W32x4 a, W32x4 b) { return {a.v + b.v}; }
  /// SSE2 has and-not, so that both halves start at once; the one-lane word saves an operation instead.
  friend MEGASEAL_INLINE W32x4 choose(W32x4 m, W32x4 a, W32x4 b) { return {(m.v & a.v) | (~m.v & b.v)}; }
  /// SSE2 has no byte shuffle: halves change places, then the bytes within them.
  friend MEGASEAL_INLINE W32x4 swap_bytes(W32x4 a) {
    const Halves h = (Halves)a.rotl<16>().v;
    return {(Vector)((h << 8) | (h >> 8))};
  }
  template <int N>
  MEGASEAL_INLINE W32x4 rotl() const {
    static_assert(0 < N && N < 32);
    // SSE2 has no rotate: two shifts and an or, but by 16 bits the halves change places in two shuffles.
    if constexpr (N == 16) {
      Halves h = (Halves)v;
      return {(Vector)__builtin_shufflevector(h, h, 1, 0, 3, 2, 5, 4, 7, 6)};
    } else {
      return {(v << N) | (v >> (32 - N))};
    }
  }
  template <int N>
  MEGASEAL_INLINE W32x4 rotr() const {
    return rotl<32 - N>();
  }
  template <int N>
  MEGASEAL_INLINE W32x4 shr() const {
    return {v >> N};
  }

  using Alone = W32;
  static constexpr int blocks = 1;
  static MEGASEAL_INLINE W32x4 block_numbers() { return {Vector{0, 0, 0, 0}}; }
  static MEGASEAL_INLINE void store_blocks(u8* out, W32x4 a, W32x4 b, W32x4 c, W32x4 d) {
    a.store_bytes(out), b.store_bytes(out + 16), c.store_bytes(out + 32), d.store_bytes(out + 48);
  }
  template <int K>
  MEGASEAL_INLINE W32x4 rotate_lanes() const {
    return {__builtin_shufflevector(v, v, K & 3, (K + 1) & 3, (K + 2) & 3, (K + 3) & 3)};
  }
};
/// Lane j of word i and lane i of word j change places, for the four words at x.
MEGASEAL_INLINE void transpose(W32x4* x) {
  W32x4::Vector a = __builtin_shufflevector(x[0].v, x[1].v, 0, 4, 1, 5);
  W32x4::Vector b = __builtin_shufflevector(x[2].v, x[3].v, 0, 4, 1, 5);
  W32x4::Vector c = __builtin_shufflevector(x[0].v, x[1].v, 2, 6, 3, 7);
  W32x4::Vector d = __builtin_shufflevector(x[2].v, x[3].v, 2, 6, 3, 7);
  x[0].v = __builtin_shufflevector(a, b, 0, 1, 4, 5);
  x[1].v = __builtin_shufflevector(a, b, 2, 3, 6, 7);
  x[2].v = __builtin_shufflevector(c, d, 0, 1, 4, 5);
  x[3].v = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

MEGASEAL_KERNELS_END
