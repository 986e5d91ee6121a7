#include "engine/prepared_cache.hpp"

#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace megaseal {
namespace {

// A place's word: its state, whether it was used since the clock's hand passed, and how many have it pinned.
constexpr uint32_t empty = 0, building = 1, ready = 2, state_mask = 3, used = 4, one_pin = 8;

// Counters for each message until all are halved.
constexpr uint64_t sightings_per_message = 8;

// How many chunks the hand passes for one table before the table is given up.
constexpr uint32_t sweep_limit = 32;

// Keys without a table that are remembered, by a hash of their own, in sets; where a set is full, a newer key takes an
// older one's slot.
constexpr uint32_t num_no_tables = 4096, no_tables_in_set = 4;

// An index entry: eight bits of the hash, and the place plus one.
constexpr uint32_t place_bits = 24;
constexpr uint32_t entry_of(uint64_t hash, uint32_t place) {
  return uint32_t(hash & 0xff) << place_bits | (place + 1);
}

// The bit that stands for such entries in the directory.
constexpr uint32_t present_bit(uint64_t tag) { return 1u << (tag & 31); }

// The directory remembers recipients of messages alone in sets, a word each, by sixteen bits that are not 0.
constexpr uint64_t each_sixteen = 0x0001000100010001;
constexpr uint64_t lately_tag(uint64_t hash) { return std::max<uint64_t>(hash >> 8 & 0xffff, 1); }
constexpr bool contains(uint64_t set, uint64_t tag) {
  const uint64_t x = set ^ tag * each_sixteen;  // zero where the tag is
  return ((x - each_sixteen) & ~x & each_sixteen << 15) != 0;
}

constexpr uint32_t set_of(uint64_t mark) {
  return uint32_t(mark >> 32) % (num_no_tables / no_tables_in_set) * no_tables_in_set;
}

inline uint64_t load64(const uint8_t* p) {
  uint64_t x;
  std::memcpy(&x, p, 8);
  return x;
}

inline uint64_t fold(uint64_t a, uint64_t b) {
  const auto product = (unsigned __int128)a * b;
  return uint64_t(product) ^ uint64_t(product >> 64);
}

}  // namespace

struct alignas(64) PreparedCache::Place {
  std::atomic<uint32_t> word;
  // Written under the lock, in a place that nobody can pin; read there, or pinned.
  uint32_t size;
  bool chosen;
  bool superseded;  // the same key has a larger table; under the lock alone
  uint64_t hash;
  uint8_t key[32];
};

struct alignas(64) PreparedCache::Bucket {
  std::atomic<uint32_t> entries[16];
};

// A line of the directory, for eight buckets of the index.
struct alignas(64) PreparedCache::Page {
  std::atomic<uint32_t> present[8];  // the entries of a bucket; changed under the lock
  std::atomic<uint64_t> lately[4];
};

struct PreparedCache::Chunk {
  uint32_t size;
};

// All caches of the process, for fork(): it waits until nobody changes one, and the child repairs what the threads it
// does not have left behind.
struct PreparedCache::Registry {
  std::mutex mutex;
  PreparedCache* first = nullptr;

  static Registry& get() {
    static auto* const registry = new Registry;
    return *registry;
  }
  [[gnu::constructor]] static void register_handlers() {
    (void)get();
    pthread_atfork(
        [] {
          get().mutex.lock();
          for (PreparedCache* c = get().first; c; c = c->next_) c->mutex_.lock();
        },
        [] { get().unlock(); },
        [] {
          for (PreparedCache* c = get().first; c; c = c->next_) c->repair_after_fork();
          get().unlock();
        });
  }
  void unlock() {
    for (PreparedCache* c = first; c; c = c->next_) c->mutex_.unlock();
    mutex.unlock();
  }
};

uint64_t PreparedCache::keyed_hash(const Seed& seed, const uint8_t* key) {
  const uint64_t* s = seed.words;
  const uint64_t a = fold(load64(key) ^ s[0], load64(key + 8) ^ s[1]);
  const uint64_t b = fold(load64(key + 16) ^ s[2], load64(key + 24) ^ s[3]);
  return fold(a ^ s[4], b ^ s[5]);
}

