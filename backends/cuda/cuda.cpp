#include "backends/cuda/cuda.hpp"

#include <atomic>
#include <cstdio>

#include "backends/cuda/tiles.hpp"
#include "backends/fork_generation.hpp"
#include "backends/once.hpp"
#include "backends/registry.hpp"

namespace megaseal {
namespace gpu {
namespace {

// A table that serves what the devices leave. Every one is kept: a call may still use it.
struct Fallback {
  KernelTable table;
  const Fallback* before;
};

// What belongs to the process, without a lock that a forked child could find held. Never destroyed: at the process's end
// the driver may be gone before us, and no secret stays in a slot beyond the call that brought it.
struct Process {
  DeviceOptions options{.min_compute = MEGASEAL_OLDEST_GPU};  // but for max_bytes
  std::atomic<uint64_t> max_bytes{DeviceOptions{}.max_bytes};
  Runtime* runtime = default_runtime();
  Once<Devices> devices;
  std::atomic<const Fallback*> fallback{nullptr};  // null: scalar
};
Process& process() {
  static Process* const p = new Process;
  return *p;
}

constexpr char without_toolkit[] = "built without the CUDA toolkit";

// Started if need be; null in builds without the toolkit.
Devices* started() {
  Process& p = process();
  if (!p.runtime) return nullptr;
  return &p.devices.get(
      fork_generation(),
      [&] {
        DeviceOptions options = p.options;
        options.max_bytes = p.max_bytes.load(std::memory_order_relaxed);
        return new Devices(*p.runtime, options);
      },
      [&] { return new Devices(*p.runtime, "the process was forked while the device was being started"); });
}

const KernelTable& cpu() {
  const Fallback* const set = process().fallback.load(std::memory_order_acquire);
  return set ? set->table : scalar_table;
}

template <Cipher kCipher>
void seal_slot(const AeadTile* tile) {
  if (Devices* d = started()) return seal(*d, cpu(), kCipher, *tile);
  (kCipher == Cipher::secretbox ? cpu().secretbox_seal : cpu().chacha20poly1305_seal)(tile);
}
template <Cipher kCipher>
void open_slot(const AeadTile* tile) {
  if (Devices* d = started()) return open(*d, cpu(), kCipher, *tile);
  (kCipher == Cipher::secretbox ? cpu().secretbox_open : cpu().chacha20poly1305_open)(tile);
}
void x25519_shared_slot(const X25519Tile* tile) {
  if (Devices* d = started()) return x25519_shared(*d, cpu(), *tile);
  cpu().x25519_shared(tile);
}
void x25519_public_slot(const X25519Tile* tile) {
  if (Devices* d = started()) return x25519_public(*d, cpu(), *tile);
  cpu().x25519_public(tile);
}
template <auto kDo, class Tile>
uint32_t whole_slot(const Tile* tile) {
  Devices* const d = started();
  return d ? kDo(*d, *tile) : 0;
}

}  // namespace

const char* unavailable() {
  Devices* const d = started();
  return d ? d->unavailable() : without_toolkit;
}

bool idle() {
  Devices* const d = process().devices.made();
  return d && d->idle();
}

void set_fallback(const KernelTable& table) {
  auto* const fresh = new Fallback{table, nullptr};
#define X(slot, Tile) \
  if (!fresh->table.slot) fresh->table.slot = scalar_table.slot;
  MEGASEAL_SLOTS(X)
#undef X
  std::atomic<const Fallback*>& newest = process().fallback;
  fresh->before = newest.load(std::memory_order_relaxed);
  while (!newest.compare_exchange_weak(fresh->before, fresh, std::memory_order_release)) {
  }
}

void make_tables_for_all(bool wanted) {
  if (Devices* d = process().devices.made()) d->make_tables_for_all(wanted);
}

std::string test_each(const std::function<std::string()>& slots_fail) {
  Devices* const d = process().devices.made();
  if (!d || d->num_devices() == 0) return slots_fail();
  std::string first;
  const struct Whole {
    Devices& devices;
    explicit Whole(Devices& all) : devices(all) { devices.make_tables_for_all(true); }
    ~Whole() {
      devices.use_only(Devices::any);
      devices.make_tables_for_all(false);
    }
  } afterwards(*d);
  for (uint32_t n = 0; n < d->num_devices(); n++) {
    d->use_only(n);
    const uint64_t faults = d->status(n).num_faults;
    std::string why = slots_fail();
    // What a device fails to do the CPU has answered in its stead.
    if (why.empty() && d->status(n).num_faults > faults) why = "the device failed";
    if (why.empty()) continue;
    d->put_aside(n, ("put aside by its self-test: " + why).c_str());
    if (first.empty()) first = why;
  }
  return d->unavailable() ? first : "";
}

bool limit_memory(uint64_t bytes) {
  Process& p = process();
  if (p.devices.is_begun()) return false;
  p.max_bytes.store(bytes, std::memory_order_relaxed);
  return true;
}

DeviceStatus report() {
  if (Devices* d = process().devices.made()) return d->status();
  DeviceStatus none;
  std::snprintf(none.put_aside, sizeof none.put_aside, "%s",
                process().runtime ? "not started" : without_toolkit);
  return none;
}

uint32_t num_devices() {
  const Devices* const d = process().devices.made();
  return d ? d->num_devices() : 0;
}
DeviceStatus report(uint32_t device) {
  Devices* const d = process().devices.made();
  return d ? d->status(device) : DeviceStatus{};
}

uint64_t max_bytes() {
  const Devices* const d = process().devices.made();
  return d ? d->max_bytes() : process().max_bytes.load(std::memory_order_relaxed);
}

void use_runtime(Runtime* runtime, const DeviceOptions& options) {
  Process& p = process();
  p.devices.forget();
  p.runtime = runtime ? runtime : default_runtime();
  p.options = options;
  p.max_bytes.store(options.max_bytes, std::memory_order_relaxed);
}

namespace {

DeviceReport report_to_engine() {
  const DeviceStatus s = report();
  return {.machine = s.name,
          .put_aside = s.put_aside,
          .pinned_bytes = s.pinned_bytes,
          .device_bytes = s.device_bytes,
          .max_bytes = max_bytes(),
          .num_tiles = s.num_pieces,
          .num_faults = s.num_faults,
          .num_slots = s.num_slots,
          .num_abandoned = s.num_abandoned};
}

}  // namespace
}  // namespace gpu

const DeviceBackend cuda_device = {
    .start =
        [] {
          const char* why = gpu::unavailable();
          return std::string(why ? why : "");
        },
    .idle = gpu::idle,
    .limit_memory = [](uint64_t bytes) { (void)gpu::limit_memory(bytes); },
    .leave_to = gpu::set_fallback,
    .test = gpu::test_each,
    .report = gpu::report_to_engine,
};

const KernelTable cuda_table = {
    .name = "cuda",
    .lanes = 128,
    .tile_items = 65536,
    .chacha20poly1305_seal = gpu::seal_slot<gpu::Cipher::chacha20poly1305>,
    .chacha20poly1305_open = gpu::open_slot<gpu::Cipher::chacha20poly1305>,
    .secretbox_seal = gpu::seal_slot<gpu::Cipher::secretbox>,
    .secretbox_open = gpu::open_slot<gpu::Cipher::secretbox>,
    .hchacha20 = nullptr,
    .sealedbox_nonces = nullptr,
    .chacha20_stream = nullptr,
    .x25519_shared = gpu::x25519_shared_slot,
    .x25519_public = gpu::x25519_public_slot,
    .hkdf_extract = nullptr,
    .hkdf_expand = nullptr,
    .hpke_schedule = nullptr,
    .hpke_seal = gpu::whole_slot<gpu::hpke_seal, HpkeTile>,
    .hpke_open = gpu::whole_slot<gpu::hpke_open, HpkeTile>,
    .sealedbox_seal = gpu::whole_slot<gpu::sealedbox_seal, SealedBoxTile>,
    .sealedbox_open = gpu::whole_slot<gpu::sealedbox_open, SealedBoxTile>,
    .x25519_prepare = nullptr,
    .x25519_prepared = nullptr,
    .prepared_bytes = {},
};

}  // namespace megaseal
