// The tables of recipients to whom much is sealed: a bounded cache, found by the whole public key. Looking one up takes
// no lock; a table that somebody reads is neither evicted nor written.
//
// A table lies in a place. A place is empty, building, or ready; its word says which, and how many read it. Places, the
// index and the clock are changed under the lock, and building happens outside it. A reader pins the place before it
// looks at the key in it: only then does the key stay what it is. Tables are not secret, but whoever uses another
// recipient's seals to that one, so the key is compared whole, and a place that is given up keeps none.
//
// A message alone waits for every line of the cache that lies far away. So before the index and the counts there is a
// directory, a twentieth as large, of which it reads one line: that tells that a recipient has no table, and who came
// lately.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "kernels/table.hpp"

namespace megaseal {

class PreparedCache {
 public:
  /// What makes the index unpredictable to those who choose keys.
  struct Seed {
    uint64_t words[6];
  };
  using Hash = uint64_t (*)(const Seed& seed, const uint8_t* key);
  static uint64_t keyed_hash(const Seed& seed, const uint8_t* key);

  /// For tables of a backend's `table_bytes`, in at most `capacity` bytes. When they cannot be had, or hold no table,
  /// the cache holds none: see on(). `hash_function`: for tests.
  PreparedCache(const uint32_t (&table_bytes)[x25519_prepared_sizes], size_t capacity, const Seed& seed,
                Hash hash_function = keyed_hash);
  ~PreparedCache();
  PreparedCache(const PreparedCache&) = delete;
  PreparedCache& operator=(const PreparedCache&) = delete;

  bool on() const { return num_chunks_ > 0; }
  /// Whether less than half of the room has ever been taken.
  bool has_plenty() const { return next_chunk_.load(std::memory_order_relaxed) < num_chunks_ / 2; }
  uint64_t hash(const uint8_t* key) const { return hash_(seed_, key); }

  /// Says that see() and find() are to come.
  void prefetch(uint64_t hash) const;

  /// Of a message alone: whether its recipient has no table, and none came alone to it lately. Then the message is
  /// tallied as one by ladder, and that is all. Otherwise see() and find() know more; now and then there is nothing to
  /// know.
  bool is_new(uint64_t hash);
  void prefetch_directory(uint64_t hash) const;

  /// A table that stays as it is until unpin().
  struct Pinned {
    const uint8_t* table = nullptr;  // null: none
    uint32_t place;
    uint32_t size;
    bool chosen;  // the caller asked for this size
  };
  /// The largest table of `key`.
  Pinned find(const uint8_t* key, uint64_t hash);
  void unpin(const Pinned& pinned);

  /// Counts `num` messages to a recipient and says how many came lately, at most `most_seen`. The count is an estimate,
  /// too large now and then, and fades: with the default capacity by half every 33,000 messages to whomever.
  static constexpr uint32_t most_seen = 255;
  uint32_t see(uint64_t hash, uint32_t num);

  /// Whether `key` is known to have no table (a key on the twist).
  bool has_no_table(const uint8_t* key) const;

  /// A place where a table is being built, by whoever claimed it.
  struct Claim {
    uint8_t* table = nullptr;  // null: none to be had
    uint32_t place;
    uint32_t size;
  };
  /// For a recipient seen `worth` times, or one that the caller asks to prepare. Where there is no room, a recipient
  /// seen less than half as often, and not since the clock's hand passed, gives up its table; for one asked for, any
  /// other that the caller did not ask for. Nothing where this key has such a table already, or one is being built.
  static constexpr uint32_t asked_for = UINT32_MAX;
  Claim claim(const uint8_t* key, uint64_t hash, uint32_t size, uint32_t worth);
  /// The table is built. It is pinned for the caller.
  Pinned publish(const Claim& claim);
  /// There will be no table. With `never` that is remembered of the key.
  void abandon(const Claim& claim, bool never);

  struct Counters {
    uint64_t capacity, used_bytes, num_tables, hits, misses, builds, without_table, evictions;
  };
  Counters counters() const;
  /// `hits` messages went by table, `misses` by ladder.
  void tally(uint64_t hits, uint64_t misses);

 private:
  struct Place;
  struct Bucket;
  struct Page;
  struct Chunk;
  struct Registry;

  Place& place_at(uint32_t place) const;
  uint8_t* table_at(uint32_t place, uint32_t size) const;
  Bucket& bucket_of(uint64_t hash) const;
  Page& page_of(uint64_t hash) const;
  std::atomic<uint32_t>& present_of(uint64_t hash) const;
  uint32_t seen(uint64_t hash) const;
  void age();
  uint64_t mark_of(const uint8_t* key) const;
  bool make_room(uint32_t* out_place, uint32_t size, uint32_t worth);
  bool sweep_chunk(uint32_t* out_place, uint32_t chunk, uint32_t size, uint32_t worth);
  bool may_evict(Place& place, uint32_t worth, uint32_t* weight);
  bool seize(Place& place);
  void clear(uint32_t place);
  void repair_after_fork();

  Seed seed_;
  Hash hash_;
  uint32_t table_bytes_[x25519_prepared_sizes];
  // One mapping holds everything. The tables' part is cut into chunks, each as long as a large table and given to one
  // size at a time, so that sizes may come and go without leaving gaps.
  uint8_t* mapping_ = nullptr;
  size_t mapped_ = 0;
  size_t capacity_ = 0;
  uint32_t num_chunks_ = 0;
  uint32_t places_per_chunk_ = 0;
  uint8_t* tables_ = nullptr;
  Place* places_ = nullptr;
  Chunk* chunks_ = nullptr;
  Bucket* buckets_ = nullptr;
  Page* pages_ = nullptr;
  uint32_t bucket_shift_ = 0;
  std::atomic<uint8_t>* sightings_ = nullptr;
  uint64_t sightings_mask_ = 0;
  std::atomic<uint64_t>* no_tables_ = nullptr;

  std::mutex mutex_;
  std::atomic<uint32_t> next_chunk_{0};  // never used from here on; changed under the lock
  uint32_t hand_ = 0;
  struct {
    uint32_t chunk, left;
  } open_[x25519_prepared_sizes] = {};  // the chunk that a size is filling

  alignas(64) std::atomic<uint64_t> hits_{0};
  std::atomic<uint64_t> misses_{0};
  std::atomic<uint64_t> messages_{0};  // since the sightings were last halved
  std::atomic<uint64_t> builds_{0}, without_table_{0}, evictions_{0}, used_bytes_{0}, num_tables_{0};

  PreparedCache* next_ = nullptr;  // of all caches of the process
};

}  // namespace megaseal
