// Looking for secrets in the whole of a process: writable memory, what calls left on the caller's stack, and the registers
// of other threads. What is looked for is never in the process in the clear: a child computes it and sends it under a mask.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/bytes.hpp"

namespace megaseal::test {

enum Piece : uint32_t {
  secret_key,
  psk,
  ephemeral_secret,
  shared_secret,
  message_key,
  subkey,
  base_nonce,
  exporter_secret,
  exported,
  key_stream,
  plaintext,
  num_pieces
};
const char* name_of(Piece piece);

/// Eight bytes of a secret, masked; whose they are.
struct Needle {
  uint64_t masked;
  Piece piece;
};

class Needles {
 public:
  void add(const Needle& needle);
  void finish();
  size_t size() const { return all_.size(); }
  /// The piece that these eight bytes belong to, or -1. Safe in a signal handler.
  int find(const void* p) const;
  /// Where what lies at `p` ends, if it is this object's own (and masked); else `p`.
  uintptr_t behind_own(uintptr_t p) const;

 private:
  static constexpr int bits = 24;
  static size_t slot(uint64_t word) { return size_t(word * 0x9e3779b97f4a7c15 >> (64 - bits)); }
  std::vector<uint64_t> maybe_ = std::vector<uint64_t>(size_t(1) << (bits - 6));
  std::vector<Needle> all_;
};

/// In the child that computes them: sends the pieces of one item after the other. Each as it is, and as vectors hold it
/// whose lanes are items: a word of 32 bits beside the same one of another item, in either order of bytes; shared secrets
/// also in limbs of 51 bits, of integers and of doubles.
class NeedleWriter {
 public:
  explicit NeedleWriter(int to);
  ~NeedleWriter();
  void send(Piece piece, const Bytes& secret);
  /// Both ends of a long one.
  void send_ends(Piece piece, const Bytes& secret);
  void next_item();

 private:
  using Sent = std::vector<std::pair<Piece, Bytes>>;
  void send_word(Piece piece, uint64_t word);
  void send_lanes(const Sent& before);

  FILE* const out_;
  Sent item_;
  std::vector<Sent> before_;  // the latest first
};

namespace detail {
Needles needles_of(void (*send)(const void*, NeedleWriter&), const void* self);
}
/// Those that send(NeedleWriter&) sends, in a child.
template <class Send>
Needles needles_of(const Send& send) {
  return detail::needles_of(
      [](const void* self, NeedleWriter& out) { (*static_cast<const Send*>(self))(out); }, &send);
}

struct Region {
  uintptr_t begin, end;
  std::string name, flags;  // as in /proc/self/smaps
};
/// What can be read and written, but for what the kernel itself maps.
std::vector<Region> writable_memory();

struct Found {
  Piece piece;
  uintptr_t at;
  Region region;
};
/// What is found in all writable memory, `most` of it.
std::vector<Found> search_memory(const Needles& needles, size_t most = 16);
std::string describe(const std::vector<Found>& found);

/// How many pieces are in registers of other threads; -1 where there are none.
int search_registers_of_others(const Needles& needles);
/// Nanoseconds for which other threads have run.
int64_t time_of_others();

/// Zeros over what calls have left on the stack below the caller.
void wipe_dead_stack();
/// A copy of what they have left there, in memory that is searched. Nothing else may be called in between.
void take_dead_stack();
void wipe_taken_stack();

/// call(), so far down that what its outermost frames leave is not overwritten by take_dead_stack's.
template <class Call>
[[gnu::noinline]] auto call_below(const Call& call) {
  uint8_t room[2048];
  __asm__ volatile("" : : "r"(room) : "memory");
  auto result = call();
  __asm__ volatile("" : : "r"(room) : "memory");
  return result;
}

}  // namespace megaseal::test
