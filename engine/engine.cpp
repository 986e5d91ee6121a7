// The C ABI's engine and backend queries.
#include "engine/engine.hpp"

#include <sched.h>
#include <sodium.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <thread>

#include "engine/cpu_features.hpp"
#include "engine/random.hpp"
#include "engine/testing.hpp"

namespace megaseal {
namespace {

// The CPUs this process may run on, which in a container are fewer than the machine has.
uint32_t available_cpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return uint32_t(std::max(CPU_COUNT(&set), 1));
  return std::max(std::thread::hardware_concurrency(), 1u);
}

megaseal_error create(megaseal_engine** out_engine, const megaseal_engine_options* options,
                      const std::vector<BackendState>& backends) {
  megaseal_engine_options o{};
  if (options) {
    // Programs built before there was a cache have a struct that ends sooner.
    constexpr size_t least = offsetof(megaseal_engine_options, prepared_cache_bytes);
    if (options->struct_size < least) return MEGASEAL_ERROR_ARGUMENT;
    std::memcpy(&o, options, std::min(options->struct_size, sizeof o));
  }
  if (o.num_threads > WorkspaceLease::max_threads) return MEGASEAL_ERROR_ARGUMENT;
  if (o.num_threads == 0) o.num_threads = std::min(available_cpus(), WorkspaceLease::max_threads);
  if (sodium_init() < 0)
    return MEGASEAL_ERROR_RANDOM;  // picks libsodium's own implementations; once per process
  Dispatch dispatch;
  if (megaseal_error e = choose(&dispatch, backends, o.backend ? o.backend : "")) return e;
  size_t cache_bytes = o.prepared_cache_bytes;
  if (cache_bytes == 0) cache_bytes = MEGASEAL_PREPARED_CACHE_DEFAULT;
  if (cache_bytes == MEGASEAL_PREPARED_CACHE_OFF) cache_bytes = 0;
  PreparedCache::Seed seed{};
  if (cache_bytes && dispatch.x25519_prepared && !system_random(&seed, sizeof seed)) return MEGASEAL_ERROR_RANDOM;
  *out_engine = new megaseal_engine(std::move(dispatch), o.num_threads, cache_bytes, seed);
  return MEGASEAL_ERROR_NONE;
}

}  // namespace

megaseal_error testing::engine_create(megaseal_engine** out_engine, const megaseal_engine_options* options,
                                      std::span<const BackendRow> rows) {
  return create(out_engine, options, examine(rows));
}

}  // namespace megaseal

using namespace megaseal;

extern "C" {

megaseal_error megaseal_engine_create(megaseal_engine** out_engine, const megaseal_engine_options* options) {
  if (!out_engine) return MEGASEAL_ERROR_ARGUMENT;
  *out_engine = nullptr;
  return no_throw([&] { return create(out_engine, options, process_backends()); });
}

void megaseal_engine_destroy(megaseal_engine* engine) { delete engine; }

uint32_t megaseal_engine_num_threads(const megaseal_engine* engine) {
  return engine ? engine->scheduler->num_threads() : 0;
}

const char* megaseal_backend_name(const megaseal_engine* engine, megaseal_operation operation) {
  if (!engine || unsigned(operation) >= MEGASEAL_OP_COUNT_) return nullptr;
  const std::string& name = engine->dispatch.names[operation];
  return name.empty() ? nullptr : name.c_str();
}

const char* megaseal_operation_name(megaseal_operation operation) {
  static constexpr const char* names[MEGASEAL_OP_COUNT_] = {"chacha20poly1305_seal",
                                                            "chacha20poly1305_open",
                                                            "xchacha20poly1305_seal",
                                                            "xchacha20poly1305_open",
                                                            "x25519_shared",
                                                            "x25519_public",
                                                            "keygen",
                                                            "hpke_seal",
                                                            "hpke_open",
                                                            "hpke_export",
                                                            "sealedbox_seal",
                                                            "sealedbox_open",
                                                            "x25519_prepared"};
  return unsigned(operation) < MEGASEAL_OP_COUNT_ ? names[operation] : nullptr;
}

size_t megaseal_recommended_batch(const megaseal_engine* engine, megaseal_operation operation) {
  if (!megaseal_backend_name(engine, operation)) return 0;
  // Some tiles for each thread, so that the last to finish leaves the others idle only briefly.
  return size_t(engine->dispatch.tile_items) * engine->scheduler->num_threads() * 4;
}

size_t megaseal_num_backends(void) { return backend_rows().size(); }

megaseal_error megaseal_get_backend_info(size_t index, megaseal_backend_info* out_info) {
  if (!out_info || out_info->struct_size < sizeof *out_info || index >= backend_rows().size())
    return MEGASEAL_ERROR_ARGUMENT;
  return no_throw([&] {
    const BackendState& b = process_backends()[index];
    out_info->name = b.row->name;
    out_info->state = b.state;
    out_info->reason = b.reason.c_str();
    return MEGASEAL_ERROR_NONE;
  });
}

const char* megaseal_cpu_features(void) { return cpu_features().c_str(); }

}  // extern "C"
