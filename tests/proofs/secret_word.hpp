// Words whose numbers are secret: they compute, and nothing else. There is no conversion to bool or to an integer, no
// comparison, no index, no division and no shift by a secret distance, so that a kernel that compiles over them can
// neither branch on a secret nor take an address from one. They do compute: what they give is compared with libsodium.
//
// Secrets leave a word in two ways. `reveal` and is_zero_made_public are the kernels' own names for making a verdict
// public. And memory is bytes: what is stored there, or loaded into a plain integer, is no longer followed. Keys and
// messages are moved so, byte by byte; tests/ct follows them there, in the binary.
#pragma once
#include "kernels/base.hpp"
#include "kernels/partial.hpp"
#include "kernels/table_use.hpp"

MEGASEAL_KERNELS_BEGIN

/// What all of them lack. Deleted rather than left out, so that the compiler's complaint names it.
#define MEGASEAL_SECRET(Type)                      \
  explicit operator bool() const = delete;         \
  template <class T>                               \
  friend Type operator<<(Type, const T&) = delete; \
  template <class T>                               \
  friend Type operator>>(Type, const T&) = delete; \
  friend Type operator/(Type, Type) = delete;      \
  friend Type operator%(Type, Type) = delete;      \
  friend bool operator==(Type, Type) = delete;     \
  friend bool operator<(Type, Type) = delete;      \
  friend bool operator>(Type, Type) = delete;      \
  friend bool operator<=(Type, Type) = delete;     \
  friend bool operator>=(Type, Type) = delete;

/// Integers of the processor, as kernels/safegcd.hpp computes with. Public ones become secret by themselves.
template <class T>
class SecretInt {
  T v;
  template <class>
  friend class SecretInt;
  template <int, int>
  friend class SecretWord64;

 public:
  using Narrow = SecretInt<int64_t>;
  using Wide = SecretInt<__int128>;
  SecretInt() = default;
  constexpr SecretInt(T number) : v(number) {}
  template <class S>
  constexpr explicit(sizeof(S) >= sizeof(T)) SecretInt(SecretInt<S> other) : v(T(other.v)) {}

  explicit operator bool() const = delete;
  friend SecretInt operator+(SecretInt a, SecretInt b) { return T(a.v + b.v); }
  friend SecretInt operator-(SecretInt a, SecretInt b) { return T(a.v - b.v); }
  friend SecretInt operator*(SecretInt a, SecretInt b) { return T(a.v * b.v); }
  friend SecretInt operator&(SecretInt a, SecretInt b) { return T(a.v & b.v); }
  friend SecretInt operator|(SecretInt a, SecretInt b) { return T(a.v | b.v); }
  friend SecretInt operator^(SecretInt a, SecretInt b) { return T(a.v ^ b.v); }
  SecretInt operator~() const { return T(~v); }
  SecretInt& operator+=(SecretInt b) { return v = T(v + b.v), *this; }
  SecretInt& operator-=(SecretInt b) { return v = T(v - b.v), *this; }
  SecretInt& operator&=(SecretInt b) { return v = T(v & b.v), *this; }
  /// By a public distance.
  friend SecretInt operator<<(SecretInt a, int n) { return T(a.v << n); }
  friend SecretInt operator>>(SecretInt a, int n) { return T(a.v >> n); }
  SecretInt& operator>>=(int n) { return v = T(v >> n), *this; }
  template <class S>
  friend SecretInt operator<<(SecretInt, SecretInt<S>) = delete;
  template <class S>
  friend SecretInt operator>>(SecretInt, SecretInt<S>) = delete;
  friend SecretInt operator/(SecretInt, SecretInt) = delete;
  friend SecretInt operator%(SecretInt, SecretInt) = delete;
  friend bool operator==(SecretInt, SecretInt) = delete;
  friend bool operator<(SecretInt, SecretInt) = delete;
  friend bool operator>(SecretInt, SecretInt) = delete;
  friend SecretInt value_barrier(SecretInt a) { return a; }
};

