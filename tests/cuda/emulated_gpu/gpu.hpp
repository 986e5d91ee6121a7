// A GPU as far as the backend's kernels can tell: what ptx_to_cpp.py makes of their PTX, run on the host, and watched as
// compute-sanitizer would. A violation ends the process with a message: an access outside of what is allocated, or not
// aligned, or to memory that nobody wrote, or that another lane reads or writes without a barrier between the two; lanes
// that wait for one another in different places; shared memory that a block wrote and leaves neither as zeros nor as a verdict.
//
// Blocks run one after the other, and lanes from barrier to barrier, both in an order that is another with each launch. What a
// GPU does at once and in lockstep is not to be seen here, nor what the assembler makes of PTX. Accesses of different launches
// are not compared. A slot of the backend's is one allocation, which is filled with zeros at first: within it neither bounds
// nor what nobody wrote are to be seen, as they are in the tests of megaseal_cuda.h and in the benchmark, where each array is an
// allocation of its own. What kernels count by length (OrderProgram) may stay in shared memory.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace megaseal::test::ptx {

namespace words {
using u1 = bool;
using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using i16 = int16_t;
using i32 = int32_t;
using i64 = int64_t;
}  // namespace words
using namespace words;

/// One lane of a block, and what it sees.
struct Lane {
  static constexpr u32 shared_base = 4096;  // of the window's addresses: those near 0 are nobody's

  const u8* parameter;
  u32 parameter_size;
  u32 tid, ctaid, nctaid, ntid;
  int resume;  // 0, or the barrier at which it waits
  u64* saved;  // what of its registers outlives that
  struct Block* block;

  template <u32 kBytes>
  const u8* parameter_read(u64 at) {
    return check_parameter(at, kBytes);
  }
  template <u32 kBytes>
  const u8* global_read(u64 at) {
    return check_global(at, kBytes, reads);
  }
  template <u32 kBytes>
  u8* global_write(u64 at) {
    return check_global(at, kBytes, writes);
  }
  template <u32 kBytes>
  const u8* shared_read(u32 at) {
    return check_shared(at, kBytes, reads);
  }
  template <u32 kBytes>
  u8* shared_write(u32 at) {
    return check_shared(at, kBytes, writes);
  }
  /// What is not known to ptx_to_cpp.py.
  [[noreturn]] void cannot(const char* instruction);
  u32 global_add(u64 at, u32 x) { return add(check_global(at, 4, counts), x); }
  u32 shared_add(u32 at, u32 x) { return add(check_shared(at, 4, counts), x); }

 private:
  enum Access { reads, writes, counts };
  static u32 add(u8* p, u32 x) { return __atomic_fetch_add(reinterpret_cast<u32*>(p), x, __ATOMIC_RELAXED); }
  const u8* check_parameter(u64 at, u32 bytes);
  u8* check_global(u64 at, u32 bytes, Access);
  u8* check_shared(u32 at, u32 bytes, Access);
};

/// A kernel, which makes itself known.
struct Kernel {
  /// `run` returns whether the lane waits at a barrier.
  Kernel(const char* name, bool (*run)(Lane&), u32 parameter_size, u32 shared_size, u32 num_saved,
         u32 max_lanes);
  const char* name;
  bool (*run)(Lane&);
  u32 parameter_size, shared_size, num_saved, max_lanes;
};
/// A table that a module brings with it.
struct Table {
  Table(const char* name, u8* bytes, size_t size);
};

// ---- What instructions do (PTX ISA 9.0) ----

template <class T>
inline T load(const u8* p) {
  T x;
  std::memcpy(&x, p, sizeof x);
  return x;
}
template <class T>
inline void store(u8* p, T x) {
  std::memcpy(p, &x, sizeof x);
}
/// to <- a + b + carry; gives the carry.
inline u32 add(u32& to, u32 a, u32 b, u32 carry) {
  const u64 sum = u64(a) + b + carry;
  to = u32(sum);
  return u32(sum >> 32);
}
/// to <- a - b - borrow; gives the borrow.
inline u32 subtract(u32& to, u32 a, u32 b, u32 borrow) {
  const u64 difference = u64(a) - b - borrow;
  to = u32(difference);
  return u32(difference >> 63);
}
inline u32 product_lo(u32 a, u32 b) { return a * b; }
inline u32 product_hi(u32 a, u32 b) { return u32(u64(a) * b >> 32); }
/// Shifts by the width or more leave zeros, or the sign.
template <class T>
inline T shl(T x, u32 by) {
  return by < 8 * sizeof x ? T(x << by) : T(0);
}
template <class T>
inline T shr(T x, u32 by) {
  return by < 8 * sizeof x ? T(x >> by) : T(x < 0 ? -1 : 0);
}
inline u32 funnel_left(u32 low, u32 high, u32 by) { return u32((u64(high) << 32 | low) << (by & 31) >> 32); }
inline u32 funnel_right(u32 low, u32 high, u32 by) { return u32((u64(high) << 32 | low) >> (by & 31)); }
/// Bit by bit the function whose values for a, b, c = 000 … 111 are the bits of `table`.
inline u32 any_of_three(u32 a, u32 b, u32 c, u32 table) {
  u32 out = 0;
  for (u32 k = 0; k < 8; k++)
    if (table >> k & 1) out |= (k & 4 ? a : ~a) & (k & 2 ? b : ~b) & (k & 1 ? c : ~c);
  return out;
}
/// `len` bits from bit `at` on.
template <class T>
inline T extract(T x, u32 at, u32 len) {
  at &= 255, len &= 255;
  return T(shr(x, at) & (len < 8 * sizeof(T) ? T((T(1) << len) - 1) : T(~T(0))));
}
inline u32 permute(u32 a, u32 b, u32 selector) {
  const u64 from = u64(b) << 32 | a;
  u32 out = 0;
  for (int k = 0; k < 4; k++) {
    const u32 wanted = selector >> 4 * k & 15, byte = u32(from >> 8 * (wanted & 7)) & 255;
    out |= (wanted & 8 ? (byte & 128 ? 255u : 0u) : byte) << 8 * k;
  }
  return out;
}
/// b, with the lowest `len` bits of a from bit `at` on.
template <class T>
inline T insert(T a, T b, u32 at, u32 len) {
  at &= 255, len &= 255;
  const T ones = len < 8 * sizeof(T) ? T((T(1) << len) - 1) : T(~T(0));
  return T((b & ~shl(ones, at)) | shl(T(a & ones), at));
}
template <class T>
inline T max(T a, T b) {
  return a < b ? b : a;
}
template <class T>
inline T min(T a, T b) {
  return a < b ? a : b;
}

}  // namespace megaseal::test::ptx