PreparedCache::PreparedCache(const uint32_t (&table_bytes)[x25519_prepared_sizes], size_t capacity,
                             const Seed& seed, Hash hash_function)
    : seed_(seed), hash_(hash_function) {
  std::copy(std::begin(table_bytes), std::end(table_bytes), table_bytes_);
  const size_t chunk_bytes = table_bytes[x25519_prepared_sizes - 1];
  places_per_chunk_ = uint32_t(chunk_bytes / table_bytes[0]);
  const size_t num_chunks = capacity / chunk_bytes;
  // More places than the index can tell apart are more memory than any machine has.
  if (num_chunks == 0 || num_chunks > ((size_t(1) << place_bits) - 2) / places_per_chunk_) return;
  const size_t num_places = num_chunks * places_per_chunk_;
  // A quarter of the index's entries are taken at most, so that a bucket hardly ever fills up.
  // Small caches have a directory that remembers a thousand recipients all the same.
  const size_t num_buckets = std::bit_ceil(std::max<size_t>(num_places / 4, 512));
  const size_t num_sightings = std::bit_ceil(std::max<size_t>(num_places * 32, 1 << 14));

  uintptr_t base = 0;  // a number: nothing may be added to a null pointer
  size_t at = 0;
  auto take = [&](auto*& array, size_t bytes) {
    array = reinterpret_cast<std::remove_reference_t<decltype(array)>>(base + at);
    at += (bytes + 63) / 64 * 64;
  };
  auto lay_out = [&] {
    at = 0;
    take(tables_, num_chunks * chunk_bytes);
    take(places_, num_places * sizeof(Place));
    take(chunks_, num_chunks * sizeof(Chunk));
    take(buckets_, num_buckets * sizeof(Bucket));
    take(pages_, num_buckets / 8 * sizeof(Page));
    take(sightings_, num_sightings);
    take(no_tables_, num_no_tables * sizeof(uint64_t));
  };
  lay_out();
  // Pages come when they are first touched: an engine that meets no recipient twice pays for none.
  void* mapping = mmap(nullptr, at, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return;
  mapping_ = static_cast<uint8_t*>(mapping);
  base = reinterpret_cast<uintptr_t>(mapping);
  lay_out();
  mapped_ = at;
  capacity_ = num_chunks * chunk_bytes;
  num_chunks_ = uint32_t(num_chunks);
  bucket_shift_ = 64 - uint32_t(std::countr_zero(num_buckets));
  sightings_mask_ = num_sightings - 1;

  Registry& registry = Registry::get();
  std::lock_guard lock(registry.mutex);
  next_ = registry.first;
  registry.first = this;
}

PreparedCache::~PreparedCache() {
  if (!on()) return;
  {
    Registry& registry = Registry::get();
    std::lock_guard lock(registry.mutex);
    PreparedCache** link = &registry.first;
    while (*link != this) link = &(*link)->next_;
    *link = next_;
  }
  munmap(mapping_, mapped_);
}

PreparedCache::Place& PreparedCache::place_at(uint32_t place) const { return places_[place]; }

uint8_t* PreparedCache::table_at(uint32_t place, uint32_t size) const {
  const uint32_t chunk = place / places_per_chunk_, in_chunk = place % places_per_chunk_;
  return tables_ + size_t(chunk) * table_bytes_[x25519_prepared_sizes - 1] +
         size_t(in_chunk) * table_bytes_[size];
}

PreparedCache::Bucket& PreparedCache::bucket_of(uint64_t hash) const {
  return buckets_[hash >> bucket_shift_];
}

PreparedCache::Page& PreparedCache::page_of(uint64_t hash) const {
  return pages_[hash >> bucket_shift_ >> 3];
}

std::atomic<uint32_t>& PreparedCache::present_of(uint64_t hash) const {
  return page_of(hash).present[hash >> bucket_shift_ & 7];
}

// ---------------------------------------------------------------------------------------------------------
// Readers
// ---------------------------------------------------------------------------------------------------------

void PreparedCache::prefetch(uint64_t hash) const {
  __builtin_prefetch(&bucket_of(hash));
  __builtin_prefetch(&sightings_[hash & sightings_mask_]);
  __builtin_prefetch(&sightings_[(hash >> 32) & sightings_mask_]);
}

void PreparedCache::prefetch_directory(uint64_t hash) const { __builtin_prefetch(&page_of(hash)); }

bool PreparedCache::is_new(uint64_t hash) {
  if (present_of(hash).load(std::memory_order_relaxed) & present_bit(hash)) return false;
  auto& lately = page_of(hash).lately[hash >> 24 & 3];
  uint64_t set = lately.load(std::memory_order_relaxed);
  const uint64_t tag = lately_tag(hash);
  if (contains(set, tag)) {
    // The first time was not counted.
    if (seen(hash) == 0) see(hash, 1);
    return false;
  }
  // In the place of any: of more than find room, some are still there when their turn comes again.
  const uint64_t at = (messages_.load(std::memory_order_relaxed) * 0x9e3779b97f4a7c15) >> 62 << 4;
  set = (set & ~(uint64_t(0xffff) << at)) | tag << at;
  lately.store(set, std::memory_order_relaxed);
  tally(0, 1);
  return true;
}

PreparedCache::Pinned PreparedCache::find(const uint8_t* key, uint64_t hash) {
  Pinned best;
  for (auto& entry : bucket_of(hash).entries) {
    const uint32_t e = entry.load(std::memory_order_relaxed);
    if (e == 0 || e >> place_bits != (hash & 0xff)) continue;
    const uint32_t number = (e & ((1u << place_bits) - 1)) - 1;
    Place& place = place_at(number);
    uint32_t word = place.word.load(std::memory_order_relaxed);
    bool pinned = false;
    while ((word & state_mask) == ready && !pinned)
      pinned = place.word.compare_exchange_weak(word, word + one_pin, std::memory_order_acquire,
                                                std::memory_order_relaxed);
    if (!pinned) continue;
    // From here on the place keeps its key. It may be another's: the index was read before.
    const Pinned found{table_at(number, place.size), number, place.size, place.chosen};
    if (std::memcmp(place.key, key, 32) != 0 || (best.table && best.size >= place.size)) {
      unpin(found);
      continue;
    }
    if (best.table) unpin(best);
    best = found;
  }
  if (best.table) {
    auto& word = place_at(best.place).word;
    if (!(word.load(std::memory_order_relaxed) & used)) word.fetch_or(used, std::memory_order_relaxed);
  }
  return best;
}

void PreparedCache::unpin(const Pinned& pinned) {
  place_at(pinned.place).word.fetch_sub(one_pin, std::memory_order_release);
}

// ---------------------------------------------------------------------------------------------------------
// Sightings: a count-min sketch of two rows in one array. Counts may get lost between threads, which does no harm.
// ---------------------------------------------------------------------------------------------------------

uint32_t PreparedCache::seen(uint64_t hash) const {
  const uint32_t a = sightings_[hash & sightings_mask_].load(std::memory_order_relaxed);
  const uint32_t b = sightings_[(hash >> 32) & sightings_mask_].load(std::memory_order_relaxed);
  return std::min(a, b);
}

uint32_t PreparedCache::see(uint64_t hash, uint32_t num) {
  uint32_t least = most_seen;
  for (const uint64_t at : {hash & sightings_mask_, (hash >> 32) & sightings_mask_}) {
    const uint32_t count = uint32_t(
        std::min<uint64_t>(sightings_[at].load(std::memory_order_relaxed) + uint64_t(num), most_seen));
    sightings_[at].store(uint8_t(count), std::memory_order_relaxed);
    least = std::min(least, count);
  }
  return least;
}

// Halved so often that recipients who come once leave a quarter of a count in a counter: hardly ever do two of them
// make a third look like one who comes again and again.
void PreparedCache::age() {
  for (uint64_t i = 0; i <= sightings_mask_; i++) {
    const uint8_t count = sightings_[i].load(std::memory_order_relaxed);
    if (count) sightings_[i].store(count / 2, std::memory_order_relaxed);
  }
}

void PreparedCache::tally(uint64_t hits, uint64_t misses) {
  if (hits) hits_.fetch_add(hits, std::memory_order_relaxed);
  if (misses) misses_.fetch_add(misses, std::memory_order_relaxed);
  const uint64_t period = (sightings_mask_ + 1) / sightings_per_message;
  uint64_t messages = messages_.fetch_add(hits + misses, std::memory_order_relaxed) + hits + misses;
  // Whoever sets it back does the halving.
  if (messages >= period && messages_.compare_exchange_strong(messages, 0, std::memory_order_relaxed)) age();
}

// Another hash than the index's: of two keys that share all of that one, one may have a table.
uint64_t PreparedCache::mark_of(const uint8_t* key) const {
  Seed other = seed_;
  std::reverse(std::begin(other.words), std::end(other.words));
  return keyed_hash(other, key) | 1;  // not 0, which marks none
}

bool PreparedCache::has_no_table(const uint8_t* key) const {
  const uint64_t mark = mark_of(key);
  const std::atomic<uint64_t>* const set = no_tables_ + set_of(mark);
  return std::any_of(set, set + no_tables_in_set,
                     [&](auto& m) { return m.load(std::memory_order_relaxed) == mark; });
}

// ---------------------------------------------------------------------------------------------------------
// Builders
// ---------------------------------------------------------------------------------------------------------

// Takes a table that nobody reads out of the readers' reach.
bool PreparedCache::seize(Place& place) {
  uint32_t word = ready;
  return place.word.compare_exchange_strong(word, building, std::memory_order_acquire,
                                            std::memory_order_relaxed);
}

// Forgets all that a place held; it is `building` or empty, so nobody reads it.
void PreparedCache::clear(uint32_t number) {
  Place& place = place_at(number);
  const uint32_t gone = entry_of(place.hash, number);
  uint32_t present = 0;
  for (auto& entry : bucket_of(place.hash).entries) {
    const uint32_t e = entry.load(std::memory_order_relaxed);
    if (e == gone)
      entry.store(0, std::memory_order_relaxed);
    else if (e != 0)
      present |= present_bit(e >> place_bits);
  }
  present_of(place.hash).store(present, std::memory_order_relaxed);
  std::memset(place.key, 0, sizeof place.key);
  place.hash = 0;
  place.superseded = place.chosen = false;
  place.word.store(empty, std::memory_order_release);
}

// Adds the messages that a table's recipient had lately to `weight`. A table used since the hand passed has a second
// chance.
bool PreparedCache::may_evict(Place& place, uint32_t worth, uint32_t* weight) {
  const uint32_t word = place.word.load(std::memory_order_relaxed);
  if ((word & state_mask) == empty) return true;
  if ((word & state_mask) == building || word >= one_pin) return false;
  if (place.superseded) {
    place.word.fetch_and(~used, std::memory_order_relaxed);
    return true;
  }
  if (word & used) {
    place.word.fetch_and(~used, std::memory_order_relaxed);
    return false;
  }
  *weight += seen(place.hash);
  // Twice as often: recipients of about the same weight would take turns in throwing one another out. Nor do those
  // that the caller asked for, unless they are idle.
  return (place.chosen ? std::min(worth, most_seen) : worth) > 2 * *weight;
}

bool PreparedCache::sweep_chunk(uint32_t* out_place, uint32_t chunk, uint32_t size, uint32_t worth) {
  const uint32_t first = chunk * places_per_chunk_;
  const uint32_t present = chunks_[chunk].size;
  const uint32_t num = uint32_t(table_bytes_[x25519_prepared_sizes - 1] / table_bytes_[present]);
  auto evict = [&](uint32_t number) {
    Place& place = place_at(number);
    if (place.word.load(std::memory_order_relaxed) == empty) return true;
    if (!seize(place)) return false;
    used_bytes_.fetch_sub(table_bytes_[place.size], std::memory_order_relaxed);
    num_tables_.fetch_sub(1, std::memory_order_relaxed);
    evictions_.fetch_add(1, std::memory_order_relaxed);
    clear(number);
    return true;
  };
  if (present == size) {
    for (uint32_t i = 0; i < num; i++) {
      uint32_t weight = 0;
      if (!may_evict(place_at(first + i), worth, &weight) || !evict(first + i)) continue;
      *out_place = first + i;
      return true;
    }
    return false;
  }
  // A chunk changes its size when nothing in it is worth keeping.
  uint32_t weight = 0;
  bool all = true;
  for (uint32_t i = 0; i < num; i++) all &= may_evict(place_at(first + i), worth, &weight);
  if (!all) return false;
  for (uint32_t i = 0; i < num; i++)
    if (!evict(first + i)) return false;
  if (open_[present].chunk == chunk) open_[present].left = 0;
  chunks_[chunk].size = size;
  *out_place = first;
  open_[size] = {chunk, uint32_t(table_bytes_[x25519_prepared_sizes - 1] / table_bytes_[size]) - 1};
  return true;
}

bool PreparedCache::make_room(uint32_t* out_place, uint32_t size, uint32_t worth) {
  auto& open = open_[size];
  const uint32_t per_chunk = uint32_t(table_bytes_[x25519_prepared_sizes - 1] / table_bytes_[size]);
  if (open.left == 0 && next_chunk_ < num_chunks_) {
    chunks_[next_chunk_].size = size;
    open = {next_chunk_.fetch_add(1, std::memory_order_relaxed), per_chunk};
  }
  if (open.left > 0) {
    *out_place = open.chunk * places_per_chunk_ + per_chunk - open.left--;
    return true;
  }
  // Twice round: the first time everybody may have been used.
  const uint32_t steps = worth == asked_for ? 2 * num_chunks_ : std::min(sweep_limit, 2 * num_chunks_);
  for (uint32_t i = 0; i < steps; i++) {
    const uint32_t chunk = hand_;
    hand_ = hand_ + 1 == num_chunks_ ? 0 : hand_ + 1;
    if (sweep_chunk(out_place, chunk, size, worth)) return true;
  }
  return false;
}

PreparedCache::Claim PreparedCache::claim(const uint8_t* key, uint64_t hash, uint32_t size, uint32_t worth) {
  std::lock_guard lock(mutex_);
  Bucket& bucket = bucket_of(hash);
  for (auto& entry : bucket.entries) {
    const uint32_t e = entry.load(std::memory_order_relaxed);
    if (e == 0) continue;
    const Place& place = place_at((e & ((1u << place_bits) - 1)) - 1);
    if (std::memcmp(place.key, key, 32) != 0) continue;
    if (place.size == size || (place.word.load(std::memory_order_relaxed) & state_mask) == building)
      return {};
  }
  uint32_t number;
  if (!make_room(&number, size, worth)) return {};
  // Only now: making room may have made some here.
  const auto free = std::find_if(std::begin(bucket.entries), std::end(bucket.entries),
                                 [](auto& e) { return e.load(std::memory_order_relaxed) == 0; });
  Place& place = place_at(number);
  if (free == std::end(bucket.entries)) return {};  // the place stays empty, for the hand to find
  place.size = size;
  place.chosen = worth == asked_for;
  place.superseded = false;
  place.hash = hash;
  std::memcpy(place.key, key, 32);
  place.word.store(building, std::memory_order_relaxed);
  free->store(entry_of(hash, number), std::memory_order_release);
  present_of(hash).fetch_or(present_bit(hash), std::memory_order_relaxed);
  return {table_at(number, size), number, size};
}

PreparedCache::Pinned PreparedCache::publish(const Claim& claim) {
  std::lock_guard lock(mutex_);
  Place& place = place_at(claim.place);
  for (auto& entry : bucket_of(place.hash).entries) {
    const uint32_t e = entry.load(std::memory_order_relaxed);
    if (e == 0) continue;
    Place& other = place_at((e & ((1u << place_bits) - 1)) - 1);
    if (std::memcmp(other.key, place.key, 32) == 0 && other.size < place.size) other.superseded = true;
  }
  builds_.fetch_add(1, std::memory_order_relaxed);
  used_bytes_.fetch_add(table_bytes_[claim.size], std::memory_order_relaxed);
  num_tables_.fetch_add(1, std::memory_order_relaxed);
  // This gives the table to the readers.
  place.word.store(ready | used | one_pin, std::memory_order_release);
  return {claim.table, claim.place, claim.size, place.chosen};
}

void PreparedCache::abandon(const Claim& claim, bool never) {
  std::lock_guard lock(mutex_);
  if (never) {
    without_table_.fetch_add(1, std::memory_order_relaxed);
    const uint64_t mark = mark_of(place_at(claim.place).key);
    std::atomic<uint64_t>* const set = no_tables_ + set_of(mark);
    auto* const end = set + no_tables_in_set;
    auto* slot = std::find_if(set, end, [](auto& m) { return m.load(std::memory_order_relaxed) == 0; });
    if (slot == end) slot = set + mark / 2 % no_tables_in_set;  // the lowest bit is always set
    slot->store(mark, std::memory_order_relaxed);
  }
  clear(claim.place);
}

PreparedCache::Counters PreparedCache::counters() const {
  auto get = [](const std::atomic<uint64_t>& c) { return c.load(std::memory_order_relaxed); };
  return {capacity_,    get(used_bytes_), get(num_tables_),    get(hits_),
          get(misses_), get(builds_),     get(without_table_), get(evictions_)};
}

// In the child nobody builds and nobody reads: the threads that did are the parent's.
void PreparedCache::repair_after_fork() {
  for (uint32_t i = 0; i < next_chunk_ * places_per_chunk_; i++) {
    Place& place = place_at(i);
    const uint32_t word = place.word.load(std::memory_order_relaxed);
    if ((word & state_mask) == building)
      clear(i);
    else if (word >= one_pin)
      place.word.store(word & (state_mask | used), std::memory_order_relaxed);
  }
}

}  // namespace megaseal