/// A number of 64 bits in each of L lanes. REGISTERS is what kernels ask a vector word of how many there are.
template <int L, int REGISTERS = 16>
class SecretWord64 {
  u64 v[L];
  template <int>
  friend class SecretReal;

  template <class F>
  static SecretWord64 each(F f) {
    SecretWord64 r;
    for (int l = 0; l < L; l++) r.v[l] = f(l);
    return r;
  }

 public:
  static constexpr int lanes = L;
  static constexpr int registers = REGISTERS;
  MEGASEAL_SECRET(SecretWord64)

  /// All ones or all zeros in each lane.
  class Mask {
    u64 m[L];
    friend SecretWord64;
    template <int>
    friend class SecretReal;

   public:
    explicit operator bool() const = delete;
    friend Mask operator&(Mask a, Mask b) {
      for (int l = 0; l < L; l++) a.m[l] &= b.m[l];
      return a;
    }
    friend Mask operator|(Mask a, Mask b) {
      for (int l = 0; l < L; l++) a.m[l] |= b.m[l];
      return a;
    }
    friend Mask operator~(Mask a) {
      for (int l = 0; l < L; l++) a.m[l] = ~a.m[l];
      return a;
    }
  };
  using Number = SecretInt<u64>;

  static SecretWord64 splat(u64 x) {
    return each([&](int) { return x; });
  }
  static SecretWord64 splat(Number x) { return splat(x.v); }
  static SecretWord64 zero() { return splat(0); }

  friend SecretWord64 operator+(SecretWord64 a, SecretWord64 b) {
    return each([&](int l) { return a.v[l] + b.v[l]; });
  }
  friend SecretWord64 operator-(SecretWord64 a, SecretWord64 b) {
    return each([&](int l) { return a.v[l] - b.v[l]; });
  }
  friend SecretWord64 operator*(SecretWord64 a, SecretWord64 b) {
    return each([&](int l) { return a.v[l] * b.v[l]; });
  }
  friend SecretWord64 operator&(SecretWord64 a, SecretWord64 b) {
    return each([&](int l) { return a.v[l] & b.v[l]; });
  }
  friend SecretWord64 operator|(SecretWord64 a, SecretWord64 b) {
    return each([&](int l) { return a.v[l] | b.v[l]; });
  }
  friend SecretWord64 operator^(SecretWord64 a, SecretWord64 b) {
    return each([&](int l) { return a.v[l] ^ b.v[l]; });
  }
  friend SecretWord64 wrap_add(SecretWord64 a, SecretWord64 b) { return a + b; }
  friend SecretWord64 wrap_sub(SecretWord64 a, SecretWord64 b) { return a - b; }
  template <int K>
  SecretWord64 shr() const {
    return each([&](int l) { return v[l] >> K; });
  }
  template <int K>
  SecretWord64 shl() const {
    return each([&](int l) { return v[l] << K; });
  }
  template <int K>
  SecretWord64 shl_drop() const {
    return shl<K>();
  }
  /// By a public distance.
  SecretWord64 shr_bits(int k) const {
    return each([&](int l) { return v[l] >> k; });
  }
  SecretWord64 shl_bits(int k) const {
    return each([&](int l) { return v[l] << k; });
  }
  SecretWord64 shr_bits(SecretWord64) const = delete;
  SecretWord64 shl_bits(SecretWord64) const = delete;
  template <u64 K>
  SecretWord64 times() const {
    return each([&](int l) { return v[l] * K; });
  }

  // ---- Between memory and words

