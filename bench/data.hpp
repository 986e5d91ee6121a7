// Inputs, engines and key pairs for the benchmarks.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/harness.hpp"
#include "megaseal/megaseal.h"

namespace megaseal::bench {

using Bytes = std::vector<uint8_t>;

/// Fresh random bytes: never zeros, on which multipliers and predictors may do better than on messages.
Bytes random_bytes(size_t len);

/// The engine that is forced to `backend`, with `threads` threads. Lives as long as the program. It has no tables of
/// recipients: whom a benchmark calls new is new in every call.
megaseal_engine* engine(const std::string& backend, unsigned threads);

/// The usable backends that do at least part of `operation` themselves. Best first.
std::vector<std::string> backends_for(megaseal_operation operation);

/// Those of them that are the CPU's: of others the slots are not to be timed one by one.
std::vector<std::string> cpu_backends_for(megaseal_operation operation);

/// The thread counts to try beside 1: powers of two below the number of CPUs, and that number.
std::vector<unsigned> thread_counts();

/// One of those engines' kind, but with tables in `cache_bytes`, and the caller's alone.
using OwnEngine = std::unique_ptr<megaseal_engine, void (*)(megaseal_engine*)>;
OwnEngine engine_with_tables(const std::string& backend, size_t cache_bytes, unsigned threads);

/// Where `operation` runs on `engine`, when that is more than one backend.
std::string note_of(const megaseal_engine* engine, megaseal_operation operation);

/// Ends the program when a call did not run, or an item failed.
void check(megaseal_error error, size_t num_failed = 0);

/// Both sides of a batch, packed: plaintexts one after the other, sealed messages likewise. With shape.cold there are
/// copies enough that whatever a call touches has long left the caches when its turn comes again.
struct Messages {
  Messages(const Shape& shape, uint64_t overhead);

  size_t num() const { return plain_offsets.size() - 1; }
  uint64_t num_bytes() const { return plain_offsets.back(); }
  uint8_t* plain_at() { return plain.data() + copy * plain_offsets.back(); }
  uint8_t* sealed_at() { return sealed.data() + copy * sealed_offsets.back(); }
  void advance() { copy = copy + 1 == copies ? 0 : copy + 1; }
  /// Gives every copy the bytes of the first: of the plaintexts, or of the sealed messages.
  void spread_plain();
  void spread_sealed();

  std::vector<uint64_t> plain_offsets, sealed_offsets;
  size_t copies, copy = 0;
  Bytes plain, sealed;
};

/// megaseal_batch over one side of `messages` as input and the other as output.
class PackedBatch {
 public:
  PackedBatch(Messages& messages, bool seal);
  PackedBatch(const PackedBatch&) = delete;
  PackedBatch& operator=(const PackedBatch&) = delete;
  /// As of the messages' present copy.
  const megaseal_batch* get();

 private:
  Messages& messages_;
  const bool seal_;
  std::vector<uint64_t> out_offsets_;
  Bytes statuses_;
  megaseal_batch batch_{};
};

/// 1,024 key pairs, made once. Message i of a batch is sealed to pair i, or to pair i modulo the recipients.
struct KeyPairs {
  Bytes secrets, publics;  // 32 bytes each
  std::vector<megaseal_secret_key*> handles;
};
const KeyPairs& key_pairs();

}  // namespace megaseal::bench
