// Recipients prepared by the caller, and what the C ABI tells of the cache.
#include "engine/engine.hpp"
#include "engine/recipient.hpp"
#include "engine/recipient_groups.hpp"

namespace megaseal {
namespace {

// The largest tables of which `num` stay near the core. Beyond that a smaller one is as fast as any, and more of them fit.
uint32_t fitting_size(const Dispatch& d, size_t num) {
  constexpr size_t second_level_cache = 1 << 20;
  uint32_t size = x25519_prepared_sizes - 1;
  while (size > 0 && num > second_level_cache / d.prepared_bytes[size]) size--;
  return size;
}

// Returns how many have such a table, or a larger one, in the end: keys may come twice, or make room for one another.
size_t prepare(const Dispatch& d, PreparedCache& cache, size_t num_keys, Strided keys, uint32_t size) {
  auto has_table = [&](const uint8_t* key, uint64_t hash) {
    const PreparedCache::Pinned have = cache.find(key, hash);
    if (have.table) cache.unpin(have);
    return have.table && have.size >= size;
  };
  auto key_at = [&](size_t i) { return keys.base + i * keys.stride; };
  TableBuilder builder(d, cache);
  auto build = [&] {
    builder.build([&](uint32_t, const PreparedCache::Pinned& pinned) {
      if (pinned.table) cache.unpin(pinned);
    });
  };
  // So many refusals in a row, and the cache is full of what may not go: each costs a look at all of it.
  constexpr uint32_t max_refused = 64;
  uint32_t refused = 0;
  for (size_t i = 0; i < num_keys && refused < max_refused; i++) {
    const uint8_t* key = key_at(i);
    if (check_public_key(key) != MEGASEAL_ERROR_NONE || cache.has_no_table(key)) continue;
    const uint64_t hash = cache.hash(key);
    // The caller means to seal to it.
    cache.see(hash, PreparedCache::most_seen);
    if (!has_table(key, hash)) refused = builder.add(key, hash, size, PreparedCache::asked_for) ? 0 : refused + 1;
    if (builder.full()) build();
  }
  build();
  size_t num_prepared = 0;
  for (size_t i = 0; i < num_keys; i++) num_prepared += has_table(key_at(i), cache.hash(key_at(i)));
  return num_prepared;
}

}  // namespace
}  // namespace megaseal

using namespace megaseal;

extern "C" {

megaseal_error megaseal_prepare_recipients(megaseal_engine* engine, size_t* out_num_prepared, size_t num_keys,
                                           const uint8_t* public_keys, size_t stride,
                                           megaseal_prepared_size size) {
  if (out_num_prepared) *out_num_prepared = 0;
  if (!engine || size < MEGASEAL_PREPARED_AUTO || size > MEGASEAL_PREPARED_LARGE)
    return MEGASEAL_ERROR_ARGUMENT;
  if (num_keys == 0) return MEGASEAL_ERROR_NONE;
  if (!public_keys || stride == 0 || !stride_ok(stride, 32, num_keys)) return MEGASEAL_ERROR_ARGUMENT;
  PreparedCache* cache = engine->prepared.get();
  if (!cache) return MEGASEAL_ERROR_NONE;
  const uint32_t wanted =
      size == MEGASEAL_PREPARED_AUTO ? fitting_size(engine->dispatch, num_keys) : uint32_t(size) - 1;
  const size_t num = prepare(engine->dispatch, *cache, num_keys, {public_keys, stride}, wanted);
  if (out_num_prepared) *out_num_prepared = num;
  return MEGASEAL_ERROR_NONE;
}

megaseal_error megaseal_engine_prepared_info(const megaseal_engine* engine,
                                             megaseal_prepared_info* out_info) {
  if (!engine || !out_info || out_info->struct_size < sizeof *out_info) return MEGASEAL_ERROR_ARGUMENT;
  megaseal_prepared_info info{};
  info.struct_size = out_info->struct_size;
  for (uint32_t size = 0; size < x25519_prepared_sizes; size++)
    info.table_bytes[size] = engine->dispatch.prepared_bytes[size];
  if (engine->prepared) {
    const PreparedCache::Counters c = engine->prepared->counters();
    info.capacity_bytes = c.capacity;
    info.used_bytes = c.used_bytes;
    info.num_tables = c.num_tables;
    info.num_hits = c.hits;
    info.num_misses = c.misses;
    info.num_builds = c.builds;
    info.num_without_table = c.without_table;
    info.num_evictions = c.evictions;
  }
  *out_info = info;
  return MEGASEAL_ERROR_NONE;
}

}  // extern "C"