  static SecretWord64 load(const u64* p) {
    return each([&](int l) { return p[l]; });
  }
  void store(u64* p) const {
    for (int l = 0; l < L; l++) p[l] = v[l];
  }
  static SecretWord64 load_lanes(const u8* p, size_t stride) {
    return each([&](int l) { return load_le64(p + size_t(l) * stride); });
  }
  void store_lanes(u8* p, size_t stride) const {
    for (int l = 0; l < L; l++) store_le64(p + size_t(l) * stride, v[l]);
  }
  static void load_keys(SecretWord64 (&q)[4], const u8* const* p) {
    for (int i = 0; i < 4; i++)
      for (int l = 0; l < L; l++) q[i].v[l] = load_le64(p[l] + 8 * i);
  }
  static void store_pairs(u8* const* p, SecretWord64 lo, SecretWord64 hi) {
    for (int l = 0; l < L; l++) store_le64(p[l], lo.v[l]), store_le64(p[l] + 8, hi.v[l]);
  }
  friend void store_bytes(u8* p, SecretWord64 x) {
    static_assert(L == 1);
    store_le64(p, x.v[0]);
  }
  static void transpose(SecretWord64 (&x)[L]) {
    SecretWord64 t[L];
    for (int k = 0; k < L; k++) t[k] = x[k];
    for (int k = 0; k < L; k++)
      for (int l = 0; l < L; l++) x[k].v[l] = t[l].v[k];
  }
  friend void pin(SecretWord64&) {}
  friend void in_memory(SecretWord64&) {}

  /// Poly1305's rows of 64 bytes.
  class Row {
    u64 w[8];
    friend SecretWord64;
  };
  static Row row(const u8* p) { return row_part(p, 0, 64); }
  static Row row_part(const u8* p, unsigned skip, unsigned n) {
    u8 bytes[64] = {};
    copy_bytes(bytes + skip, p, n);
    Row r;
    copy_bytes(r.w, bytes, 64);
    return r;
  }
  static void from_rows(SecretWord64 (&q)[8], const Row (&r)[L]) {
    for (int k = 0; k < 8; k++)
      for (int l = 0; l < L; l++) q[k].v[l] = r[l].w[k];
  }
  static constexpr int block_of_lane(int l) { return L == 1 ? 0 : l / 2 + L / 2 * (l % 2); }
  static void load_blocks(SecretWord64& lo, SecretWord64& hi, const u8* p) {
    for (int l = 0; l < L; l++) {
      lo.v[l] = load_le64(p + 16 * block_of_lane(l));
      hi.v[l] = load_le64(p + 16 * block_of_lane(l) + 8);
    }
  }

  // ---- Lanes

  Number first() const { return v[0]; }
  Number& number() { return reinterpret_cast<Number&>(v[0]); }
  static SecretWord64 first_lane(Number x) {
    return each([&](int l) { return l == 0 ? x.v : 0; });
  }
  Number sum() const {
    u64 s = 0;
    for (int l = 0; l < L; l++) s += v[l];
    return s;
  }
  template <int K>
  SecretWord64 swap_lanes() const {
    return each([&](int l) { return v[l ^ K]; });
  }
  SecretWord64 even_lanes() const {
    return each([&](int l) { return v[l & ~1]; });
  }
  SecretWord64 odd_lanes() const {
    return each([&](int l) { return v[l | 1]; });
  }
  template <int LANES>
  SecretWord64 take_lanes(SecretWord64 b) const {
    return each([&](int l) { return LANES >> l & 1 ? b.v[l] : v[l]; });
  }

  // ---- Decisions: masks, and numbers that are there or 0

  template <int K>
  Mask bit() const {
    Mask r;
    for (int l = 0; l < L; l++) r.m[l] = u64(0) - (v[l] >> K & 1);
    return r;
  }
  Mask is_zero() const {
    Mask r;
    for (int l = 0; l < L; l++) r.m[l] = u64(0) - u64(v[l] == 0);
    return r;
  }
  friend SecretWord64 select(Mask mask, SecretWord64 a, SecretWord64 b) { return chosen(mask, a, b); }
  friend SecretWord64 if_less(SecretWord64 a, SecretWord64 b, SecretWord64 x) {
    return each([&](int l) { return a.v[l] < b.v[l] ? x.v[l] : 0; });
  }
  friend SecretWord64 if_at_least(SecretWord64 a, SecretWord64 b, SecretWord64 x) {
    return each([&](int l) { return a.v[l] >= b.v[l] ? x.v[l] : 0; });
  }
  friend SecretWord64 if_equal(SecretWord64 a, SecretWord64 b, SecretWord64 x) {
    return each([&](int l) { return a.v[l] == b.v[l] ? x.v[l] : 0; });
  }
  /// Made public, by name.
  static u32 reveal(Mask mask) {
    u32 r = 0;
    for (int l = 0; l < L; l++) r |= u32(mask.m[l] & 1) << l;
    return r;
  }
  friend bool is_zero_made_public(SecretWord64 x) {
    static_assert(L == 1);
    return x.v[0] == 0;
  }

