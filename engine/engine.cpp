// The C ABI's engine and backend queries.
#include "engine/engine.hpp"

#include <sched.h>
#include <sodium.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
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

// The backends of this process; with the device where it is asked for by name, which starts it.
std::vector<BackendState> backends_for(const char* forced) {
  std::vector<BackendState> all = process_backends();
  for (const BackendRow& row : backend_rows())
    if (row.device && forced && std::string_view(forced) == row.name)
      all.insert(all.begin(), *process_device());
  return all;
}

const BackendRow* device_row(std::span<const BackendRow> rows) {
  for (const BackendRow& row : rows)
    if (row.device && row.table) return &row;
  return nullptr;
}

// `offload`, given the engine: what it leaves to a device, or null.
template <class MakeOffload>
megaseal_error create(megaseal_engine** out_engine, const megaseal_engine_options* options,
                      const std::vector<BackendState>& backends, const MakeOffload& make_offload) {
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
  if (cache_bytes && dispatch.x25519_prepared && !system_random(&seed, sizeof seed))
    return MEGASEAL_ERROR_RANDOM;
  auto engine = std::make_unique<megaseal_engine>(std::move(dispatch), o.num_threads, cache_bytes, seed);
  if (!(o.backend && *o.backend) && o.device_memory_bytes != MEGASEAL_DEVICE_OFF)
    engine->offload =
        make_offload(*engine, o.device_memory_bytes ? o.device_memory_bytes : MEGASEAL_DEVICE_MEMORY_DEFAULT);
  *out_engine = engine.release();
  return MEGASEAL_ERROR_NONE;
}

}  // namespace

megaseal_error testing::engine_create(megaseal_engine** out_engine, const megaseal_engine_options* options,
                                      std::span<const BackendRow> rows) {
  return create(out_engine, options, examine(rows),
                [](const megaseal_engine&, size_t) { return std::unique_ptr<Offload>(); });
}

megaseal_error testing::engine_create_beside(megaseal_engine** out_engine,
                                             const megaseal_engine_options* options, const BackendRow& device,
                                             std::shared_ptr<DeviceStart> start) {
  return create(out_engine, options, process_backends(), [&](const megaseal_engine& engine, size_t bytes) {
    device.device->limit_memory(bytes);
    return std::make_unique<Offload>(device, start, engine.dispatch, engine.scheduler->num_threads());
  });
}

}  // namespace megaseal

using namespace megaseal;

extern "C" {

megaseal_error megaseal_engine_create(megaseal_engine** out_engine, const megaseal_engine_options* options) {
  if (!out_engine) return MEGASEAL_ERROR_ARGUMENT;
  *out_engine = nullptr;
  const char* forced = options && options->struct_size > offsetof(megaseal_engine_options, backend)
                           ? options->backend
                           : nullptr;
  return no_throw([&] {
    // process_backends() itself, not a copy: choose() knows by it that the choice is this process's own.
    const bool is_free = !(forced && *forced);
    const auto beside = [](const megaseal_engine& engine, size_t bytes) -> std::unique_ptr<Offload> {
      const BackendRow* row = device_row(backend_rows());
      if (!row) return nullptr;
      row->device->limit_memory(bytes);
      return std::make_unique<Offload>(*row, process_device_start(), engine.dispatch,
                                       engine.scheduler->num_threads());
    };
    return is_free ? create(out_engine, options, process_backends(), beside)
                   : create(out_engine, options, backends_for(forced), beside);
  });
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

megaseal_error megaseal_engine_device_info(megaseal_engine* engine, megaseal_device_info* out_info) {
  if (!engine || !out_info || out_info->struct_size < sizeof *out_info) return MEGASEAL_ERROR_ARGUMENT;
  return no_throw([&] {
    const size_t size = out_info->struct_size;
    *out_info = {};
    out_info->struct_size = size;
    Offload* offload = engine->offload.get();
    if (!offload) return MEGASEAL_ERROR_NONE;  // MEGASEAL_DEVICE_NONE
    const StartedDevice& started = offload->start_and_wait();
    const DeviceReport report = offload->report();
    out_info->state = !started.usable            ? MEGASEAL_DEVICE_UNAVAILABLE
                      : report.put_aside.empty() ? MEGASEAL_DEVICE_READY
                                                 : MEGASEAL_DEVICE_PUT_ASIDE;
    const auto copy = [](auto& to, const std::string& from) {
      from.copy(to, std::min(from.size(), sizeof to - 1));
    };
    copy(out_info->name, report.machine);
    copy(out_info->reason, started.usable ? report.put_aside : started.reason);
    out_info->pinned_bytes = report.pinned_bytes;
    out_info->device_bytes = report.device_bytes;
    out_info->max_bytes = report.max_bytes;
    out_info->num_tiles = report.num_tiles;
    out_info->num_faults = report.num_faults;
    out_info->num_slots = report.num_slots;
    out_info->num_abandoned = report.num_abandoned;
    return MEGASEAL_ERROR_NONE;
  });
}

size_t megaseal_device_crossover(const megaseal_engine* engine, megaseal_operation operation, size_t len) try {
  if (!engine || !engine->offload) return 0;
  switch (operation) {
    case MEGASEAL_OP_CHACHA20POLY1305_SEAL:
    case MEGASEAL_OP_CHACHA20POLY1305_OPEN:
    case MEGASEAL_OP_XCHACHA20POLY1305_SEAL:
    case MEGASEAL_OP_XCHACHA20POLY1305_OPEN:
      return engine->offload->crossover(DeviceWork::cipher, len);
    case MEGASEAL_OP_X25519_SHARED:
      return engine->offload->crossover(DeviceWork::x25519_shared, 0);
    case MEGASEAL_OP_X25519_PUBLIC:
    case MEGASEAL_OP_KEYGEN:
      return engine->offload->crossover(DeviceWork::x25519_public, 0);
    case MEGASEAL_OP_HPKE_SEAL:
      return engine->offload->crossover(DeviceWork::hpke_seal, len);
    case MEGASEAL_OP_HPKE_OPEN:
      return engine->offload->crossover(DeviceWork::hpke_open, len);
    case MEGASEAL_OP_SEALEDBOX_SEAL:
      return engine->offload->crossover(DeviceWork::sealedbox_seal, len);
    case MEGASEAL_OP_SEALEDBOX_OPEN:
      return engine->offload->crossover(DeviceWork::sealedbox_open, len);
    default:
      return 0;
  }
} catch (const std::bad_alloc&) {  // a report has texts
  return 0;
}

megaseal_error megaseal_get_backend_info(size_t index, megaseal_backend_info* out_info) {
  if (!out_info || out_info->struct_size < sizeof *out_info || index >= backend_rows().size())
    return MEGASEAL_ERROR_ARGUMENT;
  return no_throw([&] {
    const BackendRow& row = backend_rows()[index];
    const BackendState& b = row.device ? *process_device()
                                       : *std::ranges::find(process_backends(), &row,
                                                            [](const BackendState& s) { return s.row; });
    out_info->name = b.row->name;
    out_info->state = b.state;
    out_info->reason = b.reason.c_str();
    return MEGASEAL_ERROR_NONE;
  });
}

const char* megaseal_cpu_features(void) {
  return cpu_features().c_str();  // made when the library was loaded (engine/secret_memory.cpp): nothing can throw here
}

}  // extern "C"