  // ---- Look-ups

  template <int N>
  class Selector {
    u64 index[L];
    friend SecretWord64;
  };
  template <int N>
  static Selector<N> selector(SecretWord64 index) {
    Selector<N> s;
    for (int l = 0; l < L; l++) s.index[l] = index.v[l];
    return s;
  }
  template <int N, int STRIDE = 8>
  static SecretWord64 lookup(const u64* table, const Selector<N>& s) {
    return each([&](int l) { return table[s.index[l] / 8 * STRIDE + s.index[l] % 8]; });
  }
  template <int NUM, int LANES>
  static void lookup_apart(SecretWord64 (&out)[NUM], const TableUse<LANES>& use, size_t at,
                           SecretWord64 index) {
    for (int n = 0; n < NUM; n++)
      for (int l = 0; l < L; l++)
        out[n].v[l] = use.of_lane[l][at + index.v[l] / 8 * 8 * NUM + 8 * n + index.v[l] % 8];
  }

  // ---- Products

  friend SecretWord64 mul_low32(SecretWord64 a, SecretWord64 b) {
    return each([&](int l) { return u64(u32(a.v[l])) * u32(b.v[l]); });
  }
  friend SecretWord64 madd52_low(SecretWord64 c, SecretWord64 a, SecretWord64 b) {
    return each([&](int l) { return c.v[l] + u64(product52(a.v[l], b.v[l]) & low52); });
  }
  friend SecretWord64 madd52_high(SecretWord64 c, SecretWord64 a, SecretWord64 b) {
    return each([&](int l) { return c.v[l] + u64(product52(a.v[l], b.v[l]) >> 52); });
  }

  /// A sum of products, of 128 bits.
  class Wide {
    unsigned __int128 v;
    friend SecretWord64;

   public:
    explicit operator bool() const = delete;
    friend Wide operator+(Wide a, Wide b) {
      a.v += b.v;
      return a;
    }
    SecretWord64 low() const { return splat(u64(v)); }
    SecretWord64 high() const { return splat(u64(v >> 64)); }
  };
  friend Wide mul_wide(SecretWord64 a, SecretWord64 b) { return product(a, b); }
  friend Wide mul_add(Wide c, SecretWord64 a, SecretWord64 b) { return c + mul_wide(a, b); }
  friend void mul_halves(SecretWord64& low, SecretWord64& high, SecretWord64 a, SecretWord64 b) {
    const Wide w = mul_wide(a, b);
    low = w.low(), high = w.high();
  }
  friend void add2(SecretWord64& x0, SecretWord64& x1, SecretWord64 a0, SecretWord64 a1) {
    SecretWord64 dropped = zero();
    add3(x0, x1, dropped, a0, a1, zero());
  }
  friend void add3(SecretWord64& x0, SecretWord64& x1, SecretWord64& x2, SecretWord64 a0, SecretWord64 a1,
                   SecretWord64 a2) {
    static_assert(L == 1);
    const unsigned __int128 s0 = (unsigned __int128)x0.v[0] + a0.v[0];
    const unsigned __int128 s1 = (s0 >> 64) + x1.v[0] + a1.v[0];
    x0.v[0] = u64(s0), x1.v[0] = u64(s1), x2.v[0] += a2.v[0] + u64(s1 >> 64);
  }

 private:
  static SecretWord64 chosen(Mask mask, SecretWord64 a, SecretWord64 b) {
    return each([&](int l) { return (a.v[l] & ~mask.m[l]) | (b.v[l] & mask.m[l]); });
  }
  static Wide product(SecretWord64 a, SecretWord64 b) {
    static_assert(L == 1);
    Wide w;
    w.v = (unsigned __int128)a.v[0] * b.v[0];
    return w;
  }
  static constexpr u64 low52 = (u64(1) << 52) - 1;
  static unsigned __int128 product52(u64 a, u64 b) { return (unsigned __int128)(a & low52) * (b & low52); }
};

/// Doubles for kernels/field_5x51_fma.hpp.
template <int L>
class SecretReal {
  double v[L];
  using W = SecretWord64<L>;

  template <class F>
  static SecretReal each(F f) {
    SecretReal r;
    for (int l = 0; l < L; l++) r.v[l] = f(l);
    return r;
  }

 public:
  static constexpr u64 high_offset = u64(1023 + 103) << 52, low_offset = u64(1023 + 52) << 52;
  MEGASEAL_SECRET(SecretReal)

  static SecretReal splat(double x) {
    return each([&](int) { return x; });
  }
  static SecretReal from_bits(W bits) {
    return each([&](int l) { return __builtin_bit_cast(double, bits.v[l]); });
  }
  W bits() const {
    return W::each([&](int l) { return __builtin_bit_cast(u64, v[l]); });
  }
  template <u64 CENTRE>
  static SecretReal from_limb(W low, W carry) {
    return from_bits((low | W::splat(low_offset)) + carry) - splat(double((u64(1) << 52) + CENTRE));
  }
  W to_low_half() const { return (*this + splat(double(u64(3) << 51))).bits(); }
  template <int N>
  static SecretReal lookup(const u64* table, const typename W::template Selector<N>& s) {
    return from_bits(W::template lookup<N>(table, s));
  }
  friend SecretReal operator+(SecretReal a, SecretReal b) {
    return each([&](int l) { return a.v[l] + b.v[l]; });
  }
  friend SecretReal operator-(SecretReal a, SecretReal b) {
    return each([&](int l) { return a.v[l] - b.v[l]; });
  }
  friend SecretReal fma(SecretReal a, SecretReal b, SecretReal c) {
    return each([&](int l) { return __builtin_fma(a.v[l], b.v[l], c.v[l]); });
  }
  friend SecretReal select(typename W::Mask mask, SecretReal a, SecretReal b) {
    return from_bits(select(mask, a.bits(), b.bits()));
  }
  template <int LANES>
  SecretReal take_lanes(SecretReal b) const {
    return each([&](int l) { return LANES >> l & 1 ? b.v[l] : v[l]; });
  }
  template <int K>
  SecretReal swap_lanes() const {
    return each([&](int l) { return v[l ^ K]; });
  }
};

/// A number of 32 bits in each of L lanes: for ChaCha20 and SHA-256. With BLOCKS, ChaCha20's rows of four lanes, so many
/// blocks side by side.
template <int L, int BLOCKS = 1, int REGISTERS = 16>
class SecretWord32 {
  static constexpr int num = L * BLOCKS;
  u32 v[num];

  template <class F>
  static SecretWord32 each(F f) {
    SecretWord32 r;
    for (int i = 0; i < num; i++) r.v[i] = f(i);
    return r;
  }

 public:
  static constexpr int lanes = L, blocks = BLOCKS;
  static constexpr int registers = REGISTERS;
  using Alone = SecretWord32<1>;
  MEGASEAL_SECRET(SecretWord32)

  static SecretWord32 splat(u32 x) {
    return each([&](int) { return x; });
  }
  static SecretWord32 load(const u32* p) {
    return each([&](int i) { return p[i % L]; });
  }
  void store(u32* p) const { copy_bytes(p, v, sizeof v); }
  static SecretWord32 load_bytes(const u8* p) {
    return each([&](int i) { return load_le32(p + 4 * (i % L)); });
  }
  void store_bytes(u8* p) const { copy_bytes(p, v, sizeof v); }
  static SecretWord32 lane_numbers() {
    return each([](int i) { return u32(i); });
  }
  static SecretWord32 block_numbers() {
    return each([](int i) { return i % L == 0 ? u32(i / L) : 0; });
  }
  static void store_blocks(u8* out, SecretWord32 a, SecretWord32 b, SecretWord32 c, SecretWord32 d) {
    const SecretWord32* const rows[4] = {&a, &b, &c, &d};
    for (int k = 0; k < BLOCKS; k++)
      for (int r = 0; r < 4; r++) copy_bytes(out + 64 * k + 16 * r, rows[r]->v + 4 * k, 16);
  }

  friend SecretWord32 operator&(SecretWord32 a, SecretWord32 b) {
    return each([&](int i) { return a.v[i] & b.v[i]; });
  }
  friend SecretWord32 operator|(SecretWord32 a, SecretWord32 b) {
    return each([&](int i) { return a.v[i] | b.v[i]; });
  }
  friend SecretWord32 operator^(SecretWord32 a, SecretWord32 b) {
    return each([&](int i) { return a.v[i] ^ b.v[i]; });
  }
  friend SecretWord32 wrap_add(SecretWord32 a, SecretWord32 b) {
    return each([&](int i) { return a.v[i] + b.v[i]; });
  }
  friend SecretWord32 choose(SecretWord32 m, SecretWord32 a, SecretWord32 b) { return b ^ (m & (a ^ b)); }
  friend SecretWord32 swap_bytes(SecretWord32 a) {
    return each([&](int i) { return __builtin_bswap32(a.v[i]); });
  }
  template <int N>
  SecretWord32 rotl() const {
    return each([&](int i) { return v[i] << N | v[i] >> (32 - N); });
  }
  template <int N>
  SecretWord32 rotr() const {
    return rotl<32 - N>();
  }
  template <int N>
  SecretWord32 shr() const {
    return each([&](int i) { return v[i] >> N; });
  }
  /// Lane i of each block takes lane i + K.
  template <int K>
  SecretWord32 rotate_lanes() const {
    return each([&](int i) { return v[i / L * L + (i + K) % L]; });
  }

  // ---- Packing

  static constexpr int item_of_lane(int l) { return l; }
  static void load_keys(SecretWord32 (&x)[8], const u8* const* p) {
    for (int i = 0; i < 8; i++)
      for (int l = 0; l < L; l++) x[i].v[l] = load_le32(p[l] + 4 * i);
  }
  static void load_rows(SecretWord32 (&x)[4], const u32* rows) {
    for (int i = 0; i < 4; i++)
      for (int l = 0; l < L; l++) x[i].v[l] = rows[4 * l + i];
  }
  static void xor_partial(u8* out, const u8* in, const u8* pad, size_t n) { xor_bytes(out, in, pad, n); }

  friend void transpose(SecretWord32* x) {
    if constexpr (L == 16) {
      transpose_first<0>(x), transpose_first<1>(x), transpose_first<2>(x), transpose_first<3>(x);
      for (int slice = 0; slice < 4; slice++) {
        SecretWord32 t[4] = {x[slice], x[slice + 4], x[slice + 8], x[slice + 12]};
        transpose_second(t);
        for (int i = 0; i < 4; i++) x[slice + 4 * i] = t[i];
      }
    } else {
      SecretWord32 t[L];
      for (int k = 0; k < L; k++) t[k] = x[k];
      for (int k = 0; k < L; k++)
        for (int l = 0; l < L; l++) x[k].v[l] = t[l].v[k];
    }
  }
  /// Of sixteen lanes in two halves: within each four lanes of four words, and of fours.
  template <int kSlice>
  friend void transpose_first(SecretWord32* x) {
    SecretWord32 t[4];
    for (int k = 0; k < 4; k++) t[k] = x[4 * kSlice + k];
    for (int k = 0; k < 4; k++)
      for (int i = 0; i < L; i++) x[4 * kSlice + k].v[i] = t[i % 4].v[i / 4 * 4 + k];
  }
  friend void transpose_second(SecretWord32 (&x)[4]) {
    SecretWord32 t[4] = {x[0], x[1], x[2], x[3]};
    for (int k = 0; k < 4; k++)
      for (int i = 0; i < L; i++) x[k].v[i] = t[i / 4 % 4].v[k * 4 + i % 4];
  }
};

#undef MEGASEAL_SECRET

/// Backends clear their vector registers; these words have none.
inline void wipe_registers() {}

MEGASEAL_KERNELS_END
